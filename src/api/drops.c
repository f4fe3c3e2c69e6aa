/* drops: founding one, its life, and the public look at it. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/cursor.h"
#include "api/page.h"
#include "api/render.h"
#include "api/routes.h"
#include "http/request.h"

#define HOLD_SECONDS_DEFAULT 600 /* ten minutes to pay: API.md */
#define LISTED_SKUS_MAX 256      /* a list shows the SKUs of drops with at most so many */

/* ---- bodies ---- */

struct sku_body {
	struct text id;
	int64_t stock, price;
};

struct drop_body {
	struct text title, currency;
	struct shape_list skus;
	int64_t limit_per_buyer, hold_seconds, keep_seconds;
	struct wall_ms opens_at, closes_at;
	bool always_on;
};

static bool currency_is(struct text text)
{
	for (size_t i = 0; i < text.size; i++)
		if (text.at[i] < 'A' || text.at[i] > 'Z')
			return false;
	return text.size == 3;
}

static bool title_is(struct text text)
{
	for (size_t i = 0; i < text.size; i++)
		if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
			return false;
	return true;
}

#define SKU_AT(member) .offset = offsetof(struct sku_body, member)
#define DROP_AT(member) .offset = offsetof(struct drop_body, member)
#define ID_PATTERN "[a-z0-9][a-z0-9._-]{0,63}"

static const struct field sku_fields[] = {
    {.name = "id",
     .kind = FIELD_TEXT,
     SKU_AT(id),
     .required = true,
     .min = 1,
     .max = ID_SIZE_MAX,
     .is = text_is_id,
     .pattern = ID_PATTERN},
    {.name = "stock",
     .kind = FIELD_INTEGER,
     SKU_AT(stock),
     .required = true,
     .max = QUANTITY_MAX,
     .says = "Units there are to sell."},
    {.name = "price",
     .kind = FIELD_INTEGER,
     SKU_AT(price),
     .max = PRICE_MAX,
     .preset = "0",
     .says = "Minor units of the drop's currency."},
};
static const struct shape sku_shape = {
    .name = "NewSku", .fields = sku_fields, .field_count = 3, .size = sizeof(struct sku_body)};

static const struct field drop_fields[] = {
    {.name = "title",
     .kind = FIELD_TEXT,
     DROP_AT(title),
     .min = 1,
     .max = TITLE_SIZE_MAX,
     .is = title_is,
     .pattern = "[^\\u0000-\\u001f\\u007f]+",
     .says = "What people read; without it, the id."},
    {.name = "skus",
     .kind = FIELD_LIST,
     DROP_AT(skus),
     .required = true,
     .min = 1,
     .max = SKUS_ALWAYS_ON_MAX,
     .of = &sku_shape,
     .says = "What is sold: at most 256, when the drop has an end or a limit per buyer."},
    {.name = "currency",
     .kind = FIELD_TEXT,
     DROP_AT(currency),
     .nullable = true,
     .min = 3,
     .max = 3,
     .is = currency_is,
     .pattern = "[A-Z]{3}",
     .says = "Needed when anything has a price."},
    {.name = "limit_per_buyer",
     .kind = FIELD_INTEGER,
     DROP_AT(limit_per_buyer),
     .nullable = true,
     .min = 1,
     .max = LIMIT_MAX,
     .preset = "null",
     .says = "Units that one buyer may have over all SKUs; null: no limit."},
    {.name = "hold_seconds",
     .kind = FIELD_INTEGER,
     DROP_AT(hold_seconds),
     .max = HOLD_SECONDS_MAX,
     .preset = "600",
     .says = "How long units are set aside for payment; 0 sells at once."},
    {.name = "keep_seconds",
     .kind = FIELD_INTEGER,
     DROP_AT(keep_seconds),
     .min = 1,
     .max = KEEP_SECONDS_MAX,
     .preset = "86400",
     .says = "How long an ended order stays at hand for repeated requests before the read model answers them."},
    {.name = "opens_at",
     .kind = FIELD_TIME,
     DROP_AT(opens_at),
     .nullable = true,
     .preset = "null",
     .says = "Without it: opened by hand."},
    {.name = "closes_at",
     .kind = FIELD_TIME,
     DROP_AT(closes_at),
     .nullable = true,
     .preset = "null",
     .says = "Without it: closed by hand."},
    {.name = "always_on",
     .kind = FIELD_BOOL,
     DROP_AT(always_on),
     .preset = "false",
     .says = "It follows from having no closes_at and no limit_per_buyer; true: refuse it if it has."},
};
const struct shape drop_shape = {.name = "NewDrop",
                                 .fields = drop_fields,
                                 .field_count = sizeof drop_fields / sizeof drop_fields[0],
                                 .size = sizeof(struct drop_body)};

struct closing_body {
	struct wall_ms closes_at;
};

static const struct field closing_fields[] = {
    {.name = "closes_at",
     .kind = FIELD_TIME,
     .offset = offsetof(struct closing_body, closes_at),
     .required = true,
     .nullable = true,
     .says = "null: closed by hand."},
};
const struct shape closing_shape = {
    .name = "Closing", .fields = closing_fields, .field_count = 1, .size = sizeof(struct closing_body)};

struct restock_body {
	struct text sku;
	int64_t quantity;
};

static const struct field restock_fields[] = {
    {.name = "sku",
     .kind = FIELD_TEXT,
     .offset = offsetof(struct restock_body, sku),
     .required = true,
     .min = 1,
     .max = ID_SIZE_MAX,
     .is = text_is_id,
     .pattern = ID_PATTERN},
    {.name = "quantity",
     .kind = FIELD_INTEGER,
     .offset = offsetof(struct restock_body, quantity),
     .required = true,
     .min = -(int64_t)QUANTITY_MAX,
     .max = QUANTITY_MAX,
     .says = "Units more; negative: fewer, down to what is held and sold."},
};
const struct shape restock_shape = {
    .name = "Restock", .fields = restock_fields, .field_count = 2, .size = sizeof(struct restock_body)};

/* ---- the drop as an answer ---- */

/* What is shown may be newer than what the answer rests on; its position is not older than what it shows. */
static void raise_position(struct call *call, uint32_t drop)
{
	struct drop_view view;
	if (views_drop(call->api->views, drop, call->now, &view, 0, 0, NULL) && view.basis > call->position)
		call_position(call, view.basis);
}

static void reply_drop(struct call *call, uint32_t drop, int status)
{
	if (!render_drop(call_body(call), call->api->views, drop, call->now, true)) {
		call_refuse(call, "unknown_drop", "There is no such drop.");
		return;
	}
	raise_position(call, drop);
	call_reply(call, status);
}

static void drop_answered(struct call *call, struct ask *ask)
{
	int status = verdict_row(ask->answer.verdict)->status;
	if (status >= 300) {
		call_refusal(call, ask);
		return;
	}
	call->now = clock_wall(); /* the view is newer than the request */
	if (ask->kind == ASK_DROP_CREATE)
		status = ask->answer.verdict == VERDICT_DONE ? 201 : 200;
	reply_drop(call, ask->answer.drop, status);
}

static struct ask *drop_ask(struct call *call, enum ask_kind kind, bool key_required)
{
	struct ask *ask = call_ask(call, kind, drop_answered);
	if (!ask || !call_read_key(call, key_required, &ask->key))
		return NULL;
	ask->drop = call->match.parameter[0];
	return ask;
}

static void submit_drop(struct call *call)
{
	if (text_is_id(call->ask->drop))
		call_submit(call);
	else
		call_refuse(call, "unknown_drop", "There is no such drop.");
}

/* ---- founding ---- */

static int compare_skus(const void *a, const void *b)
{
	const struct sku_spec *x = *(const struct sku_spec *const *)a, *y = *(const struct sku_spec *const *)b;
	size_t size = x->id.size < y->id.size ? x->id.size : y->id.size;
	int order = memcmp(x->id.at, y->id.at, size);
	return order ? order : (x->id.size > y->id.size) - (x->id.size < y->id.size);
}

/* Sorted beside the list, so that 65,536 of them take no time to speak of. */
static bool skus_differ(struct call *call, const struct sku_spec *skus, uint32_t count)
{
	const struct sku_spec **sorted = call_alloc(call, count * sizeof *sorted);
	char field[32];
	if (!sorted)
		return false;
	for (uint32_t i = 0; i < count; i++)
		sorted[i] = &skus[i];
	qsort(sorted, count, sizeof *sorted, compare_skus);
	for (uint32_t i = 1; i < count; i++)
		if (text_is(sorted[i - 1]->id, sorted[i]->id)) {
			const struct sku_spec *later = sorted[i] > sorted[i - 1] ? sorted[i] : sorted[i - 1];
			snprintf(field, sizeof field, "skus[%zu].id", (size_t)(later - skus));
			call_invalid(call, field, "The SKU stands there twice.");
			return false;
		}
	return true;
}

static struct sku_spec *take_skus(struct call *call, const struct shape_list *list, bool *ret_priced)
{
	const struct sku_body *body = list->at;
	struct sku_spec *skus = call_alloc(call, list->count * sizeof *skus);
	*ret_priced = false;
	if (!skus)
		return NULL;
	for (uint32_t i = 0; i < list->count; i++) {
		skus[i] = (struct sku_spec){body[i].id, (uint32_t)body[i].stock, body[i].price};
		*ret_priced = *ret_priced || body[i].price;
	}
	return skus_differ(call, skus, list->count) ? skus : NULL;
}

/* What one field alone cannot say. */
static const char *drop_contradiction(const struct drop_body *body, bool priced, const char **ret_field)
{
	*ret_field = "currency";
	if (priced && body->currency.size == 0)
		return "It is needed when a SKU has a price.";
	*ret_field = "closes_at";
	if (body->closes_at.ms != WALL_NEVER.ms && body->opens_at.ms != WALL_NEVER.ms &&
	    body->closes_at.ms <= body->opens_at.ms)
		return "It is to be after opens_at.";
	if (body->always_on && body->closes_at.ms != WALL_NEVER.ms)
		return "Always-on goods have no end.";
	*ret_field = "limit_per_buyer";
	if (body->always_on && body->limit_per_buyer)
		return "Always-on goods have no limit.";
	*ret_field = "skus";
	bool always_on = body->closes_at.ms == WALL_NEVER.ms && !body->limit_per_buyer;
	if (!always_on && body->skus.count > SKUS_MAX)
		return "A drop with an end or a limit per buyer has at most 256.";
	return NULL;
}

static bool take_drop(struct call *call, const struct drop_body *body, struct drop_spec *spec)
{
	const char *field;
	bool priced;
	const struct sku_spec *skus = take_skus(call, &body->skus, &priced);
	if (!skus)
		return false; /* refused: spec is gone with the call */
	const char *contradiction = drop_contradiction(body, priced, &field);
	if (contradiction) {
		call_invalid(call, field, contradiction);
		return false;
	}
	spec->skus = skus;
	spec->id = call->match.parameter[0];
	spec->title = body->title.size ? body->title : spec->id;
	spec->currency = body->currency;
	spec->limit_per_buyer = (uint32_t)body->limit_per_buyer;
	spec->hold_seconds = (uint32_t)body->hold_seconds;
	spec->keep_seconds = (uint32_t)body->keep_seconds;
	spec->opens_at = body->opens_at;
	spec->closes_at = body->closes_at;
	spec->sku_count = body->skus.count;
	return true;
}

void drop_put(struct call *call)
{
	struct drop_body body = {.hold_seconds = HOLD_SECONDS_DEFAULT,
	                         .keep_seconds = KEEP_SECONDS_DEFAULT,
	                         .opens_at = WALL_NEVER,
	                         .closes_at = WALL_NEVER};
	struct ask *ask = drop_ask(call, ASK_DROP_CREATE, false);
	if (!ask || !call_read_body(call, &drop_shape, &body))
		return;
	if (!text_is_id(ask->drop)) {
		call_invalid(call, "drop", "A drop's id has the form " ID_PATTERN ".");
		return;
	}
	struct drop_spec *spec = call_alloc(call, sizeof *spec);
	if (!spec || !take_drop(call, &body, spec))
		return;
	ask->spec = spec;
	call_submit(call);
}

/* ---- its life ---- */

static void change_drop(struct call *call, enum ask_kind kind)
{
	if (drop_ask(call, kind, false) && call_read_nothing(call))
		submit_drop(call);
}

void drop_open(struct call *call)
{
	change_drop(call, ASK_DROP_OPEN);
}

void drop_pause(struct call *call)
{
	change_drop(call, ASK_DROP_PAUSE);
}

void drop_resume(struct call *call)
{
	change_drop(call, ASK_DROP_RESUME);
}

void drop_close(struct call *call)
{
	change_drop(call, ASK_DROP_CLOSE);
}

void drop_archive(struct call *call)
{
	change_drop(call, ASK_DROP_ARCHIVE);
}

void drop_closing(struct call *call)
{
	struct closing_body body = {.closes_at = WALL_NEVER};
	struct ask *ask = drop_ask(call, ASK_DROP_CLOSING, false);
	if (!ask || !call_read_body(call, &closing_shape, &body))
		return;
	ask->closes_at = body.closes_at;
	submit_drop(call);
}

void drop_restock(struct call *call)
{
	struct restock_body body = {.quantity = 0};
	struct ask *ask = drop_ask(call, ASK_DROP_RESTOCK, true);
	if (!ask || !call_read_body(call, &restock_shape, &body))
		return;
	if (body.quantity == 0) {
		call_invalid(call, "quantity", "It is to be more or fewer, not none.");
		return;
	}
	ask->line[0] = (struct ask_line){body.sku, 0};
	ask->line_count = 1;
	ask->restock = body.quantity;
	submit_drop(call);
}

/* ---- looking, publicly ---- */

/* A view is behind a position only when another history gave it: this server's views are durable before any answer. */
static bool views_are_there(struct call *call)
{
	uint64_t asked;
	if (!call_read_position(call, &asked))
		return false;
	uint64_t position = views_position(call->api->views);
	if (asked > position) {
		call_refuse(call, "overloaded", "This server is behind the position that was asked for.");
		return false;
	}
	call_position(call, position);
	return true;
}

/* What a reader would see differently has another tag; the time of day is not among it. */
static uint64_t drop_tag(const struct drop_view *view, uint64_t tag)
{
	return (tag ^ (view->basis * 8 + (uint64_t)view->state)) * UINT64_C(0x100000001b3);
}

/* True: the caller has it already, and was told so. */
static bool is_known(struct call *call, uint64_t tag)
{
	char etag[32];
	int size = snprintf(etag, sizeof etag, "W/\"%016llx\"", (unsigned long long)tag);
	struct text text = {etag, (size_t)size};
	call_header(call, "ETag", text);
	call_header(call, "Cache-Control", TEXT("no-cache"));
	if (!request_has_etag(call->exchange, text))
		return false;
	call_reply_not_modified(call);
	return true;
}

#define TAG_SEED UINT64_C(0xcbf29ce484222325)

void drop_get(struct call *call)
{
	struct drop_view view;
	uint32_t drop;
	if (!views_are_there(call))
		return;
	if (!views_drop_find(call->api->views, call->match.parameter[0], &drop) ||
	    !views_drop(call->api->views, drop, call->now, &view, 0, 0, NULL))
		call_refuse(call, "unknown_drop", "There is no such drop.");
	else if (!is_known(call, drop_tag(&view, TAG_SEED)))
		reply_drop(call, drop, 200);
}

const char *const drop_list_query[] = {"cursor", "limit", NULL};

/* Renders from drop `from` on; returns the first that did not fit, or 0. */
static uint32_t render_drops(struct call *call, uint32_t from, uint32_t limit, uint64_t *ret_tag)
{
	const struct views *views = call->api->views;
	struct buf *body = call_body(call);
	uint32_t count = views_drop_count(views), next = from;
	uint64_t tag = TAG_SEED + from;
	struct drop_view view;
	buf_str(body, "{\"drops\":[");
	for (; next < count && next - from < limit; next++) {
		if (!views_drop(views, next, call->now, &view, 0, 0, NULL))
			break;
		if (next > from)
			buf_put(body, ",", 1);
		render_drop(body, views, next, call->now, view.sku_count <= LISTED_SKUS_MAX);
		tag = drop_tag(&view, tag);
	}
	*ret_tag = tag + (next < count);
	return next < count && next > from ? next : 0;
}

void drops_list(struct call *call)
{
	struct page_request page;
	uint64_t tag;
	if (!page_read(call, drop_list_query, CURSOR_DROPS, TEXT("drops"), &page) || !views_are_there(call))
		return;
	uint32_t from = page.place > UINT32_MAX ? UINT32_MAX : (uint32_t)page.place;
	uint32_t next = render_drops(call, from, page.limit, &tag);
	struct buf *body = &call->loop->body;
	buf_put(body, "]", 1);
	if (next)
		page_next(call, body, CURSOR_DROPS, TEXT("drops"), next);
	buf_str(body, ",\"server_time\":");
	render_time(body, call->now);
	buf_put(body, "}", 1);
	if (!is_known(call, tag))
		call_reply(call, 200);
}
