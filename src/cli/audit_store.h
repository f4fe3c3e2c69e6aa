/* audit_store: the read model, row by row, against the audit's books. It asks the store through its port only, and
 * shares nothing with the projector that wrote it.
 *
 * A running server writes on while this reads. So a row may be as it was at the position before the reading or at any
 * one up to the position after it; what is newer than the books is looked at again when they have been brought up.
 */
#ifndef DIBS_CLI_AUDIT_STORE_H
#define DIBS_CLI_AUDIT_STORE_H

#include "cli/audit_book.h"
#include "store/store.h"

/* Brings the books up to this record: 1; 0 when the log does not go so far; or a fault. */
typedef int bring_up_fn(void *context, uint64_t sequence, struct error *error);

/* Faults are the store's, the books' and memory; what differs is a finding. */
int audit_store(struct book *book, struct store *store, bring_up_fn *bring_up, void *context, struct error *error);

#endif
