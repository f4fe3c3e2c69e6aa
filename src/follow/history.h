/* history: durable records from any sequence on, also from before the log's oldest segment.
 *
 * What the journal has archived stands in the same data directory, as long as nobody takes it away. Whoever has to begin
 * before the log does reads it through a second journal that looks into both folders and only reads; and goes over to the
 * running one at the sequence that was durable when this began, so that it never sees what is not durable (P3).
 *
 *   history_open            log ─────────────────────────►
 *   history_open_archived   archive ──► log, read only ──┼─ until ──► log ──►
 *
 * Thread   its owner's.
 * Faults   FAULT_NOT_FOUND: neither reaches back so far. While it reads archived segments (history_is_archived), any
 *          other fault may be theirs alone: of bytes that the sale does not need.
 */
#ifndef DIBS_FOLLOW_HISTORY_H
#define DIBS_FOLLOW_HISTORY_H

#include "log/disk.h"
#include "log/log.h"

struct history {
	struct log *log;           /* the running one */
	struct log *archived;      /* NULL: it is not needed, or not any more */
	struct log_cursor *cursor; /* of the one that is read now; NULL: not begun */
	uint64_t until, next;
};

void history_open(struct history *history, struct log *log);
int history_open_archived(struct history *history, struct disk *disk, struct log *log, struct error *error);
bool history_is_archived(const struct history *history);
/* What follow_fold() is to fold from. */
struct log *history_log(const struct history *history);

/* From this sequence on. */
int history_begin(struct history *history, uint64_t from, struct error *error);
/* As a cursor's: 1: *ret is the next one, valid until the next call; 0: nothing durable beyond; or a fault. */
int history_next(struct history *history, struct log_record *ret, struct error *error);
void history_close(struct history *history);

#endif
