/* round: one step of the shell around ledger_step, over any log, without a thread.
 *
 *   log ──echoes──► ledger_step ──appends──► log          round_step(): once; round again until it says 0
 *                        └──────► published views, answers that may leave
 *
 * The ledger's thread calls it between two sleeps (thread.c), a simulation between two events.
 *
 * Memory   the echoes of a step are copied: taken in round_init(). Ledger, views and log are the caller's.
 * Faults   those of ledger_step() and of the log: final.
 * Thread   the ledger's.
 */
#ifndef DIBS_LEDGER_ROUND_H
#define DIBS_LEDGER_ROUND_H

#include "ledger/ask_list.h"
#include "ledger/step.h"

#define ROUND_ECHOES_MAX 1024 /* of one step: a few windows of prefetching, and bounded buffers */

struct round {
	struct ledger *ledger;
	struct views *views;
	struct log *log;
	struct log_record *echoes;
	uint8_t *echo_bytes;
	uint32_t echoes_max; /* ROUND_ECHOES_MAX, or fewer */
	bool log_is_busy;    /* it did not take all of the last step's appends: not to be tried again at once */
};

/* False: no memory. */
bool round_init(struct round *round, struct ledger *ledger, struct views *views, struct log *log);
void round_fini(struct round *round);
/* asks: a list, new ones. Answers that may leave are put at *ret's end. 1: step again, something came or went; 0: not
 * until something new happens; or a fault. */
int round_step(struct round *round, struct ask *asks, struct wall_ms now, bool draining, struct ask_list *ret,
               struct error *error);

/* What a ledger's clock begins with: the wall clock, or the last record's time if it is behind that and `behind` allows
 * it; else FAULT_CLOCK. */
int round_clock(const struct core *core, struct wall_ms wall, bool behind, struct wall_ms *ret, struct error *error);

#endif
