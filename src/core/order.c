/* order: from grant to leaving. Each arrow of the drawing in state.h is one function here, and nothing else changes an
 * order's status or a SKU's held and sold.
 */
#include "base/must.h"
#include "core/state.h"

/* ---- pools ---- */

static uint32_t order_take(struct core *core)
{
	uint32_t index = core->heart.order_free;
	if (index != NO_ORDER)
		core->heart.order_free = core->orders[index].next_in_list;
	else
		index = core->heart.order_end++;
	must(index < core->limits.orders);
	core->heart.order_count++;
	return index;
}

static void order_give_back(struct core *core, uint32_t index)
{
	core->orders[index] = (struct order){.next_in_list = core->heart.order_free};
	core->heart.order_free = index;
	core->heart.order_count--;
}

static uint32_t line_take(struct core *core)
{
	uint32_t index = core->heart.line_free;
	if (index != NO_LINE)
		core->heart.line_free = core->lines[index].next;
	else
		index = core->heart.line_end++;
	must(index < core->limits.lines);
	core->heart.line_count++;
	return index;
}

static void lines_give_back(struct core *core, const struct order *order)
{
	uint32_t at = order->has_lines ? order->sku : NO_LINE;
	while (at != NO_LINE) {
		uint32_t next = core->lines[at].next;
		core->lines[at] = (struct line){.next = core->heart.line_free};
		core->heart.line_free = at;
		core->heart.line_count--;
		at = next;
	}
}

/* ---- lists ---- */

static void list_append(struct core *core, struct list *list, uint32_t index)
{
	core->orders[index].next_in_list = NO_ORDER;
	if (list->last == NO_ORDER)
		list->first = index;
	else
		core->orders[list->last].next_in_list = index;
	list->last = index;
}

static void pending_append(struct core *core, struct drop *drop, uint32_t index)
{
	core->orders[index].prev_in_list = drop->pending.last;
	list_append(core, &drop->pending, index);
	drop->pending_count++;
	core->heart.pending_count++;
}

static void pending_remove(struct core *core, struct drop *drop, uint32_t index)
{
	uint32_t next = core->orders[index].next_in_list, prev = core->orders[index].prev_in_list;
	if (prev == NO_ORDER)
		drop->pending.first = next;
	else
		core->orders[prev].next_in_list = next;
	if (next == NO_ORDER)
		drop->pending.last = prev;
	else
		core->orders[next].prev_in_list = prev;
	drop->pending_count--;
	core->heart.pending_count--;
}

/* ---- looking ---- */

enum order_status order_status_at(const struct drop *drop, const struct order *order, int64_t now)
{
	if (order->status == ORDER_PENDING && order_deadline(drop, order) <= now)
		return ORDER_EXPIRED;
	return (enum order_status)order->status;
}

uint32_t order_line_count(const struct order *order)
{
	return order->has_lines ? order->quantity : 1;
}

struct order_line order_line_next(const struct core *core, const struct order *order, uint32_t *at)
{
	if (!order->has_lines)
		return (struct order_line){order->sku, order->quantity};
	const struct line *line = &core->lines[*at ? *at - 1 : order->sku];
	*at = line->next + 1;
	return (struct order_line){line->sku, line->quantity};
}

struct owner {
	const struct core *core;
	struct digest128 buyer;
	uint32_t drop;
};

static bool is_owner(const void *context, uint32_t index)
{
	const struct owner *owner = context;
	const struct order *order = &owner->core->orders[index];
	return digest128_is(order->buyer, owner->buyer) && order_drop(owner->core, order) == owner->drop;
}

struct index_place order_owner_place(const struct core *core, uint32_t drop, struct digest128 buyer)
{
	return index_place_hashed(&core->by_owner, buyer.a ^ (drop * UINT64_C(0x9e3779b97f4a7c15)));
}

uint32_t order_newest_of(const struct core *core, uint32_t drop, struct digest128 buyer)
{
	struct owner owner = {core, buyer, drop};
	return index_find(&core->by_owner, order_owner_place(core, drop, buyer), is_owner, &owner);
}

struct numbered {
	const struct core *core;
	uint64_t sequence;
};

static bool is_numbered(const void *context, uint32_t index)
{
	const struct numbered *numbered = context;
	return numbered->core->orders[index].sequence == numbered->sequence;
}

uint32_t order_find(const struct core *core, uint64_t sequence)
{
	struct numbered numbered = {core, sequence};
	if (sequence == 0)
		return NO_ORDER;
	return index_find(&core->by_sequence, index_place_numbered(&core->by_sequence, sequence), is_numbered,
	                  &numbered);
}

/* ---- changing ---- */

/* A touched order stands in the rolling hash with what can change of it, and its SKUs with their numbers. */
static void mix_order(struct core *core, const struct order *order)
{
	uint32_t ended = order->status == ORDER_PENDING ? 0 : order->ended_delta;
	core_mix(core, order->sequence | (uint64_t)order->status << 56, (uint64_t)order->position << 32 | ended);
}

static void mix_sku(struct core *core, const struct sku *sku)
{
	core_mix(core, (uint64_t)sku->stock << 32 | sku->held, sku->sold);
}

enum units { UNITS_HOLD, UNITS_SELL, UNITS_SELL_HELD, UNITS_GIVE_BACK };

static void move_units(struct core *core, const struct order *order, enum units units)
{
	uint32_t at = 0;
	for (uint32_t i = order_line_count(order); i; i--) {
		struct order_line line = order_line_next(core, order, &at);
		struct sku *sku = &core->skus[line.sku];
		if (units == UNITS_SELL_HELD || units == UNITS_GIVE_BACK) {
			must(sku->held >= line.quantity);
			sku->held -= line.quantity;
		}
		if (units == UNITS_HOLD)
			sku->held += line.quantity;
		if (units == UNITS_SELL || units == UNITS_SELL_HELD)
			sku->sold += line.quantity;
		must((uint64_t)sku->held + sku->sold <= sku->stock); /* P1 */
		mix_sku(core, sku);
	}
}

static void set_lines(struct core *core, struct order *order, const struct drop *drop, const struct command *command)
{
	uint32_t count = command->claim.line_count;
	if (count == 1) {
		order->sku = drop->first_sku + command->claim.line[0].sku;
		order->quantity = command->claim.line[0].quantity;
		return;
	}
	uint32_t next = NO_LINE;
	for (uint32_t i = count; i--;) {
		uint32_t index = line_take(core);
		core->lines[index] =
		    (struct line){drop->first_sku + command->claim.line[i].sku, command->claim.line[i].quantity, next};
		next = index;
	}
	order->has_lines = 1;
	order->sku = next;
	order->quantity = count;
}

static void link_to_buyer(struct core *core, uint32_t index, uint32_t drop)
{
	struct order *order = &core->orders[index];
	uint32_t older = order_newest_of(core, drop, order->buyer);
	struct index_place place = order_owner_place(core, drop, order->buyer);
	order->next_of_buyer = older;
	order->is_newest = 1;
	if (older == NO_ORDER) {
		index_insert(&core->by_owner, place, index);
		return;
	}
	core->orders[older].is_newest = 0;
	index_replace(&core->by_owner, place, older, index);
}

static void unlink_from_buyer(struct core *core, uint32_t index, uint32_t drop)
{
	struct order *order = &core->orders[index];
	struct index_place place = order_owner_place(core, drop, order->buyer);
	if (order->is_newest) {
		uint32_t older = order->next_of_buyer;
		if (older == NO_ORDER) {
			index_remove(&core->by_owner, place, index);
			return;
		}
		core->orders[older].is_newest = 1;
		index_replace(&core->by_owner, place, index, older);
		return;
	}
	uint32_t at = order_newest_of(core, drop, order->buyer);
	while (core->orders[at].next_of_buyer != index)
		at = core->orders[at].next_of_buyer;
	core->orders[at].next_of_buyer = order->next_of_buyer;
}

/* An ended order waits for its leaving: by its keep time, or, completed in a drop with a limit, for the archive. */
static void file_ended(struct core *core, struct drop *drop, uint32_t index)
{
	bool counts_for_limit = core->orders[index].status == ORDER_COMPLETED && drop->limit;
	list_append(core, counts_for_limit ? &drop->kept : &drop->ended, index);
}

uint32_t order_grant(struct core *core, uint64_t sequence, int64_t time, const struct command *command)
{
	uint32_t drop_number = command->claim.drop;
	struct drop *drop = &core->drops[drop_number];
	struct claim_digests digests = claim_digests(core, command);
	uint32_t index = order_take(core);
	struct order *order = &core->orders[index];
	*order = (struct order){.buyer = digests.buyer, .key = digests.key, .sequence = sequence};
	order->created_ms = (uint64_t)time & ((UINT64_C(1) << 48) - 1);
	order->position = (uint32_t)++drop->granted;
	order->status = drop->hold_ms ? ORDER_PENDING : ORDER_COMPLETED;
	set_lines(core, order, drop, command);
	link_to_buyer(core, index, drop_number);
	index_insert(&core->by_sequence, index_place_numbered(&core->by_sequence, sequence), index);
	if (drop->hold_ms) {
		move_units(core, order, UNITS_HOLD);
		pending_append(core, drop, index);
	} else {
		move_units(core, order, UNITS_SELL);
		file_ended(core, drop, index);
	}
	mix_order(core, order);
	due_update(core, drop_number);
	return index;
}

static void order_end(struct core *core, uint32_t index, enum order_status status, int64_t time, enum units units)
{
	struct order *order = &core->orders[index];
	uint32_t drop = order_drop(core, order);
	must(order->status == ORDER_PENDING); /* P5: it ends once */
	pending_remove(core, &core->drops[drop], index);
	order->status = status;
	order->ended_delta = (uint32_t)(time - (int64_t)order->created_ms);
	move_units(core, order, units);
	file_ended(core, &core->drops[drop], index);
	mix_order(core, order);
	due_update(core, drop);
}

void order_complete(struct core *core, uint32_t index, int64_t time, uint64_t payment)
{
	core->orders[index].payment = payment;
	order_end(core, index, ORDER_COMPLETED, time, UNITS_SELL_HELD);
}

void order_cancel(struct core *core, uint32_t index, int64_t time)
{
	order_end(core, index, ORDER_CANCELED, time, UNITS_GIVE_BACK);
}

void order_expire(struct core *core, uint32_t index)
{
	const struct order *order = &core->orders[index];
	const struct drop *drop = &core->drops[order_drop(core, order)];
	order_end(core, index, ORDER_EXPIRED, order_deadline(drop, order), UNITS_GIVE_BACK);
}

static void remember_sold(struct core *core, const struct order *order)
{
	uint32_t at = 0;
	if (order->status != ORDER_COMPLETED)
		return;
	for (uint32_t i = order_line_count(order); i; i--) {
		struct order_line line = order_line_next(core, order, &at);
		core->skus[line.sku].sold_left += line.quantity;
	}
}

static void remember_key(struct core *core, const struct order *order, uint32_t drop)
{
	if (order->key.a | order->key.b)
		left_filter_put(&core->left, left_hash(drop, order->buyer, order->key));
}

/* The caller has taken it from its list, of which it was the first. */
void order_leave(struct core *core, uint32_t index)
{
	struct order *order = &core->orders[index];
	uint32_t drop = order_drop(core, order);
	must(order->status != ORDER_PENDING);
	core_mix(core, order->sequence | UINT64_C(7) << 56, order->status);
	remember_sold(core, order);
	remember_key(core, order, drop);
	unlink_from_buyer(core, index, drop);
	index_remove(&core->by_sequence, index_place_numbered(&core->by_sequence, order->sequence), index);
	lines_give_back(core, order);
	order_give_back(core, index);
	core->drops[drop].left++;
}
