/* The audit at a seed's end: the log is folded once more, by a fresh core and by the naive model, side by side; and at
 * each place of the log everything that was ever told on that ground is asked of the model again.
 */
#include <stdlib.h>

#include "model.h"
#include "world.h"

#define NUMBER(x) ((unsigned long long)(x))
#define MODEL_CHECK_EVERY 1024

struct audit {
	struct world *world;
	struct model *model;
	struct core *core;
	uint32_t *first_told; /* by basis; + 1 */
	struct command_scratch *scratch;
	struct {
		uint32_t life;
		uint64_t arrival;
	} last_grant[2][DROPS_MAX];
};

/* ---- what was told ---- */

static const char *verdict_name(uint32_t verdict)
{
	return verdict_row((enum verdict)verdict)->name;
}

_Noreturn static void differs(const struct audit *audit, const struct told *told, const char *what)
{
	world_fail(audit->world,
	           "told on the ground of record %llu, %s to question %u at %lld about d%u b%u k%u order %llu: %s",
	           NUMBER(told->basis), verdict_name(told->verdict), told->kind, (long long)told->now, told->drop,
	           told->buyer, told->key, NUMBER(told->order), what);
}

static void judge_order(const struct audit *audit, const struct told *told)
{
	const struct model_order *order = model_order(audit->model, told->answer_order);
	if (!order)
		differs(audit, told, "no such order was granted");
	if (told->kind == TOLD_CLAIM && told->verdict != VERDICT_LIMIT_REACHED &&
	    (order->buyer != told->buyer || order->key != told->key))
		differs(audit, told, "the order is another's");
	if (told->verdict == VERDICT_LIMIT_REACHED || told->kind == TOLD_BY_STORE)
		return;
	if (order->position != told->position)
		differs(audit, told, "its place in the sale is another");
	/* A step may hear of later records, and of their times, before it is over: the answer was filled in between. */
	bool then = told->counter && (uint32_t)model_status_at(order, core_time(audit->core).ms) == told->status;
	if (!then && (uint32_t)model_status_at(order, told->now) != told->status)
		differs(audit, told, "its status was another");
	if (order->deadline != told->hold_until)
		differs(audit, told, "its deadline is another");
}

/* P7: who asked earlier was granted earlier. A log that lets a record come late is its own order. */
static void judge_arrival(struct audit *audit, const struct told *told)
{
	uint32_t server = told->server_life & 1;
	if (audit->world->plan.memory_log || told->drop == NOBODY)
		return;
	if (audit->last_grant[server][told->drop].life == told->server_life &&
	    audit->last_grant[server][told->drop].arrival > told->arrival)
		differs(audit, told, "P7: who asked later was granted earlier");
	audit->last_grant[server][told->drop].life = told->server_life;
	audit->last_grant[server][told->drop].arrival = told->arrival;
}

static struct model_says expected(const struct audit *audit, const struct told *told,
                                  const struct model_says *of_record)
{
	struct told question = *told;
	if (told->counter)
		return *of_record;
	if (told->kind == TOLD_CREATE)
		question.number = audit->world->specs[told->drop][told->spec].keep_seconds;
	return model_ask(audit->model, &question);
}

static void judge(struct audit *audit, const struct told *told, const struct model_says *of_record, uint64_t counter)
{
	struct model_says says = expected(audit, told, of_record);
	uint32_t verdict = (uint32_t)says.verdict;
	if (told->counter && told->counter != counter)
		differs(audit, told, "another record stands there");
	if (told->verdict == VERDICT_NOT_ELIGIBLE && verdict == SAYS_GRANTED)
		verdict = SAYS_NOT_ELIGIBLE;
	if (told->kind == TOLD_BY_STORE)
		verdict = told->verdict;
	if (verdict != told->verdict)
		differs(audit, told, verdict_name(verdict));
	if (told->kind == TOLD_CLAIM && says.order != told->answer_order &&
	    (told->has_order || says.verdict == SAYS_GRANTED))
		differs(audit, told, "it is another order");
	if (told->has_order || told->kind == TOLD_BY_STORE)
		judge_order(audit, told);
	if (told->kind == TOLD_CLAIM && told->verdict == VERDICT_GRANTED)
		judge_arrival(audit, told);
}

static void judge_all_on(struct audit *audit, uint64_t sequence, const struct model_says *says, uint64_t counter)
{
	for (uint32_t at = audit->first_told[sequence]; at; at = audit->world->told[at - 1].next)
		judge(audit, &audit->world->told[at - 1], says, counter);
}

/* ---- the fold ---- */

static void compare_skus(const struct audit *audit)
{
	struct world *world = audit->world;
	if (core_drop_count(audit->core) != model_drops(audit->model))
		world_fail(world, "P6: the model has other drops");
	for (uint32_t drop = 0; drop < model_drops(audit->model); drop++) {
		struct drop_view view;
		core_drop_view(audit->core, drop, core_time(audit->core), &view);
		for (uint32_t i = 0; i < view.sku_count; i++) {
			struct sku_view sku;
			uint32_t stock, held, sold;
			core_sku_view(audit->core, drop, i, &sku);
			model_sku(audit->model, drop, i, &stock, &held, &sold);
			if (sku.stock != stock || sku.held != held || sku.sold != sold)
				world_fail(world,
				           "drop %u sku %u has stock %u held %u sold %u, in the model %u, %u, %u", drop,
				           i, sku.stock, sku.held, sku.sold, stock, held, sold);
		}
	}
}

static void compare_orders(const struct audit *audit)
{
	for (uint64_t n = 1; n <= audit->world->shadow.count; n++) {
		const struct model_order *order = model_order(audit->model, n);
		struct order_view view;
		bool there = core_order_view(audit->core, n, core_time(audit->core), &view);
		if (there != (order && !order->has_left))
			world_fail(audit->world, "order %llu is there for one and not for the other", NUMBER(n));
		if (there && ((uint32_t)view.status != (uint32_t)model_status_at(order, core_time(audit->core).ms) ||
		              view.position != order->position))
			world_fail(audit->world, "order %llu is another in the model", NUMBER(n));
	}
}

static void fold_one(struct audit *audit, uint64_t sequence)
{
	struct world *world = audit->world;
	struct log_record record = shadow_record_at(&world->shadow, sequence);
	struct command command;
	struct outcome outcome;
	struct error error;
	if (command_decode(record.bytes, record.size, audit->scratch, &command, &error) ||
	    core_apply(audit->core, sequence, record.time, &command, &outcome, &error))
		world_fail(world, "P6: the log folds no more at record %llu: %s", NUMBER(sequence), error.text);
	struct model_says says = model_apply(audit->model, sequence, record.time.ms, record.bytes, record.size);
	if ((uint32_t)outcome.verdict != (uint32_t)says.verdict)
		world_fail(world, "record %llu (%s) gets %s, and %s in the model", NUMBER(sequence),
		           command_kind_name(command.kind), verdict_name(outcome.verdict), verdict_name(says.verdict));
	if (!shadow_hash(&world->shadow, sequence, core_hash(audit->core)))
		world_fail(world, "P6: record %llu folds to another hash at the end", NUMBER(sequence));
	judge_all_on(audit, sequence, &says, command.counter);
	const char *broken = sequence % MODEL_CHECK_EVERY == 0 ? model_check(audit->model) : NULL;
	if (broken)
		world_fail(world, "%s, at record %llu", broken, NUMBER(sequence));
}

static void sort_told(struct audit *audit)
{
	struct world *world = audit->world;
	memset(audit->first_told, 0, (world->shadow.count + 1) * sizeof *audit->first_told);
	for (uint32_t i = world->told_count; i-- > 0;) {
		struct told *told = &world->told[i];
		if (told->basis > world->shadow.count)
			world_fail(world, "P3: something was told on the ground of record %llu, which is not there",
			           NUMBER(told->basis));
		told->next = audit->first_told[told->basis];
		audit->first_told[told->basis] = i + 1;
	}
}

/* P6: the running cores, and the one that folded all anew. */
static void compare_states(struct audit *audit)
{
	uint8_t fresh[BLAKE_SIZE], running[BLAKE_SIZE];
	struct error error;
	const char *broken = model_check(audit->model);
	if (broken)
		world_fail(audit->world, "%s, at the end", broken);
	if (core_check(audit->core, &error))
		world_fail(audit->world, "at the end: %s", error.text);
	core_state_hash(audit->core, fresh);
	for (uint32_t i = 0; i < audit->world->plan.servers; i++) {
		const struct server *server = &audit->world->servers[i];
		if (core_sequence(server->core) != core_sequence(audit->core))
			world_fail(audit->world, "a server is at record %llu at the end",
			           NUMBER(core_sequence(server->core)));
		core_state_hash(server->core, running);
		if (memcmp(fresh, running, BLAKE_SIZE) != 0)
			world_fail(audit->world, "P6: the log folded anew gives another state");
	}
}

static struct audit *audit_new(void)
{
	struct audit *audit = calloc(1, sizeof *audit);
	must(audit);
	audit->model = model_new();
	audit->first_told = calloc(SHADOW_RECORDS_MAX + 1, sizeof *audit->first_told);
	audit->scratch = malloc(sizeof *audit->scratch);
	must(audit->first_told && audit->scratch);
	return audit;
}

void audit(struct world *world)
{
	static struct audit *audit;
	struct core_limits limits = server_limits(world);
	struct error error;
	if (!audit)
		audit = audit_new();
	audit->world = world;
	model_clear(audit->model);
	memset(audit->last_grant, 0, sizeof audit->last_grant);
	if (core_new(&limits, &audit->core, &error))
		world_fail(world, "the audit's core: %s", error.text);
	sort_told(audit);
	judge_all_on(audit, 0, &(struct model_says){SAYS_STALE, 0}, 0);
	for (uint64_t n = 1; n <= world->shadow.count; n++)
		fold_one(audit, n);
	compare_skus(audit);
	compare_orders(audit);
	compare_states(audit);
	core_free(audit->core);
}
