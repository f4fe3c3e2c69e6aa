#include "cli/claim_request.h"

#include "base/must.h"

static char *put(char *at, const void *bytes, size_t size)
{
	memcpy(at, bytes, size);
	return at + size;
}

static char *put_number(char *at, uint32_t number)
{
	for (int i = CLAIM_NUMBER_SIZE - 1; i >= 0; i--) {
		at[i] = (char)('0' + number % 10);
		number /= 10;
	}
	return at + CLAIM_NUMBER_SIZE;
}

size_t claim_buyer_write(const char *run, uint32_t buyer, char out[CLAIM_BUYER_SIZE])
{
	char *at = put(out, run, strlen(run));
	*at++ = '-';
	return (size_t)(put_number(at, buyer) - out);
}

static bool run_is_sound(const char *run)
{
	size_t size = strlen(run);
	for (size_t i = 0; i < size; i++)
		if (!((run[i] >= 'a' && run[i] <= 'z') || (run[i] >= '0' && run[i] <= '9')))
			return false;
	return size > 0 && size <= RUN_SIZE_MAX;
}

static int check(const struct claim_request_options *options, struct error *error)
{
	if (!text_is_id(text_of(options->drop)))
		return error_set(error, FAULT_INVALID, "drop: not an id: %s", options->drop);
	if (options->sku && !text_is_id(text_of(options->sku)))
		return error_set(error, FAULT_INVALID, "sku: not an id: %s", options->sku);
	if (!run_is_sound(options->run))
		return error_set(error, FAULT_INVALID, "run: 1 to %d of a-z and 0-9, please", RUN_SIZE_MAX);
	if (options->bearer && !text_is_visible(text_of(options->bearer), 1024))
		return error_set(error, FAULT_INVALID, "the API key has a byte in it that no key has");
	if (!options->bearer && !options->tokens)
		return error_set(error, FAULT_INVALID, "neither an API key nor buyer tokens");
	if (options->buyers == 0)
		return error_set(error, FAULT_INVALID, "buyers: at least one");
	return 0;
}

static void lay_out(struct claim_request *request)
{
	const struct claim_request_options *options = &request->options;
	struct buf *middle = &request->middle;
	buf_printf(&request->head, "POST /v1/drops/%s/", options->drop);
	if (options->bearer) {
		buf_str(&request->head, "buyers/");
		buf_printf(middle, "/orders HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s", options->host,
		           options->bearer);
	} else {
		buf_printf(&request->head, "orders HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer ", options->host);
	}
	buf_str(middle, "\r\nIdempotency-Key: ");
	if (options->sku) {
		struct buf body = {0};
		buf_printf(&body, "{\"sku\":\"%s\",\"quantity\":%u}", options->sku, options->quantity);
		buf_printf(&request->tail, "\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		           body.size);
		buf_put(&request->tail, body.at, body.size);
		request->tail.failed = request->tail.failed || body.failed;
		buf_fini(&body);
	} else {
		buf_str(&request->tail, "\r\nContent-Length: 0\r\n\r\n");
	}
}

static size_t largest_who(const struct claim_request_options *options)
{
	size_t largest = CLAIM_BUYER_SIZE;
	for (uint32_t i = 0; options->tokens && i < options->buyers; i++)
		if (options->tokens[i].size > largest)
			largest = options->tokens[i].size;
	return largest;
}

int claim_request_prepare(struct claim_request *request, const struct claim_request_options *options,
                          struct error *error)
{
	struct claim_request made = {.options = *options};
	int code = check(options, error);
	if (code)
		return code;
	lay_out(&made);
	size_t most = made.head.size + largest_who(options) + made.middle.size + CLAIM_BUYER_SIZE + 1 + made.tail.size;
	if (made.head.failed || made.middle.failed || made.tail.failed)
		code = error_set(error, FAULT_MEMORY, "no memory for the requests");
	else if (most > CLAIM_REQUEST_SIZE_MAX)
		code =
		    error_set(error, FAULT_INVALID, "a request would be longer than %d bytes", CLAIM_REQUEST_SIZE_MAX);
	if (code) {
		claim_request_fini(&made);
		return code;
	}
	*request = made;
	return 0;
}

void claim_request_fini(struct claim_request *request)
{
	buf_fini(&request->head);
	buf_fini(&request->middle);
	buf_fini(&request->tail);
}

static char *put_who(char *at, const struct claim_request_options *options, uint32_t buyer)
{
	if (options->tokens)
		return put(at, options->tokens[buyer].at, options->tokens[buyer].size);
	return at + claim_buyer_write(options->run, buyer, at);
}

size_t claim_request_write(const struct claim_request *request, uint32_t claim, char out[CLAIM_REQUEST_SIZE_MAX])
{
	const struct claim_request_options *options = &request->options;
	char *at = put(out, request->head.at, request->head.size);
	at = put_who(at, options, claim % options->buyers);
	at = put(at, request->middle.at, request->middle.size);
	at = put(at, options->run, strlen(options->run));
	at = put(at, "-k", 2);
	at = put_number(at, claim);
	at = put(at, request->tail.at, request->tail.size);
	return (size_t)(at - out);
}
