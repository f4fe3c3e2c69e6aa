/* view: copies of rows, for whoever reads. */
#include "core/state.h"

const char *order_status_name(enum order_status status)
{
	static const char *const names[] = {"pending", "completed", "canceled", "expired"};
	return names[status];
}

bool order_status_parse(struct text text, enum order_status *ret)
{
	for (int status = ORDER_PENDING; status <= ORDER_EXPIRED; status++) {
		if (text_is(text, text_of(order_status_name((enum order_status)status)))) {
			*ret = (enum order_status)status;
			return true;
		}
	}
	return false;
}

uint64_t core_sequence(const struct core *core)
{
	return core->heart.sequence;
}

struct wall_ms core_time(const struct core *core)
{
	return (struct wall_ms){core->heart.time};
}

uint32_t core_drop_count(const struct core *core)
{
	return core->heart.drop_count;
}

uint32_t core_rules(const struct core *core)
{
	return core->heart.rules;
}

uint32_t core_order_count(const struct core *core)
{
	return core->heart.order_count;
}

uint32_t core_pending_count(const struct core *core)
{
	return core->heart.pending_count;
}

uint64_t core_left_count(const struct core *core)
{
	return core->left.heart.count;
}

uint64_t core_left_max(const struct core *core)
{
	return left_filter_keys_max(&core->left);
}

uint64_t core_hash(const struct core *core)
{
	return core->heart.hash;
}

void core_last_check(const struct core *core, uint64_t *ret_sequence, uint64_t *ret_hash)
{
	const struct check_point *point = &core->heart.checks[(core->heart.check_next + CHECKS_KEPT - 1) % CHECKS_KEPT];
	*ret_sequence = point->sequence;
	*ret_hash = point->hash;
}

void core_listen(struct core *core, const struct core_listener *listener)
{
	core->listener = listener ? *listener : (struct core_listener){0};
}

void core_drop_view(const struct core *core, uint32_t number, struct wall_ms now, struct drop_view *ret)
{
	const struct drop *drop = &core->drops[number];
	*ret = (struct drop_view){
	    .number = number,
	    .id = {drop->id, drop->id_size},
	    .title = {drop->title, drop->title_size},
	    .currency = {drop->currency, drop->currency_size},
	    .state = drop_state_at(drop, now.ms),
	    .limit_per_buyer = drop->limit,
	    .hold_seconds = drop->hold_ms / 1000,
	    .keep_seconds = (uint32_t)(drop->keep_ms / 1000),
	    .sku_count = drop->sku_count,
	    .opens_at = {drop->opens_at},
	    .closes_at = {drop->closes_at},
	    .created_at = {drop->created_at},
	    .always_on = drop->always_on,
	    .opened = drop->opened,
	    .paused = drop->paused,
	    .closed = drop->closed,
	    .archived = drop->archived,
	    .next_due = {drop->pending.first == NO_ORDER ? WALL_NEVER.ms
	                                                 : order_deadline(drop, &core->orders[drop->pending.first])},
	    .granted = drop->granted,
	    .left = drop->left,
	    .last_left = drop->last_left,
	    .basis = drop->basis,
	    .created = drop->created,
	};
	memcpy(ret->counts, drop->counts, sizeof drop->counts);
}

enum drop_state drop_view_state(const struct drop_view *view, struct wall_ms now)
{
	struct drop drop = {.opened = view->opened,
	                    .paused = view->paused,
	                    .closed = view->closed,
	                    .archived = view->archived,
	                    .opens_at = view->opens_at.ms,
	                    .closes_at = view->closes_at.ms};
	return drop_state_at(&drop, now.ms);
}

void core_sku_view(const struct core *core, uint32_t drop, uint32_t place, struct sku_view *ret)
{
	const struct sku *sku = &core->skus[core->drops[drop].first_sku + place];
	*ret = (struct sku_view){{sku->id, sku->id_size}, sku->price, sku->stock, sku->held, sku->sold};
}

static void view_lines(const struct core *core, const struct order *order, struct order_view *ret)
{
	uint32_t at = 0, first_sku = core->drops[ret->drop].first_sku;
	ret->line_count = order_line_count(order);
	for (uint32_t i = 0; i < ret->line_count; i++) {
		struct order_line line = order_line_next(core, order, &at);
		ret->line[i] = (struct claim_line){line.sku - first_sku, line.quantity};
	}
}

static struct wall_ms view_ended_at(const struct drop *drop, const struct order *order, enum order_status status)
{
	if (status == ORDER_PENDING)
		return WALL_NEVER;
	if (order->status == ORDER_PENDING) /* past its deadline, before its turn */
		return (struct wall_ms){order_deadline(drop, order)};
	return (struct wall_ms){order_ended_at(order)};
}

bool core_order_view(const struct core *core, uint64_t sequence, struct wall_ms now, struct order_view *ret)
{
	uint32_t index = order_find(core, sequence);
	if (index == NO_ORDER)
		return false;
	const struct order *order = &core->orders[index];
	const struct drop *drop = &core->drops[order_drop(core, order)];
	ret->sequence = sequence;
	ret->drop = (uint32_t)(drop - core->drops);
	ret->status = order_status_at(drop, order, now.ms);
	ret->position = order->position;
	ret->created_at.ms = (int64_t)order->created_ms;
	ret->hold_until.ms = drop->hold_ms ? order_deadline(drop, order) : WALL_NEVER.ms;
	ret->ended_at = view_ended_at(drop, order, ret->status);
	ret->buyer = order->buyer;
	ret->key = order->key;
	view_lines(core, order, ret);
	return true;
}

uint32_t core_api_key_count(const struct core *core)
{
	return core->heart.api_key_count;
}

void core_api_key_view(const struct core *core, uint32_t index, struct api_key_view *ret)
{
	const struct api_key *key = &core->api_keys[index];
	ret->id = (struct text){key->id, key->id_size};
	ret->name = (struct text){key->name, key->name_size};
	ret->role = (enum role)key->role;
	memcpy(ret->hash, key->hash, BLAKE_SIZE);
	ret->created_at.ms = key->created_at;
	ret->revoked = key->revoked;
}
