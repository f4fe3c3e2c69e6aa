/* A connection's life: order of answers, pipelining, pauses, clients that leave early or do not read. */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "net/chunk.h"

#define LATE "GET /late HTTP/1.1\r\nHost: a\r\n\r\n"
#define ECHO "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"

static void late_answers_come_in_the_order_of_requests(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	(void)state;
	client_say(client, "GET /late?1 HTTP/1.1\r\nHost: a\r\n\r\n"
	                   "GET /echo?2 HTTP/1.1\r\nHost: a\r\n\r\n"
	                   "GET /late?3 HTTP/1.1\r\nHost: a\r\n\r\n"
	                   "GET /echo?4 HTTP/1.1\r\nHost: a\r\n\r\n");
	stage_wait_held(stage, 2);
	assert_true(client_hears_nothing(client, 50)); /* 2 has its answer, but 1 has not */
	stage_release(stage);                          /* 3 is answered before 1 */
	const char *expected[] = {"GET /late ?1 []", "GET /echo ?2 []", "GET /late ?3 []", "GET /echo ?4 []"};
	for (int i = 0; i < 4; i++) {
		assert_int_equal(client_answer(client), 200);
		assert_string_equal(client->body, expected[i]);
	}
	client_free(client);
	stage_close(stage);
}

/* A refusal waits for its turn too, and nothing comes after it. */
static void a_malformed_request_is_refused_in_its_turn(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	(void)state;
	client_say(client, LATE "GET /echo HTTP/1.1\r\n\r\n" ECHO);
	stage_wait_held(stage, 1);
	assert_true(client_hears_nothing(client, 50));
	stage_release(stage);
	assert_int_equal(client_answer(client), 200);
	assert_int_equal(client_answer(client), 400);
	assert_true(client_is_closed(client));
	client_free(client);
	stage_close(stage);
}

static char *pipelined(const char *path, int count, size_t *ret_size)
{
	char *text = malloc((size_t)count * 80), *at = text;
	assert_non_null(text);
	for (int i = 0; i < count; i++)
		at += sprintf(at, "GET %s?%d HTTP/1.1\r\nHost: a\r\n\r\n", path, i);
	*ret_size = (size_t)(at - text);
	return text;
}

static void expect_answers(struct client *client, const char *path, int from, int to)
{
	for (int i = from; i < to; i++) {
		char expected[80];
		sprintf(expected, "GET %s ?%d []", path, i);
		assert_int_equal(client_answer(client), 200);
		assert_string_equal(client->body, expected);
	}
}

static void a_thousand_pipelined_requests_are_answered(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	size_t size;
	char *text = pipelined("/echo", 1000, &size);
	(void)state;
	client_send(client, text, size);
	expect_answers(client, "/echo", 0, 1000);
	assert_int_equal(stage_statistics(stage).requests, 1000);
	assert_true(stage->rounds < 1000); /* they were handed over by the round, not one by one */
	free(text);
	client_free(client);
	stage_close(stage);
}

/* Only limits.pipeline of them are taken at a time, however many are sent. */
static void a_thousand_pipelined_requests_wait_within_the_bound(void **state)
{
	struct net_limits limits = NET_LIMITS_DEFAULT;
	limits.pipeline = 10;
	struct stage *stage = stage_open(&limits);
	struct client *client = client_new(stage);
	size_t size;
	char *text = pipelined("/late", 1000, &size);
	(void)state;
	client_send(client, text, size);
	for (int done = 0; done < 1000; done += 10) {
		stage_wait_held(stage, 10);
		if (done == 0) {
			sleep_ms(20);
			assert_int_equal(stage->held_count, 10);
		}
		stage_release(stage);
		expect_answers(client, "/late", done, done + 10);
	}
	free(text);
	client_free(client);
	stage_close(stage);
}

/* What a connection asks when it resumes is asked behind the round's handing over. It was to be handed over by a round
 * at once, but the loop slept until its next tick first: 32 of 64 pipelined claims waited up to 100 ms for nothing. */
static void what_is_resumed_is_handed_over_at_once(void **state)
{
	enum { COUNT = 50 };
	struct net_limits limits = NET_LIMITS_DEFAULT;
	limits.pipeline = 1;
	struct stage *stage = stage_open(&limits);
	struct client *client = client_new(stage);
	size_t size;
	char *text = pipelined("/late", COUNT, &size);
	uint32_t ticks = stage->ticks;
	(void)state;
	client_send(client, text, size);
	for (uint32_t i = 0; i < COUNT; i++) {
		stage_wait_held(stage, 1);
		for (int ms = 0; stage->rounds <= i && ms < WAIT_MS; ms++)
			sleep_ms(1);
		assert_int_equal(stage->rounds, i + 1);
		stage_release(stage);
		assert_int_equal(client_answer(client), 200);
	}
	assert_true(stage->ticks - ticks < COUNT / 2);
	free(text);
	client_free(client);
	stage_close(stage);
}

static void the_last_request_of_many_may_be_incomplete(void **state)
{
	struct net_limits limits = NET_LIMITS_DEFAULT;
	limits.pipeline = 1;
	struct stage *stage = stage_open(&limits);
	struct client *client = client_new(stage);
	(void)state;
	client_say(client, LATE LATE "GET /echo?5 HTTP/1.1\r\nHo");
	for (int i = 0; i < 2; i++) {
		stage_wait_held(stage, 1);
		stage_release(stage);
		assert_int_equal(client_answer(client), 200);
	}
	client_say(client, "st: a\r\n\r\n");
	expect_answers(client, "/echo", 5, 6);
	client_free(client);
	stage_close(stage);
}

static void a_half_closed_client_gets_its_answers(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	(void)state;
	client_say(client, LATE ECHO);
	shutdown(client->fd, SHUT_WR);
	stage_wait_held(stage, 1);
	sleep_ms(20);
	stage_release(stage);
	assert_int_equal(client_answer(client), 200);
	assert_int_equal(client_answer(client), 200);
	assert_true(client_is_closed(client));
	assert_int_equal(stage->gone, 0);
	client_free(client);
	stage_close(stage);
}

static void half_a_request_and_then_nothing_is_closed(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	(void)state;
	client_say(client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
	shutdown(client->fd, SHUT_WR);
	assert_true(client_is_closed(client));
	assert_int_equal(stage_statistics(stage).requests, 0);
	client_free(client);
	stage_close(stage);
}

static void wait_for_connections(struct stage *stage, uint32_t count)
{
	for (int ms = 0; stage_statistics(stage).connections != count; ms++) {
		assert_true(ms < WAIT_MS);
		sleep_ms(1);
	}
}

static void who_leaves_while_its_answer_waits_is_gone(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	(void)state;
	client_say(client, LATE ECHO LATE "GET /ec");
	stage_wait_held(stage, 2);
	client_reset(client);
	wait_for_connections(stage, 0);
	stage_release(stage);
	stage_wait_held(stage, 0);
	assert_int_equal(stage->gone, 2);
	free(client);
	stage_close(stage);
}

/* The exchange of one who is gone may still be open when the server ends. */
static void who_is_gone_may_stay_unanswered_until_the_end(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	(void)state;
	client_say(client, LATE LATE);
	stage_wait_held(stage, 2);
	client_reset(client);
	wait_for_connections(stage, 0);
	free(client);
	stage_close(stage);
}

static void words_of_the_handler_stay_with_the_connection(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *one = client_new(stage), *other = client_new(stage);
	(void)state;
	for (int i = 1; i <= 3; i++) {
		char expected[8];
		sprintf(expected, "%d", i);
		client_say(one, "GET /user HTTP/1.1\r\nHost: a\r\n\r\n");
		assert_int_equal(client_answer(one), 200);
		assert_string_equal(one->body, expected);
	}
	client_say(other, "GET /user HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(client_answer(other), 200);
	assert_string_equal(other->body, "1");
	client_free(one);
	client_free(other);
	stage_close(stage);
}

/* 3 MB are more than a socket takes at once: the rest is written as the client reads. */
static void a_large_answer_arrives_whole(void **state)
{
	enum { SIZE = 3000000 };
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	char *bytes = malloc(1 << 16);
	size_t heard = 0;
	(void)state;
	client_say(client, "GET /big?3000000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	sleep_ms(50);
	for (;;) {
		ssize_t size = recv(client->fd, bytes, 1 << 16, 0);
		assert_true(size >= 0);
		if (size == 0)
			break;
		heard += (size_t)size;
	}
	assert_true(heard > SIZE && heard < SIZE + 300);
	free(bytes);
	client_free(client);
	stage_close(stage);
}

/* More unsent than limits.output_bytes: whoever lets it come to that is closed. */
static void who_does_not_read_is_closed_at_the_bound(void **state)
{
	struct net_limits limits = NET_LIMITS_DEFAULT;
	limits.output_bytes = 100000;
	struct stage *stage = stage_open(&limits);
	struct client *client = client_new(stage);
	(void)state;
	client_say(client, "GET /big?20000000 HTTP/1.1\r\nHost: a\r\n\r\n");
	wait_for_connections(stage, 0);
	client_free(client);
	stage_close(stage);
}

static void what_comes_behind_a_refusal_does_not_reset_the_answer(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	static char garbage[1 << 16];
	(void)state;
	memset(garbage, 'x', sizeof garbage);
	client_say(client, "GET /echo HTTP/1.1\r\n\r\n");
	for (int i = 0; i < 8; i++) {
		client_send(client, garbage, sizeof garbage);
		sleep_ms(5);
	}
	assert_int_equal(client_answer(client), 400);
	assert_true(client_is_closed(client));
	client_free(client);
	wait_for_connections(stage, 0);
	stage_close(stage);
}

static void rounds_are_counted_and_an_idle_connection_is_small(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	(void)state;
	client_say(client, ECHO);
	assert_int_equal(client_answer(client), 200);
	sleep_ms(250);
	struct net_statistics statistics = stage_statistics(stage);
	assert_int_equal(statistics.accepted, 1);
	assert_int_equal(statistics.connections, 1);
	assert_int_equal(statistics.requests, 1);
	assert_true(statistics.loop_rounds > 0 && statistics.loop_busy_ns > 0 && statistics.loop_lag_ns_max > 0);
	assert_true(statistics.connection_bytes > 0 && statistics.connection_bytes <= 1024);
	assert_true(stage->ticks >= 1);
	assert_int_equal(stage->rounds, 1);
	uint64_t now_ns = clock_mono().ns;
	assert_true(stage->received_ns < now_ns && now_ns - stage->received_ns < UINT64_C(10000000000));
	client_free(client);
	stage_close(stage);
}

/* Whatever way requests take, every chunk of memory comes back. */
static void answers_to_a_crowd_leave_the_pool_as_it_was(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *client[40];
	(void)state;
	for (int i = 0; i < 40; i++)
		client[i] = client_new(stage);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 40; i++)
			client_say(client[i], LATE LATE LATE);
		stage_wait_held(stage, 120);
		stage_release(stage);
		for (int i = 0; i < 120; i++)
			assert_int_equal(client_answer(client[i / 3]), 200);
	}
	for (int i = 0; i < 40; i++)
		client_free(client[i]);
	wait_for_connections(stage, 0);
	net_stop(stage->net, 1000);
	assert_int_equal(stage_free_chunks(stage), CHUNK_POOL_START);
	stage_close(stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(late_answers_come_in_the_order_of_requests),
	    cmocka_unit_test(a_malformed_request_is_refused_in_its_turn),
	    cmocka_unit_test(a_thousand_pipelined_requests_are_answered),
	    cmocka_unit_test(a_thousand_pipelined_requests_wait_within_the_bound),
	    cmocka_unit_test(what_is_resumed_is_handed_over_at_once),
	    cmocka_unit_test(the_last_request_of_many_may_be_incomplete),
	    cmocka_unit_test(a_half_closed_client_gets_its_answers),
	    cmocka_unit_test(half_a_request_and_then_nothing_is_closed),
	    cmocka_unit_test(who_leaves_while_its_answer_waits_is_gone),
	    cmocka_unit_test(who_is_gone_may_stay_unanswered_until_the_end),
	    cmocka_unit_test(words_of_the_handler_stay_with_the_connection),
	    cmocka_unit_test(a_large_answer_arrives_whole),
	    cmocka_unit_test(who_does_not_read_is_closed_at_the_bound),
	    cmocka_unit_test(what_comes_behind_a_refusal_does_not_reset_the_answer),
	    cmocka_unit_test(answers_to_a_crowd_leave_the_pool_as_it_was),
	    cmocka_unit_test(rounds_are_counted_and_an_idle_connection_is_small),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
