/* audit: dibs audit, the proof on a data directory that every promise holds (DESIGN §2). It only reads, and works
 * beside a running server.
 *
 *   log ─ every checksum and hash (the cursor) ─ folded again ─ every step against the core's checks and the books
 *       ─ at each snapshot: the same state?  ─ at the end: everything, and the read model row by row
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/audit_store.h"
#include "cli/output.h"
#include "cli/subcommands.h"
#include "cli/wiring.h"
#include "log/snapshot_file.h"

#define SNAPSHOTS_MAX 16     /* two are kept; a few more while they are being exchanged */
#define FULL_CHECK_FIRST 256 /* the whole state is checked at this record, and at every doubling of it */
#define CATCH_UP_TRIES 100   /* looks, 20 ms apart, for records that the read model has and the log does not show yet */
#define EXIT_BROKEN 1

struct audit {
	const struct settings *settings;
	struct core_limits limits;
	struct disk *disk;
	struct log *log;
	struct log_cursor *cursor;
	struct core *core;
	struct command_scratch *scratch;
	struct journal_recovery recovery;
	struct findings findings;
	struct book book;
	struct progress progress;
	uint64_t snapshots[SNAPSHOTS_MAX];
	int snapshot_count;
	uint64_t full_check_at;
	bool broken; /* the fold cannot go on: it is in the findings */
};

/* ---- the log ---- */

static int open_log(struct audit *audit, uint64_t from, struct error *error)
{
	int rc = wiring_log_read(audit->disk, from, &audit->log, &audit->recovery, error);
	if (rc == 0)
		rc = log_cursor_open(audit->log, from, &audit->cursor, error);
	return rc;
}

static void close_log(struct audit *audit)
{
	if (audit->cursor)
		log_cursor_close(audit->log, audit->cursor);
	if (audit->log)
		log_close(audit->log);
	audit->cursor = NULL;
	audit->log = NULL;
}

/* ---- snapshots against the own fold ---- */

static int load_snapshot(struct audit *audit, uint64_t sequence, struct core **ret, struct error *error)
{
	struct snapshot_reader *reader;
	struct wall_ms time;
	struct core *core;
	int rc = snapshot_open(audit->disk, sequence, &reader, &time, error);
	if (rc < 0)
		return rc;
	rc = core_new(&audit->limits, &core, error);
	if (rc == 0) {
		rc = core_load(core, snapshot_read, reader, error);
		if (rc == 0)
			*ret = core;
		else
			core_free(core);
	}
	snapshot_close(reader);
	return rc;
}

/* A running server may have taken it away by now; else it must be what the fold says. */
static void check_snapshot(struct audit *audit, uint64_t sequence)
{
	uint8_t ours[BLAKE_SIZE], theirs[BLAKE_SIZE];
	struct error error = {0};
	struct core *core = NULL;
	int rc = load_snapshot(audit, sequence, &core, &error);
	if (rc == FAULT_NOT_FOUND)
		return;
	findings_check(&audit->findings, PROMISE_6, rc == 0, sequence, "the snapshot cannot be used: %s", error.text);
	if (rc < 0)
		return;
	core_state_hash(audit->core, ours);
	core_state_hash(core, theirs);
	bool left_agrees = core_left_agrees(audit->core, core);
	core_free(core);
	audit->findings.snapshots++;
	if (!left_agrees)
		findings_failed(&audit->findings, PROMISE_4, sequence,
		                "the snapshot does not know the keys of the orders that have left");
	findings_check(&audit->findings, PROMISE_6, secret_is(ours, theirs, BLAKE_SIZE), sequence,
	               "the snapshot's state is not what the log comes to");
}

static void check_snapshots_here(struct audit *audit, uint64_t sequence)
{
	for (int i = 0; i < audit->snapshot_count; i++)
		if (audit->snapshots[i] == sequence)
			check_snapshot(audit, sequence);
}

/* ---- one record ---- */

static void core_fault(struct audit *audit, uint64_t sequence, const struct error *error)
{
	findings_core_fault(&audit->findings, sequence, error);
	snprintf(audit->findings.stopped, sizeof audit->findings.stopped, "%s", error->text);
	audit->broken = true;
}

static void check_all(struct audit *audit)
{
	struct error error = {0};
	if (core_check(audit->core, &error) < 0)
		findings_core_fault(&audit->findings, core_sequence(audit->core), &error);
	audit->findings.full_checks++;
}

static void check_step(struct audit *audit, uint64_t sequence)
{
	struct error error = {0};
	if (core_check_step(audit->core, &error) < 0)
		findings_core_fault(&audit->findings, sequence, &error);
	if (sequence >= audit->full_check_at) {
		check_all(audit);
		audit->full_check_at = sequence * 2;
	}
	check_snapshots_here(audit, sequence);
}

/* Faults that are no finding: of the settings (a pool that is too small), of the version, of memory. */
static int apply(struct audit *audit, const struct log_record *record, struct error *error)
{
	struct command command;
	struct outcome outcome;
	int rc = command_decode(record->bytes, record->size, audit->scratch, &command, error);
	if (rc == 0)
		rc = core_apply(audit->core, record->sequence, record->time, &command, &outcome, error);
	if (rc == FAULT_DAMAGED) {
		core_fault(audit, record->sequence, error);
		return 0;
	}
	if (rc == 0)
		rc = book_record(&audit->book, record->sequence, record->time, &command, &outcome, error);
	if (rc < 0)
		return rc;
	findings_checked(&audit->findings, PROMISE_3);
	findings_checked(&audit->findings, PROMISE_7);
	if (command.kind == COMMAND_CHECK)
		findings_checked(&audit->findings, PROMISE_6);
	audit->findings.records++;
	audit->findings.last = record->sequence;
	check_step(audit, record->sequence);
	return 0;
}

/* Up to `until` (0: all there is). */
static int fold(struct audit *audit, uint64_t until, struct error *error)
{
	struct log_record record;
	while (!audit->broken && (until == 0 || core_sequence(audit->core) < until)) {
		int rc = log_cursor_next(audit->log, audit->cursor, &record, error);
		if (rc <= 0)
			return rc;
		rc = apply(audit, &record, error);
		if (rc < 0)
			return rc;
		if (record.sequence % 1024 == 0)
			progress_at(&audit->progress, audit->findings.records);
	}
	return 0;
}

/* bring_up_fn. The log of a running server shows its newest records a moment later than the read model has them. */
static int bring_up(void *context, uint64_t sequence, struct error *error)
{
	static const struct timespec pause = {.tv_nsec = 20000000};
	struct audit *audit = context;
	for (int i = 0; i < CATCH_UP_TRIES; i++) {
		int rc = fold(audit, sequence, error);
		if (rc < 0)
			return rc;
		if (core_sequence(audit->core) >= sequence)
			return 1;
		if (audit->broken)
			return 0;
		nanosleep(&pause, NULL);
		close_log(audit);
		rc = open_log(audit, core_sequence(audit->core) + 1, error);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- where to begin ---- */

/* "…/snapshots/00000000000000001234.snap": the snapshot of that record, in the data directory. */
static int snapshot_of_file(const char *path, uint64_t *ret, struct error *error)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char *end;
	errno = 0;
	unsigned long long sequence = strtoull(name, &end, 10);
	if (errno || end == name || strcmp(end, ".snap") != 0 || sequence == 0)
		return error_set(
		    error, FAULT_INVALID,
		    "--from: \"%.100s\" is no snapshot; they stand in the data directory's folder snapshots", path);
	*ret = sequence;
	return 0;
}

/* The beginning of the log; or, when that is archived, the oldest snapshot that the rest goes on from. */
static int choose_base(struct audit *audit, const char *from, uint64_t *ret, struct error *error)
{
	if (from)
		return snapshot_of_file(from, ret, error);
	*ret = 0;
	int rc = open_log(audit, 1, error);
	close_log(audit);
	if (rc != FAULT_NOT_FOUND)
		return rc;
	uint64_t first = audit->recovery.first_sequence;
	for (int i = 0; i < audit->snapshot_count; i++)
		if (audit->snapshots[i] + 1 >= first) {
			audit->findings.archived = true;
			*ret = audit->snapshots[i];
			return 0;
		}
	return error_set(error, FAULT_DAMAGED, "the log begins at record %llu, and no snapshot leads there",
	                 (unsigned long long)first);
}

static int begin(struct audit *audit, const char *from, struct error *error)
{
	int rc = wiring_disk_read(setting_text(audit->settings, SETTING_DATA), &audit->disk, error);
	if (rc == 0)
		rc = snapshot_list(audit->disk, audit->snapshots, SNAPSHOTS_MAX, error);
	if (rc < 0)
		return rc;
	audit->snapshot_count = rc;
	rc = choose_base(audit, from, &audit->findings.base, error);
	if (rc == 0 && audit->findings.base)
		rc = load_snapshot(audit, audit->findings.base, &audit->core, error);
	else if (rc == 0)
		rc = core_new(&audit->limits, &audit->core, error);
	if (rc == 0)
		rc = book_init(&audit->book, audit->core, &audit->findings, error);
	if (rc == 0)
		rc = open_log(audit, audit->findings.base + 1, error);
	audit->findings.last = audit->findings.base;
	return rc;
}

/* ---- all of it ---- */

static int look_at_store(struct audit *audit, struct error *error)
{
	struct store *store;
	int rc = wiring_store_read(audit->settings, &store, error);
	if (rc == FAULT_NOT_FOUND)
		return 0;
	if (rc == FAULT_DAMAGED) {
		findings_checked(&audit->findings, PROMISE_READ_MODEL);
		findings_failed(&audit->findings, PROMISE_READ_MODEL, 0, "%s", error->text);
		audit->findings.store_there = true;
		return 0;
	}
	if (rc < 0)
		return rc;
	rc = audit_store(&audit->book, store, bring_up, audit, error);
	store->ops->close(store);
	return rc;
}

static int prove(struct audit *audit, const char *from, struct error *error)
{
	int rc = begin(audit, from, error);
	if (rc < 0)
		return rc;
	audit->findings.torn_tail = audit->recovery.torn_tail;
	memcpy(audit->findings.torn_where, audit->recovery.torn_where, sizeof audit->findings.torn_where);
	progress_init(&audit->progress, "folding the log", audit->recovery.last_sequence - audit->findings.base);
	rc = fold(audit, 0, error);
	progress_end(&audit->progress);
	if (rc == 0 && !audit->broken)
		rc = look_at_store(audit, error);
	if (rc < 0)
		return rc;
	if (!audit->broken) {
		check_all(audit);
		book_compare_core(&audit->book);
		findings_checked(&audit->findings, PROMISE_6);
	}
	audit->findings.orders = audit->book.order_count;
	audit->findings.drops = audit->book.drop_count;
	return 0;
}

static void audit_close(struct audit *audit)
{
	close_log(audit);
	book_fini(&audit->book);
	if (audit->core)
		core_free(audit->core);
	if (audit->disk)
		audit->disk->ops->done(audit->disk);
	free(audit->scratch);
	free(audit);
}

static int print(const struct invocation *invocation, const struct findings *findings)
{
	struct buf out = {0};
	if (invocation->json)
		findings_print_json(&out, findings);
	else
		findings_print(&out, findings, setting_text(&invocation->settings, SETTING_DATA),
		               output_has_color(STDOUT_FILENO));
	int status = output_end(&out);
	return status ? status : findings_hold(findings) ? 0 : EXIT_BROKEN;
}

SUBCOMMAND(audit_run)
{
	struct audit *audit = calloc(1, sizeof *audit);
	if (audit)
		audit->scratch = malloc(sizeof *audit->scratch);
	if (!audit || !audit->scratch) {
		free(audit);
		return error_set(error, FAULT_MEMORY, "no memory for an audit");
	}
	audit->settings = &invocation->settings;
	audit->limits = wiring_pools(&invocation->settings);
	audit->full_check_at = FULL_CHECK_FIRST;
	int rc = prove(audit, invocation_option(invocation, "from"), error);
	if (rc == 0)
		rc = print(invocation, &audit->findings);
	audit_close(audit);
	return rc;
}
