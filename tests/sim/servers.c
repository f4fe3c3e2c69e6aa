/* A server: core, ledger and views over a log, stepped by hand; and what is checked after each of its steps. */
#include "world.h"

#define ROUNDS_MAX 100000
#define CHECK_ALL_EVERY 512 /* steps of a ledger between two looks at everything */

struct core_limits server_limits(const struct world *world)
{
	/* A pool that is nearly full is kept by one writer's count of what it has under way; of the other's it knows nothing,
	 * nor of a record that is late. There, pools are large enough for all that is asked. */
	return (struct core_limits){.drops = world->plan.drops,
	                            .skus = 64,
	                            .orders = world->plan.orders_max,
	                            .lines = 8192,
	                            .api_keys = world->plan.memory_log ? 16 : 4};
}

/* As the ledger's thread has it: the wall clock at the start, the monotonic one from then on. */
struct wall_ms server_now(const struct world *world, const struct server *server)
{
	struct wall_ms now = {server->clock_offset + world->mono}, last = core_time(server->core);
	return wall_before(now, last) ? last : now;
}

/* Behind the last record: refused, unless the operator says that it is right. */
static void set_clock(struct world *world, struct server *server)
{
	struct wall_ms now;
	struct error error;
	int fault = round_clock(server->core, (struct wall_ms){world->wall}, false, &now, &error);
	if (fault == FAULT_CLOCK) {
		world_count(world, KIND_clock_refused);
		bool behind = dice_percent(&world->fault_dice, 50);
		if (behind)
			world_count(world, KIND_clock_behind);
		else
			world->wall = core_time(server->core).ms + dice_below(&world->fault_dice, 1000);
		fault = round_clock(server->core, (struct wall_ms){world->wall}, behind, &now, &error);
	}
	if (fault)
		world_fail(world, "the clock: %s", error.text);
	server->clock_offset = now.ms - world->mono;
}

void server_begin(struct world *world, struct server *server, struct core *core, struct log *log, bool is_hub)
{
	struct error error;
	struct ledger_options options = {.limits = server_limits(world),
	                                 .waiting_max = world->plan.waiting_max,
	                                 .claim_timeout_ms = world->plan.claim_timeout_ms,
	                                 .eligibility = world->plan.eligibility,
	                                 .record_size_max = log_record_size_max(log),
	                                 .program = TEXT("sim")};
	uint64_t key[2] = {dice_roll(&world->schedule), dice_roll(&world->schedule)};
	memcpy(options.digest_key, key, sizeof key);
	server->core = core;
	server->life++;
	tap_init(&server->tap, log, &world->shadow, is_hub, core_sequence(core));
	if (ledger_new(core, &options, &server->ledger, &error) ||
	    views_new(options.limits.drops, options.limits.skus, options.limits.api_keys, &server->views, &error))
		world_fail(world, "a ledger cannot begin: %s", error.text);
	must(round_init(&server->round, server->ledger, server->views, &server->tap.log));
	server->round.echoes_max = world->plan.echoes_max;
	server->arrived = (struct ask_list){0};
	server->is_up = true;
	server->is_busy = false;
	set_clock(world, server);
	ledger_publish(server->ledger, core_sequence(core), server->views);
	server_check_all(world, server);
}

void server_drop(struct world *world, struct server *server)
{
	if (!server->is_up)
		return;
	server->is_up = false;
	round_fini(&server->round);
	views_free(server->views);
	ledger_free(server->ledger);
	core_free(server->core);
	people_lose(world, (uint32_t)(server - world->servers));
}

/* ---- what is checked ---- */

static void check_views(struct world *world, const struct server *server)
{
	uint64_t position = views_position(server->views);
	uint64_t truth = world->disk ? sim_disk_truth(world->disk) : log_durable(world->memory_log);
	if (position > truth)
		world_fail(world, "P3: the views show record %llu, and only %llu are synced",
		           (unsigned long long)position, (unsigned long long)truth);
	if (position != core_sequence(server->core))
		return;
	for (uint32_t drop = 0; drop < core_drop_count(server->core); drop++) {
		struct drop_view seen, is;
		struct sku_view seen_sku[SKUS_EACH_MAX], sku;
		struct wall_ms now = core_time(server->core);
		if (!views_drop(server->views, drop, now, &seen, 0, SKUS_EACH_MAX, seen_sku))
			world_fail(world, "drop %u is not shown", drop);
		core_drop_view(server->core, drop, now, &is);
		bool same = seen.granted == is.granted && seen.state == is.state && seen.left == is.left;
		for (uint32_t i = 0; same && i < is.sku_count; i++) {
			core_sku_view(server->core, drop, i, &sku);
			same = seen_sku[i].stock == sku.stock && seen_sku[i].held == sku.held &&
			       seen_sku[i].sold == sku.sold;
		}
		if (!same)
			world_fail(world, "the view of drop %u is not the state it says it is", drop);
	}
}

void server_check_all(struct world *world, const struct server *server)
{
	struct error error;
	world->counts->checks++;
	if (core_check(server->core, &error))
		world_fail(world, "%s", error.text);
	check_views(world, server);
}

static void check_step(struct world *world, const struct server *server)
{
	struct error error;
	if (core_check_step(server->core, &error))
		world_fail(world, "%s", error.text);
	if (server->tap.echo_differed)
		world_fail(world, "P6: the log echoes another record than was appended");
	if (core_holds_due(server->core, core_time(server->core)))
		world_count(world, KIND_many_due); /* its time has come, and its turn has not */
	if (!shadow_hash(&world->shadow, core_sequence(server->core), core_hash(server->core)))
		world_fail(world, "P6: record %llu folds to another hash than it did before",
		           (unsigned long long)core_sequence(server->core));
	if (dice_one_in(&world->between_dice, CHECK_ALL_EVERY))
		server_check_all(world, server);
}

/* ---- stepping ---- */

static int step_once(struct world *world, struct server *server, struct ask *asks, bool draining)
{
	struct ask_list released = {0};
	struct error error;
	server->is_busy = true;
	int again = log_failed(server->round.log, &error);
	if (!again)
		again = round_step(&server->round, asks, server_now(world, server), draining, &released, &error);
	server->is_busy = false;
	if (again < 0) {
		world->exit_fault = again;
		world->exit_error = error;
		return again;
	}
	people_see_answers(world, server);
	check_step(world, server);
	people_hear(world, server, &released);
	return again;
}

void server_step(struct world *world, struct server *server, bool to_the_end)
{
	if (!server->is_up || world->exit_fault)
		return;
	struct ask *asks = server->arrived.first;
	server->arrived = (struct ask_list){0};
	int again = step_once(world, server, asks, false);
	for (uint32_t i = 0; again > 0 && to_the_end; i++) {
		if (i == ROUNDS_MAX)
			world_fail(world, "a round does not come to its end");
		world->steps++;
		again = step_once(world, server, NULL, false);
	}
}

void server_drain(struct world *world, struct server *server)
{
	struct ask *asks = server->arrived.first;
	server->arrived = (struct ask_list){0};
	for (uint32_t i = 0; i < ROUNDS_MAX && !world->exit_fault; i++, asks = NULL) {
		world->steps++;
		if (step_once(world, server, asks, true) < 0)
			return;
		if (world->memory_log)
			memory_pull(world);
		else
			actor_write(world);
		bool all = core_sequence(server->core) == world->shadow.count &&
		           log_durable(server->round.log) == world->shadow.count;
		if (all && ledger_is_idle(server->ledger))
			return;
		world->mono += 5;
		world->wall += 5;
	}
	if (!world->exit_fault)
		world_fail(world, "a server that stops in order does not come to its end");
}
