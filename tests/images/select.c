#include "select.h"

static bool is_torn_candidate(const struct choice *choice)
{
	return choice->kind == CHOICE_SECTOR && choice->is_last_write;
}

static uint32_t torn_candidates(const struct choices *choices)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < choices->count; i++)
		count += is_torn_candidate(&choices->of[i]);
	return count;
}

static uint64_t whole_count(const struct choices *choices, uint64_t sample)
{
	return choices->product <= ALL_SUBSETS_MAX && choices->product <= 2 * sample ? choices->product : sample;
}

uint64_t select_count(const struct choices *choices, uint64_t sample, uint64_t torn)
{
	return whole_count(choices, sample) + (torn_candidates(choices) > 0 ? torn : 0);
}

/* ---- subsets ---- */

static void select_all(const struct choices *choices, bool newest, struct selection *ret)
{
	ret->torn = -1;
	ret->torn_at = 0;
	for (uint32_t i = 0; i < choices->count; i++)
		ret->option[i] = newest ? (uint8_t)(choices->of[i].options - 1) : 0;
}

void select_newest(const struct choices *choices, struct selection *ret)
{
	select_all(choices, true, ret);
}

static void select_numbered(const struct choices *choices, uint64_t number, struct selection *ret)
{
	select_all(choices, false, ret);
	for (uint32_t i = 0; i < choices->count; i++) {
		ret->option[i] = (uint8_t)(number % choices->of[i].options);
		number /= choices->of[i].options;
	}
}

/* The first, the last, or any: the ends of what was written are where mistakes are. */
static uint32_t one_of(const struct choices *choices, uint64_t number, uint64_t *random)
{
	if (number == 0)
		return choices->count - 1;
	return number == 1 ? 0 : (uint32_t)draw_below(random, choices->count);
}

static void select_but_one(const struct choices *choices, bool newest, uint64_t number, uint64_t *random,
                           struct selection *ret)
{
	uint32_t one = one_of(choices, number, random);
	select_all(choices, newest, ret);
	ret->option[one] = newest ? 0 : (uint8_t)(choices->of[one].options - 1);
}

void select_any(const struct choices *choices, uint64_t *random, struct selection *ret)
{
	uint64_t percent = draw_below(random, 101);
	select_all(choices, false, ret);
	for (uint32_t i = 0; i < choices->count; i++)
		if (draw_below(random, 100) < percent)
			ret->option[i] = (uint8_t)(1 + draw_below(random, choices->of[i].options - 1u));
}

/* Some of it, and of the write under way one sector only up to a byte. */
static void select_torn(const struct choices *choices, uint64_t *random, struct selection *ret)
{
	uint64_t left = draw_below(random, torn_candidates(choices));
	if (draw_below(random, 2))
		select_any(choices, random, ret);
	else
		select_all(choices, true, ret);
	for (uint32_t i = 0; i < choices->count && ret->torn < 0; i++) {
		if (!is_torn_candidate(&choices->of[i]) || left-- > 0)
			continue;
		ret->torn = (int)i;
		ret->torn_at = 1 + (uint32_t)draw_below(random, SECTOR_SIZE - 1);
		ret->option[i] = (uint8_t)(choices->of[i].options - 2);
	}
}

void select_image(const struct choices *choices, uint64_t sample, uint64_t number, uint64_t *random,
                  struct selection *ret, struct kinds *kinds)
{
	uint64_t whole = whole_count(choices, sample);
	uint64_t few = sample / 6;
	if (number >= whole) {
		select_torn(choices, random, ret);
		kinds->of[KIND_TORN_AT_A_BYTE]++;
	} else if (choices->count == 0) {
		select_all(choices, false, ret);
		kinds->of[KIND_NOTHING_ON_ITS_WAY]++;
	} else if (whole == choices->product) {
		select_numbered(choices, number, ret);
		kinds->of[KIND_EVERY_SUBSET]++;
	} else if (number < 2) {
		select_all(choices, number == 1, ret);
		kinds->of[number == 1 ? KIND_ALL_SURVIVES : KIND_NONE_SURVIVES]++;
	} else if (number < 2 + few) {
		select_but_one(choices, true, number - 2, random, ret);
		kinds->of[KIND_ALL_BUT_ONE]++;
	} else if (number < 2 + 2 * few) {
		select_but_one(choices, false, number - 2 - few, random, ret);
		kinds->of[KIND_ONLY_ONE]++;
	} else {
		select_any(choices, random, ret);
		kinds->of[KIND_BY_CHANCE]++;
	}
}
