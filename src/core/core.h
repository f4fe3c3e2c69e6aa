/* core: the rules of the sale, as a fold.
 *
 * core_apply() is core_decide() and then the change: a pure function of state, record and the record's time. It alone
 * grants. No I/O, clock, thread, setting nor allocation per command; everything is taken in core_new().
 *
 * Units    times in wall_ms as the log has them; quantities in pieces; sequences from 1.
 * Memory   the core owns all its state. Views are copied out; nothing handed out points inside but ids (struct text
 *          of drop and SKU ids, which live as long as the core).
 * Answers  verdicts. Faults: FAULT_FULL (a pool is full; names the setting), FAULT_VERSION (a rule set this program
 *          does not know), FAULT_DAMAGED (a CHECK that differs, a record that no correct writer wrote).
 * Thread   one at a time; the ledger's, or a follower's own core.
 * Keeps    P1, P2, P4, P5, P6, P7. core_check() states them.
 */
#ifndef DIBS_CORE_CORE_H
#define DIBS_CORE_CORE_H

#include "base/error.h"
#include "base/text.h"
#include "base/time.h"
#include "core/command.h"
#include "core/limits.h"
#include "core/verdict.h"

struct core;

/* Pool sizes: settings (settings.def gives their names). A full pool is "overloaded" before the log. */
struct core_limits {
	uint32_t drops, skus, orders, lines, api_keys;
	uint32_t left; /* keys of orders that have left, told from new ones; rounded up, and more only blur it */
};
#define CORE_LIMITS_DEFAULT \
	((struct core_limits){ \
	    .drops = 8192, .skus = 131072, .orders = 1u << 20, .lines = 1u << 18, .api_keys = 1024, .left = 1u << 24})

int core_new(const struct core_limits *limits, struct core **ret, struct error *error);
void core_free(struct core *core);
size_t core_memory(const struct core *core); /* bytes taken, all in */
/* Has the system give that memory now, so that no sale pays for its first touch; but for the filter of what has left,
 * which grows with the years. */
void core_prefault(const struct core *core);

enum drop_state { DROP_SCHEDULED, DROP_OPEN, DROP_PAUSED, DROP_CLOSED, DROP_ARCHIVED };
enum order_status { ORDER_PENDING, ORDER_COMPLETED, ORDER_CANCELED, ORDER_EXPIRED };
const char *drop_state_name(enum drop_state state);      /* "scheduled" "open" … */
const char *order_status_name(enum order_status status); /* "pending" "completed" … */
bool order_status_parse(struct text text, enum order_status *ret);

/* ---- a command's outcome ---- */

struct outcome {
	enum verdict verdict;
	bool certain;   /* core_decide: the answer needs no record (a refusal, a replay); false: let the log decide */
	uint32_t drop;  /* number of the drop, or NO_DROP */
	uint32_t sku;   /* refusals that name one: its place in the drop, or NO_SKU */
	uint64_t order; /* sequence of the order meant: granted, replayed, limit_reached, confirmed …; 0: none */
	uint64_t basis; /* last record that touched what was read: an answer waits until this is durable */
};

/* What the command would get at `now`. Pure; changes nothing. Numbers and texts as in the record it would become. */
void core_decide(const struct core *core, struct wall_ms now, const struct command *command, struct outcome *ret);

/* Would applying this meet a full pool? Then it is "overloaded", before the log; *ret_setting names which. in_flight:
 * how many claims were appended and not yet applied. */
bool core_has_room(const struct core *core, const struct command *command, uint32_t in_flight,
                   const char **ret_setting);

/* Applies the next record. sequence is one more than core_sequence() — except with logs that skip (Kafka): then
 * larger. time is never smaller than core_time(). */
int core_apply(struct core *core, uint64_t sequence, struct wall_ms time, const struct command *command,
               struct outcome *ret, struct error *error);

/* Can the claim's key be that of an order which has left the core? False: certainly not, and the core knows all that there
 * is to know. Of an unknown key, true is wrong about once in a thousand (core/left.h). */
bool core_may_have_left(const struct core *core, const struct command *claim);

/* Works out a claim's digests and asks the processor to fetch what core_apply() of it will touch; no effect on the
 * state. To be called PREFETCH_AHEAD records ahead of the one that is applied. */
#define PREFETCH_AHEAD 12
void core_prefetch(const struct core *core, struct command *command);

/* ---- what changed: one call per row that a record touched, during core_apply ---- */

struct order_view;
struct drop_view;
enum order_change {
	CHANGE_GRANTED,
	CHANGE_COMPLETED,
	CHANGE_CANCELED,
	CHANGE_EXPIRED,
	CHANGE_LEFT,
	CHANGE_REFUND_DUE, /* the order may have left the core */
	CHANGE_PAID_LATER  /* sold at once, and has left the core: the first payment is its own, others are refunds */
};

struct core_listener {
	void *context;
	/* time: of the record. command: the record's, when the change is its own (grant, confirm, cancel, refund); NULL
	 * when it was due (expired, left). */
	void (*order_changed)(void *context, enum order_change change, uint64_t order, uint64_t sequence,
	                      struct wall_ms time, const struct command *command);
	void (*drop_changed)(void *context, uint32_t drop, uint64_t sequence, struct wall_ms time,
	                     const struct command *command);
};
void core_listen(struct core *core, const struct core_listener *listener); /* copied; NULL: nobody */

/* ---- time ---- */

uint64_t core_sequence(const struct core *core);                  /* last applied; 0: none */
struct wall_ms core_time(const struct core *core);                /* of the last applied */
bool core_is_due(const struct core *core, struct wall_ms now);    /* an order is past its deadline, or may leave */
bool core_holds_due(const struct core *core, struct wall_ms now); /* a hold is past its deadline */
struct wall_ms core_next_due(const struct core *core);            /* WALL_NEVER: nothing waits */

/* ---- reading ---- */

bool core_drop_find(const struct core *core, struct text id, uint32_t *ret_drop);
bool core_sku_find(const struct core *core, uint32_t drop, struct text id, uint32_t *ret_sku);
uint32_t core_drop_count(const struct core *core); /* drops are numbered 0.. in the order of their creation */

struct sku_view {
	struct text id; /* into the core */
	int64_t price;
	uint32_t stock, held, sold; /* free = stock - held - sold */
};

struct drop_view {
	uint32_t number;
	struct text id, title, currency; /* into the core */
	enum drop_state state;           /* at the time asked for */
	uint32_t limit_per_buyer, hold_seconds, keep_seconds, sku_count;
	struct wall_ms opens_at, closes_at, created_at;
	bool always_on, opened, paused, closed, archived;
	struct wall_ms next_due; /* its first hold's deadline; WALL_NEVER: none */
	uint64_t granted;        /* orders granted so far: the next position is one more */
	uint64_t left;           /* orders that have left the core */
	uint64_t last_left;      /* sequence at which the last of them left */
	uint64_t basis;          /* last record that touched it */
	uint64_t created;        /* sequence of its DROP_CREATE */
	uint64_t counts[VERDICT_LOGGED_MAX + 1 +
	                8]; /* refusals so far, from COUNTS: index by verdict, those from 64 at 64.. */
};

void core_drop_view(const struct core *core, uint32_t drop, struct wall_ms now, struct drop_view *ret);
/* The state a view tells of at another time: opening and closing are comparisons. */
enum drop_state drop_view_state(const struct drop_view *view, struct wall_ms now);
void core_sku_view(const struct core *core, uint32_t drop, uint32_t sku, struct sku_view *ret);

struct order_view {
	uint64_t sequence;
	enum order_status status; /* past its deadline at `now`: expired, even before its turn */
	uint32_t drop;
	uint32_t position;
	struct wall_ms created_at, hold_until /* WALL_NEVER: sold at once */, ended_at /* WALL_NEVER: pending */;
	struct digest128 buyer, key;
	uint32_t line_count;
	struct claim_line line[LINES_MAX];
};

bool core_order_view(const struct core *core, uint64_t order, struct wall_ms now, struct order_view *ret);
/* A buyer's or key's digest, as orders carry it. An empty text gives zeros. */
struct digest128 core_digest(const struct core *core, struct text text);

struct api_key_view {
	struct text id, name; /* into the core */
	enum role role;
	uint8_t hash[BLAKE_SIZE];
	struct wall_ms created_at;
	bool revoked;
};
uint32_t core_api_key_count(const struct core *core);
void core_api_key_view(const struct core *core, uint32_t index, struct api_key_view *ret);

uint32_t core_rules(const struct core *core);
uint32_t core_order_count(const struct core *core); /* in the core now */
uint32_t core_pending_count(const struct core *core);
uint64_t core_left_count(const struct core *core); /* keys of orders that have left, known to the filter */
uint64_t core_left_max(const struct core *core);   /* more than these blur it */

/* ---- proof ---- */

/* The rolling hash over records, verdicts and changed rows, and the newest multiple of CHECK_EVERY it was kept at. */
uint64_t core_hash(const struct core *core);
void core_last_check(const struct core *core, uint64_t *ret_sequence, uint64_t *ret_hash);
/* BLAKE2b-256 over everything that a verdict may depend on. Two folds of one log agree in it, whatever their pools. */
void core_state_hash(const struct core *core, uint8_t out[BLAKE_SIZE]);
/* False: both know all that has left since the same record, and do not know the same. What a snapshot of a sound fold
 * says of P4. */
bool core_left_agrees(const struct core *core, const struct core *other);
/* All invariants over all rows: 0, or FAULT_DAMAGED with the promise and the place. */
int core_check(const struct core *core, struct error *error);
/* The invariants of what the last record touched: its drop and SKUs. Cheap enough for every step of a simulation. */
int core_check_step(const struct core *core, struct error *error);

/* ---- snapshots: the state as a stream of bytes with its hash, and what has left (docs/FORMATS.md "Snapshot") ---- */

/* write() takes all of it or returns a fault, which is passed up. */
typedef int core_write_fn(void *context, const void *bytes, size_t size, struct error *error);
/* read() fills exactly size bytes or returns a fault. */
typedef int core_read_fn(void *context, void *bytes, size_t size, struct error *error);
int core_save(const struct core *core, core_write_fn *write, void *context, struct error *error);
/* Into a core fresh from core_new(), whose pools must be large enough (else FAULT_FULL names the setting). After a
 * fault the core can only be freed. Verifies the hashes. */
int core_load(struct core *core, core_read_fn *read, void *context, struct error *error);

#endif
