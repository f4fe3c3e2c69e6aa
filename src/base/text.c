#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool text_is_visible(struct text text, size_t size_max)
{
	if (text.size == 0 || text.size > size_max)
		return false;
	for (size_t i = 0; i < text.size; i++)
		if (text.at[i] < 0x21 || text.at[i] > 0x7e)
			return false;
	return true;
}

static bool is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool text_is_id(struct text text)
{
	if (text.size == 0 || text.size > 64 || !is_lower_or_digit(text.at[0]))
		return false;
	for (size_t i = 1; i < text.size; i++)
		if (!is_lower_or_digit(text.at[i]) && text.at[i] != '.' && text.at[i] != '_' && text.at[i] != '-')
			return false;
	return true;
}

/* Length of the well-formed sequence at `at`, or 0 (Unicode standard, table 3-7). */
static size_t utf8_sequence(const unsigned char *at, size_t left)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t size;
	if (at[0] < 0x80)
		return 1;
	if (at[0] >= 0xc2 && at[0] <= 0xdf)
		size = 2;
	else if (at[0] >= 0xe0 && at[0] <= 0xef)
		size = 3;
	else if (at[0] >= 0xf0 && at[0] <= 0xf4)
		size = 4;
	else
		return 0;
	if (left < size)
		return 0;
	if (at[0] == 0xe0)
		low = 0xa0;
	else if (at[0] == 0xed)
		high = 0x9f;
	else if (at[0] == 0xf0)
		low = 0x90;
	else if (at[0] == 0xf4)
		high = 0x8f;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < size; i++)
		if (at[i] < 0x80 || at[i] > 0xbf)
			return 0;
	return size;
}

bool text_is_utf8(struct text text)
{
	const unsigned char *at = (const unsigned char *)text.at;
	size_t left = text.size;
	while (left) {
		size_t size = utf8_sequence(at, left);
		if (size == 0)
			return false;
		at += size;
		left -= size;
	}
	return true;
}

bool text_to_u64(struct text text, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;
	if (text.size == 0 || text.size > 20 || (text.size > 1 && text.at[0] == '0'))
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		uint64_t digit = (uint64_t)(text.at[i] - '0');
		if (value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (value > max)
		return false;
	*ret = value;
	return true;
}

void buf_fini(struct buf *buf)
{
	free(buf->at);
	*buf = (struct buf){0};
}

void buf_clear(struct buf *buf)
{
	buf->size = 0;
	buf->failed = false;
}

bool buf_reserve(struct buf *buf, size_t more)
{
	if (buf->failed)
		return false;
	if (buf->capacity - buf->size >= more)
		return true;
	size_t capacity = buf->capacity ? buf->capacity : 256;
	while (capacity - buf->size < more)
		capacity *= 2;
	char *at = realloc(buf->at, capacity);
	if (!at) {
		buf->failed = true;
		return false;
	}
	buf->at = at;
	buf->capacity = capacity;
	return true;
}

void buf_put(struct buf *buf, const void *bytes, size_t size)
{
	if (size == 0 || !buf_reserve(buf, size))
		return;
	memcpy(buf->at + buf->size, bytes, size);
	buf->size += size;
}

void buf_text(struct buf *buf, struct text text)
{
	buf_put(buf, text.at, text.size);
}

void buf_str(struct buf *buf, const char *c_string)
{
	buf_put(buf, c_string, strlen(c_string));
}

void buf_u64(struct buf *buf, uint64_t value)
{
	char digits[20];
	size_t at = sizeof digits;
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	buf_put(buf, digits + at, sizeof digits - at);
}

void buf_i64(struct buf *buf, int64_t value)
{
	if (value < 0)
		buf_put(buf, "-", 1);
	buf_u64(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int size = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (size < 0 || !buf_reserve(buf, (size_t)size + 1))
		return;
	va_start(args, format);
	vsnprintf(buf->at + buf->size, (size_t)size + 1, format, args);
	va_end(args);
	buf->size += (size_t)size;
}

void buf_json(struct buf *buf, struct text text)
{
	size_t from = 0;
	buf_put(buf, "\"", 1);
	for (size_t i = 0; i < text.size; i++) {
		unsigned char c = (unsigned char)text.at[i];
		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
			continue;
		buf_put(buf, text.at + from, i - from);
		from = i + 1;
		if (c == '"' || c == '\\') {
			char pair[2] = {'\\', (char)c};
			buf_put(buf, pair, 2);
		} else {
			buf_printf(buf, "\\u%04x", c);
		}
	}
	buf_put(buf, text.at + from, text.size - from);
	buf_put(buf, "\"", 1);
}
