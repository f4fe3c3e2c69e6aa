/* auth: who is asking, from the text behind "Authorization: Bearer".
 *
 * A text that begins with "dibs_" is an API key: its BLAKE2b-256 is looked up by the owner of the keys. Anything else
 * is to be a buyer token (token.h). What was verified is remembered by a keyed digest of the text, until the token
 * expires or the keys change; so a caller that stays costs one digest a request.
 *
 * Memory   taken in auth_new(). Names in a principal are copied out.
 * Thread   one: every loop has its own.
 */
#ifndef DIBS_HTTP_AUTH_H
#define DIBS_HTTP_AUTH_H

#include "base/digest.h"
#include "base/error.h"
#include "base/text.h"
#include "http/limits.h"

enum caller { CALLER_NONE, CALLER_BUYER, CALLER_VIEWER, CALLER_SHOP, CALLER_ADMIN };

struct principal {
	enum caller caller;
	uint8_t name_size;
	char name[64]; /* the buyer, or the API key's id */
};

static inline struct text principal_name(const struct principal *principal)
{
	return (struct text){principal->name, principal->name_size};
}

struct auth_options {
	const char *token_folder;
	const char *audience; /* lives as long as the auth */
	/* The principal of the key with this hash, if there is one and it is not revoked. */
	bool (*key_find)(void *context, const uint8_t hash[BLAKE_SIZE], struct principal *ret);
	uint64_t (*keys_version)(void *context); /* rises with every change of the keys */
	void *context;
};

struct auth;
int auth_new(const struct auth_options *options, struct auth **ret, struct error *error);
void auth_free(struct auth *auth);

enum auth_answer { AUTH_GOOD, AUTH_BAD, AUTH_EXPIRED };
enum auth_answer auth_check(struct auth *auth, struct text bearer, int64_t now_s, struct principal *ret);

#endif
