/* Snapshots: made, told, kept, refused; and the follower that makes them. */
#include "stage.h"

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

/* The header says version 2 and is sound. */
static void make_newer(struct disk *disk, const char *name)
{
	struct disk_file *file;
	uint8_t header[64];
	assert_int_equal(disk_open(disk, name, DISK_WRITE, &file, NULL), 0);
	assert_int_equal(disk_read(disk, file, header, sizeof header, 0, NULL), sizeof header);
	put_u32(header + 8, 2);
	put_u32(header + 60, crc32c(0, header, 60));
	assert_int_equal(disk_write(disk, file, header, sizeof header, 0, NULL), 0);
	disk_close(disk, file);
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
	make_newer(stage.disk, name);
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
	};
	return cmocka_run_group_tests(plays, NULL, NULL);
}
