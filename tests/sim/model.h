/* model: the sale a second time, naive, written from DESIGN §4 and §5 and docs/FORMATS.md alone: lists, and walking along
 * them. It shares no code with core/, not even the numbers of verdicts, which are written out here once more.
 *
 * It folds the log's records from their bytes, and tells what a question would get at any place of the log.
 */
#ifndef DIBS_SIM_MODEL_H
#define DIBS_SIM_MODEL_H

#include <stddef.h>

#include "told.h"

enum model_verdict {
	SAYS_GRANTED = 0,
	SAYS_DONE = 1,
	SAYS_REPLAYED = 2,
	SAYS_SAME = 3,
	SAYS_KEY_REUSED = 4,
	SAYS_UNKNOWN_DROP = 5,
	SAYS_UNKNOWN_SKU = 6,
	SAYS_BAD_QUANTITY = 7,
	SAYS_LIMIT_REACHED = 8,
	SAYS_TOO_MANY_ORDERS = 9,
	SAYS_NOT_OPEN = 10,
	SAYS_PAUSED = 11,
	SAYS_CLOSED = 12,
	SAYS_ALL_HELD = 13,
	SAYS_SOLD_OUT = 14,
	SAYS_UNKNOWN_ORDER = 15,
	SAYS_REFUND_DUE = 16,
	SAYS_WRONG_STATE = 17,
	SAYS_EXISTS = 18,
	SAYS_UNKNOWN_KEY = 19,
	SAYS_LATE = 20,
	SAYS_STALE = 21,
	SAYS_FORBIDDEN_RULES = 22,
	SAYS_NOT_ELIGIBLE = 64,
	SAYS_FOUND = 70,
};

enum model_status { IS_PENDING, IS_COMPLETED, IS_CANCELED, IS_EXPIRED };

struct model_order {
	uint64_t sequence;
	uint32_t drop; /* in the order of creation */
	uint32_t buyer, key, payment, line_count, position;
	struct told_line line[16];
	enum model_status status;
	int64_t created, deadline, ended;
	uint32_t next_of_buyer, next_in_list; /* + 1; 0: none */
	bool has_left;
};

struct model_says {
	enum model_verdict verdict;
	uint64_t order; /* that it means; 0: none */
};

struct model;
struct model *model_new(void);
void model_clear(struct model *model);
/* The next record of the log. */
struct model_says model_apply(struct model *model, uint64_t sequence, int64_t time, const uint8_t *bytes, size_t size);
/* What this question gets here, at its time. */
struct model_says model_ask(const struct model *model, const struct told *question);

/* NULL: no such order was ever granted. */
const struct model_order *model_order(const struct model *model, uint64_t sequence);
enum model_status model_status_at(const struct model_order *order, int64_t now);
uint32_t model_drops(const struct model *model);
void model_sku(const struct model *model, uint32_t drop, uint32_t sku, uint32_t *ret_stock, uint32_t *ret_held,
               uint32_t *ret_sold);
/* P1, P2, P5, P7, counted anew from the list of all orders. NULL, or what is broken. */
const char *model_check(const struct model *model);

#endif
