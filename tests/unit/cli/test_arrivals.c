/* When a crowd comes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cli/arrivals.h"

enum { COUNT = 20000 };
static uint64_t due[COUNT], again[COUNT];

static void at_once_is_at_once(void **state)
{
	arrivals_fill(&(struct arrivals){.kind = ARRIVE_AT_ONCE}, due, COUNT);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(due[i], 0);
}

static void evenly_is_one_every_so_often(void **state)
{
	arrivals_fill(&(struct arrivals){.kind = ARRIVE_EVENLY, .rate = 1000}, due, COUNT);
	for (int i = 0; i < COUNT; i++)
		assert_in_range(due[i], (uint64_t)i * 1000000 - (i > 0), (uint64_t)i * 1000000 + 1);
}

static void by_chance_keeps_the_rate_and_never_goes_back(void **state)
{
	double mean = 0, square = 0;
	arrivals_fill(&(struct arrivals){.kind = ARRIVE_BY_CHANCE, .rate = 1000, .seed = 7}, due, COUNT);
	for (int i = 1; i < COUNT; i++) {
		assert_true(due[i] >= due[i - 1]);
		double gap = (double)(due[i] - due[i - 1]) / 1e6;
		mean += gap;
		square += gap * gap;
	}
	mean /= COUNT - 1;
	square /= COUNT - 1;
	assert_true(fabs(mean - 1) < 0.03);   /* a millisecond between two, on average */
	assert_true(fabs(square - 2) < 0.15); /* and as far from even as independent people are */
}

static void the_same_seed_is_the_same_crowd(void **state)
{
	struct arrivals arrivals = {.kind = ARRIVE_BY_CHANCE, .rate = 50, .seed = 3};
	arrivals_fill(&arrivals, due, COUNT);
	arrivals_fill(&arrivals, again, COUNT);
	assert_memory_equal(due, again, sizeof due);
	arrivals.seed = 4;
	arrivals_fill(&arrivals, again, COUNT);
	assert_memory_not_equal(due, again, sizeof due);
}

/* In a ramp of two seconds to 1,000 a second half as many come as at the full rate: 1,000. */
static void a_ramp_grows_in_a_straight_line(void **state)
{
	int first_half = 0, second_half = 0, after = 0;
	arrivals_fill(&(struct arrivals){.kind = ARRIVE_EVENLY, .rate = 1000, .ramp_ns = 2000000000}, due, COUNT);
	for (int i = 0; i < COUNT; i++) {
		first_half += due[i] < 1000000000;
		second_half += due[i] >= 1000000000 && due[i] < 2000000000;
		after += due[i] >= 2000000000 && due[i] < 3000000000;
		assert_true(i == 0 || due[i] >= due[i - 1]);
	}
	assert_in_range(first_half, 249, 251);
	assert_in_range(second_half, 749, 751);
	assert_in_range(after, 999, 1001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(at_once_is_at_once),
	    cmocka_unit_test(evenly_is_one_every_so_often),
	    cmocka_unit_test(by_chance_keeps_the_rate_and_never_goes_back),
	    cmocka_unit_test(the_same_seed_is_the_same_crowd),
	    cmocka_unit_test(a_ramp_grows_in_a_straight_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
