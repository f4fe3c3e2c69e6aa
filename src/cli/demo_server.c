#include "cli/demo_server.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"
#include "base/time.h"
#include "cli/json_view.h"
#include "cli/key_file.h"

#define SELF "/proc/self/exe"
#define LOOK_AGAIN_NS 5000000 /* 5 ms: short beside a start */
#define MESSAGES_MAX 65536    /* of the server's log that is looked at: a start says a few lines */

static void pause_ns(long ns)
{
	struct timespec pause = {.tv_nsec = ns};
	nanosleep(&pause, NULL);
}

static uint64_t patience_until(void)
{
	return clock_mono().ns + SERVER_PATIENCE_S * UINT64_C(1000000000);
}

int demo_server_init(struct demo_server *server, struct error *error)
{
	const char *base = getenv("TMPDIR");
	*server = (struct demo_server){.process = 0};
	int size =
	    snprintf(server->folder, sizeof server->folder, "%s/dibs-demo-XXXXXX", base && *base ? base : "/tmp");
	if (size < 0 || (size_t)size >= sizeof server->folder || !mkdtemp(server->folder)) {
		server->folder[0] = '\0';
		return error_set(error, FAULT_IO, "no throw-away folder under %s: %s", base ? base : "/tmp",
		                 strerror(errno));
	}
	snprintf(server->data, sizeof server->data, "%s/data", server->folder);
	snprintf(server->messages, sizeof server->messages, "%s/messages", server->folder);
	return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	return remove(path);
}

void demo_server_fini(struct demo_server *server, bool keep)
{
	if (server->process)
		demo_server_kill(server);
	if (server->folder[0] && !keep && nftw(server->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
		fprintf(stderr, "dibs demo: %s could not be removed: %s\n", server->folder, strerror(errno));
}

/* ---- in the child ---- */

static _Noreturn void become(const char *const *argv)
{
	execv(SELF, (char *const *)(uintptr_t)argv);
	dprintf(STDERR_FILENO, "%s: %s\n", SELF, strerror(errno));
	_exit(127);
}

static _Noreturn void become_server(const struct demo_server *server, const char *const *flags, pid_t parent)
{
	char listen[32];
	const char *argv[8 + SERVER_FLAGS_MAX] = {"dibs", "serve", "--data", server->data, "--listen", listen};
	int count = 6;
	snprintf(listen, sizeof listen, "127.0.0.1:%u", server->port);
	for (int i = 0; flags[i]; i++) {
		must(i < SERVER_FLAGS_MAX);
		argv[count++] = flags[i];
	}
	argv[count] = NULL;
	int fd = open(server->messages, O_WRONLY | O_CREAT | O_APPEND, 0600);
	int nothing = open("/dev/null", O_RDWR);
	if (fd < 0 || nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(nothing, STDOUT_FILENO) < 0 ||
	    dup2(fd, STDERR_FILENO) < 0)
		_exit(127);
	setpgid(0, 0); /* an interrupt at the terminal is for the demo, which then stops the server */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127); /* it ended before the line above */
	become(argv);
}

int demo_server_spawn(struct demo_server *server, const char *const *flags, struct error *error)
{
	pid_t self = getpid();
	pid_t process = fork();
	if (process < 0)
		return error_set(error, FAULT_BUSY, "no process for the server: %s", strerror(errno));
	if (process == 0)
		become_server(server, flags, self);
	server->process = process;
	return 0;
}

/* ---- starting ---- */

static size_t read_messages(const struct demo_server *server, char *out, size_t capacity)
{
	FILE *file = fopen(server->messages, "re");
	if (!file)
		return 0;
	size_t size = fread(out, 1, capacity, file);
	fclose(file);
	return size;
}

static int did_not(const struct demo_server *server, const char *what, struct error *error)
{
	static char said[MESSAGES_MAX];
	size_t size = read_messages(server, said, sizeof said);
	while (size && said[size - 1] == '\n')
		size--;
	size_t from = size;
	while (from && said[from - 1] != '\n')
		from--;
	return error_set(error, FAULT_BUSY, "the server did not %s%s%.*s", what, size ? "; it said: " : "",
	                 (int)(size - from < 300 ? size - from : 300), said + from);
}

/* Has the process ended? Then it is not ours any more. */
static bool has_ended(struct demo_server *server)
{
	int status;
	if (waitpid(server->process, &status, WNOHANG) != server->process)
		return false;
	server->process = 0;
	return true;
}

/* {"time":…,"event":"listening",…,"port":40123}: which port it was given. 0: not said yet. */
static uint16_t port_said(const struct demo_server *server)
{
	static char said[MESSAGES_MAX];
	size_t size = read_messages(server, said, sizeof said);
	for (size_t from = 0, at = 0; at < size; at++) {
		if (said[at] != '\n')
			continue;
		struct text line = {said + from, at - from};
		int64_t port;
		from = at + 1;
		if (text_is(json_member(line, "event"), TEXT("\"listening\"")) &&
		    json_integer(json_member(line, "port"), &port) && port > 0 && port < 65536)
			return (uint16_t)port;
	}
	return 0;
}

static int wait_for_port(struct demo_server *server, struct error *error)
{
	uint64_t until = patience_until();
	while (server->port == 0) {
		if (has_ended(server) || clock_mono().ns > until)
			return did_not(server, "start", error);
		pause_ns(LOOK_AGAIN_NS);
		server->port = port_said(server);
	}
	return 0;
}

static int wait_until_ready(struct demo_server *server, struct error *error)
{
	uint64_t until = patience_until();
	struct fetch fetch;
	int status = 0;
	fetch_init(&fetch, "127.0.0.1", server->port, NULL);
	while (status != 200 && !has_ended(server) && clock_mono().ns < until) {
		status = fetch_call(&fetch, "GET", "/readyz", TEXT_NONE, NULL, NULL);
		if (status != 200)
			pause_ns(LOOK_AGAIN_NS);
	}
	fetch_fini(&fetch);
	return status == 200 ? 0 : did_not(server, "get ready", error);
}

int demo_server_start(struct demo_server *server, const char *const *flags, struct error *error)
{
	int code = demo_server_spawn(server, flags, error);
	if (code == 0)
		code = wait_for_port(server, error);
	if (code == 0)
		code = wait_until_ready(server, error);
	if (code == 0 && !server->key[0])
		code = key_file_find(NULL, server->data, server->key, sizeof server->key, error);
	return code;
}

/* ---- ending ---- */

int demo_server_stop(struct demo_server *server, struct error *error)
{
	uint64_t until = patience_until();
	int status;
	kill(server->process, SIGTERM);
	while (waitpid(server->process, &status, WNOHANG) == 0) {
		if (clock_mono().ns > until)
			return did_not(server, "stop when asked to", error);
		pause_ns(LOOK_AGAIN_NS);
	}
	server->process = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return did_not(server, "stop cleanly", error);
	return 0;
}

void demo_server_kill(struct demo_server *server)
{
	kill(server->process, SIGKILL);
	waitpid(server->process, NULL, 0);
	server->process = 0;
}

int demo_server_audit(const struct demo_server *server, struct error *error)
{
	const char *argv[] = {"dibs", "audit", "--data", server->data, NULL};
	int status;
	fflush(NULL);
	pid_t process = fork();
	if (process < 0)
		return error_set(error, FAULT_BUSY, "no process for the audit: %s", strerror(errno));
	if (process == 0)
		become(argv);
	while (waitpid(process, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(error, FAULT_BUSY, "the audit was lost: %s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
