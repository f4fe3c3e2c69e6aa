#include "play.h"

#include <unistd.h>

#include "log/journal.h"
#include "log/snapshot_file.h"

#define WAIT_MS 10000

struct stage {
	struct log *log;
	struct disk *disk;
	struct shop shop;
};

static struct stage stage_of(struct log *log, struct disk *disk)
{
	struct stage stage = {.log = log, .disk = disk, .shop = shop_open(log)};
	shop_create(&stage.shop, "tickets", 1000, 5);
	shop_create(&stage.shop, "coupons", 1000, 0);
	return stage;
}

static struct stage stage_open(void)
{
	return stage_of(memory_log_new(), disk_memory_new());
}

static void stage_close(struct stage *stage)
{
	log_close(stage->log);
	stage->disk->ops->done(stage->disk);
}

static struct core *fold_up_to(const struct stage *stage, uint64_t until)
{
	struct core *core = NULL;
	struct error error;
	assert_int_equal(core_new(&SHOP_LIMITS, &core, &error), 0);
	if (follow_fold(stage->log, core, until, NULL, NULL, &error) < 0)
		fail_msg("%s", error.text);
	return core;
}

static void save_at(const struct stage *stage, uint64_t sequence)
{
	struct core *core = fold_up_to(stage, sequence);
	struct error error;
	assert_int_equal(core_sequence(core), sequence);
	if (follow_save_snapshot(stage->disk, core, &error) < 0)
		fail_msg("%s", error.text);
	core_free(core);
}

static struct core *load(const struct stage *stage, uint64_t at_most, uint64_t expected)
{
	struct core *core = NULL;
	struct error error;
	uint64_t sequence = 77;
	if (follow_load_snapshot(stage->disk, &SHOP_LIMITS, at_most, &core, &sequence, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(sequence, expected);
	assert_int_equal(core_sequence(core), expected);
	return core;
}

static void assert_same_state(const struct core *a, const struct core *b)
{
	uint8_t x[BLAKE_SIZE], y[BLAKE_SIZE];
	core_state_hash(a, x);
	core_state_hash(b, y);
	assert_memory_equal(x, y, BLAKE_SIZE);
}

static void spoil(const struct stage *stage, uint64_t sequence)
{
	char name[64];
	snprintf(name, sizeof name, "snapshots/%020llu.snap", (unsigned long long)sequence);
	assert_true(disk_memory_corrupt(stage->disk, name, 5000, 0x40));
}

static void a_snapshot_and_the_rest_are_the_whole(void **state)
{
	struct stage stage = stage_open();
	struct error error;
	shop_trade(&stage.shop, 500, 1);
	save_at(&stage, 300);
	struct core *core = load(&stage, 0, 300), *whole = fold_up_to(&stage, 0);
	assert_int_equal(follow_fold(stage.log, core, 0, NULL, NULL, &error), 0);
	assert_int_equal(core_sequence(core), 503);
	assert_same_state(core, whole);
	core_free(core);
	core_free(whole);
	stage_close(&stage);
}

static void without_a_snapshot_the_core_is_empty(void **state)
{
	struct stage stage = stage_open();
	core_free(load(&stage, 0, 0));
	stage_close(&stage);
}

static void the_newest_at_or_before_is_taken(void **state)
{
	struct stage stage = stage_open();
	shop_trade(&stage.shop, 500, 2);
	save_at(&stage, 200);
	save_at(&stage, 400);
	core_free(load(&stage, 0, 400));
	core_free(load(&stage, 400, 400));
	core_free(load(&stage, 399, 200));
	core_free(load(&stage, 199, 0));
	stage_close(&stage);
}

static void a_damaged_one_is_said_and_the_older_one_taken(void **state)
{
	struct stage stage = stage_open();
	shop_trade(&stage.shop, 500, 3);
	save_at(&stage, 200);
	save_at(&stage, 400);
	spoil(&stage, 400);
	listen_begin();
	struct core *core = load(&stage, 0, 200);
	char *said = listen_end();
	assert_non_null(strstr(said, "\"event\":\"snapshot_unusable\",\"sequence\":400"));
	struct core *expected = fold_up_to(&stage, 200);
	assert_same_state(core, expected);
	core_free(expected);
	core_free(core);
	free(said);

	spoil(&stage, 200);
	listen_begin();
	core = load(&stage, 0, 0);
	said = listen_end();
	assert_null(strstr(said, "\"sequence\":400")); /* it was set aside */
	assert_non_null(strstr(said, "\"sequence\":200"));
	core_free(core);
	free(said);
	stage_close(&stage);
}

/* A damaged snapshot counted as one of the two that are kept: the next one drove out the sound one, the segments before
 * "the older one" were archived away, and were the next one damaged too, nothing sound was left. */
static void a_damaged_one_is_none_of_the_two_kept(void **state)
{
	struct stage stage = stage_open();
	struct error error;
	uint64_t there[4];
	shop_trade(&stage.shop, 500, 3);
	save_at(&stage, 200);
	save_at(&stage, 400);
	spoil(&stage, 400);
	listen_begin();
	core_free(load(&stage, 0, 200));
	char *said = listen_end();
	assert_non_null(strstr(said, "\"set_aside_as\":\".snap.bad\""));
	free(said);
	assert_int_equal(snapshot_list(stage.disk, there, 4, &error), 1);
	save_at(&stage, 450);
	assert_int_equal(snapshot_list(stage.disk, there, 4, &error), 2);
	assert_int_equal(there[0], 200);
	assert_int_equal(there[1], 450);
	stage_close(&stage);
}

static void one_of_a_newer_program_stays(void **state)
{
	struct stage stage = stage_open();
	struct error error;
	uint64_t there[4];
	char name[64];
	shop_trade(&stage.shop, 500, 3);
	save_at(&stage, 400);
	snprintf(name, sizeof name, "snapshots/%020d.snap", 400);
	assert_true(disk_memory_corrupt(stage.disk, name, 8, 0x40)); /* its version */
	listen_begin();
	core_free(load(&stage, 0, 0));
	char *said = listen_end();
	assert_non_null(strstr(said, "use a newer dibs"));
	assert_non_null(strstr(said, "\"set_aside_as\":\"\""));
	free(said);
	assert_int_equal(snapshot_list(stage.disk, there, 4, &error), 1);
	stage_close(&stage);
}

static void pools_that_are_too_small_are_named(void **state)
{
	struct stage stage = stage_open();
	struct core_limits small = {.drops = 1, .skus = 64, .orders = 4096, .lines = 1024, .api_keys = 4};
	struct core *core = NULL;
	struct error error;
	uint64_t sequence = 77;
	shop_trade(&stage.shop, 100, 4);
	save_at(&stage, 100);
	assert_int_equal(follow_load_snapshot(stage.disk, &small, 0, &core, &sequence, &error), FAULT_FULL);
	assert_null(core);
	assert_int_equal(sequence, 77);
	stage_close(&stage);
}

/* A drop's creation, a claim with the most lines and the longest texts, and more records than wait in the ring. */
static void records_of_all_sizes_fold_in_their_order(void **state)
{
	struct stage stage = stage_open();
	struct command claim = {.kind = COMMAND_CLAIM,
	                        .claim = {.drop = 0, .latest = WALL_NEVER, .line_count = LINES_MAX}};
	char text[64];
	memset(text, 'x', sizeof text);
	claim.key = claim.claim.buyer = (struct text){text, sizeof text};
	for (uint32_t i = 0; i < LINES_MAX; i++)
		claim.claim.line[i] = (struct claim_line){i, 1};
	for (int i = 0; i < 40; i++) {
		char id[16];
		snprintf(id, sizeof id, "more-%d", i % 14);
		if (i < 14)
			shop_create(&stage.shop, id, 5, 5);
		shop_append(&stage.shop, &claim);
		shop_claim(&stage.shop, (uint32_t)i % 16, "ann", id, 1);
	}
	struct core *core = fold_up_to(&stage, 0);
	struct error error;
	assert_int_equal(core_sequence(core), stage.shop.sequence);
	assert_int_equal(core_drop_count(core), 16);
	assert_int_equal(core_check(core, &error), 0);
	core_free(core);
	stage_close(&stage);
}

static void note_progress(void *context, uint64_t sequence)
{
	*(uint64_t *)context = sequence;
}

static void a_long_fold_tells_how_far_it_is(void **state)
{
	struct stage stage = stage_open();
	struct core *core;
	struct error error;
	uint64_t seen = 0;
	for (int i = 0; i < 70000; i++)
		shop_tick(&stage.shop, 0);
	assert_int_equal(core_new(&SHOP_LIMITS, &core, &error), 0);
	assert_int_equal(follow_fold(stage.log, core, 0, note_progress, &seen, &error), 0);
	assert_int_equal(seen, 65536);
	core_free(core);
	stage_close(&stage);
}

/* ---- by the follower ---- */

static void say_fault(void *context, const struct error *error)
{
	print_error("the follower failed: %s\n", error->text);
}

static struct follower_options options_for(const struct stage *stage, struct store *store)
{
	return (struct follower_options){.disk = stage->disk,
	                                 .log = stage->log,
	                                 .store = store,
	                                 .limits = SHOP_LIMITS,
	                                 .batch_orders_max = 16,
	                                 .snapshot_records = 100,
	                                 .failed = say_fault,
	                                 .keep_priority = true};
}

static struct follower *start(const struct follower_options *options)
{
	struct follower *follower = NULL;
	struct error error;
	if (follower_start(options, &follower, &error) < 0)
		fail_msg("%s", error.text);
	return follower;
}

static struct follower_statistics follow_all(const struct stage *stage, const struct follower_options *options,
                                             bool final_snapshot)
{
	struct follower_statistics statistics;
	struct follower *follower = start(options);
	assert_true(follower_wait(follower, log_durable(stage->log), WAIT_MS));
	follower_statistics(follower, &statistics);
	follower_stop(follower, final_snapshot);
	return statistics;
}

static void the_follower_makes_them_and_goes_on_from_them(void **state)
{
	struct stage stage = stage_open();
	struct store *store = memory_store();
	struct follower_options options = options_for(&stage, store);
	uint64_t there[4];
	struct error error;
	shop_trade(&stage.shop, 1000, 5);
	follow_all(&stage, &options, true);
	assert_int_equal(snapshot_list(stage.disk, there, 4, &error), 2);
	assert_int_equal(there[1], 1003); /* the last one, made when it stopped */
	core_free(load(&stage, 0, 1003));
	shop_trade(&stage.shop, 50, 6);
	struct follower_statistics statistics = follow_all(&stage, &options, false);
	assert_int_equal(statistics.position, 1053);
	assert_true(statistics.orders < 50); /* of the second time only */
	assert_int_equal(statistics.snapshots, 0);
	char *rows = store_dump(store);
	assert_int_equal(store->ops->renew(store, false, &error), 0);
	/* The story: while a store was rebuilt, the newest snapshot lay ahead, and snapshots of old were made one after
	 * another, each to be removed at once. */
	statistics = follow_all(&stage, &options, false);
	assert_int_equal(statistics.snapshots, 0);
	assert_same_rows(store, rows);
	free(rows);
	store->ops->close(store);
	stage_close(&stage);
}

static void none_comes_sooner_than_its_seconds(void **state)
{
	struct stage stage = stage_open();
	struct store *store = memory_store();
	struct follower_options options = options_for(&stage, store);
	options.snapshot_seconds = 3600;
	uint64_t there[4];
	struct error error;
	shop_trade(&stage.shop, 1000, 7);
	follow_all(&stage, &options, false);
	assert_int_equal(snapshot_list(stage.disk, there, 4, &error), 0);
	store->ops->close(store);
	stage_close(&stage);
}

static void a_disk_without_room_costs_only_the_snapshot(void **state)
{
	struct stage stage = stage_open();
	struct store *store = memory_store();
	struct follower_options options = options_for(&stage, store);
	disk_memory_faults(stage.disk)->capacity = 1000;
	shop_trade(&stage.shop, 300, 8);
	listen_begin();
	struct follower_statistics statistics = follow_all(&stage, &options, true);
	char *said = listen_end();
	assert_non_null(strstr(said, "snapshot_failed"));
	assert_int_equal(statistics.snapshots, 0);
	assert_int_equal(statistics.position, 303);
	free(said);
	store->ops->close(store);
	stage_close(&stage);
}

/* ---- the log's beginning is archived away ---- */

static struct log *small_journal(struct disk *disk)
{
	struct journal_options options = {.segment_size = 16 * DISK_PAGE, .batch_bytes_max = 8192, .threads = true};
	struct journal_recovery recovery;
	struct log *log = NULL;
	struct error error;
	if (journal_open(disk, &options, 1, &log, &recovery, &error) < 0)
		fail_msg("%s", error.text);
	return log;
}

static void wait_durable(const struct stage *stage)
{
	struct error error;
	while (log_durable(stage->log) < stage->shop.sequence) {
		if (log_failed(stage->log, &error) < 0)
			fail_msg("%s", error.text);
		usleep(100);
	}
}

static void note_order(void *context, const struct store_order *order)
{
	uint32_t *counts = context;
	counts[order->buyer.size > 0]++;
}

/* A shop whose first segments are archived, and the options of its follower. */
static struct stage with_archive(struct store *store, struct follower_options *ret)
{
	struct disk *disk = disk_memory_new();
	struct stage stage = stage_of(small_journal(disk), disk);
	struct log_cursor *cursor;
	struct error error;
	*ret = options_for(&stage, store);
	ret->archive = true;
	for (int i = 0; i < 12; i++) {
		shop_trade(&stage.shop, 150, 20 + (uint64_t)i);
		wait_durable(&stage);
		follow_all(&stage, ret, true);
	}
	assert_int_equal(log_cursor_open(stage.log, 1, &cursor, &error), FAULT_NOT_FOUND);
	return stage;
}

struct archived {
	char name[64];
	uint32_t count, wanted;
};

static void note_name(void *context, const char *name, uint64_t size)
{
	struct archived *archived = context;
	if (archived->count++ == archived->wanted)
		snprintf(archived->name, sizeof archived->name, "archive/%s", name);
}

/* The n-th of the archived segments, as the disk lists them. */
static struct archived archived_segment(const struct stage *stage, uint32_t wanted)
{
	struct archived archived = {.wanted = wanted};
	struct error error;
	assert_int_equal(disk_list(stage->disk, "archive", note_name, &archived, &error), 0);
	assert_true(archived.count > wanted);
	return archived;
}

static void assert_cut(struct store *store, bool is_cut)
{
	struct error error;
	uint64_t whole_from = 0;
	assert_int_equal(store->ops->mark(store, STORE_MARK_WHOLE_FROM, &whole_from, &error), 0);
	assert_int_equal(whole_from > 1, is_cut);
}

static void a_store_is_rebuilt_from_the_archive_row_by_row(void **state)
{
	struct store *store = memory_store();
	struct follower_options options;
	struct stage stage = with_archive(store, &options);
	char *rows = store_dump(store);
	struct error error;
	assert_int_equal(store->ops->renew(store, false, &error), 0);
	listen_begin();
	follow_all(&stage, &options, true);
	char *said = listen_end();
	assert_non_null(strstr(said, "archive_read"));
	assert_null(strstr(said, "store_history_cut"));
	assert_same_rows(store, rows);
	assert_cut(store, false);
	shop_trade(&stage.shop, 300, 77); /* and on with what comes */
	wait_durable(&stage);
	follow_all(&stage, &options, true);
	free(rows);
	rows = store_dump(store);
	assert_int_equal(store->ops->renew(store, false, &error), 0);
	follow_all(&stage, &options, false);
	assert_same_rows(store, rows);
	free(rows);
	free(said);
	store->ops->close(store);
	stage_close(&stage);
}

/* The store takes no more after a few transactions, which all are of the first archived segments. */
static uint64_t rebuild_a_little(const struct stage *stage, struct follower_options options)
{
	struct faulty_store faulty = faulty_store_open(options.store);
	struct error error;
	struct wall_ms as_of;
	uint64_t position = 0;
	faulty.fail_in = 100;
	faulty.fault = FAULT_NO_SPACE;
	faulty.for_good = true;
	options.store = &faulty.store;
	struct follower *follower = start(&options);
	bool reached = follower_wait(follower, log_durable(stage->log), 300);
	follower_stop(follower, false);
	assert_false(reached);
	assert_int_equal(faulty.inner->ops->position(faulty.inner, &position, &as_of, &error), 0);
	return position;
}

static void a_rebuild_from_the_archive_that_was_cut_short_goes_on(void **state)
{
	struct store *store = memory_store();
	struct follower_options options;
	struct stage stage = with_archive(store, &options);
	char *rows = store_dump(store);
	struct error error;
	assert_int_equal(store->ops->renew(store, false, &error), 0);
	uint64_t position = rebuild_a_little(&stage, options);
	assert_in_range(position, 1, 1000);
	listen_begin();
	follow_all(&stage, &options, false);
	char *said = listen_end();
	assert_null(strstr(said, "store_rebuilt"));
	assert_same_rows(store, rows);
	free(rows);
	free(said);
	store->ops->close(store);
	stage_close(&stage);
}

/* What is archived is not needed for a sale: damage there is said, and the rest is told. */
static void a_damaged_archive_is_said_and_the_history_cut(void **state)
{
	struct store *store = memory_store();
	struct follower_options options;
	struct stage stage = with_archive(store, &options);
	struct error error;
	assert_true(disk_memory_corrupt(stage.disk, archived_segment(&stage, 2).name, DISK_PAGE + 200, 0x40));
	assert_int_equal(store->ops->renew(store, false, &error), 0);
	listen_begin();
	struct follower_statistics statistics = follow_all(&stage, &options, false);
	char *said = listen_end();
	assert_non_null(strstr(said, "archive_unusable"));
	assert_non_null(strstr(said, "store_history_cut"));
	assert_int_equal(statistics.position, stage.shop.sequence);
	assert_cut(store, true);
	free(said);
	store->ops->close(store);
	stage_close(&stage);
}

static void an_archive_with_a_gap_is_said_and_the_history_cut(void **state)
{
	struct store *store = memory_store();
	struct follower_options options;
	struct stage stage = with_archive(store, &options);
	struct error error;
	assert_int_equal(disk_remove(stage.disk, archived_segment(&stage, 2).name, &error), 0);
	assert_int_equal(store->ops->renew(store, false, &error), 0);
	listen_begin();
	follow_all(&stage, &options, false);
	char *said = listen_end();
	assert_non_null(strstr(said, "archive_unusable"));
	assert_non_null(strstr(said, "is missing"));
	assert_cut(store, true);
	free(said);
	store->ops->close(store);
	stage_close(&stage);
}

static void a_cut_history_is_said_and_marked(void **state)
{
	struct store *store = memory_store();
	struct follower_options options;
	struct stage stage = with_archive(store, &options);
	struct error error;
	uint64_t there[4], whole_from = 0;
	uint32_t counts[2] = {0};
	assert_int_equal(disk_remove(stage.disk, "archive/00000000000000000001.seg", &error), 0);
	assert_int_equal(snapshot_list(stage.disk, there, 4, &error), 2);

	assert_int_equal(store->ops->renew(store, false, &error), 0);
	listen_begin();
	struct follower_statistics statistics = follow_all(&stage, &options, false);
	char *said = listen_end();
	assert_non_null(strstr(said, "store_history_cut"));
	assert_int_equal(statistics.position, stage.shop.sequence);
	assert_int_equal(store->ops->mark(store, STORE_MARK_WHOLE_FROM, &whole_from, &error), 0);
	assert_int_equal(whole_from, there[0] + 1);
	struct store_page page = {.status = -1, .limit = STORE_PAGE_MAX, .before = whole_from};
	assert_true(store->ops->orders(store, &page, note_order, counts, &error) > 0);
	assert_int_equal(counts[1], 0); /* before it, nobody's name is known */
	page.before = 0;
	assert_true(store->ops->orders(store, &page, note_order, counts, &error) > 0);
	assert_true(counts[1] > 0);
	free(said);
	store->ops->close(store);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest plays[] = {
	    cmocka_unit_test(a_snapshot_and_the_rest_are_the_whole),
	    cmocka_unit_test(without_a_snapshot_the_core_is_empty),
	    cmocka_unit_test(the_newest_at_or_before_is_taken),
	    cmocka_unit_test(a_damaged_one_is_said_and_the_older_one_taken),
	    cmocka_unit_test(a_damaged_one_is_none_of_the_two_kept),
	    cmocka_unit_test(one_of_a_newer_program_stays),
	    cmocka_unit_test(pools_that_are_too_small_are_named),
	    cmocka_unit_test(records_of_all_sizes_fold_in_their_order),
	    cmocka_unit_test(a_long_fold_tells_how_far_it_is),
	    cmocka_unit_test(the_follower_makes_them_and_goes_on_from_them),
	    cmocka_unit_test(none_comes_sooner_than_its_seconds),
	    cmocka_unit_test(a_disk_without_room_costs_only_the_snapshot),
	    cmocka_unit_test(a_store_is_rebuilt_from_the_archive_row_by_row),
	    cmocka_unit_test(a_rebuild_from_the_archive_that_was_cut_short_goes_on),
	    cmocka_unit_test(a_damaged_archive_is_said_and_the_history_cut),
	    cmocka_unit_test(an_archive_with_a_gap_is_said_and_the_history_cut),
	    cmocka_unit_test(a_cut_history_is_said_and_marked),
	};
	return cmocka_run_group_tests(plays, NULL, NULL);
}
