/* select: which image of a place is the n-th. */
#ifndef DIBS_TESTS_IMAGES_SELECT_H
#define DIBS_TESTS_IMAGES_SELECT_H

#include "kinds.h"
#include "timeline.h"

#define ALL_SUBSETS_MAX 64

/* How many images of a place: all subsets when there are few, else so many; and as many torn ones, when a write is under
 * way. */
uint64_t select_count(const struct choices *choices, uint64_t sample, uint64_t torn);
/* Counts the kind, too. random: drawn for this image alone. */
void select_image(const struct choices *choices, uint64_t sample, uint64_t number, uint64_t *random,
                  struct selection *ret, struct kinds *kinds);
/* What the process saw. */
void select_newest(const struct choices *choices, struct selection *ret);
/* Any one. */
void select_any(const struct choices *choices, uint64_t *random, struct selection *ret);

#endif
