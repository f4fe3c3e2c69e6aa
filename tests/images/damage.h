/* damage: changes what is at rest in an image, and says what must follow: refused at that place and nothing changed, or
 * recovered because nothing that counts was hit, or left out because it cannot be told from a torn write.
 *
 * What must follow is worked out from a map of the damaged segments that the journal's recovery has no part in. */
#ifndef DIBS_TESTS_IMAGES_DAMAGE_H
#define DIBS_TESTS_IMAGES_DAMAGE_H

#include "examine.h"

/* 1: damaged and examined; 0: nothing there to damage in the way that was drawn; -1: wrong, see examiner->why. */
int damage_examine(struct examiner *examiner, struct image *image, const struct expected *expected, uint64_t *random);

#endif
