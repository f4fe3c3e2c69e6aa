/* metrics_page: everything that can be counted, as Prometheus text (version 0.0.4). Made on the loop that is asked; it
 * reads counters, locks nothing and asks no database. */
#include "api/routes.h"

static void put_value(struct buf *out, const char *name, const char *labels, uint64_t value)
{
	buf_str(out, name);
	if (*labels) {
		buf_str(out, "{");
		buf_str(out, labels);
		buf_str(out, "}");
	}
	buf_str(out, " ");
	buf_u64(out, value);
	buf_str(out, "\n");
}

static void put_one(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	metric_head(out, name, type, help);
	put_value(out, name, "", value);
}

static void put_seconds(struct buf *out, const char *name, const char *type, const char *help, uint64_t ns)
{
	metric_head(out, name, type, help);
	buf_printf(out, "%s %.9f\n", name, (double)ns / 1e9);
}

static const char *route_name(uint32_t route)
{
	return route < api_route_count ? api_routes[route].name : "none";
}

static uint64_t requests_of(const struct api *api, uint32_t route, uint32_t status)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < api->options.loops; i++)
		sum += counter_get(&api->loops[i].counters->requests[route][status]);
	return sum;
}

static bool route_was_asked(const struct api *api, uint32_t route)
{
	uint64_t sum = 0;
	for (uint32_t status = 0; status < METRIC_STATUSES; status++)
		sum += requests_of(api, route, status);
	return sum > 0;
}

static void put_requests(struct buf *out, const struct api *api)
{
	metric_head(out, "dibs_requests_total", "counter", "Requests answered, by route and HTTP status.");
	for (uint32_t route = 0; route < METRIC_ROUTES; route++)
		for (uint32_t status = 0; status < METRIC_STATUSES; status++) {
			uint64_t count = requests_of(api, route, status);
			if (count)
				buf_printf(out, "dibs_requests_total{route=\"%s\",status=\"%d\"} %llu\n",
				           route_name(route), metric_status(status), (unsigned long long)count);
		}
}

#define LOOPS_SUMMED 64 /* more processors than that are not had here */

static void put_durations(struct buf *out, const struct api *api)
{
	const struct time_histogram *of[LOOPS_SUMMED];
	uint32_t loops = api->options.loops < LOOPS_SUMMED ? api->options.loops : LOOPS_SUMMED;
	metric_head(out, "dibs_request_duration_seconds", "histogram",
	            "From a request's last byte to its answer, waiting included.");
	for (uint32_t route = 0; route < METRIC_ROUTES; route++) {
		struct buf labels = {0};
		if (!route_was_asked(api, route))
			continue;
		for (uint32_t i = 0; i < loops; i++)
			of[i] = &api->loops[i].counters->duration[route];
		buf_printf(&labels, "route=\"%s\"", route_name(route));
		buf_put(&labels, "", 1);
		if (!labels.failed)
			time_histogram_print(out, "dibs_request_duration_seconds", labels.at, of, loops);
		buf_fini(&labels);
	}
}

static void put_verdicts(struct buf *out, const struct ledger_statistics *ledger)
{
	metric_head(out, "dibs_verdicts_total", "counter", "The ledger's answers since the start, by verdict.");
	for (uint32_t i = 0; i < VERDICT_COUNT; i++) {
		if (ledger->verdicts[i] == 0)
			continue;
		buf_printf(out, "dibs_verdicts_total{verdict=\"%s\"} %llu\n", verdict_row((enum verdict)i)->name,
		           (unsigned long long)ledger->verdicts[i]);
	}
}

static void put_ledger(struct buf *out, const struct api *api)
{
	struct ledger_statistics ledger;
	ledger_statistics(api->options.ledger, &ledger);
	put_verdicts(out, &ledger);
	put_one(out, "dibs_ledger_steps_total", "counter", "Steps of the ledger.", ledger.steps);
	put_one(out, "dibs_ledger_asks_total", "counter", "Requests that the ledger took.", ledger.asks);
	put_one(out, "dibs_ledger_waiting", "gauge", "Requests in the ledger without an answer yet.", ledger.waiting);
	put_one(out, "dibs_ledger_orders", "gauge", "Orders in the core, as far as is durable.", ledger.orders);
	put_one(out, "dibs_ledger_orders_max", "gauge", "Orders that the core has room for.", ledger.orders_max);
	put_one(out, "dibs_ledger_left", "gauge", "Keys of orders that have left the core, as its filter knows them.",
	        ledger.left);
	put_one(out, "dibs_ledger_left_max", "gauge", "Keys that the filter tells from new ones; more blur it.",
	        ledger.left_max);
	put_one(out, "dibs_ledger_pending", "gauge", "Orders that are held, as far as is durable.", ledger.pending);
	put_one(out, "dibs_log_sequence", "gauge", "Last sequence in the log, durable or on its way.", ledger.sequence);
	put_one(out, "dibs_log_durable", "gauge", "Last sequence that is durable.", ledger.durable);
	put_one(out, "dibs_ready", "gauge", "1 when the ledger has caught up.", ledger_ready(api->options.ledger));
}

static void put_batches(struct buf *out, const struct api *api)
{
	const struct time_histogram *write = &api->batches.write, *sync = &api->batches.sync;
	metric_head(out, "dibs_log_batch_records", "histogram", "Records of a batch.");
	size_histogram_print(out, "dibs_log_batch_records", &api->batches.records);
	metric_head(out, "dibs_log_write_seconds", "histogram", "Writing a batch.");
	time_histogram_print(out, "dibs_log_write_seconds", "", &write, 1);
	metric_head(out, "dibs_log_sync_seconds", "histogram", "Syncing a batch.");
	time_histogram_print(out, "dibs_log_sync_seconds", "", &sync, 1);
	put_one(out, "dibs_log_bytes_total", "counter", "Bytes written to the log.", counter_get(&api->batches.bytes));
}

static void put_net(struct buf *out, struct net *net)
{
	struct net_statistics of;
	net_statistics(net, &of);
	put_one(out, "dibs_connections", "gauge", "Connections now.", of.connections);
	put_one(out, "dibs_connections_accepted_total", "counter", "Connections accepted.", of.accepted);
	put_one(out, "dibs_connections_refused_total", "counter", "Connections refused by a bound.",
	        of.refused_connections);
	put_one(out, "dibs_http_requests_total", "counter", "Whole requests read.", of.requests);
	put_one(out, "dibs_http_bad_requests_total", "counter", "Requests that the parser or a bound refused.",
	        of.bad_requests);
	put_one(out, "dibs_http_timeouts_total", "counter", "Connections closed by a deadline.", of.timeouts);
	put_one(out, "dibs_loop_rounds_total", "counter", "Rounds of all loops.", of.loop_rounds);
	put_seconds(out, "dibs_loop_busy_seconds_total", "counter", "Time the loops were at work.", of.loop_busy_ns);
	put_seconds(out, "dibs_loop_lag_seconds_max", "gauge", "Longest round since the last look.",
	            of.loop_lag_ns_max);
	put_one(out, "dibs_connection_bytes", "gauge", "Memory of an idle connection, ours.", of.connection_bytes);
}

static void put_store(struct buf *out, const struct follower *follower)
{
	struct follower_statistics of;
	follower_statistics(follower, &of);
	uint64_t lag = of.log_durable > of.position ? of.log_durable - of.position : 0;
	put_one(out, "dibs_store_position", "gauge", "Sequence that the read model is at.", of.position);
	put_one(out, "dibs_store_lag_records", "gauge", "Durable records that it has not got yet.", lag);
	put_one(out, "dibs_store_orders_total", "counter", "Rows of orders written.", of.orders);
	put_one(out, "dibs_store_transactions_total", "counter", "Transactions of the read model.", of.transactions);
	put_one(out, "dibs_store_failing", "gauge", "1 when it cannot be written.", of.store_failing);
	put_one(out, "dibs_snapshots_total", "counter", "Snapshots written.", of.snapshots);
	put_one(out, "dibs_snapshot_sequence", "gauge", "Sequence of the last snapshot.", of.last_snapshot_sequence);
	put_seconds(out, "dibs_snapshot_seconds", "gauge", "What the last snapshot took.", of.last_snapshot_ns);
}

static void put_work(struct buf *out, const struct api *api)
{
	uint64_t started = 0, done = 0, refused = 0, asks_refused = 0;
	for (uint32_t i = 0; i < api->options.loops; i++) {
		const struct counters *of = api->loops[i].counters;
		uint64_t finished = counter_get(&of->work_done); /* first: so that it is never ahead of what began */
		done += finished;
		started += counter_get(&of->work_started);
		refused += counter_get(&of->work_refused);
		asks_refused += counter_get(&of->asks_refused);
	}
	put_one(out, "dibs_pool_jobs_total", "counter", "Readings that the pool has done.", done);
	put_one(out, "dibs_pool_jobs", "gauge", "Readings in the pool or in its queue.",
	        started > done ? started - done : 0);
	put_one(out, "dibs_pool_refused_total", "counter", "Readings that found its queue full.", refused);
	put_one(out, "dibs_ring_refused_total", "counter", "Requests that found the ledger's ring full.", asks_refused);
}

static void put_eligibility(struct buf *out, const struct api *api)
{
	metric_head(out, "dibs_eligibility_checks_total", "counter", "Eligibility checks, by answer.");
	put_value(out, "dibs_eligibility_checks_total", "answer=\"passed\"", counter_get(&api->eligibility.passed));
	put_value(out, "dibs_eligibility_checks_total", "answer=\"refused\"", counter_get(&api->eligibility.refused));
}

void metrics_page(struct call *call)
{
	const struct api *api = call->api;
	struct buf *out = call_body(call);
	put_requests(out, api);
	put_durations(out, api);
	put_ledger(out, api);
	put_batches(out, api);
	if (api->options.net)
		put_net(out, api->options.net);
	if (api->options.follower)
		put_store(out, api->options.follower);
	put_work(out, api);
	put_eligibility(out, api);
	metric_head(out, "dibs_build_info", "gauge", "The program.");
	buf_printf(out, "dibs_build_info{version=\"%s\"} 1\n",
	           api->options.version ? api->options.version : DIBS_VERSION);
	if (out->failed)
		call->loop->lines.failed = true;
	call_header(call, "Cache-Control", TEXT("no-store"));
	call_reply_as(call, 200, "text/plain; version=0.0.4; charset=utf-8", buf_as_text(out));
}
