#include "api/claim_plain.h"

#include "core/limits.h"

struct reader {
	const char *at, *end;
};

static void skip_blanks(struct reader *reader)
{
	while (reader->at < reader->end &&
	       (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n' || *reader->at == '\r'))
		reader->at++;
}

/* The token, with blanks around it. */
static bool take(struct reader *reader, struct text token)
{
	skip_blanks(reader);
	if ((size_t)(reader->end - reader->at) < token.size || memcmp(reader->at, token.at, token.size) != 0)
		return false;
	reader->at += token.size;
	skip_blanks(reader);
	return true;
}

/* A string without escapes, which an id never needs. */
static bool take_id(struct reader *reader, struct text *ret)
{
	if (reader->at == reader->end || *reader->at != '"')
		return false;
	const char *from = ++reader->at;
	while (reader->at < reader->end && *reader->at != '"')
		reader->at++;
	if (reader->at == reader->end)
		return false;
	*ret = (struct text){from, (size_t)(reader->at++ - from)};
	return text_is_id(*ret);
}

static bool take_quantity(struct reader *reader, int64_t *ret)
{
	const char *from = reader->at;
	uint64_t quantity;
	while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
		reader->at++;
	if (!text_to_u64((struct text){from, (size_t)(reader->at - from)}, QUANTITY_MAX, &quantity) || quantity == 0)
		return false;
	*ret = (int64_t)quantity;
	return true;
}

bool claim_plain_read(struct text body, struct text *ret_sku, int64_t *ret_quantity)
{
	struct reader reader = {body.at, body.at + body.size};
	struct text sku;
	int64_t quantity;
	bool taken = take(&reader, TEXT("{")) && take(&reader, TEXT("\"sku\"")) && take(&reader, TEXT(":")) &&
	             take_id(&reader, &sku) && take(&reader, TEXT(",")) && take(&reader, TEXT("\"quantity\"")) &&
	             take(&reader, TEXT(":")) && take_quantity(&reader, &quantity) && take(&reader, TEXT("}"));
	if (!taken || reader.at != reader.end)
		return false;
	*ret_sku = sku;
	*ret_quantity = quantity;
	return true;
}
