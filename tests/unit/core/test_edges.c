/* Edges of the rules: what an operator asks twice, too late or of nothing; names, numbers and files that are none. */
#include "play.h"
#include "tape.h"

#include <stdlib.h>

#include "core/order_id.h"
#include "core/state.h"

static enum verdict on_drop(struct play *play, struct command command, const char *id)
{
	command.drop.drop = play_drop_number(play, id);
	assert_int_equal(play_apply(play, &command), 0);
	return play->outcome.verdict;
}

static struct command restock(uint32_t sku, int64_t quantity)
{
	return (struct command){.kind = COMMAND_DROP_RESTOCK, .drop = {.sku = sku, .quantity = quantity}};
}

static struct command closing(int64_t at)
{
	return (struct command){.kind = COMMAND_DROP_CLOSING, .drop = {.closes_at = {at}}};
}

static struct play a_drop(struct play_drop drop)
{
	struct play play = play_begin();
	play_create(&play, drop);
	return play;
}

/* ---- drops ---- */

static void stock_moves_within_its_bounds(void **state)
{
	struct play play = a_drop((struct play_drop){.id = "d", .stock = 2});
	assert_int_equal(on_drop(&play, restock(1, 1), "d"), VERDICT_UNKNOWN_SKU);
	assert_int_equal(on_drop(&play, restock(0, QUANTITY_MAX - 2), "d"), VERDICT_DONE);
	assert_int_equal(on_drop(&play, restock(0, 1), "d"), VERDICT_WRONG_STATE);
	assert_int_equal(on_drop(&play, restock(0, -(int64_t)QUANTITY_MAX), "d"), VERDICT_DONE);
	assert_int_equal(on_drop(&play, restock(0, -1), "d"), VERDICT_WRONG_STATE);
	play_on_drop(&play, COMMAND_DROP_OPEN, "d");
	play_on_drop(&play, COMMAND_DROP_CLOSE, "d");
	assert_int_equal(on_drop(&play, restock(0, 1), "d"), VERDICT_WRONG_STATE);
	play_end(&play);
}

static void a_drop_closes_after_it_opens(void **state)
{
	struct play play = a_drop((struct play_drop){.id = "d", .stock = 2, .opens_at = START_MS + 5000});
	play_create(&play, (struct play_drop){.id = "by-hand", .stock = 2});
	assert_int_equal(on_drop(&play, closing(START_MS + 5000), "d"), VERDICT_WRONG_STATE);
	assert_int_equal(on_drop(&play, closing(START_MS + 5001), "d"), VERDICT_DONE);
	assert_int_equal(on_drop(&play, closing(START_MS + 5001), "d"), VERDICT_SAME);
	assert_int_equal(on_drop(&play, closing(START_MS + 1), "by-hand"), VERDICT_DONE);
	play_on_drop(&play, COMMAND_DROP_OPEN, "d");
	assert_int_equal(on_drop(&play, closing(START_MS + 100), "d"),
	                 VERDICT_DONE); /* opened by hand before its time */
	play.now = START_MS + 100;
	assert_int_equal(on_drop(&play, closing(START_MS + 9000), "d"), VERDICT_WRONG_STATE);
	play_end(&play);
}

static void an_archived_drop_sells_nothing_and_stays_archived(void **state)
{
	struct play play = a_drop((struct play_drop){.id = "d", .stock = 2, .hold_seconds = 60});
	play_on_drop(&play, COMMAND_DROP_OPEN, "d");
	play_claim(&play, "d", "ann", "");
	uint64_t order = play.outcome.order;
	play_on_drop(&play, COMMAND_DROP_CLOSE, "d");
	assert_int_equal(play_on_drop(&play, COMMAND_DROP_ARCHIVE, "d"), VERDICT_WRONG_STATE); /* ann's hold is hers */
	play_cancel(&play, order);
	assert_int_equal(play_on_drop(&play, COMMAND_DROP_ARCHIVE, "d"), VERDICT_DONE);
	assert_int_equal(play_on_drop(&play, COMMAND_DROP_ARCHIVE, "d"), VERDICT_SAME);
	assert_int_equal(play_claim(&play, "d", "bob", ""), VERDICT_CLOSED);
	play_end(&play);
}

static void a_drop_that_is_not_there_is_unknown(void **state)
{
	struct play play = play_begin();
	struct command counts = {.kind = COMMAND_COUNTS, .counts = {7, 1, {{VERDICT_SOLD_OUT, 9}}}};
	assert_int_equal(play_on_drop(&play, COMMAND_DROP_OPEN, "none"), VERDICT_UNKNOWN_DROP);
	assert_int_equal(play_apply(&play, &counts), 0); /* nothing is counted, nothing is broken */
	play_end(&play);
}

static void a_quantity_beyond_the_bound_is_bad(void **state)
{
	struct play play = a_drop((struct play_drop){.id = "d", .stock = QUANTITY_MAX});
	play_on_drop(&play, COMMAND_DROP_OPEN, "d");
	struct command claim = play_claim_command(&play, "d", "ann", "", 0, (uint32_t)QUANTITY_MAX + 1);
	assert_int_equal(play_apply(&play, &claim), 0);
	assert_int_equal(play.outcome.verdict, VERDICT_BAD_QUANTITY);
	claim = play_claim_command(&play, "d", "ann", "", 0, QUANTITY_MAX);
	assert_int_equal(play_apply(&play, &claim), 0);
	assert_int_equal(play.outcome.verdict, VERDICT_GRANTED);
	play_end(&play);
}

/* ---- keys ---- */

static struct command api_key(enum command_kind kind, const char *id, const char *key)
{
	return (struct command){
	    .kind = kind, .key = text_of(key), .api_key = {text_of(id), text_of("till"), ROLE_SHOP, {1}}};
}

static enum verdict on_api_key(struct play *play, struct command command)
{
	assert_int_equal(play_apply(play, &command), 0);
	return play->outcome.verdict;
}

static void an_api_key_is_made_and_revoked_once(void **state)
{
	struct play play = play_begin();
	assert_int_equal(on_api_key(&play, api_key(COMMAND_KEY_CREATE, "k_1", "make")), VERDICT_DONE);
	assert_int_equal(on_api_key(&play, api_key(COMMAND_KEY_CREATE, "k_1", "make")), VERDICT_SAME);
	assert_int_equal(on_api_key(&play, api_key(COMMAND_KEY_CREATE, "k_1", "")), VERDICT_EXISTS);
	assert_int_equal(on_api_key(&play, api_key(COMMAND_KEY_REVOKE, "k_2", "")), VERDICT_UNKNOWN_KEY);
	assert_int_equal(on_api_key(&play, api_key(COMMAND_KEY_REVOKE, "k_1", "away")), VERDICT_DONE);
	assert_int_equal(on_api_key(&play, api_key(COMMAND_KEY_REVOKE, "k_1", "away")), VERDICT_SAME);
	assert_int_equal(on_api_key(&play, api_key(COMMAND_KEY_REVOKE, "k_1", "")), VERDICT_SAME);
	assert_int_equal(on_api_key(&play, api_key(COMMAND_KEY_REVOKE, "k_2", "away")), VERDICT_KEY_REUSED);
	play_end(&play);
}

static void an_operators_key_is_good_for_one_request(void **state)
{
	struct play play = a_drop((struct play_drop){.id = "d", .stock = 2});
	struct command command = restock(0, 5);
	command.key = TEXT("once");
	assert_int_equal(on_drop(&play, command, "d"), VERDICT_DONE);
	assert_int_equal(on_drop(&play, command, "d"), VERDICT_SAME);
	command.drop.quantity = 6;
	assert_int_equal(on_drop(&play, command, "d"), VERDICT_KEY_REUSED);
	command = closing(START_MS + 1);
	command.key = TEXT("until");
	assert_int_equal(on_drop(&play, command, "d"), VERDICT_DONE);
	command.drop.closes_at.ms++;
	assert_int_equal(on_drop(&play, command, "d"), VERDICT_KEY_REUSED);
	assert_int_equal(play_sku(&play, "d", 0).stock, 7);
	play_end(&play);
}

static void which_commands_are_an_operators(void **state)
{
	for (int kind = 0; kind < 256; kind++) {
		bool is = (kind >= COMMAND_DROP_OPEN && kind <= COMMAND_DROP_ARCHIVE) || kind == COMMAND_KEY_CREATE ||
		          kind == COMMAND_KEY_REVOKE;
		assert_int_equal(command_is_admin((enum command_kind)kind), is);
	}
	assert_false(command_is_admin(COMMAND_CLAIM));
	assert_false(command_is_admin(COMMAND_DROP_CREATE)); /* its id is its key */
}

/* ---- names and numbers ---- */

static void names_are_read_back(void **state)
{
	enum role role;
	enum order_status status;
	for (int i = ROLE_VIEWER; i <= ROLE_ADMIN; i++) {
		assert_true(role_parse(text_of(role_name((enum role)i)), &role));
		assert_int_equal(role, i);
	}
	assert_false(role_parse(TEXT("root"), &role));
	for (int i = ORDER_PENDING; i <= ORDER_EXPIRED; i++) {
		assert_true(order_status_parse(text_of(order_status_name((enum order_status)i)), &status));
		assert_int_equal(status, i);
	}
	assert_false(order_status_parse(TEXT("lost"), &status));
}

static void an_order_id_is_read_as_people_write_it(void **state)
{
	uint8_t log;
	uint64_t sequence;
	assert_true(order_id_parse(TEXT("o_000000000000A"), &log, &sequence));
	assert_int_equal(sequence, 10);
	assert_true(order_id_parse(TEXT("o_OOOOOOOOOOOOa"), &log, &sequence));
	assert_int_equal(sequence, 10);
	assert_true(order_id_parse(TEXT("o_00000000000Il"), &log, &sequence));
	assert_int_equal(sequence, 33);
	assert_true(order_id_parse(TEXT("o_00000000000iL"), &log, &sequence));
	assert_int_equal(sequence, 33);
	const char *const none[] = {"o_0000000000000", "x_000000000000A", "o-000000000000A", "o_000000000000",
	                            "o_000000000000{", "o_000000000000U", "o_G000000000001", "o_00000000000A"};
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		assert_false(order_id_parse(text_of(none[i]), &log, &sequence));
}

/* ---- pools ---- */

static void a_core_without_a_pool_is_none(void **state)
{
	struct core *core;
	struct error error;
	for (int i = 0; i < 5; i++) {
		struct core_limits limits = {
		    .drops = i != 0, .skus = i != 1, .orders = i != 2, .lines = i != 3, .api_keys = i != 4};
		assert_int_equal(core_new(&limits, &core, &error), FAULT_INVALID);
	}
	core_free(NULL);
}

static void pools_that_no_machine_has_are_refused(void **state)
{
	struct core *core;
	struct error error;
	struct core_limits limits = {.drops = UINT32_MAX,
	                             .skus = UINT32_MAX,
	                             .orders = UINT32_MAX - 1,
	                             .lines = UINT32_MAX,
	                             .api_keys = UINT32_MAX};
	for (int i = 0; i < 64; i++) { /* the system gives addresses freely: until they are used up */
		int code = core_new(&limits, &core, &error);
		if (code == FAULT_MEMORY) {
			assert_non_null(strstr(error.text, "orders-max"));
			return;
		}
		assert_int_equal(code, 0);
	}
	fail_msg("64 times that much memory was given");
}

static void claims_of_many_lines_need_room_for_them(void **state)
{
	struct play play = play_begin_with(
	    (struct core_limits){.drops = 1, .skus = 4, .orders = 10, .lines = 2 * LINES_MAX, .api_keys = 1});
	const char *setting;
	play_create(&play, (struct play_drop){.id = "d", .stock = 5, .sku_count = 3});
	struct command claim = play_claim_command(&play, "d", "ann", "", 0, 1);
	assert_true(core_has_room(play.core, &claim, 9, &setting));
	assert_false(core_has_room(play.core, &claim, 10, &setting));
	assert_string_equal(setting, "orders-max");
	claim.claim.line_count = 2;
	assert_true(core_has_room(play.core, &claim, 1, &setting));
	assert_false(core_has_room(play.core, &claim, 2, &setting));
	assert_string_equal(setting, "lines-max");
	play_end(&play);
}

/* ---- two that lie in one place ---- */

/* The table of SKUs compares eight bits of a hash before it looks at the row, and these two drops have been searched
 * for: in a table of this size one id in twenty has the same place for both, and the row alone says whose it is. */
static void a_sku_is_found_in_its_own_drop_alone(void **state)
{
	const uint32_t one = 159, other = 415;
	struct play play =
	    play_begin_with((struct core_limits){.drops = 416, .skus = 671, .orders = 9, .lines = 1, .api_keys = 1});
	char id[16];
	uint32_t sku;
	for (uint32_t i = 0; i <= other; i++) {
		snprintf(id, sizeof id, "d%u", i);
		play_create(&play, (struct play_drop){.id = id, .stock = 1, .sku_count = i == one ? SKUS_MAX : 0});
	}
	for (uint32_t i = 0; i < 2 * SKUS_MAX; i++) {
		snprintf(id, sizeof id, "s%u", i);
		assert_int_equal(core_sku_find(play.core, one, text_of(id), &sku), i < SKUS_MAX);
		assert_true(i >= SKUS_MAX || sku == i);
		assert_false(core_sku_find(play.core, other, text_of(id), &sku));
	}
	assert_true(core_sku_find(play.core, other, TEXT("one"), &sku));
	play_end(&play);
}

/* A core for nine orders has one chunk of its table, and there a buyer's places in drops 0 and 256 are the same. */
static void a_buyer_of_two_drops_has_the_limit_of_each(void **state)
{
	struct play play =
	    play_begin_with((struct core_limits){.drops = 257, .skus = 257, .orders = 9, .lines = 1, .api_keys = 1});
	char id[16];
	for (int i = 0; i <= 256; i++) {
		snprintf(id, sizeof id, "d%d", i);
		play_create(&play, (struct play_drop){.id = id, .stock = 5, .limit = 1, .hold_seconds = 60});
		play_on_drop(&play, COMMAND_DROP_OPEN, id);
	}
	assert_int_equal(play_claim(&play, "d0", "ann", ""), VERDICT_GRANTED);
	uint64_t first = play.outcome.order;
	assert_int_equal(play_claim(&play, "d256", "ann", ""), VERDICT_GRANTED);
	uint64_t second = play.outcome.order;
	assert_int_equal(play_claim(&play, "d0", "ann", ""), VERDICT_LIMIT_REACHED);
	assert_int_equal(play.outcome.order, first);
	assert_int_equal(play_claim(&play, "d256", "ann", ""), VERDICT_LIMIT_REACHED);
	assert_int_equal(play.outcome.order, second);
	play_end(&play);
}

/* ---- more is due than one record settles ---- */

static struct play many_claims(uint32_t count)
{
	struct play play = a_drop((struct play_drop){.id = "d", .stock = count, .hold_seconds = 60, .keep_seconds = 5});
	char buyer[16];
	play_on_drop(&play, COMMAND_DROP_OPEN, "d");
	for (uint32_t i = 0; i < count; i++) {
		snprintf(buyer, sizeof buyer, "b%u", i);
		assert_int_equal(play_claim(&play, "d", buyer, ""), VERDICT_GRANTED);
	}
	return play;
}

/* The last one is past its deadline and has not had its turn when its payment comes: it has it then. */
static void a_payment_for_a_hold_that_is_due_comes_too_late(void **state)
{
	struct play play = many_claims(EXPIRIES_PER_RECORD + 2);
	uint64_t order = play.outcome.order;
	play.now += 60000;
	assert_int_equal(play_confirm(&play, order, "pay-1"), VERDICT_REFUND_DUE);
	assert_int_equal(play.core->heart.pending_count, 1); /* the last but one waits for its turn */
	assert_int_equal(play.core->orders[order_find(play.core, order)].status, ORDER_EXPIRED);
	assert_stock(&play, "d", 1, 0);
	play_end(&play);
}

/* All of them are held, none has ended: no order of the buyer's can leave and give room, so the answer is certain. */
static void too_many_held_orders_are_too_many_for_certain(void **state)
{
	struct play play = a_drop((struct play_drop){.id = "d", .stock = 99, .limit = 99, .hold_seconds = 60});
	struct outcome outcome;
	play_on_drop(&play, COMMAND_DROP_OPEN, "d");
	for (int i = 0; i < ORDERS_PER_BUYER_MAX; i++)
		assert_int_equal(play_claim(&play, "d", "ann", ""), VERDICT_GRANTED);
	struct command claim = play_claim_command(&play, "d", "ann", "", 0, 1);
	core_decide(play.core, (struct wall_ms){play.now}, &claim, &outcome);
	assert_int_equal(outcome.verdict, VERDICT_TOO_MANY_ORDERS);
	assert_true(outcome.certain);
	play_end(&play);
}

static void a_record_lets_only_so_many_leave(void **state)
{
	struct play play = many_claims(LEAVES_PER_RECORD + 1);
	play.now += 60000;
	play_tick(&play);
	play_tick(&play); /* all have expired */
	assert_int_equal(core_order_count(play.core), LEAVES_PER_RECORD + 1);
	play.now += 5000;
	play_tick(&play);
	assert_int_equal(core_order_count(play.core), 1);
	assert_true(core_is_due(play.core, (struct wall_ms){play.now}));
	play_tick(&play);
	assert_int_equal(core_order_count(play.core), 0);
	play_end(&play);
}

/* ---- rules and checks ---- */

/* There is one rule set yet; a core of the one before it goes on to it when it is asked, and not back. */
static void a_known_rule_set_comes_into_force(void **state)
{
	struct play play = play_begin();
	struct command rules = {.kind = COMMAND_RULES, .rules = {RULES_KNOWN}};
	play.core->heart.rules = RULES_KNOWN - 1;
	assert_int_equal(play_apply(&play, &rules), 0);
	assert_int_equal(play.outcome.verdict, VERDICT_DONE);
	assert_int_equal(core_rules(play.core), RULES_KNOWN);
	assert_int_equal(play_apply(&play, &rules), 0);
	assert_int_equal(play.outcome.verdict, VERDICT_FORBIDDEN_RULES);
	play_end(&play);
}

/* Places that hold no hash yet have sequence 0: they are nobody's. */
static void a_check_of_nothing_says_nothing(void **state)
{
	struct play play = play_begin();
	struct command check = {.kind = COMMAND_CHECK, .check = {0, 12345}};
	assert_int_equal(play_apply(&play, &check), 0);
	play_end(&play);
}

static void no_order_has_number_zero(void **state)
{
	struct play play = a_drop((struct play_drop){.id = "d", .stock = 1});
	assert_int_equal(play_confirm(&play, 0, "pay-1"), VERDICT_UNKNOWN_ORDER);
	assert_int_equal(play_cancel(&play, 0), VERDICT_UNKNOWN_ORDER);
	play_end(&play);
}

/* ---- the log's order ---- */

static void a_time_beyond_the_calendar_is_damage(void **state)
{
	struct play play = play_begin();
	struct command tick = {.kind = COMMAND_TICK};
	play.now = WALL_MAX_MS + 1;
	assert_int_equal(play_apply(&play, &tick), FAULT_DAMAGED);
	play.now = START_MS - 1;
	assert_int_equal(play_apply(&play, &tick), FAULT_DAMAGED);
	core_free(play.core);
}

/* ---- a snapshot that cannot be written or read to its end ---- */

static struct play a_small_sale(void)
{
	struct play play = a_drop((struct play_drop){.id = "d", .stock = 9, .sku_count = 2});
	play_on_drop(&play, COMMAND_DROP_OPEN, "d");
	play_claim(&play, "d", "ann", "k");
	on_api_key(&play, api_key(COMMAND_KEY_CREATE, "k_1", ""));
	struct command claim = play_claim_command(&play, "d", "bob", "", 0, 1);
	claim.claim.line_count = 2;
	claim.claim.line[1] = (struct claim_line){1, 1};
	assert_int_equal(play_apply(&play, &claim), 0);
	return play;
}

/* Every byte of its head, and of its hashes and what stands between them at the end; some of its rows. */
static size_t next_place(size_t at, size_t whole)
{
	size_t step = at < 64 ? 1 : at < 4096 ? 97 : 9973, end = whole - 128;
	if (at >= end)
		return at + 1;
	return at + step < end ? at + step : end;
}

static void a_snapshot_that_tears_is_told_wherever_it_does(void **state)
{
	struct play play = a_small_sale();
	struct tape whole = {0};
	struct error error;
	assert_int_equal(core_save(play.core, tape_write, &whole, &error), 0);
	for (size_t at = 1; at < whole.size; at = next_place(at, whole.size)) {
		struct tape torn = {.fails_at = at};
		assert_int_equal(core_save(play.core, tape_write, &torn, &error), FAULT_IO);
		free(torn.bytes);
	}
	free(whole.bytes);
	play_end(&play);
}

static struct core *a_core(struct core_limits limits)
{
	struct core *core;
	struct error error;
	assert_int_equal(core_new(&limits, &core, &error), 0);
	return core;
}

static const struct core_limits roomy = {.drops = 64, .skus = 512, .orders = 20000, .lines = 4096, .api_keys = 16};

static void a_snapshot_that_ends_early_is_refused_wherever_it_does(void **state)
{
	struct play play = a_small_sale();
	struct tape tape = {0};
	struct error error;
	assert_int_equal(core_save(play.core, tape_write, &tape, &error), 0);
	size_t whole = tape.size;
	for (size_t at = 0; at < whole; at = next_place(at, whole)) {
		struct core *core = a_core(roomy);
		tape.size = at;
		tape.at = 0;
		assert_int_equal(core_load(core, tape_read, &tape, &error), FAULT_DAMAGED);
		core_free(core);
	}
	free(tape.bytes);
	play_end(&play);
}

static void a_snapshot_that_does_not_fit_names_the_setting(void **state)
{
	const struct {
		struct core_limits limits;
		const char *setting;
	} small[] = {
	    {{.drops = 1, .skus = 512, .orders = 20000, .lines = 4096, .api_keys = 16}, "drops-max"},
	    {{.drops = 64, .skus = 2, .orders = 20000, .lines = 4096, .api_keys = 16}, "skus-max"},
	    {{.drops = 64, .skus = 512, .orders = 1, .lines = 4096, .api_keys = 16}, "orders-max"},
	    {{.drops = 64, .skus = 512, .orders = 20000, .lines = 1, .api_keys = 16}, "lines-max"},
	    {{.drops = 64, .skus = 512, .orders = 20000, .lines = 4096, .api_keys = 1}, "api-keys-max"},
	};
	struct play play = a_small_sale();
	play_create(&play, (struct play_drop){.id = "second", .stock = 1});
	on_api_key(&play, api_key(COMMAND_KEY_CREATE, "k_2", ""));
	struct tape tape = {0};
	struct error error;
	assert_int_equal(core_save(play.core, tape_write, &tape, &error), 0);
	for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
		struct core *core = a_core(small[i].limits);
		tape.at = 0;
		assert_int_equal(core_load(core, tape_read, &tape, &error), FAULT_FULL);
		assert_non_null(strstr(error.text, small[i].setting));
		core_free(core);
	}
	free(tape.bytes);
	play_end(&play);
}

static void a_snapshot_of_other_rows_asks_for_its_program(void **state)
{
	struct play play = a_small_sale();
	struct tape tape = {0};
	struct error error;
	assert_int_equal(core_save(play.core, tape_write, &tape, &error), 0);
	struct core *core = a_core(roomy);
	tape.bytes[12]++; /* behind magic and version: the size of the first row */
	assert_int_equal(core_load(core, tape_read, &tape, &error), FAULT_VERSION);
	core_free(core);
	free(tape.bytes);
	play_end(&play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(stock_moves_within_its_bounds),
	    cmocka_unit_test(a_drop_closes_after_it_opens),
	    cmocka_unit_test(an_archived_drop_sells_nothing_and_stays_archived),
	    cmocka_unit_test(a_drop_that_is_not_there_is_unknown),
	    cmocka_unit_test(a_quantity_beyond_the_bound_is_bad),
	    cmocka_unit_test(an_api_key_is_made_and_revoked_once),
	    cmocka_unit_test(an_operators_key_is_good_for_one_request),
	    cmocka_unit_test(which_commands_are_an_operators),
	    cmocka_unit_test(names_are_read_back),
	    cmocka_unit_test(an_order_id_is_read_as_people_write_it),
	    cmocka_unit_test(a_core_without_a_pool_is_none),
	    cmocka_unit_test(pools_that_no_machine_has_are_refused),
	    cmocka_unit_test(claims_of_many_lines_need_room_for_them),
	    cmocka_unit_test(a_sku_is_found_in_its_own_drop_alone),
	    cmocka_unit_test(a_buyer_of_two_drops_has_the_limit_of_each),
	    cmocka_unit_test(a_payment_for_a_hold_that_is_due_comes_too_late),
	    cmocka_unit_test(too_many_held_orders_are_too_many_for_certain),
	    cmocka_unit_test(a_record_lets_only_so_many_leave),
	    cmocka_unit_test(a_known_rule_set_comes_into_force),
	    cmocka_unit_test(a_check_of_nothing_says_nothing),
	    cmocka_unit_test(no_order_has_number_zero),
	    cmocka_unit_test(a_time_beyond_the_calendar_is_damage),
	    cmocka_unit_test(a_snapshot_that_tears_is_told_wherever_it_does),
	    cmocka_unit_test(a_snapshot_that_ends_early_is_refused_wherever_it_does),
	    cmocka_unit_test(a_snapshot_that_does_not_fit_names_the_setting),
	    cmocka_unit_test(a_snapshot_of_other_rows_asks_for_its_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
