/* ledger: the thread around ledger_step, and the rings between it and the loops.
 *
 * Threads  ledger_submit(), ledger_collect(): a loop's, with its own number. views: any. The rest: the main thread's.
 * A loop hands over once per round all its asks; it is woken once per durable batch.
 */
#ifndef DIBS_LEDGER_LEDGER_H
#define DIBS_LEDGER_LEDGER_H

#include "ledger/ask.h"
#include "ledger/view.h"
#include "log/log.h"

struct ledger_thread;

struct ledger_thread_options {
	struct core_limits limits; /* the core's own: the ledger's tables and the views are as large */
	uint32_t loops;
	uint32_t ring_size; /* asks per loop on their way in; full is "overloaded" */
	uint32_t waiting_max, claim_timeout_ms;
	bool eligibility;
	uint8_t log_number;
	bool clock_behind; /* start although the clock is behind the last record: time then begins there */
	void (*wake_loop)(void *context, uint32_t loop); /* any thread; coalesces (uv_async_send) */
	void *wake_context;
	/* The log or the fold failed for good: called once, on the ledger thread. Exit with error_exit_status(). */
	void (*failed)(void *context, const struct error *error);
	void *failed_context;
};

/* Folds nothing itself: core is at the log's end. Starts the thread; the ledger owns core and log's echo side until
 * stop. FAULT_CLOCK when the clock is behind the last record and the flag is not set. */
int ledger_start(struct core *core, struct log *log, const struct ledger_thread_options *options,
                 struct ledger_thread **ret, struct error *error);
/* Answers what waits, writes the last COUNTS, syncs, joins, frees. Loops must still collect until it returns. */
void ledger_stop(struct ledger_thread *ledger);

/* Hands over a list (by `next`) of `count` asks: all of this round. Returns how many were taken, from the front; the
 * rest are "overloaded" and still the caller's. */
uint32_t ledger_submit(struct ledger_thread *ledger, uint32_t loop, struct ask *first, uint32_t count);
/* The answers for this loop that may leave, a list by `next`; NULL: none. Call when woken; it calls no done itself. */
struct ask *ledger_collect(struct ledger_thread *ledger, uint32_t loop);

bool ledger_ready(const struct ledger_thread *ledger);
const struct views *ledger_views(const struct ledger_thread *ledger);

struct ledger_statistics {
	uint64_t verdicts[VERDICT_COUNT]; /* since the start */
	uint64_t steps, asks;
	uint32_t waiting;
	uint32_t orders, orders_max, pending; /* as the views: of what is durable */
	uint64_t left,
	    left_max; /* keys of orders that have left, in the core's filter, and how many it tells from new ones */
	uint64_t sequence, durable; /* the log's end, a part of which may not be durable yet; and how far it is */
};
void ledger_statistics(const struct ledger_thread *ledger, struct ledger_statistics *ret); /* any thread */

#endif
