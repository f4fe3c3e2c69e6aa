#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BOUND_NEAR_MS 20000
#define BEGINS_AT INT64_C(1790000000000)

struct world *world_new(void)
{
	struct world *world = calloc(1, sizeof *world);
	must(world);
	world->told = malloc(TOLD_MAX * sizeof *world->told);
	must(world->told);
	shadow_init(&world->shadow);
	return world;
}

_Noreturn void world_fail(struct world *world, const char *format, ...)
{
	va_list arguments;
	world->counts->now_steps = world->steps;
	fflush(stdout);
	fprintf(stderr, "seed %llu, step %llu, record %llu: ", (unsigned long long)world->plan.seed,
	        (unsigned long long)world->steps, (unsigned long long)world->shadow.count);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\n");
	_exit(1);
}

/* ---- events ---- */

/* To the very millisecond in which something falls due, opens or closes, or the one before: what is wrong with a bound
 * shows there. 0: nothing is near. */
static int64_t time_to_bound(const struct world *world, struct dice *dice)
{
	const struct server *server = &world->servers[0];
	const struct drop_spec *spec = &world->specs[dice_below(dice, world->plan.drops)][0];
	uint32_t which = dice_below(dice, 4);
	if (!server->is_up)
		return 0;
	int64_t bound = which < 2    ? core_next_due(server->core).ms
	                : which == 2 ? spec->opens_at.ms
	                             : spec->closes_at.ms;
	int64_t now = server_now(world, server).ms - (int64_t)dice_percent(dice, 25);
	return bound > now && bound - now < BOUND_NEAR_MS ? bound - now : 0;
}

static void let_time_pass(struct world *world, struct dice *dice)
{
	int64_t ms = dice_percent(dice, world->plan.slow_percent) ? dice_from(dice, 1, 20) : dice_from(dice, 20, 800);
	if (dice_one_in(dice, 60))
		ms = dice_from(dice, 1000, 20000);
	if (world->plan.crowd) {
		ms = dice_one_in(dice, 10) ? 60000 : ms % 1000;
	} else if (dice_one_in(dice, 4)) {
		int64_t to_bound = time_to_bound(world, dice);
		ms = to_bound ? to_bound : ms;
	}
	world->mono += ms;
	world->wall += ms;
}

static struct server *any_server(struct world *world, struct dice *dice)
{
	return &world->servers[dice_below(dice, world->plan.servers)];
}

/* The log in memory has no writer to be stepped: what is held back is let out. */
static void move_log(struct world *world, struct dice *dice)
{
	if (!world->memory_log) {
		actor_write(world);
		return;
	}
	if (dice_percent(dice, 60))
		memory_log_release(world->memory_log, dice_from(dice, 1, 8));
	else
		memory_log_sync(world->memory_log);
}

static void happen(struct world *world, enum event event, struct dice *dice)
{
	struct server *server;
	world->steps++;
	world_mix(world, event);
	switch (event) {
	case EVENT_REQUEST:
		people_ask(world);
		break;
	case EVENT_LEDGER:
		server = any_server(world, dice);
		if (!server->is_busy)
			server_step(world, server, dice_percent(dice, 50));
		break;
	case EVENT_WRITE:
		move_log(world, dice);
		break;
	case EVENT_SEAL:
		actor_seal(world);
		break;
	case EVENT_PREPARE:
		actor_prepare(world);
		break;
	case EVENT_FOLLOW:
		actor_follow(world);
		break;
	default:
		let_time_pass(world, dice);
	}
}

static enum event draw_event(const struct world *world, struct dice *dice)
{
	uint32_t at = dice_below(dice, world->plan.weight_sum);
	int event = 0;
	while (at >= world->plan.weight[event])
		at -= world->plan.weight[event++];
	return (enum event)event;
}

/* In a call to the disk: others go on. */
void world_between(void *context)
{
	struct world *world = context;
	struct dice *dice = &world->between_dice;
	world->steps++;
	if (world->is_starting || world->depth >= BETWEEN_DEPTH_MAX || world->exit_fault)
		return;
	if (!dice_percent(dice, world->plan.meanwhile_percent))
		return;
	uint32_t events = dice_from(dice, 1, 3);
	if (plan_has(&world->plan, GROUP_slowness) && dice_one_in(dice, 20)) {
		world_count(world, KIND_disk_slow);
		events = dice_from(dice, 10, 60);
	}
	world_count(world, KIND_meanwhile);
	world->depth++;
	for (; events && !world->exit_fault && !sim_disk_is_dead(world->disk); events--)
		happen(world, draw_event(world, dice), dice);
	world->depth--;
}

/* ---- a world from its beginning to its end ---- */

static void begin(struct world *world, const struct plan *plan, struct counts *counts)
{
	uint64_t seed = plan->seed;
	world->plan = *plan;
	world->counts = counts;
	world->schedule = dice_for(seed, 10);
	world->people = dice_for(seed, 11);
	world->fault_dice = dice_for(seed, 12);
	world->between_dice = dice_for(seed, 13);
	world->steps = 0;
	world->wall = BEGINS_AT;
	world->mono = 0;
	world->depth = 0;
	world->exit_fault = 0;
	world->writer_busy = world->preparer_busy = world->follower_busy = world->is_starting = false;
	world->had_crash = world->had_disk_fault = false;
	world->promised = world->told_count = 0;
	world->armed = world->dying = KIND_COUNT;
	world->digest = seed;
	world->journal = world->memory_log = NULL;
	world->disk = NULL;
	shadow_clear(&world->shadow);
	memset(world->servers, 0, sizeof world->servers);
	world->follower.core = NULL;
	world->follower.position = world->follower.snapshot = 0;
	map_clear(&world->follower.by_key);
	map_clear(&world->follower.by_order);
	people_begin(world);
	if (plan->servers == 2)
		world_count(world, KIND_two_writers);
	if (plan->memory_log)
		world->memory_log = memory_log_new();
	else
		world->disk = sim_disk_new(world_between, world);
	process_start(world);
}

static void end(struct world *world)
{
	if (world->disk)
		sim_disk_kill(world->disk);
	process_drop(world);
	if (world->disk)
		sim_disk_free(world->disk);
	if (world->memory_log)
		log_close(world->memory_log);
	world->disk = NULL;
	world->memory_log = NULL;
}

void world_run(struct world *world, const struct plan *plan, struct counts *counts)
{
	counts->now_seed = plan->seed;
	counts->now_steps = 0;
	begin(world, plan, counts);
	while (world->steps < plan->ticks) {
		if (dice_one_in(&world->schedule, plan->rare_in))
			fault_rare(world);
		else
			happen(world, draw_event(world, &world->schedule), &world->schedule);
		fault_after(world);
		counts->now_steps = world->steps;
	}
	process_settle(world);
	audit(world);
	world_mix(world, core_hash(world->servers[0].core));
	end(world);
	counts->now_digest = world->digest;
	counts->steps += world->steps;
	counts->records += world->shadow.count;
	counts->seeds++;
	counts->seeds_crash += world->had_crash;
	counts->seeds_disk += world->had_disk_fault;
}
