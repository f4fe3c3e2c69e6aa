/* ring: pointers from one thread to one other, in order, without a lock.
 *
 *   producer ── ring_stage … ring_publish ──► [slots] ── ring_take ──► consumer
 *
 * Bounded: a full ring takes nothing, and its caller says "overloaded". Each side keeps the other side's index as it
 * last saw it and looks again only when that one says full or empty, so that the two cores seldom share a line.
 *
 * Memory   taken in ring_init(); the pointers are the caller's.
 * Thread   ring_stage, ring_publish: the producer's. ring_take: the consumer's. init, fini: before and after both.
 */
#ifndef DIBS_BASE_RING_H
#define DIBS_BASE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define RING_LINE 64 /* a cache line: what two cores must not write at once */

struct ring {
	/* fixed */
	void **slots;
	uint32_t mask, bound;
	/* producer */
	_Alignas(RING_LINE) _Atomic uint32_t tail;
	uint32_t head_seen, staged;
	/* consumer */
	_Alignas(RING_LINE) _Atomic uint32_t head;
	uint32_t tail_seen;
};

/* Room for exactly `bound` pointers, 1..2^30. False: no memory. */
static inline bool ring_init(struct ring *ring, uint32_t bound)
{
	uint32_t size = 1;
	while (size < bound)
		size *= 2;
	void **slots = calloc(size, sizeof *slots);
	if (!slots)
		return false;
	ring->slots = slots;
	ring->mask = size - 1;
	ring->bound = bound;
	ring->head_seen = ring->tail_seen = ring->staged = 0;
	atomic_init(&ring->tail, 0);
	atomic_init(&ring->head, 0);
	return true;
}

static inline void ring_fini(struct ring *ring)
{
	free(ring->slots);
	ring->slots = NULL;
}

/* Puts one in, not seen before ring_publish(): so that many cost one hand-over. False: full, nothing taken. */
static inline bool ring_stage(struct ring *ring, void *pointer)
{
	if (ring->staged - ring->head_seen >= ring->bound) {
		ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
		if (ring->staged - ring->head_seen >= ring->bound)
			return false;
	}
	ring->slots[ring->staged++ & ring->mask] = pointer;
	return true;
}

static inline void ring_publish(struct ring *ring)
{
	atomic_store_explicit(&ring->tail, ring->staged, memory_order_release);
}

/* NULL: empty. */
static inline void *ring_take(struct ring *ring)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	if (head == ring->tail_seen) {
		ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
		if (head == ring->tail_seen)
			return NULL;
	}
	void *pointer = ring->slots[head & ring->mask];
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
	return pointer;
}

/* For the consumer, before it sleeps: is something there? */
static inline bool ring_is_empty(const struct ring *ring)
{
	return atomic_load_explicit(&ring->head, memory_order_relaxed) ==
	       atomic_load_explicit(&ring->tail, memory_order_acquire);
}

#endif
