/* call: one request on its way through the api, and the loop that it is on.
 *
 *   api_handle → route → who is asking → handler ──► call_submit ──► round's end: one ledger_submit
 *                                          │              … api_woken → ledger_collect → call->answered
 *                                          ├──► call_read ──► pool ──► job->done
 *                                          └──► call_reply … one of the replies, once
 *
 * Memory   a call, its ask and its jobs live in the exchange's memory, until the reply. Bufs of a loop are reused for
 *          every answer: render and reply in one go, never across a wait.
 * Thread   a loop's; a job's `work` runs in the pool and touches its job alone.
 */
#ifndef DIBS_API_CALL_H
#define DIBS_API_CALL_H

#include <stdatomic.h>
#include <stddef.h>

#include "api/api.h"
#include "api/eligibility.h"
#include "api/metrics.h"
#include "http/auth.h"
#include "http/json.h"
#include "http/problem.h"
#include "http/router.h"

#define STORE_WAIT_MS 2000 /* how long a read waits for the read model: DESIGN §9, API.md */
#define LIST_DEFAULT 100   /* rows of a page that names no limit */
#define LIST_MAX 1000      /* some 300 KB of JSON: a page is one answer, made in the pool */

struct api_route;

struct api_loop {
	_Alignas(64) uint32_t number;
	struct api *api;
	struct auth *auth;
	struct call *first, *last; /* whose asks go at the end of this round */
	uint32_t ask_count;
	struct buf lines, body; /* the answer being made */
	struct buf extra;       /* header lines that the handler adds */
	uint64_t request_prefix, request_count;
	struct check_list checks;
	struct counters *counters;
};

struct api {
	struct api_options options;
	const struct views *views;
	struct router router;
	struct eligibility_source eligibility;
	struct batch_counters batches;
	struct buf description; /* /openapi.json: 80 KB that never change and cost more than many claims */
	_Atomic bool draining;
	struct api_loop *loops;
};

struct call {
	struct api *api;
	struct api_loop *loop;
	struct exchange *exchange;
	const struct api_route *route; /* NULL: none was found */
	struct principal principal;
	struct text request_id;
	struct wall_ms now;
	bool has_position;
	uint64_t position;
	struct ask *ask;
	struct call *next; /* of this round's */
	void (*answered)(struct call *call, struct ask *ask);
	/* From here on written before it is read: a new call is cleared up to this. */
	struct router_match match;
	struct check check;
	char request_id_made[24];
};

#define CALL_CLEARED offsetof(struct call, match)

/* ---- replies: each ends the call ---- */

/* What was rendered into the loop's body, as application/json. */
void call_reply(struct call *call, int status);
/* As it is, with a type of its own. */
void call_reply_as(struct call *call, int status, const char *content_type, struct text body);
void call_reply_not_modified(struct call *call);
void call_problem(struct call *call, const struct problem *problem);
void call_refuse(struct call *call, const char *code, const char *detail);
void call_invalid(struct call *call, const char *field, const char *detail);
/* A verdict that is no 2xx. */
void call_refusal(struct call *call, const struct ask *ask);

/* The loop's body, emptied: to render into. */
struct buf *call_body(struct call *call);
/* "Name: value\r\n" that goes out with the answer. */
void call_header(struct call *call, const char *name, struct text value);
/* The answer's Dibs-Position. */
void call_position(struct call *call, uint64_t sequence);

/* ---- reading the request: false when it has been refused ---- */

bool call_read_body(struct call *call, const struct shape *shape, void *into);
bool call_read_nothing(struct call *call); /* an empty body, or {} */
bool call_read_key(struct call *call, bool required, struct text *ret);
bool call_read_position(struct call *call, uint64_t *ret); /* 0: none was sent */
void *call_alloc(struct call *call, size_t size);          /* NULL: refused, 503 */
/* For the log: the API key's id, or "buyer". */
struct text call_actor(const struct call *call);

/* ---- the ledger ---- */

struct ask *call_ask(struct call *call, enum ask_kind kind, void (*answered)(struct call *call, struct ask *ask));
void call_submit(struct call *call); /* goes at the end of the round; may be called again for the same ask */
void loop_flush(struct api_loop *loop);

/* ---- the pool ---- */

struct job {
	struct call *call;
	uint64_t position;             /* the read model is to be there first; 0: as it is */
	void (*work)(struct job *job); /* in the pool; sets fault on failure */
	void (*done)(struct job *job); /* on the loop, when it worked */
	int fault;
	bool late;
	struct error error;
	struct buf body; /* freed after done */
};

/* job is the first member of something in the call's memory. Refuses the call when the pool is full. */
/* In a job: the sequence from which on the read model is whole; 0: from the beginning. */
int store_knows_since(struct store *store, uint64_t *ret, struct error *error);
void call_read(struct call *call, struct job *job);

#endif
