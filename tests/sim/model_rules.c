/* The naive model's rules: what a command gets. DESIGN §4 "Refusals", §5.5, §5.6. */
#include "model_state.h"

static struct model_says says(enum model_verdict verdict)
{
	return (struct model_says){verdict, 0};
}

enum model_status model_status_at(const struct model_order *order, int64_t now)
{
	return order->status == IS_PENDING && order->deadline <= now ? IS_EXPIRED : order->status;
}

uint32_t m_drop_named(const struct model *model, uint32_t name)
{
	for (uint32_t i = 0; name != NOBODY && i < model->drop_count; i++)
		if (model->drops[i].name == name)
			return i;
	return NOBODY;
}

/* ---- claims ---- */

static bool same_lines(const struct model_order *order, uint32_t count, const struct told_line *lines)
{
	bool same = order->line_count == count;
	for (uint32_t i = 0; same && i < count; i++)
		same = order->line[i].sku == lines[i].sku && order->line[i].quantity == lines[i].quantity;
	return same;
}

static enum model_verdict judge_lines(const struct m_drop *drop, uint32_t count, const struct told_line *lines)
{
	for (uint32_t i = 0; i < count; i++)
		if (lines[i].sku >= drop->sku_count)
			return SAYS_UNKNOWN_SKU;
	for (uint32_t i = 0; i < count; i++) {
		if (lines[i].quantity == 0 || lines[i].quantity > INT32_MAX)
			return SAYS_BAD_QUANTITY;
		for (uint32_t j = 0; j < i; j++)
			if (lines[i].sku == lines[j].sku)
				return SAYS_BAD_QUANTITY;
	}
	return SAYS_GRANTED;
}

static enum model_verdict judge_time(const struct m_drop *drop, int64_t now)
{
	if (drop->archived || drop->closed || drop->closes <= now)
		return SAYS_CLOSED;
	if (!drop->opened && drop->opens > now)
		return SAYS_NOT_OPEN;
	return drop->paused ? SAYS_PAUSED : SAYS_GRANTED;
}

/* Sold out wins over held; what is past its deadline is nobody's any more. */
static enum model_verdict judge_stock(const struct model *model, const struct m_drop *drop, uint32_t count,
                                      const struct told_line *lines, int64_t now)
{
	enum model_verdict verdict = SAYS_GRANTED;
	int64_t held[M_SKUS];
	for (int i = 0; i < M_SKUS; i++)
		held[i] = drop->held[i];
	for (uint32_t at = drop->pending.first; at; at = model->orders[at - 1].next_in_list) {
		const struct model_order *order = &model->orders[at - 1];
		if (order->deadline > now)
			break;
		for (uint32_t i = 0; i < order->line_count; i++)
			held[order->line[i].sku] -= order->line[i].quantity;
	}
	for (uint32_t i = 0; i < count; i++) {
		int64_t unsold = drop->stock[lines[i].sku] - drop->sold[lines[i].sku];
		if (lines[i].quantity > unsold)
			return SAYS_SOLD_OUT;
		if (lines[i].quantity > unsold - held[lines[i].sku])
			verdict = SAYS_ALL_HELD;
	}
	return verdict;
}

struct model_says m_claim(const struct model *model, uint32_t number, const struct told *ask,
                          const struct told_line *lines, int64_t latest, int64_t now)
{
	if (number >= model->drop_count)
		return says(SAYS_UNKNOWN_DROP);
	const struct m_drop *drop = &model->drops[number];
	uint64_t units = 0, newest = 0;
	uint32_t orders = 0, most = drop->always_on ? 1024 : 32;
	const struct model_order *of_key = NULL;
	for (uint32_t at = drop->of_buyer[ask->buyer]; at; at = model->orders[at - 1].next_of_buyer) {
		const struct model_order *order = &model->orders[at - 1];
		orders++;
		if (ask->key != NOBODY && order->key == ask->key)
			of_key = order;
		if (model_status_at(order, now) > IS_COMPLETED)
			continue;
		newest = newest ? newest : order->sequence;
		for (uint32_t i = 0; i < order->line_count; i++)
			units += order->line[i].quantity;
	}
	if (of_key)
		return (struct model_says){same_lines(of_key, ask->line_count, lines) ? SAYS_REPLAYED : SAYS_KEY_REUSED,
		                           of_key->sequence};
	if (latest < now)
		return says(SAYS_LATE);
	enum model_verdict verdict = judge_lines(drop, ask->line_count, lines);
	if (verdict != SAYS_GRANTED)
		return says(verdict);
	for (uint32_t i = 0; i < ask->line_count; i++)
		units += lines[i].quantity;
	if (drop->limit && units > drop->limit)
		return (struct model_says){SAYS_LIMIT_REACHED, newest};
	if (orders >= most)
		return (struct model_says){SAYS_TOO_MANY_ORDERS, newest};
	verdict = judge_time(drop, now);
	return says(verdict != SAYS_GRANTED ? verdict : judge_stock(model, drop, ask->line_count, lines, now));
}

/* ---- orders ---- */

static enum model_verdict judge_payment(const struct model_order *order, enum model_status status, uint32_t payment)
{
	if (status == IS_PENDING || (status == IS_COMPLETED && order->payment == NOBODY))
		return SAYS_DONE;
	return status == IS_COMPLETED && order->payment == payment ? SAYS_SAME : SAYS_REFUND_DUE;
}

struct model_says m_of_order(const struct model *model, bool confirms, uint64_t sequence, uint32_t payment,
                             uint32_t left, int64_t now)
{
	const struct model_order *order = model_order(model, sequence);
	if (!order || order->has_left) {
		if (!confirms || !left || sequence > model->sequence)
			return says(SAYS_UNKNOWN_ORDER);
		return (struct model_says){left == 2 ? SAYS_DONE : SAYS_REFUND_DUE, sequence};
	}
	enum model_status status = model_status_at(order, now);
	if (confirms)
		return (struct model_says){judge_payment(order, status, payment), sequence};
	enum model_verdict verdict = status == IS_PENDING    ? SAYS_DONE
	                             : status == IS_CANCELED ? SAYS_SAME
	                                                     : SAYS_WRONG_STATE;
	return (struct model_says){verdict, sequence};
}

/* ---- operators ---- */

static enum model_verdict judge_admin_key(const struct model *model, uint32_t scope, const struct told *ask)
{
	for (uint32_t i = 0; ask->key != NOBODY && i < model->admin_count; i++) {
		const struct m_admin_key *key = &model->admin[i];
		if (key->key != ask->key || key->scope != scope)
			continue;
		bool same = key->kind == (uint32_t)ask->kind;
		if (ask->kind == TOLD_CLOSING)
			same = same && key->number == ask->number;
		if (ask->kind == TOLD_RESTOCK)
			same = same && key->number == ask->number && key->sku == ask->line[0].sku;
		if (ask->kind == TOLD_KEY_REVOKE)
			same = same && key->sku == ask->spec;
		return same ? SAYS_SAME : SAYS_KEY_REUSED;
	}
	return SAYS_GRANTED;
}

static enum model_verdict either(bool is_so, bool done)
{
	return done ? SAYS_DONE : is_so ? SAYS_SAME : SAYS_WRONG_STATE;
}

static enum model_verdict judge_restock(const struct m_drop *drop, bool closed, const struct told *ask)
{
	uint32_t sku = ask->line[0].sku;
	if (sku >= drop->sku_count)
		return SAYS_UNKNOWN_SKU;
	int64_t stock = drop->stock[sku] + ask->number;
	bool fits = stock >= drop->held[sku] + drop->sold[sku] && stock <= INT32_MAX;
	return closed || !fits ? SAYS_WRONG_STATE : SAYS_DONE;
}

static enum model_verdict judge_closing(const struct m_drop *drop, bool closed, const struct told *ask)
{
	bool before_opening = !drop->opened && drop->opens != M_NEVER && ask->number <= drop->opens;
	if (closed || before_opening)
		return SAYS_WRONG_STATE;
	return ask->number == drop->closes ? SAYS_SAME : SAYS_DONE;
}

struct model_says m_on_drop(const struct model *model, uint32_t number, const struct told *ask, int64_t now)
{
	if (number >= model->drop_count)
		return says(SAYS_UNKNOWN_DROP);
	const struct m_drop *drop = &model->drops[number];
	enum model_verdict is = judge_time(drop, now), verdict = judge_admin_key(model, number, ask);
	bool closed = is == SAYS_CLOSED;
	if (verdict != SAYS_GRANTED)
		return says(verdict);
	switch (ask->kind) {
	case TOLD_OPEN:
		return says(either(is == SAYS_GRANTED, is == SAYS_NOT_OPEN));
	case TOLD_PAUSE:
		return says(either(is == SAYS_PAUSED, is == SAYS_GRANTED));
	case TOLD_RESUME:
		return says(either(is == SAYS_GRANTED, is == SAYS_PAUSED));
	case TOLD_CLOSE:
		return says(either(closed && !drop->archived, !closed));
	case TOLD_CLOSING:
		return says(judge_closing(drop, closed, ask));
	case TOLD_RESTOCK:
		return says(judge_restock(drop, closed, ask));
	default:
		return says(either(drop->archived, closed && !drop->archived && drop->pending_count == 0));
	}
}

struct model_says m_create(const struct model *model, const struct m_drop *like)
{
	uint32_t number = m_drop_named(model, like->name);
	if (number == NOBODY)
		return says(SAYS_DONE);
	return says(model->drops[number].keep_s == like->keep_s ? SAYS_SAME : SAYS_EXISTS);
}

struct model_says m_api_key(const struct model *model, const struct told *ask)
{
	enum model_verdict verdict = judge_admin_key(model, NOBODY, ask);
	const struct m_api_key *known = NULL;
	for (uint32_t i = 0; i < model->api_count; i++)
		if (model->api[i].id == ask->spec)
			known = &model->api[i];
	if (verdict != SAYS_GRANTED)
		return says(verdict);
	if (ask->kind == TOLD_KEY_CREATE)
		return says(known ? SAYS_EXISTS : SAYS_DONE);
	if (!known)
		return says(SAYS_UNKNOWN_KEY);
	return says(known->revoked ? SAYS_SAME : SAYS_DONE);
}
