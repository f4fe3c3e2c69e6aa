/* The description: every route is in it, and every code that an answer may have is described. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <jansson.h>

#include "api/routes.h"

static json_t *document;

static int read_document(void **state)
{
	struct buf text = {0};
	api_openapi(&text);
	document = json_loadb(text.at, text.size, JSON_REJECT_DUPLICATES, NULL);
	buf_fini(&text);
	return document ? 0 : -1;
}

static int free_document(void **state)
{
	json_decref(document);
	return 0;
}

static json_t *operation_of(const struct route *route)
{
	static const char *const lower[] = {"get", "head", "post", "put", "delete"};
	json_t *path = json_object_get(json_object_get(document, "paths"), route->pattern);
	return json_object_get(path, lower[route->method]);
}

static void every_route_has_an_operation_of_its_name(void **state)
{
	size_t operations = 0;
	const char *pattern;
	json_t *path;
	for (uint32_t i = 0; i < api_route_count; i++) {
		json_t *operation = operation_of(&api_routes[i].route);
		assert_non_null(operation);
		assert_string_equal(json_string_value(json_object_get(operation, "operationId")), api_routes[i].name);
		assert_true(json_string_length(json_object_get(operation, "summary")) > 0);
	}
	json_object_foreach(json_object_get(document, "paths"), pattern, path) operations += json_object_size(path);
	assert_int_equal(operations, api_route_count);
}

static void every_code_of_a_route_is_described_under_its_status(void **state)
{
	for (uint32_t i = 0; i < api_route_count; i++) {
		json_t *responses = json_object_get(operation_of(&api_routes[i].route), "responses");
		const char *at = api_routes[i].problems;
		while (*at) {
			char code[40] = "", quoted[44], status[4];
			size_t size = strcspn(at, " ");
			memcpy(code, at, size);
			at += size + strspn(at + size, " ");
			snprintf(quoted, sizeof quoted, "`%s`", code);
			snprintf(status, sizeof status, "%d", problem_row(code)->status);
			const char *said =
			    json_string_value(json_object_get(json_object_get(responses, status), "description"));
			assert_non_null(said);
			assert_non_null(strstr(said, quoted));
		}
		assert_non_null(json_object_get(responses, "503"));
		assert_int_equal(json_object_get(responses, "401") != NULL, api_routes[i].may != 0);
	}
}

static void what_is_referred_to_is_there(const json_t *node)
{
	const json_t *schemas = json_object_get(json_object_get(document, "components"), "schemas");
	const char *name, *to = json_string_value(json_object_get(node, "$ref"));
	json_t *child;
	size_t index;
	if (to)
		assert_non_null(json_object_get(schemas, strrchr(to, '/') + 1));
	json_object_foreach((json_t *)node, name, child) what_is_referred_to_is_there(child);
	json_array_foreach(node, index, child) what_is_referred_to_is_there(child);
}

static void every_reference_leads_somewhere(void **state)
{
	what_is_referred_to_is_there(document);
}

static void every_code_of_a_verdict_is_one_of_a_problem(void **state)
{
#define V(name, number, http_status, problem_code, sentence) \
	if ((problem_code)[0]) { \
		assert_true(problem_code_is_known(problem_code)); \
		assert_int_equal(problem_row(problem_code)->status, http_status); \
	}
#include "core/verdict.def"
#undef V
}

static void a_body_is_described_as_it_is_read(void **state)
{
	json_t *schemas = json_object_get(json_object_get(document, "components"), "schemas");
	for (uint32_t i = 0; i < api_route_count; i++) {
		const struct shape *shape = api_routes[i].body;
		if (!shape)
			continue;
		json_t *schema = json_object_get(schemas, shape->name);
		assert_non_null(schema);
		assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
		assert_int_equal(json_object_size(json_object_get(schema, "properties")), shape->field_count);
	}
}

static void public_routes_ask_for_no_credential(void **state)
{
	static const char *const open[] = {"get_drop", "list_drops", "livez", "readyz", "metrics", "openapi"};
	uint32_t found = 0;
	for (uint32_t i = 0; i < api_route_count; i++) {
		bool is_open = false;
		for (size_t j = 0; j < sizeof open / sizeof *open; j++)
			is_open = is_open || strcmp(open[j], api_routes[i].name) == 0;
		assert_int_equal(is_open, api_routes[i].may == MAY_ANYONE);
		found += is_open;
	}
	assert_int_equal(found, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_route_has_an_operation_of_its_name),
	    cmocka_unit_test(every_code_of_a_route_is_described_under_its_status),
	    cmocka_unit_test(every_reference_leads_somewhere),
	    cmocka_unit_test(every_code_of_a_verdict_is_one_of_a_problem),
	    cmocka_unit_test(a_body_is_described_as_it_is_read),
	    cmocka_unit_test(public_routes_ask_for_no_credential),
	};
	return cmocka_run_group_tests(tests, read_document, free_document);
}
