/* index_table: from a key to the 32-bit index of a row that lies in somebody's array.
 *
 * The rows hold the keys; a table holds only where they are: chunks of one cache line, each with twelve tags (8 bits of
 * the key's hash), twelve indices, and a count of entries that wanted this chunk and had to go on to a later one. A
 * look-up compares twelve tags at once and reads a row only where a tag fits; it stops at a chunk that nobody had to
 * pass (after Facebook's F14 tables: N. Bronson, X. Shi, "Open-sourcing F14", 2019).
 *
 * Memory   64 bytes for every 10 entries of the capacity; the caller takes it (index_table_bytes) and hands it in, zeroed.
 * Faults   none; more than `capacity` entries is a bug.
 * Thread   the owner's.
 */
#ifndef DIBS_BASE_INDEX_TABLE_H
#define DIBS_BASE_INDEX_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/must.h"

__extension__ typedef unsigned __int128 uint128; /* a product of two 64-bit numbers */

#define INDEX_NONE UINT32_MAX
#define INDEX_SLOTS 12      /* tags, counter and indices of 4 bytes fill one cache line */
#define INDEX_SLOTS_USED 10 /* of these on average at capacity: a load of 0.83 keeps the walks short */

struct index_chunk {
	uint8_t tag[INDEX_SLOTS]; /* 0: free */
	uint8_t passed;           /* entries that went on from here; 255 sticks */
	uint8_t zero[3];
	uint32_t index[INDEX_SLOTS];
};
_Static_assert(sizeof(struct index_chunk) == 64, "a chunk is a cache line");

struct index_table {
	struct index_chunk *chunks;
	uint64_t chunk_count;
	uint32_t count, capacity;
};

/* Where a key's search begins. */
struct index_place {
	uint64_t chunk;
	uint8_t tag; /* 1..255 */
};

static inline size_t index_table_bytes(uint32_t capacity)
{
	return ((size_t)capacity / INDEX_SLOTS_USED + 1) * sizeof(struct index_chunk);
}

static inline void index_table_init(struct index_table *table, void *zeroed, uint32_t capacity)
{
	table->chunks = (struct index_chunk *)zeroed;
	table->chunk_count = (uint64_t)capacity / INDEX_SLOTS_USED + 1;
	table->count = 0;
	table->capacity = capacity;
}

/* For a key with a good 64-bit hash. */
static inline struct index_place index_place_hashed(const struct index_table *table, uint64_t hash)
{
	uint8_t tag = (uint8_t)hash;
	uint64_t chunk = (uint64_t)(((uint128)hash * table->chunk_count) >> 64);
	return (struct index_place){chunk, tag ? tag : 1};
}

/* For numbers, which are no hashes yet (the finishing steps of MurmurHash3, A. Appleby). Neighbours are spread on
 * purpose: numbers that stay while others go would else pile up in one stretch of the table. */
static inline struct index_place index_place_numbered(const struct index_table *table, uint64_t number)
{
	number = (number ^ number >> 33) * UINT64_C(0xff51afd7ed558ccd);
	number = (number ^ number >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return index_place_hashed(table, number ^ number >> 33);
}

static inline void index_prefetch(const struct index_table *table, struct index_place place)
{
	__builtin_prefetch(&table->chunks[place.chunk]);
}

/* A bit for every slot of the chunk that carries the tag. */
static inline uint32_t index_matches(const struct index_chunk *chunk, uint8_t tag)
{
#if defined(__SSE2__)
	__m128i tags = _mm_load_si128((const __m128i *)(const void *)chunk);
	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag))) & ((1u << INDEX_SLOTS) - 1);
#else
	uint32_t bits = 0;
	for (unsigned i = 0; i < INDEX_SLOTS; i++)
		bits |= (uint32_t)(chunk->tag[i] == tag) << i;
	return bits;
#endif
}

static inline uint64_t index_next_chunk(const struct index_table *table, uint64_t chunk)
{
	return chunk + 1 == table->chunk_count ? 0 : chunk + 1;
}

typedef bool index_is_fn(const void *context, uint32_t index);

/* The index for which is() holds, or INDEX_NONE. */
static inline __attribute__((always_inline)) uint32_t
index_find(const struct index_table *table, struct index_place place, index_is_fn *is, const void *context)
{
	uint64_t at = place.chunk;
	for (uint64_t walked = 0; walked < table->chunk_count; walked++) {
		const struct index_chunk *chunk = &table->chunks[at];
		for (uint32_t bits = index_matches(chunk, place.tag); bits; bits &= bits - 1) {
			uint32_t index = chunk->index[__builtin_ctz(bits)];
			if (is(context, index))
				return index;
		}
		if (chunk->passed == 0)
			return INDEX_NONE;
		at = index_next_chunk(table, at);
	}
	return INDEX_NONE;
}

static inline void index_insert(struct index_table *table, struct index_place place, uint32_t index)
{
	uint64_t at = place.chunk;
	must(table->count < table->capacity);
	table->count++;
	for (;;) {
		struct index_chunk *chunk = &table->chunks[at];
		uint32_t free_slots = index_matches(chunk, 0);
		if (free_slots) {
			int slot = __builtin_ctz(free_slots);
			chunk->tag[slot] = place.tag;
			chunk->index[slot] = index;
			return;
		}
		if (chunk->passed != UINT8_MAX)
			chunk->passed++;
		at = index_next_chunk(table, at);
	}
}

/* The slot that holds exactly this index; it must be there. */
static inline uint32_t *index_slot(struct index_table *table, struct index_place place, uint32_t index,
                                   uint64_t *ret_at, int *ret_slot)
{
	uint64_t at = place.chunk;
	for (uint64_t walked = 0; walked < table->chunk_count; walked++) {
		struct index_chunk *chunk = &table->chunks[at];
		for (uint32_t bits = index_matches(chunk, place.tag); bits; bits &= bits - 1) {
			int slot = __builtin_ctz(bits);
			if (chunk->index[slot] != index)
				continue;
			*ret_at = at;
			*ret_slot = slot;
			return &chunk->index[slot];
		}
		at = index_next_chunk(table, at);
	}
	must_failed("the index is in the table", __FILE__, __LINE__);
}

/* Another row has the key now. */
static inline void index_replace(struct index_table *table, struct index_place place, uint32_t index, uint32_t with)
{
	uint64_t at;
	int slot;
	*index_slot(table, place, index, &at, &slot) = with;
}

static inline void index_remove(struct index_table *table, struct index_place place, uint32_t index)
{
	uint64_t at;
	int slot;
	*index_slot(table, place, index, &at, &slot) = 0;
	table->chunks[at].tag[slot] = 0;
	table->count--;
	for (uint64_t passed = place.chunk; passed != at; passed = index_next_chunk(table, passed))
		if (table->chunks[passed].passed != UINT8_MAX)
			table->chunks[passed].passed--;
}

#endif
