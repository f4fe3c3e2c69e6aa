#include "cli/buyer_tokens.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "cli/claim_request.h"
#include "http/token.h"

#define VALID_S 86400

static int is_secret(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name);
	return size > 4 && strcmp(entry->d_name + size - 4, ".key") == 0;
}

static int first_kid(const char *folder, char ret[256], struct error *error)
{
	struct dirent **found;
	int count = scandir(folder, &found, is_secret, alphasort);
	if (count <= 0) {
		if (count == 0)
			free(found);
		return error_set(error, FAULT_NOT_FOUND, "%s: no secret for buyer tokens (<kid>.key): %s", folder,
		                 count < 0 ? strerror(errno) : "none there");
	}
	snprintf(ret, 256, "%.*s", (int)(strlen(found[0]->d_name) - 4), found[0]->d_name);
	while (count)
		free(found[--count]);
	free(found);
	return 0;
}

static int sign_all(struct buyer_tokens *tokens, const struct token_keys *keys, const char *kid, const char *audience,
                    const char *run, uint32_t buyers, struct error *error)
{
	int64_t expires_s = clock_wall().ms / 1000 + VALID_S;
	for (uint32_t i = 0; i < buyers; i++) {
		char buyer[CLAIM_BUYER_SIZE];
		struct text who = {buyer, claim_buyer_write(run, i, buyer)};
		size_t before = tokens->bytes.size;
		int code = token_sign(keys, text_of(kid), text_of(audience), who, expires_s, &tokens->bytes, error);
		if (code)
			return code;
		tokens->of[i].size = tokens->bytes.size - before;
	}
	return tokens->bytes.failed ? error_set(error, FAULT_MEMORY, "no memory for %u tokens", buyers) : 0;
}

/* The bytes moved while they grew: only now is it known where each text is. */
static void place_all(struct buyer_tokens *tokens, uint32_t buyers)
{
	const char *at = tokens->bytes.at;
	for (uint32_t i = 0; i < buyers; i++) {
		tokens->of[i].at = at;
		at += tokens->of[i].size;
	}
}

int buyer_tokens_make(const char *folder, const char *audience, const char *run, uint32_t buyers,
                      struct buyer_tokens *ret, struct error *error)
{
	char kid[256];
	struct token_keys *keys;
	struct buyer_tokens tokens = {.of = calloc(buyers, sizeof *tokens.of)};
	int code = tokens.of ? first_kid(folder, kid, error)
	                     : error_set(error, FAULT_MEMORY, "no memory for %u tokens", buyers);
	if (code == 0)
		code = token_keys_load(folder, &keys, error);
	if (code == 0) {
		code = sign_all(&tokens, keys, kid, audience, run, buyers, error);
		token_keys_free(keys);
	}
	if (code) {
		buyer_tokens_fini(&tokens);
		return code;
	}
	place_all(&tokens, buyers);
	*ret = tokens;
	return 0;
}

void buyer_tokens_fini(struct buyer_tokens *tokens)
{
	free(tokens->of);
	buf_fini(&tokens->bytes);
	*tokens = (struct buyer_tokens){0};
}
