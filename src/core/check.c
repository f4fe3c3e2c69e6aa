/* check: the promises (DESIGN §2), written out over the rows. The one place where they stand as sentences of code.
 *
 * core_check() goes over everything and trusts no count that can be had by counting; core_check_step() only over what
 * the last record touched.
 */
#include "core/state.h"

#define NUMBER(x) ((unsigned long long)(x))

static int broken(struct error *error, const char *promise, const struct core *core, uint32_t drop, const char *what)
{
	return error_set(error, FAULT_DAMAGED, "%s is broken at sequence %llu, drop %.*s: %s", promise,
	                 NUMBER(core->heart.sequence), (int)core->drops[drop].id_size, core->drops[drop].id, what);
}

/* P1 and the first half of P5: free is what is left, so it only must not be negative. */
static int check_sku(const struct core *core, const struct sku *sku, struct error *error)
{
	if ((uint64_t)sku->held + sku->sold > sku->stock)
		return broken(error, "P1", core, sku->drop, "held + sold is more than the stock");
	if (sku->sold_left > sku->sold)
		return broken(error, "P5", core, sku->drop, "more sold units have left than were sold");
	return 0;
}

static int check_skus_of(const struct core *core, uint32_t drop, struct error *error)
{
	const struct drop *row = &core->drops[drop];
	for (uint32_t i = 0; i < row->sku_count; i++) {
		int code = check_sku(core, &core->skus[row->first_sku + i], error);
		if (code)
			return code;
	}
	return 0;
}

/* P2, along one buyer's orders from the newest; and P7: the newer order has the higher position. */
static int check_buyer(const struct core *core, uint32_t newest, struct error *error)
{
	uint32_t drop = order_drop(core, &core->orders[newest]), orders = 0;
	uint64_t units = 0, position = UINT64_MAX, sequence = UINT64_MAX;
	for (uint32_t i = newest; i != NO_ORDER; i = core->orders[i].next_of_buyer) {
		const struct order *order = &core->orders[i];
		uint32_t at = 0;
		if (order->position >= position || order->sequence >= sequence)
			return broken(error, "P7", core, drop, "a later grant has an earlier position");
		position = order->position;
		sequence = order->sequence;
		orders++;
		if (order->status == ORDER_PENDING || order->status == ORDER_COMPLETED)
			for (uint32_t j = order_line_count(order); j; j--)
				units += order_line_next(core, order, &at).quantity;
	}
	if (orders > ORDERS_PER_BUYER_ALWAYS_ON_MAX)
		return broken(error, "the bound on a buyer's orders", core, drop,
		              "a buyer has more orders than one may have");
	/* A hold that is due and has not had its turn may stand beside its buyer's next claim: at most by that much. */
	if (core->drops[drop].limit && units > core->drops[drop].limit &&
	    !core_holds_due(core, (struct wall_ms){core->heart.time}))
		return broken(error, "P2", core, drop, "a buyer has more than the limit");
	return 0;
}

/* What the orders in the core add up to, per SKU. */
static int sum_orders(const struct core *core, struct error *error)
{
	uint32_t live = 0, pending = 0;
	memset(core->sums, 0, core->heart.sku_count * sizeof *core->sums);
	for (uint32_t i = 0; i < core->heart.order_end; i++) {
		const struct order *order = &core->orders[i];
		uint32_t at = 0;
		if (!order->sequence)
			continue;
		live++;
		pending += order->status == ORDER_PENDING;
		for (uint32_t j = order_line_count(order); j; j--) {
			struct order_line line = order_line_next(core, order, &at);
			core->sums[line.sku].held += order->status == ORDER_PENDING ? line.quantity : 0;
			core->sums[line.sku].sold += order->status == ORDER_COMPLETED ? line.quantity : 0;
		}
		if (order_find(core, order->sequence) != i)
			return broken(error, "P4", core, order_drop(core, order),
			              "an order is not found by its number");
		int code = order->is_newest ? check_buyer(core, i, error) : 0;
		if (code)
			return code;
	}
	if (live != core->heart.order_count || pending != core->heart.pending_count)
		return error_set(error, FAULT_DAMAGED, "P5 is broken at sequence %llu: the orders do not add up",
		                 NUMBER(core->heart.sequence));
	return 0;
}

/* P5: what is held is held by pending orders, what is sold by completed ones, here or gone. */
static int check_sums(const struct core *core, struct error *error)
{
	for (uint32_t i = 0; i < core->heart.sku_count; i++) {
		const struct sku *sku = &core->skus[i];
		int code = check_sku(core, sku, error);
		if (code)
			return code;
		if (core->sums[i].held != sku->held)
			return broken(error, "P5", core, sku->drop,
			              "the held units are not those of the pending orders");
		if (core->sums[i].sold + sku->sold_left != sku->sold)
			return broken(error, "P5", core, sku->drop,
			              "the sold units are not those of the completed orders");
	}
	return 0;
}

/* Pending orders stand in the order in which they are due. */
static int check_pending(const struct core *core, uint32_t drop, struct error *error)
{
	uint64_t sequence = 0;
	uint32_t count = 0;
	for (uint32_t i = core->drops[drop].pending.first; i != NO_ORDER; i = core->orders[i].next_in_list) {
		const struct order *order = &core->orders[i];
		if (order->status != ORDER_PENDING || order->sequence <= sequence || order_drop(core, order) != drop)
			return broken(error, "P5", core, drop, "the list of pending orders is out of order");
		sequence = order->sequence;
		count++;
	}
	if (count != core->drops[drop].pending_count)
		return broken(error, "P5", core, drop, "pending orders are missing from their list");
	return 0;
}

int core_check(const struct core *core, struct error *error)
{
	int code = sum_orders(core, error);
	if (code == 0)
		code = check_sums(core, error);
	for (uint32_t i = 0; i < core->heart.drop_count && code == 0; i++)
		code = check_pending(core, i, error);
	return code;
}

bool core_left_agrees(const struct core *core, const struct core *other)
{
	return left_filter_agrees(&core->left, &other->left);
}

int core_check_step(const struct core *core, struct error *error)
{
	if (core->touched_drop == NO_DROP)
		return 0;
	int code = check_skus_of(core, core->touched_drop, error);
	if (code == 0 && core->touched_order != NO_ORDER)
		code = check_buyer(
		    core, order_newest_of(core, core->touched_drop, core->orders[core->touched_order].buyer), error);
	return code;
}
