/* Requests through the whole house, where it is short of something: memory, room in a ring, room in the pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/render.h"
#include "base/must.h"
#include "core/order_id.h"
#include "follow/follow.h"
#include "http/json.h"
#include "log/memory.h"
#include "stage.h"

#define DROP "{\"skus\":[{\"id\":\"m\",\"stock\":50}],\"hold_seconds\":60}"

static void play(struct stage *stage, const char *request, const char *body, int status)
{
	struct scene scene;
	scene_play(&scene, stage, STAGE_ADMIN, request, body);
	if (scene.status != status)
		fail_msg("%s: %d %s", request, scene.status, scene.body.at);
	scene_fini(&scene);
}

static void open_sale(struct stage *stage, const struct stage_options *options)
{
	stage_open(stage, options);
	play(stage, "PUT /v1/drops/spring", DROP, 201);
	play(stage, "POST /v1/drops/spring/open", "", 200);
}

static int64_t free_units(struct stage *stage)
{
	const struct views *views = ledger_views(stage->ledger);
	struct drop_view drop;
	struct sku_view sku;
	assert_true(views_drop(views, 0, clock_wall(), &drop, 0, 1, &sku));
	return (int64_t)sku.stock - sku.held - sku.sold;
}

static void a_claim_and_its_answer(void **state)
{
	struct stage stage;
	struct scene scene;
	open_sale(&stage, &(struct stage_options){0});
	scene_play(&scene, &stage, STAGE_SHOP, "POST /v1/drops/spring/buyers/anna/orders", "{\"quantity\":2}");
	assert_int_equal(scene.status, 201);
	assert_true(scene_says(&scene, "\"buyer\":\"anna\""));
	assert_true(scene_says(&scene, "\"lines\":[{\"sku\":\"m\",\"quantity\":2}]"));
	assert_true(scene_says(&scene, "Dibs-Position: 0-"));
	assert_true(scene_says(&scene, "Location: /v1/orders/o_"));
	assert_true(json_is_document((struct text){scene.body.at, scene.body.size - 1}));
	assert_int_equal(free_units(&stage), 48);
	scene_fini(&scene);
	stage_close(&stage);
}

/* Every request that there is, made again and again with one more allocation that succeeds, until it comes through. */
static const struct {
	const char *key, *request, *body;
	int status;
} requests[] = {
    {STAGE_SHOP, "POST /v1/drops/spring/buyers/anna/orders", "{\"lines\":[{\"sku\":\"m\"}]}", 201},
    {STAGE_SHOP, "POST /v1/drops/spring/buyers/anna/orders", "", 201},
    {STAGE_SHOP, "GET /v1/drops/spring/orders?limit=1", "", 200},
    {STAGE_SHOP, "GET /v1/drops/spring/stats", "", 200},
    {STAGE_SHOP, "GET /v1/orders/o_0000000000001", "", 404},
    {STAGE_SHOP, "POST /v1/orders/o_0000000000001/confirm", "{\"payment_ref\":\"p\"}", 404},
    {STAGE_ADMIN, "PUT /v1/drops/spring", DROP, 200},
    {STAGE_ADMIN, "POST /v1/drops/spring/closing", "{\"closes_at\":null}", 200},
    {STAGE_ADMIN, "POST /v1/keys", "{\"role\":\"viewer\"}", 201},
    {STAGE_ADMIN, "GET /v1/keys", "", 200},
    {NULL, "GET /v1/drops", "", 200},
    {NULL, "GET /metrics", "", 200},
    {NULL, "GET /nowhere", "", 404},
};

static void out_of_memory_at_every_place_is_503_and_does_nothing(void **state)
{
	struct stage stage;
	open_sale(&stage, &(struct stage_options){0});
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		int64_t before = free_units(&stage);
		for (uint32_t place = 1;; place++) {
			struct scene scene;
			stage.fail_alloc_in = place;
			scene_play(&scene, &stage, requests[i].key, requests[i].request, requests[i].body);
			bool came_through = stage.fail_alloc_in != 0;
			stage.fail_alloc_in = 0;
			int status = scene.status;
			if (!came_through)
				assert_true(scene_says(&scene, "\"code\":\"overloaded\"") &&
				            scene_says(&scene, "Retry-After: 1"));
			scene_fini(&scene);
			if (came_through) {
				assert_true(place > 1);
				assert_int_equal(status, requests[i].status);
				break;
			}
			assert_int_equal(status, 503);
			assert_int_equal(free_units(&stage), before);
			assert_true(place < 20);
		}
	}
	stage_close(&stage);
}

/* More asks in one round than the ring has room for: the first ones are taken, the rest hear so, nothing is lost. */
static void what_the_ring_does_not_take_is_overloaded(void **state)
{
	enum { CROWD = 200, RING = 64 };
	static struct scene scenes[CROWD];
	struct stage stage;
	open_sale(&stage, &(struct stage_options){.ring_size = RING});
	for (int i = 0; i < CROWD; i++) {
		char request[80];
		snprintf(request, sizeof request, "POST /v1/drops/spring/buyers/b%d/orders", i);
		scene_begin(&scenes[i], &stage, request, "Authorization: Bearer " STAGE_SHOP "\n", "");
		assert_int_equal(scenes[i].status, 0);
	}
	int granted = 0, refused = 0, overloaded = 0;
	for (int i = 0; i < CROWD; i++) {
		scene_end(&scenes[i]);
		granted += scenes[i].status == 201;
		refused += scenes[i].status == 409;
		overloaded += scenes[i].status == 503;
		if (overloaded) {
			assert_int_equal(scenes[i].status, 503); /* first come, first served */
			assert_true(scene_says(&scenes[i], "\"setting\":\"ring-size\""));
		}
		scene_fini(&scenes[i]);
	}
	assert_int_equal(granted, 50);
	assert_true(granted + refused >= RING / 2);
	assert_true(overloaded >= CROWD - 2 * RING);
	assert_int_equal(granted + refused + overloaded, CROWD);
	assert_int_equal(free_units(&stage), 0);
	stage_close(&stage);
}

static void a_full_pool_is_overloaded_for_readers_alone(void **state)
{
	struct stage stage;
	open_sale(&stage, &(struct stage_options){0});
	stage.pool_is_full = true;
	play(&stage, "GET /v1/drops/spring/orders", "", 503);
	play(&stage, "GET /v1/drops/spring/stats", "", 503);
	play(&stage, "POST /v1/drops/spring/buyers/anna/orders", "", 201);
	play(&stage, "GET /v1/drops/spring", "", 200);
	stage.pool_is_full = false;
	play(&stage, "GET /v1/drops/spring/orders", "", 200);
	stage_close(&stage);
}

static void play_order(struct stage *stage, uint64_t order, const char *what, int status, const char *says)
{
	struct scene scene;
	char id[ORDER_ID_SIZE], request[96];
	order_id_format(0, order, id);
	snprintf(request, sizeof request, "POST /v1/orders/%.15s/%s", id, what);
	scene_play(&scene, stage, STAGE_ADMIN, request,
	           *what == 'c' && what[1] == 'o' ? "{\"payment_ref\":\"p\"}" : "");
	if (scene.status != status || !scene_says(&scene, says))
		fail_msg("%s: %d %s", request, scene.status, scene.body.at);
	scene_fini(&scene);
}

/* The story: after a restart the buyer's text comes from the read model. The pool was full of readers, and a
 * cancellation that stood in the log was answered as "overloaded", which says that nothing has happened. */
static void what_has_happened_and_cannot_be_told_is_an_unknown_outcome(void **state)
{
	struct stage stage;
	open_sale(&stage, &(struct stage_options){0});
	uint64_t before = views_position(ledger_views(stage.ledger));
	play(&stage, "POST /v1/drops/spring/buyers/anna/orders", "", 201);
	play(&stage, "POST /v1/drops/spring/buyers/bert/orders", "", 201);
	stage_restart(&stage);
	stage.pool_is_full = true;
	play_order(&stage, before + 1, "cancel", 503, "\"code\":\"unknown_outcome\"");
	play_order(&stage, before + 2, "confirm", 503, "\"code\":\"unknown_outcome\"");
	stage.pool_is_full = false;
	assert_int_equal(free_units(&stage), 49);
	play_order(&stage, before + 1, "cancel", 200, "\"status\":\"canceled\"");
	play_order(&stage, before + 2, "confirm", 200, "\"status\":\"completed\"");
	stage_close(&stage);
}

struct looking {
	const struct views *views;
	_Atomic bool stop, torn;
	uint64_t looks;
};

static long long number_after(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	assert_non_null(at);
	return strtoll(at + strlen(name), NULL, 10);
}

static void *look_on(void *argument)
{
	struct looking *looking = argument;
	struct buf out = {0};
	while (!atomic_load(&looking->stop)) {
		buf_clear(&out);
		must(render_drop(&out, looking->views, 0, (struct wall_ms){0}, true));
		buf_put(&out, "", 1);
		if (number_after(out.at, "\"granted\":") != number_after(out.at, "\"held\":"))
			atomic_store(&looking->torn, true);
		looking->looks++;
	}
	buf_fini(&out);
	return NULL;
}

/* The story: the head of a drop was read, then its SKUs; a grant in between stood in the units and not in `granted`. */
static void a_drop_is_shown_as_it_was_at_one_moment(void **state)
{
	enum { CLAIMS = 600 };
	struct stage stage;
	pthread_t thread;
	stage_open(&stage, &(struct stage_options){0});
	play(&stage, "PUT /v1/drops/spring", "{\"skus\":[{\"id\":\"m\",\"stock\":1000}],\"hold_seconds\":60}", 201);
	play(&stage, "POST /v1/drops/spring/open", "", 200);
	struct looking looking = {.views = ledger_views(stage.ledger)};
	assert_int_equal(pthread_create(&thread, NULL, look_on, &looking), 0);
	for (int i = 0; i < CLAIMS; i++)
		play(&stage, "POST /v1/drops/spring/buyers/anna/orders", "", 201);
	atomic_store(&looking.stop, true);
	pthread_join(thread, NULL);
	assert_true(looking.looks > 0);
	assert_false(looking.torn);
	stage_close(&stage);
}

static void a_log_without_room_takes_no_claims_but_payments(void **state)
{
	struct stage stage;
	struct scene scene;
	char request[64];
	open_sale(&stage, &(struct stage_options){0});
	scene_play(&scene, &stage, STAGE_SHOP, "POST /v1/drops/spring/buyers/anna/orders", "");
	snprintf(request, sizeof request, "POST /v1/orders/%.15s/confirm", strstr(scene.body.at, "o_"));
	scene_fini(&scene);
	memory_log_set_faults(stage.log, &(struct memory_log_faults){.room = LOG_ROOM_RESERVE});
	scene_play(&scene, &stage, STAGE_SHOP, "POST /v1/drops/spring/buyers/ben/orders", "");
	assert_int_equal(scene.status, 503);
	assert_true(scene_says(&scene, "log_unavailable") && scene_says(&scene, "Retry-After"));
	scene_fini(&scene);
	scene_play(&scene, &stage, STAGE_SHOP, request, "{\"payment_ref\":\"p\"}");
	assert_int_equal(scene.status, 200);
	scene_fini(&scene);
	memory_log_set_faults(stage.log, &(struct memory_log_faults){.room = LOG_ROOM_ALL});
	play(&stage, "POST /v1/drops/spring/buyers/ben/orders", "", 201);
	stage_close(&stage);
}

static void a_client_that_left_is_still_granted_and_the_answer_goes_nowhere(void **state)
{
	struct stage stage;
	struct scene scene;
	open_sale(&stage, &(struct stage_options){0});
	scene_begin(&scene, &stage, "POST /v1/drops/spring/buyers/anna/orders",
	            "Authorization: Bearer " STAGE_SHOP "\nIdempotency-Key: k\n", "");
	scene.exchange.gone = true;
	scene_end(&scene);
	assert_int_equal(scene.status, 201);
	scene_fini(&scene);
	scene_begin(&scene, &stage, "POST /v1/drops/spring/buyers/anna/orders",
	            "Authorization: Bearer " STAGE_SHOP "\nIdempotency-Key: k\n", "");
	scene_end(&scene);
	assert_int_equal(scene.status, 201);
	assert_true(scene_says(&scene, "Idempotency-Replayed: true"));
	assert_int_equal(free_units(&stage), 49);
	scene_fini(&scene);
	stage_close(&stage);
}

static void a_check_that_is_unfinished_at_a_stop_answers_503(void **state)
{
	struct stage stage;
	struct scene scene;
	open_sale(&stage, &(struct stage_options){.eligibility = ELIGIBILITY_SIMULATED, .eligibility_delay_ms = 60000});
	uint64_t durable = log_durable(stage.log);
	scene_begin(&scene, &stage, "POST /v1/drops/spring/buyers/anna/orders",
	            "Authorization: Bearer " STAGE_SHOP "\n", "");
	api_round_end(stage.api, 0);
	for (int i = 0; i < 400; i++) {
		usleep(50);
		api_woken(stage.api, 0);
		api_tick(stage.api, 0);
	}
	assert_int_equal(scene.status, 0);
	api_drain(stage.api);
	api_tick(stage.api, 0);
	assert_int_equal(scene.status, 503);
	assert_true(scene_says(&scene, "overloaded"));
	assert_int_equal(log_durable(stage.log), durable);
	scene_fini(&scene);
	play(&stage, "GET /readyz", "", 503);
	play(&stage, "GET /livez", "", 200);
	stage_close(&stage);
}

/* ---- a read model that is thrown away during a reading ---- */

static struct stage *reading;
static struct store_ops sound;
static _Atomic bool damaged;
static bool paused;

static int begin_unless_damaged(struct store *store, struct error *error)
{
	return damaged ? error_set(error, FAULT_DAMAGED, "the test's damage") : sound.begin(store, error);
}

static int renew_later(struct store *store, bool keep, struct error *error)
{
	return error_set(error, FAULT_IO, "not while the test runs");
}

static void note_paused(struct ask *ask)
{
	paused = true;
}

/* The story: an operator's answer shows the drop. The drop had changed after the answer was decided, and the position
 * that came with it was the older one: sent back, it let a list be older than what had been seen. */
static void an_answer_shows_nothing_newer_than_its_position(void **state)
{
	struct stage stage;
	struct scene scene;
	char position[40];
	open_sale(&stage, &(struct stage_options){0});
	const struct views *views = ledger_views(stage.ledger);
	uint64_t before = views_position(views);
	struct ask pause = {
	    .kind = ASK_DROP_PAUSE, .drop = TEXT("spring"), .actor = TEXT("stage"), .done = note_paused};
	scene_begin(&scene, &stage, "POST /v1/drops/spring/open", "Authorization: Bearer " STAGE_ADMIN "\n", "");
	api_round_end(stage.api, 0);
	assert_int_equal(ledger_submit(stage.ledger, 0, &pause, 1), 1);
	for (int i = 0; i < 100000 && views_position(views) == before; i++)
		usleep(100);
	scene_end(&scene);
	snprintf(position, sizeof position, "Dibs-Position: 0-%llu\r\n", (unsigned long long)before + 1);
	assert_true(scene_says(&scene, "\"state\":\"paused\""));
	assert_true(scene_says(&scene, position));
	scene_fini(&scene);
	stage_close(&stage);
	paused = false;
}

/* The next record has the follower find the damage; whoever reads on then reads an empty store. */
static int order_of_a_store_thrown_away(struct store *store, uint64_t sequence, store_order_fn *each, void *context,
                                        struct error *error)
{
	static struct ask pause;
	if (!damaged) {
		pause = (struct ask){
		    .kind = ASK_DROP_PAUSE, .drop = TEXT("spring"), .actor = TEXT("stage"), .done = note_paused};
		damaged = true;
		assert_int_equal(ledger_submit(reading->ledger, 0, &pause, 1), 1);
		for (int i = 0; i < 100000 && follower_position(reading->follower) > 0; i++)
			usleep(100);
	}
	return 0;
}

static void throw_away_while_read(struct store_ops *ops)
{
	sound = *ops;
	ops->begin = begin_unless_damaged;
	ops->renew = renew_later;
	ops->order = order_of_a_store_thrown_away;
}

/* The story: the reader had waited for the position, and then read the store that had just been made anew: "there is no
 * such order", or "this key has none", which is a second order for the key. */
static void what_is_not_found_in_a_store_thrown_away_meanwhile_is_not_said(void **state)
{
	struct stage stage;
	struct scene scene;
	char order[ORDER_ID_SIZE], request[64];
	reading = &stage;
	open_sale(&stage, &(struct stage_options){.change_store = throw_away_while_read});
	order_id_format(0, 1, order);
	snprintf(request, sizeof request, "GET /v1/orders/%.15s", order);
	scene_play(&scene, &stage, STAGE_ADMIN, request, "");
	assert_int_equal(follower_position(stage.follower), 0);
	assert_int_equal(scene.status, 503);
	assert_true(scene_says(&scene, "overloaded"));
	scene_fini(&scene);
	for (int i = 0; i < 100000 && !paused; i++) {
		api_woken(stage.api, 0);
		usleep(100);
	}
	assert_true(paused);
	stage_close(&stage);
}

static void a_refusal_of_the_parser_is_a_problem_too(void **state)
{
	struct buf lines = {0}, body = {0};
	api_refuse(NULL, 431, NULL, "Too many headers.", &lines, &body);
	assert_true(json_is_document(buf_as_text(&body)));
	buf_put(&body, "", 1);
	assert_non_null(strstr(body.at, "\"code\":\"headers_too_large\""));
	assert_non_null(strstr(body.at, "\"request_id\":\"r"));
	buf_clear(&body);
	api_refuse(NULL, 413, "too_large", "x", &lines, &body);
	buf_put(&body, "", 1);
	assert_non_null(strstr(body.at, "\"status\":413,\"code\":\"too_large\""));
	buf_clear(&body);
	/* once it had no row in problem.def, and who spoke HTTP/2 was told that something went wrong inside */
	api_refuse(NULL, 505, "version_not_supported", "x", &lines, &body);
	buf_put(&body, "", 1);
	assert_non_null(strstr(body.at, "\"status\":505,\"code\":\"version_not_supported\""));
	buf_fini(&lines);
	buf_fini(&body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_claim_and_its_answer),
	    cmocka_unit_test(out_of_memory_at_every_place_is_503_and_does_nothing),
	    cmocka_unit_test(what_the_ring_does_not_take_is_overloaded),
	    cmocka_unit_test(a_full_pool_is_overloaded_for_readers_alone),
	    cmocka_unit_test(what_has_happened_and_cannot_be_told_is_an_unknown_outcome),
	    cmocka_unit_test(a_drop_is_shown_as_it_was_at_one_moment),
	    cmocka_unit_test(a_log_without_room_takes_no_claims_but_payments),
	    cmocka_unit_test(a_client_that_left_is_still_granted_and_the_answer_goes_nowhere),
	    cmocka_unit_test(a_check_that_is_unfinished_at_a_stop_answers_503),
	    cmocka_unit_test(an_answer_shows_nothing_newer_than_its_position),
	    cmocka_unit_test(what_is_not_found_in_a_store_thrown_away_meanwhile_is_not_said),
	    cmocka_unit_test(a_refusal_of_the_parser_is_a_problem_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
