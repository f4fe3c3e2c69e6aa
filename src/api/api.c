/* api: the way of a request up to its handler, and of the ledger's answers back to it. */
#include "api/call.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/render.h"
#include "api/routes.h"
#include "base/must.h"
#include "http/request.h"
#include "http/token.h"

_Static_assert(TOKEN_SUBJECT_SIZE_MAX == BUYER_SIZE_MAX, "a token names any buyer that the core takes");
_Static_assert(IDEMPOTENCY_KEY_MAX == KEY_SIZE_MAX, "the api takes any key that the core takes");
_Static_assert(METRIC_ROUTES == ROUTES_MAX + 1, "every route is counted, and what no route knows");

/* ---- made and freed ---- */

static enum caller caller_of_role(enum role role)
{
	switch (role) {
	case ROLE_VIEWER:
		return CALLER_VIEWER;
	case ROLE_SHOP:
		return CALLER_SHOP;
	case ROLE_ADMIN:
		return CALLER_ADMIN;
	case ROLE_NONE:
		break;
	}
	return CALLER_NONE;
}

static bool key_find(void *context, const uint8_t hash[BLAKE_SIZE], struct principal *ret)
{
	const struct api *api = context;
	struct api_key_view key;
	if (!views_api_key(api->views, hash, &key) || key.id.size > sizeof ret->name)
		return false;
	ret->caller = caller_of_role(key.role);
	ret->name_size = (uint8_t)key.id.size;
	memcpy(ret->name, key.id.at, key.id.size);
	return ret->caller != CALLER_NONE;
}

static uint64_t keys_version(void *context)
{
	const struct api *api = context;
	return views_keys_version(api->views);
}

static int loop_init(struct api *api, struct api_loop *loop, uint32_t number, struct error *error)
{
	const struct auth_options options = {.token_folder = api->options.token_folder,
	                                     .audience = api->options.token_audience,
	                                     .key_find = key_find,
	                                     .keys_version = keys_version,
	                                     .context = api};
	loop->number = number;
	loop->api = api;
	random_bytes(&loop->request_prefix, sizeof loop->request_prefix);
	loop->counters = aligned_alloc(64, sizeof *loop->counters);
	if (!loop->counters || !buf_reserve(&loop->lines, 1024) || !buf_reserve(&loop->extra, 1024) ||
	    !buf_reserve(&loop->body, 16384))
		return error_set(error, FAULT_MEMORY, "no memory for a loop of the api");
	memset(loop->counters, 0, sizeof *loop->counters);
	return auth_new(&options, &loop->auth, error);
}

static void loop_fini(struct api_loop *loop)
{
	auth_free(loop->auth);
	free(loop->counters);
	buf_fini(&loop->lines);
	buf_fini(&loop->extra);
	buf_fini(&loop->body);
}

static bool make_router(struct api *api)
{
	struct route routes[ROUTES_MAX];
	must(api_route_count <= ROUTES_MAX);
	for (uint32_t i = 0; i < api_route_count; i++)
		routes[i] = api_routes[i].route;
	return router_init(&api->router, routes, api_route_count);
}

static int make_loops(struct api *api, struct error *error)
{
	size_t size = api->options.loops * sizeof *api->loops;
	api->loops = aligned_alloc(_Alignof(struct api_loop), size);
	if (!api->loops)
		return error_set(error, FAULT_MEMORY, "no memory for the api's loops");
	memset(api->loops, 0, size);
	for (uint32_t i = 0; i < api->options.loops; i++) {
		int fault = loop_init(api, &api->loops[i], i, error);
		if (fault)
			return fault;
	}
	return 0;
}

int api_new(const struct api_options *options, struct api **ret, struct error *error)
{
	struct api *api = calloc(1, sizeof *api);
	int fault;
	if (!api)
		return error_set(error, FAULT_MEMORY, "no memory for the api");
	api->options = *options;
	api->views = ledger_views(options->ledger);
	api->eligibility.kind = options->eligibility;
	api->eligibility.percent = options->eligibility_percent;
	api->eligibility.seed = options->eligibility_seed;
	api->eligibility.delay_ms = options->eligibility_delay_ms;
	api_openapi(&api->description);
	if (!make_router(api) || api->description.failed)
		fault = error_set(error, FAULT_MEMORY, "no memory for the api's routes");
	else
		fault = make_loops(api, error);
	if (fault) {
		api_free(api);
		return fault;
	}
	*ret = api;
	return 0;
}

void api_attach_net(struct api *api, struct net *net)
{
	api->options.net = net;
}

void api_drain(struct api *api)
{
	atomic_store(&api->draining, true);
}

void api_free(struct api *api)
{
	if (!api)
		return;
	for (uint32_t i = 0; api->loops && i < api->options.loops; i++)
		loop_fini(&api->loops[i]);
	free(api->loops);
	router_fini(&api->router);
	buf_fini(&api->description);
	free(api);
}

/* ---- a request ---- */

/* 64 random bits of the loop and a counter, in hexadecimal. */
static struct text make_request_id(struct api_loop *loop, char out[24])
{
	static const char digits[] = "0123456789abcdef";
	uint64_t id = loop->request_prefix + loop->request_count++ * UINT64_C(0x9e3779b97f4a7c15);
	out[0] = 'r';
	for (unsigned i = 0; i < 16; i++)
		out[1 + i] = digits[id >> (60 - 4 * i) & 15];
	return (struct text){out, 17};
}

static struct call *call_new(struct api *api, struct exchange *exchange)
{
	struct call *call = exchange_take(exchange, sizeof *call);
	if (!call)
		return NULL;
	memset(call, 0, CALL_CLEARED);
	call->api = api;
	call->loop = &api->loops[exchange->loop];
	call->exchange = exchange;
	call->now = clock_wall();
	if (!request_id_given(exchange, &call->request_id))
		call->request_id = make_request_id(call->loop, call->request_id_made);
	exchange->user = call;
	return call;
}

static void refuse_route(struct call *call, enum router_answer answer)
{
	struct buf allowed = {0};
	if (answer == ROUTER_METHOD) {
		router_allowed(&allowed, call->match.allowed);
		call_header(call, "Allow", buf_as_text(&allowed));
		buf_fini(&allowed);
		call_refuse(call, "method_not_allowed", "See Allow for what can be asked of it.");
	} else if (answer == ROUTER_MALFORMED) {
		call_refuse(call, "malformed", "The path has an escape that is none, or a control byte.");
	} else {
		call_refuse(call, "not_found", "There is nothing at this path. See /openapi.json.");
	}
}

/* Who is asking, before anything is looked at: so that a refusal gives no hint of what exists. */
static bool admit(struct call *call)
{
	struct text bearer;
	enum header_answer header = request_bearer(call->exchange, &bearer);
	enum auth_answer answer = AUTH_BAD;
	if (header == HEADER_GOOD)
		answer = auth_check(call->loop->auth, bearer, call->now.ms / 1000, &call->principal);
	if (answer != AUTH_GOOD) {
		call_refuse(call, "unauthorized",
		            header == HEADER_NONE    ? "Send Authorization: Bearer, with an API key or a buyer token."
		            : answer == AUTH_EXPIRED ? "The token has expired."
		                                     : "The API key or token is not valid.");
		return false;
	}
	if (call->route->may & 1u << call->principal.caller)
		return true;
	call_refuse(call, "forbidden", "The role of this caller may not do this.");
	return false;
}

static void reply_no_memory(struct exchange *exchange)
{
	exchange_reply(exchange, 503,
	               TEXT("Content-Type: application/problem+json\r\nCache-Control: no-store\r\n"
	                    "Retry-After: 1\r\n"),
	               TEXT("{\"type\":\"urn:dibs:problem:overloaded\",\"title\":\"Overloaded\",\"status\":503,"
	                    "\"code\":\"overloaded\",\"detail\":\"No memory for this request now.\"}\n"));
}

void api_handle(void *context, struct exchange *exchange)
{
	struct call *call = call_new(context, exchange);
	if (!call) {
		reply_no_memory(exchange);
		return;
	}
	enum router_answer answer = router_find(&call->api->router, exchange->method, exchange->path, &call->match);
	if (answer != ROUTER_FOUND) {
		refuse_route(call, answer);
		return;
	}
	call->route = &api_routes[call->match.route];
	if (call->route->may == MAY_ANYONE || admit(call))
		call->route->handle(call);
}

void api_round_end(void *context, uint32_t loop)
{
	struct api *api = context;
	loop_flush(&api->loops[loop]);
}

void api_woken(void *context, uint32_t loop)
{
	struct api *api = context;
	struct ask *ask = ledger_collect(api->options.ledger, loop);
	while (ask) {
		struct ask *next = ask->next;
		ask->done(ask);
		ask = next;
	}
	loop_flush(&api->loops[loop]);
}

void api_tick(void *context, uint32_t loop)
{
	struct api *api = context;
	eligibility_tick(&api->loops[loop].checks, clock_mono(), atomic_load(&api->draining));
	loop_flush(&api->loops[loop]);
}

void api_refuse(void *context, int status, const char *code, const char *detail, struct buf *header_lines,
                struct buf *body)
{
	char id[24];
	uint64_t random;
	random_bytes(&random, sizeof random);
	int size = snprintf(id, sizeof id, "r%016llx", (unsigned long long)random);
	if (!code || !problem_code_is_known(code))
		code = problem_code_of_status(status);
	const struct problem problem = {.code = code, .status = status, .detail = detail};
	problem_write(&problem, (struct text){id, (size_t)size}, header_lines, body);
}

void api_on_batch(void *context, uint32_t records, size_t bytes, uint64_t write_ns, uint64_t sync_ns)
{
	struct api *api = context;
	if (!api)
		return;
	size_histogram_add(&api->batches.records, records);
	time_histogram_add(&api->batches.write, write_ns);
	time_histogram_add(&api->batches.sync, sync_ns);
	counter_add(&api->batches.bytes, bytes);
}

int token_make(const char *token_folder, const char *kid, const char *audience, struct text buyer, int64_t expires_s,
               struct buf *ret, struct error *error)
{
	struct token_keys *keys;
	int fault = token_keys_load(token_folder, &keys, error);
	if (fault)
		return fault;
	fault = token_sign(keys, text_of(kid), text_of(audience), buyer, expires_s, ret, error);
	token_keys_free(keys);
	return fault;
}
