/* explore: walks the life of a world call by call, makes images of what the disk may hold at each place, and has every
 * one examined.
 *
 * A place with few subsets has all of them tried; a larger one the extremes and a sample. Of some images the recovery is
 * recorded in turn, and images of that are examined: the power goes a second time. Of others something at rest is
 * damaged. Every draw hangs from the seed and the numbers of the place alone, so that one image can be tried by itself.
 *
 * Memory   taken once. Thread: one.
 */
#ifndef DIBS_TESTS_IMAGES_EXPLORE_H
#define DIBS_TESTS_IMAGES_EXPLORE_H

#include "examine.h"
#include "timeline.h"

/* Which image: seed, life, after how many calls, number; and of its recovery the same. -1: any. */
struct spot {
	int64_t seed, life, boundary, image, second_boundary, second_image;
};

struct explorer {
	struct kinds kinds;
	struct world world;
	struct examiner examiner;
	struct timeline timeline[2], second;
	struct recording second_recording;
	struct image *image, *second_image, *base, *running;
	struct choices choices, second_choices;
	struct spot at, only;
	double until, until_at_most; /* seconds of the monotonic clock; beyond the first only while a kind is missing */
	uint64_t images, boundaries, lives, worlds, failed;
	uint64_t ops[OP_KINDS];
};

struct explorer *explorer_new(void);
void explorer_free(struct explorer *explorer);
/* All lives of one world, or as far as time goes. */
void explore_world(struct explorer *explorer, uint64_t seed);
bool explore_goes_on(const struct explorer *explorer);
double seconds_now(void);

#endif
