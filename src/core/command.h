/* command: what a record of the log asks for, decoded; and the codec between the two.
 *
 * Units    times in wall_ms, money in minor units, quantities in pieces.
 * Memory   texts are borrowed: from the record's bytes after command_decode(), from the caller before encode.
 * Faults   FAULT_DAMAGED: the bytes are not a record; FAULT_VERSION: a kind this program does not know.
 * Thread   any; nothing is shared.
 *
 * Record, little-endian (docs/FORMATS.md "Record"):
 *   0  u8  kind        1  u8 format (1)   2 u16 zero   4 u32 zero
 *   8  u64 incarnation (sequence of the writer's HELLO; 0 in a HELLO)
 *  16  u64 counter     (of that writer, rising)
 *  24  …   the kind's fields; a text is u8 or u16 size, then its bytes
 * Its sequence and time are the log's, not in these bytes.
 */
#ifndef DIBS_CORE_COMMAND_H
#define DIBS_CORE_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/text.h"
#include "base/time.h"
#include "core/limits.h"
#include "core/verdict.h"

#define RECORD_HEADER_SIZE 24
#define NO_DROP UINT32_MAX
#define NO_SKU UINT32_MAX

/* Kinds stand in the log: numbers are never reused. 32.. are left for wallets and coupons. */
enum command_kind {
	COMMAND_HELLO = 1,  /* a writer begins; the first one of a log founds it */
	COMMAND_TICK = 2,   /* carries only time */
	COMMAND_CHECK = 3,  /* a past sequence and the rolling hash up to it */
	COMMAND_RULES = 4,  /* rule set n from here on */
	COMMAND_COUNTS = 5, /* refusals since the last such record of the drop, by reason */
	COMMAND_DROP_CREATE = 6,
	/* 7 is free */
	COMMAND_DROP_OPEN = 8,
	COMMAND_DROP_PAUSE = 9,
	COMMAND_DROP_RESUME = 10,
	COMMAND_DROP_CLOSE = 11,
	COMMAND_DROP_CLOSING = 12,
	COMMAND_DROP_RESTOCK = 13,
	COMMAND_DROP_ARCHIVE = 14,
	COMMAND_CLAIM = 15,
	COMMAND_CONFIRM = 16,
	COMMAND_CANCEL = 17,
	COMMAND_KEY_CREATE = 18,
	COMMAND_KEY_REVOKE = 19,
};

/* CONFIRM: what its asker, who has asked the store, knows of an order that has left the core. Stands in the log. */
enum order_left {
	LEFT_NOT = 0,
	LEFT_ENDED = 1,  /* the payment is to be refunded */
	LEFT_UNPAID = 2, /* sold at once, and without a payment: the first one is the order's, others are refunds */
	LEFT_COUNT
};

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_SHOP, ROLE_ADMIN };

struct claim_line {
	uint32_t sku;      /* place in its drop, from 0; NO_SKU: no such SKU */
	uint32_t quantity; /* 1..QUANTITY_MAX */
};

struct sku_spec {
	struct text id;
	uint32_t stock;
	int64_t price;
};

/* What founds a drop, defaults written out. The digest of these, without actor and key, tells "the same again". */
struct drop_spec {
	struct text id, title, currency; /* currency: three capital letters, or empty */
	uint32_t limit_per_buyer;        /* 0: no limit */
	uint32_t hold_seconds;           /* 0: sold at once */
	uint32_t keep_seconds;
	struct wall_ms opens_at;  /* WALL_NEVER: by hand */
	struct wall_ms closes_at; /* WALL_NEVER: by hand */
	uint32_t sku_count;
	const struct sku_spec *skus;
};

#define COUNTS_MAX 16 /* reasons in one COUNTS record */
struct verdict_count {
	uint8_t verdict;
	uint64_t count;
};

struct command {
	enum command_kind kind;
	uint64_t incarnation, counter;
	struct text actor; /* administration, confirm, cancel: who asked */
	struct text key;   /* idempotency key; empty: none */
	union {
		struct {
			uint8_t digest_key[DIGEST_KEY_SIZE]; /* counts in the founding HELLO only */
			struct text program;                 /* "dibs 0.1.0" */
		} hello;
		struct {
			uint64_t sequence, hash;
		} check;
		struct {
			uint32_t number;
		} rules;
		struct {
			uint32_t drop;
			uint32_t count;
			struct verdict_count of[COUNTS_MAX];
		} counts;
		struct drop_spec create;
		struct {
			uint32_t drop;
			struct wall_ms closes_at; /* CLOSING */
			uint32_t sku;             /* RESTOCK */
			int64_t quantity;         /* RESTOCK: up or down */
		} drop;                           /* OPEN … ARCHIVE */
		struct {
			uint32_t drop;
			struct text buyer;
			struct wall_ms latest; /* past it the claim grants nothing */
			uint32_t line_count;
			struct claim_line line[LINES_MAX];
			/* What core_prefetch() works out from the texts, so that core_apply() need not; not in the record. */
			bool digested;
			struct digest128 buyer_digest, key_digest;
		} claim; /* key is Idempotency-Key */
		struct {
			uint64_t order;          /* sequence of its grant */
			struct text payment_ref; /* CONFIRM */
			enum order_left left;    /* CONFIRM */
		} order;                         /* CONFIRM, CANCEL */
		struct {
			struct text id, name;
			enum role role;
			uint8_t hash[BLAKE_SIZE]; /* BLAKE2b-256 of the key's text */
		} api_key;                        /* KEY_CREATE; KEY_REVOKE: id */
	};
};

/* Writes the record; returns its size, or FAULT_FULL when it does not fit capacity. */
int command_encode(const struct command *command, uint8_t *out, size_t capacity);

/* Room for what a decoded command points to beside the record's bytes. */
struct command_scratch {
	struct sku_spec skus[SKUS_ALWAYS_ON_MAX];
};

/* Strict: every byte of the record is accounted for, every bound is checked, and encoding the result gives the same
 * bytes. scratch may be NULL when no DROP_CREATE can come (then FAULT_INVALID for it). */
int command_decode(const uint8_t *bytes, size_t size, struct command_scratch *scratch, struct command *ret,
                   struct error *error);

/* One line of text and one JSON object of a record, for `dibs log show|export`. */
void command_print(struct buf *out, const struct command *command);
void command_print_json(struct buf *out, const struct command *command);

/* Always-on goods: no end and no limit as created; larger bounds (DESIGN §4). */
bool drop_spec_is_always_on(const struct drop_spec *spec);

const char *command_kind_name(enum command_kind kind);
const char *role_name(enum role role);
bool role_parse(struct text text, enum role *ret);

#endif
