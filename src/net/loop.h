/* loop: a thread, its libuv loop, and all that belongs to it alone.
 *
 *   timers ─► sockets (read, parse, handle) ─► round: round_end, woken, then every connection that has something
 *     ▲                                        to send, resume or end ─► asleep, unless something is left ─┐
 *     └────────────────────────────────────────────────────────────────────────────────────────────────────┘
 *
 * Answers of a round are gathered and sent at its end, one write per connection. The order within it: first the
 * requests are handed over (so that the ledger works while this thread writes), then answers are fetched and sent.
 *
 * Thread   everything in struct net_loop is its own thread's, but for what stands under "any thread".
 */
#ifndef DIBS_NET_LOOP_H
#define DIBS_NET_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "net/addresses.h"
#include "net/chunk.h"
#include "net/list.h"
#include "net/net.h"
#include "net/timeouts.h"

#define LOOP_TICK_MS 100           /* time-outs, Date, net_options.tick */
#define LOOP_RATE_TICKS 10         /* minimum rates are looked at once a second */
#define LOOP_READ_BYTES 65536      /* one buffer for all reads of a loop */
#define LOOP_DATE_SIZE 40          /* "Date: Sat, 21 Nov 2026 02:15:40 GMT\r\n" and its end */
#define LOOP_LISTEN_BACKLOG 4096   /* Linux' own default bound (net.core.somaxconn) */
#define LOOP_ACCEPT_BATCH 512      /* accepted in a row before others have their turn */
#define LOOP_REFUSED_LINGER_MAX 64 /* refused connections that get time to read why; further ones are just closed */
#define LOOP_WORK_MAX 256          /* net_work() at once: some seconds of the pool's work */

/* A number that one thread raises and any reads. */
typedef _Atomic uint64_t counter;

static inline void counter_add(counter *at, uint64_t more)
{
	atomic_store_explicit(at, atomic_load_explicit(at, memory_order_relaxed) + more, memory_order_relaxed);
}

static inline uint64_t counter_read(const counter *at)
{
	return atomic_load_explicit(at, memory_order_relaxed);
}

struct net_loop {
	/* set before the thread starts */
	struct net *net;
	const struct net_limits *limits;
	uint32_t number;
	pthread_t thread;

	/* the loop's thread */
	uv_loop_t uv;
	uv_check_t round;
	uv_idle_t again; /* active: there is more to do, do not sleep */
	uv_timer_t ticker;
	uv_poll_t acceptable;
	int listener, reserve; /* file descriptors; reserve is given up to refuse someone when there are no others */
	bool accept_paused;
	bool draining; /* this thread's copy, so that it changes between rounds only */
	bool handled;  /* in this round */
	uint64_t accept_quiet_until_ms;
	uint32_t ticks;
	uint32_t refused_lingering;
	uint32_t works;
	struct mono_ns round_began; /* 0: it has not */
	struct chunk_pool pool;
	char *read_buffer;
	struct link connections, attention;
	struct timeouts timeouts;
	struct buf refusal_headers, refusal_body;
	char date[LOOP_DATE_SIZE];
	uint32_t date_size;
	time_t date_second;

	/* any thread */
	uv_async_t wake;
	atomic_bool woken;
	counter accepted, refused, requests, bad_requests, timed_out, rounds, busy_ns;
	_Atomic uint64_t lag_ns_max;
};

struct net {
	struct net_options options;
	struct net_loop *loops;
	struct addresses *addresses; /* NULL: no bound per address */
	uint16_t port;
	uint32_t running; /* loops whose threads were started */
	atomic_bool draining;
	_Atomic uint64_t stop_at_ns; /* clock_mono() by which everything is closed */
	_Atomic uint32_t connections;
	_Atomic uint32_t works;
};

/* 0 or a fault. listener: bound and listening; the loop closes it. */
int loop_init(struct net_loop *loop, struct net *net, uint32_t number, int listener, struct error *error);
int loop_start(struct net_loop *loop, struct error *error);
void loop_join(struct net_loop *loop);
void loop_fini(struct net_loop *loop);

/* Every callback from libuv says so first: the round has begun. */
void loop_touch(struct net_loop *loop);
/* There is more to do: another round follows this one without sleeping. */
void loop_again(struct net_loop *loop);
/* Builds what net_options.refuse has to say into refusal_headers and refusal_body. */
void loop_refusal(struct net_loop *loop, int status, const char *code, const char *detail);

/* Accepting, in listener.c. */
int listeners_open(const struct sockaddr *address, socklen_t size, int *ret_fd, uint32_t count, uint16_t *ret_port,
                   struct error *error);
int listener_init(struct net_loop *loop, int fd, struct error *error);
void listener_start(struct net_loop *loop);
void listener_tick(struct net_loop *loop);
void listener_stop(struct net_loop *loop); /* takes who waits already, then closes */

/* Makes the threads of net_work(), once a process. FAULT_MEMORY: the system gives none. */
int work_start(struct error *error);

#endif
