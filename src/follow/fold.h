/* fold: records in, changes of a core out, with the memory that a claim will touch asked for ahead of time.
 *
 * A claim's rows lie anywhere in the core, so a fold that applied each record as it came would wait for memory most of
 * its time. Records wait in a ring of PREFETCH_AHEAD while theirs is fetched. fold_drain() applies those that wait;
 * until then the core is up to so many records behind.
 *
 * Memory   copies the records that wait; a large one is applied at once, behind those before it.
 * Faults   those of command_decode() and core_apply(); afterwards the fold can only be freed.
 * Thread   one.
 */
#ifndef DIBS_FOLLOW_FOLD_H
#define DIBS_FOLLOW_FOLD_H

#include "core/core.h"
#include "log/log.h"

struct fold;

/* The core stays the caller's. */
int fold_new(struct core *core, struct fold **ret, struct error *error);
void fold_free(struct fold *fold);
int fold_push(struct fold *fold, const struct log_record *record, struct error *error);
int fold_drain(struct fold *fold, struct error *error);

#endif
