#include "http/percent.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool percent_decode(struct text text, char *out, size_t capacity, size_t *ret_size)
{
	size_t size = 0;
	for (size_t i = 0; i < text.size; i++) {
		unsigned char c = (unsigned char)text.at[i];
		if (c == '%') {
			int high = i + 2 < text.size ? hex_value(text.at[i + 1]) : -1;
			int low = i + 2 < text.size ? hex_value(text.at[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			c = (unsigned char)(high << 4 | low);
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || size == capacity)
			return false;
		out[size++] = (char)c;
	}
	*ret_size = size;
	return true;
}

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	       c == '_' || c == '~';
}

void percent_encode(struct buf *out, struct text text)
{
	for (size_t i = 0; i < text.size; i++)
		if (is_unreserved(text.at[i]))
			buf_put(out, &text.at[i], 1);
		else
			buf_printf(out, "%%%02X", (unsigned char)text.at[i]);
}
