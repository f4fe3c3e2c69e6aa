/* The journal by hand, when disks fail, fill up, or do not give back what was written. */
#include "base/crc32c.h"
#include "base/log_line.h"
#include "log/batch.h"
#include "log/segment.h"
#include "play.h"

#define LISTING_SIZE 2048
#define FIRST_SEGMENT "log/00000000000000000001.seg"

/* ---- failed writes and syncs are final ---- */

static void count_moves(void *context)
{
	++*(uint64_t *)context;
}

static struct disk *expect_final(struct log *log, struct disk *disk, uint64_t durable)
{
	struct error error = {0};
	struct log_record echo;
	uint64_t moves = 0;
	log_on_moved(log, count_moves, &moves);
	assert_int_equal(append_one(log, durable + 1, 1, &error), 0);
	log_flush(log);
	assert_int_equal(journal_writer_step(log, &error), FAULT_IO);
	assert_true(moves > 0);
	assert_int_equal(log_failed(log, &error), FAULT_IO);
	assert_true(strlen(error.text) > 10);
	assert_int_equal(log_durable(log), durable);
	uint64_t calls = disk_memory_calls(disk);
	assert_int_equal(journal_writer_step(log, &error), FAULT_IO); /* never again */
	assert_int_equal(journal_seal_step(log, &error), FAULT_IO);
	assert_int_equal(journal_prepare_step(log, &error), FAULT_IO);
	assert_int_equal(append_one(log, durable + 2, 1, &error), FAULT_IO);
	assert_int_equal(log_echo(log, &echo, &error), FAULT_IO);
	assert_int_equal(disk_memory_calls(disk), calls); /* the disk is not even asked */
	assert_int_equal(log_durable(log), durable);
	expect_records(log, 1, durable, 1); /* what was durable can still be read */
	return kill_it(log, disk);
}

static void expect_start(struct disk *disk, uint64_t last)
{
	struct log *log = open_journal(disk, NULL);
	expect_records(log, 1, last, 1);
	log_close(log);
	disk_done(disk);
}

static void a_failed_sync_is_final(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	write_records(log, 1, 3, 1);
	disk_memory_faults(disk)->fail_sync_in = 1; /* the second would succeed, and keep nothing of it */
	expect_start(expect_final(log, disk, 3), 3);
}

static void a_failed_write_is_final(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	write_records(log, 1, 3, 1);
	disk_memory_faults(disk)->fail_write_in = 1;
	expect_start(expect_final(log, disk, 3), 3);
}

static void a_short_write_is_final(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	write_records(log, 1, 3, 1);
	disk_memory_faults(disk)->short_write_in = 1;
	expect_start(expect_final(log, disk, 3), 3);
}

static void a_failed_seal_is_final(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	struct error error;
	write_records(log, 1, 3, 1);
	disk_memory_faults(disk)->fail_sync_in = 1;
	assert_int_equal(journal_seal_step(log, &error), FAULT_IO);
	assert_int_equal(log_failed(log, &error), FAULT_IO);
	expect_start(kill_it(log, disk), 3);
}

static void a_failed_sync_of_a_blank_segment_is_final(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	struct error error;
	write_records(log, 1, 3, 1);
	disk_memory_faults(disk)->fail_sync_in = 1;
	assert_int_equal(journal_prepare_step(log, &error), FAULT_IO);
	assert_int_equal(log_failed(log, &error), FAULT_IO);
	expect_start(kill_it(log, disk), 3);
}

static void a_failed_sync_in_recovery_refuses_to_start(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	write_records(log, 1, 3, 1);
	disk = kill_it(log, disk);
	disk_memory_faults(disk)->fail_sync_in = 2;
	expect_refusal(disk, 1, FAULT_IO, "does not answer");
	expect_start(disk, 3);
}

/* ---- torn tails ---- */

static void a_torn_batch_is_left_out_and_said(void **state)
{
	struct disk *disk = disk_memory_new();
	struct journal_recovery recovery;
	struct log *log = open_journal(disk, NULL);
	write_records(log, 1, 3, 1);
	write_records(log, 4, 9, 1);
	disk = kill_it(log, disk);
	assert_true(disk_memory_corrupt(disk, FIRST_SEGMENT, 2 * DISK_PAGE + 200, 1)); /* the last one, unsealed */
	log = open_journal(disk, &recovery);
	assert_true(recovery.torn_tail);
	assert_non_null(strstr(recovery.torn_where, FIRST_SEGMENT " at offset 8192"));
	assert_int_equal(recovery.last_sequence, 3);
	expect_records(log, 1, 3, 1);
	write_records(log, 4, 5, 2);
	disk = kill_it(log, disk);
	log = open_journal(disk, &recovery);
	assert_false(recovery.torn_tail); /* it is not met a second time */
	assert_int_equal(recovery.last_sequence, 5);
	expect_records(log, 4, 5, 2);
	log_close(log);
	disk_done(disk);
}

/* ---- damage ---- */

/* Three batches, sealed; 3 of 4 pages are acknowledged data. */
static struct disk *sealed_journal(void)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	struct error error;
	write_records(log, 1, 3, 1);
	write_records(log, 4, 4, 1);
	write_records(log, 5, 20, 1);
	assert_int_equal(journal_seal_step(log, &error), 1);
	assert_int_equal(journal_seal_step(log, &error), 0); /* one is enough */
	return kill_it(log, disk);
}

static void any_damaged_byte_is_noticed(void **state)
{
	struct disk *disk = sealed_journal();
	struct journal_recovery recovery;
	struct error error;
	char place[64];
	assert_int_equal(journal_verify(disk, &recovery, &error), 0);
	for (uint64_t offset = 0; offset < 4 * DISK_PAGE; offset += offset % DISK_PAGE < 160 ? 1 : 13) {
		uint8_t bit = (uint8_t)(1u << offset % 8);
		assert_true(disk_memory_corrupt(disk, FIRST_SEGMENT, offset, bit));
		int fault = journal_verify(disk, &recovery, &error);
		if (fault !=
		    FAULT_DAMAGED) /* nor is it a newer format: the simulator found the header's version to be */
			fail_msg("a changed byte at %llu goes unnoticed: %d", (unsigned long long)offset, fault);
		snprintf(place, sizeof place, FIRST_SEGMENT " is damaged at offset %llu",
		         (unsigned long long)(offset / DISK_PAGE * DISK_PAGE));
		if (!strstr(error.text, place))
			fail_msg("byte %llu: it says %s", (unsigned long long)offset, error.text);
		assert_true(disk_memory_corrupt(disk, FIRST_SEGMENT, offset, bit));
	}
	assert_true(disk_memory_corrupt(disk, FIRST_SEGMENT, 3 * DISK_PAGE + 300, 4));
	expect_refusal(disk, 1, FAULT_DAMAGED, "offset 12288, at record 5");
	expect_refusal(disk, 1, FAULT_DAMAGED, "offset 12288, at record 5"); /* and it stays refused */
	assert_true(disk_memory_corrupt(disk, FIRST_SEGMENT, 3 * DISK_PAGE + 300, 4));
	expect_start(disk, 20);
}

/* What recovery carried into a new segment has been answered from: it cannot pass for a torn tail either. */
static void a_carried_tail_is_acknowledged(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	write_records(log, 1, 3, 1);
	write_records(log, 4, 6, 1);
	disk = kill_it(log, disk);
	log = open_journal(disk, NULL);
	disk = kill_it(log, disk);
	assert_true(disk_memory_corrupt(disk, "log/00000000000000000004.seg", DISK_PAGE + 150, 1));
	expect_refusal(disk, 1, FAULT_DAMAGED, "00000000000000000004.seg is damaged at offset 4096, at record 4");
	disk_done(disk);
}

static struct disk *many_segments(uint64_t count)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	struct error error;
	for (uint64_t n = 1; n <= count; n++) {
		assert_true(journal_prepare_step(log, &error) >= 0);
		write_records(log, n, n, 1);
	}
	return kill_it(log, disk);
}

static void an_old_segment_is_verified_only_when_needed(void **state)
{
	struct disk *disk = many_segments(40);
	struct journal_options options = by_hand();
	struct log_cursor *cursor;
	struct log_record record;
	struct error error = {0};
	struct log *log;
	assert_true(disk_memory_corrupt(disk, FIRST_SEGMENT, 3 * DISK_PAGE + 140, 1));
	expect_refusal(disk, 1, FAULT_DAMAGED, "offset 12288, at record 3");
	expect_refusal(disk, 14, FAULT_DAMAGED, "offset 12288, at record 3");
	assert_int_equal(journal_open(disk, &options, 15, &log, NULL, &error), 0);
	expect_records(log, 15, 40, 1);
	assert_int_equal(log_cursor_open(log, 2, &cursor, &error), 0);
	assert_int_equal(log_cursor_next(log, cursor, &record, &error), 1);
	assert_int_equal(log_cursor_next(log, cursor, &record, &error), FAULT_DAMAGED); /* who reads it is told */
	assert_non_null(strstr(error.text, "offset 12288, at record 3"));
	log_cursor_close(log, cursor);
	log_close(log);
	disk_done(disk);
}

static void a_missing_segment_is_noticed(void **state)
{
	struct disk *disk = many_segments(50);
	struct error error;
	assert_int_equal(disk_remove(disk, "log/00000000000000000015.seg", &error), 0);
	expect_refusal(disk, 1, FAULT_DAMAGED, "a segment between records 1 and 29 is missing");
	expect_refusal(disk, 45, FAULT_DAMAGED, "a segment between records 1 and 29 is missing");
	disk_done(disk);
}

static void note_file(void *context, const char *name, uint64_t size)
{
	char *listed = context;
	size_t used = strlen(listed);
	snprintf(listed + used, LISTING_SIZE - used, "%s %llu\n", name, (unsigned long long)size);
}

static void list_log(struct disk *disk, char ret[LISTING_SIZE])
{
	struct error error;
	ret[0] = '\0';
	assert_int_equal(disk_list(disk, "log", note_file, ret, &error), 0);
}

/* An operator had moved the newest segment to another disk for a while. The start refused, as it must, but it had cut
 * the segment before and begun a new one in the place of what was away, so that putting it back did not mend it. */
static void a_start_that_lacks_the_end_changes_nothing(void **state)
{
	struct disk *disk = many_segments(50);
	struct error error;
	char before[LISTING_SIZE], after[LISTING_SIZE];
	assert_int_equal(disk_rename(disk, "log/00000000000000000043.seg", "away", &error), 0);
	list_log(disk, before);
	expect_refusal(disk, 51, FAULT_DAMAGED, "the newest snapshot is of record 50, but the log ends at 42");
	list_log(disk, after);
	assert_string_equal(before, after);
	assert_int_equal(disk_rename(disk, "away", "log/00000000000000000043.seg", &error), 0);
	expect_start(disk, 50);
}

/* Nor when the whole folder is empty, where a new log would begin. From 1 it does. */
static void an_empty_log_behind_a_snapshot_is_refused(void **state)
{
	struct disk *disk = disk_memory_new();
	char after[LISTING_SIZE];
	expect_refusal(disk, 51, FAULT_DAMAGED, "the log ends at 0");
	list_log(disk, after);
	assert_string_equal(after, "");
	expect_start(disk, 0);
}

/* Snapshots that the archived segments lead to are gone: the state cannot be told, and that is damage, not "not found". */
static void a_start_that_lacks_the_beginning_changes_nothing(void **state)
{
	struct disk *disk = many_segments(50);
	struct journal_options options = by_hand();
	struct error error;
	struct log *log;
	char before[LISTING_SIZE], after[LISTING_SIZE];
	assert_int_equal(disk_rename(disk, FIRST_SEGMENT, "away", &error), 0);
	list_log(disk, before);
	expect_refusal(disk, 1, FAULT_DAMAGED, "records 1 to 14 are missing");
	expect_refusal(disk, 14, FAULT_DAMAGED, "put their segments back from archive/ into log/");
	list_log(disk, after);
	assert_string_equal(before, after);
	assert_int_equal(journal_open(disk, &options, 15, &log, NULL, &error), 0);
	expect_records(log, 15, 50, 1);
	log_close(log);
	assert_int_equal(disk_rename(disk, "away", FIRST_SEGMENT, &error), 0);
	expect_start(disk, 50);
}

static void a_cut_off_segment_is_noticed(void **state)
{
	struct disk *disk = many_segments(50);
	struct error error;
	assert_int_equal(disk_shrink(disk, FIRST_SEGMENT, 5 * DISK_PAGE + 100, &error), 0);
	expect_refusal(disk, 1, FAULT_DAMAGED, "offset 20480, at record 5");
	assert_int_equal(disk_shrink(disk, FIRST_SEGMENT, 100, &error), 0);
	expect_refusal(disk, 1, FAULT_DAMAGED, "it is cut off");
	disk_done(disk);
}

/* ---- tampering: the checksums are right, the chain is not ---- */

static void read_page(struct disk *disk, const char *name, uint64_t offset, uint8_t page[DISK_PAGE])
{
	struct disk_file *file;
	struct error error;
	assert_int_equal(disk_open(disk, name, DISK_READ, &file, &error), 0);
	assert_int_equal(disk_read(disk, file, page, DISK_PAGE, offset, &error), DISK_PAGE);
	disk_close(disk, file);
}

static void write_page(struct disk *disk, const char *name, uint64_t offset, const uint8_t page[DISK_PAGE])
{
	struct disk_file *file;
	struct error error;
	assert_int_equal(disk_open(disk, name, DISK_WRITE, &file, &error), 0);
	assert_int_equal(disk_write(disk, file, page, DISK_PAGE, offset, &error), 0);
	assert_int_equal(disk_sync_data(disk, file, &error), 0);
	disk_close(disk, file);
}

static void set_checksums(uint8_t page[DISK_PAGE])
{
	put_u32(page + 120, crc32c(0, page, 120));
	put_u32(page + 124, crc32c(crc32c(0, page, 124), page + 128, DISK_PAGE - 128));
}

static void an_exchanged_record_breaks_the_chain(void **state)
{
	struct disk *disk = many_segments(40);
	struct journal_options options = by_hand();
	struct log_cursor *cursor;
	struct log_record record;
	struct error error = {0};
	struct log *log;
	uint8_t page[DISK_PAGE];
	read_page(disk, FIRST_SEGMENT, 3 * DISK_PAGE, page);
	page[BATCH_HEADER_SIZE + BATCH_FRAME_SIZE + 24] ^= 1;
	set_checksums(page);
	write_page(disk, FIRST_SEGMENT, 3 * DISK_PAGE, page);
	expect_refusal(disk, 1, FAULT_DAMAGED, "offset 16384, at record 4: the batch does not follow");

	assert_int_equal(journal_open(disk, &options, 30, &log, NULL, &error), 0); /* not looked at by this start … */
	assert_int_equal(log_cursor_open(log, 1, &cursor, &error), 0);
	for (int i = 1; i <= 3; i++)
		assert_int_equal(log_cursor_next(log, cursor, &record, &error), 1);
	assert_int_equal(log_cursor_next(log, cursor, &record, &error), FAULT_DAMAGED); /* … but by the cursor */
	assert_non_null(strstr(error.text, "does not follow"));
	log_cursor_close(log, cursor);
	log_close(log);
	disk_done(disk);
}

/* The last batch of a segment: the next segment's header holds its hash. */
static void the_chain_runs_across_segments(void **state)
{
	struct disk *disk = many_segments(40);
	uint8_t page[DISK_PAGE];
	read_page(disk, FIRST_SEGMENT, 14 * DISK_PAGE, page);
	page[BATCH_HEADER_SIZE + BATCH_FRAME_SIZE + 24] ^= 1;
	set_checksums(page);
	write_page(disk, FIRST_SEGMENT, 14 * DISK_PAGE, page);
	expect_refusal(disk, 1, FAULT_DAMAGED, "00000000000000000015.seg is damaged at offset 0");
	disk_done(disk);
}

static void a_batch_of_another_segment_is_not_taken(void **state)
{
	struct disk *disk = many_segments(40);
	uint8_t page[DISK_PAGE];
	read_page(disk, "log/00000000000000000015.seg", 2 * DISK_PAGE, page);
	write_page(disk, FIRST_SEGMENT, 2 * DISK_PAGE, page);
	expect_refusal(disk, 1, FAULT_DAMAGED, "offset 8192, at record 2");
	disk_done(disk);
}

/* ---- newer formats ---- */

static void a_newer_segment_is_refused(void **state)
{
	struct disk *disk = many_segments(3);
	uint8_t page[DISK_PAGE];
	read_page(disk, FIRST_SEGMENT, 0, page);
	put_u32(page + 8, SEGMENT_VERSION + 1);
	put_u32(page + DISK_PAGE - 4, crc32c(0, page, DISK_PAGE - 4));
	write_page(disk, FIRST_SEGMENT, 0, page);
	expect_refusal(disk, 1, FAULT_VERSION, "use a newer dibs");
	disk_done(disk);
}

static void a_newer_batch_is_refused(void **state)
{
	struct disk *disk = many_segments(3);
	uint8_t page[DISK_PAGE];
	read_page(disk, FIRST_SEGMENT, 3 * DISK_PAGE, page);
	put_u16(page + 4, BATCH_VERSION + 1);
	set_checksums(page);
	write_page(disk, FIRST_SEGMENT, 3 * DISK_PAGE, page);
	expect_refusal(disk, 1, FAULT_VERSION, "use a newer dibs");
	disk_done(disk);
}

/* ---- full disks ---- */

/* The disk holds two segments and a half. Claims are refused while there is still a segment for everything else; even
 * that comes to its end before anything is lost; and when there is room again, it goes on. */
static void a_full_disk_refuses_claims_before_it_loses_anything(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	struct error error;
	uint64_t n = 0, in_reserve = 0;
	int fault;
	disk_memory_faults(disk)->capacity = 5 * SMALL_SEGMENT / 2;
	assert_int_equal(journal_prepare_step(log, &error), 1);
	while (log_room(log) == LOG_ROOM_ALL) {
		n++;
		write_records(log, n, n, 1);
		fault = journal_prepare_step(log, &error);
		assert_true(fault == 0 || fault == FAULT_NO_SPACE);
	}
	assert_int_equal(log_room(log), LOG_ROOM_RESERVE);
	assert_int_equal(n, 15);                                     /* the first of the second segment */
	assert_int_equal(disk_memory_used(disk), 2 * SMALL_SEGMENT); /* what was tried has been given back */
	while (log_room(log) == LOG_ROOM_RESERVE) {
		n++;
		in_reserve++;
		write_records(log, n, n, 1);
		assert_int_equal(journal_prepare_step(log, &error), FAULT_NO_SPACE);
	}
	assert_int_equal(log_room(log), LOG_ROOM_NONE);
	assert_true(in_reserve >= 8);
	while ((fault = append_one(log, n + 1, 1, &error)) ==
	       0) { /* who goes on all the same is refused before a loss */
		n++;
		log_flush(log);
		assert_int_equal(journal_writer_step(log, &error), 1);
	}
	assert_int_equal(fault, FAULT_NO_SPACE);
	assert_int_equal(log_failed(log, &error), 0);
	expect_records(log, 1, n, 1);

	disk_memory_faults(disk)->capacity = 8 * SMALL_SEGMENT;
	assert_int_equal(journal_prepare_step(log, &error), 1);
	assert_int_equal(log_room(log), LOG_ROOM_ALL);
	write_records(log, n + 1, n + 20, 1);
	disk = kill_it(log, disk);
	expect_start(disk, n + 20);
}

/* Claims stop when half of the open segment is used and the next one is not ready: should it turn out that the disk has
 * no room for it, the other half is still there. */
static void a_late_segment_keeps_a_reserve(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	struct error error;
	uint64_t claims = 0, others = 0;
	while (log_room(log) == LOG_ROOM_ALL) {
		claims++;
		write_records(log, claims, claims, 1);
	}
	assert_int_equal(log_room(log), LOG_ROOM_RESERVE);
	assert_int_equal(claims, 7); /* of 14 */
	disk_memory_faults(disk)->capacity = SMALL_SEGMENT;
	assert_int_equal(journal_prepare_step(log, &error), FAULT_NO_SPACE);
	while (log_room(log) == LOG_ROOM_RESERVE) {
		others++;
		write_records(log, claims + others, claims + others, 1);
	}
	assert_true(others >= 3);
	disk_memory_faults(disk)->capacity = 0;
	assert_int_equal(journal_prepare_step(log, &error), 1);
	assert_int_equal(log_room(log), LOG_ROOM_ALL);
	log_close(log);
	disk_done(disk);
}

/* Without a segment ready, append stops before the open one is overrun, whatever the sizes and groups. */
static void a_late_segment_is_busy_not_lost(void **state)
{
	struct error error;
	for (uint64_t group = 1; group <= 40; group++) {
		struct disk *disk = disk_memory_new();
		struct log *log = open_journal(disk, NULL);
		uint64_t n = 0;
		int fault = 0;
		while (fault == 0) {
			for (uint64_t i = 0; i < group && fault == 0; i++) {
				fault = append_one(log, n + 1, 1, &error);
				n += fault == 0;
			}
			log_flush(log);
			assert_true(journal_writer_step(log, &error) >= 0);
			assert_true(journal_seal_step(log, &error) >= 0);
		}
		assert_int_equal(fault, FAULT_BUSY);
		assert_int_not_equal(log_room(log), LOG_ROOM_ALL);
		assert_int_equal(log_durable(log), n);
		assert_int_equal(journal_prepare_step(log, &error), 1);
		write_records(log, n + 1, n + 1, 1);
		expect_start(kill_it(log, disk), n + 1);
	}
}

/* What waits may become two batches, when the ledger looks while the writer is just copying: two pages more than one
 * batch, and one for a seal. With two pages kept in all, a batch could find no place, which ends the process. */
static void three_pages_are_kept_beside_what_is_promised(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	struct error error;
	uint64_t n = 0;
	while (append_one(log, n + 1, 1, &error) == 0) {
		n++;
		log_flush(log);
		assert_int_equal(journal_writer_step(log, &error), 1);
	}
	assert_int_equal(error.code, FAULT_BUSY);
	assert_int_equal(n,
	                 SMALL_SEGMENT / DISK_PAGE - 2 - 3); /* a page each; the header and the last seal have theirs */
	log_close(log);
	disk_done(disk);
}

static void a_start_on_a_full_disk_says_so(void **state)
{
	struct disk *disk = many_segments(20);
	struct error error;
	assert_int_equal(disk_remove(disk, SEGMENT_BLANK, &error), 0);
	disk_memory_faults(disk)->capacity = disk_memory_used(disk);
	expect_refusal(disk, 1, FAULT_NO_SPACE, "nothing is lost");
	disk_memory_faults(disk)->capacity += SMALL_SEGMENT;
	expect_start(disk, 20);
}

/* A segment that was ready when the server was killed is used again: its room is there. */
static void a_ready_segment_survives_a_full_disk(void **state)
{
	struct disk *disk = disk_memory_new();
	struct log *log = open_journal(disk, NULL);
	struct error error;
	write_records(log, 1, 3, 1);
	assert_int_equal(journal_prepare_step(log, &error), 1);
	disk = kill_it(log, disk);
	disk_memory_faults(disk)->capacity = disk_memory_used(disk);
	expect_start(disk, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_failed_sync_is_final),
	    cmocka_unit_test(a_failed_write_is_final),
	    cmocka_unit_test(a_short_write_is_final),
	    cmocka_unit_test(a_failed_seal_is_final),
	    cmocka_unit_test(a_failed_sync_of_a_blank_segment_is_final),
	    cmocka_unit_test(a_failed_sync_in_recovery_refuses_to_start),
	    cmocka_unit_test(a_torn_batch_is_left_out_and_said),
	    cmocka_unit_test(any_damaged_byte_is_noticed),
	    cmocka_unit_test(a_carried_tail_is_acknowledged),
	    cmocka_unit_test(an_old_segment_is_verified_only_when_needed),
	    cmocka_unit_test(a_missing_segment_is_noticed),
	    cmocka_unit_test(a_start_that_lacks_the_end_changes_nothing),
	    cmocka_unit_test(an_empty_log_behind_a_snapshot_is_refused),
	    cmocka_unit_test(a_start_that_lacks_the_beginning_changes_nothing),
	    cmocka_unit_test(a_cut_off_segment_is_noticed),
	    cmocka_unit_test(an_exchanged_record_breaks_the_chain),
	    cmocka_unit_test(the_chain_runs_across_segments),
	    cmocka_unit_test(a_batch_of_another_segment_is_not_taken),
	    cmocka_unit_test(a_newer_segment_is_refused),
	    cmocka_unit_test(a_newer_batch_is_refused),
	    cmocka_unit_test(a_full_disk_refuses_claims_before_it_loses_anything),
	    cmocka_unit_test(a_late_segment_is_busy_not_lost),
	    cmocka_unit_test(a_late_segment_keeps_a_reserve),
	    cmocka_unit_test(three_pages_are_kept_beside_what_is_promised),
	    cmocka_unit_test(a_start_on_a_full_disk_says_so),
	    cmocka_unit_test(a_ready_segment_survives_a_full_disk),
	};
	log_level_set(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
