/* asking: what the subcommands over HTTP share: one request, its answer as JSON or as lines for people. */
#ifndef DIBS_CLI_ASKING_H
#define DIBS_CLI_ASKING_H

#include "cli/client.h"

/* Writes the answer's body for people. */
typedef void show_fn(struct buf *out, struct text body);

/* Asks, and prints the answer: as it is with --json, else by show (NULL: nothing). */
int ask_and_print(const struct invocation *invocation, const struct request *request, show_fn *show,
                  struct error *error);

/* Asks for a list, page by page, and prints each member of the array `name`: one JSON object a line with --json, else
 * by show, after the heading. now (NULL: none): what is asked first, so that the list is not older than that. */
int ask_list(const struct invocation *invocation, const char *now, const char *path, const char *name,
             const char *heading, show_fn *show, struct error *error);

/* ---- JSON bodies ---- */

/* {"a":…,"b":…}: begins, adds and ends an object. */
void body_begin(struct buf *body);
void body_text(struct buf *body, const char *name, struct text value);
void body_number(struct buf *body, const char *name, int64_t value);
void body_time(struct buf *body, const char *name, int64_t ms);
void body_end(struct buf *body);

/* ---- lines for people ---- */

void show_member(struct buf *out, struct text object, const char *name, int column);
void show_drop(struct buf *out, struct text drop);
void show_drop_line(struct buf *out, struct text drop);
void show_order(struct buf *out, struct text order);
void show_order_line(struct buf *out, struct text order);

#endif
