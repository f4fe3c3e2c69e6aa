/* Which route a path means, and what is no path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/router.h"

static const struct route routes[] = {
    {METHOD_POST, "/v1/drops/{drop}/buyers/{buyer}/orders"},
    {METHOD_GET, "/v1/drops/{drop}/buyers/{buyer}/orders"},
    {METHOD_GET, "/v1/drops/{drop}"},
    {METHOD_PUT, "/v1/drops/{drop}"},
    {METHOD_GET, "/v1/drops"},
    {METHOD_DELETE, "/v1/keys/{key}"},
    {METHOD_GET, "/livez"},
};

static struct router router;

static int make(void **state)
{
	return router_init(&router, routes, sizeof routes / sizeof *routes) ? 0 : -1;
}

static int unmake(void **state)
{
	router_fini(&router);
	return 0;
}

static void every_route_finds_itself(void **state)
{
	for (uint32_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		struct router_match match;
		assert_int_equal(router_find(&router, routes[i].method, text_of(routes[i].pattern), &match),
		                 ROUTER_FOUND);
		assert_int_equal(match.route, i);
	}
}

static void parameters_in_their_order(void **state)
{
	struct router_match match;
	assert_int_equal(router_find(&router, METHOD_POST, TEXT("/v1/drops/spring/buyers/anna/orders"), &match),
	                 ROUTER_FOUND);
	assert_int_equal(match.parameter_count, 2);
	assert_true(text_is(match.parameter[0], TEXT("spring")));
	assert_true(text_is(match.parameter[1], TEXT("anna")));
}

static void escapes_are_decoded_once_and_segments_stay_apart(void **state)
{
	struct router_match match;
	assert_int_equal(router_find(&router, METHOD_GET, TEXT("/v1/dr%6Fps/a%2fb%25%20"), &match), ROUTER_FOUND);
	assert_int_equal(match.route, 2);
	assert_true(text_is(match.parameter[0], TEXT("a/b% ")));
	assert_int_equal(router_find(&router, METHOD_GET, TEXT("/v1/drops%2Fa"), &match), ROUTER_UNKNOWN);
}

static void head_is_answered_by_get(void **state)
{
	struct router_match match;
	assert_int_equal(router_find(&router, METHOD_HEAD, TEXT("/livez"), &match), ROUTER_FOUND);
	assert_int_equal(router_find(&router, METHOD_HEAD, TEXT("/v1/keys/k"), &match), ROUTER_METHOD);
}

static void another_method_is_told_from_no_path(void **state)
{
	struct router_match match;
	struct buf allowed = {0};
	assert_int_equal(router_find(&router, METHOD_POST, TEXT("/v1/drops/a"), &match), ROUTER_METHOD);
	router_allowed(&allowed, match.allowed);
	assert_true(text_is(buf_as_text(&allowed), TEXT("GET, HEAD, PUT")));
	assert_int_equal(router_find(&router, METHOD_OTHER, TEXT("/livez"), &match), ROUTER_METHOD);
	assert_int_equal(router_find(&router, METHOD_OPTIONS, TEXT("/livez"), &match), ROUTER_METHOD);
	buf_fini(&allowed);
}

static void what_is_nowhere(void **state)
{
	static const char *const paths[] = {"",
	                                    "/",
	                                    "*",
	                                    "livez",
	                                    "/livez/",
	                                    "//livez",
	                                    "/LIVEZ",
	                                    "/v1",
	                                    "/v1/drops/",
	                                    "/v1//drops",
	                                    "/v1/drops/a/b",
	                                    "/v1/drops/a/buyers//orders",
	                                    "/livez/../livez",
	                                    "/a/b/c/d/e/f/g/h/i",
	                                    "/v1/drops/a/buyers/b/orders/c/d/e/f"};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct router_match match;
		assert_int_equal(router_find(&router, METHOD_GET, text_of(paths[i]), &match), ROUTER_UNKNOWN);
	}
}

static void escapes_that_are_none(void **state)
{
	static const char *const paths[] = {"/v1/drops/%",   "/v1/drops/a%4",   "/v1/drops/%zz", "/v1/drops/%0g",
	                                    "/v1/drops/%00", "/v1/drops/a%0Ab", "/v1/drops/%7F"};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct router_match match;
		assert_int_equal(router_find(&router, METHOD_GET, text_of(paths[i]), &match), ROUTER_MALFORMED);
	}
}

static void what_is_decoded_has_a_bound(void **state)
{
	struct buf path = {0};
	struct router_match match;
	buf_str(&path, "/v1/drops/%41");
	for (size_t i = 1; i < PATH_DECODED_MAX; i++)
		buf_put(&path, "a", 1);
	assert_int_equal(router_find(&router, METHOD_GET, buf_as_text(&path), &match), ROUTER_FOUND);
	assert_int_equal(match.parameter[0].size, PATH_DECODED_MAX);
	buf_put(&path, "a", 1);
	assert_int_equal(router_find(&router, METHOD_GET, buf_as_text(&path), &match), ROUTER_MALFORMED);
	buf_fini(&path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_route_finds_itself),
	    cmocka_unit_test(parameters_in_their_order),
	    cmocka_unit_test(escapes_are_decoded_once_and_segments_stay_apart),
	    cmocka_unit_test(head_is_answered_by_get),
	    cmocka_unit_test(another_method_is_told_from_no_path),
	    cmocka_unit_test(what_is_nowhere),
	    cmocka_unit_test(escapes_that_are_none),
	    cmocka_unit_test(what_is_decoded_has_a_bound),
	};
	return cmocka_run_group_tests(tests, make, unmake);
}
