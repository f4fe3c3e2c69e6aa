/* query: "a=1&b=2" behind the question mark, read strictly against the names that a route knows.
 *
 * Answers  false with the name that is unknown, stands twice or cannot be decoded.
 * Memory   values point into the query's own `decoded`; so a query is not to be copied.
 */
#ifndef DIBS_HTTP_QUERY_H
#define DIBS_HTTP_QUERY_H

#include "base/text.h"
#include "http/limits.h"

struct query {
	struct text value[QUERY_PARAMETERS_MAX]; /* in the order of the names; at NULL: not there */
	char decoded[QUERY_PARAMETERS_MAX][QUERY_VALUE_MAX];
};

/* names: up to QUERY_PARAMETERS_MAX. "+" is a plus, not a blank: nothing here has blanks. */
bool query_read(struct text query, const char *const *names, uint32_t name_count, struct query *ret,
                struct text *ret_refused);

#endif
