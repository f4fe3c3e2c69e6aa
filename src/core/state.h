/* state: what a core is made of. Private to core/.
 *
 *  drop ── its SKUs: skus[first_sku .. + sku_count]
 *   ├─ pending   orders that hold units, by deadline (= by sequence: a drop's hold time is one and log time never
 *   │            goes back), doubly linked
 *   ├─ ended     orders that leave at their end + keep, singly linked
 *   └─ kept      completed orders of a drop with a limit: they stay until it is archived, or the limit would be
 *                forgotten (P2)
 *  by_owner  (buyer, drop) → newest of that buyer's orders in that drop, linked by next_of_buyer
 *  by_sequence  sequence → order
 *  left  keys of orders that have left, as far as a filter knows them (left.h)
 *  due, leaving  which drop has the next deadline, the next order that may leave
 *
 *  An order's way, each arrow named after the function that takes it (order.c):
 *
 *      order_grant ──► pending ──order_complete──► completed ─┐
 *          │              ├─────order_cancel─────► canceled ──┼─ order_leave ──► (gone from the core)
 *          │              └─────order_expire─────► expired ───┘
 *          └── hold 0: born completed ──────────────────────────┘
 */
#ifndef DIBS_CORE_STATE_H
#define DIBS_CORE_STATE_H

#include "base/deadline_heap.h"
#include "base/digest.h"
#include "base/index_table.h"
#include "core/core.h"
#include "core/left.h"

#define NO_ORDER UINT32_MAX
#define NO_LINE UINT32_MAX
#define DROP_ZEROS 4   /* fill a drop up to whole cache lines */
#define CHECKS_KEPT 16 /* rolling hashes at multiples of CHECK_EVERY that a CHECK may still name */

/* 80 bytes: the figure that decides how many buyers a machine can hold. A free one has sequence 0 and its successor in
 * next_in_list. */
struct order {
	struct digest128 buyer, key; /* keyed digests; key zeros: none */
	uint64_t payment;            /* half a digest of the payment reference that completed it; 0: none */
	uint64_t sequence:56;
	uint64_t status:2;
	uint64_t has_lines:1; /* sku is the first of its lines, quantity their number */
	uint64_t is_newest:1; /* of its buyer in its drop: by_owner points here */
	uint64_t unused:4;
	uint64_t created_ms:48;
	uint64_t unused_high:16;
	uint32_t sku, quantity;
	uint32_t position;
	uint32_t next_of_buyer; /* the next older one */
	uint32_t next_in_list;
	union {
		uint32_t prev_in_list; /* while pending */
		uint32_t ended_delta;  /* after: ms from created to its end */
	};
};
_Static_assert(sizeof(struct order) == 80, "an order is 80 bytes");

struct line {
	uint32_t sku, quantity, next;
};

struct sku {
	uint32_t stock, held, sold;
	uint32_t sold_left; /* of sold: by orders that have left the core */
	uint32_t drop;
	uint32_t id_size;
	int64_t price;
	char id[ID_SIZE_MAX];
};

struct list {
	uint32_t first, last;
};

/* What a claim reads and writes stands in the first two cache lines. */
struct drop {
	struct list pending, ended, kept;
	uint32_t first_sku, sku_count;
	uint32_t limit;
	uint32_t hold_ms;
	int64_t opens_at, closes_at;
	uint8_t opened, paused, closed, archived;
	uint8_t always_on, id_size, title_size, currency_size;

	uint64_t basis, granted;
	int64_t keep_ms;
	uint32_t pending_count, zero;
	int64_t created_at;
	uint64_t created, left, last_left;

	struct digest128 spec; /* of what founded it: "the same again" */
	char id[ID_SIZE_MAX];
	char title[TITLE_SIZE_MAX];
	char currency[8];
	uint64_t counts[VERDICT_COUNT];
	uint64_t zeros[DROP_ZEROS];
};
_Static_assert(sizeof(struct drop) % 64 == 0, "drops lie on cache lines");

struct api_key {
	uint8_t hash[BLAKE_SIZE];
	int64_t created_at;
	uint8_t role, revoked, id_size, name_size;
	uint32_t zero;
	char id[ID_SIZE_MAX];
	char name[NAME_SIZE_MAX];
};

struct admin_key {
	struct digest128 key;     /* of actor's key and what it was used on */
	struct digest128 request; /* of all the request */
};

struct writer_seen {
	uint64_t incarnation, counter;
};

struct check_point {
	uint64_t sequence, hash;
};

/* All that a snapshot keeps besides the pools; laid out without gaps, because it is written as it lies here. */
struct core_heart {
	uint64_t sequence;
	int64_t time;
	uint64_t hash;
	uint32_t rules, founded;
	uint8_t digest_key[DIGEST_KEY_SIZE];
	uint32_t drop_count, sku_count, api_key_count;
	uint32_t order_end, order_free, order_count; /* pool: used so far, first free one, in use */
	uint32_t line_end, line_free, line_count;
	uint32_t pending_count;
	uint32_t writer_next, admin_next, check_next, zero;
	struct writer_seen writers[INCARNATIONS_MAX];
	struct admin_key admin_keys[ADMIN_KEYS_MAX];
	struct check_point checks[CHECKS_KEPT];
};

struct sku_sum {
	uint64_t held, sold;
};

struct core {
	struct core_heart heart;
	struct core_limits limits;
	struct core_listener listener;

	struct drop *drops;
	struct sku *skus;
	struct order *orders;
	struct line *lines;
	struct api_key *api_keys;
	struct index_table by_owner, by_sequence, by_drop_id, by_sku_id;
	struct deadline_heap due, leaving;
	struct left_filter left;

	struct sku_sum *sums;   /* room for core_check() to add up in */
	uint32_t touched_drop;  /* by the last record's own change, or NO_DROP: for core_check_step() */
	uint32_t touched_order; /* or NO_ORDER */
	void *memory;
	size_t memory_size, pools_size; /* of it, what stands before the filter's blocks */
};

/* ---- the rolling hash: over records, verdicts and the rows they changed (DESIGN §5.1) ----
 * A folded 64 × 64 bit multiplication for every two words: a checksum that every fold must reproduce, not a seal. The seal is the
 * BLAKE2b chain of the batches. */
static inline uint64_t hash_mix(uint64_t hash, uint64_t a, uint64_t b)
{
	uint128 product = (uint128)(hash ^ a ^ UINT64_C(0x9e3779b97f4a7c15)) * (b ^ UINT64_C(0xd6e8feb86659fd93));
	return (uint64_t)product ^ (uint64_t)(product >> 64) ^ (hash << 1 | hash >> 63) ^ b;
}

static inline void core_mix(struct core *core, uint64_t a, uint64_t b)
{
	core->heart.hash = hash_mix(core->heart.hash, a, b);
}

/* ---- order.c ---- */

/* What the filter knows an order by when it has left. The digests are keyed: nobody can choose keys that meet in it. */
static inline uint64_t left_hash(uint32_t drop, struct digest128 buyer, struct digest128 key)
{
	return hash_mix(hash_mix(drop, buyer.a, key.a), key.b, buyer.b);
}

static inline uint32_t order_drop(const struct core *core, const struct order *order)
{
	uint32_t sku = order->has_lines ? core->lines[order->sku].sku : order->sku;
	return core->skus[sku].drop;
}

static inline int64_t order_deadline(const struct drop *drop, const struct order *order)
{
	return (int64_t)order->created_ms + drop->hold_ms;
}

static inline int64_t order_ended_at(const struct order *order)
{
	return (int64_t)order->created_ms + order->ended_delta;
}

/* Past its deadline an order counts as expired even before its turn (DESIGN §5.2). */
enum order_status order_status_at(const struct drop *drop, const struct order *order, int64_t now);

/* One step through an order's lines: begin with *at = 0. */
struct order_line {
	uint32_t sku, quantity;
};
uint32_t order_line_count(const struct order *order);
struct order_line order_line_next(const struct core *core, const struct order *order, uint32_t *at);

uint32_t order_find(const struct core *core, uint64_t sequence);
/* The newest order of the buyer in the drop, or NO_ORDER. */
uint32_t order_newest_of(const struct core *core, uint32_t drop, struct digest128 buyer);
struct index_place order_owner_place(const struct core *core, uint32_t drop, struct digest128 buyer);

uint32_t order_grant(struct core *core, uint64_t sequence, int64_t time, const struct command *command);
void order_complete(struct core *core, uint32_t index, int64_t time, uint64_t payment);
void order_cancel(struct core *core, uint32_t index, int64_t time);
void order_expire(struct core *core, uint32_t index);
void order_leave(struct core *core, uint32_t index);

/* ---- due.c ---- */

void due_settle(struct core *core, uint64_t sequence, int64_t time);
/* Expires what is due of the drop, in order, until fits() holds or nothing is due any more. */
void due_expire_drop(struct core *core, uint32_t drop, uint64_t sequence, int64_t time,
                     bool (*fits)(const struct core *core, const struct command *command),
                     const struct command *command);
void due_expire_one(struct core *core, uint32_t index, uint64_t sequence, int64_t time);
bool drop_holds_due(const struct core *core, const struct drop *drop, int64_t now);
bool drop_leaves_due(const struct core *core, const struct drop *drop, int64_t now);
/* Puts the drop's place in the two heaps right after its lists changed. */
void due_update(struct core *core, uint32_t drop);

/* ---- drop.c ---- */

enum drop_state drop_state_at(const struct drop *drop, int64_t now);
struct digest128 drop_spec_digest(const struct core *core, const struct drop_spec *spec);
void drop_create(struct core *core, uint64_t sequence, int64_t time, const struct drop_spec *spec);
void drop_tables_rebuild(struct core *core);

/* ---- decide.c: the digests of a command, used by decide and apply ---- */

struct claim_digests {
	struct digest128 buyer, key;
};
struct claim_digests claim_digests(const struct core *core, const struct command *command);
bool claim_fits(const struct core *core, const struct command *command);
struct admin_key admin_key_of(const struct core *core, const struct command *command);
uint64_t payment_digest(const struct core *core, struct text payment_ref);
bool command_is_admin(enum command_kind kind);
uint32_t api_key_find(const struct core *core, struct text id);

static inline void core_tell_order(const struct core *core, enum order_change change, uint64_t order, uint64_t sequence,
                                   int64_t time, const struct command *command)
{
	if (core->listener.order_changed)
		core->listener.order_changed(core->listener.context, change, order, sequence, (struct wall_ms){time},
		                             command);
}

static inline void core_tell_drop(const struct core *core, uint32_t drop, uint64_t sequence, int64_t time,
                                  const struct command *command)
{
	if (core->listener.drop_changed)
		core->listener.drop_changed(core->listener.context, drop, sequence, (struct wall_ms){time}, command);
}

#endif
