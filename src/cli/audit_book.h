/* audit_book: the audit's own books, kept beside the core's fold.
 *
 * The core says what it did with each record (its listener); the books write it down in their own way, add up by
 * themselves, and hold every step against the promises. So an error in the core's own counts shows, and the read model
 * is compared with the books, not with the projector's idea of them.
 *
 * Units    times in ms since 1970, sequences from 1.
 * Memory   about 150 bytes an order; growing arrays.
 * Faults   FAULT_MEMORY, remembered and handed out by book_record(). What does not hold is a finding, not a fault.
 * Thread   one.
 */
#ifndef DIBS_CLI_AUDIT_BOOK_H
#define DIBS_CLI_AUDIT_BOOK_H

#include "cli/audit_findings.h"
#include "core/core.h"

struct book_sku {
	struct text id; /* into the core */
	uint64_t stock, held, sold;
};

/* What a drop's orders and refusals add up to. */
struct book_totals {
	uint64_t granted, completed, canceled, expired, refused;
};

struct book_drop {
	struct text id; /* into the core */
	uint32_t sku_count, limit;
	int64_t hold_ms, opens_at, closes_at;
	bool opened, paused, closed;
	struct book_sku *skus;
	uint32_t granted; /* orders: the last place given */
	struct book_totals totals;
};

struct book_line {
	uint32_t sku, quantity;
};

/* An order has one state at first and at most one change: so it is known as of every record. */
struct book_order {
	uint64_t sequence;
	struct digest128 owner;    /* drop and buyer */
	struct digest128 key;      /* owner and key; zeros: none */
	struct digest128 identity; /* what the read model must say of it, whatever became of it */
	struct digest128 payment;
	int64_t created_at, hold_until, ended_at;
	uint64_t changed; /* the record that changed it; 0: none yet */
	uint32_t drop, position, first_line, next_of_owner;
	uint8_t line_count, status, left, seen;
};

#define NO_ROW UINT32_MAX

/* A growing table of rows by a digest of theirs. */
struct book_index {
	uint32_t *slot;
	uint64_t size, count;
};

struct book {
	struct findings *findings;
	const struct core *core;
	uint8_t digest_key[DIGEST_KEY_SIZE];
	uint64_t base;
	struct book_drop *drops;
	uint32_t drop_count, drop_capacity;
	struct book_order *orders;
	uint32_t order_count, order_capacity;
	struct book_line *lines;
	uint32_t line_count, line_capacity;
	struct book_index by_owner, by_key;
	int fault;
};

/* core: fresh, or as a snapshot left it: then its drops and counts are taken over. Sets the core's listener. */
int book_init(struct book *book, struct core *core, struct findings *findings, struct error *error);
void book_fini(struct book *book);

/* After core_apply() of this record, which has told the book through the listener. */
int book_record(struct book *book, uint64_t sequence, struct wall_ms time, const struct command *command,
                const struct outcome *outcome, struct error *error);

struct book_order *book_order_find(const struct book *book, uint64_t sequence);
/* The books against the core's counts, over everything: P1, P5. */
void book_compare_core(struct book *book);

/* What is the same in every state of an order, for the read model's rows and the books alike. */
struct identity {
	struct text drop, buyer, key;
	int64_t created_at, hold_until;
	uint32_t position, line_count;
	struct text sku[LINES_MAX];
	uint32_t quantity[LINES_MAX];
};
struct digest128 book_identity(const struct book *book, const struct identity *identity);
struct digest128 book_text(const struct book *book, struct text text); /* zeros for an empty one */

#endif
