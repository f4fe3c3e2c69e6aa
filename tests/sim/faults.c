/* The rare events: crashes, stops, snapshots, and the faults of disk, clock and log; and what follows from them.
 */
#include "world.h"

/* ---- dying ---- */

static void power_or_kill(struct world *world, bool power)
{
	static const enum kind kinds[] = {KIND_COUNT, KIND_write_lost, KIND_write_torn, KIND_write_reordered,
	                                  KIND_write_survived};
	if (!power) {
		sim_disk_revive(world->disk);
		return;
	}
	uint64_t luck = dice_one_in(&world->fault_dice, 8) ? 0 : dice_roll(&world->fault_dice);
	enum kind fate = kinds[sim_disk_power(world->disk, luck)];
	if (fate != KIND_COUNT)
		world_count(world, fate);
}

static void die_on_disk(struct world *world, enum kind how)
{
	bool power =
	    how == KIND_power || how == KIND_power_in_call ||
	    ((how == KIND_crash_in_snapshot || how == KIND_crash_in_archiving) && dice_percent(&world->fault_dice, 50));
	world_count(world, how);
	world->had_crash = true;
	sim_disk_kill(world->disk);
	process_drop(world);
	power_or_kill(world, power);
	process_start(world);
}

/* One of two servers, or the only one and with it what the log had not made durable. */
static void die_on_memory_log(struct world *world)
{
	world->had_crash = true;
	if (world->plan.servers == 2) {
		struct server *server = &world->servers[dice_below(&world->fault_dice, 2)];
		world_count(world, KIND_other_dies);
		server_drop(world, server);
		memory_server_start(world, server);
		return;
	}
	world_count(world, KIND_log_crash);
	uint64_t durable = log_durable(world->memory_log);
	struct memory_log_faults *faults = memory_log_faults(world->memory_log);
	struct log_record record;
	faults->delay_echo = 0;
	while (log_echo(world->memory_log, &record, NULL) == 1)
		shadow_add(&world->shadow, record.time.ms, record.bytes, record.size);
	uint64_t open = world->shadow.count - durable;
	uint32_t survivors = dice_below(&world->fault_dice, (uint32_t)open + 1);
	process_drop(world);
	struct log *after = memory_log_crash(world->memory_log, survivors);
	log_close(world->memory_log);
	world->memory_log = after;
	shadow_cut(&world->shadow, durable + survivors);
	if (world->shadow.count < world->promised)
		world_fail(world, "P3: the log lost what was promised");
	process_start(world);
}

static void die(struct world *world)
{
	uint32_t how = dice_below(&world->fault_dice, 6);
	if (world->memory_log) {
		die_on_memory_log(world);
		return;
	}
	switch (how) {
	case 0:
		die_on_disk(world, KIND_kill);
		return;
	case 1:
		die_on_disk(world, KIND_power);
		return;
	case 2:
		world->dying = KIND_kill_in_call;
		break;
	case 3:
		world->dying = KIND_power_in_call;
		break;
	default: /* in a snapshot, if there are any, and its archiving */
		world->dying = KIND_COUNT;
	}
	bool in_write = how <= 3 && dice_percent(&world->fault_dice, 60);
	sim_disk_die_in(world->disk, dice_from(&world->fault_dice, 1, in_write ? 2 : 40),
	                dice_percent(&world->fault_dice, 50));
	if (how > 3)
		actor_snapshot(world);
	else if (in_write)
		actor_write(world);
}

/* ---- faults of the disk ---- */

static void arm(struct world *world)
{
	struct disk_memory_faults *faults = sim_disk_faults(world->disk);
	struct dice *dice = &world->fault_dice;
	bool syncs = plan_has(&world->plan, GROUP_syncs), writes = plan_has(&world->plan, GROUP_writes);
	if (world->armed != KIND_COUNT || (!syncs && !writes))
		return;
	world->had_disk_fault = true;
	uint32_t in = dice_from(dice, 2, 6), which = dice_below(dice, 3);
	if (syncs && (!writes || dice_percent(dice, 50))) {
		faults->fail_sync_in = in;
		faults->fail_sync_for_good = which == 0;
		world->armed = which == 0 ? KIND_sync_dead : KIND_sync_failed;
	} else if (which == 0) {
		faults->fail_write_in = in;
		world->armed = KIND_write_failed;
	} else if (which == 1) {
		faults->short_write_in = in;
		world->armed = KIND_write_short;
	} else {
		faults->fail_read_in = in;
		world->armed = KIND_read_failed;
	}
}

static bool has_fired(const struct world *world, const struct disk_memory_faults *faults)
{
	switch (world->armed) {
	case KIND_sync_failed:
		return faults->fail_sync_in == 0;
	case KIND_sync_dead:
		return faults->fail_sync_in == 1;
	case KIND_write_failed:
		return faults->fail_write_in == 0;
	case KIND_write_short:
		return faults->short_write_in == 0;
	case KIND_read_failed:
		return faults->fail_read_in == 0;
	default:
		return false;
	}
}

static void fill_disk(struct world *world)
{
	struct disk_memory_faults *faults = sim_disk_faults(world->disk);
	world->had_disk_fault = true;
	if (faults->capacity)
		faults->capacity = 0;
	else
		faults->capacity = 1 + dice_below(&world->fault_dice, 2 * world->plan.segment_bytes) +
		                   disk_memory_used(sim_disk_inner(world->disk));
}

/* ---- clocks, and the log in memory ---- */

static void move_clock(struct world *world)
{
	struct dice *dice = &world->fault_dice;
	bool back = dice_percent(dice, 50);
	int64_t by = back ? -(int64_t)dice_from(dice, 1, 30000) : (int64_t)dice_from(dice, 1, 120000);
	world_count(world, back ? KIND_clock_back : KIND_clock_ahead);
	world->wall += by;
	/* The monotonic clock of a server that runs does not jump; what its ledger is handed may all the same. */
	for (uint32_t i = 0; i < world->plan.servers; i++)
		if (dice_percent(dice, 50))
			world->servers[i].clock_offset += by;
}

static void trouble_log(struct world *world)
{
	struct memory_log_faults *faults = memory_log_faults(world->memory_log);
	struct dice *dice = &world->fault_dice;
	static const enum kind kinds[] = {KIND_append_lost, KIND_append_late, KIND_append_double, KIND_append_busy,
	                                  KIND_log_jump,    KIND_log_no_room, KIND_echo_held};
	uint32_t which = dice_below(dice, 7), in = dice_from(dice, 1, 4);
	world_count(world, kinds[which]);
	if (which == 0)
		faults->lose_append_in = in;
	else if (which == 1)
		faults->late_append_in = in;
	else if (which == 2)
		faults->double_append_in = in;
	else if (which == 3)
		faults->busy_in = in;
	else if (which == 4)
		faults->time_jump_ms = dice_from(dice, 1, 20000);
	else if (which == 5)
		faults->room = (enum log_room)dice_below(dice, 3);
	else
		faults->delay_echo = faults->hold_durable = dice_percent(dice, 60);
	if (which != 5 && dice_percent(dice, 50))
		faults->room = LOG_ROOM_ALL;
}

/* ---- a rare event ---- */

static void stop(struct world *world)
{
	process_stop(world);
	if (world->exit_fault)
		return;
	world_count(world, KIND_clean_stop);
	if (world->disk && sim_disk_is_dead(world->disk)) /* it died in its last words */
		sim_disk_revive(world->disk);
	if (world->disk && dice_percent(&world->fault_dice, 30))
		power_or_kill(world, true);
	process_start(world);
}

static void damage(struct world *world, enum group group)
{
	world->had_disk_fault = true;
	if (group == GROUP_lies) {
		sim_disk_lie_in(world->disk, dice_from(&world->fault_dice, 1, 3), dice_percent(&world->fault_dice, 50),
		                dice_roll(&world->fault_dice));
		return;
	}
	sim_disk_kill(world->disk);
	process_drop(world);
	power_or_kill(world, dice_percent(&world->fault_dice, 50));
	if (dice_percent(&world->fault_dice, 25))
		damage_spoil_snapshot(world);
	else
		damage_flip(world);
	process_start(world);
}

static bool is_possible(const struct world *world, enum group group)
{
	bool on_disk = group == GROUP_snapshots || group == GROUP_syncs || group == GROUP_writes ||
	               group == GROUP_fullness || group == GROUP_lies || group == GROUP_spoils;
	return plan_has(&world->plan, group) && group != GROUP_slowness && !(on_disk && world->memory_log);
}

/* One of those that this seed has, each as often as the others. */
static enum group draw_group(struct world *world)
{
	enum group there[GROUP_COUNT];
	uint32_t count = 0;
	for (int group = 1; group < GROUP_COUNT; group++)
		if (is_possible(world, (enum group)group))
			there[count++] = (enum group)group;
	return count ? there[dice_below(&world->fault_dice, count)] : GROUP_none;
}

void fault_rare(struct world *world)
{
	enum group group = draw_group(world);
	world->steps++;
	switch (group) {
	case GROUP_crashes:
		die(world);
		break;
	case GROUP_stops:
		stop(world);
		break;
	case GROUP_clocks:
		move_clock(world);
		break;
	case GROUP_log_faults:
		trouble_log(world);
		break;
	case GROUP_snapshots:
		actor_snapshot(world);
		break;
	case GROUP_syncs:
	case GROUP_writes:
		arm(world);
		break;
	case GROUP_fullness:
		fill_disk(world);
		break;
	case GROUP_lies:
	case GROUP_spoils:
		damage(world, group);
		break;
	default:
		break;
	}
}

/* ---- what follows ---- */

static void see_fired(struct world *world)
{
	struct disk_memory_faults *faults = sim_disk_faults(world->disk);
	if (!has_fired(world, faults))
		return;
	world_count(world, world->armed);
	world->armed = KIND_COUNT;
	faults->fail_sync_in = 0;
	faults->fail_sync_for_good = false;
}

/* A fault that ends the process has its reason: the disk's, or that the process is dead already. */
static void judge_exit(struct world *world, int fault)
{
	bool lied = sim_disk_lie(world->disk) != NULL;
	bool broke = world->armed != KIND_COUNT && has_fired(world, sim_disk_faults(world->disk));
	if (fault == FAULT_IO && (broke || lied))
		return;
	if (fault == FAULT_DAMAGED && lied)
		return;
	world_fail(world, "the process ends with fault %d, and nothing was wrong: %s", fault, world->exit_error.text);
}

static void restart_after(struct world *world, int fault)
{
	judge_exit(world, fault);
	sim_disk_kill(world->disk);
	process_drop(world);
	see_fired(world);
	power_or_kill(world, dice_percent(&world->fault_dice, 30));
	process_start(world);
}

void fault_after(struct world *world)
{
	int fault = world->exit_fault;
	enum kind dying = world->dying;
	if (!world->disk) {
		if (fault)
			world_fail(world, "a server ends with fault %d: %s", fault, world->exit_error.text);
		return;
	}
	if (sim_disk_is_dead(world->disk)) {
		world->exit_fault = 0;
		world->dying = KIND_COUNT;
		die_on_disk(world, dying == KIND_COUNT ? KIND_kill_in_call : dying);
		return;
	}
	if (fault) {
		world->exit_fault = 0;
		restart_after(world, fault);
		return;
	}
	see_fired(world);
	if (sim_disk_lie(world->disk) && dice_one_in(&world->fault_dice, 40))
		die_on_disk(world, KIND_kill);
}
