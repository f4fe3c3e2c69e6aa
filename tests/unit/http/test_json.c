/* Bodies are read by a table of fields: what it does not name, or not so, is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/json.h"
#include "http/limits.h"

struct line {
	struct text sku;
	int64_t quantity;
};

struct body {
	struct text title;
	int64_t limit;
	struct wall_ms opens_at;
	bool instant;
	struct shape_list lines, names;
};

static const struct field line_fields[] = {
    {.name = "sku", .kind = FIELD_TEXT, .required = true, .min = 1, .max = 4, .is = text_is_id},
    {.name = "quantity", .kind = FIELD_INTEGER, .offset = offsetof(struct line, quantity), .min = 1, .max = 2147483647},
};
static const struct line line_initial = {.quantity = 1};
static const struct shape line_shape = {
    .name = "Line", .fields = line_fields, .field_count = 2, .size = sizeof(struct line), .initial = &line_initial};
static const struct field fields[] = {
    {.name = "title", .kind = FIELD_TEXT, .offset = offsetof(struct body, title), .min = 1, .max = 8},
    {.name = "limit",
     .kind = FIELD_INTEGER,
     .offset = offsetof(struct body, limit),
     .nullable = true,
     .min = -5,
     .max = 10},
    {.name = "opens_at", .kind = FIELD_TIME, .offset = offsetof(struct body, opens_at)},
    {.name = "instant", .kind = FIELD_BOOL, .offset = offsetof(struct body, instant)},
    {.name = "lines",
     .kind = FIELD_LIST,
     .offset = offsetof(struct body, lines),
     .min = 1,
     .max = 2,
     .of = &line_shape},
    {.name = "names", .kind = FIELD_TEXTS, .offset = offsetof(struct body, names), .min = 1, .max = 2},
    {.name = "never", .kind = FIELD_NEVER},
};
static const struct shape shape = {.name = "Body", .fields = fields, .field_count = 7, .size = sizeof(struct body)};

/* A few kilobytes that are given away and never taken back, until the next reading; `left` may be set to run short. */
static struct {
	size_t used, left;
	_Alignas(16) char bytes[16384];
} arena;

static void *take(void *context, size_t size)
{
	size_t from = (arena.used + 15) & ~(size_t)15;
	if (size > arena.left || from + size > sizeof arena.bytes)
		return NULL;
	arena.left -= size;
	arena.used = from + size;
	return arena.bytes + from;
}

static bool read_with(const struct shape *of, struct text text, struct body *ret, struct shape_fault *fault)
{
	const struct shape_memory memory = {take, NULL};
	arena.used = 0;
	*fault = (struct shape_fault){0};
	return shape_read(of, text, &memory, ret, fault);
}

static bool read(struct text text, struct body *ret, struct shape_fault *fault)
{
	arena.left = sizeof arena.bytes;
	return read_with(&shape, text, ret, fault);
}

static void every_kind_lands_in_its_place(void **state)
{
	struct body body = {.limit = 7};
	struct shape_fault fault;
	assert_true(read(TEXT("{\"title\":\"\\u00e4b\",\"limit\":-5,\"opens_at\":\"1970-01-01T01:00:00.5+01:00\","
	                      "\"instant\":true,\"names\":[\"x\",\"y\"],"
	                      "\"lines\":[{\"sku\":\"m\"},{\"sku\":\"l\",\"quantity\":2147483647}]}"),
	                 &body, &fault));
	const struct line *lines = body.lines.at;
	const struct text *names = body.names.at;
	assert_true(text_is(body.title, TEXT("\xc3\xa4"
	                                     "b")));
	assert_int_equal(body.limit, -5);
	assert_int_equal(body.opens_at.ms, 500);
	assert_true(body.instant);
	assert_int_equal(body.lines.count, 2);
	assert_true(text_is(lines[0].sku, TEXT("m")));
	assert_int_equal(lines[0].quantity, 1);
	assert_int_equal(lines[1].quantity, 2147483647);
	assert_int_equal(body.names.count, 2);
	assert_true(text_is(names[1], TEXT("y")));
}

static void what_is_absent_or_null_stays_as_it_was(void **state)
{
	struct body body = {.limit = 7, .title = TEXT("old")};
	struct shape_fault fault;
	assert_true(read(TEXT("{}"), &body, &fault));
	assert_true(read(TEXT("{\"limit\":null}"), &body, &fault));
	assert_int_equal(body.limit, 7);
	assert_true(text_is(body.title, TEXT("old")));
	assert_false(read(TEXT("{\"title\":null}"), &body, &fault));
	assert_string_equal(fault.field, "title");
}

static void one_text_is_a_list_of_one(void **state)
{
	struct body body = {0};
	struct shape_fault fault;
	assert_true(read(TEXT("{\"names\":\"x\"}"), &body, &fault));
	assert_int_equal(body.names.count, 1);
}

#define INVALID(text_, field_) \
	{ \
		(text_), sizeof(text_) - 1, "invalid", (field_) \
	}
#define MALFORMED(text_) \
	{ \
		(text_), sizeof(text_) - 1, "malformed", "" \
	}

static const struct {
	const char *text;
	size_t size;
	const char *code, *field;
} wrong[] = {
    INVALID("{\"nope\":1}", "nope"),
    INVALID("{\"title\":\"a\",\"title\":\"b\"}", "title"),
    INVALID("{\"limit\":1 , \"limit\" :2}", "limit"),
    INVALID("{\"lines\":[{\"sku\":\"a\",\"quantity\":1,\"quantity\":2}]}", "quantity"),
    INVALID("{\"title\":1}", "title"),
    INVALID("{\"title\":\"\"}", "title"),
    INVALID("{\"title\":\"123456789\"}", "title"),
    INVALID("{\"limit\":\"1\"}", "limit"),
    INVALID("{\"limit\":1.5}", "limit"),
    INVALID("{\"limit\":1e3}", "limit"),
    INVALID("{\"limit\":11}", "limit"),
    INVALID("{\"limit\":-6}", "limit"),
    INVALID("{\"limit\":true}", "limit"),
    INVALID("{\"limit\":[1]}", "limit"),
    INVALID("{\"limit\":9223372036854775808}", "limit"),
    INVALID("{\"limit\":-99999999999999999999}", "limit"),
    INVALID("{\"opens_at\":\"tomorrow\"}", "opens_at"),
    INVALID("{\"opens_at\":0}", "opens_at"),
    INVALID("{\"instant\":1}", "instant"),
    INVALID("{\"instant\":\"true\"}", "instant"),
    INVALID("{\"lines\":[]}", "lines"),
    INVALID("{\"lines\":{}}", "lines"),
    INVALID("{\"lines\":[{\"sku\":\"a\"},{\"sku\":\"a\"},{\"sku\":\"a\"}]}", "lines"),
    INVALID("{\"lines\":[1]}", "lines[0]."),
    INVALID("{\"lines\":[{}]}", "lines[0].sku"),
    INVALID("{\"lines\":[{\"sku\":\"a\"},{\"sku\":\"A\"}]}", "lines[1].sku"),
    INVALID("{\"lines\":[{\"sku\":\"a\",\"quantity\":0}]}", "lines[0].quantity"),
    INVALID("{\"lines\":[{\"sku\":\"a\",\"quantity\":-1}]}", "lines[0].quantity"),
    INVALID("{\"lines\":[{\"sku\":\"a\",\"quantity\":2147483648}]}", "lines[0].quantity"),
    INVALID("{\"lines\":[{\"sku\":\"a\",\"quantity\":1e400}]}", "quantity"),
    INVALID("{\"lines\":[{\"sku\":\"a\",\"x\":0}]}", "lines[0].x"),
    INVALID("{\"names\":[1]}", "names"),
    INVALID("{\"names\":[\"a\",\"b\",\"c\"]}", "names"),
    INVALID("{\"never\":null}", "never"),
    MALFORMED(""),
    MALFORMED(" "),
    MALFORMED("{"),
    MALFORMED("{}x"),
    MALFORMED("{}{}"),
    MALFORMED("[]"),
    MALFORMED("1"),
    MALFORMED("\"title\""),
    MALFORMED("null"),
    MALFORMED("{title:1}"),
    MALFORMED("{'title':1}"),
    MALFORMED("{\"limit\":01}"),
    MALFORMED("{\"limit\":+1}"),
    MALFORMED("{\"limit\":0x1}"),
    MALFORMED("{\"limit\":NaN}"),
    MALFORMED("{\"limit\":1,}"),
    MALFORMED("{\"title\":\"\xff\"}"),
    MALFORMED("{\"title\":\"\xc0\xaf\"}"),
    MALFORMED("{\"title\":\"\xed\xa0\x80\"}"),
    MALFORMED("{\"title\":\"\\ud800\"}"),
    MALFORMED("{\"title\":\"\\u0000\"}"),
    MALFORMED("{\"title\":\"a\nb\"}"),
    MALFORMED("{\"title\":\"a\0b\"}"),
    MALFORMED("{\"\\u0000\":1}"),
    MALFORMED("\xef\xbb\xbf{}"),
    MALFORMED("{\"limit\":1}/**/"),
};

static void what_is_wrong_is_refused_by_name(void **state)
{
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct body body = {0};
		struct shape_fault fault;
		if (read((struct text){wrong[i].text, wrong[i].size}, &body, &fault))
			fail_msg("taken: %s", wrong[i].text);
		if (strcmp(fault.code, wrong[i].code) != 0 || strcmp(fault.field, wrong[i].field) != 0)
			fail_msg("%s: %s of \"%s\"", wrong[i].text, fault.code, fault.field);
		assert_int_equal(fault.status, 400);
		assert_true(fault.detail[0]);
	}
}

static void a_field_that_is_needed_is_missed(void **state)
{
	static const struct shape needs = {
	    .name = "Needs", .fields = line_fields, .field_count = 2, .size = sizeof(struct line)};
	struct body body = {0};
	struct shape_fault fault;
	arena.left = sizeof arena.bytes;
	assert_false(read_with(&needs, TEXT("{\"quantity\":1}"), &body, &fault));
	assert_string_equal(fault.field, "sku");
}

static void an_open_shape_passes_over_the_rest(void **state)
{
	struct shape open = shape;
	struct body body = {0};
	struct shape_fault fault;
	open.open = true;
	arena.left = sizeof arena.bytes;
	assert_true(read_with(&open, TEXT("{\"iat\":1,\"x\":{\"y\":[]},\"limit\":3}"), &body, &fault));
	assert_int_equal(body.limit, 3);
}

static void depth_is_bounded_before_the_parser_goes_down(void **state)
{
	char deep[200001];
	struct body body = {0};
	struct shape_fault fault;
	memset(deep, '[', sizeof deep);
	assert_false(read((struct text){deep, 200000}, &body, &fault));
	assert_string_equal(fault.code, "malformed");
	assert_string_equal(fault.detail, "The body is nested too deeply.");
}

static void depth_at_its_edge(void **state)
{
	struct shape open = shape;
	struct body body = {0};
	struct shape_fault fault;
	open.open = true;
	arena.left = sizeof arena.bytes;
	assert_int_equal(JSON_DEPTH_MAX, 8);
	assert_true(read_with(&open, TEXT("{\"x\":[[[[[[[]]]]]]]}"), &body, &fault));
	assert_false(read_with(&open, TEXT("{\"x\":[[[[[[[[]]]]]]]]}"), &body, &fault));
	assert_true(read_with(&open, TEXT("{\"x\":\"[[[[[[[[[[\\\"[[[\"}"), &body, &fault));
}

static void without_memory_it_is_overloaded(void **state)
{
	const struct text text = TEXT("{\"lines\":[{\"sku\":\"a\"}],\"names\":[\"x\"],\"title\":\"t\"}");
	struct body body = {0};
	struct shape_fault fault;
	for (arena.left = 0; !read_with(&shape, text, &body, &fault);) {
		assert_string_equal(fault.code, "overloaded");
		assert_int_equal(fault.status, 503);
		static size_t tried;
		arena.left = ++tried * 8;
		assert_true(tried < 100);
	}
	assert_int_equal(body.lines.count, 1);
}

static void a_long_foreign_name_is_cut_and_stays_utf8(void **state)
{
	struct buf text = {0};
	struct body body = {0};
	struct shape_fault fault;
	buf_str(&text, "{\"a");
	for (int i = 0; i < 100; i++)
		buf_str(&text, "\xe2\x82\xac");
	buf_str(&text, "\":1}");
	assert_false(read(buf_as_text(&text), &body, &fault));
	assert_string_equal(fault.code, "invalid");
	assert_true(text_is_utf8(text_of(fault.field)));
	assert_true(strlen(fault.field) > 40);
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_kind_lands_in_its_place),
	    cmocka_unit_test(what_is_absent_or_null_stays_as_it_was),
	    cmocka_unit_test(one_text_is_a_list_of_one),
	    cmocka_unit_test(what_is_wrong_is_refused_by_name),
	    cmocka_unit_test(a_field_that_is_needed_is_missed),
	    cmocka_unit_test(an_open_shape_passes_over_the_rest),
	    cmocka_unit_test(depth_is_bounded_before_the_parser_goes_down),
	    cmocka_unit_test(depth_at_its_edge),
	    cmocka_unit_test(without_memory_it_is_overloaded),
	    cmocka_unit_test(a_long_foreign_name_is_cut_and_stays_utf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
