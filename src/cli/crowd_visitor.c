/* One connection of a crowd.
 *
 *   away ──visitor_open──► opening ──on_opened──► idle ◄──visitor_told── busy
 *    ▲                        │                    └──────visitor_ask─────►│
 *    └──on_closed── closing ◄─┴──visitor_close─────────visitor_lost────────┘
 */
#include "cli/crowd_inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"

#define REOPEN_NS UINT64_C(20000000) /* a lost connection is tried again after 20 ms */

static struct visitors *list_of(struct visitor *visitor)
{
	struct crowd *crowd = visitor->crowd;
	switch (visitor->state) {
	case VISITOR_AWAY:
		return &crowd->away;
	case VISITOR_IDLE:
		return &crowd->idle;
	case VISITOR_BUSY:
		return &crowd->busy;
	default:
		return NULL;
	}
}

static void visitor_becomes(struct visitor *visitor, enum visitor_state state)
{
	struct visitors *from = list_of(visitor);
	if (from)
		TAILQ_REMOVE(from, visitor, in);
	visitor->state = state;
	struct visitors *to = list_of(visitor);
	if (to)
		TAILQ_INSERT_TAIL(to, visitor, in);
}

static void on_closed(uv_handle_t *handle)
{
	struct visitor *visitor = handle->data;
	visitor->since_ns = clock_mono().ns + REOPEN_NS;
	visitor_becomes(visitor, VISITOR_AWAY);
}

void visitor_close(struct visitor *visitor)
{
	if (visitor->state == VISITOR_AWAY || visitor->state == VISITOR_CLOSING)
		return;
	if (visitor->state == VISITOR_OPENING)
		visitor->crowd->opening_count--;
	else
		visitor->crowd->open_count--;
	visitor_becomes(visitor, VISITOR_CLOSING);
	uv_close((uv_handle_t *)&visitor->tcp, on_closed);
}

void visitor_lost(struct visitor *visitor, const char *why)
{
	struct crowd *crowd = visitor->crowd;
	bool busy = visitor->state == VISITOR_BUSY;
	if (crowd->started && !crowd->ending)
		crowd->result->reconnects++;
	visitor_close(visitor);
	if (busy)
		crowd_outcome_unknown(crowd, visitor->claim, 0, text_of(why));
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct visitor *visitor = handle->data;
	*ret = uv_buf_init(visitor->crowd->read_bytes, CROWD_READ_SIZE);
}

static void visitor_told(struct visitor *visitor)
{
	struct crowd *crowd = visitor->crowd;
	if (TAILQ_EMPTY(&crowd->idle))
		crowd->stalled_ns = clock_mono().ns;
	crowd_take_answer(crowd, visitor->claim, &visitor->reply);
	if (visitor->reply.keep_alive)
		visitor_becomes(visitor, VISITOR_IDLE);
	else
		visitor_close(visitor);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *bytes)
{
	struct visitor *visitor = stream->data;
	int whole;
	if (size == 0)
		return;
	if (size < 0)
		whole = size == UV_EOF ? reply_end(&visitor->reply) : -1;
	else
		whole = reply_feed(&visitor->reply, bytes->base, (size_t)size);
	if (whole > 0)
		visitor_told(visitor);
	if (whole < 0 || (size < 0 && visitor->state != VISITOR_CLOSING))
		visitor_lost(visitor, size < 0 ? "connection_lost" : "no_http");
}

static void on_opened(uv_connect_t *request, int status)
{
	struct visitor *visitor = request->data;
	struct crowd *crowd = visitor->crowd;
	if (visitor->state != VISITOR_OPENING)
		return;
	if (status == 0)
		status = uv_read_start((uv_stream_t *)&visitor->tcp, on_room, on_read);
	if (status < 0) {
		crowd->open_fault = status;
		visitor_close(visitor);
		return;
	}
	crowd->opening_count--;
	crowd->open_count++;
	visitor_becomes(visitor, VISITOR_IDLE);
}

void visitor_open(struct visitor *visitor)
{
	struct crowd *crowd = visitor->crowd;
	must(uv_tcp_init(&crowd->loop, &visitor->tcp) == 0);
	visitor->tcp.data = visitor;
	visitor->opening.data = visitor;
	reply_init(&visitor->reply, NULL);
	visitor_becomes(visitor, VISITOR_OPENING);
	crowd->opening_count++;
	int status = uv_tcp_connect(&visitor->opening, &visitor->tcp, (struct sockaddr *)&crowd->server, on_opened);
	if (status == 0)
		status = uv_tcp_nodelay(&visitor->tcp, 1);
	if (status < 0) {
		crowd->open_fault = status;
		visitor_close(visitor);
	}
}

struct slow_write {
	uv_write_t request;
	char bytes[];
};

static void on_slow_write(uv_write_t *request, int status)
{
	free(request->data); /* a failed write shows as a lost connection */
}

/* The socket took only a part: hand the rest to libuv. Rare: one request is far smaller than a socket's buffer. */
static int write_rest(struct visitor *visitor, const char *bytes, size_t size)
{
	struct slow_write *write = malloc(sizeof *write + size);
	if (!write)
		return UV_ENOMEM;
	memcpy(write->bytes, bytes, size);
	write->request.data = write;
	uv_buf_t buffer = uv_buf_init(write->bytes, (unsigned)size);
	int status = uv_write(&write->request, (uv_stream_t *)&visitor->tcp, &buffer, 1, on_slow_write);
	if (status < 0)
		free(write);
	return status;
}

void visitor_ask(struct visitor *visitor, uint32_t claim, uint64_t now_ns)
{
	struct crowd *crowd = visitor->crowd;
	struct crowd_answer *answer = &crowd->result->answers[claim];
	size_t size = claim_request_write(&crowd->request, claim, crowd->request_bytes);
	uv_buf_t buffer = uv_buf_init(crowd->request_bytes, (unsigned)size);
	if (answer->tries < UINT8_MAX)
		answer->tries++;
	visitor->claim = claim;
	visitor->since_ns = now_ns;
	visitor_becomes(visitor, VISITOR_BUSY);
	reply_await(&visitor->reply);
	int sent = uv_try_write((uv_stream_t *)&visitor->tcp, &buffer, 1);
	if (sent == UV_EAGAIN)
		sent = 0;
	if (sent >= 0 && (size_t)sent < size)
		sent = write_rest(visitor, crowd->request_bytes + sent, size - (size_t)sent);
	if (sent < 0)
		visitor_lost(visitor, "connection_lost");
}
