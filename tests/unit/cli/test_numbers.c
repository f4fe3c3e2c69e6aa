/* What people type after a flag. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/numbers.h"

static void whole_numbers_within_their_bounds(void **state)
{
	uint64_t value = 5;
	assert_true(number_parse("1", 1, 10, &value) && value == 1);
	assert_true(number_parse("10", 1, 10, &value) && value == 10);
	assert_false(number_parse("0", 1, 10, &value));
	assert_false(number_parse("11", 1, 10, &value));
	assert_false(number_parse("-1", 0, 10, &value));
	assert_false(number_parse("1e1", 0, 10, &value));
	assert_false(number_parse("", 0, 10, &value));
	assert_false(number_parse("99999999999999999999", 0, UINT64_MAX, &value));
	assert_int_equal(value, 10);
}

static void rates(void **state)
{
	double rate = 0;
	assert_true(rate_parse("500", &rate) && rate == 500);
	assert_true(rate_parse("0.5", &rate) && rate == 0.5);
	assert_true(rate_parse("10000000", &rate) && rate == RATE_MAX);
	static const char *const none[] = {"0", "", ".", "1.2.3", "-1", "1e3", "inf", "nan", "0x10", "10000001", "5/s"};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_false(rate_parse(none[i], &rate));
	assert_true(rate == RATE_MAX);
}

static void spans_have_units(void **state)
{
	uint64_t ns = 0;
	assert_true(span_parse("10", &ns) && ns == 10000000000u);
	assert_true(span_parse("10s", &ns) && ns == 10000000000u);
	assert_true(span_parse("250ms", &ns) && ns == 250000000u);
	assert_true(span_parse("1.5m", &ns) && ns == 90000000000u);
	assert_true(span_parse("0", &ns) && ns == 0);
	assert_true(span_parse("1440m", &ns) && ns == SPAN_MAX_NS);
	assert_false(span_parse("1441m", &ns));
	assert_false(span_parse("10h", &ns));
	assert_false(span_parse("ms", &ns));
	assert_false(span_parse("-5s", &ns));
	assert_int_equal(ns, SPAN_MAX_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole_numbers_within_their_bounds),
	    cmocka_unit_test(rates),
	    cmocka_unit_test(spans_have_units),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
