/* demo: what the acts of `dibs demo` share. demo.c is the programme, demo_acts.c the acts. */
#ifndef DIBS_CLI_DEMO_H
#define DIBS_CLI_DEMO_H

#include <signal.h>

#include "cli/crowd_check.h"
#include "cli/demo_server.h"

struct demo {
	uint32_t buyers, stock;
	bool keep;
	struct style style;
	struct demo_server server;
	struct fetch fetch; /* asks the server as its operator, once it has started */
	bool kept;          /* every promise so far */
};

extern volatile sig_atomic_t demo_interrupted;

/* To stdout, at once. */
void demo_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void demo_say_head(const struct demo *demo, const char *act, const char *title);
/* What was promised, and whether it was found to be so. */
void demo_say_kept(struct demo *demo, bool kept, const char *format, ...) __attribute__((format(printf, 3, 4)));

int demo_act_one(struct demo *demo, struct error *error);
int demo_act_two(struct demo *demo, struct error *error);

#endif
