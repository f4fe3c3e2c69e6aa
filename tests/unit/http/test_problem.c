/* Problems: the code says what; every field says where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/json.h"
#include "http/problem.h"

static struct buf lines, body;

static void write_it(const struct problem *problem)
{
	buf_clear(&lines);
	buf_clear(&body);
	problem_write(problem, TEXT("r1"), &lines, &body);
	assert_true(json_is_document(buf_as_text(&body)));
	buf_put(&lines, "", 1);
	buf_put(&body, "", 1);
}

static void one_in_full(void **state)
{
	write_it(&(struct problem){.code = "not_open",
	                           .detail = "Not \"yet\".",
	                           .field = TEXT("a"),
	                           .order = TEXT("o_1"),
	                           .sku = TEXT("m"),
	                           .has_opens_at = true,
	                           .opens_at = {0},
	                           .retry_after_s = 7});
	assert_string_equal(body.at,
	                    "{\"type\":\"urn:dibs:problem:not_open\",\"title\":\"Not open yet\",\"status\":409,"
	                    "\"code\":\"not_open\",\"detail\":\"Not \\\"yet\\\".\",\"field\":\"a\",\"order\":\"o_1\","
	                    "\"sku\":\"m\",\"opens_at\":\"1970-01-01T00:00:00.000Z\",\"request_id\":\"r1\"}\n");
	assert_string_equal(lines.at, "Content-Type: application/problem+json\r\nCache-Control: no-store\r\n"
	                              "Retry-After: 7\r\nX-Request-Id: r1\r\n");
}

static void what_is_not_there_is_left_out(void **state)
{
	write_it(&(struct problem){.code = "sold_out"});
	assert_null(strstr(body.at, "field"));
	assert_null(strstr(body.at, "opens_at"));
	assert_null(strstr(lines.at, "Retry-After"));
	assert_non_null(strstr(body.at, "\"detail\":\"Sold out\""));
}

static void a_503_always_says_when_to_come_back(void **state)
{
	write_it(&(struct problem){.code = "overloaded"});
	assert_non_null(strstr(lines.at, "Retry-After: 1\r\n"));
	write_it(&(struct problem){.code = "too_many_requests"});
	assert_non_null(strstr(lines.at, "Retry-After: 1\r\n"));
}

static void a_401_says_how_to_ask(void **state)
{
	write_it(&(struct problem){.code = "unauthorized"});
	assert_non_null(strstr(lines.at, "WWW-Authenticate: Bearer\r\n"));
}

static void every_row_is_sound(void **state)
{
	const struct problem_row *rows;
	uint32_t count = problem_rows(&rows);
	assert_true(count > 30);
	for (uint32_t i = 0; i < count; i++) {
		write_it(&(struct problem){.code = rows[i].code});
		assert_in_range(rows[i].status, 400, 599);
		assert_int_equal(problem_status(&(struct problem){.code = rows[i].code}), rows[i].status);
		assert_true(problem_code_is_known(rows[i].code));
		for (uint32_t j = 0; j < i; j++)
			assert_string_not_equal(rows[i].code, rows[j].code);
	}
}

static void a_status_of_the_parser_finds_a_code(void **state)
{
	assert_string_equal(problem_code_of_status(400), "malformed");
	assert_string_equal(problem_code_of_status(408), "timeout");
	assert_string_equal(problem_code_of_status(413), "too_large");
	assert_string_equal(problem_code_of_status(414), "uri_too_long");
	assert_string_equal(problem_code_of_status(431), "headers_too_large");
	assert_string_equal(problem_code_of_status(503), "overloaded");
	assert_string_equal(problem_code_of_status(426), "malformed");
	assert_string_equal(problem_code_of_status(501), "not_supported");
	assert_string_equal(problem_code_of_status(505), "version_not_supported");
	assert_string_equal(problem_code_of_status(502), "internal");
	assert_false(problem_code_is_known("nothing_such"));
}

static int fini(void **state)
{
	buf_fini(&lines);
	buf_fini(&body);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_in_full),
	    cmocka_unit_test(what_is_not_there_is_left_out),
	    cmocka_unit_test(a_503_always_says_when_to_come_back),
	    cmocka_unit_test(a_401_says_how_to_ask),
	    cmocka_unit_test(every_row_is_sound),
	    cmocka_unit_test(a_status_of_the_parser_finds_a_code),
	};
	return cmocka_run_group_tests(tests, NULL, fini);
}
