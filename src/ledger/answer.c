/* Answers, filled in place from the state: what goes with each verdict. */
#include "base/must.h"
#include "ledger/state.h"

void answer_begin(struct ask *ask)
{
	struct answer *answer = &ask->answer;
	answer->verdict = VERDICT_UNKNOWN_OUTCOME;
	answer->basis = 0;
	answer->has_order = false;
	answer->left = false;
	answer->refused_line = -1;
	answer->drop = NO_DROP;
	answer->opens_at = answer->retry_at = WALL_NEVER;
	answer->setting = NULL;
}

/* ---- orders ---- */

bool answer_is_owner(const struct ledger *ledger, const struct ask *ask, const struct order_view *order)
{
	if (!ask->owner_only && !ask->has_buyer)
		return true;
	return ask->buyer.size && digest128_is(core_digest(ledger->core, ask->buyer), order->buyer);
}

uint64_t answer_order_basis(const struct ledger *ledger, const struct order_view *order)
{
	const struct core *core = ledger->core;
	if (order->status == ORDER_EXPIRED && core_holds_due(core, core_time(core)))
		return core_sequence(core);
	struct drop_view drop;
	core_drop_view(core, order->drop, ledger->now, &drop);
	return drop.basis;
}

static void fill_lines(const struct core *core, const struct order_view *order, struct answer_order *ret)
{
	ret->line_count = order->line_count;
	for (uint32_t i = 0; i < order->line_count; i++) {
		struct sku_view sku;
		core_sku_view(core, order->drop, order->line[i].sku, &sku);
		ret->quantity[i] = order->line[i].quantity;
		ret->sku_size[i] = (uint8_t)sku.id.size;
		memcpy(ret->sku[i], sku.id.at, sku.id.size);
	}
}

/* The asker's own text where it is the order's buyer; else what is remembered. */
static struct text buyer_text(const struct ledger *ledger, const struct ask *ask, uint64_t order)
{
	if (ask->buyer.size && (ask->kind == ASK_CLAIM || ask->owner_only || ask->has_buyer))
		return ask->buyer;
	return recent_find(&ledger->recent, order);
}

static void fill_drop_id(const struct ledger *ledger, const struct ask *ask, uint32_t drop, struct answer_order *ret)
{
	struct text id = ask->drop;
	struct drop_view view;
	if (ask->kind != ASK_CLAIM) {
		core_drop_view(ledger->core, drop, ledger->now, &view);
		id = view.id;
	}
	must(id.size <= ID_SIZE_MAX);
	ret->drop_size = (uint8_t)id.size;
	memcpy(ret->drop, id.at, id.size);
}

bool answer_order(struct ledger *ledger, struct ask *ask, uint64_t order)
{
	struct order_view view;
	struct answer_order *ret = &ask->answer.order;
	if (!core_order_view(ledger->core, order, ledger->now, &view))
		return false;
	struct text buyer = buyer_text(ledger, ask, order);
	ask->answer.has_order = true;
	ask->answer.drop = view.drop;
	ret->sequence = view.sequence;
	ret->status = view.status;
	ret->position = view.position;
	ret->created_at = view.created_at;
	ret->hold_until = view.hold_until;
	ret->ended_at = view.ended_at;
	must(buyer.size <= BUYER_SIZE_MAX);
	ret->buyer_size = (uint8_t)buyer.size;
	if (buyer.size)
		memcpy(ret->buyer, buyer.at, buyer.size);
	fill_drop_id(ledger, ask, view.drop, ret);
	fill_lines(ledger->core, &view, ret);
	return true;
}

/* ---- refusals ---- */

static int refused_line(const struct command *claim, uint32_t sku)
{
	for (uint32_t i = 0; i < claim->claim.line_count; i++)
		if (claim->claim.line[i].sku == sku)
			return (int)i;
	return -1;
}

static void fill_claim_refusal(struct ledger *ledger, struct ask *ask, const struct command *command,
                               const struct outcome *outcome)
{
	struct answer *answer = &ask->answer;
	struct drop_view drop;
	switch (outcome->verdict) {
	case VERDICT_UNKNOWN_SKU:
	case VERDICT_BAD_QUANTITY:
	case VERDICT_SOLD_OUT:
		answer->refused_line = refused_line(command, outcome->sku);
		break;
	case VERDICT_ALL_HELD:
		answer->refused_line = refused_line(command, outcome->sku);
		core_drop_view(ledger->core, outcome->drop, ledger->now, &drop);
		answer->retry_at = drop.next_due;
		break;
	case VERDICT_NOT_OPEN:
		core_drop_view(ledger->core, outcome->drop, ledger->now, &drop);
		answer->opens_at = drop.opens_at;
		break;
	case VERDICT_LIMIT_REACHED:
		answer->has_order = outcome->order != 0;
		answer->order.sequence = outcome->order;
		break;
	default:
		break;
	}
}

void answer_fill(struct ledger *ledger, struct ask *ask, const struct command *command, const struct outcome *outcome)
{
	struct answer *answer = &ask->answer;
	answer->verdict = outcome->verdict;
	answer->drop = outcome->drop;
	answer->basis = outcome->basis;
	if (ask->kind == ASK_CLAIM) {
		fill_claim_refusal(ledger, ask, command, outcome);
		if (outcome->verdict == VERDICT_GRANTED || outcome->verdict == VERDICT_REPLAYED)
			must(answer_order(ledger, ask, outcome->order));
	} else if (ask->kind == ASK_CONFIRM || ask->kind == ASK_CANCEL) {
		/* At or before the log's end there may have been such an order, which the store still knows. */
		if (outcome->verdict == VERDICT_UNKNOWN_ORDER)
			answer->left = ask->order <= core_sequence(ledger->core);
		else
			answer_order(ledger, ask, ask->order);
	}
}
