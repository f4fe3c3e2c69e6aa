/* json_view: looks into a JSON answer of our own server, without taking it apart: slices of the text, nothing copied.
 *
 * For answers only, whose sender is trusted to write JSON; what is broken is simply not found. Requests are read by
 * http/json.h, strictly.
 */
#ifndef DIBS_CLI_JSON_VIEW_H
#define DIBS_CLI_JSON_VIEW_H

#include "base/text.h"

/* The value of an object's member, as written; size 0: there is none. */
struct text json_member(struct text object, const char *name);
/* The members of an array one after the other; *at is 0 at first. False at the end. */
bool json_next(struct text array, size_t *at, struct text *ret);
/* A value for reading by people: a string without quotes and escapes, control characters replaced; else as written. */
void json_show(struct buf *out, struct text value);
bool json_integer(struct text value, int64_t *ret);

#endif
