/* The ledger's side of the journal: records go into the ring, are echoed from it, and handed over as a group.
 *
 * Why append can promise a place. At each look the ledger learns how much waits (W bytes, handed over and not taken) and
 * what the open segment has left. What waited and the group that gathers now (G) become two batches, of 128 + W and
 * 128 + G bytes, and SPARE_PAGES are kept beside them:
 *   - The look may fall between the writer's copying of a part A of W and its telling so: A and the rest B of W are then
 *     two batches. Their heads (128 bytes each) and two last pages that are not full take up to two pages more than the
 *     one batch of W: 128 + W = n pages, 128 + A = one byte above i pages, 128 + B = 127 bytes above n - i pages.
 *   - One seal may come between them and G. Between A and B none does, B waits already; and the page for the last one is
 *     kept by rest_behind().
 * With a blank segment at hand there is nothing to count: the ring is less than half a segment, so all of it fits a
 * blank one.
 */
#include "log/journal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "log/journal_inside.h"

_Static_assert(JOURNAL_BATCH_BYTES * 2 < JOURNAL_SEGMENT_BYTES, "what gathers fits a segment, twice");
_Static_assert(JOURNAL_BATCH_BYTES + BATCH_HEADER_SIZE + DISK_PAGE <= BATCH_SIZE_MAX,
               "readers believe what is written");

/* ---- append, echo, flush ---- */

/* Under lock. */
static void look_around(struct journal *journal)
{
	struct journal_seen *seen = &journal->seen;
	seen->taken = journal->taken;
	seen->waiting_bytes = journal->waiting_bytes;
	seen->rest = journal->rest;
	seen->has_blank = journal->blank.file != NULL;
	seen->disk_full = journal->disk_full;
}

static void look(struct journal *journal)
{
	pthread_mutex_lock(&journal->lock);
	look_around(journal);
	pthread_mutex_unlock(&journal->lock);
}

static bool has_place(const struct journal *journal, uint64_t framed)
{
	const struct journal_seen *seen = &journal->seen;
	uint64_t need =
	    batch_space(seen->waiting_bytes) + SPARE_PAGES * DISK_PAGE + batch_space(journal->group_bytes + framed);
	return seen->has_blank || need <= seen->rest;
}

static int no_place(const struct journal *journal, struct error *error)
{
	if (journal->seen.disk_full)
		return error_set(error, FAULT_NO_SPACE,
		                 "the disk is full and the kept segment is used up: free some space");
	return error_set(error, FAULT_BUSY, "the next segment is not ready yet");
}

/* A batch spans 49 days at most; a record beyond that waits until what is older has been taken. */
static bool span_is_short(struct journal *journal, struct wall_ms time)
{
	uint64_t position = journal->seen.taken;
	if (position == journal->ring.head)
		journal->span_start = time;
	if (time.ms - journal->span_start.ms <= (int64_t)BATCH_SPAN_MS_MAX)
		return true;
	look(journal);
	position = journal->seen.taken;
	journal->span_start = position == journal->ring.head ? time : ring_next(&journal->ring, &position, NULL).time;
	return time.ms - journal->span_start.ms <= (int64_t)BATCH_SPAN_MS_MAX;
}

static bool put(struct journal *journal, struct wall_ms time, const uint8_t *bytes, uint32_t size)
{
	const struct journal_seen *seen = &journal->seen;
	uint64_t free_from = seen->taken < journal->echo_keep ? seen->taken : journal->echo_keep;
	return ring_put(&journal->ring, free_from, time, bytes, size);
}

static int append(struct log *log, struct wall_ms now, const uint8_t *bytes, size_t size, struct error *error)
{
	struct journal *journal = journal_of(log);
	struct wall_ms time = wall_before(now, journal->appended_time) ? journal->appended_time : now;
	if (journal->read_only)
		return error_set(error, FAULT_INVALID, "this journal is open for reading only");
	uint32_t size_max = journal_record_size_max(journal);
	if (atomic_load_explicit(&journal->has_failed, memory_order_relaxed))
		return journal_failure(journal, error);
	if (size == 0 || size > size_max)
		return error_set(error, FAULT_INVALID, "a record has 1 to %" PRIu32 " bytes, not %zu", size_max, size);
	if (!has_place(journal, BATCH_FRAME_SIZE + size)) {
		look(journal);
		if (!has_place(journal, BATCH_FRAME_SIZE + size))
			return no_place(journal, error);
	}
	if (!span_is_short(journal, time))
		return error_set(error, FAULT_BUSY, "records from long ago are still being written");
	if (!put(journal, time, bytes, (uint32_t)size)) {
		look(journal);
		if (!put(journal, time, bytes, (uint32_t)size))
			return error_set(error, FAULT_BUSY, "%" PRIu64 " bytes of records wait for the disk",
			                 journal->ring.size);
	}
	journal->appended++;
	journal->appended_time = time;
	journal->group_bytes += BATCH_FRAME_SIZE + size;
	journal->group_count++;
	return 0;
}

static uint32_t record_size_max(struct log *log)
{
	return journal_record_size_max(journal_of(log));
}

static int echo(struct log *log, struct log_record *ret, struct error *error)
{
	struct journal *journal = journal_of(log);
	if (atomic_load_explicit(&journal->has_failed, memory_order_relaxed))
		return journal_failure(journal, error);
	if (journal->echo_at == journal->ring.head) {
		journal->echo_keep = journal->echo_at;
		return 0;
	}
	struct ring_record record = ring_next(&journal->ring, &journal->echo_at, &journal->echo_keep);
	*ret = (struct log_record){++journal->echo_sequence, record.time, record.bytes, record.size};
	return 1;
}

static void flush(struct log *log)
{
	struct journal *journal = journal_of(log);
	if (journal->group_count == 0)
		return;
	pthread_mutex_lock(&journal->lock);
	journal->handed = journal->ring.head;
	journal->waiting_bytes += journal->group_bytes;
	journal->appended_handed = journal->appended;
	look_around(journal);
	pthread_cond_signal(&journal->writer_wake);
	pthread_mutex_unlock(&journal->lock);
	journal->group_bytes = 0;
	journal->group_count = 0;
}

/* ---- what anybody may ask ---- */

static uint64_t durable(struct log *log)
{
	return atomic_load_explicit(&journal_of(log)->durable, memory_order_acquire);
}

static enum log_room room(struct log *log)
{
	return (enum log_room)atomic_load_explicit(&journal_of(log)->room, memory_order_acquire);
}

static int failed(struct log *log, struct error *error)
{
	struct journal *journal = journal_of(log);
	if (!atomic_load_explicit(&journal->has_failed, memory_order_acquire))
		return 0;
	return journal_failure(journal, error);
}

static void on_moved(struct log *log, void (*moved)(void *context), void *context)
{
	struct journal *journal = journal_of(log);
	pthread_mutex_lock(&journal->moved_lock);
	journal->moved = moved;
	journal->moved_context = context;
	pthread_mutex_unlock(&journal->moved_lock);
}

void journal_statistics(struct log *log, struct log_statistics *ret)
{
	struct journal *journal = journal_of(log);
	pthread_mutex_lock(&journal->lock);
	*ret = journal->statistics;
	ret->waiting_records = journal->appended_handed - durable(log);
	pthread_mutex_unlock(&journal->lock);
}

/* ---- opening and closing ---- */

static void free_journal(struct journal *journal)
{
	if (journal->blank.file)
		disk_close(journal->disk, journal->blank.file);
	segment_free(journal->blank.segment);
	if (journal->file)
		disk_close(journal->disk, journal->file);
	for (uint32_t i = 0; i < journal->segment_count; i++)
		segment_free(journal->segments[i]);
	free(journal->segments);
	ring_fini(&journal->ring);
	free(journal->page);
	pthread_cond_destroy(&journal->writer_wake);
	pthread_cond_destroy(&journal->preparer_wake);
	pthread_mutex_destroy(&journal->lock);
	pthread_mutex_destroy(&journal->moved_lock);
	free(journal);
}

/* Without threads, closing does by hand what they would have done: whatever has a place is written, then the seal. */
static void finish_by_hand(struct journal *journal)
{
	struct error error;
	int done;
	do {
		done = journal_writer_step(&journal->log, &error);
	} while (done > 0);
	if (done == 0)
		journal_seal_step(&journal->log, &error);
}

static void stop_threads(struct journal *journal)
{
	pthread_mutex_lock(&journal->lock);
	journal->stopping = true;
	pthread_cond_broadcast(&journal->writer_wake);
	pthread_cond_broadcast(&journal->preparer_wake);
	pthread_mutex_unlock(&journal->lock);
	pthread_join(journal->writer, NULL);
	pthread_join(journal->preparer, NULL);
}

static void close_log(struct log *log)
{
	struct journal *journal = journal_of(log);
	if (!journal->read_only) {
		if (!atomic_load(&journal->has_failed))
			flush(log);
		if (journal->has_threads)
			stop_threads(journal);
		else
			finish_by_hand(journal);
	}
	free_journal(journal);
}

static const struct log_ops ops = {
    .append = append,
    .record_size_max = record_size_max,
    .echo = echo,
    .flush = flush,
    .durable = durable,
    .room = room,
    .failed = failed,
    .on_moved = on_moved,
    .cursor_open = journal_cursor_open,
    .cursor_next = journal_cursor_next,
    .cursor_close = journal_cursor_close,
    .close = close_log,
};

static uint64_t power_of_two_below(uint64_t value)
{
	return UINT64_C(1) << (63 - __builtin_clzll(value));
}

/* The ring is less than half a segment, so that a blank segment takes all that can wait (see above). */
static uint64_t ring_size_for(const struct journal_options *options, uint64_t segment_size)
{
	uint64_t bytes = options->batch_bytes_max ? options->batch_bytes_max : JOURNAL_BATCH_BYTES;
	uint64_t bytes_max = segment_size / 2 - 4 * DISK_PAGE;
	if (bytes_max > BATCH_SIZE_MAX / 2)
		bytes_max = BATCH_SIZE_MAX / 2;
	return power_of_two_below(bytes < bytes_max ? bytes : bytes_max);
}

static int check_options(const struct journal_options *options, struct error *error)
{
	uint64_t size = options->segment_size;
	if (size != 0 && (size % DISK_PAGE != 0 || size < SEGMENT_SIZE_MIN || size > SEGMENT_SIZE_MAX))
		return error_set(error, FAULT_INVALID, "a segment has %u to %" PRIu64 " bytes, a multiple of %u",
		                 SEGMENT_SIZE_MIN, SEGMENT_SIZE_MAX, DISK_PAGE);
	if (options->batch_bytes_max != 0 && options->batch_bytes_max < DISK_PAGE)
		return error_set(error, FAULT_INVALID, "at least %u bytes may gather for a batch", DISK_PAGE);
	return 0;
}

static struct journal *new_journal(struct disk *disk, const struct journal_options *options)
{
	struct journal *journal = calloc(1, sizeof *journal);
	if (!journal)
		return NULL;
	journal->log.ops = &ops;
	journal->disk = disk;
	journal->segment_size = options->segment_size ? options->segment_size : JOURNAL_SEGMENT_BYTES;
	journal->read_only = options->read_only;
	journal->with_archive = options->read_only && options->with_archive;
	journal->has_threads = options->threads && !options->read_only;
	journal->on_batch = options->on_batch;
	journal->on_batch_context = options->on_batch_context;
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&journal->lock, NULL);
	pthread_mutex_init(&journal->moved_lock, NULL);
	pthread_cond_init(&journal->writer_wake, &monotonic);
	pthread_cond_init(&journal->preparer_wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return journal;
}

static int take_memory(struct journal *journal, uint64_t ring_size, struct error *error)
{
	size_t size = DISK_PAGE + batch_pages(BATCH_HEADER_SIZE + ring_size);
	int fault = ring_init(&journal->ring, ring_size, error);
	if (fault)
		return fault;
	journal->page = aligned_alloc(DISK_PAGE, size);
	if (!journal->page)
		return error_set(error, FAULT_MEMORY, "no memory for a batch of %zu bytes", size);
	memset(journal->page, 0, size);
	journal->bytes = journal->page + DISK_PAGE;
	return 0;
}

static int claim_folder(struct journal *journal, struct error *error)
{
	int fault = disk_lock(journal->disk, "lock", error);
	if (!fault)
		fault = disk_make_folder(journal->disk, SEGMENT_FOLDER, error);
	if (!fault)
		fault = disk_sync_folder(journal->disk, "", error);
	return fault;
}

static int start_threads(struct journal *journal, struct error *error)
{
	if (pthread_create(&journal->writer, NULL, journal_writer_main, journal) != 0)
		return error_set(error, FAULT_MEMORY, "the journal's writer thread does not start");
	if (pthread_create(&journal->preparer, NULL, journal_preparer_main, journal) == 0)
		return 0;
	pthread_mutex_lock(&journal->lock);
	journal->stopping = true;
	pthread_cond_broadcast(&journal->writer_wake);
	pthread_mutex_unlock(&journal->lock);
	pthread_join(journal->writer, NULL);
	return error_set(error, FAULT_MEMORY, "the journal's preparer thread does not start");
}

static int open_journal(struct journal *journal, const struct journal_options *options, uint64_t from,
                        struct journal_recovery *ret_recovery, struct error *error)
{
	int fault = 0;
	if (!journal->read_only)
		fault = claim_folder(journal, error);
	if (!fault && !journal->read_only)
		fault = take_memory(journal, ring_size_for(options, journal->segment_size), error);
	if (!fault)
		fault = journal_recover(journal, from, ret_recovery, error);
	if (!fault && journal->has_threads)
		fault = start_threads(journal, error);
	return fault;
}

int journal_open(struct disk *disk, const struct journal_options *options, uint64_t from, struct log **ret,
                 struct journal_recovery *ret_recovery, struct error *error)
{
	struct journal_recovery recovery = {0};
	int fault = check_options(options, error);
	if (fault)
		return fault;
	struct journal *journal = new_journal(disk, options);
	if (!journal)
		return error_set(error, FAULT_MEMORY, "no memory for the journal");
	fault = open_journal(journal, options, from, &recovery, error);
	if (fault) {
		free_journal(journal);
		return fault;
	}
	*ret = &journal->log;
	if (ret_recovery)
		*ret_recovery = recovery;
	return 0;
}

int journal_verify(struct disk *disk, struct journal_recovery *ret, struct error *error)
{
	struct journal_options options = {.read_only = true};
	struct log *log;
	int fault = journal_open(disk, &options, 1, &log, ret, error);
	if (!fault)
		log_close(log);
	return fault;
}
