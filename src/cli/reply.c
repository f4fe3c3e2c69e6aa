#include "cli/reply.h"

#include <llhttp.h>
#include <strings.h>

#include "base/must.h"

_Static_assert(sizeof(llhttp_t) <= REPLY_PARSER_SIZE, "the parser's state fits in its place");

static const struct {
	const char *name;
	size_t size;
} kept_header[REPLY_HEADERS] = {
    [REPLY_POSITION] = {"dibs-position", 13},
    [REPLY_LINK] = {"link", 4},
    [REPLY_REPLAYED] = {"idempotency-replayed", 20},
    [REPLY_RETRY_AFTER] = {"retry-after", 11},
};

static llhttp_t *parser_of(struct reply *reply)
{
	return (llhttp_t *)(void *)reply->parser;
}

static int on_name(llhttp_t *parser, const char *at, size_t size)
{
	struct reply *reply = parser->data;
	if (reply->at != -1) { /* a new name begins */
		reply->at = -1;
		reply->name_size = 0;
	}
	for (size_t i = 0; i < size && reply->name_size < sizeof reply->name; i++)
		reply->name[reply->name_size++] = at[i];
	return 0;
}

static int on_name_complete(llhttp_t *parser)
{
	struct reply *reply = parser->data;
	reply->at = -1;
	for (int i = 0; i < REPLY_HEADERS; i++)
		if (reply->name_size == kept_header[i].size &&
		    strncasecmp(reply->name, kept_header[i].name, reply->name_size) == 0)
			reply->at = (int8_t)i;
	reply->name_size = 0;
	return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t size)
{
	struct reply *reply = parser->data;
	if (reply->at < 0)
		return 0;
	uint16_t *have = &reply->header_size[reply->at];
	size_t room = REPLY_HEADER_KEPT - *have;
	size_t take = size < room ? size : room;
	memcpy(reply->header[reply->at] + *have, at, take);
	*have = (uint16_t)(*have + take);
	return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t size)
{
	struct reply *reply = parser->data;
	size_t room = REPLY_BODY_KEPT - reply->body_size;
	size_t take = size < room ? size : room;
	memcpy(reply->body + reply->body_size, at, take);
	reply->body_size = (uint16_t)(reply->body_size + take);
	if (!reply->whole)
		return 0;
	if (reply->whole->size + size > REPLY_WHOLE_MAX)
		return -1;
	buf_put(reply->whole, at, size);
	return reply->whole->failed ? -1 : 0;
}

static int on_complete(llhttp_t *parser)
{
	struct reply *reply = parser->data;
	if (parser->status_code < 200) /* 100 Continue and its kind go before the answer */
		return 0;
	reply->is_whole = true;
	reply->status = parser->status_code;
	reply->keep_alive = llhttp_should_keep_alive(parser) != 0;
	return HPE_PAUSED;
}

static const llhttp_settings_t *settings(void)
{
	static const llhttp_settings_t table = {
	    .on_header_field = on_name,
	    .on_header_field_complete = on_name_complete,
	    .on_header_value = on_value,
	    .on_body = on_body,
	    .on_message_complete = on_complete,
	};
	return &table;
}

static void forget(struct reply *reply)
{
	reply->status = 0;
	reply->keep_alive = false;
	reply->body_size = 0;
	memset(reply->header_size, 0, sizeof reply->header_size);
	reply->name_size = 0;
	reply->at = -1;
	reply->is_whole = false;
	if (reply->whole)
		buf_clear(reply->whole);
}

void reply_init(struct reply *reply, struct buf *whole)
{
	reply->whole = whole;
	reply->awaited = false;
	forget(reply);
	llhttp_init(parser_of(reply), HTTP_RESPONSE, settings());
	parser_of(reply)->data = reply;
}

void reply_await(struct reply *reply)
{
	must(!reply->awaited);
	forget(reply);
	reply->awaited = true;
}

static int whole(struct reply *reply)
{
	reply->awaited = false;
	return 1;
}

int reply_feed(struct reply *reply, const char *bytes, size_t size)
{
	llhttp_t *parser = parser_of(reply);
	if (!reply->awaited)
		return -1;
	enum llhttp_errno code = llhttp_execute(parser, bytes, size);
	if (code == HPE_OK)
		return 0;
	if (code != HPE_PAUSED || !reply->is_whole)
		return -1;
	/* The pause is behind the last byte of the answer: whatever follows was not asked for. */
	if (llhttp_get_error_pos(parser) != bytes + size)
		return -1;
	llhttp_resume(parser);
	return whole(reply);
}

int reply_end(struct reply *reply)
{
	if (!reply->awaited)
		return -1;
	enum llhttp_errno code = llhttp_finish(parser_of(reply));
	if ((code == HPE_OK || code == HPE_PAUSED) && reply->is_whole)
		return whole(reply);
	return -1;
}

struct text reply_header(const struct reply *reply, enum reply_header which)
{
	return (struct text){reply->header[which], reply->header_size[which]};
}

static const char *skip_spaces(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
		at++;
	return at;
}

/* What follows a name: `: "text"`. */
static struct text member_text(const char *at, const char *end)
{
	at = skip_spaces(at, end);
	if (at == end || *at != ':')
		return TEXT_NONE;
	at = skip_spaces(at + 1, end);
	if (at == end || *at != '"')
		return TEXT_NONE;
	at++;
	const char *close = memchr(at, '"', (size_t)(end - at));
	return close ? (struct text){at, (size_t)(close - at)} : TEXT_NONE;
}

struct text reply_member(const struct reply *reply, const char *name)
{
	const char *at = reply->body, *end = reply->body + reply->body_size;
	size_t size = strlen(name);
	while ((at = memmem(at, (size_t)(end - at), name, size))) {
		const char *behind = at + size;
		if (at > reply->body && at[-1] == '"' && behind < end && *behind == '"') {
			struct text text = member_text(behind + 1, end);
			if (text.at)
				return text;
		}
		at = behind;
	}
	return TEXT_NONE;
}
