/* client: asks a running server over HTTP. client.c is the only file that sees libcurl.
 *
 * The server is the setting `server`; the key is the secret `key`, else admin.key in the data directory, else none.
 *
 * Memory   a client owns its connection and the last answer; texts of an answer live until the next call.
 * Faults   FAULT_BUSY: no server there, or it did not answer in time (one line that says which); FAULT_INVALID: a URL
 *          or header that cannot be sent. A problem that the server answers is no fault: see client_ask().
 * Thread   one.
 */
#ifndef DIBS_CLI_CLIENT_H
#define DIBS_CLI_CLIENT_H

#include "cli/invocation.h"

struct client;

struct answer_text {
	int status;
	struct text body;
	struct text next; /* path and query of Link rel="next"; size 0: there is none */
};

int client_open(const struct settings *settings, struct client **ret, struct error *error);
void client_close(struct client *client);

struct request {
	const char *method;
	const char *path;            /* from "/v1" on, encoded */
	struct text body;            /* JSON; size 0: none */
	const char *idempotency_key; /* NULL: none */
};

/* Whatever the server says: 0 and the answer, or a fault when it said nothing. */
int client_call(struct client *client, const struct request *request, struct answer_text *ret, struct error *error);
/* An answer that is no 2xx is a fault, with its code, detail, and what to do. */
int client_check(const struct client *client, const struct answer_text *answer, struct error *error);
/* Both. */
int client_ask(struct client *client, const struct request *request, struct answer_text *ret, struct error *error);

/* Answers carry their position, and the next request sends it back: so no answer is older than the one before. This
 * forgets it, for a list that is better old than not there. */
void client_forget_position(struct client *client);

/* A path segment, percent-encoded where it must be. */
void path_put(struct buf *out, const char *segment);
/* A random idempotency key. */
#define IDEMPOTENCY_KEY_SIZE 37
void idempotency_key_make(char out[IDEMPOTENCY_KEY_SIZE]);

#endif
