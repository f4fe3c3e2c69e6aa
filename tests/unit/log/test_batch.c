/* The codec of batches, the header page of segments, the ring: each by itself. */
#include "base/crc32c.h"
#include "log/batch.h"
#include "log/ring.h"
#include "log/segment.h"
#include "play.h"

static _Alignas(DISK_PAGE) uint8_t bytes[16 * DISK_PAGE];

static struct batch_writer written(uint64_t count)
{
	struct batch_writer writer;
	uint8_t record[RECORD_MAX];
	batch_begin(&writer, bytes);
	for (uint64_t n = 1; n <= count; n++) {
		size_t size = record_make(record, n, 77);
		batch_add(&writer, time_of(n), record, size);
	}
	writer.header.first = 1;
	writer.header.durable = 0;
	writer.header.tag = 42;
	memset(writer.header.hash_before, 9, BLAKE_SIZE);
	return writer;
}

static void a_batch_is_read_as_it_was_written(void **state)
{
	struct batch_writer writer = written(20);
	struct batch_header header;
	struct log_record record = {0};
	struct wall_ms time;
	assert_int_equal(batch_finish(&writer), batch_pages(writer.header.size));
	assert_int_equal(batch_look(bytes, &header), BATCH_HEADER);
	assert_int_equal(header.count, 20);
	assert_int_equal(batch_last(&header), 20);
	assert_int_equal(header.incarnation, 77); /* of the first record, from its bytes */
	assert_int_equal(header.tag, 42);
	assert_int_equal(header.time.ms, time_of(1).ms);
	assert_true(batch_is_sound(bytes, &header, &time));
	assert_int_equal(time.ms, time_of(20).ms);
	struct batch_reader reader = batch_read(bytes, &header);
	for (uint64_t n = 1; n <= 20; n++) {
		assert_true(batch_next(&reader, &record));
		assert_true(record_is(&record, n, 77));
		assert_int_equal(record.time.ms, time_of(n).ms);
	}
	assert_false(batch_next(&reader, &record));
}

static void every_bit_of_a_batch_counts(void **state)
{
	struct batch_writer writer = written(5);
	struct batch_header header;
	struct wall_ms time;
	size_t size = batch_finish(&writer);
	for (size_t bit = 0; bit < size * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (batch_look(bytes, &header) == BATCH_HEADER && batch_is_sound(bytes, &header, &time))
			fail_msg("bit %zu of byte %zu does not count", bit % 8, bit / 8);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

/* Checksums are no secret: whoever sets them right still writes no batch that a reader would run out of. */
static void set_header_checksum(void)
{
	put_u32(bytes + 120, crc32c(0, bytes, 120));
}

static void expect_size(uint32_t size, enum batch_look look)
{
	struct batch_writer writer = written(1);
	struct batch_header header;
	batch_finish(&writer);
	put_u32(bytes + 8, size);
	set_header_checksum();
	assert_int_equal(batch_look(bytes, &header), look);
}

static void a_batch_has_a_least_and_a_largest_size(void **state)
{
	expect_size(BATCH_HEADER_SIZE - 1, BATCH_NONE);
	expect_size(BATCH_HEADER_SIZE, BATCH_HEADER);
	expect_size(BATCH_SIZE_MAX, BATCH_HEADER);
	expect_size(BATCH_SIZE_MAX + 1, BATCH_NONE);
}

/* Two records of 20 bytes; one number at `at` is changed; all checksums are right. */
static bool is_sound_with(uint32_t at, uint32_t value)
{
	static const uint8_t record[20] = {1};
	struct batch_writer writer;
	struct batch_header header;
	struct wall_ms time;
	batch_begin(&writer, bytes);
	batch_add(&writer, time_of(1), record, sizeof record);
	batch_add(&writer, time_of(2), record, sizeof record);
	batch_finish(&writer);
	put_u32(bytes + at, value);
	set_header_checksum();
	put_u32(bytes + 124, crc32c(crc32c(0, bytes, 124), bytes + BATCH_HEADER_SIZE, DISK_PAGE - BATCH_HEADER_SIZE));
	assert_int_equal(batch_look(bytes, &header), BATCH_HEADER);
	return batch_is_sound(bytes, &header, &time);
}

static void records_fill_a_batch_exactly(void **state)
{
	const uint32_t size = 8, count = 12, frame = BATCH_FRAME_SIZE + 20, first = BATCH_HEADER_SIZE;
	assert_true(is_sound_with(count, 2));
	assert_false(is_sound_with(count, 1));                    /* something is left */
	assert_false(is_sound_with(count, 3));                    /* the next frame is not there */
	assert_false(is_sound_with(size, first + 2 * frame + 7)); /* … nor all of it */
	assert_false(is_sound_with(size, first + 2 * frame - 1)); /* the last record is cut off */
	assert_false(is_sound_with(first + frame, 21));           /* the same, by its own size */
	assert_false(is_sound_with(first + frame, UINT32_MAX));   /* far beyond memory */
	assert_true(is_sound_with(first + 4, 3));                 /* both in one millisecond */
	assert_false(is_sound_with(first + 4, 4));                /* the second is earlier */
}

static void a_seal_is_an_empty_batch(void **state)
{
	struct batch_writer writer = written(0);
	struct batch_header header;
	struct log_record record = {0};
	struct wall_ms time;
	writer.header.first = 8;
	assert_int_equal(batch_finish(&writer), DISK_PAGE);
	assert_int_equal(batch_look(bytes, &header), BATCH_HEADER);
	assert_true(batch_is_sound(bytes, &header, &time));
	assert_int_equal(batch_last(&header), 7);
	struct batch_reader reader = batch_read(bytes, &header);
	assert_false(batch_next(&reader, &record));
}

static void a_record_without_a_header_has_no_incarnation(void **state)
{
	struct batch_writer writer;
	struct batch_header header;
	uint8_t record[16];
	memset(record, 1, sizeof record);
	batch_begin(&writer, bytes);
	batch_add(&writer, time_of(1), record, 15);
	batch_finish(&writer);
	assert_int_equal(batch_look(bytes, &header), BATCH_HEADER);
	assert_int_equal(header.incarnation, 0);
	batch_begin(&writer, bytes);
	batch_add(&writer, time_of(1), record, 16);
	batch_finish(&writer);
	assert_int_equal(batch_look(bytes, &header), BATCH_HEADER);
	assert_int_equal(header.incarnation, UINT64_C(0x0101010101010101));
}

static void pages_are_rounded_up(void **state)
{
	assert_int_equal(batch_pages(1), DISK_PAGE);
	assert_int_equal(batch_pages(DISK_PAGE), DISK_PAGE);
	assert_int_equal(batch_pages(DISK_PAGE + 1), 2 * DISK_PAGE);
}

/* ---- segments ---- */

static void names_of_segments(void **state)
{
	char name[SEGMENT_NAME_SIZE];
	uint64_t first = 0;
	segment_name(name, "log", 42);
	assert_string_equal(name, "log/00000000000000000042.seg");
	segment_name(name, "archive", UINT64_MAX);
	assert_string_equal(name, "archive/18446744073709551615.seg");
	assert_true(segment_name_parse("00000000000000000042.seg", &first));
	assert_int_equal(first, 42);
	assert_true(segment_name_parse("18446744073709551615.seg", &first));
	assert_true(first == UINT64_MAX);
	assert_false(segment_name_parse("18446744073709551616.seg", &first));
	assert_false(segment_name_parse("99999999999999999999.seg", &first));
	assert_false(segment_name_parse("00000000000000000000.seg", &first));
	assert_false(segment_name_parse("0000000000000000042.seg", &first));
	assert_false(segment_name_parse("00000000000000000042.seg.tmp", &first));
	assert_false(segment_name_parse("next.tmp", &first));
	assert_false(segment_name_parse("", &first));
}

static void marks_find_a_place_to_begin(void **state)
{
	struct segment *segment = segment_new(10 * SEGMENT_MARK_EVERY);
	uint64_t first;
	segment->first = 100;
	assert_int_equal(segment_find(segment, 100, &first), DISK_PAGE);
	for (uint64_t i = 0; i < 9 * SEGMENT_MARK_EVERY / DISK_PAGE; i++)
		segment_mark(segment, 100 + 2 * i, DISK_PAGE + i * DISK_PAGE);
	assert_int_equal(segment->mark_count, 9);
	assert_int_equal(segment_find(segment, 100, &first), DISK_PAGE);
	assert_int_equal(first, 100);
	assert_int_equal(segment_find(segment, 131, &first), DISK_PAGE);
	assert_int_equal(segment_find(segment, 132, &first), DISK_PAGE + SEGMENT_MARK_EVERY);
	assert_int_equal(first, 132);
	assert_int_equal(segment_find(segment, 1000000, &first), DISK_PAGE + 8 * SEGMENT_MARK_EVERY);
	segment_free(segment);
}

/* ---- the ring ---- */

static void a_ring_goes_round(void **state)
{
	struct ring ring;
	struct error error;
	uint8_t record[RECORD_MAX];
	uint64_t at = 0, start, next = 1;
	assert_int_equal(ring_init(&ring, 8192, &error), 0);
	for (uint64_t n = 1; n < 2000; n++) {
		size_t size = record_make(record, n, 5);
		while (!ring_put(&ring, at, time_of(n), record, (uint32_t)size)) {
			struct ring_record got = ring_next(&ring, &at, &start);
			struct log_record as_record = {next, got.time, got.bytes, got.size};
			assert_true(record_is(&as_record, next, 5));
			assert_int_equal(got.time.ms, time_of(next).ms);
			assert_true(start < at && ring.head - at <= ring.size);
			next++;
		}
	}
	assert_true(next > 1900);
	ring_fini(&ring);
}

static void an_empty_ring_takes_the_largest_record_anywhere(void **state)
{
	struct ring ring;
	struct error error;
	static uint8_t record[4096];
	for (uint32_t shift = 1; shift < 4096; shift += 100) {
		assert_int_equal(ring_init(&ring, 8192, &error), 0);
		assert_int_equal(ring_record_size_max(&ring), 4080);
		assert_true(ring_put(&ring, 0, time_of(1), record, shift));
		for (int i = 0; i < 5; i++)
			assert_true(ring_put(&ring, ring.head, time_of(1), record, 4080));
		assert_false(ring_put(&ring, ring.head - 4096, time_of(1), record, 4081));
		ring_fini(&ring);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_batch_is_read_as_it_was_written),
	    cmocka_unit_test(every_bit_of_a_batch_counts),
	    cmocka_unit_test(a_batch_has_a_least_and_a_largest_size),
	    cmocka_unit_test(records_fill_a_batch_exactly),
	    cmocka_unit_test(a_seal_is_an_empty_batch),
	    cmocka_unit_test(a_record_without_a_header_has_no_incarnation),
	    cmocka_unit_test(pages_are_rounded_up),
	    cmocka_unit_test(names_of_segments),
	    cmocka_unit_test(marks_find_a_place_to_begin),
	    cmocka_unit_test(a_ring_goes_round),
	    cmocka_unit_test(an_empty_ring_takes_the_largest_record_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
