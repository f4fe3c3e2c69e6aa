#include "net/net.h"

#include <netdb.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/must.h"
#include "net/connection.h"
#include "net/loop.h"

#define LISTEN_TEXT_MAX 256 /* a host's name and a port */
#define MALLOC_OVERHEAD 16  /* glibc's, per piece */

/* "host:port", "[v6]:port", ":port" into two texts, in place. */
static bool listen_split(char *text, char **ret_host, char **ret_port)
{
	char *colon = strrchr(text, ':');
	if (!colon || colon[1] == '\0')
		return false;
	*colon = '\0';
	*ret_port = colon + 1;
	*ret_host = text;
	size_t size = strlen(text);
	if (text[0] == '[' && size > 1 && text[size - 1] == ']') {
		text[size - 1] = '\0';
		*ret_host = text + 1;
	} else if (strchr(text, ':')) {
		return false;
	}
	return true;
}

static int listen_resolve(const char *listen, struct addrinfo **ret, struct error *error)
{
	const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
	char text[LISTEN_TEXT_MAX], *host, *port;
	size_t size = strlen(listen);
	if (size >= sizeof text)
		return error_set(error, FAULT_CONFIG, "listen: %.40s…: too long", listen);
	memcpy(text, listen, size + 1);
	uint64_t number;
	if (!listen_split(text, &host, &port) || !text_to_u64(text_of(port), UINT16_MAX, &number))
		return error_set(error, FAULT_CONFIG, "listen: %s: not of the form 127.0.0.1:8080 or [::1]:8080",
		                 listen);
	int code = getaddrinfo(host[0] ? host : NULL, port, &hints, ret);
	if (code)
		return error_set(error, FAULT_CONFIG, "listen: %s: %s", listen, gai_strerror(code));
	return 0;
}

static int net_listen(struct net *net, int *ret_fd, struct error *error)
{
	struct addrinfo *address;
	struct error why;
	int code = listen_resolve(net->options.listen, &address, error);
	if (code)
		return code;
	code = listeners_open(address->ai_addr, address->ai_addrlen, ret_fd, net->options.loops, &net->port, &why);
	freeaddrinfo(address);
	return code ? error_set(error, code, "listen: %s: %s", net->options.listen, why.text) : 0;
}

static int loops_init(struct net *net, const int *fd, struct error *error)
{
	uint32_t count = net->options.loops;
	for (uint32_t i = 0; i < count; i++) {
		int code = loop_init(&net->loops[i], net, i, fd[i], error);
		if (code == 0)
			continue;
		for (uint32_t rest = i; rest < count; rest++)
			close(fd[rest]);
		while (i > 0)
			loop_fini(&net->loops[--i]);
		return code;
	}
	return 0;
}

static int net_init(struct net *net, struct error *error)
{
	const struct net_limits *limits = &net->options.limits;
	if (limits->connections_per_address) {
		net->addresses = addresses_new(limits->connections, limits->connections_per_address);
		if (!net->addresses)
			return error_set(error, FAULT_MEMORY, "no memory for the table of addresses");
	}
	net->loops = calloc(net->options.loops, sizeof net->loops[0]);
	int *fd = calloc(net->options.loops, sizeof *fd);
	int code = !net->loops || !fd ? error_set(error, FAULT_MEMORY, "no memory for the loops") : 0;
	if (code == 0)
		code = net_listen(net, fd, error);
	if (code == 0)
		code = loops_init(net, fd, error);
	free(fd);
	return code;
}

static void net_free(struct net *net)
{
	addresses_free(net->addresses);
	free(net->loops);
	free(net);
}

int net_open(const struct net_options *options, struct net **ret, struct error *error)
{
	must(options->loops > 0 && options->handle && options->limits.pipeline > 0);
	int code = work_start(error);
	if (code)
		return code;
	struct net *net = calloc(1, sizeof *net);
	if (!net)
		return error_set(error, FAULT_MEMORY, "no memory for the server");
	net->options = *options;
	code = net_init(net, error);
	if (code) {
		net_free(net);
		return code;
	}
	*ret = net;
	return 0;
}

uint16_t net_port(const struct net *net)
{
	return net->port;
}

int net_run_start(struct net *net, struct error *error)
{
	must(net->running == 0);
	for (uint32_t i = 0; i < net->options.loops; i++) {
		int code = loop_start(&net->loops[i], error);
		if (code) {
			net->running = i;
			net_stop(net, 0);
			return code;
		}
	}
	net->running = net->options.loops;
	return 0;
}

void net_wake(struct net *net, uint32_t loop)
{
	struct net_loop *to = &net->loops[loop];
	if (!atomic_exchange_explicit(&to->woken, true, memory_order_acq_rel))
		uv_async_send(&to->wake);
}

void net_stop(struct net *net, uint32_t grace_ms)
{
	if (net->running == 0)
		return;
	atomic_store(&net->stop_at_ns, clock_mono().ns + (uint64_t)grace_ms * 1000000);
	atomic_store_explicit(&net->draining, true, memory_order_release);
	for (uint32_t i = 0; i < net->running; i++)
		uv_async_send(&net->loops[i].wake);
	for (uint32_t i = 0; i < net->running; i++)
		loop_join(&net->loops[i]);
	net->running = 0;
}

void net_close(struct net *net)
{
	net_stop(net, 0);
	for (uint32_t i = 0; i < net->options.loops; i++)
		loop_fini(&net->loops[i]);
	net_free(net);
}

bool net_is_draining(const struct net *net)
{
	return atomic_load_explicit(&net->draining, memory_order_acquire);
}

void net_statistics(struct net *net, struct net_statistics *ret)
{
	struct net_statistics sum = {
	    .connections = atomic_load_explicit(&net->connections, memory_order_relaxed),
	    .connection_bytes = sizeof(struct connection) + MALLOC_OVERHEAD,
	};
	for (uint32_t i = 0; i < net->options.loops; i++) {
		struct net_loop *loop = &net->loops[i];
		sum.accepted += counter_read(&loop->accepted);
		sum.refused_connections += counter_read(&loop->refused);
		sum.requests += counter_read(&loop->requests);
		sum.bad_requests += counter_read(&loop->bad_requests);
		sum.timeouts += counter_read(&loop->timed_out);
		sum.loop_rounds += counter_read(&loop->rounds);
		sum.loop_busy_ns += counter_read(&loop->busy_ns);
		uint64_t lag_ns = atomic_exchange_explicit(&loop->lag_ns_max, 0, memory_order_relaxed);
		sum.loop_lag_ns_max = lag_ns > sum.loop_lag_ns_max ? lag_ns : sum.loop_lag_ns_max;
	}
	*ret = sum;
}
