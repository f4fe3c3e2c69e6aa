#include "ledger/tally.h"

#include <stdlib.h>

#include "base/must.h"

static void find_places(struct tally *tally)
{
	uint8_t place = 0;
	for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++) {
		tally->place[verdict] = COUNTS_MAX;
		if (!verdict_is_refusal(verdict))
			continue;
		must(place < COUNTS_MAX);
		tally->verdict[place] = (uint8_t)verdict;
		tally->place[verdict] = place++;
	}
}

bool tally_init(struct tally *tally, uint32_t drops_max)
{
	*tally = (struct tally){.drops_max = drops_max, .first = NO_DROP, .last = NO_DROP};
	find_places(tally);
	tally->rows = calloc(drops_max, sizeof *tally->rows);
	return tally->rows != NULL;
}

void tally_fini(struct tally *tally)
{
	free(tally->rows);
	tally->rows = NULL;
}

static void list_put(struct tally *tally, uint32_t drop, struct wall_ms due)
{
	struct tally_row *row = &tally->rows[drop];
	row->listed = true;
	row->due = due;
	row->next = NO_DROP;
	if (tally->first == NO_DROP)
		tally->first = drop;
	else
		tally->rows[tally->last].next = drop;
	tally->last = drop;
}

void tally_add(struct tally *tally, uint32_t drop, enum verdict verdict, uint64_t count, struct wall_ms now)
{
	uint8_t place = tally->place[verdict];
	if (drop == NO_DROP || place == COUNTS_MAX)
		return;
	must(drop < tally->drops_max);
	tally->rows[drop].counts[place] += count;
	if (!tally->rows[drop].listed)
		list_put(tally, drop, (struct wall_ms){now.ms + TALLY_EVERY_MS});
}

static void take_counts(struct tally *tally, struct tally_row *row, struct command *ret)
{
	ret->counts.count = 0;
	for (uint8_t place = 0; place < COUNTS_MAX; place++) {
		if (row->counts[place] == 0)
			continue;
		ret->counts.of[ret->counts.count++] =
		    (struct verdict_count){.verdict = tally->verdict[place], .count = row->counts[place]};
		row->counts[place] = 0;
	}
}

bool tally_next(struct tally *tally, struct wall_ms now, bool all, struct command *ret)
{
	uint32_t drop = tally->first;
	if (drop == NO_DROP || (!all && wall_before(now, tally->rows[drop].due)))
		return false;
	struct tally_row *row = &tally->rows[drop];
	*ret = (struct command){.kind = COMMAND_COUNTS, .counts.drop = drop};
	take_counts(tally, row, ret);
	tally->first = row->next;
	row->listed = false;
	return true;
}

struct wall_ms tally_due(const struct tally *tally)
{
	return tally->first == NO_DROP ? WALL_NEVER : tally->rows[tally->first].due;
}
