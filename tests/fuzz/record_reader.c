#include "record_reader.h"

#include <string.h>

/* The fields of a kind, a letter each:
 *
 *   a  text, visible, may be empty     v  text, visible      i  id          w  words of up to 64 bytes
 *   W  words of up to 200 bytes        c  currency           k  16 bytes    h  32 bytes
 *   4  u32   8  u64   s  u64 below 2^56   t  time   p  a quantity, up or down   r  role   l  how an order has left
 *   C  counts   L  lines   S  what founds a drop, from its limit on
 */
static const char *const kinds[] = {
    [1] = "kw",   [2] = "",       [3] = "s8",     [4] = "a4",   [5] = "4C",      [6] = "aaiWcS",
    [8] = "aa4",  [9] = "aa4",    [10] = "aa4",   [11] = "aa4", [12] = "aa4t",   [13] = "aa44p",
    [14] = "aa4", [15] = "4tvaL", [16] = "aasvl", [17] = "aas", [18] = "aavwrh", [19] = "aav",
};

struct rest {
	const uint8_t *at;
	size_t size;
	bool wrong;
};

static const uint8_t *next(struct rest *rest, size_t size)
{
	static const uint8_t nothing[256];
	if (rest->size < size) {
		rest->wrong = true;
		rest->size = 0;
		return nothing;
	}
	rest->at += size;
	rest->size -= size;
	return rest->at - size;
}

static uint64_t number(struct rest *rest, unsigned bytes)
{
	const uint8_t *at = next(rest, bytes);
	uint64_t value = 0;
	for (unsigned i = bytes; i-- > 0;)
		value = value * 256 + at[i];
	return value;
}

static void at_most(struct rest *rest, uint64_t value, uint64_t most)
{
	rest->wrong = rest->wrong || value > most;
}

static uint64_t time_of(struct rest *rest)
{
	uint64_t ms = number(rest, 8);
	if (ms != INT64_MAX)
		at_most(rest, ms, UINT64_C(253402300799999)); /* the end of the year 9999 */
	return ms;
}

/* How many bytes the UTF-8 character takes; 0: it is none (Unicode, table 3-7). */
static size_t character(const uint8_t *at, size_t size)
{
	uint8_t least = 0x80, most = 0xbf;
	size_t length = at[0] < 0x80   ? 1
	                : at[0] < 0xc2 ? 0
	                : at[0] < 0xe0 ? 2
	                : at[0] < 0xf0 ? 3
	                : at[0] < 0xf5 ? 4
	                               : 0;
	if (length == 0 || length > size)
		return 0;
	if (at[0] == 0xe0)
		least = 0xa0;
	if (at[0] == 0xed)
		most = 0x9f;
	if (at[0] == 0xf0)
		least = 0x90;
	if (at[0] == 0xf4)
		most = 0x8f;
	for (size_t i = 1; i < length; i++, least = 0x80, most = 0xbf)
		if (at[i] < least || at[i] > most)
			return 0;
	return length;
}

static bool are_words(const uint8_t *at, size_t size)
{
	while (size) {
		size_t length = character(at, size);
		if (length == 0)
			return false;
		at += length;
		size -= length;
	}
	return true;
}

static bool all_of(const uint8_t *at, size_t size, const char *allowed)
{
	for (size_t i = 0; i < size; i++)
		if (at[i] == 0 || !strchr(allowed, at[i]))
			return false;
	return true;
}

static bool is_visible(const uint8_t *at, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (at[i] <= ' ' || at[i] > '~')
			return false;
	return true;
}

#define SMALL_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789"

static bool text_is_sound(char kind, const uint8_t *at, size_t size)
{
	switch (kind) {
	case 'a':
		return size <= 64 && is_visible(at, size);
	case 'v':
		return size >= 1 && size <= 64 && is_visible(at, size);
	case 'i':
		return size >= 1 && size <= 64 && all_of(at, 1, SMALL_LETTERS) && all_of(at, size, SMALL_LETTERS "._-");
	case 'w':
		return size <= 64 && are_words(at, size);
	case 'W':
		return size <= 200 && are_words(at, size);
	default:
		return size == 0 || (size == 3 && all_of(at, size, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
	}
}

static void text(struct rest *rest, char kind)
{
	size_t size = (size_t)number(rest, 1);
	const uint8_t *at = next(rest, size);
	rest->wrong = rest->wrong || !text_is_sound(kind, at, size);
}

/* Refusals of claims: key reused to sold out, and not eligible. */
static void counts(struct rest *rest)
{
	uint64_t count = number(rest, 1);
	rest->wrong = rest->wrong || count == 0 || count > 16;
	while (count-- && !rest->wrong) {
		uint64_t verdict = number(rest, 1);
		rest->wrong = rest->wrong || !((verdict >= 4 && verdict <= 14) || verdict == 64);
		at_most(rest, number(rest, 8), (UINT64_C(1) << 56) - 1);
	}
}

static void lines(struct rest *rest)
{
	uint64_t count = number(rest, 1);
	rest->wrong = rest->wrong || count == 0 || count > 16;
	while (count-- && !rest->wrong) {
		number(rest, 4);
		at_most(rest, number(rest, 4), INT32_MAX);
	}
}

static void founding(struct rest *rest)
{
	uint64_t limit = number(rest, 4), hold = number(rest, 4), keep = number(rest, 4);
	at_most(rest, limit, INT32_MAX);
	at_most(rest, hold, 30 * 86400);
	at_most(rest, keep, 365 * 86400);
	time_of(rest);
	uint64_t closes = time_of(rest), count = number(rest, 4);
	at_most(rest, count, limit == 0 && closes == INT64_MAX ? 65536 : 256);
	rest->wrong = rest->wrong || count == 0 || keep == 0;
	while (count-- && !rest->wrong) {
		text(rest, 'i');
		at_most(rest, number(rest, 4), INT32_MAX);
		at_most(rest, number(rest, 8), UINT64_C(1000000000000));
	}
}

static void field(struct rest *rest, char kind)
{
	switch (kind) {
	case 'k':
	case 'h':
		next(rest, kind == 'k' ? 16 : 32);
		return;
	case '4':
	case '8':
		number(rest, kind == '4' ? 4 : 8);
		return;
	case 's':
		at_most(rest, number(rest, 8), (UINT64_C(1) << 56) - 1);
		return;
	case 't':
		time_of(rest);
		return;
	case 'p': /* moved up, so that both bounds are one */
		at_most(rest, number(rest, 8) + INT32_MAX, 2 * (uint64_t)INT32_MAX);
		return;
	case 'r':
		at_most(rest, number(rest, 1) - 1, 2);
		return;
	case 'l':
		at_most(rest, number(rest, 1), 2);
		return;
	case 'C':
		counts(rest);
		return;
	case 'L':
		lines(rest);
		return;
	case 'S':
		founding(rest);
		return;
	default:
		text(rest, kind);
	}
}

bool record_is_sound(const uint8_t *bytes, size_t size)
{
	struct rest rest = {bytes, size, false};
	if (size < 24 || size > 6 * 1024 * 1024)
		return false;
	uint64_t kind = number(&rest, 1), format = number(&rest, 1), zeros = number(&rest, 6);
	number(&rest, 8);
	number(&rest, 8);
	if (kind >= sizeof kinds / sizeof kinds[0] || !kinds[kind] || format != 1 || zeros != 0)
		return false;
	for (const char *at = kinds[kind]; *at && !rest.wrong; at++)
		field(&rest, *at);
	return !rest.wrong && rest.size == 0;
}
