#include "http/query.h"

#include "base/must.h"
#include "http/percent.h"

static int name_find(const char *const *names, uint32_t count, struct text name)
{
	for (uint32_t i = 0; i < count; i++)
		if (text_is(text_of(names[i]), name))
			return (int)i;
	return -1;
}

/* One "name=value". */
static bool pair_read(struct text pair, const char *const *names, uint32_t count, struct query *ret,
                      struct text *ret_name)
{
	size_t size;
	const char *equals = memchr(pair.at, '=', pair.size);
	struct text name = {pair.at, equals ? (size_t)(equals - pair.at) : pair.size};
	int place = name_find(names, count, name);
	*ret_name = name;
	if (place < 0 || !equals || ret->value[place].at)
		return false;
	struct text value = {equals + 1, pair.size - name.size - 1};
	if (!percent_decode(value, ret->decoded[place], QUERY_VALUE_MAX, &size))
		return false;
	ret->value[place] = (struct text){ret->decoded[place], size};
	return true;
}

bool query_read(struct text query, const char *const *names, uint32_t name_count, struct query *ret,
                struct text *ret_refused)
{
	must(name_count <= QUERY_PARAMETERS_MAX);
	memset(ret->value, 0, sizeof ret->value);
	while (query.size) {
		const char *ampersand = memchr(query.at, '&', query.size);
		struct text pair = {query.at, ampersand ? (size_t)(ampersand - query.at) : query.size};
		size_t skip = pair.size + (ampersand ? 1 : 0);
		if (!pair_read(pair, names, name_count, ret, ret_refused))
			return false;
		query = (struct text){query.at + skip, query.size - skip};
	}
	return true;
}
