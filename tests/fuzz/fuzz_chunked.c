/* A body in chunks, and what follows on the connection; the head is a fixed one. The first byte says how it comes:
 *
 *   as it is: a second reader, written from RFC 9112 §7.1 and strictly so, must take what the server takes, find the same
 *   body in it, and end it at the same byte: whoever stands before the server must not see another next request than it
 *
 *   as pieces that are written as chunks here, with extensions and trailers: within the bounds, the server must take it
 */
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX 700
#define HEAD "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define NEXT "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"

/* ---- the second reader ---- */

struct reading {
	const char *at, *end;
	bool wrong;
};

static bool is_tchar(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_field_byte(char c)
{
	return (unsigned char)c >= 0x20 ? c != 0x7f : c == '\t';
}

static bool next_is(const struct reading *reading, char c)
{
	return !reading->wrong && reading->at < reading->end && *reading->at == c;
}

static void expect(struct reading *reading, char c)
{
	if (next_is(reading, c))
		reading->at++;
	else
		reading->wrong = true;
}

static void token(struct reading *reading)
{
	const char *from = reading->at;
	while (reading->at < reading->end && is_tchar(*reading->at))
		reading->at++;
	reading->wrong = reading->wrong || reading->at == from;
}

/* What they say is nobody's: only where they end counts. */
static void extensions(struct reading *reading)
{
	if (next_is(reading, ';'))
		while (reading->at < reading->end && is_field_byte(*reading->at))
			reading->at++;
	expect(reading, '\r');
	expect(reading, '\n');
}

static uint64_t chunk_size(struct reading *reading)
{
	uint64_t value = 0;
	const char *from = reading->at;
	for (; reading->at < reading->end; reading->at++) {
		char c = *reading->at, small = (char)(c | 0x20);
		if (!(c >= '0' && c <= '9') && !(small >= 'a' && small <= 'f'))
			break;
		reading->wrong = reading->wrong || value > (UINT64_MAX >> 4);
		value = value << 4 | (uint64_t)(c <= '9' ? c - '0' : small - 'a' + 10);
	}
	reading->wrong = reading->wrong || reading->at == from;
	return value;
}

static void trailers(struct reading *reading)
{
	while (!reading->wrong && !next_is(reading, '\r')) {
		token(reading);
		expect(reading, ':');
		while (!reading->wrong && reading->at < reading->end && is_field_byte(*reading->at))
			reading->at++;
		expect(reading, '\r');
		expect(reading, '\n');
	}
	expect(reading, '\r');
	expect(reading, '\n');
}

/* False: this is no whole body. *ret_used: where it ends. */
static bool read_chunked(struct text text, struct buf *ret_body, size_t *ret_used)
{
	struct reading reading = {text.at, text.at + text.size, false};
	uint64_t size;
	do {
		size = chunk_size(&reading);
		extensions(&reading);
		if (reading.wrong || size > (uint64_t)(reading.end - reading.at))
			return false;
		buf_put(ret_body, reading.at, size);
		reading.at += size;
		if (size) {
			expect(&reading, '\r');
			expect(&reading, '\n');
		}
	} while (size && !reading.wrong);
	trailers(&reading);
	*ret_used = (size_t)(reading.at - text.at);
	return !reading.wrong;
}

/* ---- the server ---- */

static void serve(struct wire_run *run, unsigned how, uint64_t seed, const struct buf *bytes)
{
	struct wire_manner manner = {.seed = seed, .small = how & 2, .piece_max = how & 4 ? 1 : how & 8 ? 20 : 0};
	run->request_count = 0;
	buf_clear(&run->requests);
	buf_clear(&run->sent);
	wire_run(run, &manner, (const uint8_t *)bytes->at, bytes->size);
}

/* What the handler was given as the first request's body: the line's last text (wire.c: note_request). */
static void check_body(const struct wire_run *run, struct text body)
{
	struct buf expected = {0};
	buf_printf(&expected, "4:POST2:/c0:4:Host1:a17:Transfer-Encoding7:chunked%zu:", body.size);
	buf_text(&expected, body);
	buf_str(&expected, "\n");
	must(run->requests.size >= expected.size);
	must(memcmp(run->requests.at, expected.at, expected.size) == 0);
	buf_fini(&expected);
}

static void as_it_is(struct wire_run *run, unsigned how, uint64_t seed, struct text text)
{
	struct buf bytes = {0}, body = {0};
	size_t used = 0;
	buf_str(&bytes, HEAD);
	buf_text(&bytes, text);
	serve(run, how, seed, &bytes);
	bool sound = read_chunked(text, &body, &used);
	if (run->request_count) {
		must(sound);
		check_body(run, buf_as_text(&body));
	}
	buf_fini(&bytes);
	buf_fini(&body);
	if (run->request_count == 0 || used == text.size)
		return;
	/* what follows the body alone makes the same further requests */
	struct buf rest = {0};
	uint32_t count = run->request_count;
	buf_put(&rest, text.at + used, text.size - used);
	serve(run, how, seed, &rest);
	must(run->request_count == count - 1);
	buf_fini(&rest);
}

static void put_extension(struct buf *bytes, uint8_t which)
{
	static const char *const known[] = {"", ";a", ";a=b", ";a=\"b c\"", ";a;b=c"};
	buf_str(bytes, known[which % (sizeof known / sizeof known[0])]);
}

static void as_pieces(struct wire_run *run, unsigned how, uint64_t seed, struct input *input)
{
	struct buf bytes = {0}, body = {0};
	buf_str(&bytes, HEAD);
	while (input->left > 2) {
		uint8_t extension = input_u8(input);
		struct text piece = input_text(input, 1 + input_u8(input) % 40);
		buf_printf(&bytes, extension & 0x80 ? "%zx" : "0%zX", piece.size);
		put_extension(&bytes, extension & 0x7f);
		buf_str(&bytes, "\r\n");
		buf_text(&bytes, piece);
		buf_str(&bytes, "\r\n");
		buf_text(&body, piece);
	}
	buf_str(&bytes, input_u8(input) & 1 ? "0\r\nTrailer: value\r\n\r\n" NEXT : "0\r\n\r\n" NEXT);
	serve(run, how & ~2u, seed, &bytes);
	must(run->request_count == 2);
	check_body(run, buf_as_text(&body));
	buf_fini(&bytes);
	buf_fini(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct wire_run run;
	struct input input = {bytes, size};
	unsigned how = input_u8(&input);
	uint64_t seed = input_u8(&input);
	if (input.left > INPUT_MAX)
		return 0;
	if (how & 1)
		as_pieces(&run, how, seed, &input);
	else
		as_it_is(&run, how, seed, input_text(&input, input.left));
	return 0;
}
