/* world: a shop that lives on a recorded disk, life after life, and what is true of it.
 *
 * A life is a start as the program makes it (newest snapshot, journal, fold), and then the journal by hand in any
 * order that a seed says: groups of commands appended, batches written, seals, segments made ahead, snapshots by a
 * second fold, segments archived or deleted. What are threads in the program take turns here: before any call of one to
 * the disk another may go on, so that a batch, a blank segment and a snapshot are under way at once. The next life
 * begins on an image of this one.
 *
 * Truth is kept beside: the bytes and the time of every record, and the rolling hash of the fold after it.
 *
 * Memory   the world's; taken once.
 * Thread   one.
 */
#ifndef DIBS_TESTS_IMAGES_WORLD_H
#define DIBS_TESTS_IMAGES_WORLD_H

#include "core/core.h"
#include "log/journal.h"
#include "recorder.h"

#define RECORDS_MAX 8192
#define RECORD_BYTES_MAX 1024
#define WORLD_LIMITS ((struct core_limits){.drops = 4, .skus = 16, .orders = 1024, .lines = 256, .api_keys = 1})
#define WORLD_JOURNAL ((struct journal_options){.segment_size = 16 * DISK_PAGE, .batch_bytes_max = 8192})

struct truth {
	uint32_t size;
	struct wall_ms time;
	uint64_t hash; /* of the fold, after it */
	uint8_t bytes[RECORD_BYTES_MAX];
};

struct world {
	uint64_t seed, random;
	uint32_t life;
	struct truth *truth; /* by sequence; [0]: the empty fold */
	uint64_t count;      /* appended, as far as it is known to be in the log */

	/* of this life: */
	struct recording recording;
	struct disk *disk;
	struct log *log;
	struct core *now, *behind; /* the ledger's fold, and the one of what is durable */
	uint64_t incarnation, counter;
	int64_t clock_ms;
	uint64_t snapshot, floor, told;                      /* told: how far it was seen durable */
	uint64_t begun_durable, begun_snapshot, begun_floor; /* what was so when the life began */
	bool begun_deletes;                                  /* segments may have been deleted before */
	unsigned busy;                                       /* which of its threads are in a call */
	struct error trouble;                                /* of one that went on meanwhile; code 0: none */
	size_t opened;                                       /* so many calls made the start */
};

void world_init(struct world *world);
void world_fini(struct world *world);
void world_begin(struct world *world, uint64_t seed);
/* One life on this disk, whose names and inodes are given. What was told before, at the place where the power went, is
 * in begun_floor and begun_deletes. False: it did not start or go on; *error says why. */
bool world_live(struct world *world, struct disk *inner, const struct tree *names, int inode_count,
                struct error *error);

#endif
