/* batch: the rows of one transaction, gathered while the fold goes on, then written; and written again if the store
 * could not take them, for the fold cannot be asked twice.
 *
 * Memory   texts are copied in; ids of drops and SKUs are the core's, which outlives the batch.
 *          When memory runs out, the batch remembers (failed): it is not whole and must not be written.
 * Faults   of batch_write: the store's; the batch is then as it was, the transaction undone.
 * Thread   one.
 */
#ifndef DIBS_FOLLOW_BATCH_H
#define DIBS_FOLLOW_BATCH_H

#include "store/store.h"

struct batch_change; /* one row put or ended, in the order of the log */

struct batch_line {
	struct text sku;
	uint32_t quantity;
};

struct batch {
	struct batch_change *changes;
	uint32_t change_count, change_capacity;
	struct batch_line *lines;
	uint32_t line_count, line_capacity;
	struct buf texts;
	struct store_second *seconds;
	uint32_t second_count, second_capacity;
	uint32_t *second_of_drop; /* place of the drop's newest second in seconds, and one more; 0: none */
	uint32_t drops_max;
	bool failed;
};

int batch_init(struct batch *batch, uint32_t drops_max, struct error *error);
void batch_fini(struct batch *batch);
void batch_clear(struct batch *batch);

void batch_put_drop(struct batch *batch, const struct store_drop *drop);
void batch_put_order(struct batch *batch, const struct store_order *order);
void batch_end_order(struct batch *batch, uint64_t order, enum order_status status, struct wall_ms ended_at,
                     struct text payment_ref);
void batch_put_refund(struct batch *batch, const struct store_refund *refund);
void batch_put_payment(struct batch *batch, const struct store_refund *payment);
/* The second of the drop that has this time, to be added to; NULL when memory ran out. Times do not go back. */
struct store_second *batch_second(struct batch *batch, uint32_t drop, struct wall_ms time);

struct batch_end {
	uint64_t position, hash, whole_from; /* whole_from 0: it stays as it is */
	struct wall_ms as_of;
};
int batch_write(const struct batch *batch, struct store *store, const struct batch_end *end, struct error *error);

#endif
