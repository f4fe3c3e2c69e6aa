#include "play.h"

#include "cli/units.h"

static void a_time_needs_its_unit(void **state)
{
	int64_t ms = -7;
	assert_true(time_parse("250ms", &ms));
	assert_int_equal(ms, 250);
	assert_true(time_parse("10s", &ms));
	assert_int_equal(ms, 10000);
	assert_true(time_parse("5m", &ms));
	assert_int_equal(ms, 300000);
	assert_true(time_parse("7d", &ms));
	assert_int_equal(ms, 604800000);
	assert_true(time_parse("0", &ms));
	assert_int_equal(ms, 0);
}

static void what_is_no_time_leaves_the_result_alone(void **state)
{
	static const char *const none[] = {
	    "", "10", "s", "-1s", "1.5s", "10 s", "10sec", "99999999999999999999ms", "9223372036854775807d"};
	int64_t ms = -7;
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		assert_false(time_parse(none[i], &ms));
		assert_int_equal(ms, -7);
	}
}

static void sizes_are_powers_of_two(void **state)
{
	int64_t bytes = -7;
	assert_true(bytes_parse("4096", &bytes));
	assert_int_equal(bytes, 4096);
	assert_true(bytes_parse("8KiB", &bytes));
	assert_int_equal(bytes, 8192);
	assert_true(bytes_parse("64MiB", &bytes));
	assert_int_equal(bytes, 67108864);
	assert_false(bytes_parse("64MB", &bytes));
	assert_false(bytes_parse("9223372036854775807GiB", &bytes));
	assert_int_equal(bytes, 67108864);
}

static void a_moment_is_a_date_or_a_while_from_now(void **state)
{
	int64_t ms = -7;
	assert_true(moment_parse("+10m", 1000, &ms));
	assert_int_equal(ms, 601000);
	assert_true(moment_parse("1970-01-01T00:00:02Z", 1000, &ms));
	assert_int_equal(ms, 2000);
	assert_false(moment_parse("tomorrow", 1000, &ms));
	assert_false(moment_parse("+9223372036854775807ms", 1000, &ms));
	assert_int_equal(ms, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_time_needs_its_unit),
	    cmocka_unit_test(what_is_no_time_leaves_the_result_alone),
	    cmocka_unit_test(sizes_are_powers_of_two),
	    cmocka_unit_test(a_moment_is_a_date_or_a_while_from_now),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
