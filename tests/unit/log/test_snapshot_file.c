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
		if (fault != FAULT_DAMAGED) /* in the version too: a newer program would not have spoiled the CRC */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_is_read_as_it_was_written),   cmocka_unit_test(two_are_kept),
	    cmocka_unit_test(any_damaged_byte_is_noticed),    cmocka_unit_test(a_full_disk_keeps_the_older_one),
	    cmocka_unit_test(a_crash_leaves_whole_ones_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
