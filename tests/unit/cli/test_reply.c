/* Answers, as they come from a socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "cli/reply.h"

static const char order[] = "HTTP/1.1 201 Created\r\nDibs-Position: 0-4711\r\nContent-Type: application/json\r\n"
			    "Content-Length: 45\r\n\r\n{\"id\":\"o_0000000000ABC\",\"status\" : \"pending\"}";
static const char chunked[] = "HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\n\r\n"
			      "9\r\n{\"code\":\"\r\na\r\nsold_out\"}\r\n0\r\n\r\n";

static struct reply reply;

static bool text_says(struct text text, const char *expected)
{
	return text_is(text, text_of(expected));
}

static void an_answer_in_one_piece(void **state)
{
	reply_init(&reply, NULL);
	reply_await(&reply);
	assert_int_equal(reply_feed(&reply, order, sizeof order - 1), 1);
	assert_int_equal(reply.status, 201);
	assert_true(reply.keep_alive);
	assert_true(text_says(reply_member(&reply, "id"), "o_0000000000ABC"));
	assert_true(text_says(reply_member(&reply, "status"), "pending"));
	assert_int_equal(reply_member(&reply, "stat").size, 0);
	assert_int_equal(reply_member(&reply, "code").size, 0);
	assert_true(text_says(reply_header(&reply, REPLY_POSITION), "0-4711"));
	assert_int_equal(reply_header(&reply, REPLY_LINK).size, 0);
}

static void cut_anywhere_it_is_the_same(void **state)
{
	for (size_t cut = 1; cut < sizeof order - 1; cut++) {
		reply_init(&reply, NULL);
		reply_await(&reply);
		assert_int_equal(reply_feed(&reply, order, cut), 0);
		assert_int_equal(reply_feed(&reply, order + cut, sizeof order - 1 - cut), 1);
		assert_true(text_says(reply_member(&reply, "id"), "o_0000000000ABC"));
		assert_true(text_says(reply_header(&reply, REPLY_POSITION), "0-4711"));
	}
}

static void one_after_the_other_over_one_connection(void **state)
{
	reply_init(&reply, NULL);
	for (int i = 0; i < 3; i++) {
		reply_await(&reply);
		assert_int_equal(reply_feed(&reply, order, sizeof order - 1), 1);
		assert_int_equal(reply.status, 201);
		reply_await(&reply);
		assert_int_equal(reply_feed(&reply, chunked, sizeof chunked - 1), 1);
		assert_int_equal(reply.status, 409);
		assert_true(text_says(reply_member(&reply, "code"), "sold_out"));
		assert_int_equal(reply_header(&reply, REPLY_POSITION).size, 0);
	}
}

static void what_nobody_asked_for_is_no_answer(void **state)
{
	reply_init(&reply, NULL);
	assert_int_equal(reply_feed(&reply, order, sizeof order - 1), -1);
	char twice[2 * sizeof order] = "";
	strcat(strcpy(twice, order), order);
	reply_init(&reply, NULL);
	reply_await(&reply);
	assert_int_equal(reply_feed(&reply, twice, strlen(twice)), -1);
	reply_init(&reply, NULL);
	reply_await(&reply);
	assert_int_equal(reply_feed(&reply, "GET / HTTP/1.1\r\n", 16), -1);
}

static void a_continue_goes_before_the_answer(void **state)
{
	char both[sizeof order + 64] = "HTTP/1.1 100 Continue\r\n\r\n";
	strcat(both, order);
	reply_init(&reply, NULL);
	reply_await(&reply);
	assert_int_equal(reply_feed(&reply, both, strlen(both)), 1);
	assert_int_equal(reply.status, 201);
}

static void without_a_length_the_close_is_the_end(void **state)
{
	static const char open[] = "HTTP/1.1 200 OK\r\n\r\n{\"id\":\"x\"}";
	reply_init(&reply, NULL);
	reply_await(&reply);
	assert_int_equal(reply_feed(&reply, open, sizeof open - 1), 0);
	assert_int_equal(reply_end(&reply), 1);
	assert_true(text_says(reply_member(&reply, "id"), "x"));
	reply_init(&reply, NULL);
	reply_await(&reply);
	assert_int_equal(reply_feed(&reply, order, sizeof order - 2), 0);
	assert_int_equal(reply_end(&reply), -1);
}

static void a_close_is_announced(void **state)
{
	static const char last[] = "HTTP/1.1 503 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
	reply_init(&reply, NULL);
	reply_await(&reply);
	assert_int_equal(reply_feed(&reply, last, sizeof last - 1), 1);
	assert_false(reply.keep_alive);
}

static void a_long_body_is_kept_to_its_bound_or_whole(void **state)
{
	enum { BODY = REPLY_BODY_KEPT + 1 };
	static char answer[BODY + 128];
	struct buf whole = {0};
	int head = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BODY);
	memset(answer + head, 'x', BODY);
	reply_init(&reply, &whole);
	reply_await(&reply);
	assert_int_equal(reply_feed(&reply, answer, (size_t)head + BODY), 1);
	assert_int_equal(reply.body_size, REPLY_BODY_KEPT);
	assert_int_equal(whole.size, BODY);
	buf_fini(&whole);
}

static void a_long_header_is_cut_to_its_bound(void **state)
{
	static char answer[REPLY_HEADER_KEPT + 128];
	char value[REPLY_HEADER_KEPT + 2];
	memset(value, 'p', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	int size = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nLink: %s\r\nContent-Length: 0\r\n\r\n", value);
	reply_init(&reply, NULL);
	reply_await(&reply);
	assert_int_equal(reply_feed(&reply, answer, (size_t)size), 1);
	assert_int_equal(reply_header(&reply, REPLY_LINK).size, REPLY_HEADER_KEPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_answer_in_one_piece),
	    cmocka_unit_test(cut_anywhere_it_is_the_same),
	    cmocka_unit_test(one_after_the_other_over_one_connection),
	    cmocka_unit_test(what_nobody_asked_for_is_no_answer),
	    cmocka_unit_test(a_continue_goes_before_the_answer),
	    cmocka_unit_test(without_a_length_the_close_is_the_end),
	    cmocka_unit_test(a_close_is_announced),
	    cmocka_unit_test(a_long_body_is_kept_to_its_bound_or_whole),
	    cmocka_unit_test(a_long_header_is_cut_to_its_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
