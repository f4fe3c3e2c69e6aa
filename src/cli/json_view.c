#include "cli/json_view.h"

static size_t skip_space(struct text json, size_t at)
{
	while (at < json.size && strchr(" \t\r\n", json.at[at]) && json.at[at])
		at++;
	return at;
}

static size_t skip_string(struct text json, size_t at)
{
	for (at++; at < json.size; at++) {
		if (json.at[at] == '\\')
			at++;
		else if (json.at[at] == '"')
			return at + 1;
	}
	return json.size;
}

/* The end of the value that begins at `at`: brackets are counted, strings passed over. */
static size_t skip_value(struct text json, size_t at)
{
	unsigned depth = 0;
	while (at < json.size) {
		char c = json.at[at];
		if (c == '"') {
			at = skip_string(json, at);
		} else if (c == '{' || c == '[') {
			depth++;
			at++;
		} else if (depth && (c == '}' || c == ']')) {
			depth--;
			at++;
		} else if (depth == 0 && (c == ',' || c == '}' || c == ']' || strchr(" \t\r\n", c))) {
			return at;
		} else {
			at++;
			continue;
		}
		if (depth == 0)
			return at;
	}
	return json.size;
}

static struct text slice(struct text json, size_t from, size_t to)
{
	return (struct text){json.at + from, to - from};
}

static bool key_is(struct text key, const char *name)
{
	return key.size >= 2 && text_is((struct text){key.at + 1, key.size - 2}, text_of(name));
}

struct text json_member(struct text object, const char *name)
{
	size_t at = skip_space(object, 0);
	if (at >= object.size || object.at[at] != '{')
		return TEXT_NONE;
	at = skip_space(object, at + 1);
	while (at < object.size && object.at[at] == '"') {
		size_t key_end = skip_string(object, at);
		struct text key = slice(object, at, key_end);
		at = skip_space(object, key_end);
		if (at >= object.size || object.at[at] != ':')
			return TEXT_NONE;
		at = skip_space(object, at + 1);
		size_t end = skip_value(object, at);
		if (key_is(key, name))
			return slice(object, at, end);
		at = skip_space(object, end);
		if (at >= object.size || object.at[at] != ',')
			return TEXT_NONE;
		at = skip_space(object, at + 1);
	}
	return TEXT_NONE;
}

bool json_next(struct text array, size_t *at, struct text *ret)
{
	size_t from = *at;
	if (from == 0) {
		from = skip_space(array, 0);
		if (from >= array.size || array.at[from] != '[')
			return false;
		from++;
	}
	from = skip_space(array, from);
	if (from < array.size && array.at[from] == ',')
		from = skip_space(array, from + 1);
	if (from >= array.size || array.at[from] == ']')
		return false;
	size_t end = skip_value(array, from);
	if (end == from)
		return false;
	*ret = slice(array, from, end);
	*at = end;
	return true;
}

static void put_code_point(struct buf *out, unsigned code)
{
	char bytes[3] = {(char)code, 0, 0};
	if (code < 0x20 || code == 0x7f) {
		buf_str(out, "?");
	} else if (code < 0x80) {
		buf_put(out, bytes, 1);
	} else if (code < 0x800) {
		bytes[0] = (char)(0xc0 | code >> 6);
		bytes[1] = (char)(0x80 | (code & 0x3f));
		buf_put(out, bytes, 2);
	} else {
		bytes[0] = (char)(0xe0 | code >> 12);
		bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
		bytes[2] = (char)(0x80 | (code & 0x3f));
		buf_put(out, bytes, 3);
	}
}

static unsigned hex_digits(const char *at)
{
	unsigned value = 0;
	for (int i = 0; i < 4; i++) {
		char c = at[i];
		unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : ((unsigned)c | 0x20) - 'a' + 10;
		value = value << 4 | (digit & 0xf);
	}
	return value;
}

/* One escape behind its backslash; returns how many bytes it took. */
static size_t put_escape(struct buf *out, const char *at, size_t left)
{
	if (*at != 'u' || left < 5) {
		buf_put(out, strchr("nrtbf", *at) ? " " : at, 1);
		return 1;
	}
	unsigned code = hex_digits(at + 1);
	put_code_point(out, code >= 0xd800 && code <= 0xdfff ? '?' : code);
	return 5;
}

void json_show(struct buf *out, struct text value)
{
	if (value.size < 2 || value.at[0] != '"') {
		buf_text(out, value);
		return;
	}
	for (size_t i = 1; i < value.size - 1; i++) {
		if (value.at[i] == '\\' && i + 2 < value.size)
			i += put_escape(out, value.at + i + 1, value.size - 2 - i);
		else if ((unsigned char)value.at[i] < 0x20 || value.at[i] == 0x7f)
			buf_str(out, "?");
		else
			buf_put(out, value.at + i, 1);
	}
}

bool json_integer(struct text value, int64_t *ret)
{
	uint64_t size;
	bool negative = value.size && value.at[0] == '-';
	if (!text_to_u64((struct text){value.at + negative, value.size - negative}, INT64_MAX, &size))
		return false;
	*ret = negative ? -(int64_t)size : (int64_t)size;
	return true;
}
