/* crowd_check: is what the crowd was told what the log and the store say?
 *
 *   told yes   the order is in the store's list and in the ledger, under the same buyer, with the same status
 *   told no    the buyer is not in the list
 *   nobody told: an order of that buyer may be there or not
 *   and        no buyer above the limit, no unit given that did not exist, every unit free, held or sold,
 *              statistics that agree
 *
 * Memory   the caller's struct; what is read in between is freed.
 * Faults   what keeps the check from being made. What it finds is no fault: `holds` and a line of text each.
 */
#ifndef DIBS_CLI_CROWD_CHECK_H
#define DIBS_CLI_CROWD_CHECK_H

#include "cli/crowd.h"
#include "cli/order_book.h"
#include "cli/report.h"

#define CHECK_LINES_MAX 8
#define CHECK_CROWDS_MAX 8      /* crowds that asked one drop, one after the other */
#define CHECK_LOOK_UPS_MAX 1000 /* orders asked of the ledger one by one: a second at most; spread over all of them */

#define CHECK_STATISTICS_MS 4000 /* refusals are counted in the log once a second, and then followed */

/* Somebody was told: this order is yours. */
struct told {
	char order[BOOK_ORDER_SIZE];
	char buyer[BOOK_BUYER_SIZE];
	char status[BOOK_STATUS_SIZE]; /* what it is to be now */
	bool may_have_expired;         /* was told as pending, and time has passed */
};

struct told_list {
	struct told *at;
	size_t count, capacity;
};
/* Adds everyone who was granted an order. FAULT_MEMORY. */
int told_add(struct told_list *list, const struct crowd_result *result, struct error *error);
void told_fini(struct told_list *list);

struct check_plan {
	struct fetch *fetch;
	const char *drop;
	struct told_list *told;                   /* is sorted by the check */
	const struct crowd_result *const *crowds; /* everyone who asked */
	size_t crowd_count;
	const struct drop_figures *before; /* of the drop, before the first crowd */
	bool alone;                        /* nobody else asks this drop: figures are equal, not at least */
	uint32_t statistics_ms;            /* so long the statistics may lag behind; 0: CHECK_STATISTICS_MS */
	bool uninterrupted;                /* no kill in between: the last second of refusals is not lost */
};

struct check_line {
	const char *what;
	bool holds;
	char found[200];
};

struct crowd_check {
	bool holds;
	uint32_t count;
	struct check_line line[CHECK_LINES_MAX];
};

int crowd_check(const struct check_plan *plan, struct crowd_check *ret, struct error *error);
void crowd_check_text(const struct crowd_check *check, struct style style, struct buf *out);
/* A JSON object, without a line end. */
void crowd_check_json(const struct crowd_check *check, struct buf *out);

#endif
