/* state: what a ledger is made of. Private to ledger/.
 *
 * An ask's way, each arrow named after the function that takes it (step.c):
 *
 *   new ──consider──┬── refused for certain, or read ─────────────── answer ──┐
 *         ▲         ├── must wait ── wait ──► queue ──(next step)─┐           ├─► release ──(durable)──► out
 *         └─────────┼─────────────────────────────────────────────┘           │
 *                   └── append ──► flight ──(echo)── settle ─── answer ───────┘
 *                                    └──(overtaken, timed out)── answer
 */
#ifndef DIBS_LEDGER_STATE_H
#define DIBS_LEDGER_STATE_H

#include "ledger/changes.h"
#include "ledger/flight.h"
#include "ledger/recent.h"
#include "ledger/refunds.h"
#include "ledger/release.h"
#include "ledger/step.h"
#include "ledger/tally.h"

#define WINDOW 16               /* commands looked at ahead, so that memory is there when they are applied */
#define APPENDS_MAX 16384       /* records of one step: what one batch of the fastest sale holds, many times */
#define APPEND_BYTES (1u << 20) /* of one step; one record of any size fits behind it */

struct ledger {
	struct core *core;
	struct ledger_options options;
	char program[NAME_SIZE_MAX];

	/* who this ledger is in the log */
	uint64_t incarnation; /* 0: its HELLO has not come back */
	uint64_t counter;     /* of its last append */
	bool hello_sent;
	bool ready;
	uint64_t ready_at; /* sequence at which nothing was due any more; 0: not yet */

	/* asks: in the queue, in flight, answered */
	struct ask_list queue;
	struct flight flight;
	struct release release;
	struct ask_list out;
	uint32_t waiting; /* asks that take one of waiting_max's places */

	/* Claims whose echo did not come in time: each may still be granted until the log is past their latest time, and
	 * takes its place in the pools until then; a TICK brings the log there. */
	uint32_t lost_claims;
	struct wall_ms lost_latest;

	/* what it writes by itself */
	uint64_t tick;              /* counter of the TICK in flight; 0: none */
	struct wall_ms tick_latest; /* then it counts as lost */
	uint64_t checked;           /* sequence that the last CHECK named */
	struct tally tally;

	struct changes changes;
	struct recent recent;
	struct refunds refunds;

	/* this step */
	uint32_t step;
	struct wall_ms now;
	uint64_t shown; /* durable, as far as it may be answered */
	enum log_room room;
	bool draining;

	/* the appends of the last step */
	struct ledger_append *appends;
	uint32_t append_count;
	uint8_t *bytes;
	size_t size;

	struct command window[WINDOW];
	struct command_scratch scratch;
};

/* ---- command.c: what an ask would be in the log ---- */

/* False: the ask is only a reading. The command borrows the ask's texts. */
bool command_of_ask(const struct ledger *ledger, const struct ask *ask, struct command *ret);

/* ---- answer.c ---- */

void answer_begin(struct ask *ask);
/* What decide or apply said, with everything that goes with that verdict. */
void answer_fill(struct ledger *ledger, struct ask *ask, const struct command *command, const struct outcome *outcome);
/* An order of the core's, as it is at `now`, into the answer; false: it is not there. */
bool answer_order(struct ledger *ledger, struct ask *ask, uint64_t order);
/* Whose order it is and, for its owner's eyes only, whether it is the asker's. */
bool answer_is_owner(const struct ledger *ledger, const struct ask *ask, const struct order_view *order);
/* What reading this order rests on: an order past its deadline before its turn rests on all the log. */
uint64_t answer_order_basis(const struct ledger *ledger, const struct order_view *order);

/* ---- consider.c: what becomes of an ask ---- */

/* The answer is filled: it leaves when its basis is durable. */
void answer(struct ledger *ledger, struct ask *ask);
/* An answer that says nothing about the state: it rests on nothing, and need not wait. */
void answer_unread(struct ledger *ledger, struct ask *ask, enum verdict verdict);
/* Filled, counted if it is a refusal, and answered. */
void answer_outcome(struct ledger *ledger, struct ask *ask, const struct command *command,
                    const struct outcome *outcome);
/* A list in its order, some at a time, so that what the later ones need is fetched while the first are decided. */
void consider_all(struct ledger *ledger, struct ask_list *list);

/* ---- append.c: what the ledger writes ---- */

enum append {
	APPEND_TAKEN,
	APPEND_FULL,     /* this step's appends are full; the next step's are not */
	APPEND_TOO_LARGE /* for this log, for ever */
};
enum append append_record(struct ledger *ledger, struct command *command);
/* HELLO, TICK, CHECK, COUNTS, as far as each is due and the log has room. */
void append_own(struct ledger *ledger);
/* The log did not take it: it is due again. */
void untake_own(struct ledger *ledger, const struct command *command);

#endif
