#include "damage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "archive.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/must.h"
#include "follow/follow.h"

#define TRIES 8
#define RECORD_COUNTER_AT 16 /* every record has one (docs/FORMATS.md "Record") */

struct damage {
	enum kind how, hit;
	int inode;
	uint32_t page; /* of the file: the first that is hit */
	char what[160];
};

/* ---- doing it ---- */

static uint8_t *sector_of(struct image *image, int inode, uint32_t page, uint32_t sector)
{
	return image_page(image, inode, page) + sector * SECTOR_SIZE;
}

/* Every other time where a header would be: it is small, and has most to say. */
static void flip(uint8_t sector[SECTOR_SIZE], uint64_t *random)
{
	uint64_t reach = draw_below(random, 2) ? SECTOR_SIZE : BATCH_HEADER_SIZE;
	sector[draw_below(random, reach)] ^= (uint8_t)(1u << draw_below(random, 8));
}

/* False: what was written is what stood there. */
static bool spoil_sector(struct image *image, struct damage *damage, uint32_t pages, uint64_t *random)
{
	uint8_t before[SECTOR_SIZE];
	uint32_t sector = draw_below(random, 3) ? (uint32_t)draw_below(random, SECTORS_A_PAGE) : 0;
	uint8_t *at = sector_of(image, damage->inode, damage->page, sector);
	memcpy(before, at, SECTOR_SIZE);
	if (damage->how == KIND_DAMAGE_FLIPPED)
		flip(at, random);
	else if (damage->how == KIND_DAMAGE_ZEROED)
		memset(at, 0, SECTOR_SIZE);
	else
		memcpy(at,
		       sector_of(image, damage->inode, (uint32_t)draw_below(random, pages),
		                 (uint32_t)draw_below(random, SECTORS_A_PAGE)),
		       SECTOR_SIZE);
	return memcmp(before, at, SECTOR_SIZE) != 0;
}

static bool spoil_page(struct image *image, struct damage *damage, uint32_t pages, uint64_t *random)
{
	const uint8_t *other = image->files[damage->inode].pages[draw_below(random, pages)];
	uint8_t *at = image_page(image, damage->inode, damage->page);
	if (memcmp(at, other, DISK_PAGE) == 0)
		return false;
	memcpy(at, other, DISK_PAGE);
	return true;
}

static bool spoil(struct image *image, struct damage *damage, uint64_t *random)
{
	uint32_t pages = (uint32_t)((image->files[damage->inode].size + DISK_PAGE - 1) / DISK_PAGE);
	bool done = false;
	for (int i = 0; i < TRIES && !done; i++)
		done = damage->how == KIND_DAMAGE_PAGE ? spoil_page(image, damage, pages, random)
		                                       : spoil_sector(image, damage, pages, random);
	return done;
}

/* ---- what is hit in a segment ---- */

/* Where what counts of it ends. */
static uint32_t end_page(const struct map_segment *segment)
{
	if (segment->live == 0)
		return 1;
	return segment->batch[segment->live - 1].page + segment->batch[segment->live - 1].pages;
}

/* Where the first place is that is no sound batch in its turn. */
static uint32_t stop_page(const struct map_segment *segment)
{
	if (segment->batch_count == 0)
		return 1;
	const struct map_batch *last = &segment->batch[segment->batch_count - 1];
	return last->page + last->pages;
}

static const struct map_batch *batch_at(const struct map_segment *segment, uint32_t page)
{
	for (uint32_t i = 0; i < segment->live; i++)
		if (page >= segment->batch[i].page && page < segment->batch[i].page + segment->batch[i].pages)
			return &segment->batch[i];
	return NULL;
}

static enum kind what_is_hit(const struct map_segment *segment, bool is_last, uint32_t page)
{
	const struct map_batch *batch = batch_at(segment, page);
	if (page == 0)
		return KIND_HIT_HEADER;
	if (!batch)
		return KIND_HIT_BEHIND;
	if (!is_last)
		return KIND_HIT_OLD_BATCH;
	if (batch != &segment->batch[segment->live - 1])
		return KIND_HIT_BATCH;
	return batch->count == 0 ? KIND_HIT_SEAL : KIND_HIT_LAST_BATCH;
}

/* ---- what must follow ---- */

struct verdict_expected {
	bool refuses;
	char place[96]; /* in its message */
	char place_behind
	    [96]; /* or this: where who goes by sound headers alone finds none; empty: there is no other place */
	uint64_t last;
	bool is_torn;
};

static void refuse_at(struct verdict_expected *ret, const char *name, uint32_t page)
{
	ret->refuses = true;
	snprintf(ret->place, sizeof ret->place, "%s is damaged at offset %u", name, page * DISK_PAGE);
}

/* A sound header that stands on a spoiled batch leads one batch too far whoever looks for marks by headers alone. */
static void allow_behind(const struct image *image, const struct map_segment *segment, struct verdict_expected *ret)
{
	struct batch_header header;
	uint32_t page = stop_page(segment);
	if (batch_look(image->files[segment->inode].pages[page], &header) == BATCH_HEADER &&
	    header.tag == segment->tag && header.first == segment->next)
		snprintf(ret->place_behind, sizeof ret->place_behind, "%s is damaged at offset %" PRIu64, segment->name,
		         (uint64_t)page * DISK_PAGE + batch_pages(header.size));
}

static bool is_blank_from(const struct image *image, const struct map_segment *segment, uint32_t page)
{
	const struct content *file = &image->files[segment->inode];
	for (; (uint64_t)page * DISK_PAGE < file->size; page++)
		if (file->pages[page] != zero_page && memcmp(file->pages[page], zero_page, DISK_PAGE) != 0)
			return false;
	return true;
}

/* Its map, made after the damage, ends where nothing that follows stands. A sound header there or behind proves that
 * something durable stood there; else it was the end. */
static void judge_last(const struct image *image, const struct map_segment *segment, struct verdict_expected *ret)
{
	uint32_t end = stop_page(segment);
	uint8_t bytes[FILE_PAGES_MAX * DISK_PAGE];
	struct batch_header header;
	struct wall_ms time;
	const struct content *file = &image->files[segment->inode];
	uint32_t pages = (uint32_t)(file->size / DISK_PAGE);
	for (uint32_t i = end; i < pages; i++)
		memcpy(bytes + (size_t)(i - end) * DISK_PAGE, file->pages[i], DISK_PAGE);
	bool has_header = end < pages && batch_look(bytes, &header) == BATCH_HEADER && header.tag == segment->tag;
	bool is_other = has_header && batch_pages(header.size) <= (uint64_t)(pages - end) * DISK_PAGE &&
	                batch_is_sound(bytes, &header, &time);
	if (is_other || (end < pages && map_has_header(image, segment, end + 1)))
		refuse_at(ret, segment->name, end);
	ret->last = segment->next - 1;
	ret->is_torn = !is_blank_from(image, segment, end);
}

/* ---- segments ---- */

static bool refused_right(struct examiner *examiner, const struct image *image, const struct damage *damage, int fault,
                          const struct error *error, const char *place)
{
	if (fault != FAULT_DAMAGED || !strstr(error->text, place))
		return examine_fail(examiner, "%s: not refused at «%s» but: %d %s", damage->what, place, fault,
		                    fault ? error->text : "recovered");
	if (image->changes != 0)
		return examine_fail(examiner, "%s: refused, but the disk was changed", damage->what);
	return true;
}

static bool recovered_right(struct examiner *examiner, const struct damage *damage, struct log *log,
                            const struct journal_recovery *found, const struct verdict_expected *expected)
{
	if (found->last_sequence != expected->last || found->torn_tail != expected->is_torn)
		return examine_fail(examiner, "%s: recovered up to %" PRIu64 "%s instead of %" PRIu64 "%s",
		                    damage->what, found->last_sequence, found->torn_tail ? " and torn" : "",
		                    expected->last, expected->is_torn ? " and torn" : "");
	return examine_records(examiner, log, found->first_sequence ? found->first_sequence : 1, found->last_sequence);
}

static bool follow_up(struct examiner *examiner, struct image *image, const struct damage *damage, uint64_t from,
                      uint64_t last_before, const struct verdict_expected *expected)
{
	struct journal_options options = WORLD_JOURNAL;
	struct journal_recovery found;
	struct error error = {0};
	struct log *log;
	bool leaves_out = !expected->refuses && expected->last < last_before;
	bool fine;
	image->changes = 0;
	int fault = journal_open(&image->disk, &options, from, &log, &found, &error);
	if (expected->refuses) {
		fine = refused_right(examiner, image, damage, fault, &error, expected->place);
		examiner->kinds->of[KIND_REFUSED_THERE]++;
	} else if (fault) {
		fine = examine_fail(examiner, "%s: refused: %s", damage->what, error.text);
	} else {
		fine = recovered_right(examiner, damage, log, &found, expected);
		examiner->kinds->of[leaves_out ? KIND_LEFT_OUT : KIND_NO_HARM]++;
	}
	if (!fault)
		log_close(log);
	return fine;
}

/* A start that begins reading behind the damage does not meet it; who reads on from the beginning does. */
static bool found_by_reading(struct examiner *examiner, struct image *image, const struct damage *damage,
                             uint64_t first, uint64_t from, const struct verdict_expected *expected)
{
	struct journal_options options = WORLD_JOURNAL;
	struct log_cursor *cursor;
	struct log_record record;
	struct error error = {0};
	struct log *log;
	int got = 1;
	if (journal_open(&image->disk, &options, from, &log, NULL, &error) != 0)
		return examine_fail(examiner, "%s: a start behind it is refused: %s", damage->what, error.text);
	must(log_cursor_open(log, first, &cursor, &error) == 0);
	for (uint64_t n = first; got == 1; n++) {
		got = log_cursor_next(log, cursor, &record, &error);
		const struct truth *truth = &examiner->world->truth[n];
		if (got == 1 && (record.size != truth->size || memcmp(record.bytes, truth->bytes, record.size) != 0)) {
			got = 0;
			error_set(&error, 0, "record %" PRIu64 " is not as appended", n);
		}
	}
	log_cursor_close(log, cursor);
	log_close(log);
	examiner->kinds->of[KIND_REFUSED_READING]++;
	bool is_there = strstr(error.text, expected->place) != NULL ||
	                (expected->place_behind[0] && strstr(error.text, expected->place_behind) != NULL);
	if (got != FAULT_DAMAGED || !is_there)
		return examine_fail(examiner, "%s: reading on does not stop at «%s»: %d %s", damage->what,
		                    expected->place, got, error.text);
	return true;
}

/* What cannot be told from a torn write: only the last batch, whole, and only when nothing behind it proves it. */
static bool may_leave_out(struct examiner *examiner, const struct damage *damage, const struct map_segment *before,
                          const struct verdict_expected *expected, uint64_t provable)
{
	const struct map_batch *hit = batch_at(before, damage->page);
	if (expected->refuses || expected->last >= before->next - 1)
		return true;
	if (hit && damage->hit == KIND_HIT_LAST_BATCH && expected->last == hit->first - 1 && expected->last >= provable)
		return true;
	return examine_fail(examiner, "%s: what is known durable may be left out (up to %" PRIu64 ")", damage->what,
	                    expected->last);
}

static int damage_segment(struct examiner *examiner, struct image *image, struct map *map, struct damage *damage,
                          uint64_t provable, uint64_t *random)
{
	static struct map after;
	struct verdict_expected expected = {0};
	uint32_t which = draw_below(random, 3) ? map->count - 1 : (uint32_t)draw_below(random, map->count);
	struct map_segment *segment = &map->segment[which];
	bool is_last = which + 1 == map->count;
	uint32_t pages = (uint32_t)(image->files[segment->inode].size / DISK_PAGE), end = end_page(segment);
	uint32_t reach = draw_below(random, 4) ? end : pages;
	damage->inode = segment->inode;
	damage->page = draw_below(random, 4) == 0 ? end - 1 : (uint32_t)draw_below(random, reach);
	damage->hit = what_is_hit(segment, is_last, damage->page);
	snprintf(damage->what, sizeof damage->what, "%s page %u, hit kind %d, how %d", segment->name, damage->page,
	         (int)damage->hit, (int)damage->how);
	if (!spoil(image, damage, random))
		return 0;
	expected.last = map->segment[map->count - 1].next - 1;
	expected.is_torn =
	    !is_blank_from(image, &map->segment[map->count - 1], end_page(&map->segment[map->count - 1]));
	if (damage->hit == KIND_HIT_HEADER) {
		refuse_at(&expected, segment->name, 0);
	} else if (!is_last && damage->hit == KIND_HIT_OLD_BATCH) {
		must(map_make(image, SEGMENT_FOLDER, &after));
		/* A batch written over the seal before it is read in its place: nothing is missing then. */
		if (after.segment[which].next < map->segment[which + 1].first)
			refuse_at(&expected, segment->name, stop_page(&after.segment[which]));
		allow_behind(image, &after.segment[which], &expected);
	} else if (is_last) {
		must(map_make(image, SEGMENT_FOLDER, &after));
		judge_last(image, &after.segment[which], &expected);
		if (!may_leave_out(examiner, damage, segment, &expected, provable))
			return -1;
	}
	examiner->kinds->of[damage->how]++;
	examiner->kinds->of[damage->hit]++;
	bool reads_on = !is_last && expected.refuses && damage->hit == KIND_HIT_OLD_BATCH && draw_below(random, 2);
	bool fine = reads_on ? found_by_reading(examiner, image, damage, map->segment[0].first,
	                                        map->segment[which + 1].first, &expected)
	                     : follow_up(examiner, image, damage, map->segment[0].first,
	                                 map->segment[map->count - 1].next - 1, &expected);
	return fine ? 1 : -1;
}

static int lose_segment(struct examiner *examiner, struct image *image, const struct map *map, uint64_t *random)
{
	struct damage damage = {.how = KIND_DAMAGE_LOST_SEGMENT};
	struct journal_options options = WORLD_JOURNAL;
	struct error error = {0};
	struct log *log;
	if (map->count < 2)
		return 0;
	const struct map_segment *segment = &map->segment[draw_below(random, map->count - 1)];
	snprintf(damage.what, sizeof damage.what, "%s is gone", segment->name);
	tree_remove(&image->names, segment->name);
	image->changes = 0;
	int fault = journal_open(&image->disk, &options, map->segment[0].first, &log, NULL, &error);
	if (!fault)
		log_close(log);
	examiner->kinds->of[KIND_DAMAGE_LOST_SEGMENT]++;
	examiner->kinds->of[KIND_REFUSED_GAP]++;
	return refused_right(examiner, image, &damage, fault, &error, "missing") ? 1 : -1;
}

/* ---- whole and sound, and not what was written ---- */

/* Where the exchange shows: at whatever carries the hash of this batch. False: nothing does. */
static bool place_behind(const struct map *map, uint32_t which, uint32_t batch, struct verdict_expected *ret)
{
	const struct map_segment *segment = &map->segment[which];
	if (batch + 1 < segment->live)
		refuse_at(ret, segment->name, segment->batch[batch + 1].page);
	else if (which + 1 < map->count)
		refuse_at(ret, map->segment[which + 1].name, 0);
	return ret->refuses;
}

static void exchange(struct image *image, const struct map_segment *segment, const struct map_batch *batch)
{
	uint8_t bytes[FILE_PAGES_MAX * DISK_PAGE];
	uint64_t size = (uint64_t)batch->pages * DISK_PAGE;
	for (uint32_t i = 0; i < batch->pages; i++)
		memcpy(bytes + (size_t)i * DISK_PAGE, image->files[segment->inode].pages[batch->page + i], DISK_PAGE);
	bytes[BATCH_HEADER_SIZE + BATCH_FRAME_SIZE + RECORD_COUNTER_AT] ^= 1;
	put_u32(bytes + 124, crc32c(crc32c(0, bytes, 124), bytes + BATCH_HEADER_SIZE, size - BATCH_HEADER_SIZE));
	image_put(image, segment->inode, bytes, size, (uint64_t)batch->page * DISK_PAGE);
}

static int exchange_batch(struct examiner *examiner, struct image *image, const struct map *map, uint64_t *random)
{
	struct damage damage = {.how = KIND_DAMAGE_EXCHANGED};
	struct verdict_expected expected = {0};
	uint32_t which = (uint32_t)draw_below(random, map->count);
	const struct map_segment *segment = &map->segment[which];
	if (segment->live == 0)
		return 0;
	uint32_t number = (uint32_t)draw_below(random, segment->live);
	const struct map_batch *batch = &segment->batch[number];
	if (batch->count == 0 || !place_behind(map, which, number, &expected))
		return 0;
	exchange(image, segment, batch);
	snprintf(damage.what, sizeof damage.what, "%s, the batch of %" PRIu64 " exchanged", segment->name,
	         batch->first);
	examiner->kinds->of[KIND_DAMAGE_EXCHANGED]++;
	return follow_up(examiner, image, &damage, map->segment[0].first, 0, &expected) ? 1 : -1;
}

/* ---- snapshots ---- */

static bool starts_from_older(struct examiner *examiner, struct image *image, const struct damage *damage,
                              uint64_t older, uint64_t log_first)
{
	struct core_limits limits = WORLD_LIMITS;
	struct journal_options options = WORLD_JOURNAL;
	struct journal_recovery found;
	struct error error = {0};
	struct core *core;
	struct log *log;
	uint64_t loaded;
	if (follow_load_snapshot(&image->disk, &limits, 0, &core, &loaded, &error) != 0)
		return examine_fail(examiner, "%s: %s", damage->what, error.text);
	bool fine = loaded == older && core_hash(core) == examiner->world->truth[older].hash && image->changes == 1;
	if (!fine)
		examine_fail(examiner, "%s: loaded %" PRIu64 " instead of %" PRIu64, damage->what, loaded, older);
	image->changes = 0;
	int fault = journal_open(&image->disk, &options, loaded + 1, &log, &found, &error);
	if (fine && loaded + 1 < log_first) {
		fine = refused_right(examiner, image, damage, fault, &error, "missing");
		examiner->kinds->of[KIND_REFUSED_GAP]++;
	} else if (fine) {
		fine = (fault == 0 && follow_fold(log, core, 0, NULL, NULL, &error) == 0 &&
		        core_hash(core) == examiner->world->truth[found.last_sequence].hash) ||
		       examine_fail(examiner, "%s: the older one and the log give another state: %s", damage->what,
		                    error.text);
	}
	if (!fault)
		log_close(log);
	core_free(core);
	examiner->kinds->of[KIND_OLDER_TAKEN]++;
	return fine;
}

static int damage_snapshot(struct examiner *examiner, struct image *image, const struct map *map, struct damage *damage,
                           uint64_t *random)
{
	uint64_t newest, older;
	uint8_t before[SECTOR_SIZE];
	damage->inode = examine_newest_snapshot(image, &newest, &older);
	if (damage->inode < 0)
		return 0;
	uint64_t size = image->files[damage->inode].size, sector = draw_below(random, size / SECTOR_SIZE);
	sector = draw_below(random, 2) ? sector : 0; /* its header is small, and has most to say */
	uint8_t *at = sector_of(image, damage->inode, (uint32_t)(sector / SECTORS_A_PAGE), sector % SECTORS_A_PAGE);
	memcpy(before, at, SECTOR_SIZE);
	if (damage->how == KIND_DAMAGE_FLIPPED)
		flip(at, random);
	else
		memset(at, 0, SECTOR_SIZE);
	if (memcmp(before, at, SECTOR_SIZE) == 0)
		return 0;
	damage->hit = KIND_HIT_SNAPSHOT;
	snprintf(damage->what, sizeof damage->what, "the snapshot of %" PRIu64 ", sector %" PRIu64, newest, sector);
	image->changes = 0;
	examiner->kinds->of[KIND_HIT_SNAPSHOT]++;
	return starts_from_older(examiner, image, damage, older, map->count ? map->segment[0].first : 1) ? 1 : -1;
}

int damage_examine(struct examiner *examiner, struct image *image, const struct expected *expected, uint64_t *random)
{
	static const enum kind ways[] = {KIND_DAMAGE_FLIPPED, KIND_DAMAGE_ZEROED, KIND_DAMAGE_MISDIRECTED,
	                                 KIND_DAMAGE_PAGE};
	static struct map map;
	struct damage damage = {.how = ways[draw_below(random, 4)]};
	if (!map_make(image, SEGMENT_FOLDER, &map)) {
		examine_fail(examiner, "a segment with a name has no sound header");
		return -1;
	}
	if (map.count == 0)
		return 0;
	switch (draw_below(random, 24)) {
	case 0:
		return damage_snapshot(examiner, image, &map, &damage, random);
	case 1:
		return lose_segment(examiner, image, &map, random);
	case 2:
		return exchange_batch(examiner, image, &map, random);
	default:
		return damage_segment(examiner, image, &map, &damage, expected->provable, random);
	}
}
