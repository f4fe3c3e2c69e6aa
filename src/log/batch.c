/* The batch on disk, little-endian. It begins on a page of 4,096 bytes and fills whole pages, so that a torn write
 * cannot touch the one before.
 *
 *   0  u32  magic 64 42 a7 c4          4  u16  version (1)       6  u16  zero
 *   8  u32  size: header and records   12 u32  count of records (0: a seal)
 *  16  u64  sequence of the first record (a seal: of the one that will come)
 *  24  u64  highest sequence known durable when this was written
 *  32  u64  incarnation of the first record's writer (its bytes 8..15; 0 in a seal)
 *  40  i64  time of the first record, ms since 1970 (a seal: of the last record)
 *  48  u64  tag of the segment (segment.c)
 *  56  u64  zero
 *  64  32   BLAKE2b-256 of the batch with records before this one: its `size` bytes
 *  96  24   zero
 * 120  u32  CRC32C of bytes 0..119: the header stands by itself, in one sector
 * 124  u32  CRC32C of bytes 0..123 and 128 to the end of the last page, zeros behind the records included
 * 128  …    records: u32 size, u32 ms since the batch's time, size bytes; zeros to the end of the page
 *
 * A batch is valid when both checksums are, the tag is its segment's, its first sequence is the next one, its hash is
 * that of the batch before, and its records fill it exactly. The chain runs over batches with records; a seal hangs
 * from it like a leaf: it names the hash before it, and nobody names its own.
 *
 * A batch is written only after the one before is synced. So whatever stands before a sound header was durable; if it
 * cannot be read, that is damage. What stands before nothing may be a torn write that nobody was told about.
 */
#include "log/batch.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/must.h"

#define MAGIC UINT32_C(0xc4a74264)
#define HEADER_CRC_AT 120
#define ALL_CRC_AT 124

static uint32_t crc_of_all(const uint8_t *bytes, uint32_t size)
{
	uint32_t crc = crc32c(0, bytes, ALL_CRC_AT);
	return crc32c(crc, bytes + BATCH_HEADER_SIZE, batch_pages(size) - BATCH_HEADER_SIZE);
}

enum batch_look batch_look(const uint8_t *bytes, struct batch_header *ret)
{
	if (get_u32(bytes) != MAGIC || get_u32(bytes + HEADER_CRC_AT) != crc32c(0, bytes, HEADER_CRC_AT))
		return BATCH_NONE;
	if (get_u16(bytes + 4) != BATCH_VERSION)
		return BATCH_NEWER;
	uint32_t size = get_u32(bytes + 8);
	if (size < BATCH_HEADER_SIZE || size > BATCH_SIZE_MAX)
		return BATCH_NONE;
	ret->size = size;
	ret->count = get_u32(bytes + 12);
	ret->first = get_u64(bytes + 16);
	ret->durable = get_u64(bytes + 24);
	ret->incarnation = get_u64(bytes + 32);
	ret->time.ms = (int64_t)get_u64(bytes + 40);
	ret->tag = get_u64(bytes + 48);
	memcpy(ret->hash_before, bytes + 64, BLAKE_SIZE);
	ret->crc_all = get_u32(bytes + ALL_CRC_AT);
	return BATCH_HEADER;
}

static bool frames_fill_it(const uint8_t *bytes, const struct batch_header *header, uint32_t *ret_ms)
{
	const uint8_t *at = bytes + BATCH_HEADER_SIZE, *end = bytes + header->size;
	uint32_t ms_before = 0;
	for (uint32_t i = 0; i < header->count; i++) {
		if ((size_t)(end - at) < BATCH_FRAME_SIZE)
			return false;
		uint32_t size = get_u32(at), ms = get_u32(at + 4);
		at += BATCH_FRAME_SIZE;
		if ((size_t)(end - at) < size || ms < ms_before)
			return false;
		at += size;
		ms_before = ms;
	}
	*ret_ms = ms_before;
	return at == end;
}

bool batch_is_sound(const uint8_t *bytes, const struct batch_header *header, struct wall_ms *ret_time)
{
	uint32_t ms;
	if (header->crc_all != crc_of_all(bytes, header->size) || !frames_fill_it(bytes, header, &ms))
		return false;
	ret_time->ms = header->time.ms + ms;
	return true;
}

void batch_hash(const uint8_t *bytes, const struct batch_header *header, uint8_t out[BLAKE_SIZE])
{
	blake2b256(out, bytes, header->size);
}

struct batch_reader batch_read(const uint8_t *bytes, const struct batch_header *header)
{
	return (struct batch_reader){bytes + BATCH_HEADER_SIZE, header->first, header->count, header->time};
}

void batch_begin(struct batch_writer *writer, uint8_t *bytes)
{
	*writer = (struct batch_writer){.bytes = bytes, .header = {.size = BATCH_HEADER_SIZE}};
}

void batch_add(struct batch_writer *writer, struct wall_ms time, const uint8_t *bytes, size_t size)
{
	struct batch_header *header = &writer->header;
	uint8_t *at = writer->bytes + header->size;
	if (header->count++ == 0) {
		header->time = time;
		header->incarnation =
		    size >= RECORD_INCARNATION_OFFSET + 8 ? get_u64(bytes + RECORD_INCARNATION_OFFSET) : 0;
	}
	must(time.ms >= header->time.ms && time.ms - header->time.ms <= (int64_t)BATCH_SPAN_MS_MAX);
	put_u32(at, (uint32_t)size);
	put_u32(at + 4, (uint32_t)(time.ms - header->time.ms));
	memcpy(at + BATCH_FRAME_SIZE, bytes, size);
	header->size += (uint32_t)(BATCH_FRAME_SIZE + size);
}

size_t batch_finish(struct batch_writer *writer)
{
	const struct batch_header *header = &writer->header;
	uint8_t *bytes = writer->bytes;
	size_t pages = batch_pages(header->size);
	memset(bytes, 0, BATCH_HEADER_SIZE);
	memset(bytes + header->size, 0, pages - header->size);
	put_u32(bytes, MAGIC);
	put_u16(bytes + 4, BATCH_VERSION);
	put_u32(bytes + 8, header->size);
	put_u32(bytes + 12, header->count);
	put_u64(bytes + 16, header->first);
	put_u64(bytes + 24, header->durable);
	put_u64(bytes + 32, header->incarnation);
	put_u64(bytes + 40, (uint64_t)header->time.ms);
	put_u64(bytes + 48, header->tag);
	memcpy(bytes + 64, header->hash_before, BLAKE_SIZE);
	put_u32(bytes + HEADER_CRC_AT, crc32c(0, bytes, HEADER_CRC_AT));
	writer->header.crc_all = crc_of_all(bytes, header->size);
	put_u32(bytes + ALL_CRC_AT, writer->header.crc_all);
	return pages;
}
