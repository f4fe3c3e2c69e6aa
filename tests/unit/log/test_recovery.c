/* Recovery, where the disk fails or changes under it: each call to it in turn, each page that may stand where another
 * should. What recovery says, and that it starts again when the disk is sound.
 */
#include <unistd.h>

#include "base/crc32c.h"
#include "base/log_line.h"
#include "log/batch.h"
#include "log/segment.h"
#include "play.h"

#include "folder.h"

#define FIRST_SEGMENT "log/00000000000000000001.seg"

/* ---- journals ---- */

/* A batch of so many records each, over as many segments as it takes. */
static struct disk *journal_of_batches(struct journal_options options, uint64_t batches, uint64_t records)
{
	struct disk *disk = disk_memory_new();
	struct error error = {0};
	struct log *log;
	assert_int_equal(journal_open(disk, &options, 1, &log, NULL, &error), 0);
	for (uint64_t n = 0; n < batches; n++) {
		assert_true(journal_prepare_step(log, &error) >= 0);
		write_records(log, n * records + 1, (n + 1) * records, 1);
	}
	return kill_it(log, disk);
}

/* Batches of a page, 14 a segment. */
static struct disk *small_journal(uint64_t batches)
{
	return journal_of_batches(by_hand(), batches, 1);
}

/* Batches and segments that are larger than what is read at a time. */
static const struct journal_options large = {.segment_size = 128 * DISK_PAGE, .batch_bytes_max = 128 * 1024};

static struct disk *large_journal(uint64_t batches)
{
	return journal_of_batches(large, batches, 500);
}

static void expect_start(struct disk *disk, uint64_t last)
{
	struct log *log = open_journal(disk, NULL);
	expect_records(log, 1, last, 1);
	log_close(log);
	disk_done(disk);
}

static uint64_t verify(struct disk *disk)
{
	struct journal_recovery recovery;
	struct error error = {0};
	if (journal_verify(disk, &recovery, &error) != 0)
		fail_msg("%s", error.text);
	return recovery.last_sequence;
}

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

/* ---- every call fails once ---- */

/* Sound batches, then one torn, and behind it nothing: all that recovery does with a disk. */
static struct disk *torn_journal(void)
{
	struct disk *disk = large_journal(8);
	assert_int_equal(verify(disk), 4000);
	return disk;
}

static void a_start_tells_of_each_call_that_fails(void **state)
{
	struct disk *sound = torn_journal();
	uint32_t failed = 0;
	for (bool is_over = false; !is_over;) {
		struct disk *disk = disk_memory_crash(sound, 0);
		struct journal_options options = large;
		struct error error = {0};
		struct log *log = NULL;
		disk_memory_faults(disk)->fail_call_in = failed + 1;
		int fault = journal_open(disk, &options, 1, &log, NULL, &error);
		is_over = disk_memory_faults(disk)->fail_call_in > 0;
		if (fault) {
			assert_int_equal(fault, FAULT_IO);
			assert_non_null(strstr(error.text, "does not answer"));
			assert_null(log);
		} else {
			log_close(log);
		}
		failed += !is_over;
		disk_memory_faults(disk)->fail_call_in = 0;
		expect_start(disk, 4000);
	}
	assert_true(failed > 30);
	disk_done(sound);
}

static void a_reader_tells_of_each_call_that_fails(void **state)
{
	struct disk *disk = torn_journal();
	struct journal_recovery recovery;
	struct error error;
	uint32_t failed = 0;
	for (;; failed++) {
		disk_memory_faults(disk)->fail_call_in = failed + 1;
		int fault = journal_verify(disk, &recovery, &error);
		if (disk_memory_faults(disk)->fail_call_in > 0)
			break;
		assert_int_equal(fault, FAULT_IO);
	}
	disk_memory_faults(disk)->fail_call_in = 0;
	assert_true(failed > 15);
	assert_int_equal(verify(disk), 4000);
	disk_done(disk);
}

/* ---- the disk changes while it is read ---- */

/* Before the n-th read that begins at this offset, something happens to the disk. */
static struct {
	struct disk_ops ops;
	int64_t (*read)(struct disk_file *file, void *into, size_t size, uint64_t offset, struct error *error);
	struct disk *disk;
	uint64_t offset;
	uint32_t in;
	void (*happens)(struct disk *disk);
} meanwhile;

static int64_t read_and_meanwhile(struct disk_file *file, void *into, size_t size, uint64_t offset, struct error *error)
{
	if (offset == meanwhile.offset && meanwhile.in > 0 && --meanwhile.in == 0)
		meanwhile.happens(meanwhile.disk);
	return meanwhile.read(file, into, size, offset, error);
}

static void meanwhile_at(struct disk *disk, uint64_t offset, uint32_t nth, void (*happens)(struct disk *disk))
{
	meanwhile.ops = *disk->ops;
	meanwhile.read = meanwhile.ops.read;
	meanwhile.ops.read = read_and_meanwhile;
	meanwhile.disk = disk;
	meanwhile.offset = offset;
	meanwhile.in = nth;
	meanwhile.happens = happens;
	disk->ops = &meanwhile.ops;
}

static void a_bit_turns(struct disk *disk)
{
	assert_true(disk_memory_corrupt(disk, FIRST_SEGMENT, DISK_PAGE + 200, 1));
}

/* The tail is read once to be judged and once to be carried: the medium may not give it twice. */
static void a_tail_that_reads_differently_refuses_to_start(void **state)
{
	struct disk *disk = journal_of_batches(large, 1, 3);
	meanwhile_at(disk, DISK_PAGE, 2, a_bit_turns);
	expect_refusal(disk, 1, FAULT_IO, "reads differently the second time");
	assert_int_equal(meanwhile.in, 0);
	a_bit_turns(disk);
	expect_start(disk, 3);
}

static void the_rest_is_given_back(struct disk *disk)
{
	assert_int_equal(disk_shrink(disk, FIRST_SEGMENT, 3 * DISK_PAGE, NULL), 0);
}

/* A server that starts cuts off what it will not use of the old last segment, also under a reader. */
static void a_segment_may_shrink_under_a_reader(void **state)
{
	struct disk *disk = small_journal(2);
	meanwhile_at(disk, DISK_PAGE, 1, the_rest_is_given_back);
	assert_int_equal(verify(disk), 2);
	assert_int_equal(meanwhile.in, 0);
	disk_done(disk);
}

static void the_write_arrives(struct disk *disk)
{
	assert_true(disk_memory_corrupt(disk, FIRST_SEGMENT, 2 * DISK_PAGE + 200, 1));
}

/* A running server writes one batch and the next while a reader looks: it has seen the first half-written and the
 * second whole. That is no damage: it looks again. */
static void a_batch_may_arrive_under_a_reader(void **state)
{
	struct disk *disk = small_journal(4);
	the_write_arrives(disk); /* a bit is turned; and later back */
	meanwhile_at(disk, 2 * DISK_PAGE, 1, the_write_arrives);
	assert_int_equal(verify(disk), 4);
	assert_int_equal(meanwhile.in, 0);
	disk_done(disk);
}

/* ---- torn tails ---- */

static struct journal_recovery recovered(struct disk *disk)
{
	struct journal_recovery recovery;
	struct error error = {0};
	if (journal_verify(disk, &recovery, &error) != 0)
		fail_msg("%s", error.text);
	return recovery;
}

/* A write of several pages has reached the medium in part, down to a part of a page: torn, for a reader too. */
static void a_batch_that_is_cut_off_is_torn(void **state)
{
	struct disk *disk = journal_of_batches(large, 2, 100);
	struct error error;
	uint8_t page[DISK_PAGE];
	struct batch_header header;
	read_page(disk, FIRST_SEGMENT, DISK_PAGE, page);
	assert_int_equal(batch_look(page, &header), BATCH_HEADER);
	uint64_t second = DISK_PAGE + batch_pages(header.size);
	assert_true(header.size > 3 * DISK_PAGE);
	assert_int_equal(disk_shrink(disk, FIRST_SEGMENT, second + 2 * DISK_PAGE + 2000, &error), 0);
	struct journal_recovery recovery = recovered(disk);
	assert_true(recovery.torn_tail);
	assert_int_equal(recovery.last_sequence, 100);
	assert_int_equal(disk_shrink(disk, FIRST_SEGMENT, second + 1000, &error), 0); /* not even its first page */
	assert_true(recovered(disk).torn_tail);
	expect_start(disk, 100);
}

/* Behind a torn batch stands one of another segment, left from a file that was there before: it proves nothing. */
static void a_strangers_batch_proves_nothing(void **state)
{
	struct disk *disk = small_journal(20);
	const char *last = "log/00000000000000000015.seg";
	uint8_t page[DISK_PAGE];
	read_page(disk, FIRST_SEGMENT, 8 * DISK_PAGE, page);
	write_page(disk, last, 8 * DISK_PAGE, page);
	assert_true(disk_memory_corrupt(disk, last, 6 * DISK_PAGE + 200, 1)); /* the last batch, record 20 */
	struct journal_recovery recovery = recovered(disk);
	assert_true(recovery.torn_tail);
	assert_int_equal(recovery.last_sequence, 19);
	expect_start(disk, 19);
}

/* A batch says how much was known durable when it was written. If that was less than all before it, as a later writer
 * might do, more than one batch is carried. */
static void a_tail_of_two_batches_is_carried(void **state)
{
	struct disk *disk = small_journal(3);
	struct journal_recovery recovery;
	uint8_t page[DISK_PAGE];
	read_page(disk, FIRST_SEGMENT, 3 * DISK_PAGE, page);
	put_u64(page + 24, 1);
	set_checksums(page);
	write_page(disk, FIRST_SEGMENT, 3 * DISK_PAGE, page);
	struct log *log = open_journal(disk, &recovery);
	expect_records(log, 1, 3, 1);
	log_close(log);
	read_page(disk, "log/00000000000000000002.seg", 2 * DISK_PAGE, page);
	assert_int_equal(get_u64(page + 16), 3); /* both stand in the new segment */
	expect_start(disk, 3);
}

/* ---- what does not belong where it stands ---- */

static void a_segment_under_another_name_is_damage(void **state)
{
	struct disk *disk = small_journal(20);
	struct error error;
	assert_int_equal(disk_rename(disk, FIRST_SEGMENT, "log/00000000000000000002.seg", &error), 0);
	expect_refusal(disk, 1, FAULT_DAMAGED, "its header is for record 1");
	disk_done(disk);
}

/* One field of a batch is exchanged, its checksums with it. */
static void expect_seen(uint64_t at, uint64_t value, const char *says)
{
	struct disk *disk = small_journal(4);
	uint8_t page[DISK_PAGE];
	read_page(disk, FIRST_SEGMENT, 2 * DISK_PAGE, page);
	put_u64(page + at, value);
	set_checksums(page);
	write_page(disk, FIRST_SEGMENT, 2 * DISK_PAGE, page);
	expect_refusal(disk, 1, FAULT_DAMAGED, says);
	disk_done(disk);
}

static void a_batch_out_of_turn_is_damage(void **state)
{
	expect_seen(16, 3, "offset 8192, at record 2: the batch is not the next one");
	expect_seen(40, (uint64_t)time_of(1).ms - 1, "offset 8192, at record 2: its time goes back");
}

/* The next segment says that it begins within the last batch of this one. */
static void a_segment_that_runs_into_the_next_is_damage(void **state)
{
	struct disk *disk = journal_of_batches(by_hand(), 20, 3);
	const char *second = "log/00000000000000000043.seg", *within = "log/00000000000000000042.seg";
	uint8_t page[DISK_PAGE];
	struct error error;
	read_page(disk, second, 0, page);
	put_u64(page + 24, 42);
	put_u32(page + DISK_PAGE - 4, crc32c(0, page, DISK_PAGE - 4));
	write_page(disk, second, 0, page);
	assert_int_equal(disk_rename(disk, second, within, &error), 0);
	expect_refusal(disk, 1, FAULT_DAMAGED, "it runs into the next segment");
	disk_done(disk);
}

/* An operator has copied a segment back from the archive instead of moving it. A reader of both takes the one in the
 * log's own folder: the other may be what it was copied back for. */
static void of_two_copies_the_logs_own_counts(void **state)
{
	struct disk *disk = small_journal(40);
	struct log *log = open_journal(disk, NULL), *reader;
	struct journal_options options = {.read_only = true, .with_archive = true};
	struct error error;
	const char *archived = "archive/00000000000000000001.seg";
	uint8_t page[DISK_PAGE];
	struct disk_file *file;
	assert_int_equal(journal_archive(log, 20, false, &error), 1);
	log_close(log);
	assert_int_equal(disk_open(disk, FIRST_SEGMENT, DISK_CREATE, &file, &error), 0);
	assert_int_equal(disk_fill(disk, file, SMALL_SEGMENT, &error), 0);
	disk_close(disk, file);
	for (uint64_t at = 0; at < SMALL_SEGMENT; at += DISK_PAGE) {
		read_page(disk, archived, at, page);
		write_page(disk, FIRST_SEGMENT, at, page);
	}
	assert_true(disk_memory_corrupt(disk, archived, 3 * DISK_PAGE + 200, 1));
	assert_int_equal(journal_open(disk, &options, 1, &reader, NULL, &error), 0);
	expect_records(reader, 1, 40, 1);
	log_close(reader);
	assert_int_equal(disk_remove(disk, FIRST_SEGMENT, &error), 0);
	assert_int_equal(journal_open(disk, &options, 1, &reader, NULL, &error), FAULT_DAMAGED);
	assert_non_null(strstr(error.text, "archive/00000000000000000001.seg is damaged at offset 12288"));
	disk_done(disk);
}

/* On a real disk, where a file of holes costs nothing. */
static void a_file_larger_than_a_segment_can_be_is_damage(void **state)
{
	struct folder folder = folder_make();
	struct disk *disk = folder_disk(&folder);
	struct log *log = open_journal(disk, NULL);
	char path[512];
	write_records(log, 1, 3, 1);
	log_close(log);
	snprintf(path, sizeof path, "%s/%s", folder.path, FIRST_SEGMENT);
	assert_int_equal(truncate(path, (off_t)SEGMENT_SIZE_MAX + 1), 0);
	expect_refusal(disk, 1, FAULT_DAMAGED, "is larger than a segment can be");
	assert_int_equal(truncate(path, (off_t)SEGMENT_SIZE_MAX), 0);
	expect_start(disk, 3);
	folder_remove(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_start_tells_of_each_call_that_fails),
	    cmocka_unit_test(a_reader_tells_of_each_call_that_fails),
	    cmocka_unit_test(a_tail_that_reads_differently_refuses_to_start),
	    cmocka_unit_test(a_segment_may_shrink_under_a_reader),
	    cmocka_unit_test(a_batch_may_arrive_under_a_reader),
	    cmocka_unit_test(a_batch_that_is_cut_off_is_torn),
	    cmocka_unit_test(a_strangers_batch_proves_nothing),
	    cmocka_unit_test(a_tail_of_two_batches_is_carried),
	    cmocka_unit_test(a_segment_under_another_name_is_damage),
	    cmocka_unit_test(a_batch_out_of_turn_is_damage),
	    cmocka_unit_test(a_segment_that_runs_into_the_next_is_damage),
	    cmocka_unit_test(of_two_copies_the_logs_own_counts),
	    cmocka_unit_test(a_file_larger_than_a_segment_can_be_is_damage),
	};
	log_level_set(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
