/* From a key to the row that has it: full to the last entry, rows that share a hash, rows that come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/index_table.h"

#include <stdlib.h>

#define CAPACITY 1000

static struct index_table table;
static void *memory;
static uint64_t rows[CAPACITY]; /* row i has the key rows[i] */

static void begin(uint32_t capacity)
{
	memory = aligned_alloc(64, index_table_bytes(capacity));
	assert_non_null(memory);
	memset(memory, 0, index_table_bytes(capacity));
	index_table_init(&table, memory, capacity);
}

static int tear_down(void **state)
{
	free(memory);
	memory = NULL;
	return 0;
}

static bool row_has(const void *key, uint32_t index)
{
	return rows[index] == *(const uint64_t *)key;
}

static uint64_t hash_of(uint64_t key)
{
	key = (key ^ (key >> 31)) * UINT64_C(0x7fb5d329728ea185);
	return (key ^ (key >> 27)) * UINT64_C(0x81dadef4bc2dd44d);
}

static uint32_t find(uint64_t key, uint64_t hash)
{
	return index_find(&table, index_place_hashed(&table, hash), row_has, &key);
}

static void full_to_the_last_entry(void **state)
{
	begin(CAPACITY);
	for (uint32_t i = 0; i < CAPACITY; i++) {
		rows[i] = i * 3;
		index_insert(&table, index_place_hashed(&table, hash_of(rows[i])), i);
	}
	for (uint32_t i = 0; i < CAPACITY; i++) {
		assert_int_equal(find(i * 3, hash_of(i * 3)), i);
		assert_int_equal(find(i * 3 + 1, hash_of(i * 3 + 1)), INDEX_NONE);
	}
}

/* All want one chunk, with one tag; each is found, and the last ones when the first are gone. */
static void rows_that_share_a_hash(void **state)
{
	const uint64_t hash = UINT64_C(0xffffffffffffff00);
	begin(100);
	for (uint32_t i = 0; i < 100; i++) {
		rows[i] = i;
		index_insert(&table, index_place_hashed(&table, hash), i);
	}
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(find(i, hash), i);
	for (uint32_t i = 0; i < 99; i++)
		index_remove(&table, index_place_hashed(&table, hash), i);
	assert_int_equal(find(99, hash), 99);
	assert_int_equal(find(0, hash), INDEX_NONE);
	assert_int_equal(table.count, 1);
}

static void another_row_takes_the_place(void **state)
{
	begin(10);
	rows[1] = rows[2] = 77;
	index_insert(&table, index_place_hashed(&table, hash_of(77)), 1);
	index_replace(&table, index_place_hashed(&table, hash_of(77)), 1, 2);
	assert_int_equal(find(77, hash_of(77)), 2);
	assert_int_equal(table.count, 1);
}

static void numbers_in_a_row(void **state)
{
	begin(CAPACITY);
	for (uint32_t i = 0; i < CAPACITY; i++) {
		rows[i] = UINT64_C(1) << 40 | i;
		index_insert(&table, index_place_numbered(&table, rows[i]), i);
	}
	for (uint32_t i = 0; i < CAPACITY; i++)
		assert_int_equal(index_find(&table, index_place_numbered(&table, rows[i]), row_has, &rows[i]), i);
}

/* Thousands come and go; what a plain array says is what the table says, and no walk is left behind. */
static void rows_come_and_go(void **state)
{
	static bool there[CAPACITY];
	uint64_t random = 5;
	begin(CAPACITY);
	memset(there, 0, sizeof there);
	for (uint32_t i = 0; i < CAPACITY; i++)
		rows[i] = i;
	for (uint32_t step = 0; step < 100000; step++) {
		random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		uint32_t i = (uint32_t)(random >> 33) % CAPACITY;
		struct index_place place = index_place_hashed(&table, hash_of(i));
		assert_int_equal(find(i, hash_of(i)), there[i] ? i : INDEX_NONE);
		if (there[i])
			index_remove(&table, place, i);
		else
			index_insert(&table, place, i);
		there[i] = !there[i];
	}
	for (uint32_t i = 0; i < CAPACITY; i++)
		if (there[i])
			index_remove(&table, index_place_hashed(&table, hash_of(i)), i);
	assert_int_equal(table.count, 0);
	for (uint64_t chunk = 0; chunk < table.chunk_count; chunk++)
		assert_int_equal(table.chunks[chunk].passed, 0);
}

#define PLAY(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    PLAY(full_to_the_last_entry), PLAY(rows_that_share_a_hash), PLAY(another_row_takes_the_place),
	    PLAY(numbers_in_a_row),       PLAY(rows_come_and_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
