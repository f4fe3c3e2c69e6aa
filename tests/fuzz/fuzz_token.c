/* A buyer token. The first byte says what the rest is:
 *
 *   the text of a token as it comes · header and payload as JSON, a line each, which are then signed as a shop does it ·
 *   a token that dibs made itself, with a byte of it changed
 *
 *   - whoever is let in shows a signature that an HMAC of other hands (libsodium's) comes to as well, and a header and a
 *     payload that another look at the JSON finds to say so;
 *   - what dibs signs, dibs takes, and not with a byte of it changed;
 *   - base64url: what is decoded encodes to the same text.
 */
#include "fuzz.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/digest.h"
#include "http/base64url.h"
#include "http/token.h"

#define NOW_S INT64_C(1800000000)
#define KID "k1"
#define SECRET "0123456789abcdef0123456789abcdef"
#define AUDIENCE TEXT("dibs")

static struct token_keys *keys;

/* Keys come from a folder: one is made for as long as they are read. */
static void keys_init(void)
{
	char folder[] = "/tmp/dibs-fuzz-XXXXXX", path[64];
	struct error error = {0};
	must(sodium_init() >= 0 && mkdtemp(folder));
	snprintf(path, sizeof path, "%s/" KID ".key", folder);
	FILE *file = fopen(path, "we");
	must(file && fputs(SECRET "\n", file) >= 0 && fclose(file) == 0);
	digest_init();
	must(token_keys_load(folder, &keys, &error) == 0);
	must(unlink(path) == 0 && rmdir(folder) == 0);
}

static void sign(uint8_t out[32], struct text text)
{
	crypto_auth_hmacsha256_state state;
	crypto_auth_hmacsha256_init(&state, (const unsigned char *)SECRET, sizeof SECRET - 1);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)text.at, text.size);
	crypto_auth_hmacsha256_final(&state, out);
}

/* ---- another look at a token that was let in ---- */

static json_t *part(struct text text)
{
	uint8_t bytes[TOKEN_SIZE_MAX];
	size_t size = 0;
	must(sodium_base642bin(bytes, sizeof bytes, text.at, text.size, NULL, &size, NULL,
	                       sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0);
	json_t *json = json_loadb((const char *)bytes, size, 0, NULL);
	must(json);
	return json;
}

static bool names_audience(const json_t *audience)
{
	const json_t *one;
	size_t i;
	if (json_is_string(audience))
		return strcmp(json_string_value(audience), "dibs") == 0;
	json_array_foreach(audience, i, one)
	{
		if (json_is_string(one) && strcmp(json_string_value(one), "dibs") == 0)
			return true;
	}
	return false;
}

static void check_parts(struct text header_text, struct text payload_text, const struct token *token)
{
	json_t *header = part(header_text), *payload = part(payload_text);
	must(strcmp(json_string_value(json_object_get(header, "alg")), "HS256") == 0);
	must(strcmp(json_string_value(json_object_get(header, "kid")), KID) == 0);
	must(!json_object_get(header, "crit"));
	must(names_audience(json_object_get(payload, "aud")));
	must(json_integer_value(json_object_get(payload, "exp")) == token->expires_s);
	must(token->expires_s > NOW_S && json_integer_value(json_object_get(payload, "nbf")) <= NOW_S);
	const char *subject = json_string_value(json_object_get(payload, "sub"));
	must(text_is(text_of(subject), (struct text){token->subject, token->subject_size}));
	must(text_is_visible(text_of(subject), TOKEN_SUBJECT_SIZE_MAX));
	json_decref(header);
	json_decref(payload);
}

static void check_good(struct text text, const struct token *token)
{
	uint8_t ours[32], theirs[32];
	size_t size = 0;
	const char *first = memchr(text.at, '.', text.size), *last = memrchr(text.at, '.', text.size);
	must(first && last > first && !memchr(first + 1, '.', (size_t)(last - first - 1)));
	size_t signature_size = text.size - (size_t)(last + 1 - text.at);
	must(sodium_base642bin(theirs, sizeof theirs, last + 1, signature_size, NULL, &size, NULL,
	                       sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
	     size == 32);
	sign(ours, (struct text){text.at, (size_t)(last - text.at)});
	must(memcmp(ours, theirs, 32) == 0);
	check_parts((struct text){text.at, (size_t)(first - text.at)},
	            (struct text){first + 1, (size_t)(last - first - 1)}, token);
}

static enum token_answer verify(struct text text)
{
	struct token token = {.subject_size = 0};
	enum token_answer answer = token_verify(keys, AUDIENCE, text, NOW_S, &token);
	if (answer == TOKEN_GOOD)
		check_good(text, &token);
	return answer;
}

/* ---- the three ways to make one ---- */

static void as_it_comes(struct text text)
{
	uint8_t bytes[2048];
	size_t size;
	verify(text);
	if (!base64url_decode(text, bytes, sizeof bytes, &size))
		return;
	struct buf again = {0};
	base64url_encode(&again, bytes, size);
	must(text_is(buf_as_text(&again), text));
	buf_fini(&again);
}

/* Header and payload as JSON; without a header, the usual one. */
static void properly_signed(struct text text)
{
	static const char usual[] = "{\"alg\":\"HS256\",\"kid\":\"" KID "\"}";
	uint8_t signature[32];
	struct buf token = {0};
	const char *line = text.size ? memchr(text.at, '\n', text.size) : NULL;
	size_t header = line ? (size_t)(line - text.at) : 0, from = line ? header + 1 : 0;
	if (header)
		base64url_encode(&token, text.at, header);
	else
		base64url_encode(&token, usual, sizeof usual - 1);
	buf_str(&token, ".");
	base64url_encode(&token, text.at + from, text.size - from);
	sign(signature, buf_as_text(&token));
	buf_str(&token, ".");
	base64url_encode(&token, signature, sizeof signature);
	must(!token.failed);
	verify(buf_as_text(&token));
	buf_fini(&token);
}

static void made_here(struct input *input)
{
	struct buf token = {0};
	struct error error = {0};
	size_t at = (size_t)input_number(input, 2);
	uint8_t change = input_u8(input);
	int64_t expires_s = (int64_t)input_number(input, 5);
	struct text subject = input_text(input, input->left);
	int fault = token_sign(keys, TEXT(KID), AUDIENCE, subject, expires_s, &token, &error);
	must((fault == 0) == text_is_visible(subject, TOKEN_SUBJECT_SIZE_MAX));
	if (fault == 0) {
		must(verify(buf_as_text(&token)) == (expires_s > NOW_S ? TOKEN_GOOD : TOKEN_EXPIRED));
		token.at[at % token.size] ^= (char)change;
		must(change == 0 || verify(buf_as_text(&token)) == TOKEN_BAD);
	}
	buf_fini(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = {bytes, size};
	if (!keys)
		keys_init();
	switch (input_u8(&input) % 3) {
	case 0:
		as_it_comes(input_text(&input, size));
		break;
	case 1:
		properly_signed(input_text(&input, size));
		break;
	default:
		made_here(&input);
	}
	return 0;
}
