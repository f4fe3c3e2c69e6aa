/* snapshots: what only the follower needs of them; the rest is in follow.h. */
#ifndef DIBS_FOLLOW_SNAPSHOTS_H
#define DIBS_FOLLOW_SNAPSHOTS_H

#include "follow/follow.h"

/* The oldest sound one, for a store that begins where the log does. FAULT_NOT_FOUND: there is none. */
int follow_load_oldest(struct disk *disk, const struct core_limits *limits, struct core **ret, uint64_t *ret_sequence,
                       struct error *error);

/* Archives the journal's segments that even the older snapshot does not need. Returns how many, or a fault. */
int follow_archive(struct disk *disk, struct log *log, struct error *error);

#endif
