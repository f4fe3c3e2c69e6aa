/* The quick reader of claims beside the strict one: what the quick one takes, the strict one takes, with the same result. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/claim_plain.h"
#include "api/routes.h"
#include "http/json.h"

static char arena[65536];
static size_t arena_used;

static void *take(void *context, size_t size)
{
	(void)context;
	arena_used = (arena_used + 15) & ~(size_t)15;
	assert_true(arena_used + size <= sizeof arena);
	arena_used += size;
	return memset(arena + arena_used - size, 0, size);
}

static bool strictly(struct text body, struct text *ret_sku, int64_t *ret_quantity)
{
	const struct shape_memory memory = {take, NULL};
	struct shape_fault fault;
	_Alignas(16) char into[256] = {0};
	assert_true(claim_shape.size <= sizeof into);
	arena_used = 0;
	if (!shape_read(&claim_shape, body, &memory, into, &fault))
		return false;
	memcpy(ret_sku, into + claim_shape.fields[0].offset, sizeof *ret_sku);
	memcpy(ret_quantity, into + claim_shape.fields[1].offset, sizeof *ret_quantity);
	return true;
}

/* True when the quick one took it. */
static bool agree(struct text body)
{
	struct text quick_sku, strict_sku;
	int64_t quick, strict;
	if (!claim_plain_read(body, &quick_sku, &quick))
		return false;
	if (!strictly(body, &strict_sku, &strict))
		fail_msg("only the quick reader takes %.*s", (int)body.size, body.at);
	assert_true(text_is(quick_sku, strict_sku));
	assert_int_equal(quick, strict);
	return true;
}

static void the_form_of_crowds_is_taken(void **state)
{
	(void)state;
	assert_true(agree(TEXT("{\"sku\":\"one\",\"quantity\":1}")));
	assert_true(agree(TEXT(" { \"sku\" : \"a.b_c-9\" ,\r\n\t\"quantity\" : 2147483647 } ")));
}

static void every_other_form_goes_the_strict_way(void **state)
{
	static const char *const others[] = {"",
	                                     "{}",
	                                     "{\"sku\":\"one\"}",
	                                     "{\"quantity\":1,\"sku\":\"one\"}",
	                                     "{\"sku\":\"one\",\"quantity\":0}",
	                                     "{\"sku\":\"one\",\"quantity\":01}",
	                                     "{\"sku\":\"one\",\"quantity\":1.0}",
	                                     "{\"sku\":\"one\",\"quantity\":-1}",
	                                     "{\"sku\":\"one\",\"quantity\":2147483648}",
	                                     "{\"sku\":\"ONE\",\"quantity\":1}",
	                                     "{\"sku\":\"\",\"quantity\":1}",
	                                     "{\"sku\":\"o\\u006ee\",\"quantity\":1}",
	                                     "{\"sku\":\"one\",\"quantity\":1}x",
	                                     "{\"sku\":\"one\",\"quantity\":1",
	                                     "{\"sku\":\"one\",\"quantity\":1,\"x\":1}",
	                                     "[{\"sku\":\"one\",\"quantity\":1}]"};
	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		assert_false(agree((struct text){others[i], strlen(others[i])}));
}

/* One to three bytes of a good body are changed, taken out or put in. */
static void no_change_makes_them_disagree(void **state)
{
	static const char good[] = "{ \"sku\":\"one\", \"quantity\":12}",
			  bytes[] = "{}[]\":, \t\n\\019azO.-\x80\x00\x7f";
	uint32_t taken = 0;
	(void)state;
	srand(7);
	for (int round = 0; round < 200000; round++) {
		char body[64];
		size_t size = sizeof good - 1;
		memcpy(body, good, size);
		for (int change = rand() % 3; change >= 0; change--) {
			size_t at = (size_t)rand() % size;
			char byte = bytes[(size_t)rand() % (sizeof bytes - 1)];
			if (rand() % 3 == 0 && size > 1) {
				memmove(body + at, body + at + 1, --size - at);
			} else if (rand() % 2 && size < sizeof body) {
				memmove(body + at + 1, body + at, size++ - at);
				body[at] = byte;
			} else {
				body[at] = byte;
			}
		}
		taken += agree((struct text){body, size});
	}
	assert_true(taken > 1000); /* there was something to compare */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_form_of_crowds_is_taken),
	    cmocka_unit_test(every_other_form_goes_the_strict_way),
	    cmocka_unit_test(no_change_makes_them_disagree),
	};
	return cmocka_run_group_tests_name("claim_plain", tests, NULL, NULL);
}
