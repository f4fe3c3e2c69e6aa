/* ask: one request to the ledger, and its answer written in place.
 *
 *   loop ── fills ask ──► ledger_submit ──► ring ──► ledger_step ──► (durable up to answer.basis) ──► ring ──► loop
 *
 * Memory   the loop owns the ask and every text in it; from ledger_submit() until it is handed back by the loop's
 *          done function it belongs to the ledger, and the loop touches nothing of it, even if the client is gone.
 * Thread   whoever owns it.
 */
#ifndef DIBS_LEDGER_ASK_H
#define DIBS_LEDGER_ASK_H

#include <stddef.h>

#include "core/core.h"

enum ask_kind {
	ASK_CLAIM,
	ASK_CONFIRM,
	ASK_CANCEL,
	ASK_ORDER,       /* read one order as it is now */
	ASK_DROP_CREATE, /* spec */
	ASK_DROP_OPEN,
	ASK_DROP_PAUSE,
	ASK_DROP_RESUME,
	ASK_DROP_CLOSE,
	ASK_DROP_CLOSING, /* closes_at */
	ASK_DROP_RESTOCK, /* line[0].sku, restock */
	ASK_DROP_ARCHIVE,
	ASK_KEY_CREATE, /* key_id, key_name, key_role, key_hash */
	ASK_KEY_REVOKE, /* key_id */
	ASK_RULES,      /* rules_number */
};

struct ask_line {
	struct text sku; /* empty in the only line of a claim: the drop's only SKU */
	uint32_t quantity;
};

/* An order as an answer tells it: ids copied, so that no thread looks into the core. */
struct answer_order {
	uint64_t sequence;
	enum order_status status;
	uint32_t position;
	struct wall_ms created_at, hold_until, ended_at;
	uint8_t drop_size,
	    buyer_size; /* buyer_size 0: the ledger does not remember the text; the log at `sequence` has it */
	char drop[ID_SIZE_MAX];
	char buyer[BUYER_SIZE_MAX];
	uint32_t line_count;
	uint32_t quantity[LINES_MAX];
	uint8_t sku_size[LINES_MAX];
	char sku[LINES_MAX][ID_SIZE_MAX];
};

struct answer {
	enum verdict verdict;
	uint64_t basis; /* the answer's position: Dibs-Position */
	bool
	    has_order; /* order is filled: granted, replayed, confirmed, canceled, read; limit_reached: sequence only */
	bool left;     /* UNKNOWN_ORDER, ASK_STORE: it may have left the core; the store knows, at position >= basis */
	int refused_line; /* unknown_sku, sold_out, all_held: which line; -1: none */
	uint32_t drop;    /* number of the drop, or NO_DROP: its view is published before the answer is handed back */
	struct wall_ms opens_at;  /* not_open */
	struct wall_ms retry_at;  /* all_held: the drop's next deadline, WALL_NEVER: not known */
	const char *setting;      /* overloaded because a setting allows no more: its name; else NULL */
	uint32_t record_size_max; /* too_large: what the log takes */
	struct answer_order order;
};

struct ask {
	/* the asker's */
	enum ask_kind kind;
	struct text drop;  /* id */
	struct text buyer; /* claims; empty for operators elsewhere */
	struct text key;   /* Idempotency-Key; empty: none */
	struct text actor; /* who asks, for the log: an API key's id, or "buyer" */
	struct text payment_ref;
	uint64_t order;    /* sequence: confirm, cancel, order */
	bool owner_only;   /* the buyer asks: another's order is UNKNOWN_ORDER */
	bool has_buyer;    /* order: `buyer` says whose it is to be */
	bool eligible;     /* the check was passed: grant if it can be */
	bool not_eligible; /* the check refused: count it, answer NOT_ELIGIBLE */
	bool
	    store_asked; /* claim: the store does not know the key: decide; confirm: the store knows the order, which has
	                      left the core: record the payment */
	bool unpaid;     /* confirm, store_asked: it was sold at once, and the store knows no payment for it */
	uint32_t line_count;
	int64_t restock;
	struct wall_ms closes_at;
	const struct drop_spec *spec;
	struct text key_id, key_name;
	enum role key_role;
	uint8_t key_hash[BLAKE_SIZE];
	uint32_t rules_number;

	/* the ledger's */
	struct ask *next;
	uint64_t counter;        /* of its record: echoes find their asks by it */
	struct wall_ms latest;   /* past it, a record without an echo is an unknown outcome */
	uint64_t store_position; /* ASK_STORE: how far the store had to be; kept when the ask comes again */
	bool counted;            /* it takes one of waiting_max's places */
	struct mono_ns submitted;

	/* the asker's again; the ledger only carries these back */
	uint32_t loop;
	void (*done)(struct ask *ask); /* on the asker's loop thread */
	void *context;

	/* Long, and mostly unused: from here on nothing is read before it is written, so nobody has to clear it. */
	struct ask_line line[LINES_MAX]; /* the asker's, line_count of them */
	struct answer answer;            /* the ledger's */
};

#define ASK_CLEARED offsetof(struct ask, line) /* bytes of a new ask that must be zero */

#endif
