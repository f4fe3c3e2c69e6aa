/* One request after another, and what may go wrong in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <pthread.h>

#include "cli/fetch.h"
#include "tiny_server.h"

static struct error error;

struct scene {
	pthread_mutex_t lock; /* the server writes, the test reads */
	int asked;
	char last[1024];
};

static void remember(struct scene *scene, struct text request)
{
	pthread_mutex_lock(&scene->lock);
	snprintf(scene->last, sizeof scene->last, "%.*s", (int)request.size, request.at);
	scene->asked++;
	pthread_mutex_unlock(&scene->lock);
}

static bool was_asked(struct scene *scene, const char *what)
{
	pthread_mutex_lock(&scene->lock);
	bool found = strstr(scene->last, what) != NULL;
	pthread_mutex_unlock(&scene->lock);
	return found;
}

static int count_asked(struct scene *scene)
{
	pthread_mutex_lock(&scene->lock);
	int count = scene->asked;
	pthread_mutex_unlock(&scene->lock);
	return count;
}

static void urls(void **state)
{
	char host[FETCH_HOST_SIZE] = "before";
	uint16_t port = 1;
	assert_int_equal(server_url_parse("http://127.0.0.1:8080", host, &port, &error), 0);
	assert_string_equal(host, "127.0.0.1");
	assert_int_equal(port, 8080);
	assert_int_equal(server_url_parse("http://[::1]:81/", host, &port, &error), 0);
	assert_string_equal(host, "::1");
	assert_int_equal(port, 81);
	assert_int_equal(server_url_parse("http://shop.example", host, &port, &error), 0);
	assert_string_equal(host, "shop.example");
	assert_int_equal(port, 80);
	static const char *const none[] = {"https://shop.example", "127.0.0.1:8080", "http://",
	                                   "http://:80",           "http://host:0",  "http://host:x",
	                                   "http://host/v1",       "http://[::1",    "http://host:65536"};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_int_equal(server_url_parse(none[i], host, &port, &error), FAULT_INVALID);
	assert_string_equal(host, "shop.example");
	assert_int_equal(port, 80);
}

static void says_yes(void *context, struct text request, struct tiny_answer *ret)
{
	remember(context, request);
	tiny_say(ret, 200, "Dibs-Position: 0-9\r\nLink: </v1/next?cursor=abc>; rel=\"next\"\r\n", "{\"ok\":true}");
}

static void it_asks_and_remembers_the_position(void **state)
{
	struct scene scene = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct tiny_server *server = tiny_server_start(says_yes, &scene);
	struct fetch fetch;
	fetch_init(&fetch, "127.0.0.1", tiny_server_port(server), "dibs_admin_x");
	assert_int_equal(fetch_call(&fetch, "PUT", "/v1/drops/a", TEXT("{\"a\":1}"), "key-1", &error), 200);
	assert_true(was_asked(&scene, "PUT /v1/drops/a HTTP/1.1\r\n"));
	assert_true(was_asked(&scene, "Authorization: Bearer dibs_admin_x\r\n"));
	assert_true(was_asked(&scene, "Idempotency-Key: key-1\r\n"));
	assert_true(was_asked(&scene, "Content-Length: 7\r\n"));
	assert_true(was_asked(&scene, "\r\n\r\n{\"a\":1}"));
	assert_false(was_asked(&scene, "Dibs-Position"));
	assert_true(text_is(buf_as_text(&fetch.body), TEXT("{\"ok\":true}")));
	assert_true(text_is(fetch_next(&fetch), TEXT("/v1/next?cursor=abc")));
	assert_int_equal(fetch_call(&fetch, "GET", "/v1/drops/a", TEXT_NONE, NULL, &error), 200);
	assert_true(was_asked(&scene, "Dibs-Position: 0-9\r\n"));
	assert_false(was_asked(&scene, "Content-Length"));
	fetch_fini(&fetch);
	tiny_server_stop(server);
}

static void leaves_after_each(void *context, struct text request, struct tiny_answer *ret)
{
	remember(context, request);
	tiny_say(ret, 200, "", "{}");
	ret->way = TINY_ANSWER_CLOSE; /* without having said so */
}

static void a_kept_connection_that_was_closed_is_opened_again(void **state)
{
	struct scene scene = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct tiny_server *server = tiny_server_start(leaves_after_each, &scene);
	struct fetch fetch;
	fetch_init(&fetch, "127.0.0.1", tiny_server_port(server), NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fetch_call(&fetch, "GET", "/", TEXT_NONE, NULL, &error), 200);
	assert_int_equal(count_asked(&scene), 3);
	fetch_fini(&fetch);
	tiny_server_stop(server);
}

static void hangs_up(void *context, struct text request, struct tiny_answer *ret)
{
	remember(context, request);
	ret->way = TINY_CLOSE;
}

static void no_answer_is_a_fault(void **state)
{
	struct scene scene = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct tiny_server *server = tiny_server_start(hangs_up, &scene);
	struct fetch fetch;
	fetch_init(&fetch, "127.0.0.1", tiny_server_port(server), NULL);
	assert_int_equal(fetch_call(&fetch, "GET", "/", TEXT_NONE, NULL, &error), FAULT_BUSY);
	assert_int_equal(count_asked(&scene), 1);
	tiny_server_stop(server);
	assert_int_equal(fetch_call(&fetch, "GET", "/", TEXT_NONE, NULL, &error), FAULT_NOT_FOUND);
	fetch_fini(&fetch);
}

static void refuses(void *context, struct text request, struct tiny_answer *ret)
{
	remember(context, request);
	tiny_say(ret, 403, "", "{\"code\":\"forbidden\",\"detail\":\"not with this key\"}");
}

static void a_problem_is_an_answer_or_a_fault_with_its_words(void **state)
{
	struct scene scene = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct tiny_server *server = tiny_server_start(refuses, &scene);
	struct fetch fetch;
	fetch_init(&fetch, "127.0.0.1", tiny_server_port(server), NULL);
	assert_int_equal(fetch_call(&fetch, "GET", "/x", TEXT_NONE, NULL, &error), 403);
	assert_int_equal(fetch_done(&fetch, "GET", "/x", TEXT_NONE, NULL, &error), FAULT_INVALID);
	assert_string_equal(error.text, "GET /x: 403 forbidden: not with this key");
	fetch_fini(&fetch);
	tiny_server_stop(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(urls),
	    cmocka_unit_test(it_asks_and_remembers_the_position),
	    cmocka_unit_test(a_kept_connection_that_was_closed_is_opened_again),
	    cmocka_unit_test(no_answer_is_a_fault),
	    cmocka_unit_test(a_problem_is_an_answer_or_a_fault_with_its_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
