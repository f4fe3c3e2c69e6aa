/* archive: reads segments without the journal's code for it, so that what was moved away can be held against the truth,
 * and damage can be put where it is known what must follow.
 *
 * Memory   fixed. Thread: one.
 */
#ifndef DIBS_TESTS_IMAGES_ARCHIVE_H
#define DIBS_TESTS_IMAGES_ARCHIVE_H

#include "examine.h"
#include "log/batch.h"
#include "log/segment.h"

#define MAP_SEGMENTS_MAX 64
#define MAP_BATCHES_MAX FILE_PAGES_MAX

struct map_batch {
	uint32_t page, pages, count;
	uint64_t first;
};

struct map_segment {
	char name[TREE_NAME_SIZE];
	int inode;
	uint64_t first, tag;
	uint64_t next;              /* the record behind its last batch */
	uint32_t batch_count, live; /* batches that count: up to the next segment's first */
	struct map_batch batch[MAP_BATCHES_MAX];
};

struct map {
	struct map_segment segment[MAP_SEGMENTS_MAX];
	uint32_t count;
};

/* The segments of a folder in their order. False: one has no sound header. */
bool map_make(const struct image *image, const char *folder, struct map *ret);
/* Is a sound header of this segment at one of its pages from this one on? */
bool map_has_header(const struct image *image, const struct map_segment *segment, uint32_t page);
/* Every record before the log's first is in a segment that was moved away, byte for byte. */
bool archive_is_whole(struct examiner *examiner, const struct image *image);

#endif
