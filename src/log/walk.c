#include "log/walk.h"

#include <inttypes.h>

int journal_damaged(struct error *error, const char *name, uint64_t offset, uint64_t sequence, const char *how)
{
	return error_set(error, FAULT_DAMAGED, "%s is damaged at offset %" PRIu64 ", at record %" PRIu64 ": %s", name,
	                 offset, sequence, how);
}

int walk_open(struct journal *journal, const char *name, enum disk_open how, struct window *ret, struct error *error)
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

int walk_batch(struct walk *walk, struct batch_header *ret, const uint8_t **ret_bytes, struct wall_ms *ret_time,
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
		fault = walk_batch(walk, &header, &bytes, &time, error);
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
		int is_sound = walk_batch(walk, &header, &bytes, &time, error);
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
	/* Only a segment that has a next one comes here. */
	if (walk->at.next != walk->segment->last + 1)
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
	segment_path(walk->name, segment);
	enum disk_open how = is_last && !journal->read_only ? DISK_READ_DIRECT : DISK_READ;
	return walk_open(journal, walk->name, how, &walk->window, error);
}

static void walk_end(struct walk *walk)
{
	walk->segment->end = walk->at.offset;
	walk->segment->last = walk->at.next - 1;
	walk->segment->verified = walk->segment->has_marks = true;
}

int walk_segments(struct walk *walk, struct journal *journal, uint64_t from, struct error *error)
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
