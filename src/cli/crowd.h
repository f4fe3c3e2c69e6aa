/* crowd: many people asking at once, over real sockets, and exact notes of what each of them was told.
 *
 * An open loop: every claim has its moment, fixed before the start (arrivals.h); answer times count from that moment, so
 * that a claim which had to wait for a free connection, or for the crowd itself, has waited. What the crowd cost itself
 * is noted beside it (struct crowd_limits), so that nobody takes the client's limits for the server's.
 *
 *   claim:  planned ──send_due──► on its way ──take_answer──► told
 *                ▲                    │
 *                └──── ask_again ◄────┘ connection lost, no answer in time, 503: the same key again (with retry)
 *
 * Units    nanoseconds since the crowd's start; CROWD_NEVER: it did not happen.
 * Memory   all of it is taken before the first claim is sent; the result is the caller's to free.
 * Faults   FAULT_NOT_FOUND: nobody listens there; FAULT_FULL: not so many connections; FAULT_MEMORY; FAULT_INVALID.
 *          What a server answers, or fails to answer, is no fault: it is noted.
 * Thread   one; it runs a loop of its own until everyone was told or nobody will be.
 */
#ifndef DIBS_CLI_CROWD_H
#define DIBS_CLI_CROWD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/arrivals.h"
#include "cli/claim_request.h"

#define CROWD_CLAIMS_MAX 10000000   /* notes of 64 bytes each: 640 MB */
#define CROWD_CONNECTIONS_MAX 16000 /* below what one address can have towards another (28,232 by default) */
#define CROWD_CODES_MAX 48          /* different answers; verdict.def and the errors of HTTP together are 40 */
#define CROWD_CODE_SIZE 24          /* with its end; "connection_lost" is among the longest */
#define CROWD_SPARE_FILES 64        /* file descriptors that are not the crowd's connections */
#define CROWD_NEVER UINT64_MAX

_Static_assert(CROWD_CLAIMS_MAX <= 100000000, "a claim's number fits its 8 digits");

struct crowd_progress {
	uint32_t claims, asked, told, granted, refused, failed, on_their_way;
	uint32_t connections;
	uint64_t elapsed_ns; /* since the start; 0 while connections are being opened */
};

struct crowd_plan {
	const char *host; /* a name or an address */
	uint16_t port;
	struct claim_request_options request; /* .host is filled in when it is NULL */
	uint32_t claims;                      /* at least request.buyers */
	uint32_t connections;
	struct arrivals arrivals;
	bool retry;         /* ask again, with the same key, when the outcome is not known */
	uint32_t answer_ms; /* so long one waits for an answer */
	uint32_t
	    patience_ms; /* so long after the last claim was due the crowd goes home; with retry, what it asks again for */
	void (*progress)(void *context, const struct crowd_progress *progress); /* about every 10 ms; may be NULL */
	void *progress_context;
	const volatile sig_atomic_t *stop; /* not 0: go home now; may be NULL */
};

struct crowd_answer {
	uint64_t due_ns, sent_ns, told_ns; /* sent: the first time */
	uint64_t again_ns;                 /* when it is to be asked again */
	uint16_t status;                   /* HTTP; 0: never told */
	uint8_t code;                      /* index into crowd_result.codes */
	uint8_t tries;
	bool replayed;
	char order[16];        /* with its end; empty: none */
	char order_status[10]; /* as told: "pending", "completed"; empty: none */
};

struct crowd_limits {
	uint64_t busy_ns; /* processor time of the crowd's thread, from the start to the last answer */
	uint32_t waited;  /* claims that were due while no connection was free */
};

struct crowd_result {
	uint32_t claims, buyers, connections;
	const char *run;              /* the plan's */
	struct crowd_answer *answers; /* [claims] */
	char codes[CROWD_CODES_MAX][CROWD_CODE_SIZE];
	uint32_t code_count;
	/* granted: 2xx; refused: 409; failed: any other answer, or none. Together: asked. */
	uint32_t asked, granted, refused, failed;
	uint32_t retries, reconnects;
	uint64_t opened_ns;  /* how long the connections took */
	uint64_t elapsed_ns; /* from the start to the last answer */
	struct wall_ms started_at;
	char position[40]; /* the highest Dibs-Position seen, as sent; empty: none */
	struct crowd_limits limits;
	bool stopped; /* by plan.stop */
};

int crowd_run(const struct crowd_plan *plan, struct crowd_result **ret, struct error *error);
void crowd_result_free(struct crowd_result *result);
/* "granted", "replayed", a problem's code, "http_500", "connection_lost", "no_answer"; "not_asked". */
const char *crowd_code(const struct crowd_result *result, const struct crowd_answer *answer);

/* Raises the bound on open files as far as it goes; returns how many connections are possible, at most
 * CROWD_CONNECTIONS_MAX. */
uint32_t crowd_connections_possible(void);

static inline bool crowd_was_granted(const struct crowd_answer *answer)
{
	return answer->status >= 200 && answer->status < 300;
}

#endif
