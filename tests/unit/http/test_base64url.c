/* base64url: one value, one spelling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/base64url.h"

/* RFC 4648 §10, without the padding. */
static const struct {
	const char *bytes, *text;
} vectors[] = {{"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
               {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xff\xef\xbe", "_---"}};

static void the_rfcs_vectors_both_ways(void **state)
{
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		struct buf out = {0};
		uint8_t bytes[16];
		size_t size = 99;
		base64url_encode(&out, vectors[i].bytes, strlen(vectors[i].bytes));
		assert_true(text_is(buf_as_text(&out), text_of(vectors[i].text)));
		assert_true(base64url_decode(text_of(vectors[i].text), bytes, sizeof bytes, &size));
		assert_int_equal(size, strlen(vectors[i].bytes));
		assert_memory_equal(bytes, vectors[i].bytes, size);
		buf_fini(&out);
	}
}

static void what_is_refused(void **state)
{
	static const char *const wrong[] = {
	    "A", "Zg==", "Zh" /* bits left over */, "Zm9=", "Zm+v", "Zm/v", "Zm 9v", "Zm9v\n", "Zm9vZ"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		uint8_t bytes[16];
		size_t size = 99;
		assert_false(base64url_decode(text_of(wrong[i]), bytes, sizeof bytes, &size));
		assert_int_equal(size, 99);
	}
}

static void it_fits_exactly_or_not_at_all(void **state)
{
	uint8_t bytes[3];
	size_t size;
	assert_true(base64url_decode(TEXT("Zm9v"), bytes, 3, &size));
	assert_false(base64url_decode(TEXT("Zm9v"), bytes, 2, &size));
	assert_false(base64url_decode(TEXT("Zm9vYg"), bytes, 3, &size));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_rfcs_vectors_both_ways),
	    cmocka_unit_test(what_is_refused),
	    cmocka_unit_test(it_fits_exactly_or_not_at_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
