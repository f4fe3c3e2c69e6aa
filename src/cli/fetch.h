/* fetch: one request after another to a running server, over one plain connection, for what surrounds a crowd: making a
 * drop, paying, reading the lists to check them. Works without settings, so that a demo can talk to the server that it
 * has just started.
 *
 * Memory   a fetch owns its connection and the last answer's body, which lives until the next call.
 * Faults   FAULT_NOT_FOUND: nobody listens; FAULT_BUSY: the connection was lost or the answer did not come in time (a
 *          kept connection that the server had closed is opened again by itself); FAULT_INVALID: not a server's URL.
 *          A problem that the server answers is no fault: look at the status.
 * Thread   one; it blocks.
 */
#ifndef DIBS_CLI_FETCH_H
#define DIBS_CLI_FETCH_H

#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/reply.h"

#define FETCH_HOST_SIZE 256
#define FETCH_BEARER_SIZE 1200 /* an API key, or a token of a thousand bytes */
#define FETCH_TIMEOUT_S 10     /* a list waits two seconds for its position at most */

struct fetch {
	char host[FETCH_HOST_SIZE];
	uint16_t port;
	char bearer[FETCH_BEARER_SIZE]; /* empty: none */
	char position[40];              /* sent as Dibs-Position, so that no answer is older; empty: none */
	int fd;                         /* -1: not connected */
	struct reply reply;
	struct buf body, request;
};

/* "http://host:port", "http://[::1]:8080"; without a port 80. Outputs untouched on failure. */
int server_url_parse(const char *url, char host[FETCH_HOST_SIZE], uint16_t *ret_port, struct error *error);

void fetch_init(struct fetch *fetch, const char *host, uint16_t port, const char *bearer);
void fetch_fini(struct fetch *fetch);

/* Returns the status, or a fault. path from "/" on, encoded; body empty: none; key NULL: none. */
int fetch_call(struct fetch *fetch, const char *method, const char *path, struct text body, const char *key,
               struct error *error);
/* The same; anything but a 2xx is a fault, with what the server said. */
int fetch_done(struct fetch *fetch, const char *method, const char *path, struct text body, const char *key,
               struct error *error);
/* The path of Link rel="next"; size 0: there is none. */
struct text fetch_next(const struct fetch *fetch);

#endif
