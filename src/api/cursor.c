#include "api/cursor.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "http/base64url.h"

#define VERSION 1
#define SIZE 14 /* version, kind, place, check */

static void lay_out(uint8_t out[SIZE], enum cursor_kind kind, struct text terms, uint64_t place)
{
	out[0] = VERSION;
	out[1] = (uint8_t)kind;
	put_u64(out + 2, place);
	put_u32(out + 10, crc32c(crc32c(0, out, 10), terms.at, terms.size));
}

void cursor_format(struct buf *out, enum cursor_kind kind, struct text terms, uint64_t place)
{
	uint8_t bytes[SIZE];
	lay_out(bytes, kind, terms, place);
	base64url_encode(out, bytes, sizeof bytes);
}

bool cursor_parse(struct text text, enum cursor_kind kind, struct text terms, uint64_t *ret_place)
{
	uint8_t bytes[CURSOR_SIZE_MAX], expected[SIZE];
	size_t size;
	if (!base64url_decode(text, bytes, sizeof bytes, &size) || size != SIZE)
		return false;
	lay_out(expected, kind, terms, get_u64(bytes + 2));
	if (memcmp(bytes, expected, SIZE) != 0)
		return false;
	*ret_place = get_u64(bytes + 2);
	return true;
}
