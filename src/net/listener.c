/* listener: accepting, also when there is nothing left to accept with.
 *
 * Each loop has a socket of its own on the same port (SO_REUSEPORT); the kernel deals connections out to them. When the
 * process is out of file descriptors, the one kept in reserve is given up to take a client in, tell it and let it go;
 * then accepting rests until the next tick, so that neither the client waits for nothing nor this thread spins. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log_line.h"
#include "net/connection.h"
#include "net/loop.h"

#define ACCEPT_WARN_MS 10000 /* it is said so often, not at every tick */

static void on_acceptable(uv_poll_t *poll, int status, int events);

static int listener_fault(int fd, int code, const char *what, struct error *error)
{
	int number = errno;
	if (fd >= 0)
		close(fd);
	return error_set(error, number == EADDRINUSE ? FAULT_BUSY : code, "%s: %s", what, strerror(number));
}

/* Several sockets may share a port only with others that want to share it too. So whether another server is there
 * already shows in a socket that does not: it is bound first, and closed again. */
static int port_probe(const struct sockaddr *address, socklen_t size, struct sockaddr_storage *ret, struct error *error)
{
	int yes = 1;
	socklen_t ret_size = sizeof *ret;
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return listener_fault(fd, FAULT_FULL, "no socket to listen on", error);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(fd, address, size) != 0 || getsockname(fd, (struct sockaddr *)ret, &ret_size) != 0)
		return listener_fault(fd, FAULT_CONFIG, "cannot listen there", error);
	close(fd);
	return 0;
}

static int listener_bind(const struct sockaddr *address, socklen_t size, struct error *error)
{
	int yes = 1;
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return listener_fault(fd, FAULT_FULL, "no socket to listen on", error);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); /* accepted sockets inherit it */
	if (bind(fd, address, size) != 0 || listen(fd, LOOP_LISTEN_BACKLOG) != 0)
		return listener_fault(fd, FAULT_CONFIG, "cannot listen there", error);
	return fd;
}

int listeners_open(const struct sockaddr *address, socklen_t size, int *ret_fd, uint32_t count, uint16_t *ret_port,
                   struct error *error)
{
	struct sockaddr_storage bound = {0};
	int code = port_probe(address, size, &bound, error);
	if (code)
		return code;
	for (uint32_t i = 0; i < count; i++) {
		int fd = listener_bind((const struct sockaddr *)&bound, size, error);
		if (fd < 0) {
			while (i > 0)
				close(ret_fd[--i]);
			return fd;
		}
		ret_fd[i] = fd;
	}
	/* NOLINTNEXTLINE(clang-analyzer-core.*): getsockname() has filled it; the analyser does not see that */
	*ret_port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&bound)->sin6_port
	                                              : ((struct sockaddr_in *)(void *)&bound)->sin_port);
	return 0;
}

static int reserve_open(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int listener_init(struct net_loop *loop, int fd, struct error *error)
{
	loop->reserve = reserve_open();
	if (loop->reserve < 0 || uv_poll_init(&loop->uv, &loop->acceptable, fd) != 0)
		return error_set(error, FAULT_FULL, "no file descriptors for a loop");
	loop->listener = fd;
	return 0;
}

void listener_start(struct net_loop *loop)
{
	loop->accept_paused = false;
	uv_poll_start(&loop->acceptable, UV_READABLE, on_acceptable);
}

static void listener_pause(struct net_loop *loop)
{
	uint64_t now_ms = uv_now(&loop->uv);
	if (now_ms >= loop->accept_quiet_until_ms) {
		loop->accept_quiet_until_ms = now_ms + ACCEPT_WARN_MS;
		log_line(LOG_WARN, "accept_paused", LOG_NUMBER("loop", loop->number),
		         LOG_TEXT("reason", "no file descriptors or memory left"));
	}
	loop->accept_paused = true;
	uv_poll_stop(&loop->acceptable);
}

void listener_tick(struct net_loop *loop)
{
	if (loop->reserve < 0)
		loop->reserve = reserve_open();
	if (loop->accept_paused && loop->listener >= 0)
		listener_start(loop);
}

static bool is_starved(int number)
{
	return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

/* Tells one client that waits that there is no room. */
static void listener_refuse_one(struct net_loop *loop)
{
	if (loop->reserve < 0)
		return;
	close(loop->reserve);
	int fd = accept4(loop->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		connection_turn_away(loop, fd);
	loop->reserve = reserve_open();
}

/* False: no one waits any more, or no one can be taken in. */
static bool listener_accept_one(struct net_loop *loop)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof from;
	int fd = accept4(loop->listener, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		connection_open(loop, fd, &from);
		return true;
	}
	if (is_starved(errno)) {
		listener_refuse_one(loop);
		listener_pause(loop);
		return false;
	}
	return errno != EAGAIN && errno != EBADF && errno != EINVAL; /* others are about one client, who is gone */
}

static void listener_accept(struct net_loop *loop)
{
	for (int i = 0; i < LOOP_ACCEPT_BATCH; i++)
		if (!listener_accept_one(loop))
			return;
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
	struct net_loop *loop = poll->data;
	(void)status;
	(void)events;
	loop_touch(loop);
	listener_accept(loop);
}

void listener_stop(struct net_loop *loop)
{
	if (loop->listener < 0)
		return;
	listener_accept(loop);
	uv_poll_stop(&loop->acceptable);
	close(loop->listener);
	loop->listener = -1;
}
