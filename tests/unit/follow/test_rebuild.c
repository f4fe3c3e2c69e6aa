/* A read model that was thrown away: rebuilt from the archive and the log, or from a snapshot when they are not whole. */
#include "stage.h"

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
	    cmocka_unit_test(a_store_is_rebuilt_from_the_archive_row_by_row),
	    cmocka_unit_test(a_rebuild_from_the_archive_that_was_cut_short_goes_on),
	    cmocka_unit_test(a_damaged_archive_is_said_and_the_history_cut),
	    cmocka_unit_test(an_archive_with_a_gap_is_said_and_the_history_cut),
	    cmocka_unit_test(a_cut_history_is_said_and_marked),
	};
	return cmocka_run_group_tests(plays, NULL, NULL);
}
