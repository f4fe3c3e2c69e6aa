/* The header page of a segment, little-endian, 4,096 bytes:
 *
 *    0  8    magic "dibs-seg"
 *    8  u32  version (1)             12  u32  zero
 *   16  u64  number of the segment: one more than the one before, so that a missing file is noticed
 *   24  u64  sequence of its first record
 *   32  32   BLAKE2b-256 of the last batch with records before it (zeros: there is none)
 *   64  i64  time of the last record before it, ms since 1970 (0: there is none)
 *   72  …    zero
 * 4092  u32  CRC32C of bytes 0..4091
 *
 * The tag of its batches is the first eight bytes of the BLAKE2b-256 of this page: a batch of another segment, or text
 * in a record that looks like a batch, is not taken for one of its own.
 */
#include "log/segment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/must.h"

#define CRC_AT (DISK_PAGE - 4)
#define NAME_DIGITS 20

static const char magic[8] = {'d', 'i', 'b', 's', '-', 's', 'e', 'g'};

void segment_name(char out[SEGMENT_NAME_SIZE], const char *folder, uint64_t first)
{
	int size = snprintf(out, SEGMENT_NAME_SIZE, "%s/%020" PRIu64 ".seg", folder, first);
	must(size > 0 && size < SEGMENT_NAME_SIZE);
}

void segment_path(char out[SEGMENT_NAME_SIZE], const struct segment *segment)
{
	segment_name(out, segment->archived ? ARCHIVE_FOLDER : SEGMENT_FOLDER, segment->first);
}

bool segment_name_parse(const char *name, uint64_t *ret_first)
{
	uint64_t first = 0;
	for (int i = 0; i < NAME_DIGITS; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		if (__builtin_mul_overflow(first, 10u, &first) ||
		    __builtin_add_overflow(first, (uint64_t)(name[i] - '0'), &first))
			return false;
	}
	if (strcmp(name + NAME_DIGITS, ".seg") != 0 || first == 0)
		return false;
	*ret_first = first;
	return true;
}

static uint64_t tag_of(const uint8_t page[DISK_PAGE])
{
	uint8_t hash[BLAKE_SIZE];
	blake2b256(hash, page, DISK_PAGE);
	return get_u64(hash);
}

void segment_header_write(struct segment *segment, uint8_t page[DISK_PAGE])
{
	memset(page, 0, DISK_PAGE);
	memcpy(page, magic, sizeof magic);
	put_u32(page + 8, SEGMENT_VERSION);
	put_u64(page + 16, segment->number);
	put_u64(page + 24, segment->first);
	memcpy(page + 32, segment->hash_before, BLAKE_SIZE);
	put_u64(page + 64, (uint64_t)segment->time_before.ms);
	put_u32(page + CRC_AT, crc32c(0, page, CRC_AT));
	segment->tag = tag_of(page);
}

int segment_header_read(const uint8_t page[DISK_PAGE], const char *name, struct segment *ret, struct error *error)
{
	if (memcmp(page, magic, sizeof magic) != 0)
		return error_set(error, FAULT_DAMAGED, "%s is damaged at offset 0: it is not a segment of a journal",
		                 name);
	/* Every version has its checksum there: a bit that turned is no newer format. */
	if (get_u32(page + CRC_AT) != crc32c(0, page, CRC_AT))
		return error_set(error, FAULT_DAMAGED, "%s is damaged at offset 0: its header is not as written", name);
	if (get_u32(page + 8) > SEGMENT_VERSION)
		return error_set(error, FAULT_VERSION,
		                 "%s has format %u, this program knows up to %u: use a newer dibs", name,
		                 get_u32(page + 8), SEGMENT_VERSION);
	ret->number = get_u64(page + 16);
	ret->first = get_u64(page + 24);
	memcpy(ret->hash_before, page + 32, BLAKE_SIZE);
	ret->time_before.ms = (int64_t)get_u64(page + 64);
	ret->tag = tag_of(page);
	return 0;
}

struct segment *segment_new(uint64_t file_size)
{
	struct segment *segment = calloc(1, sizeof *segment);
	if (!segment)
		return NULL;
	segment->mark_max = (uint32_t)(file_size / SEGMENT_MARK_EVERY) + 1;
	segment->marks = calloc(segment->mark_max, sizeof *segment->marks);
	if (!segment->marks) {
		free(segment);
		return NULL;
	}
	return segment;
}

void segment_free(struct segment *segment)
{
	if (!segment)
		return;
	free(segment->marks);
	free(segment);
}

void segment_mark(struct segment *segment, uint64_t sequence, uint64_t offset)
{
	if (segment->mark_count > 0) {
		const struct segment_mark *last = &segment->marks[segment->mark_count - 1];
		if (offset - last->offset < SEGMENT_MARK_EVERY)
			return;
	}
	must(segment->mark_count < segment->mark_max);
	segment->marks[segment->mark_count++] = (struct segment_mark){sequence, offset};
}

uint64_t segment_find(const struct segment *segment, uint64_t sequence, uint64_t *ret_first)
{
	uint32_t low = 0, high = segment->mark_count; /* marks[low - 1] begins at or before it, marks[high] behind it */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (segment->marks[middle].sequence <= sequence)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_first = low == 0 ? segment->first : segment->marks[low - 1].sequence;
	return low == 0 ? DISK_PAGE : segment->marks[low - 1].offset;
}
