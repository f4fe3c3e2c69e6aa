#include "stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "base/must.h"
#include "follow/follow.h"
#include "log/disk_memory.h"
#include "log/memory.h"

#define LIMITS ((struct core_limits){.drops = 16, .skus = 512, .orders = 1024, .lines = 256, .api_keys = 16})

/* ---- the double of net ---- */

static struct scene *scene_of(struct exchange *exchange)
{
	return (struct scene *)exchange;
}

bool header_is(struct text name, struct text lower_case)
{
	return name.size == lower_case.size && strncasecmp(name.at, lower_case.at, name.size) == 0;
}

struct text exchange_header(const struct exchange *exchange, struct text name)
{
	for (uint32_t i = 0; i < exchange->header_count; i++)
		if (header_is(exchange->headers[i].name, name))
			return exchange->headers[i].value;
	return TEXT_NONE;
}

/* Full of what nobody may rely on. */
void *exchange_take(struct exchange *exchange, size_t size)
{
	struct scene *scene = scene_of(exchange);
	if (scene->stage->fail_alloc_in && --scene->stage->fail_alloc_in == 0)
		return NULL;
	must(scene->status == 0 && scene->memory_count < 256);
	void *memory = malloc(size + 1);
	must(memory);
	return scene->memory[scene->memory_count++] = memset(memory, 0xa5, size + 1);
}

void *exchange_alloc(struct exchange *exchange, size_t size)
{
	void *memory = exchange_take(exchange, size);
	return memory ? memset(memory, 0, size) : NULL;
}

void exchange_reply(struct exchange *exchange, int status, struct text header_lines, struct text body)
{
	struct scene *scene = scene_of(exchange);
	must(scene->status == 0 && status >= 200);
	scene->status = status;
	buf_text(&scene->lines, header_lines);
	buf_put(&scene->lines, "", 1);
	buf_text(&scene->body, body);
	buf_put(&scene->body, "", 1);
	for (uint32_t i = 0; i < scene->memory_count; i++)
		free(scene->memory[i]); /* so that a use after the reply is seen */
	scene->memory_count = 0;
}

bool net_work(struct exchange *exchange, void (*work)(void *argument), void (*done)(void *argument), void *argument)
{
	if (scene_of(exchange)->stage->pool_is_full)
		return false;
	work(argument);
	done(argument);
	return true;
}

bool net_is_draining(const struct net *net)
{
	return false;
}

void net_statistics(struct net *net, struct net_statistics *ret)
{
	*ret = (struct net_statistics){.accepted = 1};
}

/* ---- the house ---- */

static void wake_loop(void *context, uint32_t loop)
{
	/* a scene looks by itself */
}

static void failed(void *context, const struct error *error)
{
	fprintf(stderr, "the stage fell down: %s\n", error->text);
	abort();
}

static void await(struct stage *stage, bool (*there)(struct stage *stage))
{
	for (int i = 0; i < 100000 && !there(stage); i++)
		usleep(100);
	must(there(stage));
}

static bool is_ready(struct stage *stage)
{
	return ledger_ready(stage->ledger);
}

static void count_answer(struct ask *ask)
{
	must(verdict_row(ask->answer.verdict)->status == 200);
	*(bool *)ask->context = true;
}

/* Before there is an api: the key is made as cli makes the first one. */
static void add_key(struct stage *stage, const char *text, enum role role)
{
	bool done = false;
	struct ask ask = {.kind = ASK_KEY_CREATE, .actor = TEXT("stage"), .done = count_answer, .context = &done};
	ask.key_id = text_of(role == ROLE_ADMIN ? "k_admin" : "k_shop");
	ask.key_name = text_of("stage");
	ask.key_role = role;
	blake2b256(ask.key_hash, text, strlen(text));
	must(ledger_submit(stage->ledger, 0, &ask, 1) == 1);
	for (int i = 0; i < 100000 && !done; i++) {
		struct ask *answered = ledger_collect(stage->ledger, 0);
		if (answered)
			answered->done(answered);
		usleep(100);
	}
	must(done);
}

static void start_ledger(struct stage *stage, const struct stage_options *options)
{
	const struct ledger_thread_options of = {.limits = LIMITS,
	                                         .loops = 1,
	                                         .ring_size = options->ring_size ? options->ring_size : 64,
	                                         .waiting_max = 1024,
	                                         .claim_timeout_ms = 10000,
	                                         .eligibility = options->eligibility != ELIGIBILITY_NONE,
	                                         .wake_loop = wake_loop,
	                                         .failed = failed};
	must(ledger_start(stage->core, stage->log, &of, &stage->ledger, NULL) == 0);
	await(stage, is_ready);
}

static void start_follower(struct stage *stage)
{
	const struct follower_options of = {.disk = stage->disk,
	                                    .log = stage->log,
	                                    .store = stage->store,
	                                    .limits = LIMITS,
	                                    .keep_priority = true,
	                                    .failed = failed};
	must(follower_start(&of, &stage->follower, NULL) == 0);
}

static void start_api(struct stage *stage, const struct stage_options *options)
{
	const struct api_options of = {.ledger = stage->ledger,
	                               .log = stage->log,
	                               .store = stage->store,
	                               .follower = stage->follower,
	                               .loops = 1,
	                               .token_audience = "dibs",
	                               .eligibility = options->eligibility,
	                               .eligibility_percent = options->eligibility_percent,
	                               .eligibility_delay_ms = options->eligibility_delay_ms};
	must(api_new(&of, &stage->api, NULL) == 0);
}

void stage_open(struct stage *stage, const struct stage_options *options)
{
	digest_init();
	*stage = (struct stage){.disk = disk_memory_new(), .log = memory_log_new()};
	must(core_new(&LIMITS, &stage->core, NULL) == 0);
	must(store_sqlite_open(":memory:", false, &stage->store, NULL) == 0);
	stage->store_ops = *stage->store->ops;
	if (options->change_store) {
		options->change_store(&stage->store_ops);
		stage->store->ops = &stage->store_ops;
	}
	start_ledger(stage, options);
	add_key(stage, STAGE_ADMIN, ROLE_ADMIN);
	add_key(stage, STAGE_SHOP, ROLE_SHOP);
	start_follower(stage);
	start_api(stage, options);
}

void stage_restart(struct stage *stage)
{
	const struct stage_options options = {0};
	api_free(stage->api);
	ledger_stop(stage->ledger);
	start_ledger(stage, &options);
	start_api(stage, &options);
}

void stage_close(struct stage *stage)
{
	ledger_stop(stage->ledger);
	follower_stop(stage->follower, false);
	api_free(stage->api);
	stage->store->ops->close(stage->store);
	log_close(stage->log);
	core_free(stage->core);
	stage->disk->ops->done(stage->disk);
}

/* ---- scenes ---- */

static enum method method_of(struct text name)
{
	static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"};
	for (int i = 0; i < METHOD_OTHER; i++)
		if (text_is(text_of(names[i]), name))
			return (enum method)i;
	return METHOD_OTHER;
}

static void set_target(struct exchange *exchange, const char *request)
{
	const char *path = strchr(request, ' ') + 1, *query = strchr(path, '?');
	exchange->method_name = (struct text){request, (size_t)(path - 1 - request)};
	exchange->method = method_of(exchange->method_name);
	exchange->path = (struct text){path, query ? (size_t)(query - path) : strlen(path)};
	exchange->query = query ? text_of(query + 1) : TEXT_NONE;
}

static void set_headers(struct scene *scene, const char *lines)
{
	while (*lines) {
		const char *colon = strchr(lines, ':'), *end = strchr(lines, '\n');
		struct header *header = &scene->headers[scene->exchange.header_count++];
		header->name = (struct text){lines, (size_t)(colon - lines)};
		header->value = (struct text){colon + 2, (size_t)(end - colon - 2)};
		lines = end + 1;
	}
	scene->exchange.headers = scene->headers;
}

void scene_begin(struct scene *scene, struct stage *stage, const char *request, const char *headers, const char *body)
{
	*scene = (struct scene){.stage = stage};
	must(snprintf(scene->request, sizeof scene->request, "%s", request) < (int)sizeof scene->request);
	set_target(&scene->exchange, scene->request);
	set_headers(scene, headers);
	scene->exchange.body = text_of(body);
	scene->exchange.received = clock_mono();
	scene->exchange.connection_user = scene->connection_user;
	api_handle(stage->api, &scene->exchange);
}

void scene_end(struct scene *scene)
{
	api_round_end(scene->stage->api, 0);
	for (int i = 0; i < 100000 && scene->status == 0; i++) {
		usleep(50);
		api_woken(scene->stage->api, 0);
	}
	must(scene->status);
}

void scene_fini(struct scene *scene)
{
	buf_fini(&scene->lines);
	buf_fini(&scene->body);
}

void scene_play(struct scene *scene, struct stage *stage, const char *key, const char *request, const char *body)
{
	char headers[256] = "";
	if (key)
		snprintf(headers, sizeof headers, "Authorization: Bearer %s\n", key);
	scene_begin(scene, stage, request, headers, body);
	scene_end(scene);
}

bool scene_says(const struct scene *scene, const char *what)
{
	return strstr(scene->body.at, what) || strstr(scene->lines.at, what);
}
