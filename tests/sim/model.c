#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "model_state.h"

#define AT_ONCE 256 /* orders that expire, and that leave, before one record: DESIGN §5.2, §5.4 */

struct model *model_new(void)
{
	struct model *model = malloc(sizeof *model);
	must(model);
	memset(model->order_at, 0, sizeof model->order_at);
	model->sequence = 0;
	model->order_count = model->drop_count = 0;
	model_clear(model);
	return model;
}

void model_clear(struct model *model)
{
	memset(model->order_at, 0, (model->sequence + 1) * sizeof model->order_at[0]);
	memset(model->drops, 0, sizeof model->drops);
	model->sequence = 0;
	model->time = 0;
	model->drop_count = model->order_count = model->writer_count = model->admin_count = model->api_count = 0;
	model->rules = 1;
	model->refund_count = 0;
}

/* ---- lists ---- */

static void put(struct model *model, struct m_list *list, uint32_t index)
{
	model->orders[index].next_in_list = 0;
	if (list->first)
		model->orders[list->last - 1].next_in_list = index + 1;
	else
		list->first = index + 1;
	list->last = index + 1;
}

static void take_out(struct model *model, struct m_list *list, uint32_t index)
{
	uint32_t before = 0, at = list->first;
	while (at != index + 1) {
		before = at;
		at = model->orders[at - 1].next_in_list;
	}
	uint32_t next = model->orders[index].next_in_list;
	if (before)
		model->orders[before - 1].next_in_list = next;
	else
		list->first = next;
	if (list->last == index + 1)
		list->last = before;
}

static void forget_of_buyer(struct model *model, struct m_drop *drop, uint32_t index)
{
	const struct model_order *order = &model->orders[index];
	uint32_t *at = &drop->of_buyer[order->buyer];
	while (*at != index + 1)
		at = &model->orders[*at - 1].next_of_buyer;
	*at = order->next_of_buyer;
}

/* ---- changes ---- */

static void end_order(struct model *model, uint32_t index, enum model_status status, int64_t when)
{
	struct model_order *order = &model->orders[index];
	struct m_drop *drop = &model->drops[order->drop];
	take_out(model, &drop->pending, index);
	drop->pending_count--;
	order->status = status;
	order->ended = when;
	for (uint32_t i = 0; i < order->line_count; i++) {
		drop->held[order->line[i].sku] -= order->line[i].quantity;
		if (status == IS_COMPLETED)
			drop->sold[order->line[i].sku] += order->line[i].quantity;
	}
	put(model, status == IS_COMPLETED && drop->limit ? &drop->kept : &drop->ended, index);
}

static void grant(struct model *model, uint64_t sequence, int64_t time, const struct m_record *record)
{
	uint32_t index = model->order_count++;
	must(index < M_ORDERS && sequence < sizeof model->order_at / sizeof model->order_at[0]);
	struct m_drop *drop = &model->drops[record->ask.drop];
	struct model_order *order = &model->orders[index];
	*order = (struct model_order){.sequence = sequence,
	                              .drop = record->ask.drop,
	                              .buyer = record->ask.buyer,
	                              .key = record->ask.key,
	                              .payment = NOBODY,
	                              .line_count = record->ask.line_count,
	                              .position = ++drop->granted,
	                              .created = time,
	                              .ended = time};
	memcpy(order->line, record->line, sizeof order->line);
	model->order_at[sequence] = index + 1;
	order->next_of_buyer = drop->of_buyer[order->buyer];
	drop->of_buyer[order->buyer] = index + 1;
	order->status = drop->hold_s ? IS_PENDING : IS_COMPLETED;
	order->deadline = drop->hold_s ? time + (int64_t)drop->hold_s * 1000 : M_NEVER;
	for (uint32_t i = 0; i < order->line_count; i++)
		*(drop->hold_s ? &drop->held[order->line[i].sku] : &drop->sold[order->line[i].sku]) +=
		    order->line[i].quantity;
	drop->pending_count += drop->hold_s != 0;
	put(model, drop->hold_s ? &drop->pending : drop->limit ? &drop->kept : &drop->ended, index);
}

/* ---- what time brings about ---- */

static uint32_t first_due(const struct model *model, int64_t time)
{
	uint32_t best = NOBODY;
	for (uint32_t i = 0; i < model->drop_count; i++) {
		uint32_t at = model->drops[i].pending.first;
		if (!at || model->orders[at - 1].deadline > time)
			continue;
		const struct model_order *order = &model->orders[at - 1];
		if (best == NOBODY || order->deadline < model->orders[best].deadline ||
		    (order->deadline == model->orders[best].deadline && order->sequence < model->orders[best].sequence))
			best = at - 1;
	}
	return best;
}

static int64_t leaves_at(const struct m_drop *drop, const struct model_order *order)
{
	return drop->archived ? INT64_MIN : order->ended + (int64_t)drop->keep_s * 1000;
}

/* The drop whose first ended order leaves first. */
static uint32_t first_leaving(const struct model *model, int64_t time)
{
	uint32_t best = NOBODY, best_at = 0;
	for (uint32_t i = 0; i < model->drop_count; i++) {
		const struct m_drop *drop = &model->drops[i];
		uint32_t at = drop->ended.first ? drop->ended.first : drop->archived ? drop->kept.first : 0;
		if (!at || leaves_at(drop, &model->orders[at - 1]) > time)
			continue;
		int64_t when = leaves_at(drop, &model->orders[at - 1]);
		int64_t than = best == NOBODY ? 0 : leaves_at(&model->drops[best], &model->orders[best_at - 1]);
		if (best == NOBODY || when < than || (when == than && at < best_at)) {
			best = i;
			best_at = at;
		}
	}
	return best;
}

static void let_time_pass(struct model *model, int64_t time)
{
	uint32_t index;
	for (int i = 0; i < AT_ONCE && (index = first_due(model, time)) != NOBODY; i++)
		end_order(model, index, IS_EXPIRED, model->orders[index].deadline);
	for (int i = 0; i < AT_ONCE && (index = first_leaving(model, time)) != NOBODY; i++) {
		struct m_drop *drop = &model->drops[index];
		struct m_list *list = drop->ended.first ? &drop->ended : &drop->kept;
		uint32_t order = list->first - 1;
		take_out(model, list, order);
		forget_of_buyer(model, drop, order);
		model->orders[order].has_left = true;
	}
}

/* A command that is short of units first lets go what is due: only when more than can expire at once was due. */
static void expire_rest_of(struct model *model, uint32_t number, int64_t time)
{
	struct m_drop *drop = &model->drops[number];
	while (number < model->drop_count && drop->pending.first &&
	       model->orders[drop->pending.first - 1].deadline <= time)
		end_order(model, drop->pending.first - 1, IS_EXPIRED, model->orders[drop->pending.first - 1].deadline);
}

/* ---- records ---- */

static bool is_new(struct model *model, const struct m_record *record)
{
	for (uint32_t i = 0; i < model->writer_count; i++) {
		if (model->writers[i] != record->writer)
			continue;
		bool later = record->counter > model->counters[i];
		if (later)
			model->counters[i] = record->counter;
		return later;
	}
	return false;
}

static void change_order(struct model *model, const struct m_record *record, int64_t time)
{
	const struct model_order *known = model_order(model, record->ask.order);
	if (!known || known->has_left)
		return;
	struct model_order *order = &model->orders[known - model->orders];
	if (order->status == IS_PENDING)
		end_order(model, (uint32_t)(order - model->orders), record->kind == 16 ? IS_COMPLETED : IS_CANCELED,
		          time);
	if (record->kind == 16)
		order->payment = record->ask.payment;
}

static void remember_admin_key(struct model *model, const struct m_record *record)
{
	const struct told *ask = &record->ask;
	if (ask->key == NOBODY)
		return;
	must(model->admin_count < M_ADMIN_KEYS);
	bool on_drop = record->kind <= 14;
	model->admin[model->admin_count++] = (struct m_admin_key){ask->key, on_drop ? ask->drop : NOBODY, record->kind,
	                                                          on_drop ? ask->line[0].sku : ask->spec, ask->number};
}

static void change_drop(struct model *model, const struct m_record *record)
{
	struct m_drop *drop = &model->drops[record->ask.drop];
	drop->opened |= record->kind == 8;
	drop->closed |= record->kind == 11;
	drop->archived |= record->kind == 14;
	if (record->kind == 9 || record->kind == 10)
		drop->paused = record->kind == 9;
	if (record->kind == 12)
		drop->closes = record->ask.number;
	if (record->kind == 13)
		drop->stock[record->ask.line[0].sku] += record->ask.number;
	remember_admin_key(model, record);
}

static void change_api_keys(struct model *model, const struct m_record *record)
{
	remember_admin_key(model, record);
	if (record->kind == 18) {
		must(model->api_count < M_API_KEYS);
		model->api[model->api_count++] = (struct m_api_key){record->ask.spec, false};
		return;
	}
	for (uint32_t i = 0; i < model->api_count; i++)
		model->api[i].revoked |= model->api[i].id == record->ask.spec;
}

static struct model_says decide(const struct model *model, const struct m_record *record, int64_t time)
{
	switch (record->kind) {
	case 4:
		return (struct model_says){record->rules > model->rules ? SAYS_DONE : SAYS_FORBIDDEN_RULES, 0};
	case 6:
		return m_create(model, &record->create);
	case 8:
	case 9:
	case 10:
	case 11:
	case 12:
	case 13:
	case 14:
		return m_on_drop(model, record->ask.drop, &record->ask, time);
	case 15:
		return m_claim(model, record->ask.drop, &record->ask, record->line, record->latest, time);
	case 16:
	case 17:
		return m_of_order(model, record->kind == 16, record->ask.order, record->ask.payment, record->left,
		                  time);
	case 18:
	case 19:
		return m_api_key(model, &record->ask);
	default:
		return (struct model_says){SAYS_DONE, 0};
	}
}

static void change(struct model *model, uint64_t sequence, int64_t time, const struct m_record *record)
{
	if (record->kind == 6) {
		must(model->drop_count < M_DROPS);
		model->drops[model->drop_count++] = record->create;
	} else if (record->kind >= 8 && record->kind <= 14) {
		change_drop(model, record);
	} else if (record->kind == 15) {
		grant(model, sequence, time, record);
	} else if (record->kind == 16 || record->kind == 17) {
		change_order(model, record, time);
	} else if (record->kind == 18 || record->kind == 19) {
		change_api_keys(model, record);
	}
}

struct model_says model_apply(struct model *model, uint64_t sequence, int64_t time, const uint8_t *bytes, size_t size)
{
	static struct m_record record;
	must(m_decode(bytes, size, &record));
	model->sequence = sequence;
	model->time = time;
	let_time_pass(model, time);
	if (record.kind == 1) {
		must(model->writer_count < M_WRITERS);
		model->writers[model->writer_count] = sequence;
		model->counters[model->writer_count++] = 0;
		return (struct model_says){SAYS_DONE, 0};
	}
	if (!is_new(model, &record))
		return (struct model_says){SAYS_STALE, 0};
	if (record.kind == 15 || record.kind == 13)
		expire_rest_of(model, record.ask.drop, time);
	struct model_says says = decide(model, &record, time);
	if (says.verdict == SAYS_GRANTED || says.verdict == SAYS_DONE)
		change(model, sequence, time, &record);
	if (says.verdict == SAYS_GRANTED)
		says.order = sequence;
	if (says.verdict == SAYS_REFUND_DUE) {
		must(model->refund_count < M_REFUNDS);
		model->refunds[model->refund_count++] = (struct m_refund){record.ask.order, record.ask.payment};
	}
	return says;
}

/* ---- questions ---- */

const struct model_order *model_order(const struct model *model, uint64_t sequence)
{
	uint32_t at = sequence <= model->sequence ? model->order_at[sequence] : 0;
	return at ? &model->orders[at - 1] : NULL;
}

static bool refund_is_recorded(const struct model *model, uint64_t order, uint32_t payment)
{
	for (uint32_t i = model->refund_count; i--;)
		if (model->refunds[i].order == order && model->refunds[i].payment == payment)
			return true;
	return false;
}

/* Without a record of its own: that a payment is to be refunded may only be told when a record says so already. */
static struct model_says ask_to_confirm(const struct model *model, const struct told *ask)
{
	if (ask->verdict != SAYS_REFUND_DUE)
		return m_of_order(model, true, ask->order, ask->payment, 0, ask->now);
	bool recorded = refund_is_recorded(model, ask->order, ask->payment);
	return (struct model_says){recorded ? SAYS_REFUND_DUE : SAYS_STALE, ask->order};
}

static struct model_says ask_about_order(const struct model *model, const struct told *ask)
{
	const struct model_order *order = model_order(model, ask->order);
	bool there = order && !order->has_left;
	if (there && ask->owner_only && order->buyer != ask->buyer)
		return (struct model_says){SAYS_UNKNOWN_ORDER, 0};
	if (ask->kind == TOLD_CONFIRM)
		return ask_to_confirm(model, ask);
	if (ask->kind == TOLD_CANCEL)
		return m_of_order(model, false, ask->order, ask->payment, 0, ask->now);
	return (struct model_says){there ? SAYS_FOUND : SAYS_UNKNOWN_ORDER, there ? ask->order : 0};
}

struct model_says model_ask(const struct model *model, const struct told *ask)
{
	struct m_drop like = {.name = ask->drop};
	uint32_t drop = m_drop_named(model, ask->drop);
	switch (ask->kind) {
	case TOLD_CLAIM:
		return m_claim(model, drop, ask, ask->line, M_NEVER, ask->now);
	case TOLD_READ:
	case TOLD_CONFIRM:
	case TOLD_CANCEL:
		return ask_about_order(model, ask);
	case TOLD_CREATE:
		like.keep_s = (uint32_t)ask->number;
		return m_create(model, &like);
	case TOLD_KEY_CREATE:
	case TOLD_KEY_REVOKE:
		return m_api_key(model, ask);
	case TOLD_RULES:
		return (struct model_says){SAYS_FORBIDDEN_RULES, 0};
	case TOLD_BY_STORE:
		return (struct model_says){SAYS_REPLAYED, ask->answer_order};
	default:
		return m_on_drop(model, drop, ask, ask->now);
	}
}

uint32_t model_drops(const struct model *model)
{
	return model->drop_count;
}

void model_sku(const struct model *model, uint32_t drop, uint32_t sku, uint32_t *ret_stock, uint32_t *ret_held,
               uint32_t *ret_sold)
{
	*ret_stock = (uint32_t)model->drops[drop].stock[sku];
	*ret_held = (uint32_t)model->drops[drop].held[sku];
	*ret_sold = (uint32_t)model->drops[drop].sold[sku];
}

/* ---- promises ---- */

static void count_units(const struct model *model, int64_t held[M_DROPS][M_SKUS], int64_t sold[M_DROPS][M_SKUS],
                        int64_t buyers[M_DROPS][M_BUYERS])
{
	for (uint32_t n = 0; n < model->order_count; n++) {
		const struct model_order *order = &model->orders[n];
		for (uint32_t i = 0; i < order->line_count; i++) {
			uint32_t quantity = order->line[i].quantity;
			held[order->drop][order->line[i].sku] += order->status == IS_PENDING ? quantity : 0;
			sold[order->drop][order->line[i].sku] += order->status == IS_COMPLETED ? quantity : 0;
			buyers[order->drop][order->buyer] += order->status <= IS_COMPLETED ? quantity : 0;
		}
	}
}

const char *model_check(const struct model *model)
{
	int64_t held[M_DROPS][M_SKUS] = {0}, sold[M_DROPS][M_SKUS] = {0}, buyers[M_DROPS][M_BUYERS] = {0};
	uint32_t positions[M_DROPS] = {0};
	count_units(model, held, sold, buyers);
	for (uint32_t n = 0; n < model->order_count; n++)
		if (model->orders[n].position != ++positions[model->orders[n].drop])
			return "P7: positions are not in the order of the log";
	for (uint32_t d = 0; d < model->drop_count; d++) {
		const struct m_drop *drop = &model->drops[d];
		for (uint32_t s = 0; s < drop->sku_count; s++) {
			if (held[d][s] + sold[d][s] > drop->stock[s])
				return "P1: more held and sold than there is";
			if (held[d][s] != drop->held[s] || sold[d][s] != drop->sold[s])
				return "P5: the units are not those of the orders";
		}
		for (uint32_t b = 0; b < M_BUYERS; b++)
			if (drop->limit && !drop->archived && buyers[d][b] > drop->limit)
				return "P2: a buyer has more than the limit";
	}
	return NULL;
}
