/* What must not break the server: slow clients, too many of them, no file descriptors, no memory. */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/chunk.h"

#define LATE "GET /late HTTP/1.1\r\nHost: a\r\n\r\n"
#define ECHO "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"

/* Memory. The linker sends net's malloc here (--wrap). */

static _Atomic size_t malloc_size_max = SIZE_MAX; /* larger ones fail */
static atomic_bool malloc_fails;
static _Atomic uint32_t malloc_calls;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
	malloc_calls++;
	return malloc_fails && size >= malloc_size_max ? NULL : __real_malloc(size);
}

static void wait_for_connections(struct stage *stage, uint32_t count)
{
	for (int ms = 0; stage_statistics(stage).connections != count; ms++) {
		assert_true(ms < WAIT_MS);
		sleep_ms(1);
	}
}

static int64_t ms_since(struct mono_ns start)
{
	return (int64_t)((clock_mono().ns - start.ns) / 1000000);
}

/* Time. */

static void slow_headers_time_out(void **state)
{
	struct net_limits limits = NET_LIMITS_DEFAULT;
	limits.header_ms = 300;
	struct stage *stage = stage_open(&limits);
	struct client *client = client_new(stage);
	struct mono_ns start = clock_mono();
	(void)state;
	client_say(client, "GET /echo HTTP/1.1\r\n");
	for (int i = 0; i < 60 && client_hears_nothing(client, 50); i++) /* each byte in time, all of them not */
		client_say(client, "X");
	assert_true(ms_since(start) >= 290 && ms_since(start) < WAIT_MS);
	assert_int_equal(client_answer(client), 408);
	assert_true(client_is_closed(client));
	assert_int_equal(stage_statistics(stage).timeouts, 1);
	client_free(client);
	stage_close(stage);
}

static void slow_bodies_time_out(void **state)
{
	struct net_limits limits = NET_LIMITS_DEFAULT;
	limits.body_ms = 300;
	limits.body_rate = 0;
	struct stage *stage = stage_open(&limits);
	struct client *client = client_new(stage);
	(void)state;
	client_say(client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
	for (int i = 0; i < 60 && client_hears_nothing(client, 50); i++)
		client_say(client, "x");
	assert_int_equal(client_answer(client), 408);
	assert_true(client_is_closed(client));
	client_free(client);
	stage_close(stage);
}

static void a_body_must_come_at_a_minimum_rate(void **state)
{
	struct net_limits limits = NET_LIMITS_DEFAULT;
	limits.body_rate = 200;
	struct stage *stage = stage_open(&limits);
	struct client *slow = client_new(stage), *steady = client_new(stage);
	(void)state;
	client_say(slow, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n");
	client_say(steady, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2500\r\n\r\n");
	for (int i = 0; i < 25; i++) { /* 100 bytes every 100 ms are 1,000 a second; 5 are 50 */
		client_send(steady,
		            "0123456789012345678901234567890123456789012345678901234567890123456789"
		            "012345678901234567890123456789",
		            100);
		client_send(slow, "01234", 5);
		sleep_ms(100);
	}
	assert_int_equal(client_answer(steady), 200);
	assert_int_equal(client_answer(slow), 408);
	assert_int_equal(stage_statistics(stage).timeouts, 1);
	client_free(slow);
	client_free(steady);
	stage_close(stage);
}

static void idle_connections_are_closed_without_a_word(void **state)
{
	struct net_limits limits = NET_LIMITS_DEFAULT;
	limits.idle_ms = 600;
	struct stage *stage = stage_open(&limits);
	struct client *silent = client_new(stage), *served = client_new(stage), *waiting = client_new(stage);
	(void)state;
	client_say(waiting, LATE);
	sleep_ms(400);
	client_say(served, ECHO);
	assert_int_equal(client_answer(served), 200);
	assert_true(client_is_closed(silent));
	assert_true(client_hears_nothing(served, 50)); /* its time began with its answer */
	assert_true(client_is_closed(served));
	assert_true(client_hears_nothing(waiting, 800)); /* it is not idle: the server is late */
	stage_release(stage);
	assert_int_equal(client_answer(waiting), 200);
	assert_int_equal(stage_statistics(stage).timeouts, 0);
	client_free(silent);
	client_free(served);
	client_free(waiting);
	stage_close(stage);
}

static void who_does_not_read_times_out(void **state)
{
	struct net_limits limits = NET_LIMITS_DEFAULT;
	limits.write_ms = 300;
	limits.output_bytes = 100u << 20;
	struct stage *stage = stage_open(&limits);
	struct client *client = client_new(stage);
	(void)state;
	client_say(client, "GET /big?20000000 HTTP/1.1\r\nHost: a\r\n\r\n");
	sleep_ms(100);
	assert_int_equal(stage_statistics(stage).connections, 1);
	wait_for_connections(stage, 0);
	assert_int_equal(stage_statistics(stage).timeouts, 1);
	client_free(client);
	stage_close(stage);
}

/* Number. */

static void one_connection_too_many_is_refused(void **state)
{
	struct net_limits limits = NET_LIMITS_DEFAULT;
	limits.connections = 3;
	struct stage *stage = stage_open(&limits);
	struct client *client[5];
	(void)state;
	for (int i = 0; i < 3; i++)
		client[i] = client_new(stage);
	wait_for_connections(stage, 3);
	for (int i = 3; i < 5; i++) {
		client[i] = client_new(stage);
		client_say(client[i], ECHO);
		assert_int_equal(client_answer(client[i]), 503);
		assert_non_null(strstr(client[i]->body, "overloaded"));
		assert_true(client_is_closed(client[i]));
		client_free(client[i]);
	}
	assert_int_equal(stage_statistics(stage).refused_connections, 2);
	assert_int_equal(stage_statistics(stage).connections, 3);
	client_say(client[0], ECHO);
	assert_int_equal(client_answer(client[0]), 200);
	client_free(client[0]); /* one leaves, one more may come */
	wait_for_connections(stage, 2);
	client[0] = client_new(stage);
	client_say(client[0], ECHO);
	assert_int_equal(client_answer(client[0]), 200);
	for (int i = 0; i < 3; i++)
		client_free(client[i]);
	stage_close(stage);
}

/* More at once than get time to read why: all are counted, none is kept. */
static void a_crowd_too_many_is_refused(void **state)
{
	enum { CROWD = 200 };
	struct net_limits limits = NET_LIMITS_DEFAULT;
	limits.connections = 1;
	struct stage *stage = stage_open(&limits);
	struct client *first = client_new(stage), *client[CROWD];
	(void)state;
	wait_for_connections(stage, 1);
	for (int i = 0; i < CROWD; i++)
		client[i] = client_new(stage);
	for (int ms = 0; stage_statistics(stage).refused_connections != CROWD; ms++) {
		assert_true(ms < WAIT_MS);
		sleep_ms(1);
	}
	for (int i = 0; i < CROWD; i++) {
		assert_int_equal(client_answer(client[i]), 503);
		client_free(client[i]);
	}
	client_say(first, ECHO);
	assert_int_equal(client_answer(first), 200);
	client_free(first);
	stage_close(stage);
}

static void an_address_has_its_own_bound(void **state)
{
	struct net_limits limits = NET_LIMITS_DEFAULT;
	limits.connections_per_address = 2;
	struct stage *stage = stage_open(&limits);
	struct client *client[3];
	(void)state;
	for (int i = 0; i < 2; i++)
		client[i] = client_from(stage, "127.0.0.2");
	wait_for_connections(stage, 2);
	struct client *third = client_from(stage, "127.0.0.2");
	assert_int_equal(client_answer(third), 503);
	client_free(third);
	client[2] = client_from(stage, "127.0.0.3");
	for (int i = 0; i < 3; i++) {
		client_say(client[i], ECHO);
		assert_int_equal(client_answer(client[i]), 200);
	}
	client_free(client[0]);
	wait_for_connections(stage, 2);
	client[0] = client_from(stage, "127.0.0.2");
	client_say(client[0], ECHO);
	assert_int_equal(client_answer(client[0]), 200);
	for (int i = 0; i < 3; i++)
		client_free(client[i]);
	stage_close(stage);
}

/* The process has no file descriptor left: who comes is told so, who is there is served, and it passes. */
static void without_file_descriptors_others_go_on(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *before = client_new(stage), *late[2];
	struct rlimit limit, none;
	(void)state;
	client_say(before, ECHO);
	assert_int_equal(client_answer(before), 200);
	int fd = dup(before->fd); /* the next free one */
	close(fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	for (int i = 0; i < 2; i++) { /* each takes the last one there is; the server finds none */
		none.rlim_cur = (rlim_t)fd + 1 + (rlim_t)i;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
		late[i] = client_new(stage);
		client_say(late[i], ECHO);
		assert_int_equal(client_answer(late[i]), 503); /* the second one at the next tick */
		client_say(before, ECHO);
		assert_int_equal(client_answer(before), 200);
	}
	uint64_t busy_ns = stage_statistics(stage).loop_busy_ns;
	sleep_ms(300);
	assert_true(stage_statistics(stage).loop_busy_ns - busy_ns < 200000000); /* it does not spin */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	struct client *after = client_new(stage);
	client_say(after, ECHO);
	assert_int_equal(client_answer(after), 200);
	assert_int_equal(stage_statistics(stage).refused_connections, 2);
	client_free(before);
	client_free(late[0]);
	client_free(late[1]);
	client_free(after);
	stage_close(stage);
}

/* Memory. */

static void a_request_calls_no_malloc(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	(void)state;
	client_say(client, ECHO);
	assert_int_equal(client_answer(client), 200);
	uint32_t before = malloc_calls;
	for (int i = 0; i < 100; i++) {
		client_say(client, ECHO LATE "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
		stage_wait_held(stage, 1);
		stage_release(stage);
		for (int n = 0; n < 3; n++)
			assert_int_equal(client_answer(client), 200);
	}
	assert_int_equal(malloc_calls, before);
	client_free(client);
	stage_close(stage);
}

static void a_body_without_memory_is_refused_and_others_go_on(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *large = client_new(stage), *small = client_new(stage);
	char text[200];
	(void)state;
	malloc_size_max = 10000;
	malloc_fails = true;
	int size = sprintf(text, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n");
	client_send(large, text, (size_t)size);
	for (int i = 0; i < 300; i++)
		client_send(large, text, 100);
	assert_int_equal(client_answer(large), 503);
	client_say(small, ECHO);
	assert_int_equal(client_answer(small), 200);
	malloc_fails = false;
	client_free(large);
	large = client_new(stage);
	client_send(large, text, (size_t)size);
	for (int i = 0; i < 300; i++)
		client_send(large, text, 100);
	assert_int_equal(client_answer(large), 200);
	client_free(large);
	client_free(small);
	stage_close(stage);
}

static void an_answer_without_memory_becomes_a_503(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	(void)state;
	malloc_size_max = 100000;
	malloc_fails = true;
	client_say(client, ECHO "GET /big?50000 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(client_answer(client), 200);
	assert_int_equal(client_answer(client), 200);
	malloc_size_max = 50000;
	client_say(client, "GET /big?49999 HTTP/1.1\r\nHost: a\r\n\r\n" ECHO);
	assert_int_equal(client_answer(client), 503);
	assert_string_equal(client_header(client, "Connection"), "close");
	malloc_fails = false;
	assert_true(client_is_closed(client));
	client_free(client);
	stage_close(stage);
}

/* All chunks but the reserve are in use and there are no more: a request that cannot even be begun is answered with what needs none. */
static void a_request_without_any_memory_is_refused(void **state)
{
	enum { CONNECTIONS = 300, TAKEN = CHUNK_POOL_START - CHUNK_POOL_RESERVE };
	struct net_limits limits = NET_LIMITS_DEFAULT;
	struct stage *stage = stage_open(&limits);
	struct client *client[CONNECTIONS];
	int served = 0, refused = 0;
	(void)state;
	for (int i = 0; i < CONNECTIONS; i++)
		client[i] = client_new(stage);
	wait_for_connections(stage, CONNECTIONS);
	malloc_size_max = 1;
	malloc_fails = true;
	for (int i = 0; i < CONNECTIONS; i++)
		client_say(client[i], LATE LATE);
	while (stage_statistics(stage).requests < TAKEN)
		sleep_ms(1);
	sleep_ms(50);
	assert_int_equal(stage->held_count, TAKEN);
	stage_release(stage);
	stage_wait_held(stage, 0);
	for (int i = 0; i < CONNECTIONS; i++)
		for (int n = 0; n < 2; n++) {
			int status = client_answer(client[i]);
			served += status == 200;
			refused += status == 503;
		}
	malloc_fails = false;
	assert_int_equal(served, TAKEN);
	assert_int_equal(refused, CONNECTIONS - TAKEN / 2); /* once each: it closes */
	for (int i = 0; i < CONNECTIONS; i++)
		client_free(client[i]);
	stage_close(stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(slow_headers_time_out),
	    cmocka_unit_test(slow_bodies_time_out),
	    cmocka_unit_test(a_body_must_come_at_a_minimum_rate),
	    cmocka_unit_test(idle_connections_are_closed_without_a_word),
	    cmocka_unit_test(who_does_not_read_times_out),
	    cmocka_unit_test(one_connection_too_many_is_refused),
	    cmocka_unit_test(a_crowd_too_many_is_refused),
	    cmocka_unit_test(an_address_has_its_own_bound),
	    cmocka_unit_test(without_file_descriptors_others_go_on),
	    cmocka_unit_test(a_request_calls_no_malloc),
	    cmocka_unit_test(a_body_without_memory_is_refused_and_others_go_on),
	    cmocka_unit_test(an_answer_without_memory_becomes_a_503),
	    cmocka_unit_test(a_request_without_any_memory_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
