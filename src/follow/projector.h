/* projector: a fold of its own that turns what changes into rows of the store.
 *
 * Between two writes the core is ahead of the store by what the batch holds. Rows and position go into one
 * transaction, so each change is a row exactly once, whatever stops when.
 *
 * Memory   owns its core, from projector_new() on.
 * Faults   of apply and settle: the fold's (core.h), FAULT_MEMORY: it cannot go on. Of write: the store's; write again.
 * Thread   one.
 */
#ifndef DIBS_FOLLOW_PROJECTOR_H
#define DIBS_FOLLOW_PROJECTOR_H

#include "core/core.h"
#include "log/log.h"
#include "store/store.h"

struct projector;

/* core stands at the store's position, and becomes the projector's; after a fault it is still the caller's. */
int projector_new(struct core *core, struct store *store, uint32_t drops_max, struct projector **ret,
                  struct error *error);
void projector_free(struct projector *projector);

/* Takes the next record; it may wait for those that follow until projector_settle(), which goes before a write. */
int projector_apply(struct projector *projector, const struct log_record *record, struct error *error);
int projector_settle(struct projector *projector, struct error *error);
uint32_t projector_waiting(const struct projector *projector); /* rows not written yet */
uint32_t projector_orders(const struct projector *projector);  /* new orders among them */
int projector_write(struct projector *projector, struct error *error);
const struct core *projector_core(const struct projector *projector);

/* Rows of all drops and of the orders that are in the core now, for a store that is empty while the log's beginning
 * is gone: without buyers and keys, of which the core has only digests. From the next record on rows are whole, and
 * the store is marked so. */
int projector_seed(struct projector *projector, struct error *error);

#endif
