/* examine: recovers an image with the program's own code, and holds what it finds against the truth.
 *
 *   a  all that was told durable is there, byte for byte, in order
 *   b  nothing is there that was never appended
 *   c  what is accepted beyond is the batch that was being written, whole
 *   d  recovering again finds the same
 *   e  the fold has the true rolling hash
 *   f  the journal goes on, and is recovered again with what came
 *   g  the newest snapshot that was told is loaded, or a newer whole one; the one before it is there too; snapshot and tail
 *      give the state of the whole log
 *
 * Recovery and a, b, c are done with every image. Loading a snapshot and folding depend on nothing but the snapshots'
 * bytes and the records, so they are done once for each pair of them that a life meets, and again by sample; the rest
 * as `how` says.
 *
 * Memory   the examiner's. Faults: false, and `why` says what is wrong. Thread: one.
 */
#ifndef DIBS_TESTS_IMAGES_EXAMINE_H
#define DIBS_TESTS_IMAGES_EXAMINE_H

#include "image.h"
#include "kinds.h"
#include "world.h"

#define SEEN_MAX 8192

enum examine_how {
	EXAMINE_ALL_RECORDS = 1, /* from the floor on; else from the snapshot on, as the program starts */
	EXAMINE_SNAPSHOT = 2,    /* load and fold, even if that pair was met before */
	EXAMINE_AGAIN = 4,
	EXAMINE_GO_ON = 8,
	EXAMINE_ARCHIVE = 16,
	EXAMINE_VERIFY = 32,
};

struct expected {
	uint64_t durable, writing;
	uint64_t floor, snapshot; /* records from this on are in the log; at least this one is loaded */
	uint64_t snapshot_begun;  /* the newest that was begun */
	uint64_t snapshot_before; /* the one before it, which is there too */
	uint64_t provable;        /* up to here damage is never taken for a torn write */
	bool deletes;
};

struct met {
	uint64_t key, value;
};

struct examiner {
	const struct world *world;
	struct kinds *kinds;
	bool snapshot_is_known; /* the image has the snapshots of one examined before: */
	uint64_t known_snapshot;
	bool newest_is_spoiled; /* and the newest of them is spoiled: that one is loaded each time, past it */
	struct met met[SEEN_MAX];
	uint32_t met_count;
	char why[700];
	/* what was found: */
	uint64_t first, last, loaded, snapshot_key;
	bool was_torn;
};

void examine_begin_life(struct examiner *examiner);
bool examine(struct examiner *examiner, struct image *image, const struct expected *expected, unsigned how);
/* The inode of the newest snapshot, and the sequences of it and of the one before it; 0: there is none. */
int examine_newest_snapshot(const struct image *image, uint64_t *ret_sequence, uint64_t *ret_older);
/* Parts of it, for images whose outcome is another one. */
bool examine_fail(struct examiner *examiner, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool examine_records(struct examiner *examiner, struct log *log, uint64_t from, uint64_t last);

#endif
