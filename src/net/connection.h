/* connection: one client's socket, the requests it waits for and the bytes it has yet to get.
 *
 *                 ┌──────────── connection_input ◄── on_read ◄── socket
 *                 ▼
 *   http1_feed ► incoming ► queue (first … last) ► handler … exchange_reply ► output ► connection_attend ► socket
 *                                                                       (once per round, for all that has gathered)
 *
 * Reading goes on while answers wait, up to limits.pipeline of them or CONNECTION_OUTPUT_PAUSE of unsent output; then
 * it pauses, what was read and not parsed waits in `rest`, and it resumes when half of that is gone.
 *
 *   open ─ last answer said ─► closing ─ all sent ─► lingering ─ client closed, or LINGER_MS ─► closed
 *     └───────────── reset, write failed, a bound ───────────────────────────────────────────────►┘
 *
 * What stands on the wire is http1.c's business alone. HTTP/2 and WebSocket come beside it: each brings a feed() that
 * makes turns out of bytes and a reply() that makes bytes out of answers; everything here stays.
 *
 * Memory   one malloc per connection, CONNECTION_BYTES_MAX at most when idle; it lives until its socket is closed and
 *          the last of its exchanges is answered.
 * Thread   the loop's.
 */
#ifndef DIBS_NET_CONNECTION_H
#define DIBS_NET_CONNECTION_H

#include <netinet/in.h>
#include <uv.h>

#include "net/exchange.h"
#include "net/http1.h"
#include "net/list.h"
#include "net/timeouts.h"

#define LINGER_MS 2000          /* for a client to read its last answer before its further bytes reset it */
#define LINGER_BYTES (1u << 20) /* and what it may still send meanwhile */
#define CONNECTION_OUTPUT_PAUSE \
	(1u << 16)                /* unsent answers, then no more requests are parsed: a socket buffer's worth */
#define CONNECTION_BYTES_MAX 1008 /* with malloc's own 16: the aim of 1 KiB per idle connection */
#define CONNECTION_VECTOR 64      /* pieces handed to one write */
#define CONNECTION_WRITE_BYTES (1u << 18) /* and bytes: what a client must read within write_ms to stay */
#define PEER_SIZE 56                      /* "[" an IPv6 address "]:" a port */

struct net_loop;

struct connection {
	uv_tcp_t tcp; /* first: a stream is a connection */
	struct net_loop *loop;
	struct http1 http1;
	struct turn *incoming; /* being read */
	struct turn *first, *last;
	uint32_t waiting; /* turns from first to last */
	uint32_t lingered;
	struct output output;
	char *rest; /* read, not parsed: paused */
	uint32_t rest_at, rest_size;
	struct link all, attention;
	struct timeout reading, writing;
	uv_write_t write;
	size_t write_size;
	uint64_t user[NET_CONNECTION_USER];
	struct in6_addr address;
	char peer[PEER_SIZE];
	uint8_t peer_size;
	bool counted;       /* among net's connections and its address's; refused ones are not */
	bool refused;       /* one of loop->refused_lingering */
	bool paused;        /* not reading, for its answers are not taken */
	bool ended;         /* the client has sent its last byte */
	bool closing;       /* the last answer is queued or sent: nothing is parsed any more */
	bool starved;       /* no memory for its last request: 503 when its turn comes */
	bool broken;        /* an answer could not be kept: close */
	bool lingering;     /* all sent, our side is shut */
	bool write_pending; /* libuv has `write` */
	bool closed;        /* uv_close() called */
	bool handle_gone;   /* and done */
};

/* Takes over fd. One that is beyond the bounds is answered 503 and let go. */
void connection_open(struct net_loop *loop, int fd, const struct sockaddr_storage *from);
void connection_turn_away(struct net_loop *loop, int fd); /* with a constant 503, closed at once */
void connection_close(struct connection *c);              /* at once; its exchanges are `gone` */
/* At the end of a round: sends, resumes, sets time-outs, ends what has ended. */
void connection_attend(struct connection *c);
void connection_needs_attention(struct connection *c);
/* A turn has its answer: sends on what has become due. */
void connection_answered(struct connection *c);
/* A turn of a closed connection has been answered into the void. */
void connection_forget(struct connection *c, struct turn *turn);
void connection_free_closed(struct connection *c);
void connection_timed_out(struct connection *c, enum timeout_kind kind);
void connection_check_rate(struct connection *c, uint64_t now_ms);
bool connection_is_idle(const struct connection *c);

#endif
