#include "follow/history.h"

#include "log/journal.h"

void history_open(struct history *history, struct log *log)
{
	*history = (struct history){.log = log};
}

int history_open_archived(struct history *history, struct disk *disk, struct log *log, struct error *error)
{
	static const struct journal_options options = {.read_only = true, .with_archive = true};
	struct journal_recovery found;
	uint64_t until = log_durable(log);
	struct log *archived;
	int rc = journal_open(disk, &options, until, &archived, &found, error);
	if (rc < 0)
		return rc;
	if (found.first_sequence != 1 || found.last_sequence < until) {
		log_close(archived);
		return error_set(error, FAULT_NOT_FOUND, "archive and log do not begin at the first record");
	}
	*history = (struct history){.log = log, .archived = archived, .until = until};
	return 0;
}

bool history_is_archived(const struct history *history)
{
	return history->archived;
}

struct log *history_log(const struct history *history)
{
	return history->archived ? history->archived : history->log;
}

int history_begin(struct history *history, uint64_t from, struct error *error)
{
	history->next = from;
	return log_cursor_open(history_log(history), from, &history->cursor, error);
}

static void end_cursor(struct history *history)
{
	if (history->cursor)
		log_cursor_close(history_log(history), history->cursor);
	history->cursor = NULL;
}

static void end_archived(struct history *history)
{
	end_cursor(history);
	if (history->archived)
		log_close(history->archived);
	history->archived = NULL;
}

int history_next(struct history *history, struct log_record *ret, struct error *error)
{
	int rc = 0;
	if (history->archived && history->next > history->until) {
		end_archived(history);
		rc = history_begin(history, history->next, error);
	}
	if (rc == 0)
		rc = log_cursor_next(history_log(history), history->cursor, ret, error);
	if (rc > 0)
		history->next = ret->sequence + 1;
	return rc;
}

void history_close(struct history *history)
{
	end_archived(history);
}
