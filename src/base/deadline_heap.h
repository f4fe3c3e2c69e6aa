/* deadline_heap: who is due next, among up to `capacity` numbered waiters.
 *
 * A binary heap ordered by (time, tie); each waiter stands in it at most once and can be moved or taken out.
 *
 * Memory   the caller's: `capacity` entries and as many places, zeroed (deadline_heap_bytes).
 * Thread   the owner's.
 */
#ifndef DIBS_BASE_DEADLINE_HEAP_H
#define DIBS_BASE_DEADLINE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct deadline {
	int64_t time;
	uint64_t tie; /* earlier arrivals have smaller ones */
	uint32_t waiter;
};

struct deadline_heap {
	struct deadline *entries;
	uint32_t *place; /* of each waiter, plus one; 0: not in the heap */
	uint32_t count, capacity;
};

size_t deadline_heap_bytes(uint32_t capacity);
void deadline_heap_init(struct deadline_heap *heap, void *zeroed, uint32_t capacity);
/* Puts the waiter in, or moves it. */
void deadline_heap_set(struct deadline_heap *heap, uint32_t waiter, int64_t time, uint64_t tie);
void deadline_heap_remove(struct deadline_heap *heap, uint32_t waiter); /* fine when it is not there */

static inline const struct deadline *deadline_heap_first(const struct deadline_heap *heap)
{
	return heap->count ? &heap->entries[0] : NULL;
}

#endif
