/* A client's bytes on a connection: 8 bytes that say in what manner they come, then what is sent.
 *
 *   - whole or in pieces, answered at once or later and in any order, taken at once or slowly: the same requests reach the
 *     handler and the client gets the same answers, but for "100 Continue", which is said only to who waits;
 *   - answers stand in the order of their requests, each as long as it says, and nothing comes behind one that closes;
 *   - every request that reaches the handler is a sound one (wire.c: one Host, one length, within the bounds);
 *   - in rough manner, when time passes and connections break, nothing is lost and nothing is touched after its time.
 */
#include <stdio.h>

#include "wire.h"

#define INPUT_MAX 1400 /* at most WIRE_REQUESTS_MAX requests of 25 bytes */

enum { SMALL = 1, LATE = 2, SLOW = 4, ROUGH = 8, BYTEWISE = 16 };

struct answers {
	struct text rest;
	uint32_t count;
	bool closed; /* one has said so */
};

static bool begins(struct text text, const char *with)
{
	size_t size = strlen(with);
	return text.size >= size && memcmp(text.at, with, size) == 0;
}

static void skip(struct text *text, size_t size)
{
	must(size <= text->size);
	text->at += size;
	text->size -= size;
}

static size_t number(struct text text)
{
	uint64_t value = 0;
	must(text_to_u64(text, UINT32_MAX, &value));
	return (size_t)value;
}

/* The next line without its CRLF. */
static struct text line_of(struct text *rest)
{
	const char *end = memmem(rest->at, rest->size, "\r\n", 2);
	must(end);
	struct text line = {rest->at, (size_t)(end - rest->at)};
	skip(rest, line.size + 2);
	return line;
}

static void answer_take(const struct wire_run *run, struct answers *answers, int *ret_status, struct text *ret_body)
{
	size_t length = 0;
	bool has_length = false;
	must(!answers->closed);
	struct text line = line_of(&answers->rest);
	must(begins(line, "HTTP/1.1 ") && line.size > 13);
	*ret_status = (int)number((struct text){line.at + 9, 3});
	while ((line = line_of(&answers->rest)).size) {
		if (begins(line, "Content-Length: ")) {
			must(!has_length);
			has_length = true;
			length = number((struct text){line.at + 16, line.size - 16});
		}
		answers->closed |= text_is(line, TEXT("Connection: close"));
	}
	*ret_body = TEXT_NONE;
	must(has_length);
	if (answers->count >= run->request_count || !run->is_head[answers->count]) {
		/* a refusal of a HEAD has no body either: what follows would be no answer */
		if (answers->count >= run->request_count && answers->rest.size == 0)
			length = 0;
		*ret_body = (struct text){answers->rest.at, length};
		skip(&answers->rest, length);
	}
	answers->count++;
}

static void check_answer(const struct wire_run *run, uint32_t number, int status, struct text body)
{
	char expected[32];
	if (status != 200) { /* net's own, and then the last */
		must(number == run->request_count);
		must(status >= 400);
		return;
	}
	must(number < run->request_count);
	struct text text = {expected, (size_t)snprintf(expected, sizeof expected, "number %u", number)};
	must(run->is_head[number] ? body.size == 0 : begins(body, expected));
	must(body.size == 0 || body.size == text.size || body.size == WIRE_BIG);
}

static struct text without_interim(struct buf *sent)
{
	static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const size_t size = sizeof interim - 1;
	char *at = sent->at;
	while (sent->size >= size && (at = memmem(at, sent->size - (size_t)(at - sent->at), interim, size))) {
		memmove(at, at + size, sent->size - (size_t)(at - sent->at) - size);
		sent->size -= size;
	}
	return buf_as_text(sent);
}

/* Whole answers, in their order. Returns those of the handler, without what may be net's own at the end: a refusal. */
static struct text check_answers(struct wire_run *run, bool *ret_refused)
{
	struct answers answers = {.rest = without_interim(&run->sent)};
	struct text all = answers.rest, body;
	int status = 200;
	*ret_refused = false;
	while (answers.rest.size) {
		size_t before = all.size - answers.rest.size;
		must(!*ret_refused);
		answer_take(run, &answers, &status, &body);
		check_answer(run, answers.count - 1, status, body);
		*ret_refused = status != 200;
		if (*ret_refused)
			all.size = before;
	}
	return all;
}

/* Of two things that are wrong with a request, which one is said may depend on which came first. */
static void compare(struct wire_run *whole, struct wire_run *pieces)
{
	bool whole_refused, pieces_refused;
	must(whole->request_count == pieces->request_count);
	must(text_is(buf_as_text(&whole->requests), buf_as_text(&pieces->requests)));
	struct text one = check_answers(whole, &whole_refused), other = check_answers(pieces, &pieces_refused);
	must(whole_refused == pieces_refused);
	must(text_is(one, other));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct wire_run whole, pieces;
	struct input input = {bytes, size};
	unsigned how = input_u8(&input), piece_max = input_u8(&input);
	struct wire_manner manner = {.seed = input_number(&input, 6), .small = how & SMALL};
	if (input.left > INPUT_MAX)
		return 0;
	whole.request_count = pieces.request_count = 0;
	buf_clear(&whole.requests);
	buf_clear(&whole.sent);
	buf_clear(&pieces.requests);
	buf_clear(&pieces.sent);
	if (!(how & ROUGH))
		wire_run(&whole, &manner, input.at, input.left);
	manner.late = how & LATE;
	manner.slow = how & SLOW;
	manner.rough = how & ROUGH;
	manner.piece_max = how & BYTEWISE ? 1 : (size_t)piece_max + 1;
	wire_run(&pieces, &manner, input.at, input.left);
	if (!manner.rough)
		compare(&whole, &pieces);
	return 0;
}
