/* The end of the journal, and what leaves at its beginning, where the planted bugs (tests/planted) showed that the other
 * plays look too little: at how the last segment is read, at a tail of one record, at a torn batch whose records look
 * like a journal, and at a power cut between two syncs of folders.
 */
#include "base/crc32c.h"
#include "base/log_line.h"
#include "log/batch.h"
#include "log/segment.h"
#include "play.h"

#define FIRST_SEGMENT "log/00000000000000000001.seg"

/* ---- how it is read ---- */

/* Stands in front of a disk and notes how each file was opened last. */
static struct disk_ops watching;
static int (*real_open)(struct disk *disk, const char *name, enum disk_open how, struct disk_file **ret,
                        struct error *error);
static int opened_direct, opened_cached;

static int watched_open(struct disk *disk, const char *name, enum disk_open how, struct disk_file **ret,
                        struct error *error)
{
	opened_direct += how == DISK_READ_DIRECT && strcmp(name, FIRST_SEGMENT) == 0;
	opened_cached += how == DISK_READ && strcmp(name, FIRST_SEGMENT) == 0;
	return real_open(disk, name, how, ret, error);
}

static void watch(struct disk *disk)
{
	watching = *disk->ops;
	real_open = watching.open;
	watching.open = watched_open;
	opened_direct = opened_cached = 0;
	disk->ops = &watching;
}

/* What the page cache holds may not be on the disk: the last segment is read past it. A planted bug (087) read it through
 * the cache, and every play passed, for a disk in memory has none. */
static void the_last_segment_is_read_past_the_cache(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	write_records(log, 1, 3, 1);
	disk = kill_it(log, disk);
	watch(disk);
	log = open_journal(disk, NULL);
	assert_int_equal(opened_direct, 1);
	assert_int_equal(opened_cached, 1); /* its header page, which was durable before it had its name */
	log_close(log);
	disk_done(disk);
}

/* ---- the tail ---- */

/* A tail of one record was carried over without a seal (planted bug 090): damage to it then passed for a torn write. The
 * play of a carried tail carries three. */
static void a_carried_tail_of_one_is_acknowledged_too(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	write_records(log, 1, 3, 1);
	write_records(log, 4, 4, 1);
	disk = kill_it(log, disk);
	log = open_journal(disk, NULL);
	disk = kill_it(log, disk);
	assert_true(disk_memory_corrupt(disk, "log/00000000000000000004.seg", DISK_PAGE + 150, 1));
	expect_refusal(disk, 1, FAULT_DAMAGED, "00000000000000000004.seg is damaged at offset 4096, at record 4");
	disk_done(disk);
}

#define TEXT_SIZE 6000 /* a record that reaches into the second page of its batch, */
#define TEXT_AT (DISK_PAGE - BATCH_HEADER_SIZE - BATCH_FRAME_SIZE) /* which begins so far into it */

/* A record that holds the head of a batch, such as somebody who knows the format might claim with, where a page begins. */
static void make_text(struct disk *disk, uint8_t text[TEXT_SIZE])
{
	struct disk_file *file;
	struct error error;
	uint8_t page[DISK_PAGE];
	assert_int_equal(disk_open(disk, FIRST_SEGMENT, DISK_READ, &file, &error), 0);
	assert_int_equal(disk_read(disk, file, page, DISK_PAGE, DISK_PAGE, &error), DISK_PAGE);
	disk_close(disk, file);
	put_u64(page + 48, get_u64(page + 48) + 1); /* the segment's tag is what nobody knows beforehand */
	put_u32(page + 120, crc32c(0, page, 120));
	memset(text, 0, TEXT_SIZE);
	memcpy(text + TEXT_AT, page, BATCH_HEADER_SIZE);
}

/* A torn write is left out, whatever its records look like. With a planted bug (089) a head of any segment was proof, and
 * a server whose last claim held one did not start again. */
static void a_record_that_looks_like_a_batch_proves_nothing(void **state)
{
	struct disk *disk = disk_memory_new();
	struct journal_options options = {.segment_size = SMALL_SEGMENT, .batch_bytes_max = 4 * DISK_PAGE};
	struct journal_recovery recovery;
	struct error error = {0};
	struct log *log;
	uint8_t text[TEXT_SIZE];
	assert_int_equal(journal_open(disk, &options, 1, &log, &recovery, &error), 0);
	write_records(log, 1, 1, 1);
	make_text(disk, text);
	assert_int_equal(log_append(log, time_of(2), text, sizeof text, &error), 0);
	log_flush(log);
	assert_int_equal(journal_writer_step(log, &error), 1);
	disk = kill_it(log, disk);
	assert_true(disk_memory_corrupt(disk, FIRST_SEGMENT, 2 * DISK_PAGE + 200, 1));
	log = open_journal(disk, &recovery);
	assert_true(recovery.torn_tail);
	assert_int_equal(recovery.last_sequence, 1);
	log_close(log);
	disk_done(disk);
}

/* ---- archiving ---- */

static bool is_there(struct disk *disk, const char *folder, uint64_t first)
{
	char name[SEGMENT_NAME_SIZE];
	struct disk_file *file;
	struct error error;
	segment_name(name, folder, first);
	if (disk_open(disk, name, DISK_READ, &file, &error) != 0)
		return false;
	disk_close(disk, file);
	return true;
}

/* Archives with the power gone after so many calls; true when it came to its end before. */
static bool archive_and_lose_power(uint32_t calls)
{
	struct disk *disk = disk_memory_new(), *after;
	struct log *log = open_journal(disk, NULL);
	struct error error;
	for (uint64_t n = 1; n <= 40; n++) {
		assert_true(journal_prepare_step(log, &error) >= 0);
		write_records(log, n, n, 1);
	}
	disk_memory_faults(disk)->crash_in = calls;
	bool is_done = journal_archive(log, 29, false, &error) == 2;
	after = kill_it(log, disk);
	for (uint64_t first = 1; first <= 29; first += 14)
		if (!is_there(after, "log", first) && !is_there(after, "archive", first))
			fail_msg("the power went at call %u, and the segment of record %llu is nowhere", calls,
			         (unsigned long long)first);
	disk_done(after);
	return is_done;
}

/* The name in the archive is durable before the one in the log is gone. A planted bug (096) synced the folders the other
 * way round; the plays of crashes know which records were archived and do not look for them. */
static void a_segment_is_never_in_neither_folder(void **state)
{
	uint32_t calls = 1;
	while (!archive_and_lose_power(calls))
		calls++;
	assert_in_range(calls, 6, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_last_segment_is_read_past_the_cache),
	    cmocka_unit_test(a_carried_tail_of_one_is_acknowledged_too),
	    cmocka_unit_test(a_record_that_looks_like_a_batch_proves_nothing),
	    cmocka_unit_test(a_segment_is_never_in_neither_folder),
	};
	log_level_set(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
