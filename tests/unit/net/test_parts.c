/* The parts without sockets: the pool of chunks, an output, the table of addresses. */
#include "stage.h"

#include <stdlib.h>

#include "net/addresses.h"
#include "net/chunk.h"

static void chunks_come_back(void **state)
{
	struct chunk_pool pool;
	(void)state;
	assert_true(chunk_pool_init(&pool));
	assert_int_equal(pool.free_count, CHUNK_POOL_START);
	struct chunk *chunk = chunk_take(&pool, CHUNK_BYTES), *large = chunk_take(&pool, CHUNK_BYTES + 1);
	assert_int_equal(pool.free_count, CHUNK_POOL_START - 1);
	assert_int_equal(large->capacity, CHUNK_BYTES + 1);
	chunk_give(&pool, large); /* made to measure: not kept */
	assert_int_equal(pool.free_count, CHUNK_POOL_START - 1);
	chunk_give(&pool, chunk);
	assert_ptr_equal(chunk_take(&pool, 1), chunk); /* the last one given is still warm */
	chunk_give(&pool, chunk);
	chunk_pool_fini(&pool);
}

static void only_so_many_chunks_are_kept(void **state)
{
	struct chunk_pool pool;
	struct chunk *first = NULL;
	(void)state;
	assert_true(chunk_pool_init(&pool));
	for (int i = 0; i < CHUNK_POOL_KEEP + 1; i++) {
		struct chunk *chunk = chunk_take(&pool, 1);
		chunk->next = first;
		first = chunk;
	}
	assert_int_equal(pool.free_count, 0);
	chunk_give_all(&pool, first);
	assert_int_equal(pool.free_count, CHUNK_POOL_KEEP);
	chunk_pool_fini(&pool);
}

static size_t output_read(const struct output *output, char *to)
{
	size_t size = 0, sent = output->sent;
	for (const struct chunk *chunk = output->first; chunk; chunk = chunk->next) {
		memcpy(to + size, chunk->bytes + sent, chunk->used - sent);
		size += chunk->used - sent;
		sent = 0;
	}
	return size;
}

static void an_output_keeps_its_bytes_in_order(void **state)
{
	struct chunk_pool pool;
	struct output output = {0}, behind = {0};
	static char text[3 * CHUNK_BYTES], seen[6 * CHUNK_BYTES];
	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)(i * 7);
	assert_true(chunk_pool_init(&pool));
	assert_true(output_put(&pool, &output, (struct text){text, 100}));
	assert_true(output_put(&pool, &output, (struct text){text + 100, CHUNK_BYTES - 50}));
	assert_true(output_put(&pool, &behind, (struct text){text + CHUNK_BYTES + 50, 2 * CHUNK_BYTES - 50}));
	output_splice(&output, &behind);
	assert_int_equal(behind.size, 0);
	assert_int_equal(output.size, sizeof text);
	assert_int_equal(output_read(&output, seen), sizeof text);
	assert_memory_equal(seen, text, sizeof text);
	for (size_t sent = 0; sent < sizeof text; sent += 16) {
		assert_int_equal(output_read(&output, seen), sizeof text - sent);
		assert_memory_equal(seen, text + sent, sizeof text - sent);
		output_sent(&pool, &output, 16);
	}
	assert_null(output.first);
	assert_null(output.last);
	assert_int_equal(pool.free_count, CHUNK_POOL_START);
	chunk_pool_fini(&pool);
}

static struct in6_addr address_of(uint32_t number)
{
	struct in6_addr address = {0};
	memcpy(address.s6_addr + 12, &number, sizeof number);
	return address;
}

/* A thousand addresses with two connections each, given back in another order, then counted anew. */
static void addresses_are_counted_each(void **state)
{
	enum { ADDRESSES = 1000 };
	struct addresses *addresses = addresses_new(2 * ADDRESSES, 2);
	(void)state;
	assert_non_null(addresses);
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 2 * ADDRESSES; i++) {
			struct in6_addr address = address_of(i % ADDRESSES);
			assert_true(addresses_take(addresses, &address));
		}
		for (uint32_t i = 0; i < ADDRESSES; i++) {
			struct in6_addr address = address_of(i);
			assert_false(addresses_take(addresses, &address));
		}
		for (uint32_t i = 0; i < 2 * ADDRESSES; i++) {
			struct in6_addr address = address_of(i * 7919 % ADDRESSES);
			addresses_give(addresses, &address);
			if (i < ADDRESSES) { /* one of two is left: there is room for one, again */
				assert_true(addresses_take(addresses, &address));
				assert_false(addresses_take(addresses, &address));
				addresses_give(addresses, &address);
			}
		}
	}
	addresses_free(addresses);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(chunks_come_back),
	    cmocka_unit_test(only_so_many_chunks_are_kept),
	    cmocka_unit_test(an_output_keeps_its_bytes_in_order),
	    cmocka_unit_test(addresses_are_counted_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
