#include "stage.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"
#include "net/loop.h"

void sleep_ms(int ms)
{
	struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};
	nanosleep(&time, NULL);
}

/* The handler. It runs on the loop's thread, where a failed assert_ would have nowhere to go. */

static void reply_text(struct exchange *exchange, struct buf *body)
{
	must(!body->failed);
	exchange_reply(exchange, 200, TEXT("Content-Type: text/plain\r\n"), buf_as_text(body));
	buf_fini(body);
}

static void echo(struct exchange *exchange)
{
	struct buf body = {0};
	buf_text(&body, exchange->method_name);
	buf_str(&body, " ");
	buf_text(&body, exchange->path);
	if (exchange->query.size) {
		buf_str(&body, " ?");
		buf_text(&body, exchange->query);
	}
	buf_str(&body, " [");
	buf_text(&body, exchange->body);
	buf_str(&body, "]");
	reply_text(exchange, &body);
}

static void big(struct exchange *exchange)
{
	uint64_t size = 0;
	must(text_to_u64(exchange->query, 1u << 30, &size));
	char *bytes = calloc(1, size + 1); /* not malloc: that one is made to fail for net */
	must(bytes);
	exchange_reply(exchange, 200, TEXT_NONE, (struct text){bytes, size});
	free(bytes);
}

static void count_up(struct exchange *exchange)
{
	struct buf body = {0};
	buf_u64(&body, ++exchange->connection_user[0]);
	reply_text(exchange, &body);
}

static void work_run(void *argument)
{
	struct stage *stage = argument;
	while (stage->work_blocked)
		sleep_ms(1);
	stage->worked++;
}

static void work_done(void *argument)
{
	struct stage *stage = argument;
	exchange_reply(stage->working, 200, TEXT_NONE, TEXT("worked"));
}

static void handle(void *context, struct exchange *exchange)
{
	struct stage *stage = context;
	stage->received_ns = exchange->received.ns;
	if (text_is(exchange->path, TEXT("/late"))) {
		must(stage->held_count < STAGE_HELD_MAX);
		stage->held[stage->held_count] = exchange;
		stage->held_count++;
	} else if (text_is(exchange->path, TEXT("/big"))) {
		big(exchange);
	} else if (text_is(exchange->path, TEXT("/user"))) {
		count_up(exchange);
	} else if (text_is(exchange->path, TEXT("/work"))) {
		stage->working = exchange;
		must(net_work(exchange, work_run, work_done, stage));
	} else {
		echo(exchange);
	}
}

static void round_end(void *context, uint32_t loop)
{
	((struct stage *)context)->rounds++;
	must(loop == 0);
}

static void woken(void *context, uint32_t loop)
{
	struct stage *stage = context;
	(void)loop;
	stage->wakes++;
	if (!atomic_exchange(&stage->release, false))
		return;
	while (stage->held_count) {
		struct exchange *exchange = stage->held[stage->held_count - 1];
		stage->gone += exchange->gone;
		stage->held_count--;
		echo(exchange);
	}
}

static void tick(void *context, uint32_t loop)
{
	(void)loop;
	((struct stage *)context)->ticks++;
}

static void refuse(void *context, int status, const char *code, const char *detail, struct buf *header_lines,
                   struct buf *body)
{
	(void)context;
	buf_str(header_lines, "Content-Type: application/problem+json\r\n");
	buf_printf(body, "{\"status\":%d,\"code\":\"%s\",\"detail\":\"%s\"}", status, code, detail);
}

struct stage *stage_open(const struct net_limits *limits)
{
	struct error error = {0};
	struct stage *stage = calloc(1, sizeof *stage);
	assert_non_null(stage);
	stage->options = (struct net_options){
	    .listen = "127.0.0.1:0",
	    .loops = 1,
	    .limits = limits ? *limits : NET_LIMITS_DEFAULT,
	    .handle = handle,
	    .round_end = round_end,
	    .woken = woken,
	    .tick = tick,
	    .refuse = refuse,
	    .context = stage,
	};
	if (net_open(&stage->options, &stage->net, &error) != 0)
		fail_msg("%s", error.text);
	assert_int_equal(net_run_start(stage->net, &error), 0);
	return stage;
}

void stage_close(struct stage *stage)
{
	net_stop(stage->net, 0);
	net_close(stage->net);
	free(stage);
}

void stage_release(struct stage *stage)
{
	stage->release = true;
	net_wake(stage->net, 0);
}

void stage_wait_held(struct stage *stage, uint32_t count)
{
	for (int ms = 0; stage->held_count != count; ms++) {
		if (ms > WAIT_MS)
			fail_msg("%u wait, not %u", stage->held_count, count);
		sleep_ms(1);
	}
}

struct net_statistics stage_statistics(struct stage *stage)
{
	struct net_statistics statistics;
	net_statistics(stage->net, &statistics);
	return statistics;
}

uint32_t stage_free_chunks(struct stage *stage)
{
	return stage->net->loops[0].pool.free_count;
}

/* Clients. */

struct client *client_from(struct stage *stage, const char *local_address)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(net_port(stage->net))};
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(local_address)};
	struct client *client = calloc(1, sizeof *client);
	assert_non_null(client);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(client->fd >= 0);
	assert_int_equal(bind(client->fd, (struct sockaddr *)&from, sizeof from), 0);
	assert_int_equal(connect(client->fd, (struct sockaddr *)&to, sizeof to), 0);
	return client;
}

struct client *client_new(struct stage *stage)
{
	return client_from(stage, "127.0.0.1");
}

void client_free(struct client *client)
{
	close(client->fd);
	free(client);
}

void client_send(struct client *client, const void *bytes, size_t size)
{
	const char *at = bytes;
	while (size) {
		ssize_t sent = send(client->fd, at, size, MSG_NOSIGNAL);
		if (sent < 0) /* the server closed meanwhile: what it said is still to be heard */
			return;
		at += sent;
		size -= (size_t)sent;
	}
}

void client_say(struct client *client, const char *text)
{
	client_send(client, text, strlen(text));
}

/* 1: more has come; 0: closed; -1: nothing in time. */
static int client_hear(struct client *client, int ms)
{
	struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
	assert_true(client->size < sizeof client->bytes);
	if (poll(&poll_fd, 1, ms) == 0)
		return -1;
	ssize_t size = recv(client->fd, client->bytes + client->size, sizeof client->bytes - client->size, 0);
	if (size <= 0)
		return 0;
	client->size += (size_t)size;
	return 1;
}

static void client_take(struct client *client, size_t size)
{
	memmove(client->bytes, client->bytes + size, client->size - size);
	client->size -= size;
}

const char *client_header(struct client *client, const char *name)
{
	static char value[256];
	char *line = client->head;
	while ((line = strstr(line, "\r\n"))) {
		line += 2;
		if (strncasecmp(line, name, strlen(name)) != 0 || line[strlen(name)] != ':')
			continue;
		size_t size = strcspn(line + strlen(name) + 2, "\r");
		assert_true(size < sizeof value);
		memcpy(value, line + strlen(name) + 2, size);
		value[size] = '\0';
		return value;
	}
	return NULL;
}

static int client_take_head(struct client *client)
{
	char *end;
	while (!(end = memmem(client->bytes, client->size, "\r\n\r\n", 4))) {
		int heard = client_hear(client, WAIT_MS);
		if (heard <= 0)
			return heard;
	}
	size_t size = (size_t)(end - client->bytes) + 4;
	assert_true(size < sizeof client->head);
	memcpy(client->head, client->bytes, size);
	client->head[size] = '\0';
	client_take(client, size);
	return 1;
}

int client_answer_to(struct client *client, const char *method)
{
	int heard = client_take_head(client);
	if (heard <= 0)
		return heard;
	const char *length = client_header(client, "Content-Length");
	client->body_size = length && strcmp(method, "HEAD") != 0 ? (size_t)atol(length) : 0;
	assert_true(client->body_size < sizeof client->body);
	while (client->size < client->body_size)
		if ((heard = client_hear(client, WAIT_MS)) <= 0)
			return heard;
	memcpy(client->body, client->bytes, client->body_size);
	client->body[client->body_size] = '\0';
	client_take(client, client->body_size);
	return atoi(client->head + strlen("HTTP/1.1 "));
}

int client_answer(struct client *client)
{
	return client_answer_to(client, "GET");
}

bool client_hears_nothing(struct client *client, int ms)
{
	return client->size == 0 && client_hear(client, ms) == -1;
}

bool client_is_closed(struct client *client)
{
	return client->size == 0 && client_hear(client, WAIT_MS) == 0;
}

void client_reset(struct client *client)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	close(client->fd);
	client->fd = -1;
}
