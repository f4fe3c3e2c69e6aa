/* log_cmd: dibs log …: the ordered log of a data directory, running or not, as lines of text or JSON. It only reads. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/time.h"
#include "cli/output.h"
#include "cli/subcommands.h"
#include "cli/wiring.h"
#include "core/command.h"

#define OUT_SIZE 65536 /* lines gather up to this before they are written */

struct reading {
	struct disk *disk;
	struct log *log;
	struct log_cursor *cursor;
	struct journal_recovery recovery;
	struct command_scratch *scratch;
};

static void reading_close(struct reading *reading)
{
	if (reading->cursor)
		log_cursor_close(reading->log, reading->cursor);
	if (reading->log)
		log_close(reading->log);
	if (reading->disk)
		reading->disk->ops->done(reading->disk);
	free(reading->scratch);
}

static int reading_open(struct reading *reading, const struct settings *settings, uint64_t from, struct error *error)
{
	*reading = (struct reading){.scratch = malloc(sizeof *reading->scratch)};
	int rc = reading->scratch ? 0 : error_set(error, FAULT_MEMORY, "no memory for a record");
	if (rc == 0)
		rc = wiring_disk_read(setting_text(settings, SETTING_DATA), &reading->disk, error);
	if (rc == 0)
		rc = wiring_log_read(reading->disk, from, &reading->log, &reading->recovery, error);
	if (rc == 0 && from < reading->recovery.first_sequence)
		from = reading->recovery.first_sequence;
	if (rc == 0)
		rc = log_cursor_open(reading->log, from, &reading->cursor, error);
	if (rc < 0)
		reading_close(reading);
	return rc;
}

static void put_text(struct buf *out, const struct log_record *record, const char *time, const struct command *command)
{
	buf_printf(out, "%llu %s ", (unsigned long long)record->sequence, time);
	command_print(out, command);
	buf_str(out, "\n");
}

static void put_json(struct buf *out, const struct log_record *record, const char *time, const struct command *command)
{
	buf_printf(out, "{\"sequence\":%llu,\"time\":\"%s\",\"record\":", (unsigned long long)record->sequence, time);
	command_print_json(out, command);
	buf_str(out, "}\n");
}

static int put_record(struct buf *out, struct reading *reading, const struct log_record *record, bool json,
                      struct error *error)
{
	struct command command;
	char time[RFC3339_SIZE];
	int rc = command_decode(record->bytes, record->size, reading->scratch, &command, error);
	if (rc < 0)
		return rc;
	rfc3339_format(record->time, time);
	(json ? put_json : put_text)(out, record, time, &command);
	return 0;
}

/* Writes up to `count` records. */
static int print_records(struct reading *reading, uint64_t count, bool json, struct progress *progress,
                         struct error *error)
{
	struct buf out = {0};
	struct log_record record;
	int rc = 0;
	for (uint64_t done = 0; done < count; done++) {
		rc = log_cursor_next(reading->log, reading->cursor, &record, error);
		if (rc <= 0)
			break;
		rc = put_record(&out, reading, &record, json, error);
		if (rc == 0 && out.size >= OUT_SIZE && !output_write(&out))
			rc = 1;
		if (rc != 0)
			break;
		progress_at(progress, done);
	}
	progress_end(progress);
	if (rc <= 0 && !output_write(&out))
		rc = 1;
	buf_fini(&out);
	return rc;
}

static int print_log(const struct invocation *invocation, bool json, const char *what, struct error *error)
{
	struct reading reading;
	struct progress progress;
	int64_t from, count;
	int rc = invocation_number(invocation, "from", 1, INT64_MAX, 1, &from, error);
	if (rc == 0)
		rc = invocation_number(invocation, "count", 1, INT64_MAX, INT64_MAX, &count, error);
	if (rc == 0)
		rc = reading_open(&reading, &invocation->settings, (uint64_t)from, error);
	if (rc != 0)
		return rc;
	uint64_t last = reading.recovery.last_sequence;
	progress_init(&progress, what, last >= (uint64_t)from ? last - (uint64_t)from + 1 : 0);
	if (isatty(STDOUT_FILENO))
		progress.terminal = false; /* the records themselves show where it is */
	rc = print_records(&reading, (uint64_t)count, json, &progress, error);
	reading_close(&reading);
	return rc;
}

SUBCOMMAND(log_show_run)
{
	return print_log(invocation, invocation->json, "records", error);
}

SUBCOMMAND(log_export_run)
{
	const char *path = invocation_option(invocation, "output");
	if (path && strcmp(path, "-") != 0 && !freopen(path, "we", stdout))
		return error_set(error, FAULT_INVALID, "--output: %s cannot be written: %s", path, strerror(errno));
	return print_log(invocation, true, "exported", error);
}

/* ---- verify ---- */

static void put_recovery(struct buf *out, const struct journal_recovery *found, bool json)
{
	if (json)
		buf_printf(out,
		           "{\"verified\":true,\"first\":%llu,\"last\":%llu,\"segments\":%llu,\"batches\":%llu,"
		           "\"torn_tail\":%s}\n",
		           (unsigned long long)found->first_sequence, (unsigned long long)found->last_sequence,
		           (unsigned long long)found->segments, (unsigned long long)found->batches,
		           found->torn_tail ? "true" : "false");
	else
		buf_printf(out,
		           "good: records %llu to %llu in %llu batches and %llu segments; every checksum and the chain "
		           "of hashes hold\n",
		           (unsigned long long)found->first_sequence, (unsigned long long)found->last_sequence,
		           (unsigned long long)found->batches, (unsigned long long)found->segments);
	if (!json && found->torn_tail)
		buf_printf(out, "a batch that was never acknowledged is torn, at %s; the next start leaves it out\n",
		           found->torn_where);
}

SUBCOMMAND(log_verify_run)
{
	struct journal_recovery found = {0};
	struct disk *disk;
	struct buf out = {0};
	int rc = wiring_disk_read(setting_text(&invocation->settings, SETTING_DATA), &disk, error);
	if (rc < 0)
		return rc;
	rc = wiring_log_verify(disk, &found, error);
	disk->ops->done(disk);
	if (rc < 0)
		return rc;
	put_recovery(&out, &found, invocation->json);
	return output_end(&out);
}
