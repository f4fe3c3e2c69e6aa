/* stage: a real net on a port of its own, a handler that does as the path says, and clients with raw sockets.
 *
 *   /echo        200 at once; the body says what was understood: "POST /echo ?query [body]"
 *   /late        waits until stage_release(); then all that wait are answered, the newest first
 *   /big?N       200 with N bytes
 *   /work        answered by the pool's work
 *   /user        counts in connection_user[0] and says it
 */
#ifndef DIBS_TESTS_NET_STAGE_H
#define DIBS_TESTS_NET_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/net.h"

#define STAGE_HELD_MAX 4096
#define WAIT_MS 5000 /* nothing here takes so long, unless it is broken */

struct stage {
	struct net *net;
	struct net_options options;
	struct exchange *held[STAGE_HELD_MAX];
	_Atomic uint32_t held_count;
	_Atomic uint32_t gone; /* of those released */
	_Atomic uint32_t rounds, ticks, wakes, worked;
	atomic_bool release;
	atomic_bool work_blocked;
	struct exchange *working; /* of /work */
	_Atomic uint64_t received_ns;
};

/* limits NULL: the defaults. One loop. */
struct stage *stage_open(const struct net_limits *limits);
void stage_close(struct stage *stage);
void stage_release(struct stage *stage);
void stage_wait_held(struct stage *stage, uint32_t count); /* until so many wait */
struct net_statistics stage_statistics(struct stage *stage);
uint32_t stage_free_chunks(struct stage *stage); /* of the loop's pool; only when it has stopped */

struct client {
	int fd;
	char bytes[1 << 17];
	size_t size;
	/* the answer that client_answer() took */
	char head[4096];
	char body[1 << 16];
	size_t body_size;
};

struct client *client_new(struct stage *stage);
struct client *client_from(struct stage *stage, const char *local_address);
void client_free(struct client *client);
void client_send(struct client *client, const void *bytes, size_t size);
void client_say(struct client *client, const char *text);
/* The next answer's status; 0: the connection was closed before one came; -1: nothing came in time. */
int client_answer(struct client *client);
int client_answer_to(struct client *client, const char *method);
/* Nothing comes for so long. */
bool client_hears_nothing(struct client *client, int ms);
/* The server closes, and nothing but that comes. */
bool client_is_closed(struct client *client);
void client_reset(struct client *client);                           /* RST: gone at once */
const char *client_header(struct client *client, const char *name); /* of the last answer; NULL: not there */

void sleep_ms(int ms);

#endif
