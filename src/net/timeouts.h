/* timeouts: who has been waited for too long. One ring per kind and loop, in the order of their deadlines.
 *
 * Every kind has one duration, so that who is appended last is due last: setting and clearing are a few pointers, and
 * the loop's one coarse timer (LOOP_TICK_MS) looks only at the front. Deadlines are therefore up to a tick late.
 *
 * Units    milliseconds of the loop's clock (uv_now).
 * Thread   the loop's.
 */
#ifndef DIBS_NET_TIMEOUTS_H
#define DIBS_NET_TIMEOUTS_H

#include <stdint.h>

#include "net/list.h"
#include "net/net.h"

enum timeout_kind {
	TIMEOUT_NONE,
	TIMEOUT_IDLE,   /* nothing of a next request has come */
	TIMEOUT_HEAD,   /* a request's head, from its first byte */
	TIMEOUT_BODY,   /* a request's body, from the end of its head */
	TIMEOUT_LINGER, /* all is said; the client still may send and has not closed */
	TIMEOUT_WRITE,  /* the client does not read */
	TIMEOUT_KINDS
};

struct timeout {
	struct link link;
	uint64_t since_ms;
	enum timeout_kind kind;
};

struct timeouts {
	struct link ring[TIMEOUT_KINDS];
	uint32_t duration_ms[TIMEOUT_KINDS];
};

void timeouts_init(struct timeouts *timeouts, const struct net_limits *limits);
void timeout_init(struct timeout *timeout);
/* Starts anew, even if it is of that kind already. */
void timeout_set(struct timeouts *timeouts, struct timeout *timeout, enum timeout_kind kind, uint64_t now_ms);
void timeout_clear(struct timeout *timeout);
/* One that is due, still in its ring; NULL: none. */
struct timeout *timeouts_due(struct timeouts *timeouts, enum timeout_kind kind, uint64_t now_ms);

#endif
