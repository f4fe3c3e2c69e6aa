/* changes: what applied records changed, waiting to be shown when they are durable.
 *
 *   core_apply ──► listener: keys ──changes_end──► values ──(durable)──changes_publish──► views
 *
 * The state runs ahead of the log's durable part, and may never stand still; so each row that a record changed is
 * kept as it was after that record, in order, and what is shown is the state at exactly the durable sequence.
 *
 * Memory   taken in changes_init(): enough for every row there can be, twice. When that is full, rows that changed
 *          again are dropped (compact), and until their later change is durable nothing in between is shown; nor may
 *          an answer of in between leave: changes_shown() says so.
 * Thread   the ledger's.
 * Keeps    P3 for reads.
 */
#ifndef DIBS_LEDGER_CHANGES_H
#define DIBS_LEDGER_CHANGES_H

#include "ledger/view_write.h"

/* An API key is told twice at most, each as a kind of its own: so compact() drops neither, the keys come in the order of
 * their numbers, and a revocation comes after its key. */
enum change_kind {
	CHANGED_NEW,
	CHANGED_TERMS,
	CHANGED_FLOW,
	CHANGED_STOCK,
	CHANGED_COUNT,
	CHANGED_KEY_NEW,
	CHANGED_KEY_REVOKED
};

struct change {
	uint64_t sequence;
	uint32_t drop;
	uint32_t kind:8;
	uint32_t index:24; /* STOCK: the SKU's place; COUNT: verdict; KEY_…: its number */
	union {
		struct view_terms terms;
		struct {
			struct view_flow flow;
			struct view_totals totals; /* of the whole core: whatever changes them changes a drop's flow */
		};
		struct view_stock stock;
		uint64_t count;
		bool revoked;
	};
};

struct changes {
	struct core *core;
	/* first..next wait in order; those from `bare` on have no values yet */
	struct change *all;
	uint64_t first, next, bare;
	uint64_t soft, capacity; /* soft grows to capacity, so that a quiet ledger stays in its cache */
	uint64_t *seen;          /* keys met by compact() */
	uint64_t seen_mask;
	uint64_t hold_from, hold_until; /* compacted: nothing in between is shown; hold_until 0: no such gap */
	uint64_t *newest_left; /* per drop: the latest grant among the orders that have left, or a bound on it */
	uint64_t *last_left;   /* per drop: sequence at which an order last left the core; 0: none has */
};

/* Begins with all there is: the first changes_publish() shows it. Listens to the core. */
bool changes_init(struct changes *changes, struct core *core, const struct core_limits *limits);
void changes_fini(struct changes *changes);

/* After each record that was applied. */
void changes_end(struct changes *changes, uint64_t sequence, const struct command *command,
                 const struct outcome *outcome);

/* How far may be shown and answered when the log is durable up to `durable`: that, or less. */
uint64_t changes_shown(const struct changes *changes, uint64_t durable);
void changes_publish(struct changes *changes, uint64_t durable, struct views *views);

#endif
