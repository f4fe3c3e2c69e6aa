/* follow: who reads the durable log and does something with it.
 *
 * One thread, at idle priority, folds the durable log a second time, into a core of its own: what changes becomes rows
 * of the store (projector.c) and, every so often, the whole becomes a snapshot (snapshots.c). So no grant ever waits
 * for it, and it checks the fold by itself (P6).
 *
 *          begins   ─► newest snapshot at or before the store's position, folded silently up to it
 *                      (a store of another log, ahead of the log or broken is thrown away and begun anew)
 *          then     ─► durable records ─► rows and position in one transaction ─► now and then a snapshot
 *
 * Faults   FAULT_DAMAGED from its fold stops the process (failed); a store that cannot be written is said, retried with
 *          back-off, and never stops a sale.
 */
#ifndef DIBS_FOLLOW_FOLLOW_H
#define DIBS_FOLLOW_FOLLOW_H

#include "core/core.h"
#include "log/disk.h"
#include "log/log.h"
#include "store/store.h"

/* Loads the newest snapshot that is sound and at or before `at_most` (0: any) into a fresh core. *ret_sequence 0: there
 * is none, the core is empty. A damaged snapshot is said, set aside as "….snap.bad", and the older one taken: only for
 * who holds the disk's lock. */
int follow_load_snapshot(struct disk *disk, const struct core_limits *limits, uint64_t at_most, struct core **ret,
                         uint64_t *ret_sequence, struct error *error);

/* Folds the log's durable records behind the core's sequence, up to `until` (0: all there are). progress may be NULL. */
int follow_fold(struct log *log, struct core *core, uint64_t until, void (*progress)(void *context, uint64_t sequence),
                void *context, struct error *error);

/* Writes a snapshot of the core; returns a fault or 0. */
int follow_save_snapshot(struct disk *disk, const struct core *core, struct error *error);

struct follower_options {
	struct disk *disk;
	struct log *log;
	struct store *store;
	struct core_limits limits; /* of its own core */
	uint64_t snapshot_records; /* a snapshot after so many records … */
	uint32_t snapshot_seconds; /* … but not more often than this; 0 records: never */
	bool archive;              /* the log is a journal: segments before the older snapshot are archived */
	uint32_t batch_orders_max; /* rows of one transaction; 0: 65,536 */
	bool keep_priority;        /* tests: not at idle priority */
	void (*failed)(void *context, const struct error *error);
	void *failed_context;
};

struct follower;
int follower_start(const struct follower_options *options, struct follower **ret, struct error *error);
/* Projects what is durable (and writes a snapshot when final_snapshot), joins, frees. */
void follower_stop(struct follower *follower, bool final_snapshot);
/* The log has moved: whoever is told by log_on_moved calls this. Any thread; cheap, takes no lock, coalesces. Without
 * it the follower looks ten times a second. */
void follower_moved(struct follower *follower);
uint64_t follower_position(const struct follower *follower); /* the store's; any thread */
/* Waits until the store is at the position; false after timeout_ms, or when the follower has failed. Any thread but a
 * loop's. */
bool follower_wait(struct follower *follower, uint64_t position, uint32_t timeout_ms);

struct follower_statistics {
	uint64_t position, log_durable, orders, transactions, snapshots, last_snapshot_sequence;
	uint64_t last_snapshot_ns;
	bool store_failing;
};
void follower_statistics(const struct follower *follower, struct follower_statistics *ret);

#endif
