/* store: the port of the read model. Orders by drop, buyer and status, and statistics, as rows to be asked for.
 *
 * It can be deleted and is rebuilt from the log; it is never a condition of a grant. One writer (the projector) puts
 * rows and their position in one transaction; many readers.
 *
 * Memory   rows handed to `each` live during the call.
 * Faults   FAULT_IO with the engine's message; FAULT_VERSION: a newer schema (an older one is thrown away and rebuilt);
 *          FAULT_DAMAGED: not a store, or broken: delete it, it is rebuilt.
 * Thread   writing: one. Reading: any, each call takes a reader of a small pool.
 */
#ifndef DIBS_STORE_STORE_H
#define DIBS_STORE_STORE_H

#include "base/error.h"
#include "base/text.h"
#include "base/time.h"
#include "core/core.h"

struct store;

struct store_order {
	uint64_t sequence;
	uint32_t drop; /* number */
	struct text drop_id, buyer, key, payment_ref;
	enum order_status status;
	uint32_t position;
	struct wall_ms created_at, hold_until, ended_at; /* WALL_NEVER: none */
	uint32_t line_count;
	struct {
		struct text sku;
		uint32_t quantity;
	} line[LINES_MAX];
};

struct store_drop {
	uint32_t drop;
	struct text id;
	struct wall_ms created_at;
};

/* One second of one drop, by log time; added to what is there. */
struct store_second {
	uint32_t drop;
	int64_t second; /* since 1970 */
	uint64_t granted, completed, canceled, expired;
	uint32_t refusal_count;
	struct verdict_count refusal[COUNTS_MAX];
};

struct store_page {
	struct text drop;  /* empty: all */
	struct text buyer; /* empty: all */
	int status;        /* enum order_status, or -1: all */
	uint64_t before;   /* newest first: sequences below this; 0: from the newest */
	uint32_t limit;
};

/* A refund due: recorded beside the order. */
struct store_refund {
	uint64_t sequence, order;
	struct text payment_ref;
	struct wall_ms time;
};

struct store_ops {
	/* writing, in this order: begin, rows, commit. A fault in between undoes all of it. */
	int (*begin)(struct store *store, struct error *error);
	int (*put_drop)(struct store *store, const struct store_drop *drop, struct error *error);
	int (*put_order)(struct store *store, const struct store_order *order, struct error *error);
	int (*end_order)(struct store *store, uint64_t sequence, enum order_status status, struct wall_ms ended_at,
	                 struct text payment_ref, struct error *error);
	int (*put_refund)(struct store *store, const struct store_refund *refund, struct error *error);
	int (*add_second)(struct store *store, const struct store_second *second, struct error *error);
	int (*commit)(struct store *store, uint64_t position, struct wall_ms as_of, struct error *error);
	void (*rollback)(struct store *store);
	/* reading */
	int (*position)(struct store *store, uint64_t *ret, struct wall_ms *ret_as_of, struct error *error);
	int (*order)(struct store *store, uint64_t sequence,
	             void (*each)(void *context, const struct store_order *order), void *context,
	             struct error *error); /* 1 found, 0 not */
	int (*order_by_key)(struct store *store, struct text drop, struct text buyer, struct text key,
	                    void (*each)(void *context, const struct store_order *order), void *context,
	                    struct error *error); /* 1 found, 0 not */
	int (*orders)(struct store *store, const struct store_page *page,
	              void (*each)(void *context, const struct store_order *order), void *context,
	              struct error *error); /* how many */
	int (*seconds)(struct store *store, struct text drop, int64_t from, uint32_t limit,
	               void (*each)(void *context, const struct store_second *second), void *context,
	               struct error *error); /* oldest first; how many */
	int (*refunds)(struct store *store, uint64_t order,
	               void (*each)(void *context, const struct store_refund *refund), void *context,
	               struct error *error);
	void (*close)(struct store *store);
};

struct store {
	const struct store_ops *ops;
};

/* SQLite in WAL mode. path ":memory:" is for tests. read_only: for audit. */
int store_sqlite_open(const char *path, bool read_only, struct store **ret, struct error *error);

#endif
