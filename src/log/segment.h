/* segment: one file of the journal, "log/<first sequence, 20 digits>.seg": a header page, then batches.
 *
 * A segment ends where the next one begins: with the batch that carries the sequence before the next one's first;
 * what lies behind that in the file is nobody's. The layout of the header page stands at the head of segment.c.
 *
 * Marks    a small index in memory, a place every SEGMENT_MARK_EVERY bytes, so that a reader who wants one record
 *          reads that much and no more. Its memory is taken before the segment is written.
 * Thread   whoever holds the journal's lock; a segment that is not the last one never changes but for its marks.
 */
#ifndef DIBS_LOG_SEGMENT_H
#define DIBS_LOG_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/time.h"
#include "log/disk.h"

#define SEGMENT_VERSION 1
#define SEGMENT_FOLDER "log"
#define ARCHIVE_FOLDER "archive"
#define SEGMENT_BLANK "log/next.tmp" /* the one that is made ahead, before it has a name */
#define SEGMENT_NAME_SIZE 48
#define SEGMENT_MARK_EVERY 65536
#define SEGMENT_SIZE_MIN (16 * DISK_PAGE)
#define SEGMENT_SIZE_MAX (UINT64_C(1) << 30)

struct segment_mark {
	uint64_t sequence, offset; /* of a batch's first record; where that batch begins */
};

struct segment {
	uint64_t number, first;
	bool archived; /* its file is in ARCHIVE_FOLDER */
	uint64_t tag;  /* stands in all its batches: the first eight bytes of the header page's BLAKE2b-256 */
	uint8_t hash_before[BLAKE_SIZE];
	struct wall_ms time_before; /* of the last record before it */

	uint64_t last;  /* its last durable sequence; first - 1: none */
	uint64_t end;   /* offset behind its last durable batch; 0: not looked at yet */
	bool verified;  /* this process has checked or written its chain */
	bool has_marks; /* marks reach to `end` */
	struct segment_mark *marks;
	uint32_t mark_count, mark_max;
};

void segment_name(char out[SEGMENT_NAME_SIZE], const char *folder, uint64_t first);
/* The one of this segment. */
void segment_path(char out[SEGMENT_NAME_SIZE], const struct segment *segment);
/* "00000000000000000001.seg" */
bool segment_name_parse(const char *name, uint64_t *ret_first);

/* Fills a page with the header of the segment and sets its tag. */
void segment_header_write(struct segment *segment, uint8_t page[DISK_PAGE]);
/* FAULT_DAMAGED, FAULT_VERSION; name for the message. Fills number, first, tag, hash_before, time_before. */
int segment_header_read(const uint8_t page[DISK_PAGE], const char *name, struct segment *ret, struct error *error);

/* A segment with room for the marks of a file of that size; NULL: no memory. */
struct segment *segment_new(uint64_t file_size);
void segment_free(struct segment *segment);
/* Notes a batch if it is far enough from the last mark. Batches come in their order. */
void segment_mark(struct segment *segment, uint64_t sequence, uint64_t offset);
/* Where to begin reading to find the sequence: the offset of a batch that begins at or before it, and with what. */
uint64_t segment_find(const struct segment *segment, uint64_t sequence, uint64_t *ret_first);

#endif
