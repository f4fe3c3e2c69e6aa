/* The ring between two threads: its bound, its order, what is seen when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "base/ring.h"

#define MANY 200000

static int things[8];

static void it_holds_exactly_its_bound(void **state)
{
	struct ring ring;
	assert_true(ring_init(&ring, 5)); /* not a power of two */
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 5; i++)
			assert_true(ring_stage(&ring, &things[i]));
		assert_false(ring_stage(&ring, &things[5]));
		ring_publish(&ring);
		for (int i = 0; i < 5; i++)
			assert_ptr_equal(ring_take(&ring), &things[i]);
		assert_null(ring_take(&ring));
	}
	ring_fini(&ring);
}

static void what_is_staged_is_seen_when_it_is_published(void **state)
{
	struct ring ring;
	assert_true(ring_init(&ring, 4));
	assert_true(ring_stage(&ring, &things[0]));
	assert_true(ring_stage(&ring, &things[1]));
	assert_true(ring_is_empty(&ring));
	assert_null(ring_take(&ring));
	ring_publish(&ring);
	assert_false(ring_is_empty(&ring));
	assert_ptr_equal(ring_take(&ring), &things[0]);
	assert_true(ring_stage(&ring, &things[2])); /* a place is free again */
	assert_ptr_equal(ring_take(&ring), &things[1]);
	assert_null(ring_take(&ring));
	ring_fini(&ring);
}

static void *produce(void *argument)
{
	for (uintptr_t i = 1; i <= MANY; i++) {
		while (!ring_stage(argument, (void *)i)) {
			ring_publish(argument);
			sched_yield();
		}
		if (i % 7 == 0 || i == MANY)
			ring_publish(argument);
	}
	return NULL;
}

static void one_thread_takes_in_order_what_another_put(void **state)
{
	struct ring ring;
	pthread_t producer;
	assert_true(ring_init(&ring, 64));
	assert_int_equal(pthread_create(&producer, NULL, produce, &ring), 0);
	for (uintptr_t expected = 1; expected <= MANY;) {
		void *got = ring_take(&ring);
		if (!got) {
			sched_yield();
			continue;
		}
		assert_int_equal((uintptr_t)got, expected);
		expected++;
	}
	pthread_join(producer, NULL);
	assert_true(ring_is_empty(&ring));
	ring_fini(&ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_holds_exactly_its_bound),
	    cmocka_unit_test(what_is_staged_is_seen_when_it_is_published),
	    cmocka_unit_test(one_thread_takes_in_order_what_another_put),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
