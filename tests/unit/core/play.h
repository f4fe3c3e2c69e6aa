/* play: a small stage for plays about the core: one core, one writer, a clock that is handed in. */
#ifndef TESTS_UNIT_CORE_PLAY_H
#define TESTS_UNIT_CORE_PLAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/core.h"

#define START_MS INT64_C(1800000000000)

struct play {
	struct core *core;
	uint64_t sequence, counter, incarnation;
	int64_t now; /* ms */
	struct outcome outcome;
	struct error error;
};

static inline int play_apply(struct play *play, struct command *command)
{
	if (command->kind == COMMAND_HELLO) {
		play->incarnation = play->sequence + 1;
	} else {
		command->incarnation = play->incarnation;
		command->counter = ++play->counter;
	}
	int code = core_apply(play->core, ++play->sequence, (struct wall_ms){play->now}, command, &play->outcome,
	                      &play->error);
	struct error error;
	if (code == 0 && core_check_step(play->core, &error) != 0)
		fail_msg("%s", error.text);
	return code;
}

static inline void play_hello(struct play *play)
{
	struct command hello = {.kind = COMMAND_HELLO, .hello = {.digest_key = {1, 2, 3}, .program = TEXT("test")}};
	assert_int_equal(play_apply(play, &hello), 0);
}

static inline struct play play_begin_with(struct core_limits limits)
{
	struct play play = {.now = START_MS};
	digest_init();
	assert_int_equal(core_new(&limits, &play.core, &play.error), 0);
	play_hello(&play);
	return play;
}

static inline struct play play_begin(void)
{
	return play_begin_with(
	    (struct core_limits){.drops = 64, .skus = 512, .orders = 20000, .lines = 4096, .api_keys = 16});
}

static inline void play_end(struct play *play)
{
	struct error error;
	if (core_check(play->core, &error) != 0)
		fail_msg("%s", error.text);
	core_free(play->core);
}

struct play_drop {
	const char *id;
	uint32_t stock, limit, hold_seconds, keep_seconds;
	int64_t opens_at, closes_at; /* 0: by hand, never */
	uint32_t sku_count;          /* 0: one, called "one"; else "s0", "s1" … each with `stock` */
};

static inline enum verdict play_create(struct play *play, struct play_drop drop)
{
	static char ids[300][16];
	static struct sku_spec skus[300];
	uint32_t count = drop.sku_count ? drop.sku_count : 1;
	for (uint32_t i = 0; i < count; i++) {
		snprintf(ids[i], sizeof ids[i], "s%u", i);
		skus[i] = (struct sku_spec){text_of(drop.sku_count ? ids[i] : "one"), drop.stock, 1000};
	}
	struct command command = {
	    .kind = COMMAND_DROP_CREATE,
	    .actor = TEXT("k_admin"),
	    .create = {.id = text_of(drop.id),
	               .title = TEXT("A play"),
	               .currency = TEXT("KRW"),
	               .limit_per_buyer = drop.limit,
	               .hold_seconds = drop.hold_seconds,
	               .keep_seconds = drop.keep_seconds ? drop.keep_seconds : KEEP_SECONDS_DEFAULT,
	               .opens_at = {drop.opens_at ? drop.opens_at : WALL_NEVER.ms},
	               .closes_at = {drop.closes_at ? drop.closes_at : WALL_NEVER.ms},
	               .sku_count = count,
	               .skus = skus}};
	assert_int_equal(play_apply(play, &command), 0);
	return play->outcome.verdict;
}

static inline uint32_t play_drop_number(const struct play *play, const char *id)
{
	uint32_t drop = NO_DROP;
	core_drop_find(play->core, text_of(id), &drop);
	return drop;
}

static inline enum verdict play_on_drop(struct play *play, enum command_kind kind, const char *id)
{
	struct command command = {.kind = kind, .actor = TEXT("k_admin"), .drop = {.drop = play_drop_number(play, id)}};
	assert_int_equal(play_apply(play, &command), 0);
	return play->outcome.verdict;
}

static inline struct command play_claim_command(const struct play *play, const char *drop, const char *buyer,
                                                const char *key, uint32_t sku, uint32_t quantity)
{
	return (struct command){.kind = COMMAND_CLAIM,
	                        .key = text_of(key),
	                        .claim = {.drop = play_drop_number(play, drop),
	                                  .buyer = text_of(buyer),
	                                  .latest = {play->now + 10000},
	                                  .line_count = 1,
	                                  .line = {{sku, quantity}}}};
}

static inline enum verdict play_claim(struct play *play, const char *drop, const char *buyer, const char *key)
{
	struct command command = play_claim_command(play, drop, buyer, key, 0, 1);
	assert_int_equal(play_apply(play, &command), 0);
	return play->outcome.verdict;
}

static inline enum verdict play_confirm(struct play *play, uint64_t order, const char *payment_ref)
{
	struct command command = {.kind = COMMAND_CONFIRM, .order = {order, text_of(payment_ref)}};
	assert_int_equal(play_apply(play, &command), 0);
	return play->outcome.verdict;
}

static inline enum verdict play_cancel(struct play *play, uint64_t order)
{
	struct command command = {.kind = COMMAND_CANCEL, .order = {.order = order}};
	assert_int_equal(play_apply(play, &command), 0);
	return play->outcome.verdict;
}

static inline void play_tick(struct play *play)
{
	struct command tick = {.kind = COMMAND_TICK};
	assert_int_equal(play_apply(play, &tick), 0);
}

static inline struct sku_view play_sku(const struct play *play, const char *drop, uint32_t sku)
{
	struct sku_view view;
	core_sku_view(play->core, play_drop_number(play, drop), sku, &view);
	return view;
}

static inline void assert_stock(const struct play *play, const char *drop, uint32_t held, uint32_t sold)
{
	struct sku_view view = play_sku(play, drop, 0);
	assert_int_equal(view.held, held);
	assert_int_equal(view.sold, sold);
}

static inline enum order_status play_status(const struct play *play, uint64_t order)
{
	struct order_view view;
	assert_true(core_order_view(play->core, order, (struct wall_ms){play->now}, &view));
	return view.status;
}

#endif
