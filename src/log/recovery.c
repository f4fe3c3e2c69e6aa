/* Recovery: what of the journal on disk counts, and a new segment to go on in.
 *
 *   headers of all segments ──► walk those from `from` on ──► walk the last one ──► carry its tail into a new one
 *
 * A segment that is not the last is whole up to the next one's first sequence, else it is damaged. In the last one the
 * walk stops at the first batch that is not sound. What stands behind decides what that was: a batch is written only
 * after the one before is synced, so a sound header further on proves that the unsound place had been durable, and may
 * have been told to somebody: damage, refuse. If none is there, it is a write that was never finished and that nobody
 * was told about: torn, left out, said.
 *
 * Known durable is what a later batch, a seal or a later segment says is. What the walk accepts beyond that (the tail:
 * one batch at most, since only one is ever in flight) was read but perhaps never synced. It is written into the new
 * segment with a seal behind it; that is synced before it gets its name, so whatever has a name is durable as a whole.
 * The new segment begins with the tail's first sequence, and the old one thereby ends before it; if nothing of the old
 * one is kept, the new one takes its name and its place. A crash at any moment of this leaves either the old last
 * segment or the new one, and both lead here again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log_line.h"
#include "log/journal_inside.h"
#include "log/window.h"

/* A place between two batches: what stands before it. */
struct place {
	uint64_t offset;
	uint64_t next; /* the sequence that comes */
	struct wall_ms time;
	uint8_t hash[BLAKE_SIZE];
};

struct walk {
	struct journal *journal;
	struct segment *segment;
	char name[SEGMENT_NAME_SIZE];
	struct window window;
	struct place at;
	struct place known; /* up to here all is known durable */
	uint64_t batches;
	bool torn;
};

int journal_damaged(struct error *error, const char *name, uint64_t offset, uint64_t sequence, const char *how)
{
	return error_set(error, FAULT_DAMAGED, "%s is damaged at offset %" PRIu64 ", at record %" PRIu64 ": %s", name,
	                 offset, sequence, how);
}

/* ---- the list of segments ---- */

struct names {
	uint64_t *first;
	size_t count, max;
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
		uint64_t *grown = reallocarray(names->first, max, sizeof *grown);
		names->failed = names->failed || !grown;
		if (!grown)
			return;
		names->first = grown;
		names->max = max;
	}
	names->first[names->count++] = first;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static int open_for_walk(struct journal *journal, const char *name, enum disk_open how, struct window *ret,
                         struct error *error)
{
	struct disk_file *file;
	uint64_t size = 0;
	int fault = disk_open(journal->disk, name, how, &file, error);
	if (fault)
		return fault;
	fault = disk_size(journal->disk, file, &size, error);
	if (!fault && size > SEGMENT_SIZE_MAX)
		fault = error_set(error, FAULT_DAMAGED, "%s is larger than a segment can be", name);
	if (fault)
		disk_close(journal->disk, file);
	else
		window_init(ret, journal->disk, file, size);
	return fault;
}

static int read_header(struct journal *journal, uint64_t first, struct segment **ret, struct error *error)
{
	char name[SEGMENT_NAME_SIZE];
	struct window window;
	const uint8_t *page;
	segment_name(name, SEGMENT_FOLDER, first);
	int fault = open_for_walk(journal, name, DISK_READ, &window, error);
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
	if (!fault && segment->first != first)
		fault = error_set(error, FAULT_DAMAGED, "%s is damaged at offset 0: its header is for record %" PRIu64,
		                  name, segment->first);
	window_fini(&window);
	if (fault)
		segment_free(segment);
	else
		*ret = segment;
	return fault;
}

static int add_segment(struct journal *journal, uint64_t first, struct error *error)
{
	struct segment *segment;
	int fault = journal_segments_reserve(journal, error);
	if (!fault)
		fault = read_header(journal, first, &segment, error);
	if (fault)
		return fault;
	if (journal->segment_count > 0) {
		struct segment *before = journal->segments[journal->segment_count - 1];
		if (segment->number != before->number + 1) {
			fault = error_set(error, FAULT_DAMAGED,
			                  "a segment between records %" PRIu64 " and %" PRIu64 " is missing from %s/",
			                  before->first, first, SEGMENT_FOLDER);
			segment_free(segment);
			return fault;
		}
		before->last = first - 1;
	}
	journal_segments_add(journal, segment);
	return 0;
}

static int list_segments(struct journal *journal, struct error *error)
{
	struct names names = {0};
	int fault = disk_list(journal->disk, SEGMENT_FOLDER, note_name, &names, error);
	if (!fault && names.failed)
		fault = error_set(error, FAULT_MEMORY, "no memory for the list of segments");
	if (!fault && names.count > 0)
		qsort(names.first, names.count, sizeof *names.first, by_value);
	for (size_t i = 0; !fault && i < names.count; i++)
		fault = add_segment(journal, names.first[i], error);
	free(names.first);
	return fault;
}

/* ---- walking along the batches of a segment ---- */

static int follows(const struct walk *walk, const struct batch_header *header, struct error *error)
{
	const struct place *at = &walk->at;
	if (header->first != at->next)
		return journal_damaged(error, walk->name, at->offset, at->next, "the batch is not the next one");
	if (memcmp(header->hash_before, at->hash, BLAKE_SIZE) != 0)
		return journal_damaged(error, walk->name, at->offset, at->next,
		                       "the batch does not follow from the one before; one of them was exchanged");
	if (wall_before(header->time, at->time))
		return journal_damaged(error, walk->name, at->offset, at->next, "its time goes back");
	return 0;
}

/* 1: a sound batch stands here; 0: not; or a fault. */
static int sound_batch(struct walk *walk, struct batch_header *ret, const uint8_t **ret_bytes, struct wall_ms *ret_time,
                       struct error *error)
{
	const uint8_t *bytes;
	uint64_t offset = walk->at.offset;
	int64_t got = window_get(&walk->window, offset, DISK_PAGE, &bytes, error);
	if (got < DISK_PAGE)
		return got < 0 ? (int)got : 0;
	enum batch_look look = batch_look(bytes, ret);
	if (look == BATCH_NEWER)
		return error_set(error, FAULT_VERSION,
		                 "%s has batches of a newer format at offset %" PRIu64 ": use a newer dibs", walk->name,
		                 offset);
	if (look == BATCH_NONE || ret->tag != walk->segment->tag)
		return 0;
	size_t pages = batch_pages(ret->size);
	got = window_get(&walk->window, offset, pages, &bytes, error);
	if (got < (int64_t)pages)
		return got < 0 ? (int)got : 0;
	*ret_bytes = bytes;
	return batch_is_sound(bytes, ret, ret_time);
}

static void step_over(struct walk *walk, const struct batch_header *header, const uint8_t *bytes, struct wall_ms time)
{
	if (header->durable + 1 >= walk->at.next)
		walk->known = walk->at;
	if (header->count > 0) {
		segment_mark(walk->segment, header->first, walk->at.offset);
		batch_hash(bytes, header, walk->at.hash);
		walk->at.next += header->count;
		walk->at.time = time;
	}
	walk->at.offset += batch_pages(header->size);
	walk->batches++;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

/* Is there a sound header of this segment behind the unsound place? *ret_torn: something is, be it only rubbish. */
static int look_behind(struct walk *walk, bool *ret_proof, bool *ret_torn, struct error *error)
{
	struct batch_header header;
	const uint8_t *page;
	bool proof = false, torn = false;
	for (uint64_t offset = walk->at.offset; offset < walk->window.limit && !proof; offset += DISK_PAGE) {
		int64_t got = window_get(&walk->window, offset, DISK_PAGE, &page, error);
		if (got < 0)
			return (int)got;
		if (got == 0 || is_zero(page, (size_t)got))
			continue;
		torn = true;
		proof = offset > walk->at.offset && got == DISK_PAGE && batch_look(page, &header) == BATCH_HEADER &&
		        header.tag == walk->segment->tag;
	}
	*ret_proof = proof;
	*ret_torn = torn;
	return 0;
}

/* The place is not sound. 1: it is now (a running server was just writing it); 0: the end; or it is damaged. */
static int judge_stop(struct walk *walk, bool is_last, struct error *error)
{
	struct batch_header header;
	struct wall_ms time;
	const uint8_t *bytes;
	bool proof = false;
	int fault;
	if (!is_last)
		return journal_damaged(error, walk->name, walk->at.offset, walk->at.next,
		                       "what was acknowledged is not as written");
	fault = look_behind(walk, &proof, &walk->torn, error);
	if (fault || !proof)
		return fault;
	if (walk->journal->read_only) {
		window_forget(&walk->window);
		fault = sound_batch(walk, &header, &bytes, &time, error);
		if (fault)
			return fault;
	}
	return journal_damaged(error, walk->name, walk->at.offset, walk->at.next,
	                       "what was acknowledged is not as written, a later batch proves it");
}

static int walk_batches(struct walk *walk, bool is_last, struct error *error)
{
	struct batch_header header;
	struct wall_ms time;
	const uint8_t *bytes;
	while (is_last || walk->at.next <= walk->segment->last) {
		int is_sound = sound_batch(walk, &header, &bytes, &time, error);
		if (is_sound == 0)
			is_sound = judge_stop(walk, is_last, error);
		else if (is_sound > 0) {
			int fault = follows(walk, &header, error);
			if (fault)
				return fault;
			step_over(walk, &header, bytes, time);
		}
		if (is_sound < 0)
			return is_sound;
		if (is_sound == 0)
			return 0;
	}
	if (!is_last && walk->at.next != walk->segment->last + 1)
		return journal_damaged(error, walk->name, walk->at.offset, walk->at.next,
		                       "it runs into the next segment");
	return 0;
}

static int walk_begin(struct walk *walk, struct journal *journal, struct segment *segment, bool is_last,
                      struct error *error)
{
	*walk = (struct walk){.journal = journal, .segment = segment};
	walk->at = (struct place){DISK_PAGE, segment->first, segment->time_before, {0}};
	memcpy(walk->at.hash, segment->hash_before, BLAKE_SIZE);
	walk->known = walk->at;
	segment_name(walk->name, SEGMENT_FOLDER, segment->first);
	enum disk_open how = is_last && !journal->read_only ? DISK_READ_DIRECT : DISK_READ;
	return open_for_walk(journal, walk->name, how, &walk->window, error);
}

static void walk_end(struct walk *walk)
{
	walk->segment->end = walk->at.offset;
	walk->segment->last = walk->at.next - 1;
	walk->segment->verified = walk->segment->has_marks = true;
}

/* The segments from `from` on; *walk is left at the end of the last one, its window open. */
static int walk_segments(struct journal *journal, uint64_t from, struct walk *walk, struct error *error)
{
	uint64_t batches = 0;
	const struct place *before = NULL;
	struct place end;
	for (uint32_t i = 0; i < journal->segment_count; i++) {
		struct segment *segment = journal->segments[i];
		bool is_last = i + 1 == journal->segment_count;
		if (!is_last && segment->last < from)
			continue;
		int fault = walk_begin(walk, journal, segment, is_last, error);
		if (fault)
			return fault;
		if (before && memcmp(before->hash, segment->hash_before, BLAKE_SIZE) != 0)
			fault = journal_damaged(error, walk->name, 0, segment->first,
			                        "it does not follow from the segment before");
		if (!fault)
			fault = walk_batches(walk, is_last, error);
		if (fault || !is_last)
			window_fini(&walk->window);
		if (fault)
			return fault;
		walk_end(walk);
		walk->batches = batches += walk->batches;
		end = walk->at;
		before = &end;
	}
	return 0;
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
	int is_sound = sound_batch(walk, &batch.header, &bytes, &time, error);
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
	atomic_store(&journal->room, journal->read_only ? (int)LOG_ROOM_NONE : (int)LOG_ROOM_ALL);
}

int journal_recover(struct journal *journal, uint64_t from, struct journal_recovery *ret, struct error *error)
{
	struct walk walk = {.journal = journal, .at = {.next = 1}, .known = {.next = 1}};
	int fault = list_segments(journal, error);
	if (!fault)
		fault = walk_segments(journal, from, &walk, error);
	if (fault)
		return fault;
	struct place end = walk.at;
	report(journal, &walk, &end, ret);
	if (!journal->read_only) {
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
