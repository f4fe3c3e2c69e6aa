#include "net/connection.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/must.h"
#include "net/loop.h"

_Static_assert(sizeof(struct connection) <= CONNECTION_BYTES_MAX, "an idle connection keeps to its size");

static void on_closed(uv_handle_t *handle);
static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf);
static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf);

/* Opening. */

static void peer_init(struct connection *c, const struct sockaddr_storage *from)
{
	char text[INET6_ADDRSTRLEN] = "";
	int size = 0;
	if (from->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)from;
		c->address = in6->sin6_addr;
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
		size = snprintf(c->peer, sizeof c->peer, "[%s]:%u", text, ntohs(in6->sin6_port));
	} else {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)from;
		const uint32_t words[4] = {0, 0, htonl(0xffff), in->sin_addr.s_addr}; /* IPv4 mapped into IPv6 */
		memcpy(&c->address, words, sizeof words);
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
		size = snprintf(c->peer, sizeof c->peer, "%s:%u", text, ntohs(in->sin_port));
	}
	c->peer_size = (uint8_t)size;
}

static struct connection *connection_new(struct net_loop *loop, const struct sockaddr_storage *from)
{
	struct connection *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->loop = loop;
	link_init(&c->attention);
	timeout_init(&c->reading);
	timeout_init(&c->writing);
	peer_init(c, from);
	http1_init(c);
	return c;
}

/* False: this is one connection too many. */
static bool connection_admit(struct connection *c)
{
	struct net *net = c->loop->net;
	if (atomic_fetch_add_explicit(&net->connections, 1, memory_order_relaxed) < c->loop->limits->connections) {
		if (!net->addresses || addresses_take(net->addresses, &c->address)) {
			c->counted = true;
			return true;
		}
	}
	atomic_fetch_sub_explicit(&net->connections, 1, memory_order_relaxed);
	return false;
}

static void connection_dismiss(struct connection *c)
{
	struct net *net = c->loop->net;
	if (!c->counted)
		return;
	if (net->addresses)
		addresses_give(net->addresses, &c->address);
	atomic_fetch_sub_explicit(&net->connections, 1, memory_order_relaxed);
	c->counted = false;
}

/* Answers a connection that is one too many; it lingers like any other so that its client can read why. */
static void connection_refuse(struct connection *c)
{
	struct turn *turn = turn_new(c);
	counter_add(&c->loop->refused, 1);
	c->loop->refused_lingering++;
	c->refused = c->closing = true;
	connection_needs_attention(c);
	if (!turn) {
		c->starved = true;
		return;
	}
	turn->last = true;
	loop_refusal(c->loop, 503, "overloaded", "this server has as many connections as it takes");
	c->broken = !http1_reply(turn, &c->output, 503, buf_as_text(&c->loop->refusal_headers),
	                         buf_as_text(&c->loop->refusal_body));
	turn_free(turn);
}

/* What cannot be kept is told in one attempt and let go. */
void connection_turn_away(struct net_loop *loop, int fd)
{
	counter_add(&loop->refused, 1);
	send(fd, http1_starved.at, http1_starved.size, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	recv(fd, loop->read_buffer, LOOP_READ_BYTES, MSG_DONTWAIT); /* unread bytes would reset what was just sent */
	close(fd);
}

static bool connection_adopt(struct connection *c, int fd)
{
	must(uv_tcp_init(&c->loop->uv, &c->tcp) == 0);
	link_append(&c->loop->connections, &c->all);
	if (uv_tcp_open(&c->tcp, fd) != 0) {
		close(fd);
		connection_close(c);
		return false;
	}
	return true;
}

void connection_open(struct net_loop *loop, int fd, const struct sockaddr_storage *from)
{
	struct connection *c = connection_new(loop, from);
	bool admitted = c && connection_admit(c);
	if (!c || (!admitted && loop->refused_lingering >= LOOP_REFUSED_LINGER_MAX)) {
		free(c);
		connection_turn_away(loop, fd);
		return;
	}
	if (!connection_adopt(c, fd))
		return;
	counter_add(&loop->accepted, 1);
	if (!admitted)
		connection_refuse(c);
	else
		timeout_set(&loop->timeouts, &c->reading, TIMEOUT_IDLE, uv_now(&loop->uv));
	must(uv_read_start((uv_stream_t *)&c->tcp, on_room, on_read) == 0);
}

/* Closing. */

void connection_free_closed(struct connection *c)
{
	if (!c->handle_gone || c->first)
		return;
	link_remove(&c->all);
	if (c->loop->draining)
		loop_again(c->loop); /* it may have been the last one */
	free(c);
}

static void on_closed(uv_handle_t *handle)
{
	struct connection *c = (struct connection *)(void *)handle;
	output_fini(&c->loop->pool, &c->output);
	c->handle_gone = true;
	connection_free_closed(c);
}

/* Turns that have their answer need it no more; the others wait for their handlers, as gone. */
static void turns_abandon(struct connection *c)
{
	struct turn **place = &c->first;
	c->last = NULL;
	while (*place) {
		struct turn *turn = *place;
		if (!turn->answered) {
			turn->exchange.gone = true;
			c->last = turn;
			place = &turn->next;
			continue;
		}
		*place = turn->next;
		c->waiting--;
		turn_free(turn);
	}
}

void connection_close(struct connection *c)
{
	if (c->closed)
		return;
	c->closed = true;
	c->loop->refused_lingering -= c->refused;
	connection_dismiss(c);
	timeout_clear(&c->reading);
	timeout_clear(&c->writing);
	link_remove(&c->attention);
	turns_abandon(c);
	if (c->incoming)
		turn_free(c->incoming);
	c->incoming = NULL;
	free(c->rest);
	c->rest = NULL;
	uv_close((uv_handle_t *)&c->tcp, on_closed);
}

void connection_forget(struct connection *c, struct turn *turn)
{
	struct turn **place = &c->first;
	while (*place != turn)
		place = &(*place)->next;
	*place = turn->next;
	c->waiting--;
	turn_free(turn);
	connection_free_closed(c);
}

/* Requests. */

void connection_needs_attention(struct connection *c)
{
	if (link_is_alone(&c->attention) && !c->closed)
		link_append(&c->loop->attention, &c->attention);
}

static void turn_queue(struct connection *c)
{
	struct turn *turn = c->incoming;
	c->incoming = NULL;
	if (c->last)
		c->last->next = turn;
	else
		c->first = turn;
	c->last = turn;
	c->waiting++;
	c->closing |= turn->last;
	timeout_clear(&c->reading);
}

static void request_handle(struct connection *c)
{
	struct net_loop *loop = c->loop;
	struct turn *turn = c->incoming;
	turn_queue(c);
	counter_add(&loop->requests, 1);
	loop->handled = true;
	loop->net->options.handle(loop->net->options.context, &turn->exchange);
}

/* The request that is being read is answered by net itself, in its turn, and is the last one. */
static void request_refuse(struct connection *c, const struct refusal *refusal)
{
	struct net_loop *loop = c->loop;
	struct turn *turn = c->incoming;
	turn->last = true;
	turn_queue(c);
	loop_refusal(loop, refusal->status, refusal->code, refusal->detail);
	exchange_reply(&turn->exchange, refusal->status, buf_as_text(&loop->refusal_headers),
	               buf_as_text(&loop->refusal_body));
}

/* When it is the turn of the request that is being read and its body has not begun to come. */
static void continue_maybe(struct connection *c)
{
	if (!c->incoming || !c->incoming->expects || c->first || http1_phase(c) != HTTP1_BODY)
		return;
	c->incoming->expects = false;
	if (c->incoming->body_size)
		return;
	c->broken |= !output_put(&c->loop->pool, &c->output, http1_continue);
	connection_needs_attention(c);
}

static bool connection_is_full(const struct connection *c)
{
	return c->waiting >= c->loop->limits->pipeline || c->output.size >= CONNECTION_OUTPUT_PAUSE;
}

static bool connection_may_resume(const struct connection *c)
{
	return c->waiting <= c->loop->limits->pipeline / 2 && c->output.size < CONNECTION_OUTPUT_PAUSE / 2;
}

/* Parses until nothing is left, or nothing more is wanted. Returns how many bytes are left. */
static size_t connection_parse(struct connection *c, const char *bytes, size_t size)
{
	while (size && !c->closing && !c->paused) {
		switch (http1_feed(c, &bytes, &size)) {
		case HTTP1_REQUEST:
			request_handle(c);
			break;
		case HTTP1_REFUSED: {
			struct refusal refusal = c->incoming->refusal;
			counter_add(&c->loop->bad_requests, 1);
			request_refuse(c, &refusal);
			break;
		}
		case HTTP1_NO_MEMORY:
			c->closing = c->starved = true;
			break;
		case HTTP1_MORE:
			break;
		}
		c->paused = connection_is_full(c);
	}
	continue_maybe(c);
	connection_needs_attention(c);
	return size;
}

/* Reading. */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)suggested;
	*buf = uv_buf_init(((struct connection *)(void *)handle)->loop->read_buffer, LOOP_READ_BYTES);
}

static void rest_drop(struct connection *c)
{
	free(c->rest);
	c->rest = NULL;
	c->rest_at = c->rest_size = 0;
}

/* Paused in the middle of what was read: the loop's buffer is for others now. */
static void rest_keep(struct connection *c, const char *bytes, size_t size)
{
	must(!c->rest);
	c->rest = malloc(size);
	if (!c->rest) {
		c->closing = c->starved = true;
		return;
	}
	memcpy(c->rest, bytes, size);
	c->rest_at = 0;
	c->rest_size = (uint32_t)size;
}

/* What comes behind the last request is nobody's; but only so much of it is waited for. */
static void input_discard(struct connection *c, size_t size)
{
	c->lingered += (uint32_t)size;
	if (c->lingered <= LINGER_BYTES)
		return;
	if (c->lingering)
		connection_close(c);
	else
		uv_read_stop((uv_stream_t *)&c->tcp);
}

static void connection_input(struct connection *c, const char *bytes, size_t size)
{
	if (c->closing) {
		input_discard(c, size);
		return;
	}
	size_t left = connection_parse(c, bytes, size);
	if (!c->paused || c->closing)
		return;
	uv_read_stop((uv_stream_t *)&c->tcp);
	if (left)
		rest_keep(c, bytes + size - left, left);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
	struct connection *c = (struct connection *)(void *)stream;
	loop_touch(c->loop);
	if (size > 0) {
		connection_input(c, buf->base, (size_t)size);
	} else if (size == UV_EOF) {
		c->ended = true;
		connection_needs_attention(c);
	} else if (size < 0) {
		connection_close(c);
	}
}

static void connection_resume(struct connection *c)
{
	if (!c->paused || c->closing || !connection_may_resume(c))
		return;
	c->paused = false;
	if (c->rest) {
		size_t left = connection_parse(c, c->rest + c->rest_at, c->rest_size - c->rest_at);
		c->rest_at = c->rest_size - (uint32_t)left;
		if (left == 0 || c->closing)
			rest_drop(c);
	}
	if (!c->paused)
		uv_read_start((uv_stream_t *)&c->tcp, on_room, on_read);
}

/* Writing. */

static unsigned output_vector(const struct output *output, uv_buf_t *vector, size_t *ret_size)
{
	unsigned count = 0;
	uint32_t sent = output->sent;
	*ret_size = 0;
	for (struct chunk *chunk = output->first; chunk && count < CONNECTION_VECTOR; chunk = chunk->next) {
		size_t size = chunk->used - sent, room = CONNECTION_WRITE_BYTES - *ret_size;
		if (room == 0)
			break;
		vector[count] = uv_buf_init(chunk->bytes + sent, (unsigned)(size < room ? size : room));
		*ret_size += vector[count++].len;
		sent = 0;
	}
	return count;
}

static void on_written(uv_write_t *write, int status)
{
	struct connection *c = LINK_OWNER(write, struct connection, write);
	c->write_pending = false;
	if (c->closed)
		return;
	loop_touch(c->loop);
	timeout_clear(&c->writing);
	if (status < 0) {
		connection_close(c);
		return;
	}
	output_sent(&c->loop->pool, &c->output, c->write_size);
	connection_needs_attention(c);
}

/* The socket's buffer is full: libuv goes on when there is room. */
static void connection_write_later(struct connection *c)
{
	uv_buf_t vector[CONNECTION_VECTOR];
	unsigned count = output_vector(&c->output, vector, &c->write_size);
	if (uv_write(&c->write, (uv_stream_t *)&c->tcp, vector, count, on_written) != 0) {
		connection_close(c);
		return;
	}
	c->write_pending = true;
	timeout_set(&c->loop->timeouts, &c->writing, TIMEOUT_WRITE, uv_now(&c->loop->uv));
}

static void connection_flush(struct connection *c)
{
	uv_buf_t vector[CONNECTION_VECTOR];
	while (c->output.size && !c->write_pending) {
		size_t size;
		unsigned count = output_vector(&c->output, vector, &size);
		int sent = uv_try_write((uv_stream_t *)&c->tcp, vector, count);
		if (sent < 0 && sent != UV_EAGAIN) {
			connection_close(c);
			return;
		}
		if (sent > 0)
			output_sent(&c->loop->pool, &c->output, (size_t)sent);
		if (sent < (int)size)
			connection_write_later(c);
	}
}

/* At the end of a round. */

/* There was no memory for the last request: when its turn has come, it is told so with what needs none. */
static void starved_say(struct connection *c)
{
	if (!c->starved || c->first)
		return;
	c->starved = false;
	c->broken |= !output_put(&c->loop->pool, &c->output, http1_starved);
	if (c->broken && c->output.size == 0) {
		uv_buf_t text = uv_buf_init((char *)(uintptr_t)http1_starved.at, (unsigned)http1_starved.size);
		c->broken = uv_try_write((uv_stream_t *)&c->tcp, &text, 1) < 0;
	}
}

static enum timeout_kind reading_kind(const struct connection *c)
{
	if (c->lingering)
		return TIMEOUT_LINGER;
	if (c->closing || c->ended || c->paused)
		return TIMEOUT_NONE;
	if (c->incoming)
		return http1_phase(c) == HTTP1_BODY ? TIMEOUT_BODY : TIMEOUT_HEAD;
	return c->first || c->output.size ? TIMEOUT_NONE : TIMEOUT_IDLE;
}

static void connection_linger(struct connection *c)
{
	uv_os_fd_t fd;
	if (c->lingering)
		return;
	if (c->ended || uv_fileno((uv_handle_t *)&c->tcp, &fd) != 0 || shutdown(fd, SHUT_WR) != 0) {
		connection_close(c);
		return;
	}
	c->lingering = true;
	uv_read_start((uv_stream_t *)&c->tcp, on_room, on_read); /* if it had been stopped: to see the client close */
}

bool connection_is_idle(const struct connection *c)
{
	return !c->first && !c->incoming && !c->rest && c->output.size == 0 && !c->lingering;
}

static void connection_settle(struct connection *c)
{
	bool said = !c->first && c->output.size == 0 && !c->starved;
	if (said && (c->ended || (c->loop->draining && connection_is_idle(c) && !c->closing))) {
		connection_close(c);
		return;
	}
	if (said && c->closing)
		connection_linger(c);
	if (c->closed)
		return;
	enum timeout_kind kind = reading_kind(c);
	if (kind == TIMEOUT_NONE)
		timeout_clear(&c->reading);
	else if (kind != c->reading.kind)
		timeout_set(&c->loop->timeouts, &c->reading, kind, uv_now(&c->loop->uv));
}

void connection_attend(struct connection *c)
{
	starved_say(c);
	connection_flush(c);
	if (!c->closed && (c->broken || c->output.size > c->loop->limits->output_bytes))
		connection_close(c);
	if (c->closed)
		return;
	connection_resume(c);
	connection_settle(c);
}

void connection_answered(struct connection *c)
{
	while (c->first && c->first->answered) {
		struct turn *turn = c->first;
		output_splice(&c->output, &turn->answer);
		c->first = turn->next;
		if (!c->first)
			c->last = NULL;
		c->waiting--;
		turn_free(turn);
	}
	continue_maybe(c);
	connection_needs_attention(c);
}

/* Time-outs. */

void connection_timed_out(struct connection *c, enum timeout_kind kind)
{
	if (kind != TIMEOUT_IDLE && kind != TIMEOUT_LINGER)
		counter_add(&c->loop->timed_out, 1);
	if (kind == TIMEOUT_HEAD)
		request_refuse(c, &(struct refusal){408, "timeout", "the request's headers took too long"});
	else if (kind == TIMEOUT_BODY)
		request_refuse(c, &(struct refusal){408, "timeout", "the request's body took too long"});
	else
		connection_close(c);
}

void connection_check_rate(struct connection *c, uint64_t now_ms)
{
	uint64_t elapsed_ms = now_ms - c->reading.since_ms;
	if (elapsed_ms <= 1000 || c->incoming->expects)
		return;
	if (http1_body_wire_bytes(c) * 1000 < elapsed_ms * c->loop->limits->body_rate)
		connection_timed_out(c, TIMEOUT_BODY);
}
