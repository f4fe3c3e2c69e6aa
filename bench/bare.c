/* bare: what dibs is measured against. The same libuv and llhttp, a fixed 201, nothing behind it.
 *
 *   bare --listen 127.0.0.1:8090 --loops 1
 *
 * It parses every request whole (a body by its length or in chunks), keeps connections alive, answers pipelined
 * requests, and does nothing else: no limits, no time-outs, no routes, no log, no clock. One write per read, with the
 * answers to all requests that the read completed: without pipelining a write per request, with it far fewer. The
 * answer is as long as a won claim's: the same headers, a body of the same size. */
#include <arpa/inet.h>
#include <llhttp.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define READ_BYTES 65536
#define ANSWERS_MAX 256 /* in one write */
#define LOOPS_MAX 64
#define BACKLOG 4096

#define BODY \
	"{\"id\":\"o_0000000000001\",\"drop\":\"sneaker-x\",\"buyer\":\"buyer-0000000001\",\"status\":\"pending\"," \
	"\"lines\":[{\"sku\":\"size-42\",\"quantity\":1}],\"created_at\":\"2026-11-21T02:15:40.000Z\"," \
	"\"hold_until\":\"2026-11-21T02:25:40.000Z\",\"position\":1}"

static const char answer_format[] = "HTTP/1.1 201 Created\r\n"
				    "Content-Type: application/json\r\n"
				    "Location: /v1/orders/o_0000000000001\r\n"
				    "Dibs-Position: 0000000000000001\r\n"
				    "Request-Id: 0123456789abcdef\r\n"
				    "Content-Length: %zu\r\n"
				    "Date: Sat, 21 Nov 2026 02:15:40 GMT\r\n"
				    "\r\n" BODY;

static char answers[ANSWERS_MAX * 1024];
static size_t answer_size;

struct client {
	uv_tcp_t tcp; /* first */
	llhttp_t parser;
	unsigned whole; /* requests that the current read completed */
};

struct loop {
	uv_loop_t uv;
	uv_tcp_t listener;
	pthread_t thread;
	char buffer[READ_BYTES];
};

static int on_message_complete(llhttp_t *parser)
{
	((struct client *)parser->data)->whole++;
	return 0;
}

static const llhttp_settings_t settings = {.on_message_complete = on_message_complete};

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

static void client_close(struct client *client)
{
	if (!uv_is_closing((uv_handle_t *)&client->tcp))
		uv_close((uv_handle_t *)&client->tcp, on_closed);
}

static void on_written(uv_write_t *write, int status)
{
	(void)status;
	free(write);
}

/* `skip` bytes of the answers were taken by the socket already. */
static void answer_later(struct client *client, size_t skip, size_t size)
{
	uv_write_t *write = malloc(sizeof *write);
	uv_buf_t rest = uv_buf_init(answers + skip, (unsigned)(size - skip));
	if (!write || uv_write(write, (uv_stream_t *)&client->tcp, &rest, 1, on_written) != 0) {
		free(write);
		client_close(client);
	}
}

static void answer(struct client *client)
{
	while (client->whole) {
		unsigned count = client->whole < ANSWERS_MAX ? client->whole : ANSWERS_MAX;
		size_t size = count * answer_size;
		uv_buf_t buf = uv_buf_init(answers, (unsigned)size);
		int sent = uv_try_write((uv_stream_t *)&client->tcp, &buf, 1);
		client->whole -= count;
		if (sent < 0 && sent != UV_EAGAIN) {
			client_close(client);
			return;
		}
		if (sent < (int)size)
			answer_later(client, sent < 0 ? 0 : (size_t)sent, size);
	}
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)suggested;
	*buf = uv_buf_init(((struct loop *)handle->loop->data)->buffer, READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
	struct client *client = (struct client *)(void *)stream;
	if (size == 0)
		return;
	if (size < 0 || llhttp_execute(&client->parser, buf->base, (size_t)size) != HPE_OK)
		client_close(client);
	else
		answer(client);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct client *client = status == 0 ? calloc(1, sizeof *client) : NULL;
	if (!client)
		return;
	uv_tcp_init(listener->loop, &client->tcp);
	if (uv_accept(listener, (uv_stream_t *)&client->tcp) != 0) {
		client_close(client);
		return;
	}
	llhttp_init(&client->parser, HTTP_REQUEST, &settings);
	client->parser.data = client;
	uv_read_start((uv_stream_t *)&client->tcp, on_room, on_read);
}

static int listener_open(struct loop *loop, const struct sockaddr_in *address)
{
	int yes = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); /* accepted sockets inherit it */
	if (bind(fd, (const struct sockaddr *)address, sizeof *address) != 0 || uv_loop_init(&loop->uv) != 0)
		return -1;
	loop->uv.data = loop;
	uv_tcp_init(&loop->uv, &loop->listener);
	if (uv_tcp_open(&loop->listener, fd) != 0)
		return -1;
	uv_tcp_simultaneous_accepts(&loop->listener, 1);
	return uv_listen((uv_stream_t *)&loop->listener, BACKLOG, on_connection);
}

static void *loop_run(void *argument)
{
	uv_run(&((struct loop *)argument)->uv, UV_RUN_DEFAULT);
	return NULL;
}

static void answers_make(void)
{
	char one[1024];
	answer_size = (size_t)snprintf(one, sizeof one, answer_format, sizeof BODY - 1);
	for (int i = 0; i < ANSWERS_MAX; i++)
		memcpy(answers + (size_t)i * answer_size, one, answer_size);
}

static int usage(void)
{
	fprintf(stderr, "usage: bare --listen HOST:PORT --loops N (1..%d)\n", LOOPS_MAX);
	return 2;
}

static int arguments_read(int argc, char **argv, struct sockaddr_in *ret_address, int *ret_loops)
{
	char host[64] = "127.0.0.1";
	int port = 8090;
	*ret_loops = 1;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--listen") == 0 && sscanf(argv[i + 1], "%63[0-9.]:%d", host, &port) == 2)
			continue;
		if (strcmp(argv[i], "--loops") == 0 && sscanf(argv[i + 1], "%d", ret_loops) == 1)
			continue;
		return -1;
	}
	if (argc % 2 == 0 || *ret_loops < 1 || *ret_loops > LOOPS_MAX)
		return -1;
	return uv_ip4_addr(host, port, ret_address);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address;
	int count;
	if (arguments_read(argc, argv, &address, &count) != 0)
		return usage();
	signal(SIGPIPE, SIG_IGN);
	answers_make();
	struct loop *loops = calloc((size_t)count, sizeof *loops);
	for (int i = 0; loops && i < count; i++)
		if (listener_open(&loops[i], &address) != 0) {
			fprintf(stderr, "bare: cannot listen there\n");
			return 1;
		}
	fprintf(stderr, "listening %s:%d, %d loops, %zu bytes an answer\n", inet_ntoa(address.sin_addr),
	        ntohs(address.sin_port), count, answer_size);
	for (int i = 1; loops && i < count; i++)
		if (pthread_create(&loops[i].thread, NULL, loop_run, &loops[i]) != 0)
			return 1;
	loop_run(&loops[0]);
	return 0;
}
