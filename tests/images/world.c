#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "follow/follow.h"
#include "follow/snapshots.h"
#include "log/snapshot_file.h"

#define BEGIN_MS INT64_C(1790000000000)
#define ACTS_MIN 40
#define ACTS_SPAN 90
#define GROUP_MAX 40
#define BUYERS 40
#define MEANWHILE_ONE_IN 4

void world_init(struct world *world)
{
	*world = (struct world){.truth = calloc(RECORDS_MAX, sizeof *world->truth)};
	must(world->truth);
	recording_init(&world->recording);
}

void world_fini(struct world *world)
{
	recording_fini(&world->recording);
	free(world->truth);
}

void world_begin(struct world *world, uint64_t seed)
{
	world->seed = seed;
	world->random = seed ^ UINT64_C(0x5851f42d4c957f2d);
	world->life = 0;
	world->count = 0;
	world->clock_ms = BEGIN_MS;
	world->begun_floor = 1;
	world->begun_deletes = false;
}

/* ---- the records ---- */

static int append(struct world *world, struct command *command, struct error *error)
{
	struct log_record echo;
	struct outcome outcome;
	must(world->count + 1 < RECORDS_MAX);
	struct truth *truth = &world->truth[world->count + 1];
	command->incarnation = command->kind == COMMAND_HELLO ? 0 : world->incarnation;
	command->counter = ++world->counter;
	int size = command_encode(command, truth->bytes, RECORD_BYTES_MAX);
	must(size > 0);
	int fault = log_append(world->log, (struct wall_ms){world->clock_ms}, truth->bytes, (size_t)size, error);
	if (fault)
		return fault;
	must(log_echo(world->log, &echo, error) == 1);
	must(echo.sequence == world->count + 1 && echo.size == (size_t)size);
	fault = core_apply(world->now, echo.sequence, echo.time, command, &outcome, error);
	if (fault)
		return fault;
	truth->size = (uint32_t)size;
	truth->time = echo.time;
	truth->hash = core_hash(world->now);
	world->count++;
	return 0;
}

static int append_hello(struct world *world, struct error *error)
{
	struct command hello = {.kind = COMMAND_HELLO, .hello = {.digest_key = {7}, .program = TEXT("images")}};
	int fault = append(world, &hello, error);
	if (!fault)
		world->incarnation = world->count;
	return fault;
}

static int append_drop(struct world *world, const char *id, uint32_t hold_seconds, struct error *error)
{
	const struct sku_spec skus[] = {{TEXT("stalls"), 60, 1000}, {TEXT("box"), 25, 5000}};
	struct command command = {.kind = COMMAND_DROP_CREATE,
	                          .actor = TEXT("admin"),
	                          .key = text_of(id),
	                          .create = {.id = text_of(id),
	                                     .title = TEXT("A drop"),
	                                     .currency = TEXT("EUR"),
	                                     .limit_per_buyer = 8,
	                                     .hold_seconds = hold_seconds,
	                                     .keep_seconds = 60,
	                                     .opens_at = {world->clock_ms},
	                                     .closes_at = {world->clock_ms + 86400000},
	                                     .sku_count = 2,
	                                     .skus = skus}};
	return append(world, &command, error);
}

static int append_claim(struct world *world, struct error *error)
{
	char buyer[24], key[32];
	uint64_t lines = 1 + draw_below(&world->random, 2);
	snprintf(buyer, sizeof buyer, "buyer-%u", (unsigned)draw_below(&world->random, BUYERS));
	snprintf(key, sizeof key, "key-%u-%u", world->life, (unsigned)draw_below(&world->random, 100000));
	struct command command = {.kind = COMMAND_CLAIM,
	                          .key = text_of(key),
	                          .claim = {.drop = (uint32_t)draw_below(&world->random, 2),
	                                    .buyer = text_of(buyer),
	                                    .latest = WALL_NEVER,
	                                    .line_count = (uint32_t)lines,
	                                    .line = {{0, 1 + (uint32_t)draw_below(&world->random, 3)}, {1, 1}}}};
	return append(world, &command, error);
}

static int append_about_order(struct world *world, enum command_kind kind, struct error *error)
{
	char reference[32];
	snprintf(reference, sizeof reference, "payment-%u", (unsigned)draw_below(&world->random, 100000));
	struct command command = {
	    .kind = kind, .actor = TEXT("shop"), .order = {.order = 1 + draw_below(&world->random, world->count)}};
	if (kind == COMMAND_CONFIRM)
		command.order.payment_ref = text_of(reference);
	return append(world, &command, error);
}

static int append_any(struct world *world, struct error *error)
{
	struct command tick = {.kind = COMMAND_TICK};
	world->clock_ms += (int64_t)draw_below(&world->random, 300);
	switch (draw_below(&world->random, 8)) {
	case 0:
		return append_about_order(world, COMMAND_CONFIRM, error);
	case 1:
		return append_about_order(world, COMMAND_CANCEL, error);
	case 2:
		world->clock_ms += (int64_t)draw_below(&world->random, 4000);
		return append(world, &tick, error);
	default:
		return append_claim(world, error);
	}
}

/* ---- a start ---- */

/* What the power took is not true any more. */
static int fold_to_the_end(struct world *world, uint64_t last, struct error *error)
{
	int fault = follow_fold(world->log, world->now, 0, NULL, NULL, error);
	if (fault)
		return fault;
	if (last > world->count || core_sequence(world->now) != last ||
	    core_hash(world->now) != world->truth[last].hash)
		return error_set(error, FAULT_DAMAGED, "the start folds to another state than the truth");
	world->count = last;
	return 0;
}

static int start(struct world *world, struct error *error)
{
	struct core_limits limits = WORLD_LIMITS;
	struct journal_options options = WORLD_JOURNAL;
	struct journal_recovery found;
	uint64_t again;
	int fault = follow_load_snapshot(world->disk, &limits, 0, &world->now, &world->snapshot, error);
	if (!fault)
		fault = follow_load_snapshot(world->disk, &limits, 0, &world->behind, &again, error);
	if (!fault)
		fault = journal_open(world->disk, &options, world->snapshot + 1, &world->log, &found, error);
	if (!fault)
		fault = fold_to_the_end(world, found.last_sequence, error);
	if (fault)
		return fault;
	world->opened = world->recording.count;
	recording_mark(&world->recording, MARK_PROVABLE, found.last_sequence);
	world->begun_durable = world->told = found.last_sequence;
	world->begun_snapshot = world->snapshot;
	if (found.last_time.ms > world->clock_ms)
		world->clock_ms = found.last_time.ms;
	return 0;
}

static int found_the_shop(struct world *world, struct error *error)
{
	int fault = append_hello(world, error);
	if (!fault && core_drop_count(world->now) == 0)
		fault = append_drop(world, "tickets", 3, error);
	if (!fault && core_drop_count(world->now) == 1)
		fault = append_drop(world, "coupons", 0, error);
	log_flush(world->log);
	return fault;
}

/* ---- a life ---- */

/* The ledger may look at any moment, and answer at once. */
static void look_at_durable(struct world *world)
{
	uint64_t durable = log_durable(world->log);
	if (durable == world->told)
		return;
	world->told = durable;
	recording_mark(&world->recording, MARK_DURABLE, durable);
}

static int write_batch(struct world *world, struct error *error)
{
	recording_mark(&world->recording, MARK_WRITING, world->count);
	int done = journal_writer_step(world->log, error);
	look_at_durable(world);
	return done;
}

static int append_group(struct world *world, struct error *error)
{
	int fault = 0;
	uint64_t most = draw_below(&world->random, 3) ? 6 : GROUP_MAX;
	for (uint64_t left = 1 + draw_below(&world->random, most); left > 0 && !fault; left--)
		fault = append_any(world, error);
	log_flush(world->log);
	return fault == FAULT_BUSY || fault == FAULT_NO_SPACE ? 0 : fault;
}

static int snapshot(struct world *world, struct error *error)
{
	int fault = follow_fold(world->log, world->behind, 0, NULL, NULL, error);
	if (fault || core_sequence(world->behind) <= world->snapshot)
		return fault;
	recording_mark(&world->recording, MARK_SNAPSHOT_BEGUN, core_sequence(world->behind));
	fault = follow_save_snapshot(world->disk, world->behind, error);
	if (fault)
		return fault;
	recording_mark(&world->recording, MARK_OLDER_SNAPSHOT, world->snapshot);
	world->snapshot = core_sequence(world->behind);
	recording_mark(&world->recording, MARK_SNAPSHOT, world->snapshot);
	return 0;
}

static int archive(struct world *world, struct error *error)
{
	uint64_t there[4];
	int count = snapshot_list(world->disk, there, 4, error);
	if (count < 2)
		return count;
	world->floor = there[count - 2] + 1;
	recording_mark(&world->recording, MARK_FLOOR, world->floor);
	if (draw_below(&world->random, 4))
		return follow_archive(world->disk, world->log, error);
	recording_mark(&world->recording, MARK_DELETE, 1);
	return journal_archive(world->log, world->floor, true, error);
}

/* Who does what in the program: the same thread is never in two calls at once. */
enum thread { THREAD_WRITER = 1, THREAD_PREPARER = 2, THREAD_FOLLOWER = 4 };

struct deed {
	enum thread thread;
	int (*of)(struct world *world, struct error *error);
	unsigned chance;
};

static int seal(struct world *world, struct error *error)
{
	int done = journal_seal_step(world->log, error);
	if (done == 1)
		recording_mark(&world->recording, MARK_PROVABLE, log_durable(world->log));
	return done;
}

static int prepare(struct world *world, struct error *error)
{
	return journal_prepare_step(world->log, error);
}

static int act(struct world *world, struct error *error)
{
	static const struct deed deeds[] = {{0, append_group, 10},          {THREAD_WRITER, write_batch, 10},
	                                    {THREAD_WRITER, seal, 4},       {THREAD_PREPARER, prepare, 5},
	                                    {THREAD_FOLLOWER, snapshot, 3}, {THREAD_FOLLOWER, archive, 1}};
	uint64_t drawn = draw_below(&world->random, 10 + 10 + 4 + 5 + 3 + 1);
	const struct deed *deed = deeds;
	while (drawn >= deed->chance)
		drawn -= deed++->chance;
	if (world->busy & deed->thread)
		return 0;
	world->busy |= deed->thread;
	int done = deed->of(world, error);
	world->busy &= ~(unsigned)deed->thread;
	return done;
}

static void meanwhile(void *context)
{
	struct world *world = context;
	struct error error = {0};
	look_at_durable(world);
	if (world->trouble.code != 0 || draw_below(&world->random, MEANWHILE_ONE_IN) != 0)
		return;
	if (act(world, &error) < 0)
		world->trouble = error;
}

static int live(struct world *world, struct error *error)
{
	int done = start(world, error);
	if (done == 0)
		done = found_the_shop(world, error);
	world->recording.context = world;
	world->recording.meanwhile = meanwhile;
	for (uint64_t acts = ACTS_MIN + draw_below(&world->random, ACTS_SPAN); acts > 0 && done >= 0; acts--) {
		done = act(world, error);
		if (world->trouble.code != 0)
			done = error_set(error, world->trouble.code, "%s", world->trouble.text);
	}
	world->recording.meanwhile = NULL;
	if (world->log) {
		recording_mark(&world->recording, MARK_WRITING, world->count);
		log_close(world->log);
	}
	return done;
}

bool world_live(struct world *world, struct disk *inner, const struct tree *names, int inode_count, struct error *error)
{
	recording_begin(&world->recording, names, inode_count);
	world->disk = recorder_new(inner, &world->recording);
	world->log = NULL;
	world->now = world->behind = NULL;
	world->counter = 0;
	world->busy = 0;
	world->trouble.code = 0;
	world->floor = world->begun_floor;
	world->life++;
	int done = live(world, error);
	core_free(world->now);
	core_free(world->behind);
	disk_done(world->disk);
	return done >= 0;
}
