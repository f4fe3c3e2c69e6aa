#include "play.h"

#include <unistd.h>

/* ---- the shop ---- */

uint64_t shop_append(struct shop *shop, struct command *command)
{
	static uint8_t bytes[RECORD_SIZE_MAX];
	struct log_record echo;
	struct error error;
	command->incarnation = command->kind == COMMAND_HELLO ? 0 : 1;
	command->counter = ++shop->counter;
	int size = command_encode(command, bytes, sizeof bytes);
	assert_true(size > 0);
	int rc;
	while ((rc = log_append(shop->log, (struct wall_ms){shop->now}, bytes, (size_t)size, &error)) == FAULT_BUSY)
		usleep(100); /* a journal that is being written */
	assert_int_equal(rc, 0);
	log_flush(shop->log);
	if ((rc = log_echo(shop->log, &echo, &error)) != 1)
		fail_msg("no echo: %d %s", rc, rc < 0 ? error.text : "");
	return shop->sequence = echo.sequence;
}

struct shop shop_open(struct log *log)
{
	struct shop shop = {.log = log, .now = SHOP_BEGIN_MS};
	struct command hello = {.kind = COMMAND_HELLO, .hello = {.digest_key = {7}, .program = TEXT("shop")}};
	digest_init();
	shop_append(&shop, &hello);
	return shop;
}

uint64_t shop_create(struct shop *shop, const char *id, uint32_t stock, uint32_t hold_seconds)
{
	const struct sku_spec skus[] = {{TEXT("stalls"), stock, 1000}, {TEXT("box"), stock, 5000}};
	struct command command = {.kind = COMMAND_DROP_CREATE,
	                          .actor = TEXT("admin"),
	                          .create = {.id = text_of(id),
	                                     .title = TEXT("A drop"),
	                                     .currency = TEXT("EUR"),
	                                     .limit_per_buyer = 0,
	                                     .hold_seconds = hold_seconds,
	                                     .keep_seconds = 60,
	                                     .opens_at = {shop->now},
	                                     .closes_at = {shop->now + 86400000},
	                                     .sku_count = 2,
	                                     .skus = skus}};
	return shop_append(shop, &command);
}

uint64_t shop_claim(struct shop *shop, uint32_t drop, const char *buyer, const char *key, uint32_t quantity)
{
	struct command command = {.kind = COMMAND_CLAIM,
	                          .key = text_of(key),
	                          .claim = {.drop = drop,
	                                    .buyer = text_of(buyer),
	                                    .latest = WALL_NEVER,
	                                    .line_count = quantity > 1 ? 2 : 1,
	                                    .line = {{0, quantity}, {1, 1}}}};
	return shop_append(shop, &command);
}

uint64_t shop_confirm(struct shop *shop, uint64_t order, const char *payment_ref)
{
	struct command command = {
	    .kind = COMMAND_CONFIRM, .actor = TEXT("shop"), .order = {order, text_of(payment_ref)}};
	return shop_append(shop, &command);
}

uint64_t shop_cancel(struct shop *shop, uint64_t order)
{
	struct command command = {.kind = COMMAND_CANCEL, .actor = TEXT("buyer"), .order = {.order = order}};
	return shop_append(shop, &command);
}

uint64_t shop_tick(struct shop *shop, int64_t ms)
{
	struct command command = {.kind = COMMAND_TICK};
	shop->now += ms;
	return shop_append(shop, &command);
}

uint64_t shop_count(struct shop *shop, uint32_t drop, enum verdict reason, uint64_t count)
{
	struct command command = {.kind = COMMAND_COUNTS,
	                          .counts = {.drop = drop, .count = 1, .of = {{(uint8_t)reason, count}}}};
	return shop_append(shop, &command);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 11;
}

static void trade_once(struct shop *shop, uint64_t *random, uint32_t number)
{
	char buyer[16], key[24];
	uint64_t order = 3 + next_random(random) % (shop->sequence + 1);
	snprintf(buyer, sizeof buyer, "buyer-%u", (unsigned)(next_random(random) % 40));
	snprintf(key, sizeof key, "key-%u", number);
	shop->now += (int64_t)(next_random(random) % 300);
	switch (next_random(random) % 8) {
	case 0:
		shop_confirm(shop, order, key);
		break;
	case 1:
		shop_cancel(shop, order);
		break;
	case 2:
		shop_tick(shop, (int64_t)(next_random(random) % 3000));
		break;
	case 3:
		shop_count(shop, (uint32_t)(next_random(random) % 2), VERDICT_SOLD_OUT, next_random(random) % 100);
		break;
	default:
		shop_claim(shop, (uint32_t)(next_random(random) % 2), buyer, key, 1 + next_random(random) % 3);
	}
}

void shop_trade(struct shop *shop, uint32_t records, uint64_t seed)
{
	uint64_t random = seed * 2654435761u + 88172645463325252u;
	for (uint32_t i = 0; i < records; i++)
		trade_once(shop, &random, i);
}

/* ---- a store that fails ---- */

static struct faulty_store *faulty(struct store *store)
{
	return (struct faulty_store *)store;
}

static int falls_due(struct store *store, struct error *error)
{
	struct faulty_store *self = faulty(store);
	self->calls++;
	if (self->fail_in == 0 || (self->fail_in > 1 && --self->fail_in > 0))
		return 0;
	self->fail_in = self->for_good;
	return error_set(error, self->fault, "the test's fault");
}

#define PASS(call) \
	do { \
		struct store *inner = faulty(store)->inner; \
		int rc = falls_due(store, error); \
		return rc < 0 ? rc : inner->ops->call; \
	} while (0)

static int faulty_begin(struct store *store, struct error *error)
{
	PASS(begin(inner, error));
}

static int faulty_put_drop(struct store *store, const struct store_drop *drop, struct error *error)
{
	PASS(put_drop(inner, drop, error));
}

static int faulty_put_order(struct store *store, const struct store_order *order, struct error *error)
{
	PASS(put_order(inner, order, error));
}

static int faulty_end_order(struct store *store, uint64_t sequence, enum order_status status, struct wall_ms ended_at,
                            struct text payment_ref, struct error *error)
{
	PASS(end_order(inner, sequence, status, ended_at, payment_ref, error));
}

static int faulty_put_refund(struct store *store, const struct store_refund *refund, struct error *error)
{
	PASS(put_refund(inner, refund, error));
}

static int faulty_put_payment(struct store *store, const struct store_refund *payment, struct error *error)
{
	PASS(put_payment(inner, payment, error));
}

static int faulty_add_second(struct store *store, const struct store_second *second, struct error *error)
{
	PASS(add_second(inner, second, error));
}

static int faulty_put_mark(struct store *store, enum store_mark mark, uint64_t value, struct error *error)
{
	PASS(put_mark(inner, mark, value, error));
}

static int faulty_commit(struct store *store, uint64_t position, struct wall_ms as_of, struct error *error)
{
	PASS(commit(inner, position, as_of, error));
}

static void faulty_rollback(struct store *store)
{
	faulty(store)->inner->ops->rollback(faulty(store)->inner);
}

static int faulty_renew(struct store *store, bool keep, struct error *error)
{
	PASS(renew(inner, keep, error));
}

static int faulty_position(struct store *store, uint64_t *ret, struct wall_ms *ret_as_of, struct error *error)
{
	return faulty(store)->inner->ops->position(faulty(store)->inner, ret, ret_as_of, error);
}

static int faulty_mark(struct store *store, enum store_mark mark, uint64_t *ret, struct error *error)
{
	return faulty(store)->inner->ops->mark(faulty(store)->inner, mark, ret, error);
}

static const struct store_ops faulty_ops = {
    .begin = faulty_begin,
    .put_drop = faulty_put_drop,
    .put_order = faulty_put_order,
    .end_order = faulty_end_order,
    .put_refund = faulty_put_refund,
    .put_payment = faulty_put_payment,
    .add_second = faulty_add_second,
    .put_mark = faulty_put_mark,
    .commit = faulty_commit,
    .rollback = faulty_rollback,
    .renew = faulty_renew,
    .position = faulty_position,
    .mark = faulty_mark,
};

struct faulty_store faulty_store_open(struct store *inner)
{
	return (struct faulty_store){.store = {&faulty_ops}, .inner = inner, .fault = FAULT_IO};
}

/* ---- rows as text ---- */

struct store *memory_store(void)
{
	struct store *store = NULL;
	struct error error;
	if (store_sqlite_open(":memory:", false, &store, &error) < 0)
		fail_msg("%s", error.text);
	return store;
}

static void dump_order(void *context, const struct store_order *order)
{
	struct buf *out = context;
	buf_printf(out, "%llu %.*s %.*s/%.*s %s #%u %lld %lld %lld pay=%.*s", (unsigned long long)order->sequence,
	           (int)order->drop_id.size, order->drop_id.at, (int)order->buyer.size, order->buyer.at,
	           (int)order->key.size, order->key.at, order_status_name(order->status), order->position,
	           (long long)order->created_at.ms, (long long)order->hold_until.ms, (long long)order->ended_at.ms,
	           (int)order->payment_ref.size, order->payment_ref.at);
	for (uint32_t i = 0; i < order->line_count; i++)
		buf_printf(out, " %u*%.*s", order->line[i].quantity, (int)order->line[i].sku.size,
		           order->line[i].sku.at);
	buf_str(out, "\n");
}

static void dump_second(void *context, const struct store_second *second)
{
	struct buf *out = context;
	buf_printf(out, "second %u+%lld: %llu %llu %llu %llu", second->drop,
	           (long long)(second->second - SHOP_BEGIN_MS / 1000), (unsigned long long)second->granted,
	           (unsigned long long)second->completed, (unsigned long long)second->canceled,
	           (unsigned long long)second->expired);
	for (uint32_t i = 0; i < second->refusal_count; i++)
		buf_printf(out, " %u*%llu", second->refusal[i].verdict, (unsigned long long)second->refusal[i].count);
	buf_str(out, "\n");
}

static void dump_refund(void *context, const struct store_refund *refund)
{
	buf_printf(context, "refund of %llu by %llu: %.*s at %lld\n", (unsigned long long)refund->order,
	           (unsigned long long)refund->sequence, (int)refund->payment_ref.size, refund->payment_ref.at,
	           (long long)refund->time.ms);
}

struct order_dump {
	struct buf *out;
	uint64_t last;
};

static void dump_of_page(void *context, const struct store_order *order)
{
	struct order_dump *dump = context;
	dump->last = order->sequence;
	dump_order(dump->out, order);
}

static void dump_orders(struct store *store, struct buf *out)
{
	struct store_page page = {.status = -1, .limit = STORE_PAGE_MAX - 1};
	struct order_dump dump = {.out = out};
	struct error error;
	int count;
	do {
		count = store->ops->orders(store, &page, dump_of_page, &dump, &error);
		page.before = dump.last;
	} while (count == STORE_PAGE_MAX - 1);
	if (count < 0)
		fail_msg("%s", error.text);
}

char *store_dump(struct store *store)
{
	struct buf out = {0};
	struct error error;
	struct wall_ms as_of;
	uint64_t position = 0;
	assert_int_equal(store->ops->position(store, &position, &as_of, &error), 0);
	buf_printf(&out, "position %llu as of %lld\n", (unsigned long long)position, (long long)as_of.ms);
	dump_orders(store, &out);
	assert_true(store->ops->seconds(store, TEXT("tickets"), 0, 10000, dump_second, &out, &error) >= 0);
	assert_true(store->ops->seconds(store, TEXT("coupons"), 0, 10000, dump_second, &out, &error) >= 0);
	for (uint64_t order = 1; order <= position; order++)
		assert_true(store->ops->refunds(store, order, dump_refund, &out, &error) >= 0);
	buf_put(&out, "", 1);
	assert_false(out.failed);
	return out.at;
}

void assert_same_rows(struct store *store, const char *expected)
{
	char *rows = store_dump(store);
	assert_string_equal(rows, expected);
	free(rows);
}

/* ---- what is said ---- */

static FILE *heard;
static int stderr_before;

void listen_begin(void)
{
	heard = tmpfile();
	assert_non_null(heard);
	stderr_before = dup(STDERR_FILENO);
	dup2(fileno(heard), STDERR_FILENO);
}

char *listen_end(void)
{
	char *text = calloc(1, 65536);
	dup2(stderr_before, STDERR_FILENO);
	close(stderr_before);
	assert_non_null(text);
	rewind(heard);
	size_t size = fread(text, 1, 65535, heard);
	fclose(heard);
	assert_true(size < 65535);
	return text;
}
