/* net: loops, listeners and the one request/reply interface that HTTP/1.1 (and later HTTP/2 and WebSocket) stand behind.
 *
 *   socket → llhttp → struct exchange → handler …later, same thread… → exchange_reply → socket, in order
 *
 * Threads  each loop is one thread with its own SO_REUSEPORT listener; an exchange belongs to its loop's thread from
 *          handler to reply. net_wake() alone may be called from any thread.
 * Memory   request texts and exchange_alloc() live until the reply is handed over. A client that goes away sets
 *          `gone`; the exchange still waits for its exchange_reply(), which then only frees it.
 * Bounds   struct net_limits; each answers with its status where one can be sent. What net refuses itself goes through
 *          net_options.refuse as status and code: 400 malformed, 408 timeout, 413 too_large, 414 line_too_long,
 *          417 expectation_failed, 431 headers_too_large, 501 not_supported (CONNECT, Upgrade, other transfer codings),
 *          503 overloaded, 505 version_not_supported. The connection closes after it.
 * Time     time-outs are looked at every 100 ms, rates once a second.
 */
#ifndef DIBS_NET_NET_H
#define DIBS_NET_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "base/time.h"

enum method { METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_PUT, METHOD_DELETE, METHOD_OPTIONS, METHOD_OTHER };

struct header {
	struct text name, value; /* the name as sent; compare with header_is() */
};

struct net_loop;

struct exchange {
	enum method method;
	struct text method_name;
	struct text path;  /* undecoded, begins with "/" */
	struct text query; /* without "?"; empty: none */
	const struct header *headers;
	uint32_t header_count;
	struct text body;
	bool gone;               /* the client is not there any more */
	struct text peer;        /* "127.0.0.1:53412" */
	struct mono_ns received; /* when its last byte was read */
	uint32_t loop;           /* the loop's number, from 0 */
	struct net_loop *on;
	void *user; /* the handler's own */
	uint64_t
	    *connection_user; /* NET_CONNECTION_USER words of the handler's own, kept per connection, zero at first */
};

#define NET_CONNECTION_USER 4

/* NULL size 0 when it is not there; the first one when it is there twice. */
struct text exchange_header(const struct exchange *exchange, struct text name);
bool header_is(struct text name, struct text lower_case);

/* Memory that lives as long as the exchange, zeroed by alloc, as it comes by take; NULL when the system gives none. */
void *exchange_alloc(struct exchange *exchange, size_t size);
void *exchange_take(struct exchange *exchange, size_t size);

/* Answers; the exchange is gone after it. header_lines: whole lines, each "Name: value\r\n"; Content-Length, Date and
 * Connection are net's. body is copied. On HEAD the body is counted and not sent. */
void exchange_reply(struct exchange *exchange, int status, struct text header_lines, struct text body);

/* What a parser or a bound refuses before there is an exchange: writes the problem's body and header lines. */
typedef void net_refuse_fn(void *context, int status, const char *code, const char *detail, struct buf *header_lines,
                           struct buf *body);

struct net_limits {
	uint32_t connections;             /* all loops together */
	uint32_t connections_per_address; /* 0: no such bound */
	uint32_t line_bytes;              /* request line */
	uint32_t header_bytes;            /* all headers together */
	uint32_t header_count;
	uint32_t body_bytes;
	uint32_t pipeline;     /* exchanges of one connection that wait; more are not read */
	uint32_t header_ms;    /* total, from the first byte of a request to the end of its headers */
	uint32_t body_ms;      /* total, for the body */
	uint32_t body_rate;    /* bytes a second at least, after the first second; 0: none */
	uint32_t idle_ms;      /* keep-alive */
	uint32_t write_ms;     /* a client that does not read its answers */
	uint32_t output_bytes; /* unsent answers of one connection; more closes it */
};
#define NET_LIMITS_DEFAULT \
	((struct net_limits){.connections = 16384, \
	                     .connections_per_address = 0, \
	                     .line_bytes = 8192, \
	                     .header_bytes = 16384, \
	                     .header_count = 64, \
	                     .body_bytes = 1u << 20, \
	                     .pipeline = 64, \
	                     .header_ms = 10000, \
	                     .body_ms = 30000, \
	                     .body_rate = 512, \
	                     .idle_ms = 75000, \
	                     .write_ms = 30000, \
	                     .output_bytes = 4u << 20})

struct net_options {
	const char *listen; /* "127.0.0.1:8080", "[::1]:8080", port 0: any */
	uint32_t loops;
	struct net_limits limits;
	void (*handle)(void *context, struct exchange *exchange); /* a whole request; reply now or later */
	void (*round_end)(void *context, uint32_t loop); /* once per loop round in which something was handled */
	void (*woken)(void *context, uint32_t loop);     /* after net_wake(), coalesced */
	void (*tick)(void *context, uint32_t loop);      /* about every 100 ms; may be NULL */
	net_refuse_fn *refuse;
	void *context;
};

struct net;
/* Binds and listens (so that a port in use is known at once); answers nothing until net_run_start(). */
int net_open(const struct net_options *options, struct net **ret, struct error *error);
uint16_t net_port(const struct net *net);
int net_run_start(struct net *net, struct error *error); /* one thread per loop */
void net_wake(struct net *net, uint32_t loop);           /* any thread */
/* Graceful: stops accepting, says "Connection: close" from now on, closes idle connections, waits for the others up to
 * grace_ms, closes what is left; joins. The handler must go on answering until it returns. */
void net_stop(struct net *net, uint32_t grace_ms);
void net_close(struct net *net);
bool net_is_draining(const struct net *net);

/* Runs work on the small pool, then done on the exchange's loop, whatever has become of the exchange meanwhile.
 * False: the pool's queue is full (LOOP_WORK_MAX in all; nothing runs). */
bool net_work(struct exchange *exchange, void (*work)(void *argument), void (*done)(void *argument), void *argument);

struct net_statistics {
	uint64_t accepted, refused_connections, requests, bad_requests, timeouts;
	uint32_t connections;
	uint64_t loop_lag_ns_max; /* longest round since it was last asked for */
	uint64_t loop_rounds, loop_busy_ns;
	size_t connection_bytes; /* ours, per idle connection */
};
void net_statistics(struct net *net, struct net_statistics *ret); /* any thread */

#endif
