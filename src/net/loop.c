#include "net/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/must.h"
#include "net/connection.h"

/* What a round is made of. */

void loop_touch(struct net_loop *loop)
{
	if (loop->round_began.ns == 0)
		loop->round_began = clock_mono();
}

static void loop_measure(struct net_loop *loop)
{
	if (loop->round_began.ns == 0)
		return;
	uint64_t ns = clock_mono().ns - loop->round_began.ns;
	loop->round_began.ns = 0;
	counter_add(&loop->rounds, 1);
	counter_add(&loop->busy_ns, ns);
	if (ns > atomic_load_explicit(&loop->lag_ns_max, memory_order_relaxed))
		atomic_store_explicit(&loop->lag_ns_max, ns, memory_order_relaxed);
}

static void loop_hand_over(struct net_loop *loop)
{
	const struct net_options *options = &loop->net->options;
	if (loop->handled) {
		loop->handled = false;
		if (options->round_end)
			options->round_end(options->context, loop->number);
	}
	if (atomic_exchange_explicit(&loop->woken, false, memory_order_acq_rel) && options->woken)
		options->woken(options->context, loop->number);
}

/* Those that need attention again while they have it are looked at in the next round. */
static void loop_attend(struct net_loop *loop)
{
	struct link now;
	link_move_all(&loop->attention, &now);
	while (!link_is_alone(&now)) {
		struct connection *c = LINK_OWNER(now.next, struct connection, attention);
		link_remove(&c->attention);
		connection_attend(c);
	}
}

static void loop_close_all(struct net_loop *loop, bool idle_only)
{
	for (struct link *at = loop->connections.next; at != &loop->connections;) {
		struct connection *c = LINK_OWNER(at, struct connection, all);
		at = at->next;
		if (!idle_only || (connection_is_idle(c) && !c->closing))
			connection_close(c);
	}
}

static void loop_drain(struct net_loop *loop)
{
	struct net *net = loop->net;
	if (!loop->draining) {
		loop->draining = true;
		loop_close_all(loop, true);
		listener_stop(loop); /* who gets in with this has until the next tick to send its request */
	}
	bool over = clock_mono().ns >= atomic_load(&net->stop_at_ns);
	if (over)
		loop_close_all(loop, false);
	/* Gone exchanges are waited for too, but not longer: net_close() frees what is left of them. */
	if (loop->works == 0 && (over || link_is_alone(&loop->connections)))
		uv_stop(&loop->uv);
}

static void on_again(uv_idle_t *again)
{
	loop_touch(again->data);
}

void loop_again(struct net_loop *loop)
{
	uv_idle_start(&loop->again, on_again);
}

static void loop_round(struct net_loop *loop)
{
	/* Not in on_again(): before 1.45, libuv asks how long it may sleep when its idle callbacks have run. */
	uv_idle_stop(&loop->again);
	loop_hand_over(loop);
	loop_attend(loop);
	if (atomic_load_explicit(&loop->net->draining, memory_order_acquire))
		loop_drain(loop);
	if (loop->handled || !link_is_alone(&loop->attention))
		loop_again(loop);
	loop_measure(loop);
}

static void on_round(uv_check_t *check)
{
	loop_round(check->data);
}

static void on_wake(uv_async_t *wake)
{
	loop_touch(wake->data);
}

/* The tick. */

static void date_format(struct net_loop *loop)
{
	time_t now = (time_t)(clock_wall().ms / 1000);
	struct tm utc;
	if (now == loop->date_second)
		return;
	loop->date_second = now;
	gmtime_r(&now, &utc);
	loop->date_size =
	    (uint32_t)strftime(loop->date, sizeof loop->date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
}

static void loop_expire(struct net_loop *loop)
{
	static const enum timeout_kind reading[] = {TIMEOUT_IDLE, TIMEOUT_HEAD, TIMEOUT_BODY, TIMEOUT_LINGER};
	uint64_t now_ms = uv_now(&loop->uv);
	struct timeout *due;
	for (size_t i = 0; i < sizeof reading / sizeof reading[0]; i++)
		while ((due = timeouts_due(&loop->timeouts, reading[i], now_ms)))
			connection_timed_out(LINK_OWNER(due, struct connection, reading), reading[i]);
	while ((due = timeouts_due(&loop->timeouts, TIMEOUT_WRITE, now_ms)))
		connection_timed_out(LINK_OWNER(due, struct connection, writing), TIMEOUT_WRITE);
}

static void loop_check_rates(struct net_loop *loop)
{
	struct link *ring = &loop->timeouts.ring[TIMEOUT_BODY];
	for (struct link *at = ring->next; at != ring;) {
		struct timeout *timeout = LINK_OWNER(at, struct timeout, link);
		at = at->next;
		connection_check_rate(LINK_OWNER(timeout, struct connection, reading), uv_now(&loop->uv));
	}
}

static void on_tick(uv_timer_t *ticker)
{
	struct net_loop *loop = ticker->data;
	const struct net_options *options = &loop->net->options;
	loop_touch(loop);
	date_format(loop);
	loop_expire(loop);
	if (++loop->ticks % LOOP_RATE_TICKS == 0)
		loop_check_rates(loop);
	listener_tick(loop);
	if (loop->draining)
		loop_close_all(loop, true);
	if (options->tick)
		options->tick(options->context, loop->number);
	loop_round(loop); /* this thread sleeps after the timers: what they have done must not wait */
}

/* From start to end. */

void loop_refusal(struct net_loop *loop, int status, const char *code, const char *detail)
{
	const struct net_options *options = &loop->net->options;
	buf_clear(&loop->refusal_headers);
	buf_clear(&loop->refusal_body);
	if (options->refuse)
		options->refuse(options->context, status, code, detail, &loop->refusal_headers, &loop->refusal_body);
	if (loop->refusal_headers.failed || loop->refusal_body.failed) {
		loop->refusal_headers.size = loop->refusal_body.size = 0;
	}
}

static void loop_init_handles(struct net_loop *loop)
{
	must(uv_check_init(&loop->uv, &loop->round) == 0);
	must(uv_idle_init(&loop->uv, &loop->again) == 0);
	must(uv_timer_init(&loop->uv, &loop->ticker) == 0);
	loop->round.data = loop->again.data = loop->ticker.data = loop->wake.data = loop->acceptable.data = loop;
	must(uv_check_start(&loop->round, on_round) == 0);
	must(uv_timer_start(&loop->ticker, on_tick, LOOP_TICK_MS, LOOP_TICK_MS) == 0);
	listener_start(loop);
}

int loop_init(struct net_loop *loop, struct net *net, uint32_t number, int listener, struct error *error)
{
	*loop = (struct net_loop){
	    .net = net, .limits = &net->options.limits, .number = number, .listener = -1, .reserve = -1};
	link_init(&loop->connections);
	link_init(&loop->attention);
	timeouts_init(&loop->timeouts, loop->limits);
	date_format(loop);
	if (uv_loop_init(&loop->uv) != 0)
		return error_set(error, FAULT_FULL, "no event loop: out of file descriptors or memory");
	loop->read_buffer = malloc(LOOP_READ_BYTES);
	if (!loop->read_buffer || !chunk_pool_init(&loop->pool)) {
		free(loop->read_buffer);
		uv_loop_close(&loop->uv);
		return error_set(error, FAULT_MEMORY, "no memory for a loop's buffers");
	}
	if (uv_async_init(&loop->uv, &loop->wake, on_wake) != 0 || listener_init(loop, listener, error) != 0) {
		loop_fini(loop);
		return error_set(error, FAULT_FULL, "no file descriptors for a loop");
	}
	loop_init_handles(loop);
	return 0;
}

static void *loop_run(void *argument)
{
	struct net_loop *loop = argument;
	uv_update_time(&loop->uv);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	return NULL;
}

/* Signals are the main thread's; a write to a client who has left is an error code, not a SIGPIPE. */
int loop_start(struct net_loop *loop, struct error *error)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int code = pthread_create(&loop->thread, NULL, loop_run, loop);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code ? error_set(error, FAULT_FULL, "no thread for a loop") : 0;
}

void loop_join(struct net_loop *loop)
{
	pthread_join(loop->thread, NULL);
}

static void connections_free(struct net_loop *loop)
{
	while (!link_is_alone(&loop->connections)) {
		struct connection *c = LINK_OWNER(loop->connections.next, struct connection, all);
		must(c->handle_gone);
		while (c->first) {
			struct turn *turn = c->first;
			c->first = turn->next;
			turn_free(turn);
		}
		connection_free_closed(c);
	}
}

static void close_handle(uv_handle_t *handle, void *unused)
{
	(void)unused;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void loop_fini(struct net_loop *loop)
{
	loop_close_all(loop, false);
	uv_walk(&loop->uv, close_handle, NULL);
	while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0)
		;
	connections_free(loop);
	must(uv_loop_close(&loop->uv) == 0);
	if (loop->listener >= 0)
		close(loop->listener);
	if (loop->reserve >= 0)
		close(loop->reserve);
	chunk_pool_fini(&loop->pool);
	free(loop->read_buffer);
	buf_fini(&loop->refusal_headers);
	buf_fini(&loop->refusal_body);
}
