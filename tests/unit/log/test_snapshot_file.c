/* Snapshot files: written whole or not at all, two kept, damage told from anything else. */
#include "log/snapshot_file.h"
#include "play.h"

#define LARGE (3 * 1000 * 1000 + 7) /* three buffers and a bit */

static uint8_t byte_at(uint64_t sequence, size_t i)
{
	return (uint8_t)(i * 31 + (i >> 13) + sequence);
}

static int write_content(struct snapshot_writer *writer, uint64_t sequence, size_t size, struct error *error)
{
	static uint8_t piece[10007];
	for (size_t done = 0; done < size;) {
		size_t part = size - done < sizeof piece ? size - done : sizeof piece;
		for (size_t i = 0; i < part; i++)
			piece[i] = byte_at(sequence, done + i);
		int fault = snapshot_write(writer, piece, part, error);
		if (fault)
			return fault;
		done += part;
	}
	return 0;
}

static int make(struct disk *disk, uint64_t sequence, size_t size, struct error *error)
{
	struct snapshot_writer *writer;
	int fault = snapshot_begin(disk, sequence, time_of(sequence), &writer, error);
	if (fault)
		return fault;
	fault = write_content(writer, sequence, size, error);
	if (fault)
		snapshot_abandon(writer);
	return fault ? fault : snapshot_commit(writer, error);
}

static int read_back(struct disk *disk, uint64_t sequence, size_t size, struct error *error)
{
	struct snapshot_reader *reader;
	struct wall_ms time;
	static uint8_t piece[7919];
	int fault = snapshot_open(disk, sequence, &reader, &time, error);
	if (fault)
		return fault;
	assert_int_equal(time.ms, time_of(sequence).ms);
	for (size_t done = 0; done < size && !fault;) {
		size_t part = size - done < sizeof piece ? size - done : sizeof piece;
		fault = snapshot_read(reader, piece, part, error);
		for (size_t i = 0; i < part && !fault; i++)
			if (piece[i] != byte_at(sequence, done + i))
				fail_msg("byte %zu of %zu differs", done + i, size);
		done += part;
	}
	uint8_t beyond;
	if (!fault)
		assert_int_equal(snapshot_read(reader, &beyond, 1, error), FAULT_DAMAGED);
	snapshot_close(reader);
	return fault;
}

static void expect_list(struct disk *disk, uint64_t a, uint64_t b)
{
	uint64_t sequences[8];
	struct error error;
	int count = snapshot_list(disk, sequences, 8, &error);
	assert_int_equal(count, (a != 0) + (b != 0));
	if (a)
		assert_int_equal(sequences[0], a);
	if (b)
		assert_int_equal(sequences[1], b);
}

static void it_is_read_as_it_was_written(void **state)
{
	struct disk *disk = disk_memory_new();
	struct error error = {0};
	expect_list(disk, 0, 0);
	assert_int_equal(make(disk, 42, LARGE, &error), 0);
	expect_list(disk, 42, 0);
	assert_int_equal(read_back(disk, 42, LARGE, &error), 0);
	assert_int_equal(make(disk, 43, 1, &error), 0);
	assert_int_equal(read_back(disk, 43, 1, &error), 0);
	assert_int_equal(read_back(disk, 44, 1, &error), FAULT_NOT_FOUND);
	disk_done(disk);
}

static void two_are_kept(void **state)
{
	struct disk *disk = disk_memory_new();
	struct error error;
	uint64_t newest;
	for (uint64_t sequence = 10; sequence <= 50; sequence += 10)
		assert_int_equal(make(disk, sequence, 1000, &error), 0);
	expect_list(disk, 40, 50);
	assert_int_equal(snapshot_list(disk, &newest, 1, &error), 1);
	assert_int_equal(newest, 50);
	disk_done(disk);
}

static void any_damaged_byte_is_noticed(void **state)
{
	struct disk *disk = disk_memory_new();
	struct error error;
	const char *name = "snapshots/00000000000000000042.snap";
	assert_int_equal(make(disk, 42, 5000, &error), 0);
	for (uint64_t offset = 0; disk_memory_corrupt(disk, name, offset, 0x10); offset += offset < 100 ? 1 : 7) {
		int fault = read_back(disk, 42, 5000, &error);
		if (fault != FAULT_DAMAGED)
			fail_msg("a changed byte at %llu goes unnoticed: %d", (unsigned long long)offset, fault);
		assert_non_null(strstr(error.text, name));
		disk_memory_corrupt(disk, name, offset, 0x10);
	}
	assert_int_equal(disk_shrink(disk, name, 5000, &error), 0);
	assert_int_equal(read_back(disk, 42, 5000, &error), FAULT_DAMAGED);
	assert_int_equal(disk_shrink(disk, name, 20, &error), 0);
	assert_int_equal(read_back(disk, 42, 5000, &error), FAULT_DAMAGED);
	disk_done(disk);
}

static void a_full_disk_keeps_the_older_one(void **state)
{
	struct disk *disk = disk_memory_new();
	struct error error = {0};
	assert_int_equal(make(disk, 42, LARGE, &error), 0);
	disk_memory_faults(disk)->capacity = LARGE + LARGE / 2;
	assert_int_equal(make(disk, 43, LARGE, &error), FAULT_NO_SPACE);
	expect_list(disk, 42, 0);
	assert_int_equal(disk_memory_used(disk), LARGE + 64 + 24); /* nothing is left lying about */
	assert_int_equal(read_back(disk, 42, LARGE, &error), 0);
	disk_done(disk);
}

/* The power goes at every call in turn: afterwards the new one is whole, or only the older one is there. */
static void a_crash_leaves_whole_ones_only(void **state)
{
	struct error error;
	int new_ones = 0, calls = 0;
	for (uint32_t crash_in = 1;; crash_in++, calls++) {
		struct disk *disk = disk_memory_new(), *after;
		uint64_t sequences[4];
		assert_int_equal(make(disk, 42, 3000, &error), 0);
		disk_memory_faults(disk)->crash_in = crash_in;
		int fault = make(disk, 43, 2 << 20, &error);
		bool was_cut = disk_memory_faults(disk)->crash_in == 0;
		after = disk_memory_crash(disk, crash_in * 7);
		disk_done(disk);
		int count = snapshot_list(after, sequences, 4, &error);
		assert_true(count >= 1 && sequences[0] == 42);
		assert_int_equal(read_back(after, 42, 3000, &error), 0);
		assert_true(count == 2 || fault);
		if (count == 2) {
			assert_int_equal(read_back(after, 43, 2 << 20, &error), 0);
			new_ones++;
		}
		assert_int_equal(make(after, 44, 10, &error), 0); /* what was left lying about does not matter */
		assert_int_equal(read_back(after, 44, 10, &error), 0);
		disk_done(after);
		if (!was_cut)
			break;
	}
	assert_true(calls > 8 && new_ones > 0);
}

/* ---- the list ---- */

static void put_file(struct disk *disk, const char *name)
{
	struct disk_file *file;
	struct error error = {0};
	if (disk_open(disk, name, DISK_CREATE, &file, &error) != 0)
		fail_msg("%s", error.text);
	disk_close(disk, file);
}

static void what_has_no_snapshots_name_is_not_listed(void **state)
{
	struct disk *disk = disk_memory_new();
	struct error error;
	assert_int_equal(make(disk, 42, 10, &error), 0);
	put_file(disk, "snapshots/18446744073709551616.snap"); /* one more than there can be */
	put_file(disk, "snapshots/99999999999999999999.snap");
	put_file(disk, "snapshots/0000000000000000004-.snap"); /* below and above the digits */
	put_file(disk, "snapshots/0000000000000000004:.snap");
	put_file(disk, "snapshots/00000000000000000043.snap.bad");
	put_file(disk, "snapshots/lost+found");
	expect_list(disk, 42, 0);
	put_file(disk, "snapshots/18446744073709551615.snap");
	expect_list(disk, 42, UINT64_MAX);
	disk_done(disk);
}

/* Of more than anybody would keep the newest count, met from the oldest on or from the newest. */
static void among_hundreds_the_newest_are_listed(void **state)
{
	struct disk *disk = disk_memory_new();
	struct error error;
	uint64_t sequences[300];
	char name[64];
	assert_int_equal(disk_make_folder(disk, "snapshots", &error), 0);
	for (uint64_t i = 1; i <= 300; i++) {
		uint64_t sequence = i <= 150 ? 2 * i - 1 : 2 * (301 - i);
		snprintf(name, sizeof name, "snapshots/%020llu.snap", (unsigned long long)sequence);
		put_file(disk, name);
	}
	assert_int_equal(snapshot_list(disk, sequences, 300, &error), 256);
	for (uint64_t i = 0; i < 256; i++)
		assert_int_equal(sequences[i], 45 + i);
	disk_done(disk);
}

/* ---- sizes ---- */

/* The content's end, and the trailer's, before, at and behind the end of a buffer of 1 MiB. */
static void the_end_may_fall_anywhere(void **state)
{
	const size_t full = (1u << 20) - 64;
	const size_t sizes[] = {0, full - 25, full - 24, full - 23, full - 1, full, full + 1};
	struct disk *disk = disk_memory_new();
	struct error error;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		assert_int_equal(make(disk, 42 + i, sizes[i], &error), 0);
		assert_int_equal(read_back(disk, 42 + i, sizes[i], &error), 0);
	}
	disk_done(disk);
}

/* A large one is synced as it is written, so that no sync at its end holds up the journal's. */
static void a_large_one_is_synced_in_parts(void **state)
{
	struct disk *disk = disk_memory_new();
	struct snapshot_writer *writer;
	struct error error;
	assert_int_equal(snapshot_begin(disk, 42, time_of(42), &writer, &error), 0);
	disk_memory_faults(disk)->fail_sync_in = 1;
	assert_int_equal(write_content(writer, 42, 15 << 20, &error), 0);
	assert_int_equal(disk_memory_faults(disk)->fail_sync_in, 1); /* none yet */
	assert_int_equal(write_content(writer, 42, 1 << 20, &error), FAULT_IO);
	snapshot_abandon(writer);
	expect_list(disk, 0, 0);
	assert_int_equal(make(disk, 43, 17 << 20, &error), 0);
	assert_int_equal(read_back(disk, 43, 17 << 20, &error), 0);
	disk_done(disk);
}

/* ---- faults ---- */

/* Large enough that its trailer begins in one buffer and ends in the next: it is written in two parts. */
#define TWO_PARTS ((1 << 20) - 64 - 10)

static struct disk *with_two(void)
{
	struct disk *disk = disk_memory_new();
	struct error error;
	assert_int_equal(make(disk, 41, 100, &error), 0);
	assert_int_equal(make(disk, 42, 3000, &error), 0);
	return disk;
}

/* Each call fails in turn: it is said, whoever reads finds two whole ones, and the next one comes to its end. */
static void a_call_that_fails_is_told(void **state)
{
	struct error error = {0};
	uint32_t failed = 0;
	for (bool is_over = false; !is_over;) {
		struct disk *disk = with_two();
		disk_memory_faults(disk)->fail_call_in = failed + 1;
		int fault = make(disk, 43, TWO_PARTS, &error);
		is_over = disk_memory_faults(disk)->fail_call_in > 0;
		assert_int_equal(fault, is_over ? 0 : FAULT_IO);
		failed += !is_over;
		disk_memory_faults(disk)->fail_call_in = 0;
		assert_int_equal(read_back(disk, 42, 3000, &error), 0);
		assert_int_equal(make(disk, 44, TWO_PARTS, &error), 0);
		assert_int_equal(read_back(disk, 44, TWO_PARTS, &error), 0);
		disk_done(disk);
	}
	assert_true(failed >= 11);
}

static void what_an_earlier_writer_left_must_go_first(void **state)
{
	struct disk *disk = with_two();
	struct error error;
	put_file(disk, "snapshots/00000000000000000007.snap.tmp");
	put_file(disk, "snapshots/00000000000000000008.snap.tmp");
	disk_memory_faults(disk)->fail_call_in = 4; /* folder, its sync, the list; this one removes */
	assert_int_equal(make(disk, 43, 10, &error), FAULT_IO);
	assert_non_null(strstr(error.text, "remove snapshots/00000000000000000007.snap.tmp"));
	assert_int_equal(make(disk, 43, 10, &error), 0);
	assert_int_equal(disk_memory_used(disk), 3000 + 10 + 2 * (64 + 24));
	disk_done(disk);
}

static int read_once(struct disk *disk, struct error *error)
{
	struct snapshot_reader *reader;
	struct wall_ms time;
	uint8_t bytes[3000];
	int fault = snapshot_open(disk, 42, &reader, &time, error);
	if (fault)
		return fault;
	fault = snapshot_read(reader, bytes, sizeof bytes, error);
	snapshot_close(reader);
	return fault;
}

static void a_call_that_fails_while_reading_is_told(void **state)
{
	struct disk *disk = with_two();
	struct error error = {0};
	uint64_t sequences[2];
	uint32_t failed = 0;
	for (;; failed++) {
		disk_memory_faults(disk)->fail_call_in = failed + 1;
		int fault = read_once(disk, &error);
		if (disk_memory_faults(disk)->fail_call_in > 0)
			break;
		assert_int_equal(fault, FAULT_IO); /* not damage: nothing says that the bytes are wrong */
	}
	assert_int_equal(failed, 5);
	disk_memory_faults(disk)->fail_call_in = 1;
	assert_int_equal(snapshot_list(disk, sequences, 2, &error), FAULT_IO);
	for (uint32_t call = 1; call <= 2; call++) {
		disk_memory_faults(disk)->fail_call_in = call;
		assert_int_equal(snapshot_set_aside(disk, 42, &error), FAULT_IO);
	}
	expect_list(disk, 41, 0); /* it was the folder's sync: the name is another */
	assert_int_equal(snapshot_set_aside(disk, 42, &error), FAULT_NOT_FOUND);
	disk_done(disk);
}

/* ---- damage that leaves every checksum right ---- */

static void one_under_anothers_name_is_damaged(void **state)
{
	struct disk *disk = with_two();
	struct error error;
	assert_int_equal(
	    disk_rename(disk, "snapshots/00000000000000000042.snap", "snapshots/00000000000000000050.snap", &error), 0);
	assert_int_equal(read_back(disk, 50, 3000, &error), FAULT_DAMAGED);
	assert_non_null(strstr(error.text, "its header is not as written"));
	disk_done(disk);
}

static void one_cut_off_between_its_ends_is_damaged(void **state)
{
	struct disk *disk = with_two();
	const char *name = "snapshots/00000000000000000042.snap";
	struct error error;
	for (uint64_t size = 64 + 24; size >= 64; size--) {
		assert_int_equal(disk_shrink(disk, name, size, &error), 0);
		assert_int_equal(read_back(disk, 42, 3000, &error), FAULT_DAMAGED);
	}
	assert_non_null(strstr(error.text, "it is cut off"));
	disk_done(disk);
}

/* Its own trailer, a second time and further on: right by itself, and not the one of so long a file. */
static void a_trailer_of_another_length_is_damage(void **state)
{
	struct disk *disk = with_two();
	struct disk_file *file;
	struct error error;
	uint8_t trailer[24];
	assert_int_equal(disk_open(disk, "snapshots/00000000000000000042.snap", DISK_WRITE, &file, &error), 0);
	assert_int_equal(disk_read(disk, file, trailer, 24, 64 + 3000, &error), 24);
	assert_int_equal(disk_write(disk, file, trailer, 24, 64 + 3000 + 24, &error), 0);
	disk_close(disk, file);
	assert_int_equal(read_back(disk, 42, 3000, &error), FAULT_DAMAGED);
	assert_non_null(strstr(error.text, "its end is not as written"));
	disk_done(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_is_read_as_it_was_written),
	    cmocka_unit_test(two_are_kept),
	    cmocka_unit_test(any_damaged_byte_is_noticed),
	    cmocka_unit_test(a_full_disk_keeps_the_older_one),
	    cmocka_unit_test(a_crash_leaves_whole_ones_only),
	    cmocka_unit_test(what_has_no_snapshots_name_is_not_listed),
	    cmocka_unit_test(among_hundreds_the_newest_are_listed),
	    cmocka_unit_test(the_end_may_fall_anywhere),
	    cmocka_unit_test(a_large_one_is_synced_in_parts),
	    cmocka_unit_test(a_call_that_fails_is_told),
	    cmocka_unit_test(what_an_earlier_writer_left_must_go_first),
	    cmocka_unit_test(a_call_that_fails_while_reading_is_told),
	    cmocka_unit_test(one_under_anothers_name_is_damaged),
	    cmocka_unit_test(one_cut_off_between_its_ends_is_damaged),
	    cmocka_unit_test(a_trailer_of_another_length_is_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
