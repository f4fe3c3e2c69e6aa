/* A process's life: its start over whatever the last one left, and its end. As cli/wiring.c does it: lock, snapshot,
 * journal, fold, ledger.
 */
#include "follow/follow.h"
#include "world.h"

#define ATTEMPTS_MAX 64
#define READ_ALL_IN 4 /* one of so many starts compares the whole log, record by record */

/* ---- over the disk ---- */

static void forget_journal(struct world *world)
{
	if (world->journal)
		log_close(world->journal);
	world->journal = NULL;
	world->writer_busy = world->preparer_busy = world->follower_busy = false;
}

void process_drop(struct world *world)
{
	for (uint32_t i = 0; i < world->plan.servers; i++)
		server_drop(world, &world->servers[i]);
	follower_end(world);
	forget_journal(world);
}

/* What was promised is there, nothing is there that nobody appended, and it is what it was. */
static void check_recovered(struct world *world, const struct journal_recovery *recovery, uint64_t truth)
{
	uint64_t last = recovery->last_sequence;
	if (last < world->promised || last < truth || last > world->shadow.count)
		world_fail(world, "P3: %llu records were recovered; %llu were appended, %llu synced, %llu promised",
		           (unsigned long long)last, (unsigned long long)world->shadow.count, (unsigned long long)truth,
		           (unsigned long long)world->promised);
	if (recovery->torn_tail)
		world_count(world, KIND_torn_tail);
	if (last > truth)
		world_count(world, KIND_unheard_kept);
	shadow_cut(&world->shadow, last);
	world->counts->recoveries++;
}

static void compare_log(struct world *world, uint64_t from)
{
	struct log_cursor *cursor;
	struct log_record record = {0};
	struct error error;
	if (log_cursor_open(world->journal, from, &cursor, &error))
		world_fail(world, "the recovered log cannot be read: %s", error.text);
	int got;
	while ((got = log_cursor_next(world->journal, cursor, &record, &error)) > 0)
		if (!shadow_is(&world->shadow, &record))
			world_fail(world, "P6: record %llu was recovered otherwise than it was appended",
			           (unsigned long long)record.sequence);
	log_cursor_close(world->journal, cursor);
	if (got == 0 && world->shadow.count >= from && record.sequence != world->shadow.count)
		world_fail(world, "the recovered log ends at %llu when it is read",
		           (unsigned long long)record.sequence);
}

static int open_journal(struct world *world, uint64_t from, struct journal_recovery *ret, struct error *error)
{
	struct journal_options options = {.segment_size = world->plan.segment_bytes,
	                                  .batch_bytes_max = world->plan.batch_bytes};
	return journal_open(sim_disk_port(world->disk), &options, from, &world->journal, ret, error);
}

static int fold_log(struct world *world, struct core *core, struct error *error)
{
	int fault = follow_fold(world->journal, core, 0, NULL, NULL, error);
	if (!fault && !shadow_hash(&world->shadow, core_sequence(core), core_hash(core)))
		world_fail(world, "P6: the recovered log folds to another hash at record %llu",
		           (unsigned long long)core_sequence(core));
	return fault;
}

int process_try(struct world *world, struct error *error)
{
	struct core_limits limits = server_limits(world);
	struct journal_recovery recovery;
	struct core *core = NULL;
	uint64_t snapshot = 0, truth = sim_disk_truth(world->disk);
	struct disk *disk = sim_disk_port(world->disk);
	int fault = disk_lock(disk, "lock", error);
	if (!fault)
		fault = follow_load_snapshot(disk, &limits, 0, &core, &snapshot, error);
	if (!fault)
		fault = open_journal(world, snapshot + 1, &recovery, error);
	if (!fault) {
		check_recovered(world, &recovery, truth);
		fault = fold_log(world, core, error);
	}
	if (!fault && dice_one_in(&world->fault_dice, READ_ALL_IN) && recovery.first_sequence)
		compare_log(world, recovery.first_sequence);
	if (!fault && sim_disk_is_dead(world->disk))
		fault = error_set(error, FAULT_IO, "it died in the last call");
	if (fault) {
		core_free(core);
		forget_journal(world);
		return fault;
	}
	if (snapshot)
		world_count(world, KIND_snapshot_start);
	server_begin(world, &world->servers[0], core, world->journal, false);
	return 0;
}

/* The power goes, or the process alone: half of the times each. */
static void clear_away(struct world *world)
{
	static const enum kind kinds[] = {KIND_COUNT, KIND_write_lost, KIND_write_torn, KIND_write_reordered,
	                                  KIND_write_survived};
	if (dice_percent(&world->fault_dice, 50)) {
		sim_disk_revive(world->disk);
		return;
	}
	enum kind fate =
	    kinds[sim_disk_power(world->disk, dice_below(&world->fault_dice, 8) ? dice_roll(&world->fault_dice) : 0)];
	if (fate != KIND_COUNT)
		world_count(world, fate);
}

/* What kept it from starting is done away with, as an operator would. */
static void help_to_start(struct world *world, int fault, const struct error *error)
{
	struct disk_memory_faults *faults = sim_disk_faults(world->disk);
	if (sim_disk_is_dead(world->disk)) {
		world_count(world, KIND_crash_in_recovery);
		clear_away(world);
		return;
	}
	if (fault == FAULT_NO_SPACE && faults->capacity) {
		world_count(world, KIND_full_start);
		faults->capacity = 0;
		return;
	}
	/* A snapshot that could not be read this time may have been the only one that the log reaches back to. */
	bool unread = fault == FAULT_DAMAGED && world->armed == KIND_read_failed && faults->fail_read_in == 0;
	if (unread || (fault == FAULT_IO && world->armed != KIND_COUNT)) {
		world_count(world, world->armed);
		world->armed = KIND_COUNT;
		*faults = (struct disk_memory_faults){.capacity = faults->capacity};
		return;
	}
	world_fail(world, "it does not start: fault %d, %s", fault, error->text);
}

void process_start(struct world *world)
{
	struct error error;
	if (world->memory_log) {
		for (uint32_t i = 0; i < world->plan.servers; i++)
			memory_server_start(world, &world->servers[i]);
		follower_begin(world, world->memory_log);
		return;
	}
	world->is_starting = true;
	damage_judge_lie(world);
	for (int attempt = 0;; attempt++) {
		if (attempt == ATTEMPTS_MAX)
			world_fail(world, "it does not start, however often");
		bool dies = plan_has(&world->plan, GROUP_crashes) && dice_one_in(&world->fault_dice, 4);
		sim_disk_die_in(world->disk, dies ? dice_from(&world->fault_dice, 1, 60) : 0,
		                dice_percent(&world->fault_dice, 50));
		int fault = process_try(world, &error);
		if (!fault)
			break;
		help_to_start(world, fault, &error);
	}
	sim_disk_die_in(world->disk, 0, false);
	follower_begin(world, world->journal);
	world->is_starting = false;
}

/* ---- over the log in memory ---- */

/* All that stands in it is the world's to know, before a server begins behind it. */
void memory_pull(struct world *world)
{
	struct memory_log_faults *faults = memory_log_faults(world->memory_log);
	struct log_record record;
	uint32_t delay = faults->delay_echo;
	faults->delay_echo = 0;
	while (log_echo(world->memory_log, &record, NULL) == 1)
		shadow_add(&world->shadow, record.time.ms, record.bytes, record.size);
	faults->delay_echo = delay;
	memory_log_sync(world->memory_log);
}

void memory_server_start(struct world *world, struct server *server)
{
	struct core_limits limits = server_limits(world);
	struct core *core;
	struct error error;
	memory_pull(world);
	int fault = core_new(&limits, &core, &error);
	if (!fault)
		fault = follow_fold(world->memory_log, core, 0, NULL, NULL, &error);
	if (fault)
		world_fail(world, "the log in memory cannot be folded: %s", error.text);
	if (!shadow_hash(&world->shadow, core_sequence(core), core_hash(core)))
		world_fail(world, "P6: a second server folds the log to another hash");
	world->counts->recoveries++;
	server_begin(world, server, core, world->memory_log, true);
}

/* ---- the end ---- */

void process_stop(struct world *world)
{
	for (uint32_t i = 0; i < world->plan.servers && !world->exit_fault; i++)
		server_drain(world, &world->servers[i]);
	if (world->exit_fault)
		return;
	follower_end(world);
	for (uint32_t i = 0; i < world->plan.servers; i++)
		server_drop(world, &world->servers[i]);
	forget_journal(world);
}

/* What one of two servers writes at last, the other hears, too. */
static bool all_are_there(const struct world *world)
{
	for (uint32_t i = 0; i < world->plan.servers; i++)
		if (core_sequence(world->servers[i].core) != world->shadow.count)
			return false;
	return true;
}

void process_settle(struct world *world)
{
	world->armed = KIND_COUNT;
	if (world->disk) {
		*sim_disk_faults(world->disk) = (struct disk_memory_faults){0};
		sim_disk_die_in(world->disk, 0, false);
		sim_disk_lie_in(world->disk, 0, false, 0);
	} else {
		*memory_log_faults(world->memory_log) = (struct memory_log_faults){.room = LOG_ROOM_ALL};
	}
	do {
		fault_after(world);
		for (uint32_t i = 0; i < world->plan.servers && !world->exit_fault; i++)
			server_drain(world, &world->servers[i]);
		if (!world->exit_fault)
			actor_follow(world);
	} while (world->exit_fault || !all_are_there(world));
}
