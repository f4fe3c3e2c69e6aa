/* The other threads of a server, each a step at a time: the journal's writer and preparer, and the follower, which folds
 * what is durable a second time, keeps the store, and writes snapshots.
 */
#include "follow/fold.h"
#include "follow/follow.h"
#include "follow/snapshots.h"
#include "log/snapshot_file.h"
#include "world.h"

#define FOLLOW_MAX 4096

static void ends_with(struct world *world, int fault, const struct error *error)
{
	if (world->exit_fault)
		return;
	world->exit_fault = fault;
	world->exit_error = *error;
}

void actor_write(struct world *world)
{
	struct error error;
	if (!world->journal || world->writer_busy)
		return;
	world->writer_busy = true;
	int done = journal_writer_step(world->journal, &error);
	world->writer_busy = false;
	if (done < 0)
		ends_with(world, done, &error);
}

void actor_seal(struct world *world)
{
	struct error error;
	if (!world->journal || world->writer_busy)
		return;
	world->writer_busy = true;
	int done = journal_seal_step(world->journal, &error);
	world->writer_busy = false;
	if (done < 0)
		ends_with(world, done, &error);
}

void actor_prepare(struct world *world)
{
	struct error error;
	if (!world->journal || world->preparer_busy)
		return;
	world->preparer_busy = true;
	int done = journal_prepare_step(world->journal, &error);
	world->preparer_busy = false;
	if (done == FAULT_NO_SPACE)
		world_count(world, KIND_disk_full);
	else if (done < 0)
		ends_with(world, done, &error);
}

/* ---- the follower and its store ---- */

static uint32_t drop_in_world(const struct core *core, uint32_t drop)
{
	struct drop_view view;
	core_drop_view(core, drop, core_time(core), &view);
	return number_in_name(view.id);
}

static void store_grant(struct world *world, uint64_t order, const struct command *command)
{
	struct follower *follower = &world->follower;
	struct drop_view view;
	core_drop_view(follower->core, command->claim.drop, core_time(follower->core), &view);
	*map_at(&follower->by_order, order) = view.hold_seconds == 0;
	if (command->key.size)
		*map_at(&follower->by_key,
		        key_of_claim(drop_in_world(follower->core, command->claim.drop),
		                     number_in_name(command->claim.buyer), number_in_name(command->key))) = order;
}

static void store_order(void *context, enum order_change change, uint64_t order, uint64_t sequence, struct wall_ms time,
                        const struct command *command)
{
	struct world *world = context;
	if (change == CHANGE_GRANTED)
		store_grant(world, order, command);
	else if (change == CHANGE_COMPLETED || change == CHANGE_PAID_LATER)
		*map_at(&world->follower.by_order, order) |= 2;
}

/* From the newest snapshot that is not ahead of the store, in silence up to where the store is. */
void follower_begin(struct world *world, struct log *log)
{
	struct follower *follower = &world->follower;
	struct core_limits limits = server_limits(world);
	struct error error;
	uint64_t from = 0;
	int fault = world->disk && follower->position
	                ? follow_load_snapshot(sim_disk_port(world->disk), &limits, follower->position, &follower->core,
	                                       &from, &error)
	                : core_new(&limits, &follower->core, &error);
	if (!fault && from < follower->position)
		fault = follow_fold(log, follower->core, follower->position, NULL, NULL, &error);
	if (!fault && core_sequence(follower->core) != follower->position)
		world_fail(world, "the store is at record %llu, which the log does not reach",
		           (unsigned long long)follower->position);
	if (!fault)
		fault = log_cursor_open(log, follower->position + 1, &follower->cursor, &error);
	if (!fault)
		fault = fold_new(follower->core, &follower->fold, &error);
	if (fault)
		world_fail(world, "the follower cannot begin: %s", error.text);
	core_listen(follower->core, &(struct core_listener){.context = world, .order_changed = store_order});
}

void follower_end(struct world *world)
{
	struct follower *follower = &world->follower;
	struct log *log = world->journal ? world->journal : world->memory_log;
	if (!follower->core)
		return;
	fold_free(follower->fold);
	log_cursor_close(log, follower->cursor);
	core_free(follower->core);
	follower->core = NULL;
}

static int fold_durable(struct world *world, struct error *error)
{
	struct follower *follower = &world->follower;
	struct log *log = world->journal ? world->journal : world->memory_log;
	struct log_record record;
	int got = 0;
	for (uint32_t i = 0; i < FOLLOW_MAX; i++) {
		got = log_cursor_next(log, follower->cursor, &record, error);
		if (got <= 0)
			break;
		if (record.sequence <= world->shadow.count && !shadow_is(&world->shadow, &record))
			world_fail(world, "P6: record %llu is read otherwise than it was appended",
			           (unsigned long long)record.sequence);
		got = fold_push(follower->fold, &record, error);
		if (got < 0)
			break;
	}
	return got < 0 ? got : fold_drain(follower->fold, error);
}

void actor_follow(struct world *world)
{
	struct follower *follower = &world->follower;
	struct error error;
	if (!follower->core || world->follower_busy)
		return;
	world->follower_busy = true;
	int fault = fold_durable(world, &error);
	world->follower_busy = false;
	if (fault < 0) {
		ends_with(world, fault, &error);
		return;
	}
	follower->position = core_sequence(follower->core);
	if (follower->position <= world->shadow.count &&
	    !shadow_hash(&world->shadow, follower->position, core_hash(follower->core)))
		world_fail(world, "P6: the follower's fold differs at record %llu",
		           (unsigned long long)follower->position);
	people_look_in_store(world);
}

/* What does not become a snapshot this time does so the next; nobody is kept from buying by it. */
static void archive(struct world *world)
{
	struct disk *disk = sim_disk_port(world->disk);
	uint64_t there[4];
	struct error error;
	int done = 0;
	if (world->plan.deletes_archived) {
		int count = snapshot_list(disk, there, 4, &error);
		if (count >= 2)
			done = journal_archive(world->journal, there[count - 2] + 1, true, &error);
	} else {
		done = follow_archive(disk, world->journal, &error);
	}
	if (done > 0)
		world_count(world, KIND_archived);
	if (done < 0 && sim_disk_is_dead(world->disk) && world->dying == KIND_COUNT)
		world->dying = KIND_crash_in_archiving;
}

void actor_snapshot(struct world *world)
{
	struct error error;
	if (!world->journal || !world->follower.core || world->follower_busy)
		return;
	actor_follow(world);
	if (world->exit_fault || world->follower.position == 0 || world->follower.position == world->follower.snapshot)
		return;
	world->follower_busy = true;
	int fault = follow_save_snapshot(sim_disk_port(world->disk), world->follower.core, &error);
	if (fault == 0) {
		world_count(world, KIND_snapshot);
		world->follower.snapshot = world->follower.position;
		archive(world);
	} else if (sim_disk_is_dead(world->disk) && world->dying == KIND_COUNT) {
		world->dying = KIND_crash_in_snapshot;
	}
	world->follower_busy = false;
}
