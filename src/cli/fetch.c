#include "cli/fetch.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE 65536

/* The host's end in "host:port": in brackets when it has colons itself. */
static const char *host_end(const char *host)
{
	if (*host == '[')
		return strchr(host, ']');
	return host + strcspn(host, ":/");
}

int server_url_parse(const char *url, char host[FETCH_HOST_SIZE], uint16_t *ret_port, struct error *error)
{
	static const char scheme[] = "http://";
	uint64_t port = 80;
	if (strncmp(url, scheme, sizeof scheme - 1) != 0)
		return error_set(error, FAULT_INVALID, "server: %s does not begin with http://", url);
	const char *from = url + sizeof scheme - 1, *end = host_end(from);
	if (!end || end == from || (size_t)(end - from) >= FETCH_HOST_SIZE)
		return error_set(error, FAULT_INVALID, "server: no host in %s", url);
	bool bracket = *from == '[';
	const char *rest = end + bracket;
	if (*rest == ':') {
		size_t digits = strcspn(rest + 1, "/");
		if (!text_to_u64((struct text){rest + 1, digits}, 65535, &port) || port == 0)
			return error_set(error, FAULT_INVALID, "server: no port in %s", url);
		rest += 1 + digits;
	}
	if (*rest && strcmp(rest, "/") != 0)
		return error_set(error, FAULT_INVALID, "server: %s has more than a host and a port", url);
	size_t size = (size_t)(end - from) - bracket;
	memcpy(host, from + bracket, size);
	host[size] = '\0';
	*ret_port = (uint16_t)port;
	return 0;
}

void fetch_init(struct fetch *fetch, const char *host, uint16_t port, const char *bearer)
{
	memset(fetch, 0, sizeof *fetch);
	snprintf(fetch->host, sizeof fetch->host, "%s", host);
	snprintf(fetch->bearer, sizeof fetch->bearer, "%s", bearer ? bearer : "");
	fetch->port = port;
	fetch->fd = -1;
}

static void disconnect(struct fetch *fetch)
{
	if (fetch->fd >= 0)
		close(fetch->fd);
	fetch->fd = -1;
}

void fetch_fini(struct fetch *fetch)
{
	disconnect(fetch);
	buf_fini(&fetch->body);
	buf_fini(&fetch->request);
}

static int try_address(const struct addrinfo *address)
{
	struct timeval patience = {.tv_sec = FETCH_TIMEOUT_S};
	int one = 1;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
		return fd;
	int why = errno;
	close(fd);
	errno = why;
	return -1;
}

static int connect_to(struct fetch *fetch, struct error *error)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	char port[8];
	snprintf(port, sizeof port, "%u", fetch->port);
	int code = getaddrinfo(fetch->host, port, &hints, &found);
	if (code)
		return error_set(error, FAULT_NOT_FOUND, "%s: %s", fetch->host, gai_strerror(code));
	for (struct addrinfo *at = found; at && fetch->fd < 0; at = at->ai_next)
		fetch->fd = try_address(at);
	freeaddrinfo(found);
	if (fetch->fd < 0)
		return error_set(error, FAULT_NOT_FOUND, "nobody answers at %s:%u: %s", fetch->host, fetch->port,
		                 strerror(errno));
	reply_init(&fetch->reply, &fetch->body);
	return 0;
}

static void lay_out(struct fetch *fetch, const char *method, const char *path, struct text body, const char *key)
{
	struct buf *out = &fetch->request;
	bool colons = strchr(fetch->host, ':') != NULL;
	buf_clear(out);
	buf_printf(out, "%s %s HTTP/1.1\r\nHost: %s%s%s:%u\r\n", method, path, colons ? "[" : "", fetch->host,
	           colons ? "]" : "", fetch->port);
	if (fetch->bearer[0])
		buf_printf(out, "Authorization: Bearer %s\r\n", fetch->bearer);
	if (fetch->position[0])
		buf_printf(out, "Dibs-Position: %s\r\n", fetch->position);
	if (key)
		buf_printf(out, "Idempotency-Key: %s\r\n", key);
	if (body.size)
		buf_str(out, "Content-Type: application/json\r\n");
	if (body.size || strcmp(method, "GET") != 0)
		buf_printf(out, "Content-Length: %zu\r\n", body.size);
	buf_str(out, "\r\n");
	buf_text(out, body);
}

static bool send_all(int fd, const char *at, size_t left)
{
	while (left) {
		ssize_t sent = send(fd, at, left, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		at += sent;
		left -= (size_t)sent;
	}
	return true;
}

/* True: a whole answer is there. *ret_began: some of it came. */
static bool read_answer(struct fetch *fetch, bool *ret_began)
{
	char bytes[READ_SIZE];
	int whole = 0;
	while (whole == 0) {
		ssize_t got = recv(fetch->fd, bytes, sizeof bytes, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		if (got > 0)
			*ret_began = true;
		whole = got == 0 ? reply_end(&fetch->reply) : reply_feed(&fetch->reply, bytes, (size_t)got);
	}
	return whole > 0;
}

static bool exchange(struct fetch *fetch, bool *ret_began)
{
	reply_await(&fetch->reply);
	if (!send_all(fetch->fd, fetch->request.at, fetch->request.size))
		return false;
	return read_answer(fetch, ret_began);
}

/* An answer is never older than the last one that this fetch has seen. */
static void keep_position(struct fetch *fetch)
{
	struct text position = reply_header(&fetch->reply, REPLY_POSITION);
	if (position.size == 0 || position.size >= sizeof fetch->position)
		return;
	memcpy(fetch->position, position.at, position.size);
	fetch->position[position.size] = '\0';
}

int fetch_call(struct fetch *fetch, const char *method, const char *path, struct text body, const char *key,
               struct error *error)
{
	bool kept = fetch->fd >= 0, began = false, done = false;
	lay_out(fetch, method, path, body, key);
	if (fetch->request.failed)
		return error_set(error, FAULT_MEMORY, "no memory for a request");
	for (int i = 0; i < 2 && !done; i++) {
		int code = fetch->fd < 0 ? connect_to(fetch, error) : 0;
		if (code)
			return code;
		done = exchange(fetch, &began);
		if (!done)
			disconnect(fetch);
		if (!kept || began)
			break; /* only a kept connection may have been closed without any fault */
	}
	if (!done)
		return error_set(error, FAULT_BUSY, "%s %s: no whole answer from %s:%u", method, path, fetch->host,
		                 fetch->port);
	keep_position(fetch);
	if (!fetch->reply.keep_alive)
		disconnect(fetch);
	return fetch->reply.status;
}

int fetch_done(struct fetch *fetch, const char *method, const char *path, struct text body, const char *key,
               struct error *error)
{
	int status = fetch_call(fetch, method, path, body, key, error);
	if (status < 0 || (status >= 200 && status < 300))
		return status;
	struct text code = reply_member(&fetch->reply, "code"), detail = reply_member(&fetch->reply, "detail");
	return error_set(error, FAULT_INVALID, "%s %s: %d %.*s%s%.*s", method, path, status, (int)code.size, code.at,
	                 detail.size ? ": " : "", (int)detail.size, detail.at);
}

/* A whole URL is taken from its path on. */
static struct text path_of_url(struct text url)
{
	const char *scheme = url.size ? memmem(url.at, url.size, "://", 3) : NULL;
	if (!scheme)
		return url;
	size_t left = url.size - (size_t)(scheme + 3 - url.at);
	const char *path = memchr(scheme + 3, '/', left);
	return path ? (struct text){path, (size_t)(url.at + url.size - path)} : TEXT_NONE;
}

struct text fetch_next(const struct fetch *fetch)
{
	struct text link = reply_header(&fetch->reply, REPLY_LINK);
	const char *open = link.size ? memchr(link.at, '<', link.size) : NULL;
	if (!open || !memmem(link.at, link.size, "rel=\"next\"", 10))
		return TEXT_NONE;
	size_t left = link.size - (size_t)(open + 1 - link.at);
	const char *close = memchr(open + 1, '>', left);
	if (!close)
		return TEXT_NONE;
	return path_of_url((struct text){open + 1, (size_t)(close - open - 1)});
}
