/* How fast the store takes orders: store_rate FILE [orders [orders of one transaction [drops]]]
 *
 * Puts the orders of random buyers in transactions, as the projector does, then ends all of them, and then asks for
 * pages. The file is left for looking at.
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/store.h"

static struct error error;

static void check(int rc)
{
	if (rc < 0) {
		fprintf(stderr, "%s\n", error.text);
		exit(1);
	}
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15;
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9;
	return x ^ x >> 32;
}

static double seconds_since(struct mono_ns begin)
{
	return (double)(clock_mono().ns - begin.ns) / 1e9;
}

static void put_order(struct store *store, uint64_t sequence, uint32_t drop)
{
	char buyer[40], key[48];
	uint64_t random = mix(sequence);
	int buyer_size = snprintf(buyer, sizeof buyer, "user-%016llx", (unsigned long long)random);
	int key_size =
	    snprintf(key, sizeof key, "%016llx-%016llx", (unsigned long long)mix(random), (unsigned long long)sequence);
	struct store_order order = {.sequence = sequence,
	                            .drop = drop,
	                            .buyer = {buyer, (size_t)buyer_size},
	                            .key = {key, (size_t)key_size},
	                            .position = (uint32_t)sequence,
	                            .created_at = {1790000000000 + (int64_t)sequence / 100},
	                            .hold_until = {1790000600000 + (int64_t)sequence / 100},
	                            .ended_at = WALL_NEVER,
	                            .line_count = 1,
	                            .line = {{TEXT("stalls"), 1}}};
	check(store->ops->put_order(store, &order, &error));
}

static void end_order(struct store *store, uint64_t sequence, uint32_t drop)
{
	char ref[32];
	int size = snprintf(ref, sizeof ref, "pay-%llu", (unsigned long long)sequence);
	check(store->ops->end_order(store, sequence, ORDER_COMPLETED,
	                            (struct wall_ms){1790000300000 + (int64_t)sequence / 100},
	                            (struct text){ref, (size_t)size}, &error));
}

static void put_drops(struct store *store, uint32_t count)
{
	check(store->ops->begin(store, &error));
	for (uint32_t i = 0; i < count; i++) {
		char id[16];
		int size = snprintf(id, sizeof id, "drop-%u", i);
		struct store_drop drop = {.drop = i, .id = {id, (size_t)size}, .created_at = {1790000000000}};
		check(store->ops->put_drop(store, &drop, &error));
	}
	check(store->ops->commit(store, 1, (struct wall_ms){1790000000000}, &error));
}

static void run(struct store *store, const char *what, uint64_t orders, uint64_t batch, uint32_t drops,
                void (*row)(struct store *store, uint64_t sequence, uint32_t drop))
{
	struct mono_ns begin = clock_mono();
	for (uint64_t at = 2; at < orders + 2;) {
		check(store->ops->begin(store, &error));
		for (uint64_t i = 0; i < batch && at < orders + 2; i++, at++)
			row(store, at, (uint32_t)(mix(at * 3) % drops));
		check(store->ops->commit(store, at - 1, (struct wall_ms){1790000000000}, &error));
	}
	double took = seconds_since(begin);
	printf("%-10s %10.0f orders/s  (%llu in %.2f s, %llu a transaction)\n", what, (double)orders / took,
	       (unsigned long long)orders, took, (unsigned long long)batch);
}

static void nothing(void *context, const struct store_order *order)
{
}

static void ask(struct store *store, const char *what, struct store_page page)
{
	enum { TIMES = 1000 };
	struct mono_ns begin = clock_mono();
	int rows = 0;
	page.limit = 20;
	for (int i = 0; i < TIMES; i++) {
		int count = store->ops->orders(store, &page, nothing, NULL, &error);
		check(count);
		rows += count;
	}
	printf("%-22s %8.1f us a page of %d\n", what, seconds_since(begin) * 1e6 / TIMES, rows / TIMES);
}

int main(int argc, char **argv)
{
	uint64_t orders = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
	uint64_t batch = argc > 3 ? strtoull(argv[3], NULL, 10) : 65536;
	uint32_t drops = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 4;
	struct store *store;
	char buyer[40];
	if (argc < 2 || batch == 0 || drops == 0) {
		fprintf(stderr, "store_rate FILE [orders [orders of one transaction [drops]]]\n");
		return 2;
	}
	check(store_sqlite_open(argv[1], false, &store, &error));
	put_drops(store, drops);
	run(store, "granted", orders, batch, drops, put_order);
	run(store, "completed", orders, batch, drops, end_order);
	int size = snprintf(buyer, sizeof buyer, "user-%016llx", (unsigned long long)mix(orders / 2));
	struct text one = {buyer, (size_t)size};
	ask(store, "newest", (struct store_page){.status = -1});
	ask(store, "drop", (struct store_page){.drop = TEXT("drop-0"), .status = -1});
	ask(store, "drop, status", (struct store_page){.drop = TEXT("drop-0"), .status = ORDER_COMPLETED});
	ask(store, "drop, no such status", (struct store_page){.drop = TEXT("drop-0"), .status = ORDER_PENDING});
	ask(store, "buyer", (struct store_page){.buyer = one, .status = -1});
	ask(store, "drop, buyer", (struct store_page){.drop = TEXT("drop-0"), .buyer = one, .status = -1});
	store->ops->close(store);
	return 0;
}
