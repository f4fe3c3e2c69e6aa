#include "net/timeouts.h"

#include "net/connection.h"

void timeouts_init(struct timeouts *timeouts, const struct net_limits *limits)
{
	for (int kind = 0; kind < TIMEOUT_KINDS; kind++)
		link_init(&timeouts->ring[kind]);
	timeouts->duration_ms[TIMEOUT_NONE] = 0;
	timeouts->duration_ms[TIMEOUT_IDLE] = limits->idle_ms;
	timeouts->duration_ms[TIMEOUT_HEAD] = limits->header_ms;
	timeouts->duration_ms[TIMEOUT_BODY] = limits->body_ms;
	timeouts->duration_ms[TIMEOUT_LINGER] = LINGER_MS;
	timeouts->duration_ms[TIMEOUT_WRITE] = limits->write_ms;
}

void timeout_init(struct timeout *timeout)
{
	link_init(&timeout->link);
	timeout->since_ms = 0;
	timeout->kind = TIMEOUT_NONE;
}

void timeout_set(struct timeouts *timeouts, struct timeout *timeout, enum timeout_kind kind, uint64_t now_ms)
{
	link_remove(&timeout->link);
	timeout->kind = kind;
	timeout->since_ms = now_ms;
	link_append(&timeouts->ring[kind], &timeout->link);
}

void timeout_clear(struct timeout *timeout)
{
	link_remove(&timeout->link);
	timeout->kind = TIMEOUT_NONE;
}

struct timeout *timeouts_due(struct timeouts *timeouts, enum timeout_kind kind, uint64_t now_ms)
{
	struct link *ring = &timeouts->ring[kind];
	if (link_is_alone(ring))
		return NULL;
	struct timeout *timeout = LINK_OWNER(ring->next, struct timeout, link);
	return timeout->since_ms + timeouts->duration_ms[kind] <= now_ms ? timeout : NULL;
}
