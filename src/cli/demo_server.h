/* demo_server: this same program as a server, in a process of its own, on a throw-away folder.
 *
 * Memory   none. The server's messages go to a file in the folder, which is shown when it does not start.
 * Faults   FAULT_IO: the folder; FAULT_BUSY: the server did not start, stop, or get ready in time.
 * Bounds   SERVER_PATIENCE_S for each of those. The server ends when this process does, however that happens.
 */
#ifndef DIBS_CLI_DEMO_SERVER_H
#define DIBS_CLI_DEMO_SERVER_H

#include <sys/types.h>

#include "cli/fetch.h"

#define SERVER_PATIENCE_S 10
#define SERVER_FLAGS_MAX 8
#define SERVER_PATH_SIZE 4096

struct demo_server {
	char folder[SERVER_PATH_SIZE]; /* made by demo_server_init, removed by demo_server_fini */
	char data[SERVER_PATH_SIZE + 8];
	char messages[SERVER_PATH_SIZE + 16];
	char key[128]; /* the admin key, once it has started */
	pid_t process; /* 0: not running */
	uint16_t port; /* chosen at the first start, kept at the next ones */
};

int demo_server_init(struct demo_server *server, struct error *error);
/* Ends the server if it runs, and removes the folder unless keep. */
void demo_server_fini(struct demo_server *server, bool keep);

/* Starts the process and returns at once. flags: words, NULL at the end. */
int demo_server_spawn(struct demo_server *server, const char *const *flags, struct error *error);
/* The same, and waits until it is ready to sell. */
int demo_server_start(struct demo_server *server, const char *const *flags, struct error *error);
/* Asks it to stop, as an operator does, and waits. */
int demo_server_stop(struct demo_server *server, struct error *error);
/* SIGKILL: it has no say in it. */
void demo_server_kill(struct demo_server *server);
/* Runs `dibs audit` on the folder; its words go to stdout. Returns its exit status. */
int demo_server_audit(const struct demo_server *server, struct error *error);

#endif
