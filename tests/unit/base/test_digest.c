/* Who is who, and the chain of batches: published vectors, keys that matter, streams cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/digest.h"

#include <stdio.h>
#include <string.h>

static int begin(void **state)
{
	digest_init();
	return 0;
}

static void hex_of(const uint8_t *bytes, size_t size, char *out)
{
	for (size_t i = 0; i < size; i++)
		sprintf(out + 2 * i, "%02x", bytes[i]);
}

/* The first and the last published vector of SipHash-2-4-128 (key 00..0f, message 00..n-1). */
static void siphash_as_published(void **state)
{
	uint8_t key[DIGEST_KEY_SIZE], message[63];
	char hex[33];
	for (uint8_t i = 0; i < sizeof key; i++)
		key[i] = i;
	for (uint8_t i = 0; i < sizeof message; i++)
		message[i] = i;
	struct digest128 empty = digest128(key, message, 0);
	hex_of((const uint8_t *)&empty, 16, hex);
	assert_string_equal(hex, "a3817f04ba25a8e66df67214c7550293");
	struct digest128 one = digest128(key, message, 1);
	hex_of((const uint8_t *)&one, 16, hex);
	assert_string_equal(hex, "da87c1d86b99af44347659119b22fc45");
}

static void another_key_another_digest(void **state)
{
	uint8_t key[DIGEST_KEY_SIZE] = {0}, other[DIGEST_KEY_SIZE] = {1};
	struct digest128 x = digest128(key, "buyer-1", 7);
	assert_true(digest128_is(x, digest128(key, "buyer-1", 7)));
	assert_false(digest128_is(x, digest128(other, "buyer-1", 7)));
	assert_false(digest128_is(x, digest128(key, "buyer-2", 7)));
}

static void half_equal_is_not_equal(void **state)
{
	struct digest128 x = {1, 2}, y = {1, 3}, z = {0, 2};
	assert_false(digest128_is(x, y));
	assert_false(digest128_is(x, z));
}

/* RFC 7693 gives BLAKE2b-512 only; this is the well-known BLAKE2b-256 of "abc" and of nothing. */
static void blake_as_published(void **state)
{
	uint8_t hash[BLAKE_SIZE];
	char hex[65];
	blake2b256(hash, "abc", 3);
	hex_of(hash, sizeof hash, hex);
	assert_string_equal(hex, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
	blake2b256(hash, "", 0);
	hex_of(hash, sizeof hash, hex);
	assert_string_equal(hex, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
}

static void a_stream_cut_anywhere_is_the_whole(void **state)
{
	uint8_t bytes[300], whole[BLAKE_SIZE], parts[BLAKE_SIZE];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 7);
	blake2b256(whole, bytes, sizeof bytes);
	for (size_t cut = 0; cut <= sizeof bytes; cut += 20) {
		struct blake_stream stream;
		blake_stream_init(&stream);
		blake_stream_add(&stream, bytes, cut);
		blake_stream_add(&stream, bytes + cut, sizeof bytes - cut);
		blake_stream_end(&stream, parts);
		assert_memory_equal(parts, whole, sizeof whole);
	}
}

static void secrets_compare_to_the_last_byte(void **state)
{
	assert_true(secret_is("0123456789abcdef", "0123456789abcdef", 16));
	assert_false(secret_is("0123456789abcdef", "0123456789abcdeF", 16));
	assert_false(secret_is("0123456789abcdef", "X123456789abcdef", 16));
	assert_true(secret_is("x", "y", 0));
}

static void nobody_guesses(void **state)
{
	uint8_t one[32] = {0}, two[32] = {0}, none[32] = {0};
	random_bytes(one, sizeof one);
	random_bytes(two, sizeof two);
	assert_memory_not_equal(one, two, sizeof one);
	assert_memory_not_equal(one, none, sizeof one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(siphash_as_published),
	    cmocka_unit_test(another_key_another_digest),
	    cmocka_unit_test(half_equal_is_not_equal),
	    cmocka_unit_test(blake_as_published),
	    cmocka_unit_test(a_stream_cut_anywhere_is_the_whole),
	    cmocka_unit_test(secrets_compare_to_the_last_byte),
	    cmocka_unit_test(nobody_guesses),
	};
	return cmocka_run_group_tests(tests, begin, NULL);
}
