/* Ids, numbers, UTF-8 and the growing buffer, at their edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/text.h"

#define SIXTY_FOUR "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void what_is_an_id(void **state)
{
	assert_true(text_is_id(TEXT("a")));
	assert_true(text_is_id(TEXT("0")));
	assert_true(text_is_id(TEXT("spring-2026.vip_1")));
	assert_true(text_is_id(TEXT(SIXTY_FOUR)));
}

static void what_is_no_id(void **state)
{
	const struct text wrong[] = {TEXT(""),   TEXT(SIXTY_FOUR "x"), TEXT(".a"), TEXT("-a"),  TEXT("_a"),
	                             TEXT("A"),  TEXT("aB"),           TEXT("a/"), TEXT("a b"), TEXT("a\0"),
	                             TEXT("a%"), TEXT("\xc3\xa4"),     TEXT("a\n")};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(text_is_id(wrong[i]));
}

static void visible_is_between_space_and_delete(void **state)
{
	assert_true(text_is_visible(TEXT("!~"), 2));
	assert_true(text_is_visible(TEXT(SIXTY_FOUR), 64));
	assert_false(text_is_visible(TEXT(SIXTY_FOUR "x"), 64));
	assert_false(text_is_visible(TEXT(""), 64));
	assert_false(text_is_visible(TEXT("a b"), 64));
	assert_false(text_is_visible(TEXT("a\x7f"), 64));
	assert_false(text_is_visible(TEXT("a\x1f"), 64));
	assert_false(text_is_visible(TEXT("\xc3\xa4"), 64));
}

static void numbers_are_digits_and_nothing_else(void **state)
{
	uint64_t value = 99;
	assert_true(text_to_u64(TEXT("0"), 0, &value));
	assert_int_equal(value, 0);
	assert_true(text_to_u64(TEXT("18446744073709551615"), UINT64_MAX, &value));
	assert_true(value == UINT64_MAX);
	assert_true(text_to_u64(TEXT("255"), 255, &value));
	assert_int_equal(value, 255);
}

static void what_is_no_number_leaves_the_output(void **state)
{
	const struct text wrong[] = {TEXT(""),
	                             TEXT("00"),
	                             TEXT("01"),
	                             TEXT("-1"),
	                             TEXT("+1"),
	                             TEXT(" 1"),
	                             TEXT("1 "),
	                             TEXT("1.0"),
	                             TEXT("0x1"),
	                             TEXT("1e3"),
	                             TEXT("256"),
	                             TEXT("18446744073709551616"),
	                             TEXT("99999999999999999999"),
	                             TEXT("184467440737095516150")};
	uint64_t value = 99;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_false(text_to_u64(wrong[i], 255, &value));
		assert_int_equal(value, 99);
	}
	assert_false(text_to_u64(TEXT("18446744073709551616"), UINT64_MAX, &value));
	assert_int_equal(value, 99);
}

static void utf8_at_the_edges_of_each_length(void **state)
{
	const struct text right[] = {TEXT(""),
	                             TEXT("\x7f"),
	                             TEXT("\xc2\x80"),
	                             TEXT("\xdf\xbf"),
	                             TEXT("\xe0\xa0\x80"),
	                             TEXT("\xed\x9f\xbf"),
	                             TEXT("\xee\x80\x80"),
	                             TEXT("\xef\xbf\xbf"),
	                             TEXT("\xf0\x90\x80\x80"),
	                             TEXT("\xf4\x8f\xbf\xbf"),
	                             TEXT("\xed\x95\x9c\xea\xb5\xad"),
	                             TEXT("a\0b")};
	for (size_t i = 0; i < sizeof right / sizeof *right; i++)
		assert_true(text_is_utf8(right[i]));
}

/* Unicode, table 3-7: overlong forms, surrogates, beyond U+10FFFF, cut short, a tail without a head. */
static void utf8_that_is_none(void **state)
{
	const struct text wrong[] = {TEXT("\x80"),
	                             TEXT("\xbf"),
	                             TEXT("\xc0\x80"),
	                             TEXT("\xc1\xbf"),
	                             TEXT("\xe0\x9f\xbf"),
	                             TEXT("\xed\xa0\x80"),
	                             TEXT("\xed\xbf\xbf"),
	                             TEXT("\xf0\x8f\xbf\xbf"),
	                             TEXT("\xf4\x90\x80\x80"),
	                             TEXT("\xf5\x80\x80\x80"),
	                             TEXT("\xff"),
	                             TEXT("\xc2"),
	                             TEXT("\xe2\x82"),
	                             TEXT("\xf0\x9f\x98"),
	                             TEXT("\xc2\x41"),
	                             TEXT("\xe2\x82\x41"),
	                             TEXT("\xf0\x9f\x41\x80"),
	                             TEXT("ok\xfe")};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(text_is_utf8(wrong[i]));
}

static void equal_texts(void **state)
{
	assert_true(text_is(TEXT("a"), text_of("a")));
	assert_true(text_is(TEXT_NONE, TEXT("")));
	assert_false(text_is(TEXT("a"), TEXT("ab")));
	assert_false(text_is(TEXT("a"), TEXT("b")));
}

static void assert_buf(const struct buf *buf, const char *text)
{
	assert_false(buf->failed);
	assert_int_equal(buf->size, strlen(text));
	assert_memory_equal(buf->at, text, buf->size);
}

static void a_buffer_takes_all_kinds(void **state)
{
	struct buf buf = {0};
	buf_str(&buf, "a=");
	buf_u64(&buf, UINT64_MAX);
	buf_put(&buf, ",", 1);
	buf_i64(&buf, INT64_MIN);
	buf_text(&buf, TEXT(","));
	buf_u64(&buf, 0);
	buf_printf(&buf, "%s%d", "/", 7);
	assert_buf(&buf, "a=18446744073709551615,-9223372036854775808,0/7");
	buf_clear(&buf);
	assert_buf(&buf, "");
	buf_fini(&buf);
	assert_null(buf.at);
}

static void a_buffer_grows_and_keeps(void **state)
{
	struct buf buf = {0};
	for (unsigned i = 0; i < 100000; i++)
		buf_put(&buf, (char[]){(char)('a' + i % 26)}, 1);
	assert_false(buf.failed);
	assert_int_equal(buf.size, 100000);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(buf.at[i], 'a' + i % 26);
	buf_fini(&buf);
}

static void nothing_added_is_nothing_taken(void **state)
{
	struct buf buf = {0};
	buf_put(&buf, NULL, 0);
	buf_text(&buf, TEXT_NONE);
	assert_int_equal(buf.size, 0);
	assert_null(buf.at);
}

/* Once memory ran out, what follows is swallowed, so that a writer checks once, at the end. */
static void a_failed_buffer_swallows(void **state)
{
	struct buf buf = {0};
	buf_str(&buf, "kept");
	buf.failed = true;
	buf_str(&buf, " lost");
	buf_printf(&buf, "%d", 1);
	assert_int_equal(buf.size, 4);
	assert_true(buf.failed);
	buf_clear(&buf);
	assert_false(buf.failed);
	buf_fini(&buf);
}

static void json_strings_are_escaped(void **state)
{
	struct buf buf = {0};
	buf_json(&buf, TEXT("plain"));
	buf_json(&buf, TEXT(""));
	buf_json(&buf, TEXT("\"\\/"));
	buf_json(&buf, TEXT("\0\x1f\x7f\n"));
	buf_json(&buf, TEXT("\xed\x95\x9c"));
	assert_buf(&buf, "\"plain\"\"\"\"\\\"\\\\/\"\"\\u0000\\u001f\\u007f\\u000a\"\"\xed\x95\x9c\"");
	buf_fini(&buf);
}

static void integers_at_any_address(void **state)
{
	uint8_t bytes[9] = {0};
	put_u64(bytes + 1, UINT64_C(0x0807060504030201));
	for (uint8_t i = 1; i < 9; i++)
		assert_int_equal(bytes[i], i);
	assert_true(get_u64(bytes + 1) == UINT64_C(0x0807060504030201));
	assert_int_equal(get_u32(bytes + 1), 0x04030201);
	assert_int_equal(get_u16(bytes + 1), 0x0201);
	put_u32(bytes + 3, 0xfffefdfc);
	put_u16(bytes + 1, 0xabcd);
	assert_true(get_u64(bytes + 1) == UINT64_C(0x0807fffefdfcabcd));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_an_id),
	    cmocka_unit_test(what_is_no_id),
	    cmocka_unit_test(visible_is_between_space_and_delete),
	    cmocka_unit_test(numbers_are_digits_and_nothing_else),
	    cmocka_unit_test(what_is_no_number_leaves_the_output),
	    cmocka_unit_test(utf8_at_the_edges_of_each_length),
	    cmocka_unit_test(utf8_that_is_none),
	    cmocka_unit_test(equal_texts),
	    cmocka_unit_test(a_buffer_takes_all_kinds),
	    cmocka_unit_test(a_buffer_grows_and_keeps),
	    cmocka_unit_test(nothing_added_is_nothing_taken),
	    cmocka_unit_test(a_failed_buffer_swallows),
	    cmocka_unit_test(json_strings_are_escaped),
	    cmocka_unit_test(integers_at_any_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
