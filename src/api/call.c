#include "api/call.h"

#include <stdio.h>

#include "api/render.h"
#include "api/routes.h"
#include "base/log_line.h"
#include "base/must.h"
#include "http/request.h"

/* ---- replies ---- */

#define HEAD_JSON "Content-Type: application/json\r\n"
#define NO_STORE "Cache-Control: no-store\r\n"

/* Sent when memory ran out while an answer was made: it needs none. */
#define BARE_HEAD "Content-Type: application/problem+json\r\nCache-Control: no-store\r\nRetry-After: 1\r\n"
#define BARE_BODY \
	"{\"type\":\"urn:dibs:problem:overloaded\",\"title\":\"Overloaded\",\"status\":503,\"code\":\"overloaded\"," \
	"\"detail\":\"No memory for this answer now.\"}\n"

static void log_access(const struct call *call, int status, uint64_t took_ns)
{
	char id[REQUEST_ID_SIZE_MAX + 1] = "";
	memcpy(id, call->request_id.at, call->request_id.size);
	log_line(LOG_INFO, "request", LOG_TEXT("route", call->route ? call->route->name : "none"),
	         LOG_TEXT("method", method_text(call->exchange->method)), LOG_NUMBER("status", status),
	         LOG_NUMBER("took_us", took_ns / 1000), LOG_TEXT("request_id", id));
}

static void count(struct call *call, int status)
{
	uint32_t route = call->route ? (uint32_t)(call->route - api_routes) : ROUTES_MAX;
	uint64_t took_ns = clock_mono().ns - call->exchange->received.ns;
	counter_add(&call->loop->counters->requests[route][metric_status_index(status)], 1);
	time_histogram_add(&call->loop->counters->duration[route], took_ns);
	if (call->api->options.access_log)
		log_access(call, status, took_ns);
}

static void put_common_lines(struct call *call)
{
	struct buf *lines = &call->loop->lines;
	if (call->has_position) {
		buf_str(lines, "Dibs-Position: ");
		render_position(lines, call->api->options.log_number, call->position);
		buf_put(lines, "\r\n", 2);
	}
	buf_text(lines, buf_as_text(&call->loop->extra));
}

static void send(struct call *call, int status, struct text body)
{
	struct api_loop *loop = call->loop;
	bool whole = !loop->lines.failed && !loop->extra.failed;
	count(call, whole ? status : 503);
	if (whole)
		exchange_reply(call->exchange, status, buf_as_text(&loop->lines), body);
	else
		exchange_reply(call->exchange, 503, TEXT(BARE_HEAD), TEXT(BARE_BODY));
	buf_clear(&loop->lines);
	buf_clear(&loop->extra);
}

static void put_request_id(struct call *call)
{
	struct buf *lines = &call->loop->lines;
	buf_put(lines, "X-Request-Id: ", 14);
	buf_text(lines, call->request_id);
	buf_put(lines, "\r\n", 2);
}

void call_reply_as(struct call *call, int status, const char *content_type, struct text body)
{
	struct buf *lines = &call->loop->lines;
	buf_str(lines, "Content-Type: ");
	buf_str(lines, content_type);
	buf_put(lines, "\r\n", 2);
	put_request_id(call);
	put_common_lines(call);
	send(call, status, body);
}

void call_reply(struct call *call, int status)
{
	struct buf *body = &call->loop->body, *lines = &call->loop->lines;
	buf_put(body, "\n", 1);
	if (body->failed)
		lines->failed = true;
	buf_put(lines, HEAD_JSON, sizeof HEAD_JSON - 1);
	if (!call->route || call->route->may)
		buf_put(lines, NO_STORE, sizeof NO_STORE - 1);
	put_request_id(call);
	put_common_lines(call);
	send(call, status, buf_as_text(body));
}

void call_reply_not_modified(struct call *call)
{
	put_request_id(call);
	put_common_lines(call);
	send(call, 304, TEXT_NONE);
}

void call_problem(struct call *call, const struct problem *problem)
{
	struct buf *body = call_body(call);
	problem_write(problem, call->request_id, &call->loop->lines, body);
	if (body->failed)
		call->loop->lines.failed = true;
	put_common_lines(call);
	send(call, problem_status(problem), buf_as_text(body));
}

void call_refuse(struct call *call, const char *code, const char *detail)
{
	call_problem(call, &(struct problem){.code = code, .detail = detail});
}

void call_invalid(struct call *call, const char *field, const char *detail)
{
	call_problem(call, &(struct problem){.code = "invalid", .field = text_of(field), .detail = detail});
}

static uint32_t seconds_until(struct wall_ms time, struct wall_ms now)
{
	int64_t left_ms = time.ms - now.ms;
	if (time.ms == WALL_NEVER.ms || left_ms <= 0)
		return RETRY_AFTER_DEFAULT_S;
	return left_ms / 1000 + 1 > UINT32_MAX ? UINT32_MAX : (uint32_t)((left_ms + 999) / 1000);
}

static struct text refused_field(const struct ask *ask, char out[32])
{
	if (ask->line_count < 2 || ask->answer.refused_line < 0)
		return TEXT("quantity");
	snprintf(out, 32, "lines[%d].quantity", ask->answer.refused_line);
	return text_of(out);
}

#define DETAIL_SIZE 200

/* The setting is named, so that its operator knows what to raise. */
static void name_setting(struct problem *problem, const struct answer *answer, char detail[DETAIL_SIZE])
{
	problem->setting = text_of(answer->setting);
	snprintf(detail, DETAIL_SIZE, "%s The setting %s allows no more.", problem->detail, answer->setting);
	problem->detail = detail;
}

static void name_size(struct problem *problem, const struct answer *answer, char detail[DETAIL_SIZE])
{
	snprintf(detail, DETAIL_SIZE, "%s It takes %u bytes.", problem->detail, answer->record_size_max);
	problem->detail = detail;
}

void call_refusal(struct call *call, const struct ask *ask)
{
	const struct answer *answer = &ask->answer;
	const struct verdict_row *row = verdict_row(answer->verdict);
	struct problem problem = {.code = row->code, .status = row->status, .detail = row->sentence};
	char order[ORDER_ID_SIZE], field[32], detail[DETAIL_SIZE];
	if (answer->has_order && answer->order.sequence)
		problem.order = order_id_text(call->api->options.log_number, answer->order.sequence, order);
	if (answer->refused_line >= 0 && (uint32_t)answer->refused_line < ask->line_count)
		problem.sku = ask->line[answer->refused_line].sku;
	if (answer->verdict == VERDICT_BAD_QUANTITY)
		problem.field = refused_field(ask, field);
	if (answer->verdict == VERDICT_NOT_OPEN && answer->opens_at.ms != WALL_NEVER.ms) {
		problem.has_opens_at = true;
		problem.opens_at = answer->opens_at;
	}
	if (answer->verdict == VERDICT_OVERLOADED && answer->setting)
		name_setting(&problem, answer, detail);
	if (answer->verdict == VERDICT_TOO_LARGE)
		name_size(&problem, answer, detail);
	if (answer->verdict == VERDICT_ALL_HELD)
		problem.retry_after_s = seconds_until(answer->retry_at, call->now);
	call_problem(call, &problem);
}

struct buf *call_body(struct call *call)
{
	buf_clear(&call->loop->body);
	return &call->loop->body;
}

void call_header(struct call *call, const char *name, struct text value)
{
	struct buf *extra = &call->loop->extra;
	buf_str(extra, name);
	buf_put(extra, ": ", 2);
	buf_text(extra, value);
	buf_put(extra, "\r\n", 2);
}

void call_position(struct call *call, uint64_t sequence)
{
	call->has_position = true;
	call->position = sequence;
}

/* ---- reading the request ---- */

#define OUT_OF_MEMORY "No memory for this request now."

/* "Overloaded" says that nothing has happened. A payment or a cancellation that stands in the log, and of which the
 * answer cannot be made now, is an unknown outcome to its asker: asked again, it is found done. */
static void refuse_now(struct call *call, const char *detail)
{
	const struct ask *ask = call->ask;
	bool of_order = ask && (ask->kind == ASK_CONFIRM || ask->kind == ASK_CANCEL);
	bool done = of_order && call->has_position && verdict_row(ask->answer.verdict)->status < 300;
	call_refuse(call, done ? "unknown_outcome" : "overloaded", detail);
}

void *call_alloc(struct call *call, size_t size)
{
	void *memory = exchange_alloc(call->exchange, size);
	if (!memory)
		refuse_now(call, OUT_OF_MEMORY);
	return memory;
}

static void *take(void *context, size_t size)
{
	return exchange_alloc(context, size);
}

bool call_read_body(struct call *call, const struct shape *shape, void *into)
{
	const struct shape_memory memory = {take, call->exchange};
	struct shape_fault fault;
	if (!request_is_json(call->exchange)) {
		call_refuse(call, "unsupported_media_type", "The body is to be application/json in UTF-8.");
		return false;
	}
	if (shape_read(shape, call->exchange->body, &memory, into, &fault))
		return true;
	call_problem(call, &(struct problem){.code = fault.code,
	                                     .status = fault.status,
	                                     .field = text_of(fault.field),
	                                     .detail = fault.detail});
	return false;
}

bool call_read_nothing(struct call *call)
{
	static const struct shape nothing = {.name = "Nothing"};
	char unused;
	return call->exchange->body.size == 0 || call_read_body(call, &nothing, &unused);
}

bool call_read_key(struct call *call, bool required, struct text *ret)
{
	enum header_answer answer = request_idempotency_key(call->exchange, ret);
	if (answer == HEADER_BAD) {
		call_invalid(call, "Idempotency-Key", "One key, quoted or bare, of 1 to 64 visible bytes.");
		return false;
	}
	if (answer == HEADER_NONE && required) {
		call_invalid(call, "Idempotency-Key", "It is needed here: without it, asking again would do it twice.");
		return false;
	}
	return true;
}

bool call_read_position(struct call *call, uint64_t *ret)
{
	uint8_t log;
	uint64_t sequence;
	enum header_answer answer = request_position(call->exchange, &log, &sequence);
	*ret = 0;
	if (answer == HEADER_NONE)
		return true;
	if (answer == HEADER_BAD || log != call->api->options.log_number) {
		call_invalid(call, "Dibs-Position", "A position that this server gave: <log>-<sequence>.");
		return false;
	}
	*ret = sequence;
	return true;
}

struct text call_actor(const struct call *call)
{
	return call->principal.caller == CALLER_BUYER ? TEXT("buyer") : principal_name(&call->principal);
}

/* ---- the ledger ---- */

static void ask_done(struct ask *ask)
{
	struct call *call = ask->context;
	call_position(call, ask->answer.basis);
	call->answered(call, ask);
}

struct ask *call_ask(struct call *call, enum ask_kind kind, void (*answered)(struct call *call, struct ask *ask))
{
	struct ask *ask = exchange_take(call->exchange, sizeof *ask);
	if (!ask) {
		call_refuse(call, "overloaded", OUT_OF_MEMORY);
		return NULL;
	}
	memset(ask, 0, ASK_CLEARED);
	ask->kind = kind;
	ask->actor = call_actor(call);
	ask->loop = call->loop->number;
	ask->done = ask_done;
	ask->context = call;
	call->ask = ask;
	call->answered = answered;
	return ask;
}

void call_submit(struct call *call)
{
	struct api_loop *loop = call->loop;
	struct ask *ask = call->ask;
	ask->next = NULL;
	ask->answer.basis = 0;
	ask->answer.has_order = false;
	ask->answer.left = false;
	ask->answer.refused_line = -1;
	ask->answer.setting = NULL;
	call->next = NULL;
	if (loop->first) {
		loop->last->ask->next = ask;
		loop->last->next = call;
	} else {
		loop->first = call;
	}
	loop->last = call;
	loop->ask_count++;
}

/* What the ring did not take: nothing of it has happened. */
static void refuse_rest(struct api_loop *loop, struct call *call)
{
	while (call) {
		struct call *next = call->next;
		counter_add(&loop->counters->asks_refused, 1);
		call->ask->answer.verdict = VERDICT_OVERLOADED;
		call->ask->answer.setting = "ring-size";
		call_refusal(call, call->ask);
		call = next;
	}
}

void loop_flush(struct api_loop *loop)
{
	struct call *call = loop->first;
	uint32_t count = loop->ask_count;
	if (count == 0)
		return;
	loop->first = loop->last = NULL;
	loop->ask_count = 0;
	uint32_t taken = ledger_submit(loop->api->options.ledger, loop->number, call->ask, count);
	must(taken <= count);
	/* along the calls, which are ours: the asks that were taken are the ledger's now */
	for (uint32_t i = 0; i < taken; i++)
		call = call->next;
	refuse_rest(loop, call);
}

/* ---- the pool ---- */

int store_knows_since(struct store *store, uint64_t *ret, struct error *error)
{
	int found = store->ops->mark(store, STORE_MARK_WHOLE_FROM, ret, error);
	return found < 0 ? found : 0;
}

static void job_work(void *argument)
{
	struct job *job = argument;
	const struct api_options *options = &job->call->api->options;
	if (job->position && !follower_wait(options->follower, job->position, STORE_WAIT_MS)) {
		job->late = true;
		return;
	}
	job->work(job);
	/* The read model was thrown away meanwhile: what was not found there may well have been. */
	if (job->position && follower_position(options->follower) < job->position)
		job->late = true;
}

static void job_done(void *argument)
{
	struct job *job = argument;
	struct call *call = job->call;
	struct api_loop *loop = call->loop;
	struct buf body = job->body;
	counter_add(&loop->counters->work_done, 1);
	if (job->late) {
		refuse_now(call, "The read model is behind the position that was asked for.");
	} else if (job->fault < 0 || body.failed) {
		log_line(LOG_ERROR, "read_failed", LOG_TEXT("why", job->fault < 0 ? job->error.text : "no memory"));
		refuse_now(call, "The read model cannot be read now.");
	} else {
		job->done(job);
	}
	buf_fini(&body);
	loop_flush(loop);
}

void call_read(struct call *call, struct job *job)
{
	struct counters *counters = call->loop->counters;
	job->call = call;
	if (net_work(call->exchange, job_work, job_done, job)) {
		counter_add(&counters->work_started, 1);
		return;
	}
	counter_add(&counters->work_refused, 1);
	refuse_now(call, "Too many readers at once.");
}
