/* The CRC that tells a torn or damaged batch: RFC 3720's vectors, by the instruction and bit by bit. The source is
 * included, because both ways are its own affair and here they have to agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crc32c.c"

struct vector {
	const char *name;
	uint8_t bytes[32];
	uint32_t crc;
};

static struct vector ascending(void)
{
	struct vector vector = {.name = "0x00 to 0x1f", .crc = 0x46dd794e};
	for (uint8_t i = 0; i < 32; i++)
		vector.bytes[i] = i;
	return vector;
}

static struct vector descending(void)
{
	struct vector vector = {.name = "0x1f to 0x00", .crc = 0x113fdb5c};
	for (uint8_t i = 0; i < 32; i++)
		vector.bytes[i] = (uint8_t)(31 - i);
	return vector;
}

static struct vector all(uint8_t byte, uint32_t crc)
{
	struct vector vector = {.name = "32 times the same", .crc = crc};
	memset(vector.bytes, byte, sizeof vector.bytes);
	return vector;
}

static void the_rfc_says_so(void **state)
{
	const struct vector vectors[] = {all(0, 0x8a9136aa), all(0xff, 0x62a8ab43), ascending(), descending()};
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		assert_int_equal(crc32c(0, vectors[i].bytes, 32), vectors[i].crc);
		assert_int_equal(~crc32c_bitwise(~0u, vectors[i].bytes, 32), vectors[i].crc);
	}
}

static void check_string(void **state)
{
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
}

static void nothing_changes_nothing(void **state)
{
	assert_int_equal(crc32c(0, "", 0), 0);
	assert_int_equal(crc32c(0x12345678, "", 0), 0x12345678);
}

static void in_two_parts_as_in_one(void **state)
{
	uint8_t bytes[67];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
	uint32_t whole = crc32c(0, bytes, sizeof bytes);
	for (size_t cut = 0; cut <= sizeof bytes; cut++)
		assert_int_equal(crc32c(crc32c(0, bytes, cut), bytes + cut, sizeof bytes - cut), whole);
}

static void instruction_and_bits_agree(void **state)
{
	uint8_t bytes[80];
	uint32_t seed = 1;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
	for (size_t from = 0; from < 9; from++)
		for (size_t size = 0; size + from <= sizeof bytes; size++)
			assert_int_equal(crc32c(0, bytes + from, size), ~crc32c_bitwise(~0u, bytes + from, size));
}

static void every_flipped_bit_shows(void **state)
{
	uint8_t bytes[24] = "who came first, had it.";
	uint32_t sound = crc32c(0, bytes, sizeof bytes);
	for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_not_equal(crc32c(0, bytes, sizeof bytes), sound);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_rfc_says_so),
	    cmocka_unit_test(check_string),
	    cmocka_unit_test(nothing_changes_nothing),
	    cmocka_unit_test(in_two_parts_as_in_one),
	    cmocka_unit_test(instruction_and_bits_agree),
	    cmocka_unit_test(every_flipped_bit_shows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
