/* token: buyer tokens. JWT (RFC 7519) with HS256 and nothing else; OpenSSL is seen here only.
 *
 *   header   {"alg":"HS256","kid":…}          the secret is chosen by kid; `crit` is refused
 *   payload  {"sub":…,"exp":…,"aud":…}        all needed; `nbf` is honoured; others are passed over
 *
 * The signature is compared, in a time that does not depend on where it differs, before anything of the payload is
 * looked at. So only a signed token is ever told that it has expired.
 *
 * Units    seconds since 1970.
 * Memory   the keys own their secrets and wipe them; a verified token is copied out.
 * Faults   loading: FAULT_IO, FAULT_CONFIG naming the file, never its content.
 * Thread   one at a time: every loop loads its own.
 */
#ifndef DIBS_HTTP_TOKEN_H
#define DIBS_HTTP_TOKEN_H

#include "base/error.h"
#include "base/text.h"
#include "http/limits.h"

struct token_keys;

/* One file per kid, "<kid>.key" with kid [A-Za-z0-9._-]{1,64}: its bytes without the line's end are the secret. A
 * folder that is not there holds no keys. */
int token_keys_load(const char *folder, struct token_keys **ret, struct error *error);
void token_keys_free(struct token_keys *keys);

struct token {
	char subject[TOKEN_SUBJECT_SIZE_MAX];
	uint8_t subject_size;
	int64_t expires_s;
};

enum token_answer { TOKEN_GOOD, TOKEN_BAD, TOKEN_EXPIRED, TOKEN_EARLY };

enum token_answer token_verify(const struct token_keys *keys, struct text audience, struct text text, int64_t now_s,
                               struct token *ret);

/* Appends a token to *ret. FAULT_NOT_FOUND: no such kid. */
int token_sign(const struct token_keys *keys, struct text kid, struct text audience, struct text subject,
               int64_t expires_s, struct buf *ret, struct error *error);

#endif
