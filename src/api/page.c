#include "api/page.h"

#include <stdio.h>

#include "http/percent.h"

static uint32_t name_count(const char *const *names)
{
	uint32_t count = 0;
	while (names[count])
		count++;
	return count;
}

/* A parameter's name out of a request, for the problem: as far as it is plain. */
static void refuse_name(struct call *call, struct text name)
{
	char field[65];
	size_t size = 0;
	while (size < name.size && size < 64 && name.at[size] > 0x20 && name.at[size] < 0x7f) {
		field[size] = name.at[size];
		size++;
	}
	field[size] = 0;
	call_invalid(call, field, "The parameter is not known here, stands there twice, or cannot be read.");
}

bool page_read(struct call *call, const char *const *names, enum cursor_kind kind, struct text terms,
               struct page_request *ret)
{
	struct text refused;
	uint64_t limit = LIST_DEFAULT;
	if (!query_read(call->exchange->query, names, name_count(names), &ret->query, &refused)) {
		refuse_name(call, refused);
		return false;
	}
	const struct text *value = ret->query.value;
	if (value[1].at && (!text_to_u64(value[1], LIST_MAX, &limit) || limit == 0)) {
		call_invalid(call, "limit", "It is to be an integer from 1 to 1000.");
		return false;
	}
	ret->place = 0;
	if (value[0].at && !cursor_parse(value[0], kind, terms, &ret->place)) {
		call_invalid(call, "cursor", "It is not one that this list gave.");
		return false;
	}
	ret->limit = (uint32_t)limit;
	return true;
}

/* The rest of the query stays as it was asked. */
static void put_query(struct buf *link, struct text query)
{
	while (query.size) {
		const char *ampersand = memchr(query.at, '&', query.size);
		struct text pair = {query.at, ampersand ? (size_t)(ampersand - query.at) : query.size};
		size_t skip = pair.size + (ampersand ? 1 : 0);
		if (pair.size && !(pair.size >= 7 && memcmp(pair.at, "cursor=", 7) == 0)) {
			buf_put(link, "&", 1);
			buf_text(link, pair);
		}
		query = (struct text){query.at + skip, query.size - skip};
	}
}

void page_next(struct call *call, struct buf *body, enum cursor_kind kind, struct text terms, uint64_t place)
{
	struct buf cursor = {0}, link = {0};
	cursor_format(&cursor, kind, terms, place);
	buf_str(body, ",\"next\":\"");
	buf_text(body, buf_as_text(&cursor));
	buf_put(body, "\"", 1);
	buf_put(&link, "<", 1);
	buf_text(&link, call->exchange->path);
	buf_str(&link, "?cursor=");
	buf_text(&link, buf_as_text(&cursor));
	put_query(&link, call->exchange->query);
	buf_str(&link, ">; rel=\"next\"");
	call_header(call, "Link", buf_as_text(&link));
	if (cursor.failed || link.failed)
		body->failed = true;
	buf_fini(&cursor);
	buf_fini(&link);
}
