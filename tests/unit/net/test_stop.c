/* Beginning, ending, waking and work beside the loop. */
#include "stage.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define LATE "GET /late HTTP/1.1\r\nHost: a\r\n\r\n"
#define ECHO "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"

struct stopping {
	pthread_t thread;
	struct stage *stage;
	uint32_t grace_ms;
	_Atomic int64_t took_ms;
	atomic_bool done;
};

static void *stop_run(void *argument)
{
	struct stopping *stopping = argument;
	struct mono_ns start = clock_mono();
	net_stop(stopping->stage->net, stopping->grace_ms);
	stopping->took_ms = (int64_t)((clock_mono().ns - start.ns) / 1000000);
	stopping->done = true;
	return NULL;
}

static void stop_begin(struct stopping *stopping, struct stage *stage, uint32_t grace_ms)
{
	stopping->stage = stage;
	stopping->grace_ms = grace_ms;
	stopping->done = false;
	assert_int_equal(pthread_create(&stopping->thread, NULL, stop_run, stopping), 0);
}

static void an_idle_server_stops_at_once(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *idle = client_new(stage);
	struct stopping stopping;
	(void)state;
	client_say(idle, ECHO);
	assert_int_equal(client_answer(idle), 200);
	assert_false(net_is_draining(stage->net));
	stop_begin(&stopping, stage, 5000);
	pthread_join(stopping.thread, NULL);
	assert_true(net_is_draining(stage->net));
	assert_true(stopping.took_ms < 4000);
	assert_true(client_is_closed(idle));
	client_free(idle);
	stage_close(stage);
}

static void who_waits_gets_its_answer_and_is_told_that_it_was_the_last(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *waiting = client_new(stage), *writing = client_new(stage);
	struct stopping stopping;
	(void)state;
	client_say(waiting, LATE);
	client_say(writing, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nh");
	stage_wait_held(stage, 1);
	stop_begin(&stopping, stage, 5000);
	assert_true(client_hears_nothing(waiting, 200));
	assert_false(stopping.done);
	client_say(writing, "i");
	assert_int_equal(client_answer(writing), 200);
	assert_string_equal(client_header(writing, "Connection"), "close");
	stage_release(stage);
	assert_int_equal(client_answer(waiting), 200);
	assert_string_equal(client_header(waiting, "Connection"), "close");
	assert_true(client_is_closed(waiting));
	assert_true(client_is_closed(writing));
	client_free(waiting);
	client_free(writing);
	pthread_join(stopping.thread, NULL);
	assert_true(stopping.took_ms < 4000);
	stage_close(stage);
}

static void a_stopping_server_takes_no_one_in(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *waiting = client_new(stage);
	struct stopping stopping;
	(void)state;
	client_say(waiting, LATE);
	stage_wait_held(stage, 1);
	stop_begin(&stopping, stage, 5000);
	while (!net_is_draining(stage->net))
		sleep_ms(1);
	sleep_ms(50);
	struct sockaddr_storage to;
	socklen_t size = sizeof to;
	getpeername(waiting->fd, (struct sockaddr *)&to, &size);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_not_equal(connect(fd, (struct sockaddr *)&to, size), 0);
	stage_release(stage);
	assert_int_equal(client_answer(waiting), 200);
	client_free(waiting);
	pthread_join(stopping.thread, NULL);
	stage_close(stage);
}

static void grace_ends(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *waiting = client_new(stage), *writing = client_new(stage);
	struct stopping stopping;
	(void)state;
	client_say(waiting, LATE);
	client_say(writing, "GET /ec");
	stage_wait_held(stage, 1);
	stop_begin(&stopping, stage, 300);
	pthread_join(stopping.thread, NULL);
	assert_true(stopping.took_ms >= 290 && stopping.took_ms < 4000);
	assert_true(client_is_closed(waiting));
	assert_true(client_is_closed(writing));
	client_free(waiting);
	client_free(writing);
	stage_close(stage);
}

/* More requests behind the one that waits: all of them are answered, only the last one says so. */
static void pipelined_requests_are_all_answered_while_stopping(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	struct stopping stopping;
	(void)state;
	client_say(client, LATE LATE LATE);
	stage_wait_held(stage, 3);
	stop_begin(&stopping, stage, 5000);
	while (!net_is_draining(stage->net))
		sleep_ms(1);
	sleep_ms(20);
	stage_release(stage);
	for (int i = 0; i < 3; i++)
		assert_int_equal(client_answer(client), 200);
	assert_true(client_is_closed(client));
	client_free(client);
	pthread_join(stopping.thread, NULL);
	stage_close(stage);
}

static void work_runs_beside_the_loop(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *worker = client_new(stage), *other = client_new(stage);
	(void)state;
	stage->work_blocked = true;
	client_say(worker, "GET /work HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(client_hears_nothing(worker, 50));
	client_say(other, ECHO);
	assert_int_equal(client_answer(other), 200);
	stage->work_blocked = false;
	assert_int_equal(client_answer(worker), 200);
	assert_string_equal(worker->body, "worked");
	client_free(worker);
	client_free(other);
	stage_close(stage);
}

/* The client is gone and the server stops: work that runs is waited for, for it holds the handler's memory. */
static void work_ends_before_the_server_does(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *worker = client_new(stage);
	struct stopping stopping;
	(void)state;
	stage->work_blocked = true;
	client_say(worker, "GET /work HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(client_hears_nothing(worker, 50));
	client_reset(worker);
	stop_begin(&stopping, stage, 100);
	sleep_ms(400);
	assert_false(stopping.done);
	stage->work_blocked = false;
	pthread_join(stopping.thread, NULL);
	assert_int_equal(stage->worked, 1);
	free(worker);
	stage_close(stage);
}

/* The pool's queue has a bound (LOOP_WORK_MAX, 256). */

static _Atomic int crowd_ran, crowd_taken, crowd_refused;
static atomic_bool crowd_blocked;

static void crowd_run(void *argument)
{
	(void)argument;
	while (crowd_blocked)
		sleep_ms(1);
	crowd_ran++;
}

static void crowd_done(void *argument)
{
	exchange_reply(argument, 200, TEXT_NONE, TEXT_NONE);
}

static void crowd_handle(void *context, struct exchange *exchange)
{
	(void)context;
	if (net_work(exchange, crowd_run, crowd_done, exchange)) {
		crowd_taken++;
		return;
	}
	crowd_refused++;
	exchange_reply(exchange, 503, TEXT_NONE, TEXT_NONE);
}

static void only_so_much_work_is_queued(void **state)
{
	struct net_limits limits = NET_LIMITS_DEFAULT;
	limits.pipeline = 300;
	struct stage *stage = calloc(1, sizeof *stage);
	struct error error;
	stage->options = (struct net_options){
	    .listen = "127.0.0.1:0", .loops = 1, .limits = limits, .handle = crowd_handle, .context = stage};
	(void)state;
	assert_int_equal(net_open(&stage->options, &stage->net, &error), 0);
	assert_int_equal(net_run_start(stage->net, &error), 0);
	struct client *client = client_new(stage);
	crowd_blocked = true;
	for (int i = 0; i < 257; i++)
		client_say(client, ECHO);
	while (crowd_taken + crowd_refused < 257)
		sleep_ms(1);
	assert_int_equal(crowd_taken, 256);
	assert_int_equal(crowd_refused, 1);
	crowd_blocked = false;
	for (int i = 0; i < 256; i++)
		assert_int_equal(client_answer(client), 200);
	assert_int_equal(client_answer(client), 503);
	assert_int_equal(crowd_ran, 256);
	client_free(client);
	stage_close(stage);
}

/* Waking from any thread; many in a row are one. */

static void *wake_often(void *argument)
{
	for (int i = 0; i < 10000; i++)
		net_wake(argument, 0);
	return NULL;
}

static void wakes_are_gathered(void **state)
{
	struct stage *stage = stage_open(NULL);
	pthread_t thread[2];
	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, wake_often, stage->net), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	sleep_ms(20);
	assert_true(stage->wakes >= 1 && stage->wakes <= 20000);
	struct mono_ns start = clock_mono();
	for (int i = 0; i < 20; i++) { /* none is lost, nor late until the next tick: that would be two seconds */
		uint32_t wakes = stage->wakes;
		net_wake(stage->net, 0);
		while (stage->wakes == wakes)
			sleep_ms(1);
	}
	assert_true(clock_mono().ns - start.ns < UINT64_C(1000000000));
	net_stop(stage->net, 0);
	net_wake(stage->net, 0); /* harmless until net_close() */
	stage_close(stage);
}

/* Where to listen. */

static int open_at(const char *listen, char *ret_text)
{
	struct net_options options = {
	    .listen = listen, .loops = 2, .limits = NET_LIMITS_DEFAULT, .handle = crowd_handle};
	struct net *net = NULL;
	struct error error = {0};
	int code = net_open(&options, &net, &error);
	if (code == 0)
		net_close(net);
	else
		assert_null(net);
	snprintf(ret_text, sizeof error.text, "%s", error.text);
	return code;
}

static void a_port_in_use_is_known_at_once(void **state)
{
	struct stage *stage = stage_open(NULL);
	char listen[64], text[400];
	(void)state;
	snprintf(listen, sizeof listen, "127.0.0.1:%u", net_port(stage->net));
	assert_int_equal(open_at(listen, text), FAULT_BUSY);
	assert_non_null(strstr(text, listen));
	stage_close(stage);
	assert_int_equal(open_at(listen, text), 0);
}

/* "[::1]:0" is right, also where the machine has no IPv6: then that is what is said. */
static void an_address_of_ipv6_is_understood(void **state)
{
	char text[400];
	(void)state;
	int code = open_at("[::1]:0", text);
	assert_true(code == 0 || strstr(text, "Cannot assign") || strstr(text, "not supported"));
}

static void addresses_are_understood_or_named(void **state)
{
	static const char *const good[] = {"127.0.0.1:0", ":0", "localhost:0"};
	static const char *const bad[] = {
	    "",       "8080",         "127.0.0.1",  "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:http",
	    "::1:80", "1.2.3.4.5:80", "192.0.2.1:0"};
	char text[400];
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_int_equal(open_at(good[i], text), 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(open_at(bad[i], text), FAULT_CONFIG);
		assert_non_null(strstr(text, bad[i]));
	}
}

/* Several loops share the port; each connection stays with one of them. */

static _Atomic uint32_t loops_seen;

static void many_handle(void *context, struct exchange *exchange)
{
	(void)context;
	atomic_fetch_or(&loops_seen, 1u << exchange->loop);
	exchange_reply(exchange, 200, TEXT_NONE, TEXT_NONE);
}

static void loops_share_the_port(void **state)
{
	struct stage *stage = calloc(1, sizeof *stage);
	struct error error;
	stage->options = (struct net_options){
	    .listen = "127.0.0.1:0", .loops = 3, .limits = NET_LIMITS_DEFAULT, .handle = many_handle, .context = stage};
	(void)state;
	assert_int_equal(net_open(&stage->options, &stage->net, &error), 0);
	assert_int_equal(net_run_start(stage->net, &error), 0);
	for (int i = 0; i < 100; i++) {
		struct client *client = client_new(stage);
		client_say(client, ECHO);
		assert_int_equal(client_answer(client), 200);
		client_free(client);
	}
	assert_int_equal(loops_seen, 7);
	assert_int_equal(stage_statistics(stage).requests, 100);
	assert_int_equal(stage_statistics(stage).accepted, 100);
	stage_close(stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_idle_server_stops_at_once),
	    cmocka_unit_test(who_waits_gets_its_answer_and_is_told_that_it_was_the_last),
	    cmocka_unit_test(a_stopping_server_takes_no_one_in),
	    cmocka_unit_test(grace_ends),
	    cmocka_unit_test(pipelined_requests_are_all_answered_while_stopping),
	    cmocka_unit_test(work_runs_beside_the_loop),
	    cmocka_unit_test(work_ends_before_the_server_does),
	    cmocka_unit_test(only_so_much_work_is_queued),
	    cmocka_unit_test(wakes_are_gathered),
	    cmocka_unit_test(a_port_in_use_is_known_at_once),
	    cmocka_unit_test(addresses_are_understood_or_named),
	    cmocka_unit_test(an_address_of_ipv6_is_understood),
	    cmocka_unit_test(loops_share_the_port),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
