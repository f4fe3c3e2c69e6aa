/* world: one seed's world: a server or two with core, ledger, journal and recovery, the very code that serves, on a
 * simulated clock and disk, among buyers and operators. One seed decides everything.
 *
 *   plan ──► world_run(): an event after the other ──► audit(): all that was ever told against a model of its own
 *
 * An event is a request that arrives, a step of the ledger, of the writer, the preparer, the follower, a call to the disk,
 * or time that passes. The threads of a server are actors here: inside each call to the disk the other actors may go on
 * (world_between), so that what happens between a write and its sync happens here, too.
 */
#ifndef DIBS_SIM_WORLD_H
#define DIBS_SIM_WORLD_H

#include "core/core.h"
#include "dice.h"
#include "disk.h"
#include "ledger/round.h"
#include "log/journal.h"
#include "log/memory.h"
#include "map.h"
#include "plan.h"
#include "shadow.h"
#include "tap.h"
#include "told.h"

#define NAME_SIZE 65
#define BETWEEN_DEPTH_MAX 3

/* What a process counts; in shared memory, so that whoever started it reads it even when it died. */
struct counts {
	uint64_t cpu_ns, steps, seeds, records, told, recoveries, checks, grants, seeds_crash, seeds_disk;
	uint64_t kinds[KIND_COUNT], verdicts[VERDICT_COUNT];
	uint64_t now_seed, now_steps, now_digest; /* of the world that is going on, or was the last */
};

enum client_state {
	CLIENT_IDLE,
	CLIENT_ASKED,
	CLIENT_AGAIN,    /* its answer was lost, or none: it asks the same again */
	CLIENT_AT_STORE, /* waits until the store is as far as it must be */
};

struct client {
	struct ask ask;
	enum client_state state;
	uint32_t server;
	int64_t told_now; /* the ledger's time when it filled the answer */
	uint64_t arrival;
	uint32_t tries;
	uint32_t drop, buyer, key, payment, spec, sku[TOLD_LINES_MAX];
	char buyer_text[NAME_SIZE], key_text[NAME_SIZE], payment_text[NAME_SIZE];
};

struct fold;

/* A process. */
struct server {
	bool is_up, is_busy; /* busy: in its ledger's step */
	uint32_t life;
	struct core *core;
	struct ledger *ledger;
	struct views *views;
	struct round round;
	struct tap tap;
	struct ask_list arrived;
	int64_t clock_offset; /* wall clock less monotonic, at its start */
};

/* The follower, and what stands in its store: every order by its number and by its key. */
struct follower {
	struct core *core;
	struct fold *fold;
	struct log_cursor *cursor;
	uint64_t position; /* of the store: it survives */
	uint64_t snapshot;
	struct map by_key, by_order;
};

/* An order that clients have heard of. */
struct known_order {
	uint64_t order;
	uint32_t drop, buyer;
};
#define KNOWN_MAX 64

/* A claim that may be asked again: keys are used once and again. */
struct used_key {
	uint32_t drop, buyer, key, line_count;
	uint32_t sku[TOLD_LINES_MAX], quantity[TOLD_LINES_MAX];
};
#define USED_KEYS_MAX 32

struct world {
	struct plan plan;
	struct counts *counts;
	struct dice schedule, people, fault_dice, between_dice;
	uint64_t steps;
	int64_t wall;
	uint32_t depth; /* of events inside events */
	int exit_fault; /* the running process must end with this */
	struct error exit_error;
	bool writer_busy, preparer_busy, follower_busy;

	struct sim_disk *disk;
	struct log *journal;    /* NULL: the process is down */
	struct log *memory_log; /* of a world without a disk */
	struct server servers[2];
	struct follower follower;
	struct shadow shadow;
	int64_t mono;      /* ms */
	uint64_t promised; /* the highest basis of any answer that has left */
	enum kind armed;   /* a fault of the disk that is due; KIND_COUNT: none */
	enum kind dying;   /* why the process dies at the end of this event; KIND_COUNT: it does not */
	bool is_starting;  /* nobody else is there */
	bool had_crash, had_disk_fault;

	struct client clients[CLIENTS_MAX];
	uint32_t asked[CLIENTS_MAX], asked_count; /* clients whose ask has no answer yet */
	uint64_t arrivals;
	struct known_order known[KNOWN_MAX];
	uint32_t known_count;
	struct used_key used[USED_KEYS_MAX];
	uint32_t used_count, keys_used, payments_used, admin_keys;
	struct map order_of_key; /* P4: what was told of a key */

	struct drop_spec specs[DROPS_MAX][2]; /* what is created, and what differs */
	struct sku_spec skus[DROPS_MAX][2][SKUS_EACH_MAX];
	char drop_names[DROPS_MAX][NAME_SIZE], sku_names[SKUS_EACH_MAX][NAME_SIZE], buyer_names[BUYERS_MAX][NAME_SIZE];
	uint32_t drops_asked;

	struct told *told;
	uint32_t told_count;
	uint64_t digest; /* of all that happened: the same seed gives the same */
};

/* ---- world.c ---- */

struct world *world_new(void); /* for many seeds, one after the other */
void world_run(struct world *world, const struct plan *plan, struct counts *counts);

static inline void world_mix(struct world *world, uint64_t what)
{
	world->digest = (world->digest ^ what) * UINT64_C(0x9e3779b97f4a7c15);
	world->digest ^= world->digest >> 29;
}

static inline void world_count(struct world *world, enum kind kind)
{
	world->counts->kinds[kind]++;
	world_mix(world, 1000 + kind);
}

/* A promise is broken: says so, and the process ends. */
_Noreturn void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_between(void *world);
struct wall_ms server_now(const struct world *world, const struct server *server);

/* ---- servers.c: starting, stepping, stopping ---- */

struct core_limits server_limits(const struct world *world);
/* A ledger over a folded core and a log; the clock as it is. */
void server_begin(struct world *world, struct server *server, struct core *core, struct log *log, bool is_hub);
/* One step, or all that follow from it. */
void server_step(struct world *world, struct server *server, bool to_the_end);
/* In order: answers what waits. */
void server_drain(struct world *world, struct server *server);
/* Without a word: everything in its memory is gone. */
void server_drop(struct world *world, struct server *server);
void server_check_all(struct world *world, const struct server *server);

/* ---- process.c: a process over the disk, and one over the log in memory ---- */

void process_start(struct world *world);
void process_stop(struct world *world);   /* in order; it may end otherwise (exit_fault) */
void process_settle(struct world *world); /* at the end: all faults are over, all is durable */
void process_drop(struct world *world);   /* the disk is dead to it */
int process_try(struct world *world, struct error *error);
void memory_server_start(struct world *world, struct server *server);
void memory_pull(struct world *world);

/* ---- damage.c: what the disk did to synced data, and what a start must make of it ---- */

void damage_judge_lie(struct world *world);
void damage_flip(struct world *world);
void damage_spoil_snapshot(struct world *world);

/* ---- actors.c: writer, preparer, follower ---- */

void actor_write(struct world *world);
void actor_seal(struct world *world);
void actor_prepare(struct world *world);
void actor_follow(struct world *world);
void actor_snapshot(struct world *world);
void follower_begin(struct world *world, struct log *log);
void follower_end(struct world *world);

/* ---- faults.c: the rare events ---- */

void fault_rare(struct world *world);
void fault_after(struct world *world); /* what the last event has left: a dead process, a failed log */

/* ---- people.c: buyers and operators; hearing.c: what they are told ---- */

void people_begin(struct world *world);
void people_ask(struct world *world);
void people_hear(struct world *world, struct server *server, struct ask_list *released);
void people_see_answers(struct world *world, const struct server *server);
void people_lose(struct world *world, uint32_t server);
void people_look_in_store(struct world *world);
struct client *client_of(struct ask *ask);
void client_submit(struct world *world, struct client *client);
uint32_t number_in_name(struct text text);
uint64_t key_of_claim(uint32_t drop, uint32_t buyer, uint32_t key);

/* ---- audit.c ---- */

void audit(struct world *world);

#endif
