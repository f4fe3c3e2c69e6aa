#include "http/auth.h"

#include <stdlib.h>

#include "http/token.h"

#define KEY_PREFIX "dibs_"

struct remembered {
	struct digest128 text;
	uint64_t keys_version; /* API keys: valid while it is this */
	int64_t expires_s;     /* tokens: valid before */
	struct principal principal;
};

struct auth {
	struct auth_options options;
	struct token_keys *tokens;
	uint8_t digest_key[DIGEST_KEY_SIZE];
	struct remembered remembered[AUTH_REMEMBERED];
};

int auth_new(const struct auth_options *options, struct auth **ret, struct error *error)
{
	struct auth *auth = calloc(1, sizeof *auth);
	if (!auth)
		return error_set(error, FAULT_MEMORY, "no memory for authentication");
	int fault = token_keys_load(options->token_folder, &auth->tokens, error);
	if (fault) {
		free(auth);
		return fault;
	}
	auth->options = *options;
	random_bytes(auth->digest_key, sizeof auth->digest_key);
	*ret = auth;
	return 0;
}

void auth_free(struct auth *auth)
{
	if (!auth)
		return;
	token_keys_free(auth->tokens);
	free(auth);
}

static bool is_api_key(struct text bearer)
{
	return bearer.size > sizeof KEY_PREFIX - 1 && memcmp(bearer.at, KEY_PREFIX, sizeof KEY_PREFIX - 1) == 0;
}

static enum auth_answer check_key(struct auth *auth, struct text bearer, struct remembered *ret)
{
	uint8_t hash[BLAKE_SIZE];
	if (!text_is_visible(bearer, API_KEY_SIZE_MAX))
		return AUTH_BAD;
	blake2b256(hash, bearer.at, bearer.size);
	if (!auth->options.key_find(auth->options.context, hash, &ret->principal))
		return AUTH_BAD;
	ret->expires_s = INT64_MAX;
	return AUTH_GOOD;
}

static enum auth_answer check_token(struct auth *auth, struct text bearer, int64_t now_s, struct remembered *ret)
{
	struct token token = {.subject_size = 0};
	enum token_answer answer = token_verify(auth->tokens, text_of(auth->options.audience), bearer, now_s, &token);
	if (answer == TOKEN_EXPIRED)
		return AUTH_EXPIRED;
	if (answer != TOKEN_GOOD)
		return AUTH_BAD;
	ret->expires_s = token.expires_s;
	ret->principal.caller = CALLER_BUYER;
	ret->principal.name_size = token.subject_size;
	memcpy(ret->principal.name, token.subject, token.subject_size);
	return AUTH_GOOD;
}

static bool is_still_good(const struct remembered *slot, struct digest128 digest, uint64_t version, int64_t now_s)
{
	return slot->principal.caller != CALLER_NONE && digest128_is(slot->text, digest) &&
	       (slot->principal.caller == CALLER_BUYER || slot->keys_version == version) && now_s < slot->expires_s;
}

enum auth_answer auth_check(struct auth *auth, struct text bearer, int64_t now_s, struct principal *ret)
{
	/* the version is read first: a change during the look-up makes what is remembered stale, not wrong */
	uint64_t version = auth->options.keys_version(auth->options.context);
	if (bearer.size > TOKEN_SIZE_MAX)
		return AUTH_BAD;
	struct digest128 digest = digest128(auth->digest_key, bearer.at, bearer.size);
	struct remembered *slot = &auth->remembered[digest.a % AUTH_REMEMBERED];
	if (is_still_good(slot, digest, version, now_s)) {
		*ret = slot->principal;
		return AUTH_GOOD;
	}
	struct remembered fresh = {.text = digest, .keys_version = version};
	enum auth_answer answer =
	    is_api_key(bearer) ? check_key(auth, bearer, &fresh) : check_token(auth, bearer, now_s, &fresh);
	if (answer == AUTH_GOOD) {
		*slot = fresh;
		*ret = fresh.principal;
	}
	return answer;
}
