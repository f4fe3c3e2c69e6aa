/* crowd_inside: what the files of the engine share; nobody else includes it, and nobody else of the room sees libuv.
 *
 * crowd.c          the course of it: opening, sending what is due, going home
 * crowd_visitor.c  one connection: asks, reads the answer, is lost and comes again
 * crowd_notes.c    what each claim was told
 */
#ifndef DIBS_CLI_CROWD_INSIDE_H
#define DIBS_CLI_CROWD_INSIDE_H

#include <sys/queue.h>
#include <uv.h>

#include "cli/crowd.h"
#include "cli/reply.h"

#define CROWD_READ_SIZE 65536 /* one buffer for all: an answer is read whole in nearly every case */

enum visitor_state { VISITOR_AWAY, VISITOR_OPENING, VISITOR_IDLE, VISITOR_BUSY, VISITOR_CLOSING };

struct visitor {
	TAILQ_ENTRY(visitor) in; /* away, idle or busy */
	struct crowd *crowd;
	enum visitor_state state;
	uint32_t claim;    /* busy */
	uint64_t since_ns; /* busy: when it was sent; away: when to try again */
	uv_tcp_t tcp;
	uv_connect_t opening;
	struct reply reply;
};
TAILQ_HEAD(visitors, visitor);

struct crowd {
	const struct crowd_plan *plan;
	struct crowd_result *result;
	struct claim_request request;
	char host[300];
	struct sockaddr_storage server;

	uv_loop_t loop;
	uv_check_t check;
	uv_idle_t hurry; /* active while more is due than one round sends */
	uv_timer_t tick;
	uv_poll_t alarm;
	int alarm_fd;
	uint64_t alarm_ns; /* what it is set to; 0: not set */

	struct visitor *all;
	struct visitors away, idle, busy;
	uint32_t opening_count, open_count;
	int open_fault; /* libuv's last */

	uint32_t next, settled;                   /* claims */
	uint32_t *again, again_head, again_count; /* a ring of [claims], with retry */
	uint64_t begun_ns, start_ns, busy_from_ns, stalled_ns;
	uint64_t position, position_log;
	bool started, ending;
	int code;
	struct error *error;
	char request_bytes[CLAIM_REQUEST_SIZE_MAX];
	char read_bytes[CROWD_READ_SIZE];
};

/* crowd_notes.c. Nobody knows what became of a claim: it is asked again, with retry, or noted so. */
void crowd_outcome_unknown(struct crowd *crowd, uint32_t claim, uint16_t status, struct text code);
/* The claim has its last word: a status, or 0 when nobody said anything. */
void crowd_settle(struct crowd *crowd, uint32_t claim, uint16_t status, struct text code);
void crowd_take_answer(struct crowd *crowd, uint32_t claim, const struct reply *reply);
uint64_t crowd_patience_ends_ns(const struct crowd *crowd);

/* crowd_visitor.c */
void visitor_open(struct visitor *visitor);
void visitor_ask(struct visitor *visitor, uint32_t claim, uint64_t now_ns);
void visitor_lost(struct visitor *visitor, const char *why);
void visitor_close(struct visitor *visitor);

#endif
