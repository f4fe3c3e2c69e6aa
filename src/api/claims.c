/* claims: a buyer wants units. One request is one ask; two detours lead back to it, each at most once:
 *
 *   claim_ask ──► answered ── CHECK_FIRST ──► eligibility ──► checked ────────► claim_ask again, eligible or not
 *                    │
 *                    └─────── ASK_STORE ────► store_work ──► store_done ──► the order of old, or claim_ask again
 */
#include <stddef.h>

#include "api/claim_plain.h"
#include "api/render.h"
#include "api/routes.h"
#include "http/request.h"

struct claim_line_body {
	struct text sku;
	int64_t quantity;
};

struct claim_body {
	struct text sku;
	int64_t quantity;
	struct shape_list lines;
};

#define FIELD_QUANTITY(type) \
	{ \
		.name = "quantity", .kind = FIELD_INTEGER, .offset = offsetof(struct type, quantity), .min = 1, \
		.max = QUANTITY_MAX, .preset = "1", .says = "How many units." \
	}

#define ID_PATTERN "[a-z0-9][a-z0-9._-]{0,63}"

static const struct field line_fields[] = {
    {.name = "sku",
     .kind = FIELD_TEXT,
     .offset = offsetof(struct claim_line_body, sku),
     .required = true,
     .min = 1,
     .max = ID_SIZE_MAX,
     .is = text_is_id,
     .pattern = ID_PATTERN},
    FIELD_QUANTITY(claim_line_body),
};
static const struct claim_line_body line_initial = {.quantity = 1};
static const struct shape line_shape = {.name = "ClaimLine",
                                        .fields = line_fields,
                                        .field_count = 2,
                                        .size = sizeof(struct claim_line_body),
                                        .initial = &line_initial};

static const struct field claim_fields[] = {
    {.name = "sku",
     .kind = FIELD_TEXT,
     .offset = offsetof(struct claim_body, sku),
     .min = 1,
     .max = ID_SIZE_MAX,
     .is = text_is_id,
     .pattern = ID_PATTERN,
     .says = "Without it: the drop's only SKU."},
    FIELD_QUANTITY(claim_body),
    {.name = "lines",
     .kind = FIELD_LIST,
     .offset = offsetof(struct claim_body, lines),
     .min = 1,
     .max = LINES_MAX,
     .of = &line_shape,
     .says = "Several SKUs, all of them or nothing; instead of sku and quantity."},
};
const struct shape claim_shape = {
    .name = "Claim", .fields = claim_fields, .field_count = 3, .size = sizeof(struct claim_body)};

/* ---- the answer ---- */

#define ORDER_PATH "/v1/orders/"

static void put_lines(struct call *call, uint64_t order, bool replayed)
{
	char location[sizeof ORDER_PATH - 1 + ORDER_ID_SIZE] = ORDER_PATH;
	order_id_text(call->api->options.log_number, order, location + sizeof ORDER_PATH - 1);
	call_header(call, "Location", (struct text){location, sizeof location});
	if (replayed)
		call_header(call, "Idempotency-Replayed", TEXT("true"));
}

static void reply_order(struct call *call, const struct answer_order *answer, struct text buyer, bool replayed)
{
	struct store_order order;
	order_of_answer(answer, buyer, &order);
	put_lines(call, order.sequence, replayed);
	render_order(call_body(call), call->api->options.log_number, &order);
	call_reply(call, 201);
}

/* ---- the key of an order that has left the ledger ---- */

struct key_job {
	struct job job;
	bool found, other;    /* there is an order of this key; of another body */
	uint64_t knows_since; /* what was granted before this sequence the read model does not know whole */
	uint64_t order;
};

/* The same lines as asked for: an empty SKU is the drop's only one. */
static bool same_lines(const struct ask *ask, const struct store_order *order)
{
	if (ask->line_count != order->line_count)
		return false;
	for (uint32_t i = 0; i < ask->line_count; i++) {
		bool same_sku = ask->line[i].sku.size == 0 || text_is(ask->line[i].sku, order->line[i].sku);
		if (!same_sku || ask->line[i].quantity != order->line[i].quantity)
			return false;
	}
	return true;
}

static void key_found(void *context, const struct store_order *order)
{
	struct key_job *job = context;
	job->found = true;
	job->other = !same_lines(job->job.call->ask, order);
	job->order = order->sequence;
	render_order(&job->job.body, job->job.call->api->options.log_number, order);
}

static void key_work(struct job *base)
{
	struct key_job *job = (struct key_job *)base;
	struct store *store = base->call->api->options.store;
	const struct ask *ask = base->call->ask;
	base->fault = store->ops->order_by_key(store, ask->drop, ask->buyer, ask->key, key_found, job, &base->error);
	if (base->fault == 0)
		base->fault = store_knows_since(store, &job->knows_since, &base->error);
}

/* A read model that was rebuilt from a snapshot does not know the keys of what was granted before. */
static bool drop_is_older(const struct call *call, uint64_t sequence)
{
	struct drop_view drop;
	const struct views *views = ledger_views(call->api->options.ledger);
	return sequence > 1 &&
	       (!views_drop(views, call->ask->answer.drop, call->now, &drop, 0, 0, NULL) || drop.created < sequence);
}

static void key_done(struct job *base)
{
	struct key_job *job = (struct key_job *)base;
	struct call *call = base->call;
	if (!job->found && drop_is_older(call, job->knows_since)) {
		call_refuse(
		    call, "unknown_outcome",
		    "The read model does not reach back to this drop's beginning, so it cannot say whether this key "
		    "has an order.");
	} else if (!job->found) {
		call->ask->store_asked = true;
		call_submit(call);
	} else if (job->other) {
		call->ask->answer.verdict = VERDICT_KEY_REUSED;
		call_refusal(call, call->ask);
	} else {
		struct buf *body = call_body(call);
		put_lines(call, job->order, true);
		buf_text(body, buf_as_text(&base->body));
		call_reply(call, 201);
	}
}

static void ask_store(struct call *call, uint64_t position)
{
	struct key_job *job = call_alloc(call, sizeof *job);
	if (!job)
		return;
	job->job.work = key_work;
	job->job.done = key_done;
	job->job.position = position;
	call_read(call, &job->job);
}

/* ---- eligibility ---- */

static void checked(struct check *check, enum check_answer answer)
{
	struct call *call = check->context;
	if (answer == CHECK_UNFINISHED) {
		call_refuse(call, "overloaded",
		            "The server is stopping; nothing was taken. Ask again with the same key.");
		return;
	}
	call->ask->eligible = answer == CHECK_PASSED;
	call->ask->not_eligible = answer == CHECK_REFUSED;
	call_submit(call);
}

static void ask_eligibility(struct call *call)
{
	call->check =
	    (struct check){.done = checked, .context = call, .drop = call->ask->drop, .buyer = call->ask->buyer};
	eligibility_ask(&call->api->eligibility, &call->loop->checks, &call->check);
}

/* ---- the claim ---- */

static void claim_answered(struct call *call, struct ask *ask)
{
	switch (ask->answer.verdict) {
	case VERDICT_GRANTED:
	case VERDICT_REPLAYED:
		reply_order(call, &ask->answer.order, ask->buyer, ask->answer.verdict == VERDICT_REPLAYED);
		return;
	case VERDICT_CHECK_FIRST:
		ask_eligibility(call);
		return;
	case VERDICT_ASK_STORE:
		ask_store(call, ask->answer.basis);
		return;
	default:
		call_refusal(call, ask);
	}
}

/* Sixteen lines at most: every pair is compared. */
static bool take_lines(struct call *call, struct ask *ask, const struct shape_list *lines)
{
	const struct claim_line_body *line = lines->at;
	for (uint32_t i = 0; i < lines->count; i++) {
		for (uint32_t other = 0; other < i; other++)
			if (text_is(line[i].sku, line[other].sku)) {
				call_invalid(call, "lines", "A SKU stands there twice.");
				return false;
			}
		ask->line[i] = (struct ask_line){line[i].sku, (uint32_t)line[i].quantity};
	}
	ask->line_count = lines->count;
	return true;
}

static bool read_claim(struct call *call, struct ask *ask)
{
	struct claim_body body = {.quantity = 0};
	bool plain =
	    request_is_json(call->exchange) && claim_plain_read(call->exchange->body, &body.sku, &body.quantity);
	if (!plain && call->exchange->body.size && !call_read_body(call, &claim_shape, &body))
		return false;
	if (body.lines.count && (body.sku.at || body.quantity)) {
		call_invalid(call, "lines", "Either lines, or sku and quantity.");
		return false;
	}
	if (body.lines.count)
		return take_lines(call, ask, &body.lines);
	ask->line[0] = (struct ask_line){body.sku, body.quantity ? (uint32_t)body.quantity : 1};
	ask->line_count = 1;
	return true;
}

static void claim(struct call *call, struct text buyer)
{
	struct ask *ask = call_ask(call, ASK_CLAIM, claim_answered);
	if (!ask)
		return;
	ask->drop = call->match.parameter[0];
	ask->buyer = buyer;
	if (!call_read_key(call, false, &ask->key) || !read_claim(call, ask))
		return;
	if (!text_is_id(ask->drop))
		call_refuse(call, "unknown_drop", "There is no such drop.");
	else
		call_submit(call);
}

void claim_by_buyer(struct call *call)
{
	claim(call, principal_name(&call->principal));
}

void claim_by_shop(struct call *call)
{
	struct text buyer = call->match.parameter[1];
	if (text_is_visible(buyer, BUYER_SIZE_MAX))
		claim(call, buyer);
	else
		call_invalid(call, "buyer", "A buyer has 1 to 64 visible ASCII bytes.");
}
