/* snapshot_file: where snapshots live: "snapshots/<sequence, 20 digits>.snap"; two are kept.
 *
 * Written under a temporary name, synced, renamed, the folder synced. The content is the caller's stream
 * (core_save); before it stands a header with magic, version, sequence and the time of that record; behind it the
 * content's length and BLAKE2b-256.
 */
#ifndef DIBS_LOG_SNAPSHOT_FILE_H
#define DIBS_LOG_SNAPSHOT_FILE_H

#include "base/time.h"
#include "log/disk.h"

struct snapshot_writer;
int snapshot_begin(struct disk *disk, uint64_t sequence, struct wall_ms time, struct snapshot_writer **ret,
                   struct error *error);
int snapshot_write(void *writer, const void *bytes, size_t size, struct error *error); /* a core_write_fn */
/* Makes it the newest, drops all but two. Frees the writer in either case. */
int snapshot_commit(struct snapshot_writer *writer, struct error *error);
void snapshot_abandon(struct snapshot_writer *writer);

/* Sequences of the snapshots there are, oldest first; returns how many (at most max). */
int snapshot_list(struct disk *disk, uint64_t *ret, int max, struct error *error);

struct snapshot_reader;
int snapshot_open(struct disk *disk, uint64_t sequence, struct snapshot_reader **ret, struct wall_ms *ret_time,
                  struct error *error);
int snapshot_read(void *reader, void *bytes, size_t size, struct error *error); /* a core_read_fn */
void snapshot_close(struct snapshot_reader *reader);

#endif
