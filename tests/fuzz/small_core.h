/* small_core: a core with small pools, made once and put back to its beginning for each input.
 *
 * It is put back by copying what a fresh core is, but for the administrative keys, which are most of it: of these only
 * what was used is cleared.
 */
#ifndef DIBS_TESTS_SMALL_CORE_H
#define DIBS_TESTS_SMALL_CORE_H

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "core/state.h"

struct small_core {
	struct core *core;
	uint8_t *fresh; /* what its memory was when it was made */
};

static inline struct small_core small_core_new(void)
{
	static const struct core_limits limits = {.drops = 6, .skus = 16, .orders = 48, .lines = 32, .api_keys = 3};
	struct small_core small;
	struct error error = {0};
	digest_init();
	must(core_new(&limits, &small.core, &error) == 0);
	small.fresh = malloc(small.core->memory_size);
	must(small.fresh);
	memcpy(small.fresh, small.core->memory, small.core->memory_size);
	return small;
}

static inline void small_core_reset(struct small_core *small)
{
	struct core *core = small->core;
	uint8_t *memory = core->memory;
	size_t from = (size_t)((uint8_t *)core->heart.admin_keys - memory), to = from + sizeof core->heart.admin_keys;
	size_t used = core->heart.admin_next < ADMIN_KEYS_MAX ? core->heart.admin_next : ADMIN_KEYS_MAX;
	memset(core->heart.admin_keys, 0, used * sizeof core->heart.admin_keys[0]);
	size_t size = core->memory_size;
	memcpy(memory + to, small->fresh + to, size - to);
	memcpy(memory, small->fresh, from);
}

/* After a load that failed, anything may stand anywhere. */
static inline void small_core_reset_all(struct small_core *small)
{
	size_t size = small->core->memory_size;
	memcpy(small->core->memory, small->fresh, size);
}

#endif
