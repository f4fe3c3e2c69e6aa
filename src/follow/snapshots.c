/* Snapshots: a core as a stream of bytes on the disk, and the fold from there on. */
#include "follow/snapshots.h"

#include "base/log_line.h"
#include "follow/fold.h"
#include "log/journal.h"
#include "log/snapshot_file.h"

#define SNAPSHOTS_SEEN 16    /* two are kept; more lie there only when removing failed */
#define PROGRESS_EVERY 65536 /* records between two calls of progress */
#define UNUSABLE_SNAPSHOT 1  /* load_one: said, and the next older one is to be tried */

/* A damaged one would count as one of the two kept, and drive out a sound one. What a newer program wrote, or what
 * could not be read this time, may be sound: it stays. */
static void leave_out(struct disk *disk, uint64_t sequence, const struct error *found)
{
	bool set_aside = found->code == FAULT_DAMAGED && snapshot_set_aside(disk, sequence, NULL) == 0;
	log_line(LOG_WARN, "snapshot_unusable", LOG_NUMBER("sequence", sequence), LOG_TEXT("reason", found->text),
	         LOG_TEXT("set_aside_as", set_aside ? ".snap.bad" : ""));
}

/* A pool that is too small, or no memory, is the same with the older one. */
static bool is_the_snapshots(int rc)
{
	return rc != FAULT_FULL && rc != FAULT_MEMORY;
}

static int read_core(struct disk *disk, uint64_t sequence, struct core *core, struct error *error)
{
	struct snapshot_reader *reader;
	struct wall_ms time;
	int rc = snapshot_open(disk, sequence, &reader, &time, error);
	if (rc < 0)
		return rc;
	rc = core_load(core, snapshot_read, reader, error);
	snapshot_close(reader);
	if (rc == 0 && core_sequence(core) != sequence)
		rc = error_set(error, FAULT_DAMAGED, "snapshot %llu is one of sequence %llu",
		               (unsigned long long)sequence, (unsigned long long)core_sequence(core));
	return rc;
}

static int load_one(struct disk *disk, const struct core_limits *limits, uint64_t sequence, struct core **ret,
                    struct error *error)
{
	struct error found;
	struct core *core;
	int rc = core_new(limits, &core, error);
	if (rc < 0)
		return rc;
	rc = read_core(disk, sequence, core, &found);
	if (rc == 0) {
		*ret = core;
		return 0;
	}
	core_free(core);
	if (is_the_snapshots(rc)) {
		leave_out(disk, sequence, &found);
		return UNUSABLE_SNAPSHOT;
	}
	return error_set(error, rc, "%s", found.text);
}

int follow_load_snapshot(struct disk *disk, const struct core_limits *limits, uint64_t at_most, struct core **ret,
                         uint64_t *ret_sequence, struct error *error)
{
	uint64_t there[SNAPSHOTS_SEEN];
	int count = snapshot_list(disk, there, SNAPSHOTS_SEEN, error);
	for (int i = count - 1; i >= 0; i--) {
		if (at_most > 0 && there[i] > at_most)
			continue;
		int rc = load_one(disk, limits, there[i], ret, error);
		if (rc == 0)
			*ret_sequence = there[i];
		if (rc != UNUSABLE_SNAPSHOT)
			return rc;
	}
	if (count < 0)
		return count;
	int rc = core_new(limits, ret, error);
	if (rc == 0)
		*ret_sequence = 0;
	return rc;
}

int follow_load_oldest(struct disk *disk, const struct core_limits *limits, struct core **ret, uint64_t *ret_sequence,
                       struct error *error)
{
	uint64_t there[SNAPSHOTS_SEEN];
	int count = snapshot_list(disk, there, SNAPSHOTS_SEEN, error);
	for (int i = 0; i < count; i++) {
		int rc = load_one(disk, limits, there[i], ret, error);
		if (rc == 0)
			*ret_sequence = there[i];
		if (rc != UNUSABLE_SNAPSHOT)
			return rc;
	}
	return count < 0 ? count : error_set(error, FAULT_NOT_FOUND, "there is no sound snapshot");
}

int follow_save_snapshot(struct disk *disk, const struct core *core, struct error *error)
{
	struct snapshot_writer *writer;
	int rc = snapshot_begin(disk, core_sequence(core), core_time(core), &writer, error);
	if (rc < 0)
		return rc;
	rc = core_save(core, snapshot_write, writer, error);
	if (rc == 0)
		return snapshot_commit(writer, error);
	snapshot_abandon(writer);
	return rc;
}

int follow_archive(struct disk *disk, struct log *log, struct error *error)
{
	uint64_t there[SNAPSHOTS_SEEN];
	int count = snapshot_list(disk, there, SNAPSHOTS_SEEN, error);
	if (count < 2)
		return count < 0 ? count : 0;
	return journal_archive(log, there[count - 2] + 1, false, error);
}

/* ---- folding ---- */

static int push_all(struct log *log, struct log_cursor *cursor, struct fold *fold, uint64_t at, uint64_t until,
                    void (*progress)(void *context, uint64_t sequence), void *context, struct error *error)
{
	struct log_record record;
	int rc = 0;
	while (rc >= 0 && (until == 0 || at < until)) {
		rc = log_cursor_next(log, cursor, &record, error);
		if (rc <= 0)
			break;
		at = record.sequence;
		rc = fold_push(fold, &record, error);
		if (progress && at % PROGRESS_EVERY == 0)
			progress(context, at);
	}
	return rc < 0 ? rc : fold_drain(fold, error);
}

int follow_fold(struct log *log, struct core *core, uint64_t until, void (*progress)(void *context, uint64_t sequence),
                void *context, struct error *error)
{
	struct log_cursor *cursor;
	struct fold *fold;
	int rc = log_cursor_open(log, core_sequence(core) + 1, &cursor, error);
	if (rc < 0)
		return rc;
	rc = fold_new(core, &fold, error);
	if (rc == 0) {
		rc = push_all(log, cursor, fold, core_sequence(core), until, progress, context, error);
		fold_free(fold);
	}
	log_cursor_close(log, cursor);
	return rc;
}
