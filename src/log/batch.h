/* batch: what one write of the journal carries: records in their order, or none (a seal).
 *
 * The layout stands at the head of batch.c.
 *
 * Units    sizes in bytes; `size` is header and records, batch_pages() adds the zeros up to the next page.
 * Memory   the caller's buffers; nothing here allocates. Records point into the batch.
 * Faults   none: a batch is sound or it is not; what that means is recovery's to say.
 * Thread   any; nothing is shared.
 */
#ifndef DIBS_LOG_BATCH_H
#define DIBS_LOG_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/digest.h"
#include "log/disk.h"
#include "log/log.h"

#define BATCH_VERSION 1
#define BATCH_HEADER_SIZE 128        /* within one sector, which a disk writes whole or not at all */
#define BATCH_SIZE_MAX (64u << 20)   /* what a reader believes: bounds its buffer */
#define BATCH_FRAME_SIZE 8           /* before each record: its size, and ms since the batch's time */
#define BATCH_SPAN_MS_MAX UINT32_MAX /* a frame's time has 32 bits: 49 days */
#define RECORD_INCARNATION_OFFSET 8  /* where a record keeps its writer's incarnation (core/command.h) */

struct batch_header {
	uint32_t size, count;
	uint64_t first;       /* sequence of the first record; of a seal: of the record that will come */
	uint64_t durable;     /* the highest sequence known durable when it was written */
	uint64_t incarnation; /* of the first record's writer; 0 in a seal */
	struct wall_ms time;  /* of the first record; of a seal: of the last one before */
	uint64_t tag;         /* of the segment it belongs to */
	uint8_t hash_before[BLAKE_SIZE];
	uint32_t crc_all;
};

enum batch_look {
	BATCH_NONE,   /* no header stands here, or a spoiled one */
	BATCH_HEADER, /* a sound header; its records are yet to be checked */
	BATCH_NEWER,  /* a sound header of a newer format */
};

static inline uint64_t batch_pages(uint64_t size)
{
	return (size + DISK_PAGE - 1) / DISK_PAGE * DISK_PAGE;
}

static inline uint64_t batch_last(const struct batch_header *header)
{
	return header->first + header->count - 1;
}

/* Looks at the first BATCH_HEADER_SIZE bytes. *ret is filled for BATCH_HEADER only. */
enum batch_look batch_look(const uint8_t *bytes, struct batch_header *ret);
/* The whole batch, its pages in memory: the CRC is right, the records fill it exactly, times never go back.
 * *ret_time: of its last record. */
bool batch_is_sound(const uint8_t *bytes, const struct batch_header *header, struct wall_ms *ret_time);
/* The link of the chain: BLAKE2b-256 of header and records. */
void batch_hash(const uint8_t *bytes, const struct batch_header *header, uint8_t out[BLAKE_SIZE]);

/* Reads the records of a sound batch one after another. */
struct batch_reader {
	const uint8_t *at;
	uint64_t sequence; /* of the next record */
	uint32_t left;
	struct wall_ms time;
};
struct batch_reader batch_read(const uint8_t *bytes, const struct batch_header *header);

static inline bool batch_next(struct batch_reader *reader, struct log_record *ret)
{
	uint32_t frame[2];
	if (reader->left == 0)
		return false;
	memcpy(frame, reader->at, sizeof frame);
	*ret = (struct log_record){
	    reader->sequence++, {reader->time.ms + frame[1]}, reader->at + BATCH_FRAME_SIZE, frame[0]};
	reader->at += BATCH_FRAME_SIZE + frame[0];
	reader->left--;
	return true;
}

/* Builds a batch in memory whose size is a multiple of DISK_PAGE. */
struct batch_writer {
	uint8_t *bytes;
	struct batch_header header; /* count, size, time and incarnation as records come; the rest is the caller's */
};
void batch_begin(struct batch_writer *writer, uint8_t *bytes);
/* The first record gives the batch its time and incarnation. */
void batch_add(struct batch_writer *writer, struct wall_ms time, const uint8_t *bytes, size_t size);
/* Writes header, zeros and checksums. Returns the bytes to write: whole pages. */
size_t batch_finish(struct batch_writer *writer);

#endif
