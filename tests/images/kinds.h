/* kinds: what came about, counted. A kind that never did is a failure: the test would show less than it says. */
#ifndef DIBS_TESTS_IMAGES_KINDS_H
#define DIBS_TESTS_IMAGES_KINDS_H

#include <stdbool.h>
#include <stdint.h>

enum kind {
#define KIND(name, sentence) KIND_##name,
#include "kinds.def"
#undef KIND
	KIND_COUNT
};

struct kinds {
	uint64_t of[KIND_COUNT];
};

bool kinds_are_all_there(const struct kinds *kinds);
/* A line a kind; returns how many never came about. */
int kinds_print(const struct kinds *kinds);

#endif
