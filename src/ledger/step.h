/* ledger_step: the ledger as one function without threads.
 *
 *   inputs, echoes, durable, now  →  appends, outputs
 *
 * Asks are decided in their order; what is certainly refused becomes an output at once, the rest an append that waits
 * for its echo; an echo is applied, and its answer waits until the log is durable up to its basis. On every log a SKU
 * has in flight at most the units that are seen free; further claims wait, in order, in a bounded queue.
 *
 * Memory   everything is taken in ledger_new(); a step allocates nothing. Appends live until the next step.
 * Faults   FAULT_FULL, FAULT_VERSION, FAULT_DAMAGED from the fold: the process must stop.
 * Thread   one. Keeps P3 (answers), P7.
 */
#ifndef DIBS_LEDGER_STEP_H
#define DIBS_LEDGER_STEP_H

#include "ledger/ask.h"
#include "ledger/view.h"
#include "log/log.h"

struct ledger;

struct ledger_options {
	struct core_limits limits; /* the core's own: the ledger's tables are as large */
	uint32_t waiting_max;      /* asks appended and not yet released, and claims that wait for units: settings */
	uint32_t claim_timeout_ms; /* a claim's latest time is now plus this */
	bool eligibility;          /* claims that would be granted answer CHECK_FIRST until `eligible` is set */
	uint32_t record_size_max;  /* what the log takes: a command that would be larger is TOO_LARGE */
	uint8_t log_number;        /* 0..255: in order ids */
	struct text program;       /* for HELLO */
	uint8_t digest_key[DIGEST_KEY_SIZE]; /* random; counts when this HELLO founds the log */
};

/* core: the state folded so far; it stays the caller's. */
int ledger_new(struct core *core, const struct ledger_options *options, struct ledger **ret, struct error *error);
void ledger_free(struct ledger *ledger);

struct ledger_append {
	const uint8_t *bytes;
	size_t size;
	bool claim; /* needs LOG_ROOM_ALL */
};

struct ledger_input {
	struct ask *asks; /* a list by `next`, in order of arrival; NULL: none */
	const struct log_record *echoes;
	uint32_t echo_count;
	uint64_t durable;
	struct wall_ms now;
	enum log_room room;
	bool draining; /* claims that wait for units are answered OVERLOADED now */
};

struct ledger_output {
	const struct ledger_append *appends; /* in order; the caller appends every one (see ledger_unappended) */
	uint32_t append_count;
	struct ask *released; /* a list by `next`: their answers may leave now */
};

/* The first step appends HELLO. Call again with the echoes until nothing more is appended. */
int ledger_step(struct ledger *ledger, const struct ledger_input *input, struct ledger_output *ret,
                struct error *error);

/* The log took only the first `taken` of the last step's appends (FAULT_BUSY, FAULT_NO_SPACE): the rest
 * answer OVERLOADED. */
void ledger_unappended(struct ledger *ledger, uint32_t taken, struct ledger_output *ret);

bool ledger_is_ready(const struct ledger *ledger); /* its HELLO is durable and nothing is due */
bool ledger_is_idle(const struct ledger *ledger);  /* no ask is waiting for anything; draining: no COUNTS either */
struct wall_ms ledger_next_wake(const struct ledger *ledger); /* next deadline, next COUNTS; WALL_NEVER: none */
uint32_t ledger_waiting(const struct ledger *ledger);

/* What changed and is durable now: calls publish_drop for every such drop and publish_keys if an API key changed.
 * A drop's view is taken from the state at a moment when all of that state is durable, or from a copy made when its
 * record was applied; either way nothing that is not durable is shown. */
void ledger_publish(struct ledger *ledger, uint64_t durable, struct views *views);

#endif
