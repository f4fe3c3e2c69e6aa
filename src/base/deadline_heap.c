#include "base/deadline_heap.h"

#include "base/must.h"

size_t deadline_heap_bytes(uint32_t capacity)
{
	return (size_t)capacity * (sizeof(struct deadline) + sizeof(uint32_t));
}

void deadline_heap_init(struct deadline_heap *heap, void *zeroed, uint32_t capacity)
{
	heap->entries = zeroed;
	heap->place = (uint32_t *)(heap->entries + capacity);
	heap->count = 0;
	heap->capacity = capacity;
}

static bool is_before(const struct deadline *a, const struct deadline *b)
{
	return a->time != b->time ? a->time < b->time : a->tie < b->tie;
}

static void put(struct deadline_heap *heap, uint32_t at, struct deadline entry)
{
	heap->entries[at] = entry;
	heap->place[entry.waiter] = at + 1;
}

static uint32_t sift_up(struct deadline_heap *heap, uint32_t at, struct deadline entry)
{
	while (at > 0 && is_before(&entry, &heap->entries[(at - 1) / 2])) {
		put(heap, at, heap->entries[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	return at;
}

static uint32_t sift_down(struct deadline_heap *heap, uint32_t at, struct deadline entry)
{
	for (;;) {
		uint32_t child = 2 * at + 1;
		if (child >= heap->count)
			return at;
		if (child + 1 < heap->count && is_before(&heap->entries[child + 1], &heap->entries[child]))
			child++;
		if (!is_before(&heap->entries[child], &entry))
			return at;
		put(heap, at, heap->entries[child]);
		at = child;
	}
}

static void settle(struct deadline_heap *heap, uint32_t at, struct deadline entry)
{
	at = sift_up(heap, at, entry);
	put(heap, sift_down(heap, at, entry), entry);
}

void deadline_heap_set(struct deadline_heap *heap, uint32_t waiter, int64_t time, uint64_t tie)
{
	must(waiter < heap->capacity);
	uint32_t at = heap->place[waiter] ? heap->place[waiter] - 1 : heap->count++;
	settle(heap, at, (struct deadline){time, tie, waiter});
}

void deadline_heap_remove(struct deadline_heap *heap, uint32_t waiter)
{
	must(waiter < heap->capacity);
	if (!heap->place[waiter])
		return;
	uint32_t at = heap->place[waiter] - 1;
	struct deadline last = heap->entries[--heap->count];
	heap->place[waiter] = 0;
	if (last.waiter != waiter)
		settle(heap, at, last);
}
