/* The log in memory: without faults a log that is always fast and durable; with them, one at a time, each as named. */
#include "log/memory.h"
#include "play.h"

static void put(struct log *log, uint64_t n)
{
	uint8_t bytes[RECORD_MAX];
	struct error error;
	size_t size = record_make(bytes, n, 1);
	assert_int_equal(log_append(log, time_of(n), bytes, size, &error), 0);
}

/* The sequence's record is the one that was made as `n`; 0: there is none. */
static uint64_t echoed(struct log *log)
{
	struct log_record record;
	struct error error;
	if (log_echo(log, &record, &error) != 1)
		return 0;
	return get_u64(record.bytes + 16);
}

static void what_goes_in_comes_out(void **state)
{
	struct log *log = memory_log_new();
	struct log_record record;
	struct error error;
	for (uint64_t n = 1; n <= 1000; n++) {
		put(log, n);
		assert_int_equal(log_echo(log, &record, &error), 1);
		assert_true(record_is(&record, n, 1));
		assert_int_equal(log_durable(log), n);
	}
	assert_int_equal(log_echo(log, &record, &error), 0);
	assert_int_equal(log_room(log), LOG_ROOM_ALL);
	expect_records(log, 1, 1000, 1);
	expect_records(log, 990, 1000, 1);
	expect_records(log, 1001, 1000, 1);
	log_close(log);
}

static void echoes_and_durability_wait(void **state)
{
	struct log *log = memory_log_new();
	memory_log_faults(log)->delay_echo = 1;
	memory_log_faults(log)->hold_durable = 1;
	put(log, 1);
	put(log, 2);
	assert_int_equal(echoed(log), 0);
	memory_log_release(log, 1);
	assert_int_equal(echoed(log), 1);
	assert_int_equal(echoed(log), 0);
	assert_int_equal(log_durable(log), 0);
	expect_records(log, 1, 0, 1);
	memory_log_sync(log);
	assert_int_equal(log_durable(log), 2);
	expect_records(log, 1, 2, 1);
	log_close(log);
}

static void appends_are_lost_doubled_and_late(void **state)
{
	struct log *log = memory_log_new();
	memory_log_faults(log)->lose_append_in = 2;
	memory_log_faults(log)->double_append_in = 3;
	memory_log_faults(log)->late_append_in = 4;
	for (uint64_t n = 1; n <= 6; n++)
		put(log, n);
	assert_int_equal(echoed(log), 1);
	assert_int_equal(echoed(log), 3); /* 2 was lost */
	assert_int_equal(echoed(log), 3);
	assert_int_equal(echoed(log), 5); /* before 4 */
	assert_int_equal(echoed(log), 4);
	assert_int_equal(echoed(log), 6);
	assert_int_equal(echoed(log), 0);
	log_close(log);
}

static void a_late_append_may_never_come(void **state)
{
	struct log *log = memory_log_new();
	memory_log_faults(log)->late_append_in = 1;
	put(log, 1);
	assert_int_equal(echoed(log), 0);
	log_close(log); /* and nothing leaks */
}

static void time_jumps_forward_only(void **state)
{
	struct log *log = memory_log_new();
	struct log_record record;
	struct error error;
	put(log, 1);
	memory_log_faults(log)->time_jump_ms = 5000;
	put(log, 2);
	memory_log_faults(log)->time_jump_ms = -100000;
	put(log, 3);
	assert_int_equal(log_echo(log, &record, &error), 1);
	assert_int_equal(record.time.ms, time_of(1).ms);
	assert_int_equal(log_echo(log, &record, &error), 1);
	assert_int_equal(record.time.ms, time_of(2).ms + 5000);
	assert_int_equal(log_echo(log, &record, &error), 1);
	assert_int_equal(record.time.ms, time_of(2).ms + 5000);
	log_close(log);
}

static void it_is_busy_full_and_broken(void **state)
{
	struct log *log = memory_log_new();
	struct log_record record;
	struct error error;
	memory_log_faults(log)->busy_in = 1;
	assert_int_equal(append_one(log, 1, 1, &error), FAULT_BUSY);
	assert_int_equal(append_one(log, 1, 1, &error), 0);
	memory_log_set_faults(log, &(struct memory_log_faults){.room = LOG_ROOM_RESERVE});
	assert_int_equal(log_room(log), LOG_ROOM_RESERVE);
	assert_int_equal(append_one(log, 2, 1, &error), 0);
	memory_log_set_faults(log, &(struct memory_log_faults){.room = LOG_ROOM_NONE});
	assert_int_equal(append_one(log, 3, 1, &error), FAULT_NO_SPACE);
	memory_log_set_faults(log, &(struct memory_log_faults){.room = LOG_ROOM_ALL, .fail_in = 2});
	assert_int_equal(append_one(log, 3, 1, &error), 0);
	assert_int_equal(log_failed(log, &error), 0);
	assert_int_equal(append_one(log, 4, 1, &error), FAULT_IO);
	assert_int_equal(append_one(log, 4, 1, &error), FAULT_IO);
	assert_int_equal(log_failed(log, &error), FAULT_IO);
	assert_int_equal(log_echo(log, &record, &error), FAULT_IO);
	assert_int_equal(log_durable(log), 3);
	log_close(log);
}

static void a_crash_leaves_what_was_durable_and_some(void **state)
{
	struct log *log = memory_log_new(), *after;
	put(log, 1);
	put(log, 2);
	memory_log_faults(log)->hold_durable = 1;
	for (uint64_t n = 3; n <= 6; n++)
		put(log, n);
	after = memory_log_crash(log, 0);
	expect_records(after, 1, 2, 1);
	log_close(after);
	after = memory_log_crash(log, 100);
	expect_records(after, 1, 6, 1);
	log_close(after);
	after = memory_log_crash(log, 2);
	log_close(log);
	assert_int_equal(log_durable(after), 4);
	assert_int_equal(echoed(after), 0); /* they are read with a cursor */
	expect_records(after, 1, 4, 1);
	put(after, 5);
	assert_int_equal(echoed(after), 5);
	log_close(after);
}

static void count_moves(void *context)
{
	++*(int *)context;
}

static void the_waker_is_called(void **state)
{
	struct log *log = memory_log_new();
	int moves = 0;
	log_on_moved(log, count_moves, &moves);
	put(log, 1);
	log_flush(log);
	assert_int_equal(moves, 1);
	memory_log_sync(log);
	memory_log_release(log, 1);
	assert_int_equal(moves, 3);
	log_close(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_goes_in_comes_out),
	    cmocka_unit_test(echoes_and_durability_wait),
	    cmocka_unit_test(appends_are_lost_doubled_and_late),
	    cmocka_unit_test(a_late_append_may_never_come),
	    cmocka_unit_test(time_jumps_forward_only),
	    cmocka_unit_test(it_is_busy_full_and_broken),
	    cmocka_unit_test(a_crash_leaves_what_was_durable_and_some),
	    cmocka_unit_test(the_waker_is_called),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
