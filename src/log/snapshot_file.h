/* snapshot_file: where snapshots live: "snapshots/<sequence, 20 digits>.snap"; two are kept.
 *
 * Written under a temporary name, synced, renamed, the folder synced. The content is the caller's stream
 * (core_save), which ends with a hash of its own over the whole state; before it stands a header with magic, version,
 * sequence and the time of that record; behind it the content's length and CRC32C, so that a spoiled file is told from
 * a fold that went wrong. The layout stands at the head of snapshot_file.c.
 *
 * Units    sequences; the time is that record's, in wall_ms.
 * Memory   writer and reader own theirs.
 * Faults   FAULT_NO_SPACE: the disk is full, the snapshot is dropped, the older ones stay. FAULT_DAMAGED: the file is
 *          not as written. FAULT_VERSION, FAULT_NOT_FOUND, FAULT_IO, FAULT_MEMORY.
 * Thread   one writer at a time; each reader one.
 */
#ifndef DIBS_LOG_SNAPSHOT_FILE_H
#define DIBS_LOG_SNAPSHOT_FILE_H

#include "base/time.h"
#include "log/disk.h"

#define SNAPSHOT_VERSION 1
#define SNAPSHOTS_KEPT 2 /* the newest may turn out to be damaged */

struct snapshot_writer;
int snapshot_begin(struct disk *disk, uint64_t sequence, struct wall_ms time, struct snapshot_writer **ret,
                   struct error *error);
int snapshot_write(void *writer, const void *bytes, size_t size, struct error *error); /* a core_write_fn */
/* Makes it the newest, drops all but two. Frees the writer in either case. */
int snapshot_commit(struct snapshot_writer *writer, struct error *error);
void snapshot_abandon(struct snapshot_writer *writer);

/* Sequences of the snapshots there are, oldest first; returns how many (at most max). */
int snapshot_list(struct disk *disk, uint64_t *ret, int max, struct error *error);

/* One that was found damaged becomes "….snap.bad", so that it is not one of the two that are kept. Only for who holds
 * the lock. */
int snapshot_set_aside(struct disk *disk, uint64_t sequence, struct error *error);

struct snapshot_reader;
/* Checks header and length; the CRC when the last byte of the content is read. */
int snapshot_open(struct disk *disk, uint64_t sequence, struct snapshot_reader **ret, struct wall_ms *ret_time,
                  struct error *error);
/* A core_read_fn. Reading beyond the content is FAULT_DAMAGED. */
int snapshot_read(void *reader, void *bytes, size_t size, struct error *error);
void snapshot_close(struct snapshot_reader *reader);

#endif
