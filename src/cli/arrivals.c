#include "cli/arrivals.h"

#include <math.h>

#include "base/must.h"

/* splitmix64 (S. Vigna, public domain algorithm): small, and good enough for gaps between people. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* The gap to the next arrival of a Poisson process of rate one. */
static double next_gap(uint64_t *state)
{
	double unit = ((double)(next_random(state) >> 11) + 1) / 9007199254740993.0; /* (0, 1) */
	return -log(unit);
}

/* When the n-th claim is due, n counted in claims: the inverse of "how many are due by then", which is
 * rate t²/(2 ramp) during the ramp and rate (t - ramp/2) behind it. */
static uint64_t due_of(const struct arrivals *arrivals, double n)
{
	double ramp_s = (double)arrivals->ramp_ns / 1e9;
	double in_ramp = arrivals->rate * ramp_s / 2;
	double at_s = n < in_ramp ? sqrt(2 * n * ramp_s / arrivals->rate) : n / arrivals->rate + ramp_s / 2;
	return (uint64_t)(at_s * 1e9);
}

void arrivals_fill(const struct arrivals *arrivals, uint64_t *due_ns, uint32_t count)
{
	uint64_t state = arrivals->seed;
	double n = 0;
	must(arrivals->kind == ARRIVE_AT_ONCE || arrivals->rate > 0);
	for (uint32_t i = 0; i < count; i++) {
		due_ns[i] = arrivals->kind == ARRIVE_AT_ONCE ? 0 : due_of(arrivals, n);
		n += arrivals->kind == ARRIVE_BY_CHANCE ? next_gap(&state) : 1;
	}
}
