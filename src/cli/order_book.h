/* order_book: what a server says about a drop afterwards: its orders, page by page, its units and its statistics.
 *
 * Memory   the book owns its rows; order_book_fini() frees them. Outputs untouched on failure.
 * Faults   those of fetch.h; FAULT_INVALID: an answer that is not what API.md says; FAULT_MEMORY.
 */
#ifndef DIBS_CLI_ORDER_BOOK_H
#define DIBS_CLI_ORDER_BOOK_H

#include "cli/fetch.h"

#define BOOK_ORDER_SIZE 16  /* an order's id with its end */
#define BOOK_STATUS_SIZE 10 /* "completed" with its end */
#define BOOK_BUYER_SIZE 65  /* a buyer's id with its end */
#define BOOK_CODES_MAX 32   /* reasons for refusal: verdict.def has 12 */
#define BOOK_CODE_SIZE 24

struct book_order {
	char order[BOOK_ORDER_SIZE];
	char status[BOOK_STATUS_SIZE];
	char buyer[BOOK_BUYER_SIZE];
	uint64_t units;
};

struct order_book {
	struct book_order *orders; /* by order's id */
	size_t count, capacity;
};

/* All orders of the drop, by order's id. */
int order_book_read(struct fetch *fetch, const char *drop, struct order_book *ret, struct error *error);
void order_book_fini(struct order_book *book);
const struct book_order *order_book_find(const struct order_book *book, const char *order);

struct drop_figures {
	int64_t stock, free, held, sold;
	int64_t limit;                  /* -1: none */
	char only_sku[BOOK_BUYER_SIZE]; /* empty: there are several */
	int64_t requests, granted;
	uint32_t refusal_count;
	struct {
		char code[BOOK_CODE_SIZE];
		int64_t count;
	} refusal[BOOK_CODES_MAX];
};

/* The drop's numbers now, units as the ledger has them and statistics as the store has them. */
int drop_figures_read(struct fetch *fetch, const char *drop, struct drop_figures *ret, struct error *error);
int64_t drop_figures_refused(const struct drop_figures *figures, const char *code);

/* One order, as the ledger has it. 1: found, 0: not, or a fault. */
int order_read(struct fetch *fetch, const char *order, struct book_order *ret, struct error *error);

#endif
