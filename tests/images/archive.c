#include "archive.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/must.h"

/* Up to the first place where no sound batch with the next sequence stands. */
static void map_batches(const struct image *image, struct map_segment *segment)
{
	uint8_t bytes[FILE_PAGES_MAX * DISK_PAGE];
	const struct content *file = &image->files[segment->inode];
	uint32_t page = 1, end = (uint32_t)(file->size / DISK_PAGE);
	struct batch_header header;
	struct wall_ms time;
	segment->next = segment->first;
	segment->batch_count = 0;
	while (page < end && batch_look(file->pages[page], &header) == BATCH_HEADER && header.tag == segment->tag &&
	       header.first == segment->next) {
		uint32_t pages = (uint32_t)(batch_pages(header.size) / DISK_PAGE);
		if (page + pages > end)
			break;
		for (uint32_t i = 0; i < pages; i++)
			memcpy(bytes + (size_t)i * DISK_PAGE, file->pages[page + i], DISK_PAGE);
		if (!batch_is_sound(bytes, &header, &time))
			break;
		must(segment->batch_count < MAP_BATCHES_MAX);
		segment->batch[segment->batch_count++] = (struct map_batch){page, pages, header.count, header.first};
		segment->next += header.count;
		page += pages;
	}
	segment->live = segment->batch_count;
}

static int by_first(const void *a, const void *b)
{
	const struct map_segment *one = a, *other = b;
	return (one->first > other->first) - (one->first < other->first);
}

/* What lies behind the record before the next segment's first is nobody's. */
static void find_ends(struct map *map)
{
	for (uint32_t i = 0; i + 1 < map->count; i++) {
		struct map_segment *segment = &map->segment[i];
		uint64_t next = map->segment[i + 1].first;
		while (segment->live > 0) {
			const struct map_batch *batch = &segment->batch[segment->live - 1];
			if (batch->count > 0 && batch->first < next)
				break;
			segment->live--;
		}
	}
}

bool map_make(const struct image *image, const char *folder, struct map *ret)
{
	ret->count = 0;
	for (int i = 0; i < image->names.count; i++) {
		struct segment header;
		uint64_t first;
		const struct entry *entry = &image->names.of[i];
		const char *name = tree_inside(entry->name, folder);
		if (!name || entry->inode < 0 || strlen(name) != 24 || !segment_name_parse(name, &first))
			continue;
		if (segment_header_read(image->files[entry->inode].pages[0], name, &header, NULL) != 0)
			return false;
		must(ret->count < MAP_SEGMENTS_MAX);
		struct map_segment *segment = &ret->segment[ret->count++];
		tree_name_copy(segment->name, entry->name);
		segment->inode = entry->inode;
		segment->first = first;
		segment->tag = header.tag;
		map_batches(image, segment);
	}
	qsort(ret->segment, ret->count, sizeof ret->segment[0], by_first);
	find_ends(ret);
	return true;
}

bool map_has_header(const struct image *image, const struct map_segment *segment, uint32_t page)
{
	struct batch_header header;
	const struct content *file = &image->files[segment->inode];
	for (; (uint64_t)page * DISK_PAGE < file->size; page++)
		if (batch_look(file->pages[page], &header) == BATCH_HEADER && header.tag == segment->tag)
			return true;
	return false;
}

static bool batch_is_true(struct examiner *examiner, const struct image *image, const struct map_segment *segment,
                          const struct map_batch *batch)
{
	uint8_t bytes[FILE_PAGES_MAX * DISK_PAGE];
	struct batch_header header;
	struct log_record record;
	for (uint32_t i = 0; i < batch->pages; i++)
		memcpy(bytes + (size_t)i * DISK_PAGE, image->files[segment->inode].pages[batch->page + i], DISK_PAGE);
	batch_look(bytes, &header);
	struct batch_reader reader = batch_read(bytes, &header);
	while (batch_next(&reader, &record)) {
		const struct truth *truth = &examiner->world->truth[record.sequence];
		if (record.sequence < examiner->first &&
		    (record.size != truth->size || memcmp(record.bytes, truth->bytes, truth->size) != 0))
			return examine_fail(examiner, "%s: record %" PRIu64 " is not as appended", segment->name,
			                    record.sequence);
	}
	return true;
}

bool archive_is_whole(struct examiner *examiner, const struct image *image)
{
	static struct map map;
	uint64_t next = 1;
	if (examiner->first <= 1)
		return true;
	if (!map_make(image, ARCHIVE_FOLDER, &map))
		return examine_fail(examiner, "a segment in the archive has no sound header");
	for (uint32_t i = 0; i < map.count && next < examiner->first; i++) {
		const struct map_segment *segment = &map.segment[i];
		if (segment->first != next)
			break;
		for (uint32_t k = 0; k < segment->live; k++)
			if (!batch_is_true(examiner, image, segment, &segment->batch[k]))
				return false;
		next = i + 1 < map.count ? map.segment[i + 1].first : segment->next;
		next = segment->next < next ? segment->next : next;
	}
	if (next < examiner->first)
		return examine_fail(examiner, "the log begins at %" PRIu64 ", the archive ends before %" PRIu64,
		                    examiner->first, next);
	examiner->kinds->of[KIND_ARCHIVE_WHOLE]++;
	return true;
}
