/* What the api reads of a request besides its body: lines of text, of which the first is a target, the others headers.
 *
 *   - router: a path finds a route, or it does not, the same for HEAD as for GET; its parameters are decoded, within their
 *     room and without control bytes, and the path that is made of them finds the same route with the same parameters;
 *   - query: what was read, written out with escapes, reads the same;
 *   - headers: every reader answers, what it takes is of the form that its header says, and of two it takes none;
 *   - cursors: one that is taken is the only way to write its place.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "api/cursor.h"
#include "api/routes.h"
#include "http/percent.h"
#include "http/query.h"
#include "http/request.h"
#include "http/router.h"

#define HEADERS_MAX 16

static struct router router;

static void router_make(void)
{
	static struct route table[ROUTES_MAX];
	for (uint32_t i = 0; i < api_route_count; i++)
		table[i] = api_routes[i].route;
	must(router_init(&router, table, api_route_count));
}

static bool is_printable(struct text text)
{
	for (size_t i = 0; i < text.size; i++)
		if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
			return false;
	return true;
}

/* ---- the path ---- */

static void put_path(struct buf *out, const struct router_match *match)
{
	uint32_t parameter = 0;
	for (const char *at = api_routes[match->route].route.pattern; *at; at++) {
		if (*at != '{') {
			buf_put(out, at, 1);
			continue;
		}
		percent_encode(out, match->parameter[parameter++]);
		at = strchr(at, '}');
	}
	must(parameter == match->parameter_count);
}

static void find_again(enum method method, const struct router_match *match)
{
	static struct buf path;
	struct router_match again;
	buf_clear(&path);
	put_path(&path, match);
	must(router_find(&router, method, buf_as_text(&path), &again) == ROUTER_FOUND);
	must(again.route == match->route && again.parameter_count == match->parameter_count);
	for (uint32_t i = 0; i < match->parameter_count; i++)
		must(text_is(again.parameter[i], match->parameter[i]));
}

static void find(enum method method, struct text path)
{
	struct router_match match, head;
	enum router_answer answer = router_find(&router, method, path, &match);
	if (method == METHOD_GET) {
		must(router_find(&router, METHOD_HEAD, path, &head) == answer);
		must(answer != ROUTER_FOUND || head.route == match.route);
	}
	if (answer == ROUTER_METHOD)
		must(match.allowed && !(match.allowed & 1u << method));
	if (answer != ROUTER_FOUND)
		return;
	must(match.route < api_route_count && match.parameter_count <= PATH_PARAMETERS_MAX);
	for (uint32_t i = 0; i < match.parameter_count; i++)
		must(match.parameter[i].size && is_printable(match.parameter[i]));
	find_again(method, &match);
}

/* ---- the query ---- */

static const char *const names[] = {"cursor", "limit", "status", "buyer"};
#define NAMES (sizeof names / sizeof names[0])

static void check_cursor(struct text text)
{
	uint64_t place;
	struct buf again = {0};
	if (!cursor_parse(text, CURSOR_ORDERS, TEXT("terms"), &place))
		return;
	cursor_format(&again, CURSOR_ORDERS, TEXT("terms"), place);
	must(text_is(buf_as_text(&again), text));
	buf_fini(&again);
}

static void read_query(struct text text)
{
	static struct buf written;
	static struct query query, again;
	struct text refused = TEXT_NONE;
	if (!query_read(text, names, NAMES, &query, &refused)) {
		must(refused.at >= text.at && refused.at + refused.size <= text.at + text.size);
		return;
	}
	buf_clear(&written);
	for (size_t i = 0; i < NAMES; i++) {
		if (!query.value[i].at)
			continue;
		must(is_printable(query.value[i]) && query.value[i].size <= QUERY_VALUE_MAX);
		buf_printf(&written, "%s%s=", written.size ? "&" : "", names[i]);
		percent_encode(&written, query.value[i]);
	}
	must(query_read(buf_as_text(&written), names, NAMES, &again, &refused));
	for (size_t i = 0; i < NAMES; i++)
		must(text_is(query.value[i], again.value[i]) && !query.value[i].at == !again.value[i].at);
	if (query.value[0].at)
		check_cursor(query.value[0]);
}

/* ---- the headers ---- */

static uint32_t times(const struct exchange *exchange, struct text name)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < exchange->header_count; i++)
		count += header_is(exchange->headers[i].name, name);
	return count;
}

static void check_answer(const struct exchange *exchange, struct text name, enum header_answer answer)
{
	uint32_t count = times(exchange, name);
	must((answer == HEADER_NONE) == (count == 0));
	must(count < 2 || answer == HEADER_BAD);
}

static void read_headers(const struct exchange *exchange)
{
	struct text text = TEXT_NONE;
	uint8_t log;
	uint64_t sequence;
	enum header_answer answer = request_idempotency_key(exchange, &text);
	check_answer(exchange, TEXT("idempotency-key"), answer);
	must(answer != HEADER_GOOD || text_is_visible(text, IDEMPOTENCY_KEY_MAX));
	answer = request_bearer(exchange, &text);
	check_answer(exchange, TEXT("authorization"), answer);
	must(answer != HEADER_GOOD || text.size);
	check_answer(exchange, TEXT("dibs-position"), request_position(exchange, &log, &sequence));
	if (request_id_given(exchange, &text))
		must(text_is_visible(text, REQUEST_ID_SIZE_MAX));
	must(request_is_json(exchange) || times(exchange, TEXT("content-type")));
	must(!request_has_etag(exchange, TEXT("\"tag\"")) || times(exchange, TEXT("if-none-match")));
}

/* ---- the request ---- */

/* The next line, in a block of its own: a read beyond it is seen. */
static struct text line_next(struct input *input)
{
	const uint8_t *end = input->left ? memchr(input->at, '\n', input->left) : NULL;
	struct text line = input_text(input, end ? (size_t)(end - input->at) : input->left);
	if (end)
		input_u8(input);
	char *copy = malloc(line.size ? line.size : 1);
	must(copy);
	if (line.size)
		memcpy(copy, line.at, line.size);
	return (struct text){copy, line.size};
}

static void read_target(enum method method, struct text target)
{
	const char *mark = target.size ? memchr(target.at, '?', target.size) : NULL;
	size_t size = mark ? (size_t)(mark - target.at) : target.size;
	for (size_t i = 0; i < target.size; i++)
		if ((unsigned char)target.at[i] <= ' ' || target.at[i] == 0x7f)
			return; /* net lets none through (wire.c: check_request) */
	if (size && target.at[0] == '/')
		find(method, (struct text){target.at, size});
	if (mark)
		read_query((struct text){mark + 1, target.size - size - 1});
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = {bytes, size};
	struct header headers[HEADERS_MAX];
	struct text lines[HEADERS_MAX + 1];
	struct exchange exchange = {.headers = headers};
	uint32_t count = 0;
	if (!router.entries)
		router_make();
	enum method method = input_u8(&input) % METHOD_OTHER;
	for (lines[count++] = line_next(&input); input.left && count <= HEADERS_MAX; count++) {
		struct text line = lines[count] = line_next(&input);
		const char *colon = line.size ? memchr(line.at, ':', line.size) : NULL;
		size_t name = colon ? (size_t)(colon - line.at) : 0;
		headers[exchange.header_count++] = (struct header){
		    {line.at, name}, {line.at + name + (colon != NULL), line.size - name - (colon != NULL)}};
	}
	read_target(method, lines[0]);
	read_headers(&exchange);
	while (count)
		free((char *)(uintptr_t)lines[--count].at);
	return 0;
}
