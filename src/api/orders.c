/* orders: one order read, confirmed, canceled.
 *
 * The ledger answers as long as it has the order; then the read model does, once it is at the answer's position. The
 * ledger keeps digests of buyers: for an operator the text comes from the read model, or else from the order's own
 * record in the log.
 */
#include <stddef.h>

#include "api/render.h"
#include "api/routes.h"

struct confirm_body {
	struct text payment_ref;
};

static bool payment_ref_is(struct text text)
{
	return text_is_visible(text, PAYMENT_REF_SIZE_MAX);
}

static const struct field confirm_fields[] = {
    {.name = "payment_ref",
     .kind = FIELD_TEXT,
     .offset = offsetof(struct confirm_body, payment_ref),
     .required = true,
     .min = 1,
     .max = PAYMENT_REF_SIZE_MAX,
     .is = payment_ref_is,
     .pattern = "[!-~]{1,64}",
     .says = "The payment provider's name for this payment."},
};
const struct shape confirm_shape = {
    .name = "Confirmation", .fields = confirm_fields, .field_count = 1, .size = sizeof(struct confirm_body)};

struct order_job {
	struct job job;
	bool found, foreign; /* there is such an order; it is another buyer's */
	enum order_status status;
	bool same_payment, unpaid;
	bool recorded;        /* left: the log has this payment now, and the rows say what it came to */
	bool refund_known;    /* left: this payment is recorded as due back already */
	uint64_t knows_since; /* left: what was granted before this sequence the read model does not know whole */
	uint8_t buyer_size;
	char buyer[BUYER_SIZE_MAX];
};

static struct order_job *order_job(struct call *call, void (*work)(struct job *job), void (*done)(struct job *job))
{
	struct order_job *job = call_alloc(call, sizeof *job);
	if (job) {
		job->job.work = work;
		job->job.done = done;
	}
	return job;
}

/* ---- the buyer's text ---- */

static void keep_buyer(struct order_job *job, struct text buyer)
{
	job->found = true;
	job->buyer_size = (uint8_t)buyer.size;
	memcpy(job->buyer, buyer.at, buyer.size);
}

static void buyer_in_store(void *context, const struct store_order *order)
{
	keep_buyer(context, order->buyer);
}

static int buyer_of_record(const struct log_record *record, struct order_job *job, struct error *error)
{
	struct command command;
	int fault = command_decode(record->bytes, record->size, NULL, &command, error);
	if (fault)
		return fault;
	if (record->sequence != job->job.call->ask->order || command.kind != COMMAND_CLAIM)
		return error_set(error, FAULT_DAMAGED, "the record of order %llu is no claim",
		                 (unsigned long long)job->job.call->ask->order);
	keep_buyer(job, command.claim.buyer);
	return 0;
}

static int buyer_in_log(struct order_job *job, struct error *error)
{
	struct log *log = job->job.call->api->options.log;
	struct log_cursor *cursor;
	struct log_record record;
	int fault = log_cursor_open(log, job->job.call->ask->order, &cursor, error);
	if (fault)
		return fault;
	int got = log_cursor_next(log, cursor, &record, error);
	if (got > 0)
		got = buyer_of_record(&record, job, error);
	log_cursor_close(log, cursor);
	return got;
}

static void buyer_work(struct job *base)
{
	struct order_job *job = (struct order_job *)base;
	const struct api_options *options = &base->call->api->options;
	/* The row of an older order is there even while the follower is still on its way back to the store's position; and
	 * the log may have been archived so far. */
	base->fault =
	    options->store->ops->order(options->store, base->call->ask->order, buyer_in_store, job, &base->error);
	if (base->fault >= 0 && !job->found)
		base->fault = buyer_in_log(job, &base->error);
}

/* ---- the answer of the ledger ---- */

static void reply_order(struct call *call, struct text buyer)
{
	struct store_order order;
	order_of_answer(&call->ask->answer.order, buyer, &order);
	render_order(call_body(call), call->api->options.log_number, &order);
	call_reply(call, 200);
}

static void buyer_done(struct job *base)
{
	struct order_job *job = (struct order_job *)base;
	reply_order(base->call, (struct text){job->buyer, job->buyer_size});
}

static void reply_with_buyer(struct call *call)
{
	const struct answer_order *order = &call->ask->answer.order;
	if (call->principal.caller == CALLER_BUYER) {
		reply_order(call, principal_name(&call->principal)); /* the ledger has checked that it is his */
	} else if (order->buyer_size) {
		reply_order(call, (struct text){order->buyer, order->buyer_size});
	} else {
		struct order_job *job = order_job(call, buyer_work, buyer_done);
		if (job)
			call_read(call, &job->job);
	}
}

/* ---- an order that has left the ledger ---- */

static void left_found(void *context, const struct store_order *order)
{
	struct order_job *job = context;
	const struct call *call = job->job.call;
	job->found = true;
	job->foreign =
	    call->principal.caller == CALLER_BUYER && !text_is(order->buyer, principal_name(&call->principal));
	job->status = order->status;
	job->same_payment = text_is(order->payment_ref, call->ask->payment_ref);
	job->unpaid = order->payment_ref.size == 0 && order->hold_until.ms == WALL_NEVER.ms;
	render_order(&job->job.body, call->api->options.log_number, order);
}

static void refund_found(void *context, const struct store_refund *refund)
{
	struct order_job *job = context;
	job->refund_known = job->refund_known || text_is(refund->payment_ref, job->job.call->ask->payment_ref);
}

static void left_work(struct job *base)
{
	struct store *store = base->call->api->options.store;
	const struct ask *ask = base->call->ask;
	struct order_job *job = (struct order_job *)base;
	base->fault = store->ops->order(store, ask->order, left_found, base, &base->error);
	if (base->fault >= 0)
		base->fault = store_knows_since(store, &job->knows_since, &base->error);
	if (base->fault >= 0 && ask->kind == ASK_CONFIRM)
		base->fault = store->ops->refunds(store, ask->order, refund_found, base, &base->error);
}

/* DONE: it is the order's first payment. A row of before whole_from need not have the payment that there was. */
static enum verdict left_confirmed(const struct order_job *job)
{
	bool whole = job->job.call->ask->order >= job->knows_since;
	if (job->status == ORDER_COMPLETED && job->same_payment)
		return VERDICT_SAME;
	if (job->status == ORDER_COMPLETED && job->unpaid && whole && !job->refund_known)
		return VERDICT_DONE;
	return VERDICT_REFUND_DUE;
}

/* What the request gets, now that the order has ended for good. */
static enum verdict left_verdict(const struct order_job *job)
{
	enum ask_kind kind = job->job.call->ask->kind;
	bool before = !job->found && job->job.call->ask->order < job->knows_since;
	if (before && kind == ASK_CONFIRM)
		return VERDICT_REFUND_DUE; /* whatever it was, a payment for it is recorded */
	if (!job->found || job->foreign)
		return VERDICT_UNKNOWN_ORDER;
	if (kind == ASK_CONFIRM)
		return left_confirmed(job);
	if (kind == ASK_CANCEL)
		return job->status == ORDER_CANCELED ? VERDICT_SAME : VERDICT_WRONG_STATE;
	return VERDICT_FOUND;
}

/* Into the log; then the rows are read again, and say what it came to: of two first payments, the log has one first. */
static void record_payment(struct call *call, const struct order_job *job)
{
	if (job->recorded) {
		call_refuse(call, "unknown_outcome",
		            "The payment is recorded; the read model has been renewed. Ask again.");
		return;
	}
	call->ask->store_asked = true;
	call->ask->unpaid = call->ask->answer.verdict == VERDICT_DONE;
	call_submit(call);
}

static void left_done(struct job *base)
{
	struct order_job *job = (struct order_job *)base;
	struct call *call = base->call;
	enum verdict verdict = call->ask->answer.verdict = left_verdict(job);
	if (verdict == VERDICT_DONE || (verdict == VERDICT_REFUND_DUE && !job->refund_known)) {
		record_payment(call, job);
		return;
	}
	if (verdict_row(verdict)->status != 200) {
		call_refusal(call, call->ask);
		return;
	}
	buf_text(call_body(call), buf_as_text(&base->body));
	call_reply(call, 200);
}

static void ask_store(struct call *call)
{
	struct order_job *job = order_job(call, left_work, left_done);
	if (!job)
		return;
	job->job.position = call->ask->answer.basis;
	job->recorded = call->ask->store_asked;
	call_read(call, &job->job);
}

/* ---- requests ---- */

static void order_answered(struct call *call, struct ask *ask)
{
	bool first_payment = ask->store_asked && ask->answer.verdict == VERDICT_DONE && !ask->answer.has_order;
	if ((ask->answer.left && !ask->store_asked) || first_payment)
		ask_store(call);
	else if (verdict_row(ask->answer.verdict)->status < 300 && ask->answer.has_order)
		reply_with_buyer(call);
	else
		call_refusal(call, ask);
}

static bool order_of_path(struct call *call, uint64_t *ret)
{
	uint8_t log;
	uint64_t sequence;
	if (!order_id_parse(call->match.parameter[0], &log, &sequence) || log != call->api->options.log_number ||
	    sequence == 0) {
		call_refuse(call, "unknown_order", "There is no such order.");
		return false;
	}
	*ret = sequence;
	return true;
}

static struct ask *order_ask(struct call *call, enum ask_kind kind)
{
	struct ask *ask = call_ask(call, kind, order_answered);
	if (!ask)
		return NULL;
	if (call->principal.caller == CALLER_BUYER) {
		ask->owner_only = ask->has_buyer = true;
		ask->buyer = principal_name(&call->principal);
	}
	return ask;
}

void order_get(struct call *call)
{
	struct ask *ask = order_ask(call, ASK_ORDER);
	uint64_t position;
	/* the ledger is at the end of the log: no position that it gave is ahead of it */
	if (ask && call_read_position(call, &position) && order_of_path(call, &ask->order))
		call_submit(call);
}

void order_confirm_ask(struct call *call)
{
	struct ask *ask = order_ask(call, ASK_CONFIRM);
	struct confirm_body body = {.payment_ref = TEXT_NONE};
	if (!ask || !call_read_key(call, false, &ask->key) || !call_read_body(call, &confirm_shape, &body))
		return;
	ask->payment_ref = body.payment_ref;
	if (order_of_path(call, &ask->order))
		call_submit(call);
}

void order_cancel_ask(struct call *call)
{
	struct ask *ask = order_ask(call, ASK_CANCEL);
	if (ask && call_read_key(call, false, &ask->key) && call_read_nothing(call) && order_of_path(call, &ask->order))
		call_submit(call);
}
