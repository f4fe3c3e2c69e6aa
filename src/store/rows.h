/* rows: how a store's adapters write what has no column type of its own (schema.sql says the form).
 *
 * Memory   texts read out of a row point into it.
 * Faults   FAULT_DAMAGED: the row is not as it was written.
 * Thread   any.
 */
#ifndef DIBS_STORE_ROWS_H
#define DIBS_STORE_ROWS_H

#include "store/store.h"

/* "sku:quantity sku:quantity …": ids of 64 bytes, a colon, ten digits, a blank. */
#define ROW_LINES_SIZE_MAX (LINES_MAX * (ID_SIZE_MAX + 1 + 10 + 1))

size_t row_lines_format(const struct store_order *order, char out[ROW_LINES_SIZE_MAX]);
int row_lines_parse(struct text text, struct store_order *ret, struct error *error);

/* What buyers are found by. Two buyers may have the same: compare the texts. */
int32_t row_buyer_hash(struct text buyer);

#endif
