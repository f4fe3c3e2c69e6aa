#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <uv.h>

#include "net/connection.h"
#include "net/loop.h"

const struct net_limits wire_small_limits = {.connections = 4,
                                             .line_bytes = 64,
                                             .header_bytes = 160,
                                             .header_count = 6,
                                             .body_bytes = 48,
                                             .pipeline = 3,
                                             .header_ms = 1000,
                                             .body_ms = 1500,
                                             .body_rate = 8,
                                             .idle_ms = 2000,
                                             .write_ms = 1000,
                                             .output_bytes = 100000};

#define ROUNDS_MAX 100000 /* a run that has not ended by then never will */

/* ---- what libuv would be asked ---- */

static struct {
	uv_stream_t *stream;
	uv_alloc_cb room;
	uv_read_cb read;
	bool reading, ended; /* ended: the server was told that nothing more comes */
	uv_handle_t *closing;
	uv_close_cb closed;
	uv_write_t *write;
	uv_write_cb written;
	size_t room_left; /* bytes that the client takes in this round */
	uint64_t now_ms;
	uint64_t chance;
	int fd; /* of a pair of sockets that nobody reads: shutdown() wants one */
	struct wire_run *run;
	const struct wire_manner *manner;
	struct exchange *held[WIRE_REQUESTS_MAX];
	uint32_t held_number[WIRE_REQUESTS_MAX];
	uint32_t held_count;
} wire;

static uint64_t chance(uint64_t below)
{
	wire.chance = wire.chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (wire.chance >> 33) % below;
}

int uv_tcp_init(uv_loop_t *loop, uv_tcp_t *handle)
{
	wire.stream = (uv_stream_t *)handle;
	return 0;
}

int uv_tcp_open(uv_tcp_t *handle, uv_os_sock_t sock)
{
	return 0;
}

int uv_read_start(uv_stream_t *stream, uv_alloc_cb room, uv_read_cb read)
{
	wire.room = room;
	wire.read = read;
	wire.reading = true;
	return 0;
}

int uv_read_stop(uv_stream_t *stream)
{
	wire.reading = false;
	return 0;
}

static size_t take(const uv_buf_t bufs[], unsigned count)
{
	size_t taken = 0;
	for (unsigned i = 0; i < count && wire.room_left; i++) {
		size_t size = bufs[i].len < wire.room_left ? bufs[i].len : wire.room_left;
		buf_put(&wire.run->sent, bufs[i].base, size);
		wire.room_left -= size;
		taken += size;
	}
	return taken;
}

int uv_try_write(uv_stream_t *stream, const uv_buf_t bufs[], unsigned count)
{
	must(!wire.closing && !wire.write);
	size_t taken = take(bufs, count);
	return taken ? (int)taken : UV_EAGAIN;
}

/* What is left over is taken when the client goes on: all of it, as libuv would do it. */
int uv_write(uv_write_t *write, uv_stream_t *stream, const uv_buf_t bufs[], unsigned count, uv_write_cb written)
{
	must(!wire.closing && !wire.write);
	wire.room_left = SIZE_MAX;
	take(bufs, count);
	wire.room_left = 0;
	wire.write = write;
	wire.written = written;
	return 0;
}

void uv_close(uv_handle_t *handle, uv_close_cb closed)
{
	must(!wire.closing);
	wire.closing = handle;
	wire.closed = closed;
	wire.reading = false;
}

int uv_fileno(const uv_handle_t *handle, uv_os_fd_t *ret)
{
	*ret = wire.fd;
	return 0;
}

uint64_t uv_now(const uv_loop_t *loop)
{
	return wire.now_ms;
}

int uv_idle_start(uv_idle_t *idle, uv_idle_cb callback)
{
	return 0;
}

/* ---- the handler ---- */

static struct net net;
static struct net_loop loop;

static void note_text(struct text text)
{
	char size[24];
	buf_put(&wire.run->requests, size, (size_t)snprintf(size, sizeof size, "%zu:", text.size));
	buf_text(&wire.run->requests, text);
}

static bool is_token(struct text text)
{
	for (size_t i = 0; i < text.size; i++) {
		char c = text.at[i];
		bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!alnum && (c == 0 || !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return text.size > 0;
}

static bool has_none_of(struct text text, const char *bytes, size_t count)
{
	for (size_t i = 0; i < text.size; i++)
		if (memchr(bytes, text.at[i], count))
			return false;
	return true;
}

static uint64_t decimal(struct text text)
{
	uint64_t value = 0;
	for (size_t i = 0; i < text.size; i++) {
		must(text.at[i] >= '0' && text.at[i] <= '9' && value < UINT32_MAX);
		value = 10 * value + (uint64_t)(text.at[i] - '0');
	}
	return value;
}

static void check_headers(const struct exchange *exchange)
{
	uint32_t hosts = 0, lengths = 0, codings = 0;
	size_t bytes = 0;
	for (uint32_t i = 0; i < exchange->header_count; i++) {
		struct text name = exchange->headers[i].name, value = exchange->headers[i].value;
		must(is_token(name));
		must(has_none_of(value, "\r\n\0", 3));
		bytes += name.size + 1 + value.size + 2;
		hosts += header_is(name, TEXT("host"));
		lengths += header_is(name, TEXT("content-length"));
		codings += header_is(name, TEXT("transfer-encoding"));
	}
	must(hosts <= 1 && lengths + codings <= 1);
	must(exchange->header_count <= loop.limits->header_count && bytes <= loop.limits->header_bytes);
	must(codings || exchange->body.size == decimal(exchange_header(exchange, TEXT("content-length"))));
	must(!codings || header_is(exchange_header(exchange, TEXT("transfer-encoding")), TEXT("chunked")));
}

/* What may stand in a target that is let through: no blanks, no control bytes. */
static bool is_solid(struct text text)
{
	for (size_t i = 0; i < text.size; i++)
		if ((unsigned char)text.at[i] <= ' ' || text.at[i] == 0x7f)
			return false;
	return true;
}

static void check_request(const struct exchange *exchange)
{
	must(is_token(exchange->method_name));
	must(exchange->path.size && exchange->path.at[0] == '/');
	must(is_solid(exchange->path) && has_none_of(exchange->path, "?#", 2));
	must(is_solid(exchange->query) && has_none_of(exchange->query, "#", 1));
	must(exchange->method_name.size + exchange->path.size + exchange->query.size <= loop.limits->line_bytes);
	must(exchange->body.size <= loop.limits->body_bytes);
	must(!exchange->gone);
	check_headers(exchange);
}

static void note_request(const struct exchange *exchange)
{
	note_text(exchange->method_name);
	note_text(exchange->path);
	note_text(exchange->query);
	for (uint32_t i = 0; i < exchange->header_count; i++) {
		note_text(exchange->headers[i].name);
		note_text(exchange->headers[i].value);
	}
	note_text(exchange->body);
	buf_str(&wire.run->requests, "\n");
}

static void answer(struct exchange *exchange, uint32_t number)
{
	static char big[WIRE_BIG];
	char body[32];
	bool is_big = exchange->path.size >= 2 && exchange->path.at[1] == 'b';
	struct text text = {body, (size_t)snprintf(body, sizeof body, "number %u", number)};
	if (is_big) {
		memset(big, '.', sizeof big);
		memcpy(big, body, text.size);
		text = (struct text){big, sizeof big};
	}
	exchange_reply(exchange, 200, TEXT("X: y\r\n"), text);
}

static void handle(void *context, struct exchange *exchange)
{
	uint32_t number = wire.run->request_count++;
	must(number < WIRE_REQUESTS_MAX);
	check_request(exchange);
	note_request(exchange);
	wire.run->is_head[number] = exchange->method == METHOD_HEAD;
	memset(exchange_alloc(exchange, 40), 0xff, 40);
	if (!wire.manner->late || wire.held_count == WIRE_REQUESTS_MAX) {
		answer(exchange, number);
		return;
	}
	wire.held[wire.held_count] = exchange;
	wire.held_number[wire.held_count++] = number;
}

static void release_one(void)
{
	uint32_t at = (uint32_t)chance(wire.held_count);
	struct exchange *exchange = wire.held[at];
	uint32_t number = wire.held_number[at];
	wire.held_count--;
	wire.held[at] = wire.held[wire.held_count];
	wire.held_number[at] = wire.held_number[wire.held_count];
	answer(exchange, number);
}

static void refuse(void *context, int status, const char *code, const char *detail, struct buf *header_lines,
                   struct buf *body)
{
	must(status >= 400 && status < 600);
	must(text_is_one_line(text_of(code)) && text_is_one_line(text_of(detail)));
	buf_str(header_lines, "Y: z\r\n");
	buf_str(body, code);
}

/* ---- the loop that does not run ---- */

static void world_init(void)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		abort();
	wire.fd = pair[0];
}

static void loop_begin(const struct wire_manner *manner)
{
	static const char date[] = "Date: Sat, 21 Nov 2026 02:15:40 GMT\r\n";
	net = (struct net){.options = {.limits = NET_LIMITS_DEFAULT, .handle = handle, .refuse = refuse}};
	if (manner->small)
		net.options.limits = wire_small_limits;
	loop = (struct net_loop){.net = &net, .limits = &net.options.limits};
	link_init(&loop.connections);
	link_init(&loop.attention);
	timeouts_init(&loop.timeouts, loop.limits);
	memcpy(loop.date, date, sizeof date - 1);
	loop.date_size = sizeof date - 1;
}

/* As loop.c does it at the end of a round. */
static void attend(void)
{
	struct link now;
	link_move_all(&loop.attention, &now);
	while (!link_is_alone(&now)) {
		struct connection *c = LINK_OWNER(now.next, struct connection, attention);
		link_remove(&c->attention);
		connection_attend(c);
	}
}

static void finish_write(void)
{
	uv_write_t *write = wire.write;
	wire.write = NULL;
	wire.written(write, wire.manner->rough && chance(64) == 0 ? UV_ECONNRESET : 0);
}

static void expire(void)
{
	struct timeout *due;
	for (int kind = TIMEOUT_IDLE; kind < TIMEOUT_KINDS; kind++)
		while ((due = timeouts_due(&loop.timeouts, (enum timeout_kind)kind, wire.now_ms)))
			connection_timed_out(kind == TIMEOUT_WRITE ? LINK_OWNER(due, struct connection, writing)
			                                           : LINK_OWNER(due, struct connection, reading),
			                     (enum timeout_kind)kind);
	struct link *ring = &loop.timeouts.ring[TIMEOUT_BODY];
	if (!link_is_alone(ring))
		connection_check_rate(
		    LINK_OWNER(LINK_OWNER(ring->next, struct timeout, link), struct connection, reading), wire.now_ms);
}

/* Time passes, a client is gone, a server begins to stop. */
static void go_rough(void)
{
	uint64_t what = chance(40);
	if (what < 6) {
		wire.now_ms += chance(1600);
		expire();
	} else if (what == 6 && wire.reading) {
		uv_buf_t none = {0};
		wire.read(wire.stream, UV_ECONNRESET, &none);
	} else if (what == 7) {
		loop.draining = true;
	}
}

static void round_end(bool last)
{
	if (wire.manner->rough && !last && !wire.closing)
		go_rough();
	if (wire.write && (last || !wire.manner->slow || chance(3) == 0))
		finish_write();
	wire.room_left = wire.manner->slow && !last ? chance(200) * chance(3) : SIZE_MAX;
	while (wire.held_count && (last || chance(3) == 0))
		release_one();
	attend();
	if (wire.closing && !wire.write) {
		uv_handle_t *handle = wire.closing;
		if (wire.closed) {
			uv_close_cb closed = wire.closed;
			wire.closed = NULL;
			closed(handle);
		}
	}
}

/* Only what has come may be read, and only as long as it is handed over. */
static void deliver(char *bytes, size_t size)
{
	uv_buf_t buf = {.base = bytes, .len = size};
	ASAN_UNPOISON_MEMORY_REGION(bytes, size);
	wire.read(wire.stream, (ssize_t)size, &buf);
	ASAN_POISON_MEMORY_REGION(bytes, size);
}

static size_t next_piece(size_t left)
{
	size_t max = wire.manner->piece_max;
	size_t piece = max == 0 || max > LOOP_READ_BYTES ? LOOP_READ_BYTES : max == 1 ? 1 : 1 + chance(max);
	return piece < left ? piece : left;
}

static void tell_end(void)
{
	uv_buf_t none = {0};
	if (!wire.reading || wire.ended)
		return;
	wire.ended = true;
	wire.reading = false;
	wire.read(wire.stream, UV_EOF, &none);
}

static void send_all(char *bytes, size_t size)
{
	unsigned rounds = 0;
	while (size && !wire.closing) {
		must(rounds++ < ROUNDS_MAX);
		if (wire.reading) {
			size_t piece = next_piece(size);
			deliver(bytes, piece);
			bytes += piece;
			size -= piece;
		}
		round_end(false);
	}
	wire.run->closed = wire.closing != NULL;
	while (!link_is_alone(&loop.connections)) {
		must(rounds++ < ROUNDS_MAX);
		tell_end();
		round_end(true);
	}
}

void wire_run(struct wire_run *run, const struct wire_manner *manner, const uint8_t *bytes, size_t size)
{
	static const struct sockaddr_storage from = {.ss_family = AF_INET};
	static _Alignas(16) char copy[WIRE_BYTES_MAX];
	must(size <= sizeof copy);
	if (wire.fd == 0)
		world_init();
	int fd = wire.fd;
	memset(&wire, 0, sizeof wire);
	wire.fd = fd;
	wire.run = run;
	wire.manner = manner;
	wire.chance = manner->seed;
	wire.now_ms = 1000;
	loop_begin(manner);
	connection_open(&loop, fd, &from);
	ASAN_UNPOISON_MEMORY_REGION(copy, sizeof copy);
	if (size)
		memcpy(copy, bytes, size);
	ASAN_POISON_MEMORY_REGION(copy, sizeof copy);
	send_all(copy, size);
	must(wire.held_count == 0 && atomic_load(&net.connections) == 0);
	must(link_is_alone(&loop.attention));
	chunk_pool_fini(&loop.pool);
	buf_fini(&loop.refusal_headers);
	buf_fini(&loop.refusal_body);
	must(!run->requests.failed && !run->sent.failed);
}

void wire_fini(struct wire_run *run)
{
	buf_fini(&run->requests);
	buf_fini(&run->sent);
}
