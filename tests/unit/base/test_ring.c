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
/* From one thread to one other, in order: bounded, staged before it is seen, and nothing lost or doubled at full speed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/ring.h"

#include <pthread.h>
#include <sched.h>

static int numbers[64];

static void in_the_order_they_were_put(void **state)
{
	struct ring ring;
	assert_true(ring_init(&ring, 8));
	for (int i = 0; i < 5; i++)
		assert_true(ring_stage(&ring, &numbers[i]));
	ring_publish(&ring);
	for (int i = 0; i < 5; i++)
		assert_ptr_equal(ring_take(&ring), &numbers[i]);
	assert_null(ring_take(&ring));
	ring_fini(&ring);
}

static void what_is_staged_is_not_seen(void **state)
{
	struct ring ring;
	assert_true(ring_init(&ring, 4));
	assert_true(ring_stage(&ring, &numbers[0]));
	assert_true(ring_is_empty(&ring));
	assert_null(ring_take(&ring));
	ring_publish(&ring);
	assert_false(ring_is_empty(&ring));
	assert_ptr_equal(ring_take(&ring), &numbers[0]);
	assert_true(ring_is_empty(&ring));
	ring_fini(&ring);
}

/* Exactly `bound`, also where that is no power of two; one more is refused, and fits as soon as one is taken. */
static void exactly_its_bound(void **state)
{
	static const uint32_t bounds[] = {1, 2, 3, 5, 64};
	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
		struct ring ring;
		assert_true(ring_init(&ring, bounds[i]));
		for (uint32_t n = 0; n < bounds[i]; n++)
			assert_true(ring_stage(&ring, &numbers[n]));
		assert_false(ring_stage(&ring, &numbers[0]));
		ring_publish(&ring);
		assert_false(ring_stage(&ring, &numbers[0]));
		assert_ptr_equal(ring_take(&ring), &numbers[0]);
		assert_true(ring_stage(&ring, &numbers[7]));
		assert_false(ring_stage(&ring, &numbers[7]));
		ring_fini(&ring);
	}
}

/* Its indices run through 2^32 and go on from 0. */
static void beyond_the_last_index(void **state)
{
	struct ring ring;
	assert_true(ring_init(&ring, 3));
	ring.staged = ring.head_seen = ring.tail_seen = UINT32_MAX - 1;
	atomic_store(&ring.head, UINT32_MAX - 1);
	atomic_store(&ring.tail, UINT32_MAX - 1);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 3; i++)
			assert_true(ring_stage(&ring, &numbers[i]));
		assert_false(ring_stage(&ring, &numbers[3]));
		ring_publish(&ring);
		for (int i = 0; i < 3; i++)
			assert_ptr_equal(ring_take(&ring), &numbers[i]);
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
#define MANY ((uintptr_t)200000)

/* Puts 1 to MANY in, publishing after every seventh and whenever there is no room. */
static void *produce(void *argument)
{
	struct ring *ring = argument;
	for (uintptr_t n = 1; n <= MANY;) {
		if (ring_stage(ring, (void *)n)) {
			if (n++ % 7 == 0)
				ring_publish(ring);
		} else {
			ring_publish(ring);
			sched_yield();
		}
	}
	ring_publish(ring);
	return NULL;
}

static void two_threads_lose_nothing(void **state)
{
	struct ring ring;
	pthread_t producer;
	assert_true(ring_init(&ring, 100));
	assert_int_equal(pthread_create(&producer, NULL, produce, &ring), 0);
	for (uintptr_t next = 1; next <= MANY;) {
		void *taken = ring_take(&ring);
		if (!taken) {
			sched_yield();
			continue;
		}
		if ((uintptr_t)taken != next)
			fail_msg("%zu where %zu was due", (size_t)(uintptr_t)taken, (size_t)next);
		next++;
	}
	assert_int_equal(pthread_join(producer, NULL), 0);
	assert_null(ring_take(&ring));
	ring_fini(&ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_holds_exactly_its_bound),
	    cmocka_unit_test(what_is_staged_is_seen_when_it_is_published),
	    cmocka_unit_test(one_thread_takes_in_order_what_another_put),
	    cmocka_unit_test(in_the_order_they_were_put), cmocka_unit_test(what_is_staged_is_not_seen),
	    cmocka_unit_test(exactly_its_bound),          cmocka_unit_test(beyond_the_last_index),
	    cmocka_unit_test(two_threads_lose_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
