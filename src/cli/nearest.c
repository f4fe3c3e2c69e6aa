#include "cli/nearest.h"

#include <string.h>

#define WORD_SIZE_MAX 64 /* names are shorter; a longer word is near to none */

void nearest_init(struct nearest *nearest, const char *word)
{
	size_t size = strlen(word);
	*nearest = (struct nearest){.word = word, .edits = 2 + (unsigned)size / 4};
	if (size <= 3)
		nearest->edits = 2;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours (optimal string alignment), row by row. */
static unsigned distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
	unsigned rows[3][WORD_SIZE_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];
	for (unsigned j = 0; j <= b_size; j++)
		last[j] = j;
	for (unsigned i = 1; i <= a_size; i++) {
		now[0] = i;
		for (unsigned j = 1; j <= b_size; j++) {
			now[j] = least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
		unsigned *free_row = before;
		before = last;
		last = now;
		now = free_row;
	}
	return last[b_size];
}

void nearest_try(struct nearest *nearest, const char *candidate)
{
	size_t word_size = strlen(nearest->word), size = strlen(candidate);
	if (word_size > WORD_SIZE_MAX || size > WORD_SIZE_MAX)
		return;
	unsigned edits = distance(nearest->word, word_size, candidate, size);
	if (edits < nearest->edits) {
		nearest->edits = edits;
		nearest->best = candidate;
	}
}
