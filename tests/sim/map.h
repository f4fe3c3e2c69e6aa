/* map: 64-bit keys to 64-bit values, of a fixed size, emptied at once: what lies in it from an earlier seed has another
 * epoch. Key 0 is a key like any other.
 */
#ifndef DIBS_SIM_MAP_H
#define DIBS_SIM_MAP_H

#include <stdint.h>
#include <stddef.h>

#include "base/must.h"

#define MAP_BITS 16
#define MAP_SIZE (1u << MAP_BITS)

struct map_entry {
	uint64_t key, value;
	uint32_t epoch;
};

struct map {
	uint32_t epoch, count;
	struct map_entry entries[MAP_SIZE];
};

static inline void map_clear(struct map *map)
{
	map->epoch++;
	map->count = 0;
}

static inline struct map_entry *map_place(struct map *map, uint64_t key)
{
	uint32_t at = (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - MAP_BITS));
	while (map->entries[at].epoch == map->epoch && map->entries[at].key != key)
		at = (at + 1) % MAP_SIZE;
	return &map->entries[at];
}

/* NULL: not there. */
static inline uint64_t *map_find(struct map *map, uint64_t key)
{
	struct map_entry *entry = map_place(map, key);
	return entry->epoch == map->epoch ? &entry->value : NULL;
}

/* The value of the key, 0 when it is new. */
static inline uint64_t *map_at(struct map *map, uint64_t key)
{
	struct map_entry *entry = map_place(map, key);
	if (entry->epoch != map->epoch) {
		must(++map->count < MAP_SIZE / 4 * 3);
		*entry = (struct map_entry){key, 0, map->epoch};
	}
	return &entry->value;
}

#endif
