/* The engine against a server that does what a script says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/crowd.h"
#include "tiny_server.h"

#define MS UINT64_C(1000000)

static struct error error;

/* How often each claim was asked. */
struct scene {
	int asked[64];
	int total;
};

static int note(struct scene *scene, struct text request)
{
	const char *key = memmem(request.at, request.size, "Idempotency-Key: t-k", 20);
	int claim = key ? (int)strtol(key + 20, NULL, 10) : 63;
	scene->total++;
	return ++scene->asked[claim % 64] == 1 ? claim : -claim - 1; /* below zero: not for the first time */
}

static void say_granted(struct tiny_answer *ret, int claim)
{
	char body[128];
	snprintf(body, sizeof body, "{\"id\":\"o_%013d\",\"drop\":\"d\",\"status\":\"pending\"}", claim);
	tiny_say(ret, 201, "Dibs-Position: 0-17\r\n", body);
}

static struct crowd_plan plan_for(const struct tiny_server *server, uint32_t claims, uint32_t connections)
{
	return (struct crowd_plan){.host = "127.0.0.1",
	                           .port = server ? tiny_server_port(server) : 1,
	                           .request = {.drop = "d", .run = "t", .buyers = claims, .bearer = "k"},
	                           .claims = claims,
	                           .connections = connections,
	                           .answer_ms = 5000,
	                           .patience_ms = 5000};
}

/* The server is stopped behind it, so that its scene can be looked at. */
static struct crowd_result *run(const struct crowd_plan *plan, struct tiny_server *server)
{
	struct crowd_result *result = NULL;
	int code = crowd_run(plan, &result, &error);
	tiny_server_stop(server);
	if (code)
		fail_msg("%s", error.text);
	return result;
}

static void grants_the_even(void *context, struct text request, struct tiny_answer *ret)
{
	int claim = note(context, request);
	if (claim % 2 == 0)
		say_granted(ret, claim);
	else
		tiny_say(ret, 409, "", "{\"type\":\"about:blank\",\"status\":409,\"code\":\"sold_out\"}");
}

static void everyone_is_told_and_noted(void **state)
{
	struct scene scene = {0};
	struct tiny_server *server = tiny_server_start(grants_the_even, &scene);
	struct crowd_plan plan = plan_for(server, 40, 40);
	struct crowd_result *result = run(&plan, server);
	assert_int_equal(scene.total, 40);
	assert_int_equal(result->asked, 40);
	assert_int_equal(result->granted, 20);
	assert_int_equal(result->refused, 20);
	assert_int_equal(result->failed, 0);
	assert_string_equal(result->position, "0-17");
	for (int i = 0; i < 40; i++) {
		const struct crowd_answer *answer = &result->answers[i];
		char order[16];
		snprintf(order, sizeof order, "o_%013d", i);
		assert_int_equal(scene.asked[i], 1);
		assert_string_equal(crowd_code(result, answer), i % 2 ? "sold_out" : "granted");
		assert_int_equal(answer->status, i % 2 ? 409 : 201);
		assert_string_equal(answer->order, i % 2 ? "" : order);
		assert_string_equal(answer->order_status, i % 2 ? "" : "pending");
		assert_true(answer->due_ns <= answer->sent_ns && answer->sent_ns < answer->told_ns);
	}
	crowd_result_free(result);
}

static void takes_ten_ms_each(void *context, struct text request, struct tiny_answer *ret)
{
	say_granted(ret, note(context, request));
	ret->delay_ms = 10;
	ret->alone = true;
}

/* Twenty come at once, over one connection, to a server that takes 10 ms for each: the last one has waited for 200 ms,
 * though its own request was answered in 10. */
static void waiting_for_a_connection_is_waiting(void **state)
{
	struct scene scene = {0};
	struct tiny_server *server = tiny_server_start(takes_ten_ms_each, &scene);
	struct crowd_plan plan = plan_for(server, 20, 1);
	struct crowd_result *result = run(&plan, server);
	const struct crowd_answer *last = &result->answers[19];
	assert_int_equal(last->due_ns, 0);
	assert_true(last->told_ns >= 200 * MS);
	assert_true(last->sent_ns >= 190 * MS);
	assert_true(last->told_ns - last->sent_ns >= 10 * MS);
	assert_true(last->told_ns - last->sent_ns < 150 * MS);
	assert_int_equal(result->limits.waited, 19);
	crowd_result_free(result);
}

/* Open loop: a server that stands still for 100 ms does not keep the crowd from coming. */
static void stands_still_once(void *context, struct text request, struct tiny_answer *ret)
{
	struct scene *scene = context;
	say_granted(ret, note(scene, request));
	ret->delay_ms = scene->total == 1 ? 100 : 0;
	ret->alone = true;
}

static void the_crowd_does_not_wait_for_the_server(void **state)
{
	struct scene scene = {0};
	struct tiny_server *server = tiny_server_start(stands_still_once, &scene);
	struct crowd_plan plan = plan_for(server, 20, 20);
	plan.arrivals = (struct arrivals){.kind = ARRIVE_EVENLY, .rate = 500};
	struct crowd_result *result = run(&plan, server);
	for (int i = 0; i < 20; i++) {
		const struct crowd_answer *answer = &result->answers[i];
		assert_true(answer->sent_ns < answer->due_ns + 50 * MS);
		assert_true(answer->told_ns >= 100 * MS); /* all of them behind the pause */
	}
	assert_int_equal(result->limits.waited, 0);
	crowd_result_free(result);
}

static void loses_the_first_try(void *context, struct text request, struct tiny_answer *ret)
{
	static const enum tiny_way ways[] = {TINY_CLOSE, TINY_RESET, TINY_ANSWER};
	int claim = note(context, request);
	if (claim < 0) {
		say_granted(ret, -claim - 1);
		return;
	}
	tiny_say(ret, 503, "Retry-After: 1\r\n", "{\"code\":\"unknown_outcome\"}");
	ret->way = ways[claim % 3];
}

static void with_retry_an_unknown_outcome_is_asked_again_with_the_same_key(void **state)
{
	struct scene scene = {0};
	struct tiny_server *server = tiny_server_start(loses_the_first_try, &scene);
	struct crowd_plan plan = plan_for(server, 30, 10);
	plan.retry = true;
	struct crowd_result *result = run(&plan, server);
	assert_int_equal(result->granted, 30);
	assert_int_equal(result->failed, 0);
	assert_int_equal(result->retries, 30);
	assert_int_equal(result->reconnects, 20);
	for (int i = 0; i < 30; i++) {
		assert_int_equal(scene.asked[i], 2);
		assert_int_equal(result->answers[i].tries, 2);
	}
	crowd_result_free(result);
}

static void without_retry_it_is_noted_as_it_was(void **state)
{
	struct scene scene = {0};
	struct tiny_server *server = tiny_server_start(loses_the_first_try, &scene);
	struct crowd_plan plan = plan_for(server, 6, 6);
	struct crowd_result *result = run(&plan, server);
	assert_int_equal(result->failed, 6);
	assert_string_equal(crowd_code(result, &result->answers[0]), "connection_lost");
	assert_string_equal(crowd_code(result, &result->answers[1]), "connection_lost");
	assert_string_equal(crowd_code(result, &result->answers[2]), "unknown_outcome");
	assert_int_equal(result->answers[0].status, 0);
	assert_int_equal(result->answers[2].status, 503);
	crowd_result_free(result);
}

static void says_nothing_to_the_third(void *context, struct text request, struct tiny_answer *ret)
{
	int claim = note(context, request);
	say_granted(ret, claim);
	if (claim == 3)
		ret->way = TINY_SILENCE;
}

static void silence_has_an_end(void **state)
{
	struct scene scene = {0};
	struct tiny_server *server = tiny_server_start(says_nothing_to_the_third, &scene);
	struct crowd_plan plan = plan_for(server, 8, 2);
	plan.answer_ms = 100;
	struct crowd_result *result = run(&plan, server);
	assert_int_equal(result->granted, 7);
	assert_int_equal(result->failed, 1);
	assert_string_equal(crowd_code(result, &result->answers[3]), "no_answer");
	assert_true(result->answers[3].told_ns >= 100 * MS);
	crowd_result_free(result);
}

static void says_nothing(void *context, struct text request, struct tiny_answer *ret)
{
	note(context, request);
	ret->way = TINY_SILENCE;
}

static void patience_ends_and_who_was_not_asked_is_noted_as_that(void **state)
{
	struct scene scene = {0};
	struct tiny_server *server = tiny_server_start(says_nothing, &scene);
	struct crowd_plan plan = plan_for(server, 5, 2);
	plan.patience_ms = 100;
	struct crowd_result *result = run(&plan, server);
	assert_int_equal(result->asked, 2);
	assert_int_equal(result->failed, 2);
	assert_string_equal(crowd_code(result, &result->answers[0]), "no_answer");
	assert_string_equal(crowd_code(result, &result->answers[4]), "not_asked");
	assert_int_equal(result->answers[4].sent_ns, CROWD_NEVER);
	crowd_result_free(result);
}

static void answers_oddly(void *context, struct text request, struct tiny_answer *ret)
{
	int claim = note(context, request);
	say_granted(ret, claim);
	if (claim == 0)
		ret->way = TINY_BYTE_BY_BYTE;
	if (claim == 1)
		ret->way = TINY_ANSWER_CLOSE;
	if (claim == 2)
		tiny_say(ret, 500, "", "oh");
	if (claim == 3)
		ret->size = (size_t)snprintf(ret->bytes, sizeof ret->bytes, "no http\r\n\r\n");
	if (claim == 4)
		tiny_say(ret, 201, "Connection: close\r\nIdempotency-Replayed: true\r\n", "{\"id\":\"o_x\"}");
}

static void odd_answers_are_told_apart(void **state)
{
	static const char *const codes[] = {"granted", "granted", "http_500", "no_http", "replayed", "granted"};
	struct scene scene = {0};
	struct tiny_server *server = tiny_server_start(answers_oddly, &scene);
	struct crowd_plan plan = plan_for(server, 6, 6);
	struct crowd_result *result = run(&plan, server);
	for (int i = 0; i < 6; i++)
		assert_string_equal(crowd_code(result, &result->answers[i]), codes[i]);
	assert_true(result->answers[4].replayed);
	assert_int_equal(result->granted, 4);
	assert_int_equal(result->failed, 2);
	assert_int_equal(scene.total, 6);
	crowd_result_free(result);
}

static void many_codes(void *context, struct text request, struct tiny_answer *ret)
{
	char body[64];
	int claim = note(context, request);
	snprintf(body, sizeof body, "{\"code\":\"reason_%d\"}", claim);
	tiny_say(ret, 409, "", body);
}

static void the_last_place_for_a_code_is_for_all_others(void **state)
{
	struct scene scene = {0};
	struct tiny_server *server = tiny_server_start(many_codes, &scene);
	struct crowd_plan plan = plan_for(server, CROWD_CODES_MAX + 2, 1);
	struct crowd_result *result = run(&plan, server);
	assert_int_equal(result->code_count, CROWD_CODES_MAX);
	assert_string_equal(crowd_code(result, &result->answers[CROWD_CODES_MAX - 2]), "reason_46");
	for (int i = CROWD_CODES_MAX - 1; i < CROWD_CODES_MAX + 2; i++)
		assert_string_equal(crowd_code(result, &result->answers[i]), "other");
	assert_int_equal(result->refused, CROWD_CODES_MAX + 2);
	crowd_result_free(result);
}

static volatile sig_atomic_t stop;

static void stop_after_ten(void *context, const struct crowd_progress *now)
{
	if (now->granted >= 10)
		stop = 1;
}

static void it_goes_home_when_told_to(void **state)
{
	struct scene scene = {0};
	struct tiny_server *server = tiny_server_start(grants_the_even, &scene);
	struct crowd_plan plan = plan_for(server, 60, 4);
	plan.arrivals = (struct arrivals){.kind = ARRIVE_EVENLY, .rate = 100};
	plan.progress = stop_after_ten;
	plan.stop = &stop;
	struct crowd_result *result = run(&plan, server);
	assert_true(result->stopped);
	assert_in_range(result->granted, 10, 29);
	assert_true(result->asked < 60);
	crowd_result_free(result);
}

static void assert_fault(const struct crowd_plan *plan, int code)
{
	struct crowd_result *result = (struct crowd_result *)(void *)&error;
	assert_int_equal(crowd_run(plan, &result, &error), code);
	assert_ptr_equal(result, &error);
}

static void where_nobody_listens_it_says_so(void **state)
{
	struct scene scene = {0};
	struct tiny_server *server = tiny_server_start(says_nothing, &scene);
	struct crowd_plan plan = plan_for(server, 5, 5);
	tiny_server_stop(server);
	assert_fault(&plan, FAULT_NOT_FOUND);
	assert_non_null(strstr(error.text, "nobody answers at 127.0.0.1:"));
	plan.host = "no.such.host.invalid";
	assert_fault(&plan, FAULT_NOT_FOUND);
}

static void a_plan_has_bounds(void **state)
{
	uint32_t possible = crowd_connections_possible();
	struct crowd_plan plan = plan_for(NULL, 10, possible + 1);
	assert_in_range(possible, 1, CROWD_CONNECTIONS_MAX);
	assert_fault(&plan, FAULT_FULL);
	plan = plan_for(NULL, 10, 0);
	assert_fault(&plan, FAULT_FULL);
	plan = plan_for(NULL, CROWD_CLAIMS_MAX + 1, 1);
	assert_fault(&plan, FAULT_INVALID);
	plan = plan_for(NULL, 0, 1);
	assert_fault(&plan, FAULT_INVALID);
	plan = plan_for(NULL, 10, 1);
	plan.request.buyers = 11;
	assert_fault(&plan, FAULT_INVALID);
}

static void buyers_may_ask_more_than_once(void **state)
{
	struct scene scene = {0};
	struct tiny_server *server = tiny_server_start(grants_the_even, &scene);
	struct crowd_plan plan = plan_for(server, 30, 3);
	plan.request.buyers = 7;
	struct crowd_result *result = run(&plan, server);
	assert_int_equal(result->granted + result->refused, 30);
	assert_int_equal(scene.asked[29], 1); /* a key for each claim */
	crowd_result_free(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(everyone_is_told_and_noted),
	    cmocka_unit_test(waiting_for_a_connection_is_waiting),
	    cmocka_unit_test(the_crowd_does_not_wait_for_the_server),
	    cmocka_unit_test(with_retry_an_unknown_outcome_is_asked_again_with_the_same_key),
	    cmocka_unit_test(without_retry_it_is_noted_as_it_was),
	    cmocka_unit_test(silence_has_an_end),
	    cmocka_unit_test(patience_ends_and_who_was_not_asked_is_noted_as_that),
	    cmocka_unit_test(odd_answers_are_told_apart),
	    cmocka_unit_test(the_last_place_for_a_code_is_for_all_others),
	    cmocka_unit_test(it_goes_home_when_told_to),
	    cmocka_unit_test(where_nobody_listens_it_says_so),
	    cmocka_unit_test(a_plan_has_bounds),
	    cmocka_unit_test(buyers_may_ask_more_than_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
