/* The histogram's figures against the exact ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/histogram.h"

static struct histogram histogram;

static int by_value(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;
	return *a < *b ? -1 : *a > *b;
}

static void assert_within_a_percent(uint64_t found, uint64_t exact)
{
	uint64_t off = found > exact ? found - exact : exact - found;
	assert_true(off * 100 <= exact);
}

static void one_value_of_any_size_is_told_to_a_percent(void **state)
{
	for (uint64_t value = 1; value < HISTOGRAM_MAX_NS; value = value * 5 / 4 + 1) {
		histogram_init(&histogram);
		histogram_add(&histogram, value);
		histogram_add(&histogram, value * 2); /* so that the middle is no end, which would be exact */
		histogram_add(&histogram, value / 2);
		assert_within_a_percent(histogram_quantile(&histogram, 0.5), value);
	}
}

static void quantiles_of_a_crowd_are_those_of_the_sorted_crowd(void **state)
{
	enum { COUNT = 20000 };
	static uint64_t values[COUNT];
	static const double shares[] = {0.001, 0.1, 0.5, 0.9, 0.99, 0.999};
	uint64_t random = 88172645463325252u;
	histogram_init(&histogram);
	for (int i = 0; i < COUNT; i++) {
		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		values[i] = (random % 1000 + 1) * (random >> 40) / 1000 + 1; /* over six orders of magnitude */
		histogram_add(&histogram, values[i]);
	}
	qsort(values, COUNT, sizeof *values, by_value);
	for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
		assert_within_a_percent(histogram_quantile(&histogram, shares[i]),
		                        values[(size_t)(shares[i] * COUNT + 0.5) - 1]);
	assert_int_equal(histogram_quantile(&histogram, 1), values[COUNT - 1]);
	assert_int_equal(histogram.min_ns, values[0]);
}

static void the_ends_are_exact(void **state)
{
	histogram_init(&histogram);
	histogram_add(&histogram, 1234567);
	assert_int_equal(histogram_quantile(&histogram, 0), 1234567);
	assert_int_equal(histogram_quantile(&histogram, 0.5), 1234567);
	assert_int_equal(histogram_quantile(&histogram, 1), 1234567);
	assert_int_equal(histogram_mean(&histogram), 1234567);
}

static void nothing_is_nothing(void **state)
{
	histogram_init(&histogram);
	assert_int_equal(histogram_quantile(&histogram, 0.99), 0);
	assert_int_equal(histogram_quantile(&histogram, 1), 0);
	assert_int_equal(histogram_mean(&histogram), 0);
}

static void the_bound_and_one_past_it_are_both_counted(void **state)
{
	histogram_init(&histogram);
	histogram_add(&histogram, HISTOGRAM_MAX_NS);
	histogram_add(&histogram, HISTOGRAM_MAX_NS + 1);
	histogram_add(&histogram, UINT64_MAX / 4);
	assert_int_equal(histogram.count, 3);
	assert_int_equal(histogram.bucket[HISTOGRAM_BUCKETS - 1], 3);
	assert_int_equal(histogram_quantile(&histogram, 1), UINT64_MAX / 4);
}

static void rows_add_up_to_the_whole(void **state)
{
	histogram_init(&histogram);
	for (uint64_t value = 1000; value < 1000000; value += 1000)
		histogram_add(&histogram, value);
	uint64_t low = histogram_between(&histogram, 0, 10000);
	uint64_t middle = histogram_between(&histogram, 10000, 500000);
	uint64_t high = histogram_between(&histogram, 500000, UINT64_MAX);
	assert_int_equal(low + middle + high, 999);
	assert_in_range(low, 8, 10);
	assert_int_equal(histogram_between(&histogram, 5, 5), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_value_of_any_size_is_told_to_a_percent),
	    cmocka_unit_test(quantiles_of_a_crowd_are_those_of_the_sorted_crowd),
	    cmocka_unit_test(the_ends_are_exact),
	    cmocka_unit_test(nothing_is_nothing),
	    cmocka_unit_test(the_bound_and_one_past_it_are_both_counted),
	    cmocka_unit_test(rows_add_up_to_the_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
