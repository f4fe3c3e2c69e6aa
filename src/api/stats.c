/* stats: a drop in numbers. The sums are the view's, durable at the answer's position; the series is the read model's. */
#include <stdio.h>

#include "api/page.h"
#include "api/render.h"
#include "api/routes.h"

#define SECONDS_DEFAULT 600 /* ten minutes of a sale: a chart's width */
#define SECONDS_MAX 3600    /* some 400 KB of JSON */

const char *const stats_query[] = {"from", "limit", NULL};

struct stats_job {
	struct job job;
	struct query query;
	uint32_t drop, limit, count;
	int64_t from, last;
	bool more;
	uint64_t position;
	struct wall_ms as_of;
};

static void render_counts(struct buf *out, const struct verdict_count *counts, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		buf_printf(out, "%s\"%s\":%llu", i ? "," : "", verdict_row((enum verdict)counts[i].verdict)->name,
		           (unsigned long long)counts[i].count);
}

static void second_row(void *context, const struct store_second *second)
{
	struct stats_job *job = context;
	struct buf *out = &job->job.body;
	if (job->count == job->limit) {
		job->more = true;
		return;
	}
	buf_str(out, job->count++ ? ",{\"time\":" : "{\"time\":");
	render_time(out, (struct wall_ms){second->second * 1000});
	buf_printf(out, ",\"granted\":%llu,\"completed\":%llu,\"canceled\":%llu,\"expired\":%llu,\"refused\":{",
	           (unsigned long long)second->granted, (unsigned long long)second->completed,
	           (unsigned long long)second->canceled, (unsigned long long)second->expired);
	render_counts(out, second->refusal, second->refusal_count);
	buf_str(out, "}}");
	job->last = second->second;
}

static void stats_work(struct job *base)
{
	struct stats_job *job = (struct stats_job *)base;
	struct store *store = base->call->api->options.store;
	base->fault = store->ops->position(store, &job->position, &job->as_of, &base->error);
	if (base->fault >= 0)
		base->fault = store->ops->seconds(store, base->call->match.parameter[0], job->from, job->limit + 1,
		                                  second_row, job, &base->error);
}

struct unit_sums {
	uint64_t stock, held, sold;
};

/* skus: the first SKUS_AT_ONCE of them, of the same moment as the view. */
static void sum_units(const struct views *views, const struct drop_view *view, struct wall_ms now,
                      struct sku_view *skus, struct unit_sums *ret)
{
	struct drop_view again;
	for (uint32_t i = 0; i < view->sku_count; i++) {
		uint32_t place = i % SKUS_AT_ONCE;
		if (i && place == 0 && !views_drop(views, view->number, now, &again, i, SKUS_AT_ONCE, skus))
			return;
		ret->stock += skus[place].stock;
		ret->held += skus[place].held;
		ret->sold += skus[place].sold;
	}
}

/* The refusals that are counted, by reason; returns their sum. */
static uint64_t render_refused(struct buf *out, const struct drop_view *view)
{
	uint64_t sum = 0;
	const char *comma = "";
	for (uint32_t i = 0; i < sizeof view->counts / sizeof view->counts[0]; i++) {
		if (view->counts[i] == 0)
			continue;
		buf_printf(out, "%s\"%s\":%llu", comma, verdict_row((enum verdict)i)->name,
		           (unsigned long long)view->counts[i]);
		comma = ",";
		sum += view->counts[i];
	}
	return sum;
}

static void render_sums(struct buf *out, const struct drop_view *view, const struct unit_sums *units)
{
	buf_str(out, "{\"drop\":");
	buf_json(out, view->id);
	buf_printf(out, ",\"state\":\"%s\",\"granted\":%llu,\"refused\":{", drop_state_name(view->state),
	           (unsigned long long)view->granted);
	uint64_t refused = render_refused(out, view);
	buf_printf(out, "},\"requests\":%llu,\"stock\":%llu,\"held\":%llu,\"sold\":%llu,\"free\":%llu",
	           (unsigned long long)(view->granted + refused), (unsigned long long)units->stock,
	           (unsigned long long)units->held, (unsigned long long)units->sold,
	           (unsigned long long)(units->stock - units->held - units->sold));
}

static void put_next(struct call *call, int64_t second)
{
	char time[RFC3339_SIZE];
	struct buf link = {0};
	rfc3339_format((struct wall_ms){second * 1000}, time);
	buf_put(&link, "<", 1);
	buf_text(&link, call->exchange->path);
	buf_printf(&link, "?from=%s>; rel=\"next\"", time);
	call_header(call, "Link", buf_as_text(&link));
	buf_fini(&link);
}

static void stats_done(struct job *base)
{
	struct stats_job *job = (struct stats_job *)base;
	struct call *call = base->call;
	struct buf *body = call_body(call);
	struct drop_view view;
	struct sku_view skus[SKUS_AT_ONCE];
	struct unit_sums units = {0};
	call->now = clock_wall();
	if (!views_drop(call->api->views, job->drop, call->now, &view, 0, SKUS_AT_ONCE, skus)) {
		call_refuse(call, "unknown_drop", "There is no such drop.");
		return;
	}
	sum_units(call->api->views, &view, call->now, skus, &units);
	render_sums(body, &view, &units);
	buf_str(body, ",\"as_of\":");
	render_time(body, job->as_of);
	buf_str(body, ",\"series\":[");
	buf_text(body, buf_as_text(&base->body));
	buf_str(body, "]}");
	if (job->more)
		put_next(call, job->last + 1);
	call_position(call, job->position);
	call_reply(call, 200);
}

static bool read_query(struct call *call, struct stats_job *job)
{
	struct text refused;
	uint64_t limit = SECONDS_DEFAULT;
	struct wall_ms from = {0};
	if (!query_read(call->exchange->query, stats_query, 2, &job->query, &refused)) {
		call_invalid(call, "query", "Parameters here: from and limit, each once.");
		return false;
	}
	const struct text *value = job->query.value;
	if (value[0].at && !rfc3339_parse(value[0].at, value[0].size, &from)) {
		call_invalid(call, "from", "It is to be a time as RFC 3339 writes it.");
		return false;
	}
	if (value[1].at && (!text_to_u64(value[1], SECONDS_MAX, &limit) || limit == 0)) {
		call_invalid(call, "limit", "It is to be an integer from 1 to 3600.");
		return false;
	}
	job->from = from.ms / 1000;
	job->limit = (uint32_t)limit;
	return true;
}

void drop_stats(struct call *call)
{
	struct stats_job *job = call_alloc(call, sizeof *job);
	if (!job || !call_read_position(call, &job->job.position) || !read_query(call, job))
		return;
	if (!views_drop_find(call->api->views, call->match.parameter[0], &job->drop)) {
		call_refuse(call, "unknown_drop", "There is no such drop.");
		return;
	}
	job->job.work = stats_work;
	job->job.done = stats_done;
	call_read(call, &job->job);
}
