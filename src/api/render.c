#include "api/render.h"

void render_time(struct buf *out, struct wall_ms time)
{
	char text[RFC3339_SIZE];
	if (time.ms < 0 || time.ms > WALL_MAX_MS) {
		buf_put(out, "null", 4);
		return;
	}
	size_t size = rfc3339_format(time, text);
	buf_put(out, "\"", 1);
	buf_put(out, text, size);
	buf_put(out, "\"", 1);
}

void render_order_id(struct buf *out, uint8_t log, uint64_t sequence)
{
	char id[ORDER_ID_SIZE];
	order_id_format(log, sequence, id);
	buf_put(out, id, sizeof id);
}

struct text order_id_text(uint8_t log, uint64_t sequence, char out[ORDER_ID_SIZE])
{
	order_id_format(log, sequence, out);
	return (struct text){out, ORDER_ID_SIZE};
}

void render_position(struct buf *out, uint8_t log, uint64_t sequence)
{
	buf_u64(out, log);
	buf_put(out, "-", 1);
	buf_u64(out, sequence);
}

void order_of_answer(const struct answer_order *answer, struct text buyer, struct store_order *ret)
{
	ret->sequence = answer->sequence;
	ret->drop_id = (struct text){answer->drop, answer->drop_size};
	ret->buyer = buyer;
	ret->status = answer->status;
	ret->position = answer->position;
	ret->created_at = answer->created_at;
	ret->hold_until = answer->hold_until;
	ret->ended_at = answer->ended_at;
	ret->line_count = answer->line_count;
	for (uint32_t i = 0; i < answer->line_count; i++) {
		ret->line[i].sku = (struct text){answer->sku[i], answer->sku_size[i]};
		ret->line[i].quantity = answer->quantity[i];
	}
}

static void render_lines(struct buf *out, const struct store_order *order)
{
	for (uint32_t i = 0; i < order->line_count; i++) {
		buf_str(out, i ? ",{\"sku\":\"" : "{\"sku\":\"");
		buf_text(out, order->line[i].sku); /* an id: nothing to escape */
		buf_str(out, "\",\"quantity\":");
		buf_u64(out, order->line[i].quantity);
		buf_put(out, "}", 1);
	}
}

void render_order(struct buf *out, uint8_t log, const struct store_order *order)
{
	buf_str(out, "{\"id\":\"");
	render_order_id(out, log, order->sequence);
	buf_str(out, "\",\"drop\":\"");
	buf_text(out, order->drop_id);
	buf_str(out, "\",\"buyer\":");
	buf_json(out, order->buyer);
	buf_str(out, ",\"status\":\"");
	buf_str(out, order_status_name(order->status));
	buf_str(out, "\",\"lines\":[");
	render_lines(out, order);
	buf_str(out, "],\"created_at\":");
	render_time(out, order->created_at);
	buf_str(out, ",\"hold_until\":");
	render_time(out, order->hold_until);
	buf_str(out, ",\"ended_at\":");
	render_time(out, order->ended_at);
	buf_str(out, ",\"position\":");
	buf_u64(out, order->position);
	buf_put(out, "}", 1);
}

static void render_sku(struct buf *out, const struct sku_view *sku)
{
	buf_str(out, "{\"id\":\"");
	buf_text(out, sku->id);
	buf_str(out, "\",\"price\":");
	buf_i64(out, sku->price);
	buf_str(out, ",\"stock\":");
	buf_u64(out, sku->stock);
	buf_str(out, ",\"free\":");
	buf_u64(out, sku->stock - sku->held - sku->sold);
	buf_str(out, ",\"held\":");
	buf_u64(out, sku->held);
	buf_str(out, ",\"sold\":");
	buf_u64(out, sku->sold);
	buf_put(out, "}", 1);
}

/* skus: the first SKUS_AT_ONCE of them, of the same moment as the view. A longer catalogue is shown in a few moments. */
static void render_skus(struct buf *out, const struct views *views, const struct drop_view *view, struct wall_ms now,
                        struct sku_view *skus)
{
	struct drop_view again;
	for (uint32_t i = 0; i < view->sku_count; i++) {
		uint32_t place = i % SKUS_AT_ONCE;
		if (i && place == 0 && !views_drop(views, view->number, now, &again, i, SKUS_AT_ONCE, skus))
			return;
		if (i)
			buf_put(out, ",", 1);
		render_sku(out, &skus[place]);
	}
}

static void render_drop_head(struct buf *out, const struct drop_view *view)
{
	buf_str(out, "{\"id\":\"");
	buf_text(out, view->id);
	buf_str(out, "\",\"title\":");
	buf_json(out, view->title);
	buf_str(out, ",\"state\":\"");
	buf_str(out, drop_state_name(view->state));
	buf_str(out, "\",\"currency\":");
	if (view->currency.size)
		buf_json(out, view->currency);
	else
		buf_str(out, "null");
	buf_str(out, ",\"limit_per_buyer\":");
	if (view->limit_per_buyer)
		buf_u64(out, view->limit_per_buyer);
	else
		buf_str(out, "null");
	buf_str(out, ",\"hold_seconds\":");
	buf_u64(out, view->hold_seconds);
	buf_str(out, ",\"keep_seconds\":");
	buf_u64(out, view->keep_seconds);
	buf_str(out, ",\"always_on\":");
	buf_str(out, view->always_on ? "true" : "false");
	buf_str(out, ",\"opens_at\":");
	render_time(out, view->opens_at);
	buf_str(out, ",\"closes_at\":");
	render_time(out, view->closes_at);
	buf_str(out, ",\"created_at\":");
	render_time(out, view->created_at);
	buf_str(out, ",\"granted\":");
	buf_u64(out, view->granted);
	buf_str(out, ",\"sku_count\":");
	buf_u64(out, view->sku_count);
}

bool render_drop(struct buf *out, const struct views *views, uint32_t drop, struct wall_ms now, bool with_skus)
{
	struct drop_view view;
	struct sku_view skus[SKUS_AT_ONCE];
	if (!views_drop(views, drop, now, &view, 0, with_skus ? SKUS_AT_ONCE : 0, skus))
		return false;
	render_drop_head(out, &view);
	if (with_skus) {
		buf_str(out, ",\"skus\":[");
		render_skus(out, views, &view, now, skus);
		buf_put(out, "]", 1);
	}
	buf_str(out, ",\"server_time\":");
	render_time(out, now);
	buf_put(out, "}", 1);
	return true;
}
