/* Who is due next: in order of time, then of arrival, whatever is moved and taken out in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/deadline_heap.h"

#include <stdlib.h>

#define WAITERS 200

static struct deadline_heap heap;
static void *memory;

static int set_up(void **state)
{
	memory = calloc(1, deadline_heap_bytes(WAITERS));
	assert_non_null(memory);
	deadline_heap_init(&heap, memory, WAITERS);
	return 0;
}

static int tear_down(void **state)
{
	free(memory);
	return 0;
}

static void assert_next_is(uint32_t waiter)
{
	assert_non_null(deadline_heap_first(&heap));
	assert_int_equal(deadline_heap_first(&heap)->waiter, waiter);
	deadline_heap_remove(&heap, waiter);
}

static void nobody_waits_at_first(void **state)
{
	assert_null(deadline_heap_first(&heap));
	deadline_heap_remove(&heap, 7);
	assert_null(deadline_heap_first(&heap));
}

static void the_earliest_comes_first_and_ties_by_arrival(void **state)
{
	deadline_heap_set(&heap, 1, 500, 30);
	deadline_heap_set(&heap, 2, 100, 20);
	deadline_heap_set(&heap, 3, 500, 10);
	deadline_heap_set(&heap, 0, -5, 40);
	assert_next_is(0);
	assert_next_is(2);
	assert_next_is(3);
	assert_next_is(1);
	assert_null(deadline_heap_first(&heap));
}

static void setting_again_moves(void **state)
{
	deadline_heap_set(&heap, 4, 10, 1);
	deadline_heap_set(&heap, 5, 20, 2);
	deadline_heap_set(&heap, 4, 30, 1);
	assert_int_equal(heap.count, 2);
	assert_next_is(5);
	deadline_heap_set(&heap, 5, 40, 2);
	deadline_heap_set(&heap, 5, 1, 2);
	assert_next_is(5);
	assert_next_is(4);
}

static void a_full_heap_holds_everybody(void **state)
{
	for (uint32_t i = 0; i < WAITERS; i++)
		deadline_heap_set(&heap, i, WAITERS - i, i);
	assert_int_equal(heap.count, WAITERS);
	for (uint32_t i = WAITERS; i-- > 0;)
		assert_next_is(i);
}

struct model {
	bool waits[WAITERS];
	int64_t time[WAITERS];
	uint64_t tie[WAITERS];
};

/* The waiter that a plain walk over all of them finds. */
static int earliest_of(const struct model *model)
{
	int best = -1;
	for (int i = 0; i < WAITERS; i++)
		if (model->waits[i] && (best < 0 || model->time[i] < model->time[best] ||
		                        (model->time[i] == model->time[best] && model->tie[i] < model->tie[best])))
			best = i;
	return best;
}

static void as_a_plain_walk_would_say(void **state)
{
	struct model model = {0};
	uint64_t random = 1;
	for (uint64_t step = 1; step <= 20000; step++) {
		random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		uint32_t waiter = (uint32_t)(random >> 33) % WAITERS;
		model.waits[waiter] = (random >> 60) % 3 != 0;
		if (model.waits[waiter]) {
			model.time[waiter] = (int64_t)(random >> 40) % 64;
			model.tie[waiter] = step;
			deadline_heap_set(&heap, waiter, model.time[waiter], step);
		} else {
			deadline_heap_remove(&heap, waiter);
		}
		int best = earliest_of(&model);
		const struct deadline *first = deadline_heap_first(&heap);
		assert_int_equal(first ? (int)first->waiter : -1, best);
	}
}

#define PLAY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    PLAY(nobody_waits_at_first),     PLAY(the_earliest_comes_first_and_ties_by_arrival),
	    PLAY(setting_again_moves),       PLAY(a_full_heap_holds_everybody),
	    PLAY(as_a_plain_walk_would_say),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
