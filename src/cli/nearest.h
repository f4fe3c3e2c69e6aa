/* nearest: "did you mean …?" The name among many that is the fewest edits away from a word. */
#ifndef DIBS_CLI_NEAREST_H
#define DIBS_CLI_NEAREST_H

struct nearest {
	const char *word;
	const char *best; /* NULL: none is near enough */
	unsigned edits;
};

void nearest_init(struct nearest *nearest, const char *word);
/* candidate must outlive the search. The first of two equally near ones is kept. */
void nearest_try(struct nearest *nearest, const char *candidate);

#endif
