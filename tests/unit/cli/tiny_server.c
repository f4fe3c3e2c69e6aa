#include "tiny_server.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/must.h"
#include "base/time.h"

#define GUESTS_MAX 512
#define REQUEST_MAX 8192

struct guest {
	int fd;
	size_t size;
	char request[REQUEST_MAX];
	bool waits;
	uint64_t due_ns;
	struct tiny_answer answer;
};

struct tiny_server {
	int fd;
	uint16_t port;
	atomic_bool stop;
	pthread_t thread;
	tiny_script *script;
	void *context;
	uint64_t busy_until_ns; /* of `alone` */
	int count;
	struct guest *guests[GUESTS_MAX];
};

void tiny_say(struct tiny_answer *answer, int status, const char *header_lines, const char *body)
{
	int size = snprintf(answer->bytes, sizeof answer->bytes, "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n%s",
	                    status, header_lines, strlen(body), body);
	must(size > 0 && (size_t)size < sizeof answer->bytes);
	answer->size = (size_t)size;
}

static void guest_leave(struct tiny_server *server, int i)
{
	close(server->guests[i]->fd);
	free(server->guests[i]);
	server->guests[i] = server->guests[--server->count];
}

/* The size of the whole request at the beginning, 0: not whole yet. */
static size_t whole_request(const struct guest *guest)
{
	const char *end = memmem(guest->request, guest->size, "\r\n\r\n", 4);
	if (!end)
		return 0;
	const char *length = memmem(guest->request, (size_t)(end - guest->request), "Content-Length: ", 16);
	size_t body = length ? strtoul(length + 16, NULL, 10) : 0;
	size_t whole = (size_t)(end - guest->request) + 4 + body;
	return whole <= guest->size ? whole : 0;
}

static void ask_script(struct tiny_server *server, struct guest *guest, size_t size)
{
	uint64_t now = clock_mono().ns;
	guest->answer = (struct tiny_answer){.way = TINY_ANSWER};
	server->script(server->context, (struct text){guest->request, size}, &guest->answer);
	uint64_t from = guest->answer.alone && server->busy_until_ns > now ? server->busy_until_ns : now;
	guest->due_ns = from + guest->answer.delay_ms * UINT64_C(1000000);
	if (guest->answer.alone)
		server->busy_until_ns = guest->due_ns;
	guest->waits = true;
	memmove(guest->request, guest->request + size, guest->size - size);
	guest->size -= size;
}

/* False: the guest has left. */
static bool guest_read(struct tiny_server *server, int i)
{
	struct guest *guest = server->guests[i];
	ssize_t got = recv(guest->fd, guest->request + guest->size, sizeof guest->request - guest->size, MSG_DONTWAIT);
	if (got <= 0) {
		guest_leave(server, i);
		return false;
	}
	guest->size += (size_t)got;
	size_t whole = whole_request(guest);
	if (whole && !guest->waits)
		ask_script(server, guest, whole);
	return true;
}

static void send_all(int fd, const char *at, size_t size)
{
	while (size) {
		ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
		if (sent <= 0)
			return; /* the guest is gone: the next read says so */
		at += sent;
		size -= (size_t)sent;
	}
}

static void guest_answer(struct tiny_server *server, int i)
{
	struct guest *guest = server->guests[i];
	struct linger now = {1, 0};
	guest->waits = false;
	switch (guest->answer.way) {
	case TINY_ANSWER:
	case TINY_ANSWER_CLOSE:
		send_all(guest->fd, guest->answer.bytes, guest->answer.size);
		break;
	case TINY_BYTE_BY_BYTE:
		for (size_t at = 0; at < guest->answer.size; at++)
			send_all(guest->fd, guest->answer.bytes + at, 1);
		break;
	case TINY_RESET:
		setsockopt(guest->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
		break;
	case TINY_SILENCE:
		guest->waits = true;
		guest->due_ns = UINT64_MAX;
		return;
	case TINY_CLOSE:
		break;
	}
	if (guest->answer.way != TINY_ANSWER && guest->answer.way != TINY_BYTE_BY_BYTE)
		guest_leave(server, i);
}

static void welcome(struct tiny_server *server)
{
	int one = 1;
	int fd = accept(server->fd, NULL, NULL);
	if (fd < 0)
		return;
	must(server->count < GUESTS_MAX);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	struct guest *guest = calloc(1, sizeof *guest);
	must(guest);
	guest->fd = fd;
	server->guests[server->count++] = guest;
}

static void answer_due(struct tiny_server *server)
{
	uint64_t now = clock_mono().ns;
	for (int i = server->count - 1; i >= 0; i--)
		if (server->guests[i]->waits && server->guests[i]->due_ns <= now)
			guest_answer(server, i);
}

static void *serve(void *argument)
{
	struct tiny_server *server = argument;
	struct pollfd fds[GUESTS_MAX + 1];
	while (!server->stop) {
		int count = server->count;
		fds[0] = (struct pollfd){server->fd, POLLIN, 0};
		for (int i = 0; i < count; i++)
			fds[i + 1] = (struct pollfd){server->guests[i]->fd, POLLIN, 0};
		poll(fds, (nfds_t)count + 1, 1);
		for (int i = count - 1; i >= 0; i--)
			if (fds[i + 1].revents)
				guest_read(server, i);
		if (fds[0].revents)
			welcome(server);
		answer_due(server);
	}
	return NULL;
}

struct tiny_server *tiny_server_start(tiny_script *script, void *context)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof address;
	struct tiny_server *server = calloc(1, sizeof *server);
	must(server);
	server->script = script;
	server->context = context;
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(server->fd >= 0 && bind(server->fd, (struct sockaddr *)&address, size) == 0);
	must(listen(server->fd, GUESTS_MAX) == 0);
	must(getsockname(server->fd, (struct sockaddr *)&address, &size) == 0);
	server->port = ntohs(address.sin_port);
	must(pthread_create(&server->thread, NULL, serve, server) == 0);
	return server;
}

uint16_t tiny_server_port(const struct tiny_server *server)
{
	return server->port;
}

void tiny_server_stop(struct tiny_server *server)
{
	server->stop = true;
	pthread_join(server->thread, NULL);
	while (server->count)
		guest_leave(server, 0);
	close(server->fd);
	free(server);
}
