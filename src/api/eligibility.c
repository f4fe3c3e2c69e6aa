#include "api/eligibility.h"

/* SplitMix64: the n-th number of a seed, so that no thread waits for another's. */
static uint64_t nth_random(uint64_t seed, uint64_t n)
{
	uint64_t z = seed + (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static bool is_refused(struct eligibility_source *source)
{
	uint64_t n = atomic_fetch_add_explicit(&source->asked, 1, memory_order_relaxed);
	bool refused = source->kind == ELIGIBILITY_SIMULATED && nth_random(source->seed, n) % 100 < source->percent;
	atomic_fetch_add_explicit(refused ? &source->refused : &source->passed, 1, memory_order_relaxed);
	return refused;
}

static void finish(struct check *check)
{
	check->done(check, check->refused ? CHECK_REFUSED : CHECK_PASSED);
}

void eligibility_ask(struct eligibility_source *source, struct check_list *list, struct check *check)
{
	check->refused = is_refused(source);
	check->next = NULL;
	if (source->delay_ms == 0) {
		finish(check);
		return;
	}
	check->due = (struct mono_ns){clock_mono().ns + source->delay_ms * UINT64_C(1000000)};
	if (list->first)
		list->last->next = check;
	else
		list->first = check;
	list->last = check;
}

void eligibility_tick(struct check_list *list, struct mono_ns now, bool draining)
{
	while (list->first && (draining || list->first->due.ns <= now.ns)) {
		struct check *check = list->first;
		list->first = check->next;
		if (draining)
			check->done(check, CHECK_UNFINISHED);
		else
			finish(check);
	}
}
