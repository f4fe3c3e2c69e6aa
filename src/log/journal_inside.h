/* journal_inside: what the files of the journal share (journal.c, writer.c, walk.c, recovery.c, cursor.c,
 * archive.c, segments.c).
 *
 *                  append               take, write, sync            publish
 *   ledger ─► ring ──────► handed over ─────────────────► segment ──────────► durable ─► cursors
 *                                                            ▲
 *                              preparer ─► blank segment ────┘ rotate, when the batch does not fit
 *
 * Thread ownership is by group. Everything under `lock` is held for a few instructions, never over a disk call.
 */
#ifndef DIBS_LOG_JOURNAL_INSIDE_H
#define DIBS_LOG_JOURNAL_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/must.h"
#include "log/batch.h"
#include "log/journal.h"
#include "log/ring.h"
#include "log/segment.h"

/* A segment that is made and has no name yet. */
struct blank {
	struct disk_file *file;
	struct segment *segment; /* only its marks' memory counts */
};

/* What the ledger's thread knows about the rest, as of its last look. */
struct journal_seen {
	uint64_t taken;         /* ring position up to which the writer has copied out */
	uint64_t waiting_bytes; /* framed, handed over and not taken */
	uint64_t rest;          /* what batches may still use of the open segment */
	bool has_blank, disk_full;
};

struct journal {
	struct log log;
	struct disk *disk;
	uint64_t segment_size;
	bool read_only, with_archive, has_threads;
	log_batch_fn *on_batch;
	void *on_batch_context;

	/* the ledger's */
	struct ring ring;
	struct journal_seen seen;
	uint64_t appended;            /* last sequence given */
	struct wall_ms appended_time; /* and its time: times never go back */
	uint64_t group_bytes;         /* framed, appended and not yet handed over */
	uint32_t group_count;
	struct wall_ms span_start;   /* no record that waits is older */
	uint64_t echo_at, echo_keep; /* ring positions: next to echo; the one whose bytes the caller still looks at */
	uint64_t echo_sequence;

	/* any thread's */
	_Atomic uint64_t durable;
	_Atomic int room; /* enum log_room */
	_Atomic bool has_failed;
	_Atomic uint64_t tail_first, tail_end; /* the open segment's; see journal_tail_end() */

	/* under lock */
	pthread_mutex_t lock;
	pthread_cond_t writer_wake, preparer_wake;
	uint64_t handed, taken;
	uint64_t waiting_bytes;
	uint64_t rest;
	struct blank blank; /* file NULL: there is none */
	bool is_rotating;   /* the writer uses the blank file and has not named it yet: no other can be made */
	bool disk_full, stopping;
	struct error failure;
	struct segment **segments; /* in their order; the last one is open */
	uint32_t segment_count, segment_max;
	struct log_statistics statistics;
	uint64_t appended_handed;   /* last sequence handed over, for statistics */
	pthread_mutex_t moved_lock; /* held while it is told: on_moved() returns when no call is under way */
	void (*moved)(void *context);
	void *moved_context;

	/* the writer's */
	struct disk_file *file; /* of the open segment */
	struct segment *open;
	uint64_t offset;          /* where the next batch goes */
	uint64_t copied;          /* ring position up to which batches are made */
	uint64_t written;         /* last sequence in a batch */
	uint8_t hash[BLAKE_SIZE]; /* of the last batch with records */
	struct wall_ms written_time;
	bool seal_due;
	struct mono_ns published_at;
	uint8_t *page;  /* room for a segment's header, right before … */
	uint8_t *bytes; /* … the batch */

	pthread_t writer, preparer;
};

static inline struct journal *journal_of(struct log *log)
{
	return (struct journal *)(void *)log;
}

static inline uint32_t journal_record_size_max(const struct journal *journal)
{
	uint32_t fits = ring_record_size_max(&journal->ring);
	return fits < JOURNAL_RECORD_SIZE_MAX ? fits : JOURNAL_RECORD_SIZE_MAX;
}

/* How far the open segment reaches, for whoever follows the tail: without the lock, because an idle follower that is
 * put aside while it holds it would stop a sale. The end belongs to `first` when that is still the open one after the
 * end was read: the writer changes first, then end. 0: it is another segment by now. */
static inline uint64_t journal_tail_end(struct journal *journal, uint64_t first)
{
	uint64_t end = atomic_load_explicit(&journal->tail_end, memory_order_acquire);
	return atomic_load_explicit(&journal->tail_first, memory_order_acquire) == first ? end : 0;
}

static inline void journal_tail_set(struct journal *journal, uint64_t first, uint64_t end)
{
	atomic_store_explicit(&journal->tail_first, first, memory_order_release);
	atomic_store_explicit(&journal->tail_end, end, memory_order_release);
}

/* Beside the batches of what waits and what gathers: two for a batch that becomes two, one for a seal (journal.c). */
#define SPARE_PAGES 3

/* What a batch of so many framed bytes takes on disk; none for none. */
static inline uint64_t batch_space(uint64_t framed_bytes)
{
	return framed_bytes == 0 ? 0 : batch_pages(BATCH_HEADER_SIZE + framed_bytes);
}

/* Under lock: what batches may use behind offset. A page is kept for the last one's seal. */
static inline uint64_t rest_behind(const struct journal *journal, uint64_t offset)
{
	return offset + DISK_PAGE >= journal->segment_size ? 0 : journal->segment_size - DISK_PAGE - offset;
}

/* writer.c */
void journal_room_update(struct journal *journal); /* under lock */
void journal_tell_moved(struct journal *journal);
int journal_fail(struct journal *journal, const struct error *error, struct error *ret); /* final; FAULT_IO */
int journal_failure(struct journal *journal, struct error *error);
/* Writes nothing of the journal's state; both fields of *ret are then the caller's. */
int journal_blank_make(struct journal *journal, struct blank *ret, struct error *error);
void *journal_writer_main(void *journal);
void *journal_preparer_main(void *journal);

/* recovery.c: fills segments, durable, the writer's and the ledger's places; opens a new segment unless read_only. */
int journal_recover(struct journal *journal, uint64_t from, struct journal_recovery *ret, struct error *error);

/* walk.c: says that acknowledged data is not as written. */
int journal_damaged(struct error *error, const char *name, uint64_t offset, uint64_t sequence, const char *how);

/* segments.c, under lock but while opening */
int journal_segments_reserve(struct journal *journal, struct error *error); /* room for one more */
void journal_segments_add(struct journal *journal, struct segment *segment);
struct segment *journal_segment_of(struct journal *journal, uint64_t sequence); /* NULL: archived away */

/* cursor.c */
int journal_cursor_open(struct log *log, uint64_t from, struct log_cursor **ret, struct error *error);
int journal_cursor_next(struct log_cursor *cursor, struct log_record *ret, struct error *error);
void journal_cursor_close(struct log_cursor *cursor);

#endif
