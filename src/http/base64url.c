#include "http/base64url.h"

static const char digits[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64url_encode(struct buf *out, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	uint32_t bits = 0;
	unsigned have = 0;
	for (size_t i = 0; i < size; i++) {
		bits = bits << 8 | at[i];
		for (have += 8; have >= 6; have -= 6)
			buf_put(out, &digits[bits >> (have - 6) & 63], 1);
	}
	if (have)
		buf_put(out, &digits[bits << (6 - have) & 63], 1);
}

static int digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

bool base64url_decode(struct text text, uint8_t *out, size_t capacity, size_t *ret_size)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t size = 0;
	if (text.size % 4 == 1 || text.size / 4 * 3 + text.size % 4 * 3 / 4 > capacity)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		int value = digit_value(text.at[i]);
		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[size++] = (uint8_t)(bits >> have);
		}
	}
	if (bits & ((1u << have) - 1))
		return false;
	*ret_size = size;
	return true;
}
