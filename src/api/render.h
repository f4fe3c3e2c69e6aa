/* render: drops and orders as JSON, the same from the ledger, the views and the store.
 *
 * Memory   appends to the caller's buf; the order's texts are borrowed.
 */
#ifndef DIBS_API_RENDER_H
#define DIBS_API_RENDER_H

#include "core/order_id.h"
#include "ledger/ask.h"
#include "ledger/view.h"
#include "store/store.h"

#define SKUS_AT_ONCE 256 /* copied out of a view together with its head: a drop with an end or a limit has no more */
_Static_assert(SKUS_AT_ONCE >= SKUS_MAX, "such a drop is shown as it was at one moment");

/* An answer's order in the one form that is rendered; texts point into the answer, the buyer is given. */
void order_of_answer(const struct answer_order *answer, struct text buyer, struct store_order *ret);

void render_order(struct buf *out, uint8_t log, const struct store_order *order);
void render_order_id(struct buf *out, uint8_t log, uint64_t sequence);
struct text order_id_text(uint8_t log, uint64_t sequence, char out[ORDER_ID_SIZE]);
void render_time(struct buf *out, struct wall_ms time); /* null when it does not come */
void render_position(struct buf *out, uint8_t log, uint64_t sequence);

/* False: there is no such drop. with_skus: with one line per SKU. */
bool render_drop(struct buf *out, const struct views *views, uint32_t drop, struct wall_ms now, bool with_skus);

#endif
