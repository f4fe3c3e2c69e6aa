/* log: the port. Records go in, come back in their one order with a sequence and a time, and are durable later.
 *
 *            append            echo in order             durable moves
 *   ledger ──────────► adapter ──────────────► ledger ◄──────────────── adapter
 *
 * The journal echoes at once and is durable later; Kafka echoes what comes back from the partition. Nothing else
 * differs. Only durable records are read by cursors.
 *
 * Units    sequences from 1; times in wall_ms, never going back.
 * Memory   append copies; an echoed record's bytes live until the next log_echo().
 * Faults   FAULT_BUSY: the adapter's buffer is full, nothing of this record was taken, ask later ("overloaded").
 *          FAULT_NO_SPACE: takes no claims now (room). FAULT_IO: final; the log answers nothing more, durable stays.
 * Thread   append, echo: the ledger's. durable, room, failed: any. Cursors: one thread each.
 */
#ifndef DIBS_LOG_LOG_H
#define DIBS_LOG_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/time.h"

struct log;
struct log_cursor;

struct log_record {
	uint64_t sequence;
	struct wall_ms time;
	const uint8_t *bytes;
	size_t size;
};

/* What may be appended now: claims need ROOM_ALL; confirmations, cancellations, ticks go on with ROOM_RESERVE. */
enum log_room { LOG_ROOM_NONE, LOG_ROOM_RESERVE, LOG_ROOM_ALL };

struct log_statistics {
	uint64_t batches, records, bytes; /* written and synced since the start */
	uint64_t waiting_records;         /* appended, not yet durable */
	uint64_t sync_ns_last;
};
/* Told after each batch, on the writer's thread: for histograms. */
typedef void log_batch_fn(void *context, uint32_t records, size_t bytes, uint64_t write_ns, uint64_t sync_ns);

struct log_ops {
	/* now: the ledger's time for this record; the adapter may give it a later one (Kafka's). */
	int (*append)(struct log *log, struct wall_ms now, const uint8_t *bytes, size_t size, struct error *error);
	/* The largest record that append takes, in bytes; it never changes. A larger one is FAULT_INVALID. */
	uint32_t (*record_size_max)(struct log *log);
	/* The next record in order, if one is there: 1; 0 none; or a fault. */
	int (*echo)(struct log *log, struct log_record *ret, struct error *error);
	/* Hands over what was appended: called once after the appends of a step, so that a batch is one write. */
	void (*flush)(struct log *log);
	uint64_t (*durable)(struct log *log);
	enum log_room (*room)(struct log *log);
	/* 0, or the final fault. */
	int (*failed)(struct log *log, struct error *error);
	/* Waker called on any thread when durable, room or failed moved (and, for Kafka, when an echo arrived). */
	void (*on_moved)(struct log *log, void (*moved)(void *context), void *context);
	/* A reader of durable records from a sequence on (1: from the beginning). FAULT_NOT_FOUND: archived away. */
	int (*cursor_open)(struct log *log, uint64_t from, struct log_cursor **ret, struct error *error);
	/* 1: *ret is the next one, valid until the next call; 0: nothing durable beyond; or a fault. */
	int (*cursor_next)(struct log_cursor *cursor, struct log_record *ret, struct error *error);
	void (*cursor_close)(struct log_cursor *cursor);
	/* Syncs all that was appended, stops its threads, frees. */
	void (*close)(struct log *log);
};

/* Every adapter's struct begins with this. */
struct log {
	const struct log_ops *ops;
};

static inline int log_append(struct log *log, struct wall_ms now, const uint8_t *bytes, size_t size,
                             struct error *error)
{
	return log->ops->append(log, now, bytes, size, error);
}

static inline uint32_t log_record_size_max(struct log *log)
{
	return log->ops->record_size_max(log);
}

static inline int log_echo(struct log *log, struct log_record *ret, struct error *error)
{
	return log->ops->echo(log, ret, error);
}

static inline void log_flush(struct log *log)
{
	log->ops->flush(log);
}

static inline uint64_t log_durable(struct log *log)
{
	return log->ops->durable(log);
}

static inline enum log_room log_room(struct log *log)
{
	return log->ops->room(log);
}

static inline int log_failed(struct log *log, struct error *error)
{
	return log->ops->failed(log, error);
}

static inline void log_on_moved(struct log *log, void (*moved)(void *context), void *context)
{
	log->ops->on_moved(log, moved, context);
}

static inline int log_cursor_open(struct log *log, uint64_t from, struct log_cursor **ret, struct error *error)
{
	return log->ops->cursor_open(log, from, ret, error);
}

#define log_cursor_next(log, cursor, ret, error) ((log)->ops->cursor_next((cursor), (ret), (error)))
#define log_cursor_close(log, cursor) ((log)->ops->cursor_close(cursor))

static inline void log_close(struct log *log)
{
	log->ops->close(log);
}

#endif
