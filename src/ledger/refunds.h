/* refunds: which payments were recorded last as ones to be refunded, so that repeating one writes no second record.
 *
 * A shop that hears refund_due may well ask again, and again. An order's row has no room for what arrived after its end,
 * and what a row holds is part of the state's hash, which two versions must agree in; so this is the ledger's memory,
 * not the core's. It knows only what a record says, and never says of a payment that it was recorded when it was not:
 * what it has forgotten, by a restart or by another payment in its place, is recorded once more.
 *
 * Memory   the rows, taken in refunds_init(). A payment has one place, by the digest of its reference.
 */
#ifndef DIBS_LEDGER_REFUNDS_H
#define DIBS_LEDGER_REFUNDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"

#define REFUNDS_MAX 16384 /* a power of two; late payments of a large sale; half a MiB */

struct refund {
	uint64_t order;
	struct digest128 payment;
	uint64_t sequence; /* of its record; 0: a free place */
};

struct refunds {
	struct refund *rows;
};

bool refunds_init(struct refunds *refunds);
void refunds_fini(struct refunds *refunds);
void refunds_put(struct refunds *refunds, uint64_t order, struct digest128 payment, uint64_t sequence);
/* The sequence of the record; 0: not known. */
uint64_t refunds_find(const struct refunds *refunds, uint64_t order, struct digest128 payment);

#endif
