/* Cursors: reading what is durable, from any sequence on, a large read at a time and nothing copied.
 *
 * A cursor never reads beyond what was durable when it last looked, so it never meets a batch that is half written and
 * never keeps bytes that change later. At the tail it asks one atomic; only when there is more does it take the lock,
 * for where the open segment now ends. Every batch's CRC is checked; the chain of hashes where nobody in this process
 * has done so before (segments that were skipped at the start), as far as the batch before was read too.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "log/journal_inside.h"
#include "log/window.h"

struct log_cursor {
	struct journal *journal;
	uint64_t next;               /* the sequence to hand out next */
	struct batch_reader records; /* of the batch at hand */

	bool is_open; /* in a segment: */
	uint64_t segment_first, tag;
	char name[SEGMENT_NAME_SIZE];
	struct window window; /* its limit is the segment's end when last looked */
	uint64_t offset;      /* of the next batch … */
	uint64_t expected;    /* … and its first sequence */
	bool checks_chain;
	bool has_hash; /* hash is that of the batch before */
	uint8_t hash[BLAKE_SIZE];
};

/* ---- marks of a segment that was skipped at the start ---- */

static int walk_headers(struct window *window, const char *name, struct segment *marks, struct error *error)
{
	struct batch_header header;
	const uint8_t *bytes;
	uint64_t offset = DISK_PAGE, next = marks->first;
	while (next <= marks->last) {
		int64_t got = window_get(window, offset, DISK_PAGE, &bytes, error);
		if (got < 0)
			return (int)got;
		if (got < DISK_PAGE || batch_look(bytes, &header) != BATCH_HEADER || header.tag != marks->tag ||
		    header.first != next)
			return journal_damaged(error, name, offset, next, "no batch stands where one was written");
		if (header.count > 0)
			segment_mark(marks, next, offset);
		next += header.count;
		offset += batch_pages(header.size);
	}
	marks->end = offset;
	return 0;
}

static void keep_marks(struct journal *journal, struct segment *marks)
{
	pthread_mutex_lock(&journal->lock);
	struct segment *segment = journal_segment_of(journal, marks->first);
	if (segment && segment->first == marks->first && !segment->has_marks) {
		struct segment_mark *old = segment->marks;
		segment->marks = marks->marks;
		segment->mark_count = marks->mark_count;
		segment->mark_max = marks->mark_max;
		segment->end = marks->end;
		segment->has_marks = true;
		marks->marks = old;
	}
	pthread_mutex_unlock(&journal->lock);
}

static int make_marks(struct log_cursor *cursor, const struct segment *like, struct disk_file *file, uint64_t size,
                      struct error *error)
{
	struct window window;
	struct segment *marks = segment_new(size);
	if (!marks)
		return error_set(error, FAULT_MEMORY, "no memory for the marks of %s", cursor->name);
	marks->first = like->first;
	marks->last = like->last;
	marks->tag = like->tag;
	window_init(&window, cursor->journal->disk, file, size);
	int fault = walk_headers(&window, cursor->name, marks, error);
	window_fini(&window);
	if (!fault)
		keep_marks(cursor->journal, marks);
	segment_free(marks);
	return fault;
}

static int open_segment(struct log_cursor *cursor, const struct segment *like, struct disk_file **ret,
                        uint64_t *ret_size, struct error *error)
{
	struct disk *disk = cursor->journal->disk;
	struct disk_file *file;
	segment_path(cursor->name, like);
	int fault = disk_open(disk, cursor->name, DISK_READ, &file, error);
	if (fault)
		return fault;
	fault = disk_size(disk, file, ret_size, error);
	if (fault)
		disk_close(disk, file);
	else
		*ret = file;
	return fault;
}

/* ---- entering a segment ---- */

/* What a cursor needs of a segment, copied under the lock: the segment may be archived any moment. */
struct entry {
	struct segment like; /* marks are not to be followed */
	uint64_t start, start_sequence;
};

static int look_up(struct log_cursor *cursor, struct entry *ret, struct error *error)
{
	struct journal *journal = cursor->journal;
	pthread_mutex_lock(&journal->lock);
	struct segment *segment = journal_segment_of(journal, cursor->next);
	if (segment) {
		ret->like = *segment;
		ret->start = segment_find(segment, cursor->next, &ret->start_sequence);
	}
	pthread_mutex_unlock(&journal->lock);
	if (!segment)
		return error_set(error, FAULT_NOT_FOUND, "record %" PRIu64 " has been archived away", cursor->next);
	return 0;
}

static int begin_at(struct log_cursor *cursor, const struct entry *entry, struct disk_file *file, struct error *error)
{
	const struct segment *like = &entry->like;
	bool from_start = entry->start == DISK_PAGE;
	if (from_start && cursor->has_hash && cursor->expected == like->first &&
	    memcmp(cursor->hash, like->hash_before, BLAKE_SIZE) != 0) {
		disk_close(cursor->journal->disk, file);
		return journal_damaged(error, cursor->name, 0, like->first,
		                       "it does not follow from the segment before");
	}
	window_file(&cursor->window, file, like->end);
	cursor->is_open = true;
	cursor->segment_first = like->first;
	cursor->tag = like->tag;
	cursor->offset = entry->start;
	cursor->expected = entry->start_sequence;
	cursor->checks_chain = !like->verified;
	cursor->has_hash = from_start && cursor->checks_chain;
	memcpy(cursor->hash, like->hash_before, BLAKE_SIZE);
	return 0;
}

/* Goes to the segment that has cursor->next, or learns how far the one at hand reaches now. */
static int enter(struct log_cursor *cursor, struct error *error)
{
	struct entry entry;
	struct disk_file *file;
	uint64_t size, tail = cursor->is_open ? journal_tail_end(cursor->journal, cursor->segment_first) : 0;
	if (tail > cursor->window.limit) {
		cursor->window.limit = tail;
		return 0;
	}
	int fault = look_up(cursor, &entry, error);
	if (fault)
		return fault;
	if (cursor->is_open && entry.like.first == cursor->segment_first) {
		if (cursor->window.limit >= entry.like.end)
			return journal_damaged(error, cursor->name, cursor->offset, cursor->next,
			                       "the segment ends too early");
		cursor->window.limit = entry.like.end;
		return 0;
	}
	fault = open_segment(cursor, &entry.like, &file, &size, error);
	if (fault == FAULT_NOT_FOUND)
		return error_set(error, FAULT_NOT_FOUND, "record %" PRIu64 " has been archived away", cursor->next);
	if (fault)
		return fault;
	if (entry.like.has_marks)
		return begin_at(cursor, &entry, file, error);
	fault = make_marks(cursor, &entry.like, file, size, error);
	return fault ? fault : enter(cursor, error);
}

/* ---- reading ---- */

static int check_chain(struct log_cursor *cursor, const struct batch_header *header, const uint8_t *bytes,
                       struct error *error)
{
	if (cursor->has_hash && memcmp(cursor->hash, header->hash_before, BLAKE_SIZE) != 0)
		return journal_damaged(error, cursor->name, cursor->offset, header->first,
		                       "the batch does not follow from the one before; one of them was exchanged");
	if (header->count > 0) {
		batch_hash(bytes, header, cursor->hash);
		cursor->has_hash = true;
	}
	return 0;
}

static int take_batch(struct log_cursor *cursor, const struct batch_header *header, struct error *error)
{
	size_t pages = batch_pages(header->size);
	struct wall_ms time;
	struct log_record skipped;
	const uint8_t *bytes;
	int64_t got = window_get(&cursor->window, cursor->offset, pages, &bytes, error);
	if (got < 0)
		return (int)got;
	if (got < (int64_t)pages || !batch_is_sound(bytes, header, &time))
		return journal_damaged(error, cursor->name, cursor->offset, header->first,
		                       "what was acknowledged is not as written");
	int fault = cursor->checks_chain ? check_chain(cursor, header, bytes, error) : 0;
	if (fault)
		return fault;
	cursor->records = batch_read(bytes, header);
	while (cursor->records.left > 0 && cursor->records.sequence < cursor->next)
		batch_next(&cursor->records, &skipped);
	return 0;
}

/* 1: went on by one batch; 0: nothing durable beyond; or a fault. */
static int next_batch(struct log_cursor *cursor, struct error *error)
{
	struct batch_header header;
	const uint8_t *bytes;
	if (cursor->next > atomic_load_explicit(&cursor->journal->durable, memory_order_acquire))
		return 0;
	if (!cursor->is_open || cursor->offset >= cursor->window.limit) {
		int fault = enter(cursor, error);
		if (fault)
			return fault;
	}
	int64_t got = window_get(&cursor->window, cursor->offset, DISK_PAGE, &bytes, error);
	if (got < 0)
		return (int)got;
	if (got < DISK_PAGE || batch_look(bytes, &header) != BATCH_HEADER || header.tag != cursor->tag ||
	    header.first != cursor->expected)
		return journal_damaged(error, cursor->name, cursor->offset, cursor->expected,
		                       "no batch stands where one was written");
	if (header.first + header.count > cursor->next || header.count == 0) {
		int fault = take_batch(cursor, &header, error);
		if (fault)
			return fault;
	} else {
		cursor->has_hash = false;
	}
	cursor->offset += batch_pages(header.size);
	cursor->expected += header.count;
	return 1;
}

int journal_cursor_next(struct log_cursor *cursor, struct log_record *ret, struct error *error)
{
	while (!batch_next(&cursor->records, ret)) {
		int went_on = next_batch(cursor, error);
		if (went_on <= 0)
			return went_on;
	}
	cursor->next = ret->sequence + 1;
	return 1;
}

int journal_cursor_open(struct log *log, uint64_t from, struct log_cursor **ret, struct error *error)
{
	struct journal *journal = journal_of(log);
	struct log_cursor *cursor = calloc(1, sizeof *cursor);
	if (!cursor)
		return error_set(error, FAULT_MEMORY, "no memory for a cursor");
	cursor->journal = journal;
	cursor->next = from ? from : 1;
	window_init(&cursor->window, journal->disk, NULL, 0);
	pthread_mutex_lock(&journal->lock);
	bool is_there = journal->segment_count == 0 || journal->segments[0]->first <= cursor->next;
	pthread_mutex_unlock(&journal->lock);
	if (!is_there) {
		free(cursor);
		return error_set(error, FAULT_NOT_FOUND, "record %" PRIu64 " has been archived away", from);
	}
	*ret = cursor;
	return 0;
}

void journal_cursor_close(struct log_cursor *cursor)
{
	if (!cursor)
		return;
	window_fini(&cursor->window);
	free(cursor);
}
