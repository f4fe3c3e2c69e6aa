#include "http/router.h"

#include <stdlib.h>

#include "base/must.h"
#include "http/percent.h"

/* Cuts at every "/". False: more segments than any route has, an empty one, or no "/" in front. */
static bool segments_cut(struct text path, struct text *out, uint32_t *ret_count)
{
	uint32_t count = 0;
	size_t from = 1;
	if (path.size < 2 || path.at[0] != '/')
		return false;
	for (size_t i = 1; i <= path.size; i++) {
		if (i < path.size && path.at[i] != '/')
			continue;
		if (i == from || count == PATH_SEGMENTS_MAX)
			return false;
		out[count++] = (struct text){path.at + from, i - from};
		from = i + 1;
	}
	*ret_count = count;
	return true;
}

static void entry_init(struct router_entry *entry, const struct route *route)
{
	struct text cut[PATH_SEGMENTS_MAX];
	uint32_t parameters = 0;
	entry->method = route->method;
	must(segments_cut(text_of(route->pattern), cut, &entry->segment_count));
	for (uint32_t i = 0; i < entry->segment_count; i++) {
		struct router_segment *segment = &entry->segment[i];
		segment->text = cut[i];
		segment->is_parameter = cut[i].at[0] == '{';
		if (segment->is_parameter) {
			must(cut[i].size > 2 && cut[i].at[cut[i].size - 1] == '}');
			segment->text = (struct text){cut[i].at + 1, cut[i].size - 2};
			parameters++;
		}
	}
	must(parameters <= PATH_PARAMETERS_MAX);
}

bool router_init(struct router *router, const struct route *routes, uint32_t count)
{
	struct router_entry *entries = calloc(count, sizeof *entries);
	if (!entries)
		return false;
	for (uint32_t i = 0; i < count; i++)
		entry_init(&entries[i], &routes[i]);
	*router = (struct router){entries, count};
	return true;
}

void router_fini(struct router *router)
{
	free(router->entries);
	*router = (struct router){0};
}

/* Segments with escapes move into the match, decoded. */
static bool segments_decode(struct text *segments, uint32_t count, struct router_match *match)
{
	size_t used = 0;
	for (uint32_t i = 0; i < count; i++) {
		size_t size;
		if (!memchr(segments[i].at, '%', segments[i].size))
			continue;
		if (!percent_decode(segments[i], match->decoded + used, sizeof match->decoded - used, &size))
			return false;
		segments[i] = (struct text){match->decoded + used, size};
		used += size;
	}
	return true;
}

static bool entry_is(const struct router_entry *entry, const struct text *segments, uint32_t count)
{
	if (entry->segment_count != count)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (!entry->segment[i].is_parameter && !text_is(entry->segment[i].text, segments[i]))
			return false;
	return true;
}

static void take_parameters(const struct router_entry *entry, const struct text *segments, struct router_match *match)
{
	match->parameter_count = 0;
	for (uint32_t i = 0; i < entry->segment_count; i++)
		if (entry->segment[i].is_parameter)
			match->parameter[match->parameter_count++] = segments[i];
}

static uint32_t method_bit(enum method method)
{
	return 1u << method;
}

enum router_answer router_find(const struct router *router, enum method method, struct text path,
                               struct router_match *ret)
{
	struct text segments[PATH_SEGMENTS_MAX];
	uint32_t count;
	enum method asked = method == METHOD_HEAD ? METHOD_GET : method;
	if (!segments_cut(path, segments, &count))
		return ROUTER_UNKNOWN;
	if (!segments_decode(segments, count, ret))
		return ROUTER_MALFORMED;
	ret->allowed = 0;
	for (uint32_t i = 0; i < router->count; i++) {
		const struct router_entry *entry = &router->entries[i];
		if (!entry_is(entry, segments, count))
			continue;
		if (entry->method == asked) {
			ret->route = i;
			take_parameters(entry, segments, ret);
			return ROUTER_FOUND;
		}
		ret->allowed |= method_bit(entry->method);
	}
	return ret->allowed ? ROUTER_METHOD : ROUTER_UNKNOWN;
}

const char *method_text(enum method method)
{
	static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "OTHER"};
	return names[method];
}

void router_allowed(struct buf *out, uint32_t allowed)
{
	const char *between = "";
	if (allowed & method_bit(METHOD_GET))
		allowed |= method_bit(METHOD_HEAD);
	for (enum method method = METHOD_GET; method < METHOD_OTHER; method++)
		if (allowed & method_bit(method)) {
			buf_str(out, between);
			buf_str(out, method_text(method));
			between = ", ";
		}
}
