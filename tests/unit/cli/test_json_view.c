#include "play.h"

#include "cli/json_view.h"

#define ORDER \
	TEXT("{ \"id\": \"o_1\", \"lines\":[{\"sku\":\"a\",\"quantity\":2} , {\"sku\":\"b\",\"quantity\":3}],\n" \
	     "  \"note\":\"a \\\"]},{ b\", \"n\":-5, \"gone\":null, \"deep\":{\"id\":\"inner\"}}")

static void assert_text(struct text text, const char *expected)
{
	assert_int_equal(text.size, strlen(expected));
	assert_memory_equal(text.at, expected, text.size);
}

static void members_are_found_whatever_stands_between(void **state)
{
	assert_text(json_member(ORDER, "id"), "\"o_1\"");
	assert_text(json_member(ORDER, "n"), "-5");
	assert_text(json_member(ORDER, "gone"), "null");
	assert_text(json_member(json_member(ORDER, "deep"), "id"), "\"inner\"");
	assert_int_equal(json_member(ORDER, "absent").size, 0);
	assert_int_equal(json_member(TEXT("[1]"), "id").size, 0);
}

static void an_array_gives_its_members_in_order(void **state)
{
	struct text lines = json_member(ORDER, "lines"), line;
	size_t at = 0;
	assert_true(json_next(lines, &at, &line));
	assert_text(json_member(line, "sku"), "\"a\"");
	assert_true(json_next(lines, &at, &line));
	assert_text(json_member(line, "quantity"), "3");
	assert_false(json_next(lines, &at, &line));
	at = 0;
	assert_false(json_next(TEXT("[ ]"), &at, &line));
	assert_false(json_next(TEXT("{}"), &at, &line));
}

static void a_string_is_shown_without_what_could_move_the_cursor(void **state)
{
	struct buf out = {0};
	json_show(&out, TEXT("\"a\\u001b[31m \\\"b\\\" \\u00e9\\u20ac\\n\\ud83d\\ude00\""));
	assert_text(buf_as_text(&out), "a?[31m \"b\" \xc3\xa9\xe2\x82\xac ??");
	buf_fini(&out);
}

static void numbers_are_read(void **state)
{
	int64_t number = 7;
	assert_true(json_integer(TEXT("-5"), &number));
	assert_int_equal(number, -5);
	assert_false(json_integer(TEXT("1.5"), &number));
	assert_false(json_integer(TEXT("null"), &number));
	assert_false(json_integer(TEXT_NONE, &number));
	assert_int_equal(number, -5);
}

/* Every beginning of an answer that was cut off: nothing is read behind its end (the sanitizer would say so). */
static void an_answer_that_is_cut_off_is_survived(void **state)
{
	for (size_t size = 0; size <= ORDER.size; size++) {
		char *copy = malloc(size ? size : 1);
		struct text cut = {copy, size}, member;
		size_t at = 0;
		memcpy(copy, ORDER.at, size);
		struct text lines = json_member(cut, "lines");
		assert_true(lines.size <= size);
		for (int i = 0; i < 8 && json_next(lines, &at, &member); i++)
			assert_true(json_member(member, "sku").size <= size);
		assert_true(json_member(cut, "deep").size <= size);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(members_are_found_whatever_stands_between),
	    cmocka_unit_test(an_array_gives_its_members_in_order),
	    cmocka_unit_test(a_string_is_shown_without_what_could_move_the_cursor),
	    cmocka_unit_test(numbers_are_read),
	    cmocka_unit_test(an_answer_that_is_cut_off_is_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
