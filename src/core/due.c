/* due: what time alone brings about, before a record is applied (DESIGN §5.2, §5.4).
 *
 * At most EXPIRIES_PER_RECORD holds that are past their deadline expire, in the order (deadline, sequence) over all
 * drops, and at most LEAVES_PER_RECORD ended orders leave the core. A drop stands in the heap `due` by its first pending
 * order, in the heap `leaving` by its first ended one; an archived drop lets everything go.
 */
#include "core/state.h"

static int64_t leaves_at(const struct drop *drop, const struct order *order)
{
	return drop->archived ? INT64_MIN : order_ended_at(order) + drop->keep_ms;
}

static void update_due(struct core *core, uint32_t number)
{
	const struct drop *drop = &core->drops[number];
	if (drop->pending.first == NO_ORDER) {
		deadline_heap_remove(&core->due, number);
		return;
	}
	const struct order *first = &core->orders[drop->pending.first];
	deadline_heap_set(&core->due, number, order_deadline(drop, first), first->sequence);
}

static void update_leaving(struct core *core, uint32_t number)
{
	const struct drop *drop = &core->drops[number];
	uint32_t first = drop->ended.first;
	if (first == NO_ORDER && drop->archived)
		first = drop->kept.first;
	if (first == NO_ORDER) {
		deadline_heap_remove(&core->leaving, number);
		return;
	}
	deadline_heap_set(&core->leaving, number, leaves_at(drop, &core->orders[first]), core->orders[first].sequence);
}

/* Called after every change of a drop's lists; most leave the first ones as they are, and then this is two look-ups. */
void due_update(struct core *core, uint32_t number)
{
	update_due(core, number);
	update_leaving(core, number);
}

bool drop_holds_due(const struct core *core, const struct drop *drop, int64_t now)
{
	return drop->pending.first != NO_ORDER && order_deadline(drop, &core->orders[drop->pending.first]) <= now;
}

bool drop_leaves_due(const struct core *core, const struct drop *drop, int64_t now)
{
	return drop->ended.first != NO_ORDER && leaves_at(drop, &core->orders[drop->ended.first]) <= now;
}

void due_expire_one(struct core *core, uint32_t index, uint64_t sequence, int64_t time)
{
	uint32_t drop = order_drop(core, &core->orders[index]);
	order_expire(core, index);
	core->drops[drop].basis = sequence;
	core_tell_order(core, CHANGE_EXPIRED, core->orders[index].sequence, sequence, time, NULL);
	core_tell_drop(core, drop, sequence, time, NULL);
}

void due_expire_drop(struct core *core, uint32_t drop, uint64_t sequence, int64_t time,
                     bool (*fits)(const struct core *core, const struct command *command),
                     const struct command *command)
{
	while (drop_holds_due(core, &core->drops[drop], time) && !fits(core, command))
		due_expire_one(core, core->drops[drop].pending.first, sequence, time);
}

static uint32_t pop_leaving(struct core *core, struct drop *drop)
{
	struct list *list = drop->ended.first != NO_ORDER ? &drop->ended : &drop->kept;
	uint32_t index = list->first;
	list->first = core->orders[index].next_in_list;
	if (list->first == NO_ORDER)
		list->last = NO_ORDER;
	return index;
}

static void leave_first(struct core *core, uint32_t number, uint64_t sequence, int64_t time)
{
	struct drop *drop = &core->drops[number];
	uint32_t index = pop_leaving(core, drop);
	uint64_t left = core->orders[index].sequence;
	core_tell_order(core, CHANGE_LEFT, left, sequence, time, NULL);
	order_leave(core, index);
	drop->last_left = sequence;
	drop->basis = sequence;
	update_leaving(core, number);
	core_tell_drop(core, number, sequence, time, NULL);
}

void due_settle(struct core *core, uint64_t sequence, int64_t time)
{
	const struct deadline *first;
	for (int i = 0; i < EXPIRIES_PER_RECORD; i++) {
		first = deadline_heap_first(&core->due);
		if (!first || first->time > time)
			break;
		due_expire_one(core, core->drops[first->waiter].pending.first, sequence, time);
	}
	for (int i = 0; i < LEAVES_PER_RECORD; i++) {
		first = deadline_heap_first(&core->leaving);
		if (!first || first->time > time)
			break;
		leave_first(core, first->waiter, sequence, time);
	}
}

bool core_holds_due(const struct core *core, struct wall_ms now)
{
	const struct deadline *first = deadline_heap_first(&core->due);
	return first && first->time <= now.ms;
}

bool core_is_due(const struct core *core, struct wall_ms now)
{
	const struct deadline *first = deadline_heap_first(&core->leaving);
	return core_holds_due(core, now) || (first && first->time <= now.ms);
}

struct wall_ms core_next_due(const struct core *core)
{
	const struct deadline *due = deadline_heap_first(&core->due), *leaving = deadline_heap_first(&core->leaving);
	int64_t next = due ? due->time : WALL_NEVER.ms;
	if (leaving && leaving->time < next)
		next = leaving->time;
	return (struct wall_ms){next};
}
