/* journal: the log on one disk. Segments of fixed size, one write and one fdatasync per batch (DESIGN §8).
 *
 * Room     LOG_ROOM_ALL while the next segment is ready, or more than half of the open one is left to get it ready.
 *          Otherwise LOG_ROOM_RESERVE: what is left is kept for everything but claims; so it is, at once, when the disk
 *          has no room for a next segment, which is then tried again every second. LOG_ROOM_NONE: less than
 *          JOURNAL_LAST_BYTES is left. Whatever append took has its place: a record that might not fit is refused
 *          before (FAULT_NO_SPACE; FAULT_BUSY while the next segment is still being made).
 * Memory   an appended record stays in memory until it is written and echoed: who appends must also echo.
 * Threads  the ledger appends into the gathering batch; the writer thread writes and syncs it while the next one
 *          gathers; the preparer thread fills the next segment with zeros ahead of need.
 * Keeps    P3: durable moves only after the sync of the batch has returned.
 */
#ifndef DIBS_LOG_JOURNAL_H
#define DIBS_LOG_JOURNAL_H

#include "log/disk.h"
#include "log/log.h"

#define JOURNAL_SEGMENT_BYTES (UINT64_C(64) << 20)
#define JOURNAL_BATCH_BYTES (UINT64_C(8) << 20)
#define JOURNAL_RECORD_SIZE_MAX \
	(UINT32_C(4) \
	 << 20) /* what half a ring holds: always-on goods with 65,536 SKUs whose ids have 50 bytes on average */
#define JOURNAL_LAST_BYTES (UINT64_C(1) << 20) /* in a small segment: an eighth of it */
#define JOURNAL_SEAL_AFTER_MS 10
#define JOURNAL_PREPARE_AGAIN_MS 1000

struct journal_options {
	uint64_t segment_size;    /* bytes, a multiple of DISK_PAGE; 0: 64 MiB */
	uint64_t batch_bytes_max; /* what may gather while one is written; 0: 8 MiB; full is FAULT_BUSY. Taken down to a
	                           * power of two and to what a segment holds twice; a record has at most half of it */
	bool read_only;           /* no lock, no writing, no threads: for audit, log show|verify|export; cursors only */
	bool with_archive; /* read_only: segments in the folder "archive" are read as if they still were in "log" */
	bool threads;      /* false: journal_writer_step() and journal_prepare_step() are called by hand (simulation) */
	log_batch_fn *on_batch; /* may be NULL */
	void *on_batch_context;
};

/* What recovery found and did; for the operator, the audit and the tests. */
struct journal_recovery {
	uint64_t first_sequence, last_sequence; /* 0: the journal is new */
	struct wall_ms last_time;
	uint64_t segments, batches;
	bool torn_tail;       /* a batch never acknowledged was left out … */
	char torn_where[128]; /* … in this segment at this offset */
	uint8_t last_batch_hash[32];
};

/* Opens (and makes) the journal in disk's folder "log", after locking "lock". Recovers: FAULT_DAMAGED where
 * acknowledged data is not as written (the message says which segment, offset and sequence); FAULT_VERSION for a newer
 * format; FAULT_LOCKED. from: the first sequence that will be asked for by cursors (segments wholly before it need
 * only a sound header); 1 reads and verifies everything. Opened for writing, a log that begins behind `from`, or ends
 * before the record before it, is FAULT_DAMAGED, and is left as it is. */
int journal_open(struct disk *disk, const struct journal_options *options, uint64_t from, struct log **ret,
                 struct journal_recovery *ret_recovery, struct error *error);

/* By hand, without threads: one batch written and synced (1), nothing to do (0), or the final fault. */
int journal_writer_step(struct log *log, struct error *error);
/* The next segment made (1), one is ready (0), no room for it (FAULT_NO_SPACE: ask again later), or the final fault. */
int journal_prepare_step(struct log *log, struct error *error);
/* The empty batch that follows 10 ms after the last acknowledgement; called by the writer thread, or by hand. */
int journal_seal_step(struct log *log, struct error *error);

/* Moves segments wholly before `before` into the folder "archive" (or deletes them). Returns how many, or a fault. */
int journal_archive(struct log *log, uint64_t before, bool delete_them, struct error *error);

void journal_statistics(struct log *log, struct log_statistics *ret); /* any thread */

/* Verifies everything there is, with every CRC and the hash chain: `dibs log verify`. */
int journal_verify(struct disk *disk, struct journal_recovery *ret, struct error *error);

#endif
