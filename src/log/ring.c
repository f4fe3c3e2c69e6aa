#include "log/ring.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"

/* Every entry begins on its own size, so that one always fits before the ring's end. */
struct entry {
	int64_t time_ms;
	uint32_t size;
	uint32_t is_skip;
};
_Static_assert(sizeof(struct entry) == 16, "entries are laid out by hand");

static uint64_t entry_space(uint32_t size)
{
	return (sizeof(struct entry) + size + sizeof(struct entry) - 1) / sizeof(struct entry) * sizeof(struct entry);
}

int ring_init(struct ring *ring, uint64_t size, struct error *error)
{
	must(size >= 4 * sizeof(struct entry) && (size & (size - 1)) == 0);
	uint8_t *bytes = aligned_alloc(4096, size < 4096 ? 4096 : size);
	if (!bytes)
		return error_set(error, FAULT_MEMORY, "no memory for %llu bytes of records that gather",
		                 (unsigned long long)size);
	memset(bytes, 0, size);
	*ring = (struct ring){.bytes = bytes, .size = size};
	return 0;
}

void ring_fini(struct ring *ring)
{
	free(ring->bytes);
	ring->bytes = NULL;
}

uint32_t ring_record_size_max(const struct ring *ring)
{
	return (uint32_t)(ring->size / 2 - sizeof(struct entry));
}

static struct entry *entry_at(const struct ring *ring, uint64_t position)
{
	return (struct entry *)(void *)(ring->bytes + (position & (ring->size - 1)));
}

static uint64_t before_end(const struct ring *ring, uint64_t position)
{
	return ring->size - (position & (ring->size - 1));
}

bool ring_put(struct ring *ring, uint64_t free_from, struct wall_ms time, const uint8_t *bytes, uint32_t size)
{
	uint64_t space = entry_space(size), left = before_end(ring, ring->head);
	uint64_t skip = left < space ? left : 0;
	if (ring->head + skip + space - free_from > ring->size)
		return false;
	if (skip) {
		*entry_at(ring, ring->head) = (struct entry){.is_skip = 1};
		ring->head += skip;
	}
	struct entry *entry = entry_at(ring, ring->head);
	*entry = (struct entry){time.ms, size, 0};
	memcpy(entry + 1, bytes, size);
	ring->head += space;
	return true;
}

struct ring_record ring_next(const struct ring *ring, uint64_t *position, uint64_t *ret_start)
{
	const struct entry *entry = entry_at(ring, *position);
	if (entry->is_skip) {
		*position += before_end(ring, *position);
		entry = entry_at(ring, *position);
	}
	if (ret_start)
		*ret_start = *position;
	*position += entry_space(entry->size);
	return (struct ring_record){{entry->time_ms}, (const uint8_t *)(entry + 1), entry->size};
}
