/* pools: all memory of a core, taken at once. The only file of core/ that asks the system for any.
 *
 * One mapping: untouched pages cost nothing, so generous pools are free until they are used; huge pages are asked for,
 * because a claim touches two cache lines far apart and would miss the TLB for each.
 */
#include <sys/mman.h>

#include "core/state.h"

struct carve {
	uint8_t *at; /* NULL while only counting */
	size_t size;
};

static void *carve_next(struct carve *carve, size_t size)
{
	size_t from = (carve->size + 63) & ~(size_t)63;
	carve->size = from + size;
	return carve->at ? carve->at + from : NULL;
}

static void carve_table(struct carve *carve, struct index_table *table, uint32_t capacity)
{
	void *zeroed = carve_next(carve, index_table_bytes(capacity));
	if (zeroed)
		index_table_init(table, zeroed, capacity);
}

static void carve_heap(struct carve *carve, struct deadline_heap *heap, uint32_t capacity)
{
	void *zeroed = carve_next(carve, deadline_heap_bytes(capacity));
	if (zeroed)
		deadline_heap_init(heap, zeroed, capacity);
}

/* Once to count, once to hand out. */
static struct core *carve_core(struct carve *carve, const struct core_limits *limits)
{
	struct core *core = carve_next(carve, sizeof *core);
	struct core counting = {0};
	struct core *into = core ? core : &counting;
	into->drops = carve_next(carve, (size_t)limits->drops * sizeof(struct drop));
	into->skus = carve_next(carve, (size_t)limits->skus * sizeof(struct sku));
	into->api_keys = carve_next(carve, (size_t)limits->api_keys * sizeof(struct api_key));
	carve_table(carve, &into->by_drop_id, limits->drops);
	carve_table(carve, &into->by_sku_id, limits->skus);
	carve_heap(carve, &into->due, limits->drops);
	carve_heap(carve, &into->leaving, limits->drops);
	carve_table(carve, &into->by_owner, limits->orders);
	carve_table(carve, &into->by_sequence, limits->orders);
	into->sums = carve_next(carve, (size_t)limits->skus * sizeof(struct sku_sum));
	into->lines = carve_next(carve, (size_t)limits->lines * sizeof(struct line));
	into->orders = carve_next(carve, (size_t)limits->orders * sizeof(struct order));
	into->pools_size = carve->size;
	left_filter_init(&into->left, carve_next(carve, left_filter_bytes(limits->left)), limits->left);
	return core;
}

int core_new(const struct core_limits *limits, struct core **ret, struct error *error)
{
	struct carve count = {0}, carve = {0};
	if (!limits->drops || !limits->skus || !limits->orders || !limits->lines || !limits->api_keys)
		return error_set(error, FAULT_INVALID, "a pool of the core cannot be empty");
	carve_core(&count, limits);
	carve.at = mmap(NULL, count.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (carve.at == MAP_FAILED)
		return error_set(error, FAULT_MEMORY, "the system gives no %zu MiB for the pools; lower orders-max",
		                 count.size >> 20);
	madvise(carve.at, count.size, MADV_HUGEPAGE);
	struct core *core = carve_core(&carve, limits);
	core->memory = carve.at;
	core->memory_size = count.size;
	core->limits = *limits;
	core->heart.rules = 1;
	core->heart.order_free = NO_ORDER;
	core->heart.line_free = NO_LINE;
	core->touched_drop = NO_DROP;
	core->touched_order = NO_ORDER;
	*ret = core;
	return 0;
}

void core_free(struct core *core)
{
	if (core)
		munmap(core->memory, core->memory_size);
}

void core_prefault(const struct core *core)
{
	uint32_t layers =
	    core->left.heart.layers < core->left.layers_max ? core->left.heart.layers + 1 : core->left.layers_max;
	size_t size = core->pools_size + left_layers_bytes(layers);
	/* where it cannot, pages come as they are touched */
	madvise(core->memory, size < core->memory_size ? size : core->memory_size, MADV_POPULATE_WRITE);
}

size_t core_memory(const struct core *core)
{
	return core->memory_size;
}
