/* router: which route a method and a path mean.
 *
 * The table is the caller's and is searched in its order: put what is asked most often first. A pattern's segment in
 * braces takes any one segment, decoded.
 *
 * Memory   parameters point into the path or into the match itself; so a match is not to be copied.
 * Answers  404 and 405 are told apart: a path that another method has is 405, with the methods that it has.
 * Thread   any; a router does not change once it is made.
 */
#ifndef DIBS_HTTP_ROUTER_H
#define DIBS_HTTP_ROUTER_H

#include "base/text.h"
#include "http/limits.h"
#include "net/net.h"

struct route {
	enum method method;
	const char *pattern; /* "/v1/drops/{drop}/orders" */
};

struct router_segment {
	struct text text; /* a parameter's: its name */
	bool is_parameter;
};

struct router_entry {
	enum method method;
	uint32_t segment_count;
	struct router_segment segment[PATH_SEGMENTS_MAX];
};

struct router {
	struct router_entry *entries;
	uint32_t count;
};

enum router_answer { ROUTER_FOUND, ROUTER_UNKNOWN, ROUTER_METHOD, ROUTER_MALFORMED };

struct router_match {
	uint32_t route; /* its place in the table */
	struct text parameter[PATH_PARAMETERS_MAX];
	uint32_t parameter_count;
	uint32_t allowed; /* ROUTER_METHOD: bits 1 << enum method */
	char decoded[PATH_DECODED_MAX];
};

/* Patterns live as long as the router. False: no memory. A pattern out of bounds is a bug. */
bool router_init(struct router *router, const struct route *routes, uint32_t count);
void router_fini(struct router *router);

/* HEAD is answered by a GET route. */
enum router_answer router_find(const struct router *router, enum method method, struct text path,
                               struct router_match *ret);
/* "GET, HEAD, POST" */
void router_allowed(struct buf *out, uint32_t allowed);
const char *method_text(enum method method);

#endif
