#include "http/request.h"

#include <strings.h>

#define BEARER "bearer "

static struct text trim(struct text text)
{
	while (text.size && (text.at[0] == ' ' || text.at[0] == '\t'))
		text = (struct text){text.at + 1, text.size - 1};
	while (text.size && (text.at[text.size - 1] == ' ' || text.at[text.size - 1] == '\t'))
		text.size--;
	return text;
}

static uint32_t header_times(const struct exchange *exchange, struct text lower_case)
{
	uint32_t times = 0;
	for (uint32_t i = 0; i < exchange->header_count; i++)
		times += header_is(exchange->headers[i].name, lower_case);
	return times;
}

/* NONE, GOOD with its value, or BAD when it stands twice. */
static enum header_answer header_once(const struct exchange *exchange, struct text lower_case, struct text *ret)
{
	struct text value = exchange_header(exchange, lower_case);
	if (!value.at)
		return HEADER_NONE;
	if (header_times(exchange, lower_case) > 1)
		return HEADER_BAD;
	*ret = trim(value);
	return HEADER_GOOD;
}

static bool quoted_is_plain(struct text text)
{
	return !memchr(text.at, '"', text.size) && !memchr(text.at, '\\', text.size);
}

enum header_answer request_idempotency_key(const struct exchange *exchange, struct text *ret)
{
	struct text key;
	enum header_answer answer = header_once(exchange, TEXT("idempotency-key"), &key);
	if (answer != HEADER_GOOD)
		return answer;
	if (key.size && key.at[0] == '"') {
		if (key.size < 3 || key.at[key.size - 1] != '"')
			return HEADER_BAD;
		key = (struct text){key.at + 1, key.size - 2};
		if (!quoted_is_plain(key))
			return HEADER_BAD;
	}
	if (!text_is_visible(key, IDEMPOTENCY_KEY_MAX))
		return HEADER_BAD;
	*ret = key;
	return HEADER_GOOD;
}

static bool is_token_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
	       c == '-';
}

bool request_id_given(const struct exchange *exchange, struct text *ret)
{
	struct text id = exchange_header(exchange, TEXT("x-request-id"));
	if (id.size == 0 || id.size > REQUEST_ID_SIZE_MAX)
		return false;
	for (size_t i = 0; i < id.size; i++)
		if (!is_token_byte(id.at[i]))
			return false;
	*ret = id;
	return true;
}

enum header_answer request_bearer(const struct exchange *exchange, struct text *ret)
{
	struct text value;
	enum header_answer answer = header_once(exchange, TEXT("authorization"), &value);
	if (answer != HEADER_GOOD)
		return answer;
	size_t scheme = sizeof BEARER - 1;
	if (value.size <= scheme || strncasecmp(value.at, BEARER, scheme) != 0)
		return HEADER_BAD;
	*ret = trim((struct text){value.at + scheme, value.size - scheme});
	return ret->size ? HEADER_GOOD : HEADER_BAD;
}

enum header_answer request_position(const struct exchange *exchange, uint8_t *ret_log, uint64_t *ret_sequence)
{
	struct text value;
	uint64_t log, sequence;
	enum header_answer answer = header_once(exchange, TEXT("dibs-position"), &value);
	if (answer != HEADER_GOOD)
		return answer;
	const char *dash = value.size ? memchr(value.at, '-', value.size) : NULL;
	if (!dash)
		return HEADER_BAD;
	size_t log_size = (size_t)(dash - value.at);
	if (!text_to_u64((struct text){value.at, log_size}, UINT8_MAX, &log) ||
	    !text_to_u64((struct text){dash + 1, value.size - log_size - 1}, UINT64_MAX, &sequence))
		return HEADER_BAD;
	*ret_log = (uint8_t)log;
	*ret_sequence = sequence;
	return HEADER_GOOD;
}

static bool ends_in(struct text text, const char *end)
{
	size_t size = strlen(end);
	return text.size > size && strncasecmp(text.at + text.size - size, end, size) == 0;
}

static bool same_letters(struct text text, const char *other)
{
	return text.size == strlen(other) && strncasecmp(text.at, other, text.size) == 0;
}

static bool charset_is_utf8(struct text parameters)
{
	parameters = trim(parameters);
	if (parameters.size < 8 || strncasecmp(parameters.at, "charset=", 8) != 0)
		return true; /* some other parameter: it changes nothing */
	struct text charset = {parameters.at + 8, parameters.size - 8};
	return same_letters(charset, "utf-8") || same_letters(charset, "\"utf-8\"");
}

bool request_is_json(const struct exchange *exchange)
{
	struct text type = exchange_header(exchange, TEXT("content-type"));
	if (!type.at)
		return true;
	const char *semicolon = type.size ? memchr(type.at, ';', type.size) : NULL;
	size_t size = semicolon ? (size_t)(semicolon - type.at) : type.size;
	struct text essence = trim((struct text){type.at, size});
	if (!same_letters(essence, "application/json") && !ends_in(essence, "+json"))
		return false;
	return !semicolon || charset_is_utf8((struct text){semicolon + 1, type.size - size - 1});
}

static struct text weak_off(struct text etag)
{
	if (etag.size > 2 && memcmp(etag.at, "W/", 2) == 0)
		return (struct text){etag.at + 2, etag.size - 2};
	return etag;
}

bool request_has_etag(const struct exchange *exchange, struct text etag)
{
	struct text list = trim(exchange_header(exchange, TEXT("if-none-match")));
	etag = weak_off(etag);
	while (list.size) {
		const char *comma = memchr(list.at, ',', list.size);
		struct text one = {list.at, comma ? (size_t)(comma - list.at) : list.size};
		size_t skip = one.size + (comma ? 1 : 0);
		one = trim(one);
		if (text_is(one, TEXT("*")) || text_is(weak_off(one), etag))
			return true;
		list = (struct text){list.at + skip, list.size - skip};
	}
	return false;
}
