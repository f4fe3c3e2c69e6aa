/* help: what `--help` prints and the manual page says, made from the two tables (commands.c, settings.def). */
#ifndef DIBS_CLI_HELP_H
#define DIBS_CLI_HELP_H

#include "cli/invocation.h"

void help_all(struct buf *out);
void help_group(struct buf *out, const char *group);
void help_subcommand(struct buf *out, const struct subcommand *what);
/* The manual page dibs(1), in man(7) macros. deploy/dibs.1 is this, and a unit test holds it to that. */
void help_manual(struct buf *out);

#endif
