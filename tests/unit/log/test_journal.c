/* The journal by hand, on the simulated disk: what goes in, when it is durable, how it is read. */
#include "base/log_line.h"
#include "play.h"

static void a_record_is_echoed_at_once_and_durable_later(void **state)
{
	struct disk *disk = disk_memory_new();
	struct journal_recovery recovery;
	struct log *log = open_journal(disk, &recovery);
	struct log_record echo;
	struct error error;
	uint8_t bytes[RECORD_MAX];
	assert_int_equal(recovery.first_sequence, 0);
	assert_int_equal(recovery.last_sequence, 0);
	assert_false(recovery.torn_tail);

	size_t size = record_make(bytes, 1, 1);
	assert_int_equal(log_append(log, time_of(1), bytes, size, &error), 0);
	assert_int_equal(log_echo(log, &echo, &error), 1);
	assert_true(record_is(&echo, 1, 1));
	assert_int_equal(echo.time.ms, time_of(1).ms);
	assert_int_equal(log_echo(log, &echo, &error), 0);
	assert_int_equal(log_durable(log), 0);
	expect_records(log, 1, 0, 1); /* cursors see nothing that is not durable */

	assert_int_equal(journal_writer_step(log, &error), 0); /* not handed over yet */
	log_flush(log);
	assert_int_equal(journal_writer_step(log, &error), 1);
	assert_int_equal(journal_writer_step(log, &error), 0);
	assert_int_equal(log_durable(log), 1);
	expect_records(log, 1, 1, 1);
	log_close(log);
	disk_done(disk);
}

static void time_never_goes_back(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	struct log_record record;
	struct error error;
	uint8_t bytes[RECORD_MAX];
	size_t size = record_make(bytes, 1, 1);
	assert_int_equal(log_append(log, (struct wall_ms){5000}, bytes, size, &error), 0);
	assert_int_equal(log_append(log, (struct wall_ms){4000}, bytes, size, &error), 0);
	log_flush(log);
	assert_int_equal(journal_writer_step(log, &error), 1);
	disk = kill_it(log, disk);

	struct journal_recovery recovery;
	struct log_cursor *cursor;
	log = open_journal(disk, &recovery);
	assert_int_equal(recovery.last_time.ms, 5000);
	assert_int_equal(log_append(log, (struct wall_ms){4500}, bytes, size, &error), 0);
	assert_int_equal(log_echo(log, &record, &error), 1);
	assert_int_equal(record.time.ms, 5000);
	assert_int_equal(log_cursor_open(log, 2, &cursor, &error), 0);
	assert_int_equal(log_cursor_next(log, cursor, &record, &error), 1);
	assert_int_equal(record.time.ms, 5000);
	log_cursor_close(log, cursor);
	log_close(log);
	disk_done(disk);
}

static void records_are_there_after_a_kill(void **state)
{
	struct disk *disk = disk_memory_new();
	struct journal_recovery recovery;
	struct log *log = open_journal(disk, NULL);
	write_records(log, 1, 3, 1);
	write_records(log, 4, 4, 1);
	disk = kill_it(log, disk);
	log = open_journal(disk, &recovery);
	assert_int_equal(recovery.first_sequence, 1);
	assert_int_equal(recovery.last_sequence, 4);
	assert_int_equal(recovery.batches, 2);
	assert_int_equal(recovery.last_time.ms, time_of(4).ms);
	assert_false(recovery.torn_tail);
	assert_int_equal(log_durable(log), 4);
	expect_records(log, 1, 4, 1);
	write_records(log, 5, 6, 1);
	expect_records(log, 4, 6, 1);
	log_close(log);
	disk_done(disk);
}

static void closing_makes_durable_what_was_appended(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	struct error error;
	assert_int_equal(append_one(log, 1, 1, &error), 0);
	log_close(log);
	log = open_journal(disk, NULL);
	expect_records(log, 1, 1, 1);
	log_close(log);
	disk_done(disk);
}

/* Enough for several segments; then any record can be found, first and last of batches and segments included. */
static void a_cursor_begins_anywhere(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	struct error error;
	uint64_t last = 0;
	for (int i = 0; i < 80; i++) {
		assert_true(journal_prepare_step(log, &error) >= 0);
		write_records(log, last + 1, last + 1 + (uint64_t)(i % 7), 1);
		last += 1 + (uint64_t)(i % 7);
		if (i % 5 == 0)
			assert_int_equal(journal_seal_step(log, &error), 1);
	}
	for (uint64_t from = 1; from <= last + 1; from += 3)
		expect_records(log, from, last, 1);
	disk = kill_it(log, disk);

	struct journal_options options = by_hand();
	struct journal_recovery recovery;
	assert_int_equal(journal_open(disk, &options, last - 5, &log, &recovery, &error), 0);
	assert_true(recovery.segments > 4);
	for (uint64_t from = 1; from <= last + 1; from += 3)
		expect_records(log, from, last, 1); /* through segments that the start has skipped, too */
	log_close(log);
	disk_done(disk);
}

static void a_cursor_follows_the_tail(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	struct log_cursor *cursor;
	struct log_record record;
	struct error error;
	assert_int_equal(log_cursor_open(log, 1, &cursor, &error), 0);
	for (uint64_t n = 1; n < 120; n++) {
		assert_true(journal_prepare_step(log, &error) >= 0);
		assert_int_equal(log_cursor_next(log, cursor, &record, &error), 0);
		write_records(log, n, n, 1);
		if (n % 3 == 0)
			assert_int_equal(journal_seal_step(log, &error), 1);
		assert_int_equal(log_cursor_next(log, cursor, &record, &error), 1);
		assert_true(record_is(&record, n, 1));
	}
	log_cursor_close(log, cursor);
	log_close(log);
	disk_done(disk);
}

static void a_record_has_a_largest_size(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	static uint8_t bytes[8192];
	struct log_record echo;
	struct error error;
	size_t size_max = 8192 / 2 - 16;
	assert_int_equal(log_record_size_max(log), size_max);
	assert_int_equal(log_append(log, time_of(1), bytes, 0, &error), FAULT_INVALID);
	assert_int_equal(log_append(log, time_of(1), bytes, size_max + 1, &error), FAULT_INVALID);
	assert_non_null(strstr(error.text, "4080"));
	for (int i = 0; i < 5; i++) { /* at every place of the ring */
		assert_int_equal(log_append(log, time_of(1), bytes, size_max, &error), 0);
		assert_int_equal(log_echo(log, &echo, &error), 1);
		assert_int_equal(log_echo(log, &echo, &error), 0);
		log_flush(log);
		assert_int_equal(journal_writer_step(log, &error), 1);
		assert_true(journal_prepare_step(log, &error) >= 0);
	}
	log_close(log);
	disk_done(disk);
}

/* What gathers is bounded; the writer makes room, and nothing of what was refused is there. */
static void a_full_ring_is_busy(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	struct error error;
	uint64_t n = 1;
	int fault;
	assert_int_equal(journal_prepare_step(log, &error), 1);
	while ((fault = append_one(log, n, 1, &error)) == 0)
		n++;
	assert_int_equal(fault, FAULT_BUSY);
	assert_true(n > 20);
	log_flush(log);
	assert_int_equal(append_one(log, n, 1, &error), FAULT_BUSY);
	assert_int_equal(journal_writer_step(log, &error), 1);
	assert_int_equal(log_durable(log), n - 1);
	write_records(log, n, n, 1);
	expect_records(log, 1, n, 1);
	log_close(log);
	disk_done(disk);
}

/* A frame's time has 32 bits of milliseconds: at the bound one batch, beyond it two. */
static void a_batch_spans_49_days(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	struct wall_ms start = {1000}, edge = {1000 + INT64_C(0xffffffff)}, beyond = {1000 + INT64_C(0x100000000)};
	struct log_record record;
	struct log_cursor *cursor;
	struct error error;
	uint8_t bytes[RECORD_MAX];
	size_t size = record_make(bytes, 1, 1);
	assert_int_equal(log_append(log, start, bytes, size, &error), 0);
	assert_int_equal(log_append(log, edge, bytes, size, &error), 0);
	assert_int_equal(log_append(log, beyond, bytes, size, &error), FAULT_BUSY);
	log_flush(log);
	assert_int_equal(journal_writer_step(log, &error), 1);
	assert_int_equal(log_append(log, beyond, bytes, size, &error), 0);
	log_flush(log);
	assert_int_equal(journal_writer_step(log, &error), 1);
	assert_int_equal(log_cursor_open(log, 2, &cursor, &error), 0);
	assert_int_equal(log_cursor_next(log, cursor, &record, &error), 1);
	assert_int_equal(record.time.ms, edge.ms);
	assert_int_equal(log_cursor_next(log, cursor, &record, &error), 1);
	assert_int_equal(record.time.ms, beyond.ms);
	log_cursor_close(log, cursor);
	log_close(log);
	disk_done(disk);
}

static uint64_t fill_segments(struct log *log, uint64_t count)
{
	struct error error;
	for (uint64_t n = 1; n <= count; n++) {
		assert_true(journal_prepare_step(log, &error) >= 0);
		write_records(log, n, n, 1);
	}
	return count;
}

static void old_segments_are_archived(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	struct log_cursor *cursor;
	struct error error;
	uint64_t last = fill_segments(log, 100); /* 14 a segment: a page for the header, one kept for the seal */
	assert_int_equal(journal_archive(log, 14, false, &error), 0); /* record 14 is in the first one */
	assert_int_equal(journal_archive(log, 15, false, &error), 1);
	assert_int_equal(log_cursor_open(log, 14, &cursor, &error), FAULT_NOT_FOUND);
	expect_records(log, 15, last, 1);
	assert_int_equal(journal_archive(log, 50, true, &error), 2);
	assert_int_equal(journal_archive(log, last + 1000, false, &error), 4); /* never the last one */
	disk = kill_it(log, disk);

	struct journal_options options = by_hand();
	struct journal_recovery recovery;
	assert_int_equal(journal_open(disk, &options, 99, &log, &recovery, &error), 0);
	assert_int_equal(recovery.first_sequence, 99);
	assert_int_equal(recovery.last_sequence, last);
	assert_int_equal(log_cursor_open(log, 98, &cursor, &error), FAULT_NOT_FOUND);
	expect_records(log, 99, last, 1);
	log_close(log);
	disk_done(disk);
}

static void count_batches(void *context, uint32_t records, size_t bytes, uint64_t write_ns, uint64_t sync_ns)
{
	uint64_t *sums = context;
	sums[0]++;
	sums[1] += records;
	sums[2] += bytes;
}

static void count_moves(void *context)
{
	++*(uint64_t *)context;
}

static void whoever_waits_is_told(void **state)
{
	struct disk *disk = disk_memory_new();
	uint64_t sums[3] = {0}, moves = 0;
	struct journal_options options = by_hand();
	struct log_statistics statistics;
	struct error error;
	struct log *log;
	options.on_batch = count_batches;
	options.on_batch_context = sums;
	assert_int_equal(journal_open(disk, &options, 1, &log, NULL, &error), 0);
	log_on_moved(log, count_moves, &moves);
	write_records(log, 1, 5, 1);
	assert_int_equal(moves, 1);
	assert_int_equal(sums[0], 1);
	assert_int_equal(sums[1], 5);
	assert_true(sums[2] > 5 * 32);
	assert_int_equal(append_one(log, 6, 1, &error), 0);
	log_flush(log);
	journal_statistics(log, &statistics);
	assert_int_equal(statistics.batches, 1);
	assert_int_equal(statistics.records, 5);
	assert_int_equal(statistics.waiting_records, 1);
	log_close(log);
	disk_done(disk);
}

static void reading_only_changes_nothing(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL), *reader;
	struct journal_options options = {.read_only = true};
	struct journal_recovery recovery;
	struct error error;
	uint8_t byte = 1;
	uint64_t last = fill_segments(log, 40);
	uint64_t used = disk_memory_used(disk);
	assert_int_equal(journal_open(disk, &options, 1, &reader, &recovery, &error), 0);
	assert_int_equal(recovery.last_sequence, last);
	assert_false(recovery.torn_tail);
	expect_records(reader, 1, last, 1);
	assert_int_equal(log_append(reader, time_of(1), &byte, 1, &error), FAULT_INVALID);
	assert_int_equal(log_room(reader), LOG_ROOM_NONE);
	assert_int_equal(journal_archive(reader, 20, false, &error), FAULT_INVALID);
	log_close(reader);
	assert_int_equal(disk_memory_used(disk), used);
	write_records(log, last + 1, last + 1, 1); /* the server has not noticed */
	log_close(log);
	disk_done(disk);
}

static void reading_a_journal_that_is_not_there(void **state)
{
	struct disk *disk = disk_memory_new();
	struct journal_recovery recovery;
	struct error error;
	assert_int_equal(journal_verify(disk, &recovery, &error), FAULT_NOT_FOUND);
	disk_done(disk);
}

static void settings_have_bounds(void **state)
{
	struct disk *disk = disk_memory_new();
	struct error error;
	struct log *log;
	struct journal_options options = by_hand();
	options.segment_size = SMALL_SEGMENT - DISK_PAGE;
	assert_int_equal(journal_open(disk, &options, 1, &log, NULL, &error), FAULT_INVALID);
	options.segment_size = SMALL_SEGMENT + 1;
	assert_int_equal(journal_open(disk, &options, 1, &log, NULL, &error), FAULT_INVALID);
	options.segment_size = (UINT64_C(1) << 30) + DISK_PAGE;
	assert_int_equal(journal_open(disk, &options, 1, &log, NULL, &error), FAULT_INVALID);
	options = by_hand();
	options.batch_bytes_max = DISK_PAGE - 1;
	assert_int_equal(journal_open(disk, &options, 1, &log, NULL, &error), FAULT_INVALID);
	disk_done(disk);
}

/* The tail of a larger segment is carried into a run with smaller ones. */
static void segments_may_get_smaller(void **state)
{
	struct disk *disk = disk_memory_new();
	struct journal_options options = {.segment_size = 64 * SMALL_SEGMENT, .batch_bytes_max = 256 * 1024};
	struct error error;
	struct log *log;
	uint64_t last = 1000;
	assert_int_equal(journal_open(disk, &options, 1, &log, NULL, &error), 0);
	write_records(log, 1, last, 1);
	disk = kill_it(log, disk);
	log = open_journal(disk, NULL);
	expect_records(log, 1, last, 1);
	assert_int_equal(journal_prepare_step(log, &error), 1);
	write_records(log, last + 1, last + 3, 1);
	expect_records(log, 1, last + 3, 1);
	log_close(log);
	disk_done(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_record_is_echoed_at_once_and_durable_later),
	    cmocka_unit_test(time_never_goes_back),
	    cmocka_unit_test(records_are_there_after_a_kill),
	    cmocka_unit_test(closing_makes_durable_what_was_appended),
	    cmocka_unit_test(a_cursor_begins_anywhere),
	    cmocka_unit_test(a_cursor_follows_the_tail),
	    cmocka_unit_test(a_record_has_a_largest_size),
	    cmocka_unit_test(a_full_ring_is_busy),
	    cmocka_unit_test(a_batch_spans_49_days),
	    cmocka_unit_test(old_segments_are_archived),
	    cmocka_unit_test(whoever_waits_is_told),
	    cmocka_unit_test(reading_only_changes_nothing),
	    cmocka_unit_test(reading_a_journal_that_is_not_there),
	    cmocka_unit_test(settings_have_bounds),
	    cmocka_unit_test(segments_may_get_smaller),
	};
	log_level_set(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
