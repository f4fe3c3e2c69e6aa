/* The disk's side of the journal: the writer makes batches durable, the preparer makes segments ahead.
 *
 *   take ──► place ──► write ──► sync ──► publish          a batch that fits the open segment
 *              └─────► write header and batch, sync, name it, sync the folder ──► publish          rotation
 *
 * Whatever fails here is final: what the kernel still holds of a failed write is not known, and a failed sync is told
 * once and then forgotten, so neither is ever tried again. Only a blank segment that finds no room may be asked for
 * again: nothing relies on it yet.
 */
#include <errno.h>
#include <time.h>

#include "base/log_line.h"
#include "log/journal_inside.h"

#define NS_PER_MS UINT64_C(1000000)

/* ---- telling ---- */

/* What is no reserve any more: at least the place that the largest record asks for (journal.c, has_place). */
static uint64_t last_bytes(const struct journal *journal)
{
	uint64_t bytes = journal->segment_size / 8;
	uint64_t record = batch_space(BATCH_FRAME_SIZE + journal_record_size_max(journal)) + SPARE_PAGES * DISK_PAGE;
	if (bytes > JOURNAL_LAST_BYTES)
		bytes = JOURNAL_LAST_BYTES;
	return bytes > record ? bytes : record;
}

/* Half of the open segment is for all but claims, until the next one is ready: whether the disk has room for that one
 * may become known late, and what is needed then must not be gone. */
void journal_room_update(struct journal *journal)
{
	enum log_room room = LOG_ROOM_ALL;
	if (!journal->blank.file && (journal->disk_full || journal->rest < journal->segment_size / 2))
		room = journal->rest < last_bytes(journal) ? LOG_ROOM_NONE : LOG_ROOM_RESERVE;
	atomic_store_explicit(&journal->room, (int)room, memory_order_release);
}

void journal_tell_moved(struct journal *journal)
{
	pthread_mutex_lock(&journal->moved_lock);
	if (journal->moved)
		journal->moved(journal->moved_context);
	pthread_mutex_unlock(&journal->moved_lock);
}

int journal_failure(struct journal *journal, struct error *error)
{
	pthread_mutex_lock(&journal->lock);
	int fault = error_set(error, FAULT_IO, "%s", journal->failure.text);
	pthread_mutex_unlock(&journal->lock);
	return fault;
}

int journal_fail(struct journal *journal, const struct error *error, struct error *ret)
{
	pthread_mutex_lock(&journal->lock);
	if (!atomic_load(&journal->has_failed))
		journal->failure = *error;
	atomic_store(&journal->has_failed, true);
	pthread_cond_broadcast(&journal->writer_wake);
	pthread_cond_broadcast(&journal->preparer_wake);
	pthread_mutex_unlock(&journal->lock);
	journal_tell_moved(journal);
	return journal_failure(journal, ret);
}

/* ---- one batch ---- */

struct job {
	struct batch_writer batch;
	uint64_t framed; /* bytes of it, as the ledger counted them */
	size_t pages;
	bool rotates;
	struct blank blank;
	uint64_t write_ns, sync_ns;
};

/* Copies all that was handed over into the batch. False: there is nothing. */
static bool take(struct journal *journal, struct job *job)
{
	pthread_mutex_lock(&journal->lock);
	uint64_t end = journal->handed;
	job->framed = journal->waiting_bytes;
	pthread_mutex_unlock(&journal->lock);
	if (end == journal->copied)
		return false;
	batch_begin(&job->batch, journal->bytes);
	while (journal->copied != end) {
		struct ring_record record = ring_next(&journal->ring, &journal->copied, NULL);
		batch_add(&job->batch, record.time, record.bytes, record.size);
		journal->written_time = record.time;
	}
	job->pages = batch_pages(job->batch.header.size);
	must(job->batch.header.size == BATCH_HEADER_SIZE + job->framed);
	return true;
}

/* Decides where it goes, and tells the ledger what is left; from here on its ring space is free again. */
static void place(struct journal *journal, struct job *job)
{
	uint64_t place = batch_space(job->framed);
	pthread_mutex_lock(&journal->lock);
	journal->taken = journal->copied;
	journal->waiting_bytes -= job->framed;
	job->rotates = place > rest_behind(journal, journal->offset);
	if (job->rotates) {
		must(journal->blank.file);
		job->blank = journal->blank;
		journal->blank = (struct blank){0};
		journal->is_rotating = true;
		journal->offset = DISK_PAGE;
	}
	journal->rest = rest_behind(journal, journal->offset + place);
	journal_room_update(journal);
	pthread_mutex_unlock(&journal->lock);
}

static void begin_segment(struct journal *journal, struct job *job, struct wall_ms time_before)
{
	struct segment *segment = job->blank.segment;
	segment->number = journal->open->number + 1;
	segment->first = journal->written + 1;
	memcpy(segment->hash_before, journal->hash, BLAKE_SIZE);
	segment->time_before = time_before;
	segment->last = segment->first - 1;
	segment->end = DISK_PAGE;
	segment->verified = segment->has_marks = true;
	segment_header_write(segment, journal->page);
}

static size_t finish_batch(struct journal *journal, struct batch_writer *batch, const struct segment *segment)
{
	batch->header.first = journal->written + 1;
	batch->header.durable = atomic_load_explicit(&journal->durable, memory_order_relaxed);
	batch->header.tag = segment->tag;
	memcpy(batch->header.hash_before, journal->hash, BLAKE_SIZE);
	return batch_finish(batch);
}

static int write_and_sync(struct journal *journal, struct job *job, struct disk_file *file, const uint8_t *bytes,
                          size_t size, uint64_t offset, struct error *error)
{
	uint64_t began = clock_mono().ns;
	int fault = disk_write(journal->disk, file, bytes, size, offset, error);
	uint64_t wrote = clock_mono().ns;
	if (!fault)
		fault = disk_sync_data(journal->disk, file, error);
	job->write_ns = wrote - began;
	job->sync_ns = clock_mono().ns - wrote;
	return fault;
}

static int write_in_place(struct journal *journal, struct job *job, struct error *error)
{
	size_t size = finish_batch(journal, &job->batch, journal->open);
	return write_and_sync(journal, job, journal->file, journal->bytes, size, journal->offset, error);
}

/* Header page and batch go into the blank segment together; only a whole and synced one gets a name. */
static int write_rotated(struct journal *journal, struct job *job, struct wall_ms time_before, struct error *error)
{
	char name[SEGMENT_NAME_SIZE];
	begin_segment(journal, job, time_before);
	size_t size = DISK_PAGE + finish_batch(journal, &job->batch, job->blank.segment);
	segment_name(name, SEGMENT_FOLDER, job->blank.segment->first);
	int fault = write_and_sync(journal, job, job->blank.file, journal->page, size, 0, error);
	if (!fault)
		fault = disk_rename(journal->disk, SEGMENT_BLANK, name, error);
	if (!fault)
		fault = disk_sync_folder(journal->disk, SEGMENT_FOLDER, error);
	return fault;
}

/* Under lock: the table's entry and the writer's file become the new segment's. */
static void go_on_in(struct journal *journal, const struct blank *blank)
{
	disk_close(journal->disk, journal->file);
	journal->file = blank->file;
	journal->open = blank->segment;
	journal_segments_add(journal, blank->segment);
	journal->is_rotating = false;
	pthread_cond_signal(&journal->preparer_wake);
}

static void publish(struct journal *journal, const struct job *job)
{
	const struct batch_header *header = &job->batch.header;
	uint64_t offset = journal->offset;
	batch_hash(journal->bytes, header, journal->hash);
	journal->written += header->count;
	journal->offset += job->pages;
	journal->seal_due = true;
	pthread_mutex_lock(&journal->lock);
	if (job->rotates)
		go_on_in(journal, &job->blank);
	segment_mark(journal->open, header->first, offset);
	journal->open->last = journal->written;
	journal->open->end = journal->offset;
	journal->statistics.batches++;
	journal->statistics.records += header->count;
	journal->statistics.bytes += job->pages;
	journal->statistics.sync_ns_last = job->sync_ns;
	journal_tail_set(journal, journal->open->first, journal->open->end);
	pthread_mutex_unlock(&journal->lock);
	atomic_store_explicit(&journal->durable, journal->written, memory_order_release);
	journal->published_at = clock_mono();
}

static void drop_blank(struct journal *journal, struct blank *blank)
{
	if (blank->file)
		disk_close(journal->disk, blank->file);
	segment_free(blank->segment);
}

int journal_writer_step(struct log *log, struct error *error)
{
	struct journal *journal = journal_of(log);
	struct job job = {0};
	struct error failure = {0};
	struct wall_ms time_before = journal->written_time;
	if (atomic_load_explicit(&journal->has_failed, memory_order_relaxed))
		return journal_failure(journal, error);
	if (!take(journal, &job))
		return 0;
	place(journal, &job);
	int fault =
	    job.rotates ? write_rotated(journal, &job, time_before, &failure) : write_in_place(journal, &job, &failure);
	if (fault) {
		drop_blank(journal, &job.blank);
		return journal_fail(journal, &failure, error);
	}
	publish(journal, &job);
	journal_tell_moved(journal);
	if (journal->on_batch)
		journal->on_batch(journal->on_batch_context, job.batch.header.count, job.batch.header.size,
		                  job.write_ns, job.sync_ns);
	return 1;
}

/* ---- the seal ---- */

/* Its page is kept: place() never fills a segment to the end. */
int journal_seal_step(struct log *log, struct error *error)
{
	struct journal *journal = journal_of(log);
	struct job job = {0};
	struct error failure = {0};
	if (atomic_load_explicit(&journal->has_failed, memory_order_relaxed))
		return journal_failure(journal, error);
	if (!journal->seal_due)
		return 0;
	batch_begin(&job.batch, journal->bytes);
	job.batch.header.time = journal->written_time;
	must(journal->offset + DISK_PAGE <= journal->segment_size);
	if (write_in_place(journal, &job, &failure))
		return journal_fail(journal, &failure, error);
	journal->seal_due = false;
	journal->offset += DISK_PAGE;
	pthread_mutex_lock(&journal->lock);
	journal->open->end = journal->offset;
	journal->rest = rest_behind(journal, journal->offset);
	journal_room_update(journal);
	pthread_mutex_unlock(&journal->lock);
	return 1;
}

/* ---- blank segments ---- */

/* What an earlier run left is filled again: its space is there even if the disk is full. */
static int open_blank(struct journal *journal, struct disk_file **ret, struct error *error)
{
	struct disk_file *file;
	uint64_t size = 0;
	int fault = disk_open(journal->disk, SEGMENT_BLANK, DISK_WRITE, &file, error);
	if (fault == FAULT_NOT_FOUND)
		return disk_open(journal->disk, SEGMENT_BLANK, DISK_CREATE, ret, error);
	if (fault)
		return fault;
	fault = disk_size(journal->disk, file, &size, error);
	if (!fault && size <= journal->segment_size) {
		*ret = file;
		return 0;
	}
	disk_close(journal->disk, file);
	if (!fault)
		fault = disk_remove(journal->disk, SEGMENT_BLANK, error);
	return fault ? fault : disk_open(journal->disk, SEGMENT_BLANK, DISK_CREATE, ret, error);
}

static int fill_blank(struct journal *journal, struct disk_file *file, struct error *error)
{
	int fault = disk_fill(journal->disk, file, journal->segment_size, error);
	if (!fault)
		fault = disk_sync_all(journal->disk, file, error);
	if (!fault)
		fault = disk_sync_folder(journal->disk, SEGMENT_FOLDER, error);
	return fault;
}

int journal_blank_make(struct journal *journal, struct blank *ret, struct error *error)
{
	struct blank blank = {.segment = segment_new(journal->segment_size)};
	if (!blank.segment)
		return error_set(error, FAULT_MEMORY, "no memory for a segment's marks");
	int fault = open_blank(journal, &blank.file, error);
	if (!fault)
		fault = fill_blank(journal, blank.file, error);
	if (!fault) {
		*ret = blank;
		return 0;
	}
	bool was_open = blank.file != NULL;
	drop_blank(journal, &blank);
	if (was_open && fault == FAULT_NO_SPACE)
		disk_remove(journal->disk, SEGMENT_BLANK, NULL); /* others need what little there is */
	return fault;
}

/* Said once, when it turns; keeps the blank segment if there is one. */
static int note_room(struct journal *journal, const struct blank *blank, struct error *error)
{
	int fault = 0;
	pthread_mutex_lock(&journal->lock);
	if (blank)
		fault = journal_segments_reserve(journal, error);
	if (blank && !fault)
		journal->blank = *blank;
	bool was_full = journal->disk_full, is_full = !blank || fault;
	uint64_t rest = journal->rest;
	journal->disk_full = is_full;
	journal_room_update(journal);
	pthread_mutex_unlock(&journal->lock);
	if (is_full != was_full)
		log_line(is_full ? LOG_WARN : LOG_INFO,
		         is_full ? "disk full: claims are refused" : "disk has room again",
		         LOG_NUMBER("segment_bytes", journal->segment_size), LOG_NUMBER("rest_bytes", rest));
	return fault;
}

int journal_prepare_step(struct log *log, struct error *error)
{
	struct journal *journal = journal_of(log);
	struct blank blank = {0};
	struct error failure = {0};
	if (atomic_load_explicit(&journal->has_failed, memory_order_relaxed))
		return journal_failure(journal, error);
	pthread_mutex_lock(&journal->lock);
	bool is_there = journal->blank.file != NULL || journal->is_rotating;
	pthread_mutex_unlock(&journal->lock);
	if (is_there)
		return 0;
	int fault = journal_blank_make(journal, &blank, &failure);
	if (!fault)
		fault = note_room(journal, &blank, &failure);
	if (!fault) {
		journal_tell_moved(journal);
		return 1;
	}
	drop_blank(journal, &blank);
	if (fault != FAULT_NO_SPACE && fault != FAULT_MEMORY)
		return journal_fail(journal, &failure, error);
	note_room(journal, NULL, NULL);
	journal_tell_moved(journal);
	return error_set(error, FAULT_NO_SPACE, "%s", failure.text);
}

/* ---- the threads ---- */

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){(time_t)(ns / (1000 * NS_PER_MS)), (long)(ns % (1000 * NS_PER_MS))};
}

enum writer_next { WRITER_WRITE, WRITER_SEAL, WRITER_STOP };

static enum writer_next wait_for_work(struct journal *journal)
{
	struct timespec until = timespec_of(journal->published_at.ns + JOURNAL_SEAL_AFTER_MS * NS_PER_MS);
	enum writer_next next = WRITER_WRITE;
	pthread_mutex_lock(&journal->lock);
	while (next == WRITER_WRITE && journal->handed == journal->copied) {
		if (journal->stopping || atomic_load(&journal->has_failed))
			next = WRITER_STOP;
		else if (!journal->seal_due)
			pthread_cond_wait(&journal->writer_wake, &journal->lock);
		else if (pthread_cond_timedwait(&journal->writer_wake, &journal->lock, &until) == ETIMEDOUT &&
		         journal->handed == journal->copied)
			next = WRITER_SEAL;
	}
	pthread_mutex_unlock(&journal->lock);
	return next;
}

/* What fails is kept in the journal, where everybody asks for it. */
void *journal_writer_main(void *argument)
{
	struct journal *journal = argument;
	enum writer_next next;
	pthread_setname_np(pthread_self(), "log writer");
	do {
		while (journal_writer_step(&journal->log, NULL) > 0)
			;
		next = wait_for_work(journal);
		if (next != WRITER_WRITE)
			journal_seal_step(&journal->log, NULL);
	} while (next != WRITER_STOP && !atomic_load(&journal->has_failed));
	return NULL;
}

/* Until the blank segment is used; after a full disk, for a while. */
static bool wait_for_need(struct journal *journal, bool was_full)
{
	struct timespec until = timespec_of(clock_mono().ns + JOURNAL_PREPARE_AGAIN_MS * NS_PER_MS);
	int waited = 0;
	pthread_mutex_lock(&journal->lock);
	while (!journal->stopping && !atomic_load(&journal->has_failed) && waited != ETIMEDOUT &&
	       (was_full || journal->blank.file || journal->is_rotating)) {
		if (was_full)
			waited = pthread_cond_timedwait(&journal->preparer_wake, &journal->lock, &until);
		else
			pthread_cond_wait(&journal->preparer_wake, &journal->lock);
	}
	bool goes_on = !journal->stopping && !atomic_load(&journal->has_failed);
	pthread_mutex_unlock(&journal->lock);
	return goes_on;
}

void *journal_preparer_main(void *argument)
{
	struct journal *journal = argument;
	int done;
	pthread_setname_np(pthread_self(), "log preparer");
	do {
		done = journal_prepare_step(&journal->log, NULL);
	} while (wait_for_need(journal, done == FAULT_NO_SPACE));
	return NULL;
}
