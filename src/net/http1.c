#include "net/http1.h"

#include <llhttp.h>

#include "base/must.h"
#include "net/connection.h"
#include "net/loop.h"
#include "net/pieces.h"
#include "net/trailer.h"

struct state {
	llhttp_t parser;
	uint64_t body_wire;    /* bytes of the body as sent, chunk heads and trailers included */
	uint32_t line_size;    /* of the head's line that is being read, without its LF */
	uint32_t header_bytes; /* of the header lines that are whole, line ends included */
	uint32_t lines;        /* whole ones, the request line included */
	uint8_t phase;
	uint8_t blanks;
	bool trailing; /* the last chunk is over: what comes are trailers */
	struct trailer trailer;
	bool head_parsed; /* llhttp says so; it must agree with what the lines say */
	char before;      /* the byte before the next one, within a head */
};
_Static_assert(sizeof(struct state) <= HTTP1_OPAQUE, "HTTP1_OPAQUE holds the parser and what is kept beside it");

static struct state *state_of(struct connection *c)
{
	return (struct state *)(void *)c->http1.opaque;
}

static enum http1_result refuse(struct turn *turn, int status, const char *code, const char *detail)
{
	turn->refusal = (struct refusal){status, code, detail};
	return HTTP1_REFUSED;
}

static enum http1_result malformed(struct turn *turn, const char *detail)
{
	return refuse(turn, 400, "malformed", detail);
}

static enum http1_result refuse_version(struct turn *turn)
{
	return refuse(turn, 505, "version_not_supported", "this server speaks HTTP/1.1 and HTTP/1.0");
}

static enum http1_result no_memory(struct turn *turn)
{
	return refuse(turn, 503, "overloaded", "there is no memory for this request");
}

/* What llhttp calls. */

static bool body_add(struct connection *c, const char *at, size_t size)
{
	struct turn *turn = c->incoming;
	size_t max = c->loop->limits->body_bytes;
	struct llhttp__internal_s *parser = &state_of(c)->parser;
	if (!(parser->flags & F_CHUNKED)) /* its length is known and within the bound: content_length is what is left */
		max = turn->body_size + size + (size_t)parser->content_length;
	if (!turn_grow(turn, &turn->body, turn->body_size, size, &turn->body_capacity, max))
		return false;
	memcpy(turn->body + turn->body_size, at, size);
	turn->body_size += size;
	return true;
}

static int on_body(llhttp_t *parser, const char *at, size_t size)
{
	struct connection *c = parser->data;
	if (size == 0 || body_add(c, at, size))
		return 0;
	no_memory(c->incoming);
	return HPE_USER;
}

static int on_chunk_header(llhttp_t *parser)
{
	struct connection *c = parser->data;
	struct state *s = state_of(c);
	s->trailing = parser->content_length == 0;
	if (s->trailing)
		return HPE_PAUSED; /* body_execute() goes on, and looks at what comes first */
	if (parser->content_length <= c->loop->limits->body_bytes - c->incoming->body_size)
		return 0;
	refuse(c->incoming, 413, "too_large", "the body is longer than this server takes");
	return -1;
}

static int on_headers_complete(llhttp_t *parser)
{
	struct connection *c = parser->data;
	state_of(c)->head_parsed = true;
	return 0;
}

static int on_message_complete(llhttp_t *parser)
{
	(void)parser;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

void http1_init(struct connection *c)
{
	struct state *s = state_of(c);
	*s = (struct state){.phase = HTTP1_BETWEEN};
	llhttp_init(&s->parser, HTTP_REQUEST, &settings);
	s->parser.data = c;
}

enum http1_phase http1_phase(const struct connection *c)
{
	return (enum http1_phase)((const struct state *)(const void *)c->http1.opaque)->phase;
}

uint64_t http1_body_wire_bytes(const struct connection *c)
{
	return ((const struct state *)(const void *)c->http1.opaque)->body_wire;
}

static enum http1_result refuse_as_parsed(struct turn *turn, const llhttp_t *parser, llhttp_errno_t errno_)
{
	if (turn->refusal.status)
		return HTTP1_REFUSED;
	bool spoken = parser->http_major == 1 && parser->http_minor <= 1;
	if ((errno_ == HPE_INVALID_VERSION && !spoken) || errno_ == HPE_PAUSED_H2_UPGRADE)
		return refuse_version(turn);
	return malformed(turn, parser->reason && parser->reason[0] ? parser->reason : "this is not HTTP/1.1");
}

/* Between requests: an empty line is passed over; the first other byte begins a request. */

static enum http1_result request_begin(struct connection *c)
{
	struct state *s = state_of(c);
	c->incoming = turn_new(c);
	if (!c->incoming)
		return HTTP1_NO_MEMORY;
	llhttp_reset(&s->parser);
	s->body_wire = 0;
	s->line_size = s->header_bytes = s->lines = 0;
	s->before = 0;
	s->head_parsed = s->trailing = false;
	s->trailer = (struct trailer){0};
	s->phase = HTTP1_HEAD;
	return HTTP1_MORE;
}

static bool is_blank(const struct state *s, char byte)
{
	return s->blanks < HTTP1_BLANK_MAX && byte == (s->blanks % 2 ? '\n' : '\r');
}

static enum http1_result between_feed(struct connection *c, const char **bytes, size_t *size)
{
	struct state *s = state_of(c);
	while (*size && is_blank(s, **bytes)) {
		s->blanks++;
		(*bytes)++;
		(*size)--;
	}
	if (*size == 0)
		return HTTP1_MORE;
	bool torn = s->blanks % 2;
	s->blanks = 0;
	enum http1_result result = request_begin(c);
	if (result == HTTP1_MORE && torn)
		return malformed(c->incoming, "a CR without its LF");
	return result;
}

/* The head, line by line: what can be told without looking far into a line. */

static enum http1_result line_begins(struct turn *turn, const struct state *s, char first)
{
	if (s->lines == 0)
		return HTTP1_MORE;
	if (first == ' ' || first == '\t')
		return malformed(turn, "a folded header line");
	if (first == ':')
		return malformed(turn, "a header without a name");
	return HTTP1_MORE;
}

/* text_size: of the line so far, without its end. */
static enum http1_result line_check_bounds(struct connection *c, uint32_t text_size)
{
	const struct net_limits *limits = c->loop->limits;
	const struct state *s = state_of(c);
	if (s->lines == 0 && text_size > limits->line_bytes)
		return refuse(c->incoming, 414, "line_too_long", "the request line is longer than this server takes");
	if (s->lines == 0 || text_size == 0)
		return HTTP1_MORE;
	if (s->lines > limits->header_count || s->header_bytes + text_size + 2 > limits->header_bytes)
		return refuse(c->incoming, 431, "headers_too_large", "more or longer headers than this server takes");
	return HTTP1_MORE;
}

static enum http1_result line_ends(struct connection *c, bool *ret_head_ends)
{
	struct state *s = state_of(c);
	if (s->before != '\r')
		return malformed(c->incoming, "a LF without a CR before it");
	uint32_t text_size = s->line_size - 1;
	enum http1_result result = line_check_bounds(c, text_size);
	if (result != HTTP1_MORE)
		return result;
	if (s->lines == 0 && text_size == 0)
		return malformed(c->incoming, "an empty request line");
	*ret_head_ends = text_size == 0;
	if (s->lines++)
		s->header_bytes += text_size + 2;
	s->line_size = 0;
	return HTTP1_MORE;
}

/* A line, or the piece of one that has come. */
static enum http1_result line_feed(struct connection *c, const char *at, size_t size, size_t *ret_used,
                                   bool *ret_head_ends)
{
	struct state *s = state_of(c);
	const char *lf = memchr(at, '\n', size);
	size_t piece = lf ? (size_t)(lf - at) : size;
	enum http1_result result = s->line_size == 0 ? line_begins(c->incoming, s, *at) : HTTP1_MORE;
	if (result != HTTP1_MORE)
		return result;
	s->line_size += (uint32_t)piece;
	if (piece)
		s->before = at[piece - 1];
	*ret_used = piece + (lf != NULL);
	if (!lf)
		return line_check_bounds(c, s->line_size - (s->before == '\r'));
	result = line_ends(c, ret_head_ends);
	s->before = '\n';
	return result;
}

static enum http1_result head_scan(struct connection *c, const char *bytes, size_t size, size_t *ret_used,
                                   bool *ret_head_ends)
{
	size_t used = 0;
	while (used < size && !*ret_head_ends) {
		size_t line = 0;
		enum http1_result result = line_feed(c, bytes + used, size - used, &line, ret_head_ends);
		if (result != HTTP1_MORE)
			return result;
		used += line;
	}
	*ret_used = used;
	return HTTP1_MORE;
}

/* The head as a whole: its table, and the rules that are not llhttp's. */

static enum method method_of(uint8_t method)
{
	switch (method) {
	case HTTP_GET:
		return METHOD_GET;
	case HTTP_HEAD:
		return METHOD_HEAD;
	case HTTP_POST:
		return METHOD_POST;
	case HTTP_PUT:
		return METHOD_PUT;
	case HTTP_DELETE:
		return METHOD_DELETE;
	case HTTP_OPTIONS:
		return METHOD_OPTIONS;
	default:
		return METHOD_OTHER;
	}
}

static bool is_host_byte(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c != '\0' && strchr("-._~!$&'()*+,;=%:[]", c) != NULL;
}

static bool is_host(struct text host)
{
	for (size_t i = 0; i < host.size; i++)
		if (!is_host_byte(host.at[i]))
			return false;
	return true;
}

/* "http://host/path" is as good as "/path" (RFC 9112, 3.2.2). The rest of it without scheme and host; NONE: it is not. */
static struct text target_absolute(struct text target)
{
	struct text scheme = text_until(target, ':');
	struct text rest = text_after(target, scheme.size + 3);
	if (!header_is(scheme, TEXT("http")) && !header_is(scheme, TEXT("https")))
		return TEXT_NONE;
	if (target.size < scheme.size + 3 || memcmp(target.at + scheme.size, "://", 3) != 0)
		return TEXT_NONE;
	struct text host = text_until(text_until(rest, '/'), '?');
	if (host.size == 0 || !is_host(host))
		return TEXT_NONE;
	rest = text_after(rest, host.size);
	return rest.size ? rest : TEXT("/");
}

static enum http1_result target_parse(struct turn *turn, struct text target)
{
	struct exchange *exchange = &turn->exchange;
	if (target.size && target.at[0] != '/')
		target = target_absolute(target);
	if (target.size == 0 || memchr(target.at, '#', target.size))
		return malformed(turn, "this is not a request target");
	exchange->path = text_until(target, '?');
	exchange->query = text_after(target, exchange->path.size + 1);
	if (exchange->path.size == 0)
		exchange->path = TEXT("/");
	return HTTP1_MORE;
}

static enum http1_result request_line_parse(struct turn *turn, const llhttp_t *parser, struct text line)
{
	struct exchange *exchange = &turn->exchange;
	exchange->method_name = text_until(line, ' ');
	struct text target = text_until(text_after(line, exchange->method_name.size + 1), ' ');
	struct text version = text_after(line, exchange->method_name.size + target.size + 2);
	exchange->method = method_of(parser->method);
	if (parser->http_major != 1 || parser->http_minor > 1)
		return refuse_version(turn);
	if (!text_is(version, parser->http_minor ? TEXT("HTTP/1.1") : TEXT("HTTP/1.0")))
		return malformed(turn, "this is not a request line");
	if (parser->method == HTTP_CONNECT)
		return refuse(turn, 501, "not_supported", "this server is no proxy: CONNECT is not supported");
	if (memchr(line.at, '\r', line.size))
		return malformed(turn, "a CR without its LF");
	return target_parse(turn, target);
}

/* The headers that this file itself must understand. */
struct own_headers {
	struct text host, coding, expectation;
	uint32_t hosts, codings, lengths, expectations;
};

static void own_header(struct own_headers *own, const struct header *header)
{
	struct text name = header->name;
	if (header_is(name, TEXT("host"))) {
		own->hosts++;
		own->host = header->value;
	} else if (header_is(name, TEXT("content-length"))) {
		own->lengths++;
	} else if (header_is(name, TEXT("transfer-encoding"))) {
		own->codings++;
		own->coding = header->value;
	} else if (header_is(name, TEXT("expect"))) {
		own->expectations++;
		own->expectation = header->value;
	}
}

static enum http1_result header_parse(struct turn *turn, struct header *header, struct text line)
{
	header->name = text_until(line, ':');
	header->value = text_trim(text_after(line, header->name.size + 1));
	if (header->name.size == 0 || header->name.size == line.size)
		return malformed(turn, "a header line without a colon");
	if (memchr(line.at, '\r', line.size))
		return malformed(turn, "a CR without its LF");
	return HTTP1_MORE;
}

/* The next line of a head that is known to be whole, without its CRLF. */
static struct text line_next(struct text *head)
{
	struct text line = text_until(*head, '\n');
	*head = text_after(*head, line.size + 1);
	line.size -= line.size > 0; /* its CR */
	return line;
}

static enum http1_result table_make(struct turn *turn, const llhttp_t *parser, uint32_t header_count,
                                    struct own_headers *own)
{
	struct text head = {turn->head, turn->head_size};
	enum http1_result result = request_line_parse(turn, parser, line_next(&head));
	struct header *headers = turn_alloc(turn, (header_count + 1) * sizeof *headers);
	if (!headers)
		return no_memory(turn);
	for (uint32_t i = 0; i < header_count && result == HTTP1_MORE; i++) {
		result = header_parse(turn, &headers[i], line_next(&head));
		own_header(own, &headers[i]);
	}
	turn->exchange.headers = headers;
	turn->exchange.header_count = header_count;
	return result;
}

static enum http1_result host_check(struct turn *turn, const struct own_headers *own, const llhttp_t *parser)
{
	if (own->hosts > 1)
		return malformed(turn, "more than one Host");
	if (own->hosts == 0 && parser->http_minor == 1)
		return malformed(turn, "no Host");
	if (!is_host(own->host))
		return malformed(turn, "this Host is none");
	return HTTP1_MORE;
}

/* How long the body is must be beyond doubt: whoever reads it otherwise would see another next request than this server. */
static enum http1_result framing_check(struct connection *c, const struct own_headers *own, const llhttp_t *parser)
{
	struct turn *turn = c->incoming;
	bool agreed = (own->lengths > 0) == ((parser->flags & F_CONTENT_LENGTH) != 0) &&
	              (own->codings > 0) == ((parser->flags & F_TRANSFER_ENCODING) != 0);
	if (own->lengths > 1 || (own->lengths && own->codings) || !agreed)
		return malformed(turn, "more than one length");
	if (own->codings && parser->http_minor == 0)
		return malformed(turn, "Transfer-Encoding in HTTP/1.0");
	if (own->codings > 1)
		return malformed(turn, "more than one Transfer-Encoding");
	if (own->codings && !header_is(own->coding, TEXT("chunked")))
		return refuse(turn, 501, "not_supported", "of the transfer codings only chunked is supported");
	if (own->lengths && parser->content_length > c->loop->limits->body_bytes)
		return refuse(turn, 413, "too_large", "the body is longer than this server takes");
	return HTTP1_MORE;
}

static enum http1_result expectation_check(struct turn *turn, const struct own_headers *own, const llhttp_t *parser)
{
	if (own->expectations == 0 || parser->http_minor == 0)
		return HTTP1_MORE;
	if (own->expectations > 1 || !header_is(own->expectation, TEXT("100-continue")))
		return refuse(turn, 417, "expectation_failed", "of the expectations only 100-continue is supported");
	turn->expects = true;
	return HTTP1_MORE;
}

static enum http1_result head_check(struct connection *c)
{
	struct turn *turn = c->incoming;
	struct state *s = state_of(c);
	struct own_headers own = {0};
	enum http1_result result =
	    table_make(turn, &s->parser, s->lines - 2, &own); /* less the request and the empty line */
	if (result == HTTP1_MORE && s->parser.upgrade)
		result = refuse(turn, 501, "not_supported", "no protocol to upgrade to is supported");
	if (result == HTTP1_MORE)
		result = host_check(turn, &own, &s->parser);
	if (result == HTTP1_MORE)
		result = framing_check(c, &own, &s->parser);
	if (result == HTTP1_MORE)
		result = expectation_check(turn, &own, &s->parser);
	turn->last = !llhttp_should_keep_alive(&s->parser);
	turn->keep_alive_told = !turn->last && s->parser.http_minor == 0;
	return result;
}

static enum http1_result request_ends(struct connection *c)
{
	struct turn *turn = c->incoming;
	turn->exchange.body = (struct text){turn->body, turn->body_size};
	turn->exchange.received = c->loop->round_began;
	state_of(c)->phase = HTTP1_BETWEEN;
	return HTTP1_REQUEST;
}

/* Is what has been parsed of the head enough to know that it is none of ours? */
static enum http1_result head_so_far(struct connection *c, llhttp_errno_t errno_)
{
	struct state *s = state_of(c);
	if (errno_ != HPE_OK)
		return refuse_as_parsed(c->incoming, &s->parser, errno_);
	if (s->head_parsed)
		return malformed(c->incoming, "headers that end within a line");
	if (s->lines && (s->parser.http_major != 1 || s->parser.http_minor > 1))
		return refuse_version(c->incoming);
	return HTTP1_MORE;
}

static enum http1_result head_ends(struct connection *c, llhttp_errno_t errno_)
{
	struct state *s = state_of(c);
	bool is_whole = errno_ == HPE_PAUSED || (errno_ == HPE_PAUSED_UPGRADE && s->parser.upgrade);
	if (errno_ != HPE_OK && !is_whole)
		return refuse_as_parsed(c->incoming, &s->parser, errno_);
	if (!s->head_parsed && s->parser.method == HTTP_PRI)
		return refuse_version(c->incoming);
	if (!s->head_parsed)
		return malformed(c->incoming, "headers that do not end where their lines do");
	enum http1_result result = head_check(c);
	if (result != HTTP1_MORE)
		return result;
	if (is_whole)
		return request_ends(c);
	s->phase = HTTP1_BODY;
	return HTTP1_MORE;
}

static enum http1_result head_keep(struct connection *c, const char *bytes, size_t size, bool whole)
{
	struct turn *turn = c->incoming;
	const struct net_limits *limits = c->loop->limits;
	size_t max = (size_t)limits->line_bytes + limits->header_bytes + 8, capacity = turn->head_capacity;
	if (whole && capacity == 0) /* it came in one piece: room for just that */
		max = size;
	if (!turn_grow(turn, &turn->head, turn->head_size, size, &capacity, max))
		return no_memory(turn);
	turn->head_capacity = (uint32_t)capacity;
	memcpy(turn->head + turn->head_size, bytes, size);
	turn->head_size += (uint32_t)size;
	return HTTP1_MORE;
}

static enum http1_result head_feed(struct connection *c, const char **bytes, size_t *size)
{
	struct turn *turn = c->incoming;
	size_t used = 0;
	bool ends = false;
	enum http1_result result = head_scan(c, *bytes, *size, &used, &ends);
	if (result == HTTP1_MORE)
		result = head_keep(c, *bytes, used, ends);
	if (result != HTTP1_MORE)
		return result;
	*bytes += used;
	*size -= used;
	llhttp_t *parser = &state_of(c)->parser;
	llhttp_errno_t errno_ = llhttp_execute(parser, turn->head + turn->head_size - used, used);
	return ends ? head_ends(c, errno_) : head_so_far(c, errno_);
}

/* The body. */

static enum http1_result chunks_check(struct connection *c)
{
	const struct state *s = state_of(c);
	uint64_t max = (uint64_t)c->incoming->body_size * HTTP1_CHUNK_OVERHEAD + c->loop->limits->header_bytes;
	if ((s->parser.flags & F_CHUNKED) && s->body_wire > max)
		return refuse(c->incoming, 413, "too_large",
		              "more chunk extensions and trailers than this server takes");
	return HTTP1_MORE;
}

/* Once over the bytes, or to where the trailers begin. */
static enum http1_result body_execute(struct connection *c, const char **bytes, size_t *size, bool *ret_whole)
{
	struct state *s = state_of(c);
	bool trailing = s->trailing;
	const char *wrong = trailing ? trailer_check(&s->trailer, *bytes, *size) : NULL;
	if (wrong)
		return malformed(c->incoming, wrong);
	llhttp_errno_t errno_ = llhttp_execute(&s->parser, *bytes, *size);
	if (errno_ != HPE_OK && errno_ != HPE_PAUSED)
		return refuse_as_parsed(c->incoming, &s->parser, errno_);
	size_t used = errno_ == HPE_PAUSED ? (size_t)(llhttp_get_error_pos(&s->parser) - *bytes) : *size;
	s->body_wire += used;
	*bytes += used;
	*size -= used;
	*ret_whole = errno_ == HPE_PAUSED && trailing == s->trailing;
	if (!*ret_whole)
		llhttp_resume(&s->parser);
	return chunks_check(c);
}

static enum http1_result body_feed(struct connection *c, const char **bytes, size_t *size)
{
	bool whole = false;
	enum http1_result result = HTTP1_MORE;
	while (*size && result == HTTP1_MORE && !whole)
		result = body_execute(c, bytes, size, &whole);
	return result == HTTP1_MORE && whole ? request_ends(c) : result;
}

enum http1_result http1_feed(struct connection *c, const char **bytes, size_t *size)
{
	struct state *s = state_of(c);
	enum http1_result result = HTTP1_MORE;
	if (s->phase == HTTP1_BETWEEN)
		result = between_feed(c, bytes, size);
	if (result == HTTP1_MORE && *size && s->phase == HTTP1_HEAD)
		result = head_feed(c, bytes, size);
	if (result == HTTP1_MORE && *size && s->phase == HTTP1_BODY)
		result = body_feed(c, bytes, size);
	return result;
}
