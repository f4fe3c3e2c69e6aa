/* The table of segments, in the order of their first sequences. Under the journal's lock, but while opening. */
#include <stdlib.h>

#include "log/journal_inside.h"

#define SEGMENTS_AT_FIRST 64

int journal_segments_reserve(struct journal *journal, struct error *error)
{
	if (journal->segment_count < journal->segment_max)
		return 0;
	uint32_t max = journal->segment_max ? 2 * journal->segment_max : SEGMENTS_AT_FIRST;
	struct segment **segments = reallocarray(journal->segments, max, sizeof(struct segment *));
	if (!segments)
		return error_set(error, FAULT_MEMORY, "no memory for a table of %u segments", max);
	journal->segments = segments;
	journal->segment_max = max;
	return 0;
}

void journal_segments_add(struct journal *journal, struct segment *segment)
{
	must(journal->segment_count < journal->segment_max);
	journal->segments[journal->segment_count++] = segment;
}

struct segment *journal_segment_of(struct journal *journal, uint64_t sequence)
{
	uint32_t low = 0, high = journal->segment_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (journal->segments[middle]->first <= sequence)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 ? NULL : journal->segments[low - 1];
}
