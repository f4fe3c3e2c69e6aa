/* Memory runs out, at each place where a start or a snapshot takes some (linked with --wrap): it says so, and the next
 * start finds everything. On a real disk: the simulated one stops when it gets no memory.
 */
#include "base/log_line.h"
#include "log/segment.h"
#include "log/snapshot_file.h"
#include "play.h"

#include "folder.h"

/* Which call has no memory to give, counted from 1; 0: each has. */
static unsigned no_memory_in;

static bool is_out(void)
{
	return no_memory_in && --no_memory_in == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
	return is_out() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return is_out() ? NULL : __real_calloc(count, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
	return is_out() ? NULL : __real_reallocarray(old, count, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return is_out() ? NULL : __real_aligned_alloc(alignment, size);
}

#define SEGMENTS_AT_FIRST 64 /* what the tables of segments and of names hold before they grow */
#define SEGMENT_BATCHES 14

/* So many segments; the last one has two batches and no seal, as if the server had been killed just then. */
static uint64_t fill(struct disk *disk, uint64_t segments)
{
	struct log *log = open_journal(disk, NULL);
	struct error error;
	struct disk_file *file;
	char name[SEGMENT_NAME_SIZE];
	static const uint8_t zeros[DISK_PAGE];
	uint64_t before = SEGMENT_BATCHES * (segments - 1);
	for (uint64_t n = 1; n <= before + 2; n++) {
		assert_true(journal_prepare_step(log, &error) >= 0);
		write_records(log, n, n, 1);
	}
	log_close(log);
	segment_name(name, "log", before + 1);
	assert_int_equal(disk_open(disk, name, DISK_WRITE, &file, &error), 0);
	assert_int_equal(disk_write(disk, file, zeros, DISK_PAGE, 3 * DISK_PAGE, &error), 0);
	disk_close(disk, file);
	return before + 2;
}

static void expect_no_memory(int fault, const struct error *error)
{
	assert_int_equal(fault, FAULT_MEMORY);
	assert_non_null(strstr(error->text, "no memory"));
}

/* True: it started, and memory had not run out. */
static bool start_without(struct disk *disk, unsigned nth, struct journal_options options)
{
	struct error error = {0};
	struct log *log = NULL;
	no_memory_in = nth;
	int fault = journal_open(disk, &options, 1, &log, NULL, &error);
	bool was_whole = no_memory_in > 0;
	no_memory_in = 0;
	if (!was_whole) {
		expect_no_memory(fault, &error);
		assert_null(log);
		return false;
	}
	assert_int_equal(fault, 0);
	log_close(log);
	return true;
}

static void expect_starts_say_so(uint64_t segments)
{
	struct folder folder = folder_make();
	struct disk *disk = folder_disk(&folder);
	uint64_t last = fill(disk, segments);
	unsigned failed = 0;
	while (!start_without(disk, failed + 1, by_hand()))
		failed++;
	assert_true(failed > 3 * segments);
	struct log *log = open_journal(disk, NULL);
	expect_records(log, 1, last, 1);
	log_close(log);
	disk_done(disk);
	folder_remove(&folder);
}

/* The tables grow for the last segment that is found, or for the one that the start makes. */
static void a_start_without_memory_says_so(void **state)
{
	expect_starts_say_so(SEGMENTS_AT_FIRST);
	expect_starts_say_so(SEGMENTS_AT_FIRST + 1);
}

static void a_reader_without_memory_says_so(void **state)
{
	struct folder folder = folder_make();
	struct disk *disk = folder_disk(&folder);
	unsigned failed = 0;
	struct log *log = open_journal(disk, NULL);
	write_records(log, 1, 3, 1);
	log_close(log);
	while (!start_without(disk, failed + 1, (struct journal_options){.read_only = true}))
		failed++;
	assert_true(failed > 5);
	disk_done(disk);
	folder_remove(&folder);
}

/* ---- snapshots ---- */

static int make_snapshot(struct disk *disk, uint64_t sequence, struct error *error)
{
	struct snapshot_writer *writer;
	int fault = snapshot_begin(disk, sequence, time_of(sequence), &writer, error);
	if (fault)
		return fault;
	fault = snapshot_write(writer, "content", 7, error);
	if (fault)
		snapshot_abandon(writer);
	return fault ? fault : snapshot_commit(writer, error);
}

static int read_snapshot(struct disk *disk, uint64_t sequence, struct error *error)
{
	struct snapshot_reader *reader;
	struct wall_ms time;
	char content[7];
	int fault = snapshot_open(disk, sequence, &reader, &time, error);
	if (fault)
		return fault;
	fault = snapshot_read(reader, content, sizeof content, error);
	if (!fault)
		assert_memory_equal(content, "content", sizeof content);
	snapshot_close(reader);
	return fault;
}

static unsigned count_failures(struct disk *disk, int (*act)(struct disk *disk, uint64_t sequence, struct error *error))
{
	for (unsigned failed = 0;; failed++) {
		struct error error = {0};
		no_memory_in = failed + 1;
		int fault = act(disk, 42, &error);
		bool was_whole = no_memory_in > 0;
		no_memory_in = 0;
		if (was_whole) {
			assert_int_equal(fault, 0);
			return failed;
		}
		expect_no_memory(fault, &error);
	}
}

static void a_snapshot_without_memory_says_so(void **state)
{
	struct folder folder = folder_make();
	struct disk *disk = folder_disk(&folder);
	assert_true(count_failures(disk, make_snapshot) >= 2);
	assert_true(count_failures(disk, read_snapshot) >= 2);
	disk_done(disk);
	folder_remove(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_start_without_memory_says_so),
	    cmocka_unit_test(a_reader_without_memory_says_so),
	    cmocka_unit_test(a_snapshot_without_memory_says_so),
	};
	log_level_set(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
