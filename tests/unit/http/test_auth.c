/* Who is asking, and how long that is remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/auth.h"
#include "http/token.h"

#define NOW INT64_C(1800000000)
#define KEY "dibs_shop_0123456789abcdef0123456789abcdef01234567"

static char folder[] = "/tmp/dibs-auth-XXXXXX";
static struct {
	uint64_t version;
	unsigned lookups;
	bool revoked;
} keys;

static bool key_find(void *context, const uint8_t hash[BLAKE_SIZE], struct principal *ret)
{
	uint8_t known[BLAKE_SIZE];
	keys.lookups++;
	blake2b256(known, KEY, sizeof KEY - 1);
	if (keys.revoked || memcmp(hash, known, BLAKE_SIZE) != 0)
		return false;
	*ret = (struct principal){.caller = CALLER_SHOP, .name_size = 2, .name = "k1"};
	return true;
}

static uint64_t keys_version(void *context)
{
	return keys.version;
}

static struct auth *auth;

static int make(void **state)
{
	const struct auth_options options = {
	    .token_folder = folder, .audience = "dibs", .key_find = key_find, .keys_version = keys_version};
	char path[64];
	digest_init();
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/main.key", folder);
	FILE *file = fopen(path, "w");
	fputs("0123456789abcdef0123456789abcdef", file);
	fclose(file);
	return auth_new(&options, &auth, NULL);
}

static int unmake(void **state)
{
	char path[64];
	auth_free(auth);
	snprintf(path, sizeof path, "%s/main.key", folder);
	return unlink(path) || rmdir(folder);
}

static void a_key_is_looked_up_once_while_nothing_changes(void **state)
{
	struct principal who = {0};
	keys.version++;
	keys.lookups = 0;
	for (int i = 0; i < 3; i++)
		assert_int_equal(auth_check(auth, TEXT(KEY), NOW, &who), AUTH_GOOD);
	assert_int_equal(keys.lookups, 1);
	assert_int_equal(who.caller, CALLER_SHOP);
	assert_true(text_is(principal_name(&who), TEXT("k1")));
}

static void a_revoked_key_is_out_at_once(void **state)
{
	struct principal who = {0};
	assert_int_equal(auth_check(auth, TEXT(KEY), NOW, &who), AUTH_GOOD);
	keys.revoked = true;
	keys.version++;
	assert_int_equal(auth_check(auth, TEXT(KEY), NOW, &who), AUTH_BAD);
	assert_int_equal(auth_check(auth, TEXT(KEY), NOW, &who), AUTH_BAD);
	keys.revoked = false;
	keys.version++;
	assert_int_equal(auth_check(auth, TEXT(KEY), NOW, &who), AUTH_GOOD);
}

static void a_foreign_key_is_nobody(void **state)
{
	struct principal who = {.caller = CALLER_NONE};
	assert_int_equal(auth_check(auth, TEXT("dibs_admin_0"), NOW, &who), AUTH_BAD);
	assert_int_equal(auth_check(auth, TEXT("dibs_"), NOW, &who), AUTH_BAD);
	assert_int_equal(auth_check(auth, TEXT("dibs_shop_\x01"), NOW, &who), AUTH_BAD);
	assert_int_equal(auth_check(auth, TEXT("x"), NOW, &who), AUTH_BAD);
	assert_int_equal(who.caller, CALLER_NONE);
}

static void a_remembered_token_still_expires(void **state)
{
	struct token_keys *tokens;
	struct buf text = {0};
	struct principal who = {0};
	assert_int_equal(token_keys_load(folder, &tokens, NULL), 0);
	assert_int_equal(token_sign(tokens, TEXT("main"), TEXT("dibs"), TEXT("anna"), NOW + 2, &text, NULL), 0);
	assert_int_equal(auth_check(auth, buf_as_text(&text), NOW, &who), AUTH_GOOD);
	assert_int_equal(who.caller, CALLER_BUYER);
	assert_true(text_is(principal_name(&who), TEXT("anna")));
	keys.version++; /* no matter to tokens */
	assert_int_equal(auth_check(auth, buf_as_text(&text), NOW + 1, &who), AUTH_GOOD);
	assert_int_equal(auth_check(auth, buf_as_text(&text), NOW + 2, &who), AUTH_EXPIRED);
	text.at[text.size - 2] ^= 1;
	assert_int_equal(auth_check(auth, buf_as_text(&text), NOW, &who), AUTH_BAD);
	token_keys_free(tokens);
	buf_fini(&text);
}

static void a_huge_credential_costs_nothing(void **state)
{
	struct buf text = {0};
	struct principal who;
	buf_str(&text, "dibs_shop_");
	while (text.size < 16000)
		buf_put(&text, "a", 1);
	keys.lookups = 0;
	assert_int_equal(auth_check(auth, buf_as_text(&text), NOW, &who), AUTH_BAD);
	assert_int_equal(auth_check(auth, (struct text){text.at, API_KEY_SIZE_MAX + 1}, NOW, &who), AUTH_BAD);
	assert_int_equal(keys.lookups, 0);
	assert_int_equal(auth_check(auth, (struct text){text.at, API_KEY_SIZE_MAX}, NOW, &who), AUTH_BAD);
	assert_int_equal(keys.lookups, 1);
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_key_is_looked_up_once_while_nothing_changes),
	    cmocka_unit_test(a_revoked_key_is_out_at_once),
	    cmocka_unit_test(a_foreign_key_is_nobody),
	    cmocka_unit_test(a_remembered_token_still_expires),
	    cmocka_unit_test(a_huge_credential_costs_nothing),
	};
	return cmocka_run_group_tests(tests, make, unmake);
}
