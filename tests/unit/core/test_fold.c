/* The fold: who wrote it, in which order, checked against itself, saved and gone on with. */
#include "play.h"
#include "tape.h"

#include <stdlib.h>

#include "core/order_id.h"
#include "core/state.h"

static void some_sales(struct play *play, int from, int count)
{
	char buyer[16], key[16];
	for (int i = from; i < from + count; i++) {
		play->now += 7;
		snprintf(buyer, sizeof buyer, "b%d", i % 300);
		snprintf(key, sizeof key, "k%d", i);
		play_claim(play, i % 2 ? "held" : "instant", buyer, key);
		if (i % 5 == 1 && play->outcome.verdict == VERDICT_GRANTED)
			play_confirm(play, play->outcome.order, key);
		else if (i % 7 == 1 && play->outcome.verdict == VERDICT_GRANTED)
			play_cancel(play, play->outcome.order);
	}
}

static void two_drops(struct play *play)
{
	play_create(play,
	            (struct play_drop){.id = "held", .stock = 500, .limit = 2, .hold_seconds = 1, .keep_seconds = 3});
	play_create(play, (struct play_drop){.id = "instant", .stock = 500, .limit = 3});
	play_on_drop(play, COMMAND_DROP_OPEN, "held");
	play_on_drop(play, COMMAND_DROP_OPEN, "instant");
}

static void two_folds_of_one_log_agree_whatever_their_pools(void **state)
{
	uint8_t one[BLAKE_SIZE], two[BLAKE_SIZE];
	struct play a = play_begin();
	struct play b =
	    play_begin_with((struct core_limits){.drops = 2, .skus = 2, .orders = 900, .lines = 1, .api_keys = 1});
	two_drops(&a);
	two_drops(&b);
	some_sales(&a, 0, 2000);
	some_sales(&b, 0, 2000);
	assert_int_equal(core_hash(a.core), core_hash(b.core));
	core_state_hash(a.core, one);
	core_state_hash(b.core, two);
	assert_memory_equal(one, two, BLAKE_SIZE);
	some_sales(&b, 7, 1);
	assert_int_not_equal(core_hash(a.core), core_hash(b.core));
	play_end(&a);
	play_end(&b);
}

static void a_fold_goes_on_from_a_snapshot_as_if_nothing_had_been(void **state)
{
	uint8_t one[BLAKE_SIZE], two[BLAKE_SIZE];
	struct tape tape = {0};
	struct play a = play_begin(), b = {.now = START_MS};
	two_drops(&a);
	some_sales(&a, 0, 1500);
	assert_int_equal(core_save(a.core, tape_write, &tape, &a.error), 0);
	struct core_limits limits = CORE_LIMITS_DEFAULT;
	assert_int_equal(core_new(&limits, &b.core, &b.error), 0);
	if (core_load(b.core, tape_read, &tape, &b.error) != 0)
		fail_msg("%s", b.error.text);
	assert_int_equal(tape.at, tape.size);
	struct core *loaded = b.core;
	b = a;
	b.core = loaded;
	some_sales(&a, 1500, 1500);
	some_sales(&b, 1500, 1500);
	assert_int_equal(core_hash(a.core), core_hash(b.core));
	core_state_hash(a.core, one);
	core_state_hash(b.core, two);
	assert_memory_equal(one, two, BLAKE_SIZE);
	play_end(&a);
	play_end(&b);
	free(tape.bytes);
}

static void a_damaged_snapshot_is_not_loaded(void **state)
{
	struct tape tape = {0};
	struct play play = play_begin();
	two_drops(&play);
	some_sales(&play, 0, 50);
	assert_int_equal(core_save(play.core, tape_write, &tape, &play.error), 0);
	for (int i = 0; i < 60; i++) {
		struct core *core;
		struct core_limits limits = CORE_LIMITS_DEFAULT;
		size_t at = tape.size / 60 * (size_t)i;
		tape.bytes[at] ^= 0x40;
		tape.at = 0;
		assert_int_equal(core_new(&limits, &core, &play.error), 0);
		assert_true(core_load(core, tape_read, &tape, &play.error) < 0);
		core_free(core);
		tape.bytes[at] ^= 0x40;
	}
	free(tape.bytes);
	play_end(&play);
}

static void a_snapshot_that_does_not_fit_names_the_setting(void **state)
{
	struct tape tape = {0};
	struct core *core;
	struct core_limits limits = {.drops = 8, .skus = 8, .orders = 10, .lines = 8, .api_keys = 8};
	struct play play = play_begin();
	two_drops(&play);
	some_sales(&play, 0, 50);
	core_save(play.core, tape_write, &tape, &play.error);
	core_new(&limits, &core, &play.error);
	assert_int_equal(core_load(core, tape_read, &tape, &play.error), FAULT_FULL);
	assert_non_null(strstr(play.error.text, "orders-max"));
	core_free(core);
	free(tape.bytes);
	play_end(&play);
}

/* ---- what has left ---- */

static bool key_may_have_left(const struct core *core, const struct play *play, int sale)
{
	char buyer[16], key[16];
	snprintf(buyer, sizeof buyer, "b%d", sale % 300);
	snprintf(key, sizeof key, "k%d", sale);
	struct command claim = play_claim_command(play, sale % 2 ? "held" : "instant", buyer, key, 0, 1);
	return core_may_have_left(core, &claim);
}

/* A play of which something has left, on tape. */
static struct play on_tape(struct tape *tape)
{
	struct play play = play_begin();
	two_drops(&play);
	some_sales(&play, 0, 50);
	play.now += 10000;
	play_tick(&play);
	assert_true(core_left_count(play.core) > 0);
	assert_int_equal(core_save(play.core, tape_write, tape, &play.error), 0);
	return play;
}

static int load(struct tape *tape, uint32_t left, struct core **ret, struct error *error)
{
	struct core_limits limits = CORE_LIMITS_DEFAULT;
	limits.left = left;
	tape->at = 0;
	assert_int_equal(core_new(&limits, ret, error), 0);
	return core_load(*ret, tape_read, tape, error);
}

static void a_snapshot_keeps_what_has_left(void **state)
{
	struct tape tape = {0};
	struct core *core;
	struct play play = on_tape(&tape);
	assert_int_equal(load(&tape, 1, &core, &play.error), 0);
	assert_int_equal(tape.at, tape.size);
	assert_true(core_left_agrees(play.core, core));
	assert_int_equal(core_left_count(core), core_left_count(play.core));
	for (int i = 0; i < 100; i++)
		assert_int_equal(key_may_have_left(core, &play, i), key_may_have_left(play.core, &play, i));
	assert_true(key_may_have_left(core, &play, 3)); /* expired, and gone by now */
	assert_false(key_may_have_left(core, &play, 61));
	core_free(core);
	free(tape.bytes);
	play_end(&play);
}

/* The first format: the same rows and the same state hash, and behind them nothing. */
static void turn_into_version_one(struct tape *tape, const struct core *core)
{
	uint32_t version;
	memcpy(&version, tape->bytes + 8, sizeof version);
	assert_int_equal(version, 2);
	version = 1;
	memcpy(tape->bytes + 8, &version, sizeof version);
	tape->size -= sizeof(struct left_heart) + left_layers_bytes(core->left.heart.layers) + BLAKE_SIZE;
}

static void of_a_snapshot_without_what_has_left_everything_may_have(void **state)
{
	struct tape tape = {0};
	struct core *core;
	uint8_t one[BLAKE_SIZE], two[BLAKE_SIZE];
	struct play play = on_tape(&tape);
	turn_into_version_one(&tape, play.core);
	if (load(&tape, 1, &core, &play.error) != 0)
		fail_msg("%s", play.error.text);
	assert_int_equal(tape.at, tape.size);
	core_state_hash(play.core, one);
	core_state_hash(core, two);
	assert_memory_equal(one, two, BLAKE_SIZE);
	assert_true(key_may_have_left(core, &play, 3));
	assert_true(key_may_have_left(core, &play, 61));  /* nobody's, but who knows */
	assert_false(key_may_have_left(core, &play, 60)); /* of the other drop nothing has left */
	core_free(play.core);
	play.core = core;
	play_create(&play, (struct play_drop){.id = "later", .stock = 5, .keep_seconds = 1});
	play_on_drop(&play, COMMAND_DROP_OPEN, "later");
	play_claim(&play, "later", "ann", "k1");
	play.now += 1000;
	play_tick(&play);
	struct command known = play_claim_command(&play, "later", "ann", "k1", 0, 1);
	struct command strange = play_claim_command(&play, "later", "ann", "k2", 0, 1);
	assert_true(core_may_have_left(core, &known));
	assert_false(core_may_have_left(core, &strange)); /* a drop of later is known whole */
	tape.size = 0;
	assert_int_equal(core_save(core, tape_write, &tape, &play.error), 0);
	core_free(core);
	assert_int_equal(load(&tape, 1, &play.core, &play.error), 0);
	assert_true(key_may_have_left(play.core, &play, 61)); /* that it does not know is kept, too */
	free(tape.bytes);
	play_end(&play);
}

/* One of the first format from before anything had left lacks nothing. */
static void of_a_snapshot_before_anything_left_all_is_known(void **state)
{
	struct tape tape = {0};
	struct core *core;
	struct play play = play_begin();
	two_drops(&play);
	some_sales(&play, 0, 50);
	assert_int_equal(core_save(play.core, tape_write, &tape, &play.error), 0);
	turn_into_version_one(&tape, play.core);
	assert_int_equal(load(&tape, 1, &core, &play.error), 0);
	core_free(play.core);
	play.core = core;
	play.now += 10000;
	play_tick(&play);
	assert_true(core_left_count(play.core) > 0);
	assert_true(key_may_have_left(play.core, &play, 3));
	assert_false(key_may_have_left(play.core, &play, 61));
	free(tape.bytes);
	play_end(&play);
}

static void a_snapshot_with_more_left_than_fits_names_the_setting(void **state)
{
	struct tape tape = {0};
	struct core *core;
	struct play play = play_begin_with((struct core_limits){
	    .drops = 2, .skus = 2, .orders = 10, .lines = 1, .api_keys = 1, .left = LEFT_FIRST_KEYS + 1});
	for (uint64_t i = 0; i <= LEFT_FIRST_KEYS; i++)
		left_filter_put(&play.core->left, i << 32);
	assert_int_equal(core_save(play.core, tape_write, &tape, &play.error), 0);
	assert_int_equal(load(&tape, LEFT_FIRST_KEYS, &core, &play.error), FAULT_FULL);
	assert_non_null(strstr(play.error.text, "left-max"));
	core_free(core);
	assert_int_equal(load(&tape, LEFT_FIRST_KEYS + 1, &core, &play.error), 0);
	core_free(core);
	free(tape.bytes);
	play_end(&play);
}

/* What a program of the first format does with the second, this one does with a third: it says so. */
static void a_snapshot_of_a_newer_format_is_refused(void **state)
{
	struct tape tape = {0};
	struct core *core;
	struct play play = on_tape(&tape);
	tape.bytes[8]++;
	assert_int_equal(load(&tape, 1, &core, &play.error), FAULT_VERSION);
	assert_non_null(strstr(play.error.text, "format 3"));
	core_free(core);
	free(tape.bytes);
	play_end(&play);
}

/* An older program must not go on from a snapshot past a RULES record that it does not know. */
static void a_snapshot_of_newer_rules_is_not_loaded(void **state)
{
	struct tape tape = {0};
	struct core *core;
	struct core_limits limits = CORE_LIMITS_DEFAULT;
	struct play play = play_begin();
	play.core->heart.rules = RULES_KNOWN + 1;
	assert_int_equal(core_save(play.core, tape_write, &tape, &play.error), 0);
	assert_int_equal(core_new(&limits, &core, &play.error), 0);
	assert_int_equal(core_load(core, tape_read, &tape, &play.error), FAULT_VERSION);
	core_free(core);
	free(tape.bytes);
	play_end(&play);
}

static void a_full_pool_stops_a_fold_and_is_seen_before(void **state)
{
	const char *setting = NULL;
	struct play play =
	    play_begin_with((struct core_limits){.drops = 1, .skus = 1, .orders = 2, .lines = 1, .api_keys = 1});
	play_create(&play, (struct play_drop){.id = "shoe", .stock = 9});
	play_on_drop(&play, COMMAND_DROP_OPEN, "shoe");
	struct command claim = play_claim_command(&play, "shoe", "ann", "", 0, 1);
	assert_true(core_has_room(play.core, &claim, 1, &setting));
	assert_false(core_has_room(play.core, &claim, 2, &setting));
	assert_string_equal(setting, "orders-max");
	play_claim(&play, "shoe", "ann", "");
	play_claim(&play, "shoe", "bob", "");
	claim = play_claim_command(&play, "shoe", "cid", "", 0, 1);
	assert_int_equal(play_apply(&play, &claim), FAULT_FULL);
	assert_non_null(strstr(play.error.text, "orders-max"));
	core_free(play.core);
}

/* A planted bug that no play saw (055): only claims were looked at, and a fold with one drop too many wrote over the next
 * pool. */
static void a_full_pool_of_drops_or_keys_stops_a_fold_too(void **state)
{
	struct play play =
	    play_begin_with((struct core_limits){.drops = 1, .skus = 2, .orders = 2, .lines = 1, .api_keys = 1});
	struct sku_spec sku = {TEXT("one"), 1, 0};
	struct command drop = {.kind = COMMAND_DROP_CREATE,
	                       .create = {.id = TEXT("hat"), .sku_count = 1, .skus = &sku}};
	struct command key = {.kind = COMMAND_KEY_CREATE, .api_key = {TEXT("k_1"), TEXT("till"), ROLE_SHOP, {5}}};
	play_create(&play, (struct play_drop){.id = "shoe", .stock = 9});
	assert_int_equal(play_apply(&play, &drop), FAULT_FULL);
	assert_non_null(strstr(play.error.text, "drops-max"));
	assert_int_equal(play_apply(&play, &key), 0);
	key.api_key.id = TEXT("k_2");
	assert_int_equal(play_apply(&play, &key), FAULT_FULL);
	assert_non_null(strstr(play.error.text, "api-keys-max"));
	core_free(play.core);
}

static void a_record_applies_once(void **state)
{
	struct play play = play_begin();
	play_create(&play, (struct play_drop){.id = "shoe", .stock = 9});
	play_on_drop(&play, COMMAND_DROP_OPEN, "shoe");
	struct command claim = play_claim_command(&play, "shoe", "ann", "", 0, 1);
	assert_int_equal(play_apply(&play, &claim), 0);
	assert_int_equal(play.outcome.verdict, VERDICT_GRANTED);
	uint64_t counter = claim.counter;
	core_apply(play.core, ++play.sequence, (struct wall_ms){play.now}, &claim, &play.outcome, &play.error);
	assert_int_equal(play.outcome.verdict, VERDICT_STALE); /* doubled */
	claim.counter = counter - 1;
	core_apply(play.core, ++play.sequence, (struct wall_ms){play.now}, &claim, &play.outcome, &play.error);
	assert_int_equal(play.outcome.verdict, VERDICT_STALE); /* late */
	claim.incarnation = 999;
	claim.counter = 1;
	core_apply(play.core, ++play.sequence, (struct wall_ms){play.now}, &claim, &play.outcome, &play.error);
	assert_int_equal(play.outcome.verdict, VERDICT_STALE); /* nobody's */
	assert_stock(&play, "shoe", 0, 1);
	uint64_t first = play.incarnation, oldest = play.sequence + 1;
	for (int i = 0; i < INCARNATIONS_MAX; i++)
		play_hello(&play);
	claim.incarnation = first;
	claim.counter = counter + 1000;
	core_apply(play.core, ++play.sequence, (struct wall_ms){play.now}, &claim, &play.outcome, &play.error);
	assert_int_equal(play.outcome.verdict, VERDICT_STALE); /* 256 are kept */
	claim.incarnation = oldest;
	core_apply(play.core, ++play.sequence, (struct wall_ms){play.now}, &claim, &play.outcome, &play.error);
	assert_int_equal(play.outcome.verdict, VERDICT_GRANTED); /* not one fewer: planted bug 050 */
	play_end(&play);
}

static void a_check_that_differs_stops_the_fold(void **state)
{
	struct play play = play_begin();
	uint64_t sequence, hash;
	while (play.sequence < CHECK_EVERY)
		play_tick(&play);
	core_last_check(play.core, &sequence, &hash);
	assert_int_equal(sequence, CHECK_EVERY);
	assert_int_equal(hash, core_hash(play.core));
	struct command check = {.kind = COMMAND_CHECK, .check = {sequence, hash}};
	assert_int_equal(play_apply(&play, &check), 0);
	check.check.hash ^= 1;
	assert_int_equal(play_apply(&play, &check), FAULT_DAMAGED);
	assert_non_null(strstr(play.error.text, "sequence 4096"));
	core_free(play.core);
}

/* A planted bug that no play saw (030): only the first of the kept hashes was compared, and the play above knows no
 * other. */
static void every_check_is_compared_not_only_the_first(void **state)
{
	struct play play = play_begin();
	uint64_t sequence, hash;
	while (play.sequence < 3 * CHECK_EVERY)
		play_tick(&play);
	core_last_check(play.core, &sequence, &hash);
	assert_int_equal(sequence, 3 * CHECK_EVERY);
	struct command check = {.kind = COMMAND_CHECK, .check = {sequence, hash}};
	assert_int_equal(play_apply(&play, &check), 0);
	check.check.hash ^= UINT64_C(1) << 63;
	assert_int_equal(play_apply(&play, &check), FAULT_DAMAGED);
	core_free(play.core);
}

/* Two folds of the same records that disagree, by a row that was changed under one of them: the hash must tell. Since
 * every sound fold agrees with itself, nothing else can show that a verdict or a row is left out of it, as two planted
 * bugs (032, 033) had it, which no play saw. */
static void the_rolling_hash_tells_verdicts_and_rows(void **state)
{
	struct play a = play_begin(), b = play_begin();
	play_create(&a, (struct play_drop){.id = "shoe", .stock = 9});
	play_create(&b, (struct play_drop){.id = "shoe", .stock = 9});
	b.core->drops[0].closed = 1;
	assert_int_equal(play_claim(&a, "shoe", "ann", ""), VERDICT_NOT_OPEN);
	assert_int_equal(play_claim(&b, "shoe", "ann", ""), VERDICT_CLOSED); /* nothing changes but the verdict */
	assert_int_not_equal(core_hash(a.core), core_hash(b.core));
	core_free(b.core);

	b = play_begin();
	play_create(&b, (struct play_drop){.id = "shoe", .stock = 9});
	play_claim(&b, "shoe", "ann", "");
	play_on_drop(&a, COMMAND_DROP_OPEN, "shoe");
	play_on_drop(&b, COMMAND_DROP_OPEN, "shoe");
	assert_int_equal(core_hash(a.core), core_hash(b.core));
	b.core->skus[0].sold = 1;
	assert_int_equal(play_claim(&a, "shoe", "bob", ""), VERDICT_GRANTED);
	assert_int_equal(play_claim(&b, "shoe", "bob", ""), VERDICT_GRANTED); /* the same verdict, another row */
	assert_int_not_equal(core_hash(a.core), core_hash(b.core));
	core_free(b.core);
	play_end(&a);
}

static void a_log_has_one_order_and_its_time_never_goes_back(void **state)
{
	struct play play = play_begin();
	struct command tick = {.kind = COMMAND_TICK, .incarnation = 1, .counter = 1};
	assert_int_equal(core_apply(play.core, 1, (struct wall_ms){play.now}, &tick, &play.outcome, &play.error),
	                 FAULT_DAMAGED);
	assert_int_equal(core_apply(play.core, 2, (struct wall_ms){play.now - 1}, &tick, &play.outcome, &play.error),
	                 FAULT_DAMAGED);
	core_free(play.core);
	struct core_limits limits = CORE_LIMITS_DEFAULT;
	core_new(&limits, &play.core, &play.error);
	assert_int_equal(core_apply(play.core, 1, (struct wall_ms){play.now}, &tick, &play.outcome, &play.error),
	                 FAULT_DAMAGED);
	core_free(play.core);
}

static void a_rule_set_unknown_to_the_program_stops_it(void **state)
{
	struct play play = play_begin();
	struct command rules = {.kind = COMMAND_RULES, .rules = {1}};
	assert_int_equal(play_apply(&play, &rules), 0);
	assert_int_equal(play.outcome.verdict, VERDICT_FORBIDDEN_RULES);
	rules.rules.number = RULES_KNOWN + 1;
	assert_int_equal(play_apply(&play, &rules), FAULT_VERSION);
	core_free(play.core);
}

static void api_keys_come_and_go(void **state)
{
	struct play play = play_begin();
	struct command create = {.kind = COMMAND_KEY_CREATE, .api_key = {TEXT("k_1"), TEXT("till"), ROLE_SHOP, {5}}};
	play_apply(&play, &create);
	assert_int_equal(play.outcome.verdict, VERDICT_DONE);
	play_apply(&play, &create);
	assert_int_equal(play.outcome.verdict, VERDICT_EXISTS);
	struct command revoke = {.kind = COMMAND_KEY_REVOKE, .api_key = {.id = TEXT("k_2")}};
	play_apply(&play, &revoke);
	assert_int_equal(play.outcome.verdict, VERDICT_UNKNOWN_KEY);
	revoke.api_key.id = TEXT("k_1");
	play_apply(&play, &revoke);
	assert_int_equal(play.outcome.verdict, VERDICT_DONE);
	struct api_key_view view;
	core_api_key_view(play.core, 0, &view);
	assert_true(view.revoked);
	play_end(&play);
}

static void an_order_id_says_where_in_the_log_it_was_granted(void **state)
{
	char id[ORDER_ID_SIZE];
	uint8_t log;
	uint64_t sequence;
	const uint64_t sequences[] = {1, 31, 32, 123456789, SEQUENCE_MAX};
	for (int i = 0; i < 5; i++)
		for (int l = 0; l < 256; l += 51) {
			order_id_format((uint8_t)l, sequences[i], id);
			assert_true(order_id_parse((struct text){id, sizeof id}, &log, &sequence));
			assert_int_equal(log, l);
			assert_true(sequence == sequences[i]);
		}
	assert_true(order_id_parse(TEXT("o_00000000000o1"), &log, &sequence)); /* as people type it */
	assert_int_equal(sequence, 1);
	assert_false(order_id_parse(TEXT("o_0000000000000"), &log, &sequence));
	assert_false(order_id_parse(TEXT("o_G000000000001"), &log, &sequence)); /* 65 bits */
	assert_false(order_id_parse(TEXT("o_00000000000U1"), &log, &sequence));
	assert_false(order_id_parse(TEXT("o_000000000001"), &log, &sequence));
	assert_false(order_id_parse(TEXT("x_0000000000001"), &log, &sequence));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(two_folds_of_one_log_agree_whatever_their_pools),
	    cmocka_unit_test(a_fold_goes_on_from_a_snapshot_as_if_nothing_had_been),
	    cmocka_unit_test(a_damaged_snapshot_is_not_loaded),
	    cmocka_unit_test(a_snapshot_that_does_not_fit_names_the_setting),
	    cmocka_unit_test(a_snapshot_keeps_what_has_left),
	    cmocka_unit_test(of_a_snapshot_without_what_has_left_everything_may_have),
	    cmocka_unit_test(of_a_snapshot_before_anything_left_all_is_known),
	    cmocka_unit_test(a_snapshot_with_more_left_than_fits_names_the_setting),
	    cmocka_unit_test(a_snapshot_of_a_newer_format_is_refused),
	    cmocka_unit_test(a_snapshot_of_newer_rules_is_not_loaded),
	    cmocka_unit_test(a_full_pool_stops_a_fold_and_is_seen_before),
	    cmocka_unit_test(a_full_pool_of_drops_or_keys_stops_a_fold_too),
	    cmocka_unit_test(a_record_applies_once),
	    cmocka_unit_test(a_check_that_differs_stops_the_fold),
	    cmocka_unit_test(every_check_is_compared_not_only_the_first),
	    cmocka_unit_test(the_rolling_hash_tells_verdicts_and_rows),
	    cmocka_unit_test(a_log_has_one_order_and_its_time_never_goes_back),
	    cmocka_unit_test(a_rule_set_unknown_to_the_program_stops_it),
	    cmocka_unit_test(api_keys_come_and_go),
	    cmocka_unit_test(an_order_id_says_where_in_the_log_it_was_granted),
	};
	return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
