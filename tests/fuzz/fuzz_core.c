/* A small sale, made of any bytes: six drops, four buyers, a few keys, and a clock that runs in jumps.
 *
 *   - decide against apply: what core_decide() calls certain is what core_apply() then answers at the same time, unless
 *     an order leaves the core right before it (until it has left, it answers for its key); where nothing is due, all of
 *     the outcome is the same;
 *   - every command goes through the record codec on its way;
 *   - the invariants hold after every record, and an order's changes are told in an order that state.h draws;
 *   - a fold of the same records comes to the same verdicts and the same hash (P6); a snapshot that is loaded has the hash
 *     of the state that it was taken of, and goes on in the same way. The first byte says which of these are done.
 */
#include "fuzz.h"

#include <stdio.h>

#include "small_core.h"

#define START_MS INT64_C(1800000000000)
#define STEPS_MAX 120
#define LOG_BYTES 65536

enum { REFOLD = 1, PREFETCH = 2, SNAPSHOT = 28 /* all three of these bits: it is dear */ };

struct step {
	uint32_t at, size;
	int64_t time;
	struct outcome outcome;
};

static struct sale {
	struct core *core;
	uint64_t incarnation, counter;
	int64_t now;
	uint32_t step_count, bytes;
	bool has_left; /* an order did, with the last record */
	struct step step[STEPS_MAX + 1];
	uint8_t log[LOG_BYTES];
	uint8_t told[STEPS_MAX + 2]; /* of the order with that sequence: the last change and one, 0: not granted */
} sale;

static struct small_core first, second;
static struct command_scratch scratch;
static unsigned how;

/* ---- what is told of an order ---- */

static void order_changed(void *context, enum order_change change, uint64_t order, uint64_t sequence,
                          struct wall_ms time, const struct command *command)
{
	must(order >= 1 && order <= sequence && sequence <= STEPS_MAX + 1);
	sale.has_left |= change == CHANGE_LEFT;
	uint8_t before = sale.told[order], *told = &sale.told[order];
	switch (change) {
	case CHANGE_GRANTED:
		must(before == 0 && order == sequence && command);
		break;
	case CHANGE_COMPLETED: /* of one sold at once it is the payment that comes later */
	case CHANGE_CANCELED:
	case CHANGE_EXPIRED:
		must(before == CHANGE_GRANTED + 1);
		break;
	case CHANGE_LEFT: /* one sold at once leaves as it was granted */
		must(before != 0 && before != CHANGE_LEFT + 1);
		break;
	default: /* said of what has ended; its asker may be wrong about what has left */
		return;
	}
	*told = (uint8_t)(change + 1);
}

static void drop_changed(void *context, uint32_t drop, uint64_t sequence, struct wall_ms time,
                         const struct command *command)
{
	must(drop < core_drop_count(sale.core));
}

/* ---- commands out of bytes ---- */

static struct text one_of(struct input *input, const char *const *texts, unsigned count)
{
	return text_of(texts[input_u8(input) % count]);
}

#define ONE_OF(input, ...) \
	one_of(input, (const char *const[]){__VA_ARGS__}, \
	       sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static struct wall_ms moment_from(struct input *input)
{
	static const int64_t from_now[] = {0, 1, 999, 1000, 3000, -1};
	unsigned which = input_u8(input) % 8;
	return which >= 6 ? WALL_NEVER : (struct wall_ms){sale.now + from_now[which]};
}

static void create_from(struct input *input, struct command *command)
{
	static struct sku_spec skus[3];
	static const char *const ids[] = {"one", "two", "three"};
	struct drop_spec *spec = &command->create;
	uint8_t bits = input_u8(input);
	spec->id = ONE_OF(input, "a", "b", "c", "d", "e", "f", "g");
	spec->title = TEXT("Title");
	spec->limit_per_buyer = (uint32_t[]){0, 1, 2, 5}[bits & 3];
	spec->hold_seconds = (uint32_t[]){0, 1, 3, 600}[bits >> 2 & 3];
	spec->keep_seconds = (uint32_t[]){1, 2, 60, 86400}[bits >> 4 & 3];
	spec->opens_at = moment_from(input);
	spec->closes_at = moment_from(input);
	spec->sku_count = 1 + (bits >> 6) % 3;
	spec->skus = skus;
	for (uint32_t i = 0; i < spec->sku_count; i++)
		skus[i] = (struct sku_spec){text_of(ids[i]), input_u8(input) % 8, 5};
}

static void claim_from(struct input *input, struct command *command)
{
	uint8_t bits = input_u8(input);
	command->key = ONE_OF(input, "", "k", "l", "m");
	command->claim.drop = input_u8(input) % 7;
	command->claim.buyer = (struct text){&"ABCD"[bits & 3], 1};
	command->claim.latest = bits & 4 ? (struct wall_ms){sale.now - 1} : (struct wall_ms){sale.now + 10000};
	command->claim.line_count = 1 + (bits >> 3) % 3;
	for (uint32_t i = 0; i < command->claim.line_count; i++) {
		uint8_t line = input_u8(input);
		command->claim.line[i] = (struct claim_line){(line & 7) == 7 ? NO_SKU : line % 4, (line >> 3) % 5};
	}
}

static void on_order_from(struct input *input, struct command *command)
{
	command->order.order = 1 + input_u8(input) % (core_sequence(sale.core) + 2);
	command->key = ONE_OF(input, "", "k");
	if (command->kind != COMMAND_CONFIRM)
		return;
	command->order.payment_ref = ONE_OF(input, "p", "q");
	if (command->order.order <= core_sequence(sale.core)) /* the store knows nothing of what has not been */
		command->order.left = input_u8(input) % LEFT_COUNT;
}

static void on_drop_from(struct input *input, struct command *command)
{
	command->key = ONE_OF(input, "", "", "", "", "", "", "k", "l"); /* all keys of old are looked through for one */
	command->drop.drop = input_u8(input) % 7;
	if (command->kind == COMMAND_DROP_CLOSING)
		command->drop.closes_at = moment_from(input);
	if (command->kind != COMMAND_DROP_RESTOCK)
		return;
	uint8_t bits = input_u8(input);
	command->drop.sku = bits & 3;
	command->drop.quantity = bits == 0xff ? QUANTITY_MAX : (int64_t)(bits >> 2) % 13 - 6;
}

static void api_key_from(struct input *input, struct command *command)
{
	command->key = ONE_OF(input, "", "k", "l");
	command->api_key.id = ONE_OF(input, "x", "y", "z");
	command->api_key.name = TEXT("name");
	command->api_key.role = ROLE_SHOP;
}

static void count_from(struct input *input, struct command *command)
{
	command->counts.drop = input_u8(input) % 7;
	command->counts.count = 1;
	command->counts.of[0] = (struct verdict_count){VERDICT_SOLD_OUT, input_u8(input)};
}

static void fields_from(struct input *input, struct command *command)
{
	switch (command->kind) {
	case COMMAND_HELLO:
		command->hello.program = TEXT("dibs");
		break;
	case COMMAND_CHECK:
		core_last_check(sale.core, &command->check.sequence, &command->check.hash);
		break;
	case COMMAND_RULES:
		command->rules.number = input_u8(input) % (RULES_KNOWN + 1);
		break;
	case COMMAND_COUNTS:
		count_from(input, command);
		break;
	case COMMAND_DROP_CREATE:
		create_from(input, command);
		break;
	case COMMAND_CLAIM:
		claim_from(input, command);
		break;
	case COMMAND_CONFIRM:
	case COMMAND_CANCEL:
		on_order_from(input, command);
		break;
	case COMMAND_KEY_CREATE:
	case COMMAND_KEY_REVOKE:
		api_key_from(input, command);
		break;
	case COMMAND_TICK:
		break;
	default:
		on_drop_from(input, command);
	}
}

/* Claims, and what ends an order, are what a sale is made of: they have most of the numbers. */
static enum command_kind kind_from(uint8_t byte)
{
	unsigned kind = byte & 31;
	if (kind >= 24)
		return COMMAND_CLAIM;
	if (kind >= 20)
		return kind & 1 ? COMMAND_CONFIRM : COMMAND_CANCEL;
	return kind == 0 || kind == 7 ? COMMAND_CLAIM : kind;
}

/* ---- one record ---- */

/* Before must() stops here: what was decided, and what came of it. */
static void must_agree(bool agree, const struct command *command, const struct outcome *decided,
                       const struct outcome *applied)
{
	struct buf line = {0};
	if (agree)
		return;
	command_print(&line, command);
	fprintf(stderr, "record %u, time +%lld ms: %.*s\n  decided: %s%s, applied: %s\n", sale.step_count,
	        (long long)(sale.now - START_MS), (int)line.size, line.at, verdict_row(decided->verdict)->name,
	        decided->certain ? " for certain" : "", verdict_row(applied->verdict)->name);
	must(!"decide and apply agree");
}

static void check_outcome(const struct command *command, const struct outcome *decided, const struct outcome *applied,
                          bool was_due)
{
	bool same = decided->verdict == applied->verdict;
	must_agree(same || (was_due && (!decided->certain || sale.has_left)), command, decided, applied);
	if (was_due)
		return;
	must(decided->sku == applied->sku);
	if (command->kind != COMMAND_DROP_CREATE)
		must(decided->drop == applied->drop);
	if (decided->verdict != VERDICT_GRANTED)
		must(decided->order == applied->order);
	/* who looks at all of the state (there is no such order) stands on the record before, or on this one */
	if (decided->certain)
		must(decided->basis == applied->basis || applied->basis == sale.step_count);
}

static void note_step(const struct command *command)
{
	struct step *step = &sale.step[sale.step_count];
	int size = command_encode(command, sale.log + sale.bytes, LOG_BYTES - sale.bytes);
	must(size > 0);
	*step = (struct step){.at = sale.bytes, .size = (uint32_t)size, .time = sale.now};
	sale.bytes += (uint32_t)size;
}

static void take_step(struct command *command)
{
	struct step *step = &sale.step[sale.step_count];
	struct outcome decided, decided_again;
	struct command read;
	struct error error = {0};
	bool is_known = command->kind == COMMAND_HELLO || command->counter > sale.counter;
	const struct wall_ms now = {sale.now};
	note_step(command);
	must(command_decode(sale.log + step->at, step->size, &scratch, &read, &error) == 0);
	core_decide(sale.core, now, command, &decided);
	core_decide(sale.core, now, &read, &decided_again);
	must(decided.verdict == decided_again.verdict && decided.certain == decided_again.certain);
	bool was_due = core_is_due(sale.core, now);
	sale.has_left = false;
	if (how & PREFETCH)
		core_prefetch(sale.core, &read);
	sale.step_count++;
	must(core_apply(sale.core, sale.step_count, now, &read, &step->outcome, &error) == 0);
	if (is_known)
		check_outcome(command, &decided, &step->outcome, was_due);
	else
		must(step->outcome.verdict == VERDICT_STALE);
	sale.counter = is_known && command->kind != COMMAND_HELLO ? command->counter : sale.counter;
	must(core_check_step(sale.core, &error) == 0);
	must(core_check(sale.core, &error) == 0);
}

static void next_step(struct input *input)
{
	static const int64_t jumps[] = {0, 0, 1, 500, 1000, 2999, 60000, 86400000};
	uint8_t byte = input_u8(input);
	const char *setting;
	struct command command = {
	    .kind = kind_from(byte), .incarnation = sale.incarnation, .counter = sale.counter + 1};
	sale.now += jumps[byte >> 5];
	fields_from(input, &command);
	if (command.kind == COMMAND_HELLO) {
		command.incarnation = 0;
		sale.incarnation = sale.step_count + 1;
		sale.counter = 0;
		command.counter = 0;
	} else if (input->left && *input->at == 0xee) { /* a record that was here before */
		command.counter = sale.counter;
	}
	if (core_has_room(sale.core, &command, 0, &setting))
		take_step(&command);
}

/* ---- the other folds ---- */

static struct {
	uint8_t bytes[1 << 19];
	size_t size, at;
} snapshot;

static int snapshot_put(void *context, const void *bytes, size_t size, struct error *error)
{
	must(size <= sizeof snapshot.bytes - snapshot.size);
	memcpy(snapshot.bytes + snapshot.size, bytes, size);
	snapshot.size += size;
	return 0;
}

static int snapshot_get(void *context, void *bytes, size_t size, struct error *error)
{
	must(size <= snapshot.size - snapshot.at);
	memcpy(bytes, snapshot.bytes + snapshot.at, size);
	snapshot.at += size;
	return 0;
}

static void fold(struct core *core, uint32_t from)
{
	struct error error = {0};
	for (uint32_t i = from; i < sale.step_count; i++) {
		const struct step *step = &sale.step[i];
		struct outcome outcome;
		struct command command;
		must(command_decode(sale.log + step->at, step->size, &scratch, &command, &error) == 0);
		must(core_apply(core, i + 1, (struct wall_ms){step->time}, &command, &outcome, &error) == 0);
		must(outcome.verdict == step->outcome.verdict && outcome.order == step->outcome.order);
	}
	must(core_hash(core) == core_hash(sale.core));
}

static void same_state(const struct core *core)
{
	uint8_t one[BLAKE_SIZE], other[BLAKE_SIZE];
	core_state_hash(core, one);
	core_state_hash(sale.core, other);
	must(memcmp(one, other, BLAKE_SIZE) == 0);
}

static void load_snapshot(void)
{
	struct error error = {0};
	snapshot.at = 0;
	small_core_reset(&second);
	must(core_load(second.core, snapshot_get, NULL, &error) == 0 && snapshot.at == snapshot.size);
	must(core_check(second.core, &error) == 0);
}

static void begin(void)
{
	if (!first.core) {
		first = small_core_new();
		second = small_core_new();
	}
	small_core_reset(&first);
	sale.core = first.core;
	sale.now = START_MS;
	sale.step_count = sale.bytes = 0;
	sale.counter = 0;
	sale.incarnation = 1;
	memset(sale.told, 0, sizeof sale.told);
	core_listen(sale.core, &(struct core_listener){.order_changed = order_changed, .drop_changed = drop_changed});
	struct command hello = {.kind = COMMAND_HELLO, .hello = {.digest_key = {1, 2, 3}, .program = TEXT("dibs")}};
	take_step(&hello);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = {bytes, size};
	struct error error = {0};
	uint32_t half = 0;
	how = input_u8(&input);
	begin();
	bool with_snapshot = (how & SNAPSHOT) == SNAPSHOT;
	while (input.left && sale.step_count < STEPS_MAX) {
		next_step(&input);
		if (with_snapshot && half == 0 && sale.step_count > how >> 5) {
			half = sale.step_count;
			snapshot.size = 0;
			must(core_save(sale.core, snapshot_put, NULL, &error) == 0);
		}
	}
	if (half) {
		load_snapshot();
		fold(second.core, half);
		same_state(second.core);
	}
	if (how & REFOLD) {
		small_core_reset(&second);
		fold(second.core, 0);
	}
	return 0;
}
