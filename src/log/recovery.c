/* Recovery: what of the journal on disk counts, and a new segment to go on in.
 *
 *   headers of all segments ──► walk those from `from` on ──► walk the last one ──► carry its tail into a new one
 *
 * What the walk accepts, and what it calls damaged or torn, stands in walk.h.
 *
 * Known durable is what a later batch, a seal or a later segment says is. What the walk accepts beyond that (the tail:
 * one batch at most, since only one is ever in flight) was read but perhaps never synced. It is written into the new
 * segment with a seal behind it; that is synced before it gets its name, so whatever has a name is durable as a whole.
 * The new segment begins with the tail's first sequence, and the old one thereby ends before it; if nothing of the old
 * one is kept, the new one takes its name and its place. A crash at any moment of this leaves either the old last
 * segment or the new one, and both lead here again.
 *
 * Nothing is written before it is known that the log holds what will be asked for (check_reach).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log_line.h"
#include "log/walk.h"

#define LOOKS_IN_VAIN_MAX 50 /* the oldest may vanish between being listed and opened, before another is the oldest */

/* ---- the list of segments ---- */

struct name {
	uint64_t first;
	bool archived;
};

struct names {
	struct name *of;
	size_t count, max;
	bool archived; /* those that are being listed */
	bool failed;
};

static void note_name(void *context, const char *name, uint64_t size)
{
	struct names *names = context;
	uint64_t first;
	if (!segment_name_parse(name, &first))
		return;
	if (names->count == names->max) {
		size_t max = names->max ? 2 * names->max : 64;
		struct name *grown = reallocarray(names->of, max, sizeof *grown);
		names->failed = names->failed || !grown;
		if (!grown)
			return;
		names->of = grown;
		names->max = max;
	}
	names->of[names->count++] = (struct name){first, names->archived};
}

/* Of two copies the one in the log's own folder comes first. */
static int by_value(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	if (x->first != y->first)
		return x->first > y->first ? 1 : -1;
	return x->archived - y->archived;
}

static int read_header(struct journal *journal, struct name of, struct segment **ret, struct error *error)
{
	char name[SEGMENT_NAME_SIZE];
	struct window window;
	const uint8_t *page;
	segment_name(name, of.archived ? ARCHIVE_FOLDER : SEGMENT_FOLDER, of.first);
	int fault = walk_open(journal, name, DISK_READ, &window, error);
	if (fault)
		return fault;
	struct segment *segment = segment_new(window.limit);
	window.read_next = DISK_PAGE;
	int64_t got = segment ? window_get(&window, 0, DISK_PAGE, &page, error)
	                      : error_set(error, FAULT_MEMORY, "no memory for the marks of %s", name);
	if (got < 0)
		fault = (int)got;
	else if (got < DISK_PAGE)
		fault = error_set(error, FAULT_DAMAGED, "%s is damaged at offset 0: it is cut off", name);
	else
		fault = segment_header_read(page, name, segment, error);
	if (!fault && segment->first != of.first)
		fault = error_set(error, FAULT_DAMAGED, "%s is damaged at offset 0: its header is for record %" PRIu64,
		                  name, segment->first);
	window_fini(&window);
	if (fault) {
		segment_free(segment);
		return fault;
	}
	segment->archived = of.archived;
	*ret = segment;
	return 0;
}

static int add_segment(struct journal *journal, struct name of, struct error *error)
{
	struct segment *segment;
	int fault = journal_segments_reserve(journal, error);
	if (!fault)
		fault = read_header(journal, of, &segment, error);
	if (fault)
		return fault;
	if (journal->segment_count > 0) {
		struct segment *before = journal->segments[journal->segment_count - 1];
		if (segment->number != before->number + 1) {
			fault = error_set(error, FAULT_DAMAGED,
			                  "a segment between records %" PRIu64 " and %" PRIu64 " is missing from %s/",
			                  before->first, of.first, before->archived ? ARCHIVE_FOLDER : SEGMENT_FOLDER);
			segment_free(segment);
			return fault;
		}
		before->last = of.first - 1;
	}
	journal_segments_add(journal, segment);
	return 0;
}

static int list_names(const struct journal *journal, struct names *names, struct error *error)
{
	int fault = disk_list(journal->disk, SEGMENT_FOLDER, note_name, names, error);
	names->archived = true;
	if (!fault && journal->with_archive)
		fault = disk_list(journal->disk, ARCHIVE_FOLDER, note_name, names, error);
	if (!fault && names->failed)
		fault = error_set(error, FAULT_MEMORY, "no memory for the list of segments");
	if (!fault && names->count > 0)
		qsort(names->of, names->count, sizeof *names->of, by_value);
	return fault;
}

static int list_segments(struct journal *journal, struct error *error)
{
	struct names names = {0};
	int fault = list_names(journal, &names, error);
	for (size_t i = 0; !fault && i < names.count; i++) {
		bool is_copy = i > 0 && names.of[i].first == names.of[i - 1].first;
		fault = is_copy ? 0 : add_segment(journal, names.of[i], error);
	}
	free(names.of);
	return fault;
}

/* ---- the new segment ---- */

/* How much of the new segment the tail takes, its header page and seal included. */
static uint64_t space_for_tail(const struct walk *walk)
{
	return DISK_PAGE + (walk->at.offset - walk->known.offset) + DISK_PAGE;
}

static int write_tail_batch(struct journal *journal, struct walk *walk, const struct segment *segment,
                            struct disk_file *file, struct error *error)
{
	struct batch_writer batch;
	struct wall_ms time;
	const uint8_t *bytes;
	int is_sound = walk_batch(walk, &batch.header, &bytes, &time, error);
	if (is_sound < 0)
		return is_sound;
	if (is_sound == 0)
		return error_set(error, FAULT_IO, "%s reads differently the second time", walk->name);
	walk->at.offset += batch_pages(batch.header.size);
	if (batch.header.count == 0)
		return 0;
	batch.bytes = aligned_alloc(DISK_PAGE, batch_pages(batch.header.size));
	if (!batch.bytes)
		return error_set(error, FAULT_MEMORY, "no memory for the tail of %s", walk->name);
	memcpy(batch.bytes, bytes, batch.header.size);
	batch.header.durable = batch.header.first - 1;
	batch.header.tag = segment->tag;
	memcpy(batch.header.hash_before, journal->hash, BLAKE_SIZE);
	size_t size = batch_finish(&batch);
	int fault = disk_write(journal->disk, file, batch.bytes, size, journal->offset, error);
	batch_hash(batch.bytes, &batch.header, journal->hash);
	free(batch.bytes);
	journal->offset += size;
	journal->written += batch.header.count;
	journal->written_time = time;
	return fault;
}

static int write_tail_seal(struct journal *journal, const struct segment *segment, struct disk_file *file,
                           struct error *error)
{
	struct batch_writer batch;
	batch_begin(&batch, journal->bytes);
	batch.header.first = journal->written + 1;
	batch.header.durable = journal->written;
	batch.header.time = journal->written_time;
	batch.header.tag = segment->tag;
	memcpy(batch.header.hash_before, journal->hash, BLAKE_SIZE);
	size_t size = batch_finish(&batch);
	int fault = disk_write(journal->disk, file, journal->bytes, size, journal->offset, error);
	journal->offset += size;
	return fault;
}

/* Header, tail, seal; synced; named. The walk goes over the tail a second time. */
static int write_segment(struct journal *journal, struct walk *walk, struct segment *segment, struct disk_file *file,
                         struct error *error)
{
	char name[SEGMENT_NAME_SIZE];
	uint64_t tail_end = walk->at.offset;
	segment_header_write(segment, journal->page);
	int fault = disk_write(journal->disk, file, journal->page, DISK_PAGE, 0, error);
	walk->at.offset = walk->known.offset;
	while (!fault && walk->at.offset < tail_end) {
		uint64_t first = journal->written + 1, offset = journal->offset;
		fault = write_tail_batch(journal, walk, segment, file, error);
		if (!fault && journal->written >= first)
			segment_mark(segment, first, offset);
	}
	if (!fault && journal->written >= segment->first)
		fault = write_tail_seal(journal, segment, file, error);
	if (!fault)
		fault = disk_sync_data(journal->disk, file, error);
	segment_name(name, SEGMENT_FOLDER, segment->first);
	if (!fault)
		fault = disk_rename(journal->disk, SEGMENT_BLANK, name, error);
	if (!fault)
		fault = disk_sync_folder(journal->disk, SEGMENT_FOLDER, error);
	return fault;
}

/* The old last segment ends where the new one begins; one of which nothing is kept has just been replaced. */
static void end_old_segment(struct journal *journal, const struct walk *walk)
{
	struct segment *old = walk->segment;
	if (!old)
		return;
	if (walk->known.next == old->first) {
		journal->segment_count--;
		segment_free(old);
		return;
	}
	old->last = walk->known.next - 1;
	old->end = walk->known.offset;
	disk_shrink(journal->disk, walk->name, old->end, NULL);
}

static void number_segment(struct segment *segment, const struct walk *walk)
{
	const struct segment *old = walk->segment;
	segment->first = walk->known.next;
	segment->number = !old ? 1 : segment->first == old->first ? old->number : old->number + 1;
	segment->time_before = walk->known.time;
	memcpy(segment->hash_before, walk->known.hash, BLAKE_SIZE);
	segment->verified = segment->has_marks = true;
}

static int make_segment(struct journal *journal, struct walk *walk, struct error *error)
{
	struct blank blank;
	if (journal->segment_size < space_for_tail(walk))
		journal->segment_size = batch_pages(space_for_tail(walk));
	int fault = journal_segments_reserve(journal, error);
	if (!fault)
		fault = journal_blank_make(journal, &blank, error);
	if (fault == FAULT_NO_SPACE)
		return error_set(error, FAULT_NO_SPACE,
		                 "the disk has no room for a segment of %" PRIu64
		                 " bytes: free some and start again, nothing is lost",
		                 journal->segment_size);
	if (fault)
		return fault;
	number_segment(blank.segment, walk);
	journal->offset = DISK_PAGE;
	journal->written = walk->known.next - 1;
	journal->written_time = walk->known.time;
	memcpy(journal->hash, walk->known.hash, BLAKE_SIZE);
	fault = write_segment(journal, walk, blank.segment, blank.file, error);
	if (fault) {
		disk_close(journal->disk, blank.file);
		segment_free(blank.segment);
		return fault;
	}
	end_old_segment(journal, walk);
	blank.segment->last = journal->written;
	blank.segment->end = journal->offset;
	journal_segments_add(journal, blank.segment);
	journal->file = blank.file;
	journal->open = blank.segment;
	return 0;
}

/* ---- all of it ---- */

static void report(const struct journal *journal, const struct walk *walk, const struct place *end,
                   struct journal_recovery *ret)
{
	*ret = (struct journal_recovery){.last_sequence = end->next - 1,
	                                 .last_time = end->time,
	                                 .segments = journal->segment_count,
	                                 .batches = walk->batches,
	                                 .torn_tail = walk->torn};
	if (journal->segment_count > 0 && end->next > 1)
		ret->first_sequence = journal->segments[0]->first;
	memcpy(ret->last_batch_hash, end->hash, BLAKE_SIZE);
	if (walk->torn) {
		snprintf(ret->torn_where, sizeof ret->torn_where, "%s at offset %" PRIu64, walk->name, end->offset);
		if (!journal->read_only)
			log_line(LOG_WARN, "torn tail left out", LOG_TEXT("where", ret->torn_where),
			         LOG_NUMBER("next_sequence", end->next));
	}
}

/* Everybody begins behind the last record. */
static void settle(struct journal *journal, const struct place *end)
{
	journal->appended = journal->appended_handed = journal->echo_sequence = end->next - 1;
	journal->appended_time = end->time;
	journal->rest = journal->read_only ? 0 : rest_behind(journal, journal->offset);
	journal->seen.rest = journal->rest;
	atomic_store(&journal->durable, end->next - 1);
	if (!journal->read_only)
		journal_room_update(journal);
}

static int find_and_walk(struct journal *journal, uint64_t from, struct walk *walk, struct error *error)
{
	*walk = (struct walk){.journal = journal, .at = {.next = 1}, .known = {.next = 1}};
	int fault = list_segments(journal, error);
	return fault ? fault : walk_segments(walk, journal, from, error);
}

static uint64_t forget_segments(struct journal *journal)
{
	uint64_t first = journal->segment_count ? journal->segments[0]->first : 0;
	while (journal->segment_count > 0)
		segment_free(journal->segments[--journal->segment_count]);
	return first;
}

/* A running server archives its oldest segments under a reader. What is gone is not needed: the reader begins again with
 * what is left, as long as that goes on. */
static int find_and_walk_again(struct journal *journal, uint64_t from, struct walk *walk, struct error *error)
{
	struct error missed = {0};
	uint64_t before, first = 0;
	int fault, in_vain = 0;
	do {
		fault = find_and_walk(journal, from, walk, &missed);
		if (fault != FAULT_NOT_FOUND)
			break;
		before = first;
		first = forget_segments(journal);
		in_vain = first > before ? 0 : in_vain + 1;
	} while (in_vain < LOOKS_IN_VAIN_MAX);
	return fault ? error_set(error, fault, "%s", missed.text) : 0;
}

/* The log must hold what will be asked for. A start that finds otherwise leaves the disk as it is: whoever puts the
 * missing segments back then finds everything where it was. */
static int check_reach(const struct journal *journal, uint64_t from, const struct place *end, struct error *error)
{
	if (journal->segment_count > 0 && journal->segments[0]->first > from)
		return error_set(error, FAULT_DAMAGED,
		                 "records %" PRIu64 " to %" PRIu64 " are missing: the log begins at record %" PRIu64
		                 "; put their segments back from %s/ into %s/, nothing was changed",
		                 from, journal->segments[0]->first - 1, journal->segments[0]->first, ARCHIVE_FOLDER,
		                 SEGMENT_FOLDER);
	if (from > end->next)
		return error_set(error, FAULT_DAMAGED,
		                 "the newest snapshot is of record %" PRIu64 ", but the log ends at %" PRIu64
		                 ": segments are missing; nothing was changed",
		                 from - 1, end->next - 1);
	return 0;
}

int journal_recover(struct journal *journal, uint64_t from, struct journal_recovery *ret, struct error *error)
{
	struct walk walk;
	int fault = journal->read_only ? find_and_walk_again(journal, from, &walk, error)
	                               : find_and_walk(journal, from, &walk, error);
	if (fault)
		return fault;
	struct place end = walk.at;
	if (!journal->read_only)
		fault = check_reach(journal, from, &end, error);
	if (!fault)
		report(journal, &walk, &end, ret);
	if (!fault && !journal->read_only) {
		fault = make_segment(journal, &walk, error);
		memcpy(ret->last_batch_hash, journal->hash, BLAKE_SIZE);
		ret->segments = journal->segment_count;
	}
	if (walk.window.disk)
		window_fini(&walk.window);
	if (!fault)
		settle(journal, &end);
	return fault;
}
