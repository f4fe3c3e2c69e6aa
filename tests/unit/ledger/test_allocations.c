/* A step takes no memory: malloc and its kin are counted (linked with --wrap), and none is called from the first
 * claim on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "play.h"

static unsigned calls;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
	calls++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	calls++;
	return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	calls++;
	return __real_realloc(old, size);
}

#define CLAIMS 2000

/* Steps the ledger by hand: the stage's own log would allocate. */
static struct ledger_output step(struct play *play, struct ask *asks, const struct ledger_output *before,
                                 uint64_t *last)
{
	static struct log_record echoes[CLAIMS + 16];
	static uint8_t bytes[1 << 20];
	struct ledger_output output;
	uint32_t count = before ? before->append_count : 0;
	size_t size = 0;
	for (uint32_t i = 0; i < count; i++) {
		memcpy(bytes + size, before->appends[i].bytes, before->appends[i].size);
		echoes[i] = (struct log_record){++*last, play->now, bytes + size, before->appends[i].size};
		size += before->appends[i].size;
	}
	struct ledger_input input = {.asks = asks,
	                             .echoes = echoes,
	                             .echo_count = count,
	                             .durable = *last,
	                             .now = play->now,
	                             .room = LOG_ROOM_ALL};
	assert_int_equal(ledger_step(play->ledger, &input, &output, NULL), 0);
	ledger_publish(play->ledger, *last, play->views);
	return output;
}

static void a_step_takes_no_memory(void **state)
{
	struct play *play = play_prepare();
	static char buyers[CLAIMS][8];
	play->limits.orders = CLAIMS;
	play->options.waiting_max = CLAIMS;
	play_begin(play);
	play_round(play);
	play_drop(play, "shoes", CLAIMS / 2, 1, 1);
	for (int i = 0; i < CLAIMS; i++) {
		snprintf(buyers[i], sizeof buyers[i], "b%d", i);
		play_claim(play, "shoes", buyers[i], buyers[i], 1);
	}
	uint64_t last = core_sequence(play->core);
	unsigned before = calls;
	assert_true(before > CLAIMS); /* counting works */
	struct ledger_output output = step(play, play->submitted, NULL, &last);
	assert_int_equal(output.append_count, CLAIMS / 2);
	output = step(play, NULL, &output, &last);
	assert_int_equal(core_order_count(play->core), CLAIMS / 2);
	play->now.ms += 1000;
	do
		output = step(play, NULL, &output, &last); /* all expire, and are counted, ticked, checked */
	while (output.append_count);
	assert_int_equal(core_pending_count(play->core), 0);
	assert_int_equal(calls, before);
	play->submitted = NULL;
	play_close(play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_step_takes_no_memory),
	};
	digest_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
