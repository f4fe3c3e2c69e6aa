/* play: a shop that writes a log, and the store's rows as text, so that two stores can be compared. */
#ifndef TESTS_UNIT_FOLLOW_PLAY_H
#define TESTS_UNIT_FOLLOW_PLAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "follow/follow.h"
#include "log/disk_memory.h"
#include "log/memory.h"

#define SHOP_BEGIN_MS INT64_C(1790000000000)
#define SHOP_LIMITS ((struct core_limits){.drops = 16, .skus = 64, .orders = 4096, .lines = 1024, .api_keys = 4})

/* A writer of one log. It decides nothing: the fold does. */
struct shop {
	struct log *log;
	uint64_t counter, sequence; /* of the last record */
	int64_t now;
};

struct shop shop_open(struct log *log);                           /* HELLO */
uint64_t shop_append(struct shop *shop, struct command *command); /* the record's sequence */
/* A drop of two SKUs, "stalls" and "box", open from the start. hold_seconds 0: sold at once. */
uint64_t shop_create(struct shop *shop, const char *id, uint32_t stock, uint32_t hold_seconds);
uint64_t shop_claim(struct shop *shop, uint32_t drop, const char *buyer, const char *key, uint32_t quantity);
uint64_t shop_confirm(struct shop *shop, uint64_t order, const char *payment_ref);
uint64_t shop_cancel(struct shop *shop, uint64_t order);
uint64_t shop_tick(struct shop *shop, int64_t ms);
uint64_t shop_count(struct shop *shop, uint32_t drop, enum verdict reason, uint64_t count);
/* So many records of a crowd, by chance: claims, payments, some of them too late, cancellations, time that passes. */
void shop_trade(struct shop *shop, uint32_t records, uint64_t seed);

/* A store in memory that fails when it is told to. */
struct faulty_store {
	struct store store;
	struct store *inner;
	uint32_t calls;   /* writing calls so far */
	uint32_t fail_in; /* the n-th writing call from now fails with `fault`; 0: none does */
	int fault;
	bool for_good; /* and all after it */
	uint32_t syncs;
	bool sync_fails;
};
struct faulty_store faulty_store_open(struct store *inner);

struct store *memory_store(void);
/* Everything that the store holds, a line a row. The caller frees. */
char *store_dump(struct store *store);
void assert_same_rows(struct store *store, const char *expected);

/* What goes to stderr between the two. The caller frees. */
void listen_begin(void);
char *listen_end(void);

#endif
