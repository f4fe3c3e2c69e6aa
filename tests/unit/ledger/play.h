/* play: a ledger on a stage. The log is a list in the test's hand: it says when echoes come, which of them are lost,
 * doubled or late, and how far they are durable.
 *
 *   play_open ─ play_drop ─ play_claim … ─ play_step (or play_round) ─ what was released ─ play_close
 */
#ifndef DIBS_TESTS_PLAY_H
#define DIBS_TESTS_PLAY_H

#include "ledger/step.h"

#define PLAY_START_MS INT64_C(1700000000000)
#define PLAY_RECORDS_MAX 65536

struct play_record {
	uint64_t sequence;
	struct wall_ms time;
	uint8_t *bytes;
	size_t size;
};

struct play {
	struct core *core;
	struct ledger *ledger;
	struct views *views;
	struct core_limits limits;
	struct ledger_options options;
	/* the log: all that was appended, of which `echoed` have come back */
	struct play_record *records;
	uint32_t record_count, echoed;
	/* what the next step is told */
	struct wall_ms now;
	uint64_t durable;
	enum log_room room;
	bool draining, hold_echoes, hold_durable;
	uint32_t append_max; /* appends of one step that the log takes; the rest is FAULT_BUSY */
	/* what came of it */
	uint32_t appended; /* by the last step */
	struct ask *submitted, *submitted_last;
	struct ask *released[PLAY_RECORDS_MAX]; /* in order, since play_open */
	uint32_t released_count;
	struct ask *asks[PLAY_RECORDS_MAX]; /* all, to be freed */
	uint32_t ask_count;
};

/* The options may be changed between play_prepare() and play_begin(); play_open() is both, with HELLO durable. */
struct play *play_prepare(void);
void play_begin(struct play *play);
struct play *play_open(void);
void play_close(struct play *play);
/* The process dies and starts again on what was durable: a new core, folded, and a new ledger. */
void play_restart(struct play *play);

/* A drop of one SKU "one"; 0 hold: sold at once. Opened. */
void play_drop(struct play *play, const char *id, uint32_t stock, uint32_t limit, uint32_t hold_seconds);
void play_drop_of(struct play *play, const struct drop_spec *spec, bool open);

/* Asks, submitted with the next step. Texts are copied by no one: literals. */
struct ask *play_ask(struct play *play, enum ask_kind kind);
struct ask *play_claim(struct play *play, const char *drop, const char *buyer, const char *key, uint32_t quantity);
struct ask *play_of_order(struct play *play, enum ask_kind kind, uint64_t order);
/* The same ask again, as its asker changed it. */
void play_again(struct play *play, struct ask *ask);

void play_step(struct play *play);
/* Steps until nothing more is appended, and until what is durable has left. */
void play_round(struct play *play);

/* Was it released? (And then its answer may be looked at.) */
bool play_has(const struct play *play, const struct ask *ask);
/* How many records of the kind stand in the log. */
uint32_t play_count(const struct play *play, enum command_kind kind);
/* One record of the log, decoded. */
void play_decode(const struct play *play, uint32_t index, struct command *ret);
/* Free units as a reader sees them. */
uint32_t play_free_shown(const struct play *play, const char *drop);

#endif
