/* Buyer tokens and the ways to forge one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <sys/stat.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/digest.h"
#include "http/base64url.h"
#include "http/token.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define OTHER_SECRET "fedcba9876543210fedcba9876543210"
#define NOW INT64_C(1800000000)

static char folder[] = "/tmp/dibs-token-XXXXXX";

static void write_file(const char *name, const char *content)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(content, file);
	fclose(file);
}

static void remove_file(const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	assert_int_equal(unlink(path), 0);
}

static int make_folder(void **state)
{
	digest_init();
	if (!mkdtemp(folder))
		return -1;
	write_file("main.key", SECRET "\n");
	write_file("old.key", OTHER_SECRET);
	write_file("README", "short");
	return 0;
}

static int remove_folder(void **state)
{
	remove_file("main.key");
	remove_file("old.key");
	remove_file("README");
	return rmdir(folder);
}

static struct token_keys *load(void)
{
	struct token_keys *keys = NULL;
	struct error error;
	assert_int_equal(token_keys_load(folder, &keys, &error), 0);
	return keys;
}

/* header.payload, signed by hand and not by the code under test. */
static void forge(struct buf *out, const char *header, const char *payload, const char *secret)
{
	unsigned char mac[32];
	unsigned size = 0;
	buf_clear(out);
	base64url_encode(out, header, strlen(header));
	buf_put(out, ".", 1);
	base64url_encode(out, payload, strlen(payload));
	assert_non_null(
	    HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)out->at, out->size, mac, &size));
	buf_put(out, ".", 1);
	base64url_encode(out, mac, size);
}

#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"main\"}"
#define PAYLOAD "{\"sub\":\"anna\",\"aud\":\"dibs\",\"exp\":1800000060}"

static enum token_answer verify(const struct buf *text, struct token *ret)
{
	struct token_keys *keys = load();
	enum token_answer answer = token_verify(keys, TEXT("dibs"), buf_as_text(text), NOW, ret);
	token_keys_free(keys);
	return answer;
}

static void a_good_token_names_its_buyer(void **state)
{
	struct buf text = {0};
	struct token token;
	forge(&text, HEADER, PAYLOAD, SECRET);
	assert_int_equal(verify(&text, &token), TOKEN_GOOD);
	assert_true(text_is((struct text){token.subject, token.subject_size}, TEXT("anna")));
	assert_int_equal(token.expires_s, NOW + 60);
	buf_fini(&text);
}

static void ours_are_good(void **state)
{
	struct token_keys *keys = load();
	struct buf text = {0};
	struct token token;
	assert_int_equal(token_sign(keys, TEXT("old"), TEXT("dibs"), TEXT("b\"1\\"), NOW + 1, &text, NULL), 0);
	assert_int_equal(token_verify(keys, TEXT("dibs"), buf_as_text(&text), NOW, &token), TOKEN_GOOD);
	assert_true(text_is((struct text){token.subject, token.subject_size}, TEXT("b\"1\\")));
	assert_int_equal(token_verify(keys, TEXT("dibs"), buf_as_text(&text), NOW + 1, &token), TOKEN_EXPIRED);
	assert_int_equal(token_sign(keys, TEXT("none"), TEXT("dibs"), TEXT("b"), NOW, &text, NULL), FAULT_NOT_FOUND);
	assert_int_equal(token_sign(keys, TEXT("old"), TEXT("dibs"), TEXT("a b"), NOW, &text, NULL), FAULT_INVALID);
	token_keys_free(keys);
	buf_fini(&text);
}

static const struct {
	const char *header, *payload, *secret;
	enum token_answer answer;
} cases[] = {
    {HEADER, PAYLOAD, OTHER_SECRET, TOKEN_BAD},
    {"{\"alg\":\"none\",\"kid\":\"main\"}", PAYLOAD, SECRET, TOKEN_BAD},
    {"{\"alg\":\"HS512\",\"kid\":\"main\"}", PAYLOAD, SECRET, TOKEN_BAD},
    {"{\"alg\":\"RS256\",\"kid\":\"main\"}", PAYLOAD, SECRET, TOKEN_BAD},
    {"{\"alg\":\"hs256\",\"kid\":\"main\"}", PAYLOAD, SECRET, TOKEN_BAD},
    {"{\"kid\":\"main\"}", PAYLOAD, SECRET, TOKEN_BAD},
    {"{\"alg\":\"HS256\"}", PAYLOAD, SECRET, TOKEN_BAD},
    {"{\"alg\":\"HS256\",\"kid\":\"old\"}", PAYLOAD, SECRET, TOKEN_BAD},
    {"{\"alg\":\"HS256\",\"kid\":\"old\"}", PAYLOAD, OTHER_SECRET, TOKEN_GOOD},
    {"{\"alg\":\"HS256\",\"kid\":\"../main\"}", PAYLOAD, SECRET, TOKEN_BAD},
    {"{\"alg\":\"HS256\",\"kid\":\"\"}", PAYLOAD, SECRET, TOKEN_BAD},
    {"{\"alg\":\"HS256\",\"kid\":\"main\",\"crit\":[\"x\"]}", PAYLOAD, SECRET, TOKEN_BAD},
    {"{\"alg\":\"HS256\",\"alg\":\"HS256\",\"kid\":\"main\"}", PAYLOAD, SECRET, TOKEN_BAD},
    {"[]", PAYLOAD, SECRET, TOKEN_BAD},
    {"", PAYLOAD, SECRET, TOKEN_BAD},
    {HEADER, "{\"sub\":\"anna\",\"aud\":\"dibs\",\"exp\":1800000000}", SECRET, TOKEN_EXPIRED},
    {HEADER, "{\"sub\":\"anna\",\"aud\":\"dibs\",\"exp\":1800000001}", SECRET, TOKEN_GOOD},
    {HEADER, "{\"sub\":\"anna\",\"aud\":\"dibs\",\"exp\":0}", SECRET, TOKEN_EXPIRED},
    {HEADER, "{\"sub\":\"anna\",\"aud\":\"dibs\",\"exp\":-1}", SECRET, TOKEN_BAD},
    {HEADER, "{\"sub\":\"anna\",\"aud\":\"dibs\",\"exp\":\"1800000060\"}", SECRET, TOKEN_BAD},
    {HEADER, "{\"sub\":\"anna\",\"aud\":\"dibs\",\"exp\":1e99}", SECRET, TOKEN_BAD},
    {HEADER, "{\"sub\":\"anna\",\"aud\":\"dibs\"}", SECRET, TOKEN_BAD},
    {HEADER, "{\"sub\":\"anna\",\"exp\":1800000060}", SECRET, TOKEN_BAD},
    {HEADER, "{\"sub\":\"anna\",\"aud\":\"other\",\"exp\":1800000060}", SECRET, TOKEN_BAD},
    {HEADER, "{\"sub\":\"anna\",\"aud\":[\"other\",\"dibs\"],\"exp\":1800000060}", SECRET, TOKEN_GOOD},
    {HEADER, "{\"sub\":\"anna\",\"aud\":[],\"exp\":1800000060}", SECRET, TOKEN_BAD},
    {HEADER, "{\"sub\":\"anna\",\"aud\":[1,\"dibs\"],\"exp\":1800000060}", SECRET, TOKEN_BAD},
    {HEADER, "{\"aud\":\"dibs\",\"exp\":1800000060}", SECRET, TOKEN_BAD},
    {HEADER, "{\"sub\":\"\",\"aud\":\"dibs\",\"exp\":1800000060}", SECRET, TOKEN_BAD},
    {HEADER, "{\"sub\":\"an na\",\"aud\":\"dibs\",\"exp\":1800000060}", SECRET, TOKEN_BAD},
    {HEADER, "{\"sub\":\"\xc3\xa4\",\"aud\":\"dibs\",\"exp\":1800000060}", SECRET, TOKEN_BAD},
    {HEADER, "{\"sub\":7,\"aud\":\"dibs\",\"exp\":1800000060}", SECRET, TOKEN_BAD},
    {HEADER, "{\"sub\":\"anna\",\"sub\":\"ben\",\"aud\":\"dibs\",\"exp\":1800000060}", SECRET, TOKEN_BAD},
    {HEADER, "{\"sub\":\"anna\",\"aud\":\"dibs\",\"exp\":1800000060,\"nbf\":1800000000}", SECRET, TOKEN_GOOD},
    {HEADER, "{\"sub\":\"anna\",\"aud\":\"dibs\",\"exp\":1800000060,\"nbf\":1800000001}", SECRET, TOKEN_EARLY},
    {HEADER, "{\"sub\":\"anna\",\"aud\":\"dibs\",\"exp\":1800000060,\"iat\":1,\"x\":{}}", SECRET, TOKEN_GOOD},
    {HEADER, "not JSON", SECRET, TOKEN_BAD},
    /* an expired one with a wrong signature is not told that it has expired */
    {HEADER, "{\"sub\":\"anna\",\"aud\":\"dibs\",\"exp\":1}", OTHER_SECRET, TOKEN_BAD},
};

static void every_attack_by_its_name(void **state)
{
	struct buf text = {0};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct token token = {.subject_size = 99};
		forge(&text, cases[i].header, cases[i].payload, cases[i].secret);
		enum token_answer answer = verify(&text, &token);
		if (answer != cases[i].answer)
			fail_msg("%s %s: %d", cases[i].header, cases[i].payload, (int)answer);
		if (answer != TOKEN_GOOD)
			assert_int_equal(token.subject_size, 99);
	}
	buf_fini(&text);
}

static void every_truncation_is_bad(void **state)
{
	struct token_keys *keys = load();
	struct buf text = {0};
	struct token token;
	forge(&text, HEADER, PAYLOAD, SECRET);
	for (size_t size = 0; size < text.size; size++)
		assert_int_equal(token_verify(keys, TEXT("dibs"), (struct text){text.at, size}, NOW, &token),
		                 TOKEN_BAD);
	buf_put(&text, ".x", 2);
	assert_int_equal(token_verify(keys, TEXT("dibs"), buf_as_text(&text), NOW, &token), TOKEN_BAD);
	token_keys_free(keys);
	buf_fini(&text);
}

static void every_flipped_bit_is_bad(void **state)
{
	struct token_keys *keys = load();
	struct buf text = {0};
	struct token token;
	forge(&text, HEADER, PAYLOAD, SECRET);
	for (size_t bit = 0; bit < text.size * 8; bit++) {
		text.at[bit / 8] ^= (char)(1 << bit % 8);
		assert_int_not_equal(token_verify(keys, TEXT("dibs"), buf_as_text(&text), NOW, &token), TOKEN_GOOD);
		text.at[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_int_equal(token_verify(keys, TEXT("dibs"), buf_as_text(&text), NOW, &token), TOKEN_GOOD);
	token_keys_free(keys);
	buf_fini(&text);
}

static void none_without_a_signature(void **state)
{
	struct buf text = {0};
	struct token token;
	base64url_encode(&text, "{\"alg\":\"none\",\"kid\":\"main\"}", 27);
	buf_put(&text, ".", 1);
	base64url_encode(&text, PAYLOAD, sizeof PAYLOAD - 1);
	buf_put(&text, ".", 1);
	assert_int_equal(verify(&text, &token), TOKEN_BAD);
	buf_fini(&text);
}

/* A token with a claim so long that the whole is of this size. */
static void pad_to(struct buf *text, size_t size)
{
	struct buf payload = {0};
	size_t fill = 0;
	do {
		buf_clear(&payload);
		buf_str(&payload, "{\"sub\":\"anna\",\"aud\":\"dibs\",\"exp\":1800000060,\"x\":\"");
		for (size_t i = 0; i < fill; i++)
			buf_put(&payload, "x", 1);
		buf_put(&payload, "\"}", 3);
		forge(text, HEADER, payload.at, SECRET);
		fill++;
	} while (text->size < size);
	buf_fini(&payload);
}

static void a_huge_one_is_not_looked_at(void **state)
{
	struct buf text = {0};
	struct token token;
	pad_to(&text, TOKEN_SIZE_MAX - 1);
	assert_in_range(text.size, TOKEN_SIZE_MAX - 1, TOKEN_SIZE_MAX);
	assert_int_equal(verify(&text, &token), TOKEN_GOOD);
	pad_to(&text, TOKEN_SIZE_MAX + 1);
	assert_int_equal(verify(&text, &token), TOKEN_BAD);
	buf_fini(&text);
}

static void the_longest_buyer(void **state)
{
	struct buf text = {0};
	struct token token;
	char payload[200];
	snprintf(payload, sizeof payload, "{\"sub\":\"%064d\",\"aud\":\"dibs\",\"exp\":1800000060}", 7);
	forge(&text, HEADER, payload, SECRET);
	assert_int_equal(verify(&text, &token), TOKEN_GOOD);
	assert_int_equal(token.subject_size, 64);
	snprintf(payload, sizeof payload, "{\"sub\":\"%065d\",\"aud\":\"dibs\",\"exp\":1800000060}", 7);
	forge(&text, HEADER, payload, SECRET);
	assert_int_equal(verify(&text, &token), TOKEN_BAD);
	buf_fini(&text);
}

static void a_short_secret_is_a_mistake_that_is_named(void **state)
{
	struct token_keys *keys = NULL;
	struct error error;
	write_file("weak.key", "0123456789abcdef0123456789abcde\n");
	assert_int_equal(token_keys_load(folder, &keys, &error), FAULT_CONFIG);
	assert_non_null(strstr(error.text, "weak.key"));
	assert_null(strstr(error.text, "0123456789"));
	assert_null(keys);
	remove_file("weak.key");
}

static void no_folder_holds_no_keys(void **state)
{
	struct token_keys *keys = NULL;
	struct buf text = {0};
	struct token token;
	assert_int_equal(token_keys_load("/nonexistent/dibs", &keys, NULL), 0);
	forge(&text, HEADER, PAYLOAD, SECRET);
	assert_int_equal(token_verify(keys, TEXT("dibs"), buf_as_text(&text), NOW, &token), TOKEN_BAD);
	token_keys_free(keys);
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_good_token_names_its_buyer),
	    cmocka_unit_test(ours_are_good),
	    cmocka_unit_test(every_attack_by_its_name),
	    cmocka_unit_test(every_truncation_is_bad),
	    cmocka_unit_test(every_flipped_bit_is_bad),
	    cmocka_unit_test(none_without_a_signature),
	    cmocka_unit_test(a_huge_one_is_not_looked_at),
	    cmocka_unit_test(the_longest_buyer),
	    cmocka_unit_test(a_short_secret_is_a_mistake_that_is_named),
	    cmocka_unit_test(no_folder_holds_no_keys),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
