#include "cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/digest.h"
#include "cli/json_view.h"

#define ANSWER_SIZE_MAX (256u << 20) /* a page of orders is far below; more is not our server */
#define KEY_LINE_MAX 256             /* admin.key is one line of about 50 */
#define POSITION_SIZE 64             /* "0-123": a log's number and a sequence */

struct client {
	CURL *curl;
	struct buf url, body, link, authorization;
	char position[POSITION_SIZE]; /* Dibs-Position of the newest answer, sent back with the next request */
	const char *server;
	char problem[CURL_ERROR_SIZE];
};

/* ---- the key ---- */

static bool read_admin_key(const struct settings *settings, struct buf *out)
{
	struct buf path = {0};
	char line[KEY_LINE_MAX];
	buf_printf(&path, "%s/admin.key", setting_text(settings, SETTING_DATA));
	buf_put(&path, "", 1);
	FILE *file = path.failed ? NULL : fopen(path.at, "re");
	buf_fini(&path);
	if (!file)
		return false;
	bool read = fgets(line, sizeof line, file) != NULL;
	fclose(file);
	if (read) {
		line[strcspn(line, "\r\n")] = 0;
		buf_str(out, line);
	}
	explicit_bzero(line, sizeof line);
	return read;
}

static void find_key(const struct settings *settings, struct buf *out)
{
	const char *secret = setting_secret(settings, SETTING_KEY);
	buf_str(out, "Authorization: Bearer ");
	if (*secret)
		buf_str(out, secret);
	else if (!read_admin_key(settings, out))
		buf_clear(out);
	buf_put(out, "", 1);
}

/* ---- what curl hands over ---- */

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
	struct client *client = context;
	if (client->body.size + size * count > ANSWER_SIZE_MAX)
		return 0;
	buf_put(&client->body, bytes, size * count);
	return client->body.failed ? 0 : size * count;
}

/* The value of a header line, if it is of this name ("link:"). */
static bool header_value(struct text line, const char *name, struct text *ret)
{
	size_t size = strlen(name);
	if (line.size < size || strncasecmp(line.at, name, size) != 0)
		return false;
	while (size < line.size && line.at[size] == ' ')
		size++;
	while (line.size > size && (line.at[line.size - 1] == '\r' || line.at[line.size - 1] == '\n'))
		line.size--;
	*ret = (struct text){line.at + size, line.size - size};
	return true;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
	struct client *client = context;
	struct text value;
	if (header_value((struct text){bytes, size * count}, "link:", &value)) {
		buf_clear(&client->link);
		buf_text(&client->link, value);
	} else if (header_value((struct text){bytes, size * count}, "dibs-position:", &value) &&
	           value.size < sizeof client->position) {
		memcpy(client->position, value.at, value.size);
		client->position[value.size] = 0;
	}
	return size * count;
}

/* <path>; rel="next" */
static struct text next_of(const struct client *client)
{
	struct text link = buf_as_text(&client->link);
	if (!link.at || !memmem(link.at, link.size, "rel=\"next\"", 10))
		return TEXT_NONE;
	const char *from = memchr(link.at, '<', link.size);
	const char *to = memchr(link.at, '>', link.size);
	if (!from || !to || to < from + 2 || from[1] != '/')
		return TEXT_NONE;
	return (struct text){from + 1, (size_t)(to - from - 1)};
}

/* ---- opening ---- */

int client_open(const struct settings *settings, struct client **ret, struct error *error)
{
	struct client *client = calloc(1, sizeof *client);
	if (!client || curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || !(client->curl = curl_easy_init())) {
		free(client);
		return error_set(error, FAULT_MEMORY, "no memory for an HTTP client");
	}
	client->server = setting_text(settings, SETTING_SERVER);
	find_key(settings, &client->authorization);
	curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, client);
	curl_easy_setopt(client->curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(client->curl, CURLOPT_HEADERDATA, client);
	curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, client->problem);
	curl_easy_setopt(client->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(client->curl, CURLOPT_PROXY, ""); /* dibs stands in the house: no proxy on the way */
	curl_easy_setopt(client->curl, CURLOPT_USERAGENT, "dibs/" DIBS_VERSION);
	curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, (long)setting_number(settings, SETTING_TIMEOUT));
	*ret = client;
	return 0;
}

void client_close(struct client *client)
{
	if (client->authorization.at)
		explicit_bzero(client->authorization.at, client->authorization.size);
	curl_easy_cleanup(client->curl);
	buf_fini(&client->url);
	buf_fini(&client->body);
	buf_fini(&client->link);
	buf_fini(&client->authorization);
	free(client);
	curl_global_cleanup();
}

/* ---- asking ---- */

static struct curl_slist *headers_of(struct client *client, const struct request *request)
{
	char line[128];
	struct curl_slist *list = curl_slist_append(NULL, "Accept: application/json");
	if (client->authorization.size > 1)
		list = curl_slist_append(list, client->authorization.at);
	list = curl_slist_append(list, request->body.size ? "Content-Type: application/json" : "Content-Type:");
	if (request->idempotency_key) {
		snprintf(line, sizeof line, "Idempotency-Key: %.64s", request->idempotency_key);
		list = curl_slist_append(list, line);
	}
	if (*client->position) {
		snprintf(line, sizeof line, "Dibs-Position: %s", client->position);
		list = curl_slist_append(list, line);
	}
	return curl_slist_append(list, "Expect:");
}

static void prepare(struct client *client, const struct request *request)
{
	buf_clear(&client->url);
	buf_clear(&client->body);
	buf_clear(&client->link);
	size_t server_size = strlen(client->server);
	while (server_size && client->server[server_size - 1] == '/')
		server_size--;
	buf_put(&client->url, client->server, server_size);
	buf_str(&client->url, request->path);
	buf_put(&client->url, "", 1);
	client->problem[0] = 0;
}

static int no_answer(const struct client *client, CURLcode code, struct error *error)
{
	switch (code) {
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
		return error_set(error, FAULT_BUSY,
		                 "no server at %s; start one with `dibs serve`, or name it by --server",
		                 client->server);
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return error_set(error, FAULT_INVALID, "--server: \"%.100s\" is no http:// or https:// address",
		                 client->server);
	case CURLE_OPERATION_TIMEDOUT:
		return error_set(error, FAULT_BUSY, "%s did not answer in time; ask again, or give it --timeout",
		                 client->server);
	default:
		return error_set(error, FAULT_BUSY, "%s gave no answer: %s", client->server,
		                 *client->problem ? client->problem : curl_easy_strerror(code));
	}
}

int client_call(struct client *client, const struct request *request, struct answer_text *ret, struct error *error)
{
	long status = 0;
	prepare(client, request);
	struct curl_slist *headers = headers_of(client, request);
	curl_easy_setopt(client->curl, CURLOPT_URL, client->url.at);
	curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(client->curl, CURLOPT_HTTPGET, 1L);
	if (request->body.size || strcmp(request->method, "GET") != 0) {
		curl_easy_setopt(client->curl, CURLOPT_POST, 1L);
		curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
		curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, request->body.size ? request->body.at : "");
	}
	curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, request->method);
	CURLcode code = curl_easy_perform(client->curl);
	curl_slist_free_all(headers);
	if (code != CURLE_OK)
		return no_answer(client, code, error);
	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
	*ret = (struct answer_text){.status = (int)status, .body = buf_as_text(&client->body), .next = next_of(client)};
	return 0;
}

/* ---- a problem, as one line ---- */

static const char *advice(struct text code, int status)
{
	static const struct {
		const char *code, *advice;
	} known[] = {
	    {"unauthorized", "name a key by --key-file or DIBS_KEY_FILE, or the server's directory by --data"},
	    {"forbidden", "ask with a key of another role"},
	    {"overloaded", "try again in a moment"},
	    {"log_unavailable", "make room on the server's disk, then try again"},
	    {"unknown_outcome", "try again; the same Idempotency-Key is safe"},
	    {"unknown_drop", "dibs drop list says which there are"},
	    {"exists", "choose another id: an id is never used again"},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (text_is(code, text_of(known[i].code)))
			return known[i].advice;
	return status == 404 && code.size == 0 ? "is that a dibs server?" : NULL;
}

static int problem(const struct client *client, const struct answer_text *answer, struct error *error)
{
	static const char *const members[] = {"code", "detail", "field", "order", "opens_at"};
	struct buf shown[5] = {{0}};
	struct buf line = {0};
	for (int i = 0; i < 5; i++)
		json_show(&shown[i], json_member(answer->body, members[i]));
	struct text code = buf_as_text(&shown[0]);
	if (code.size == 0)
		buf_printf(&line, "%s answered %d", client->server, answer->status);
	for (int i = 0; i < 5; i++)
		if (shown[i].size)
			buf_printf(&line,
			           i == 0   ? "%.*s"
			           : i == 1 ? ": %.*s"
			                    : " (%.*s)",
			           (int)shown[i].size, shown[i].at);
	const char *what_to_do = advice(code, answer->status);
	if (what_to_do)
		buf_printf(&line, " — %s", what_to_do);
	error_set(error, FAULT_BUSY, "%.*s", (int)line.size, line.at ? line.at : "");
	for (int i = 0; i < 5; i++)
		buf_fini(&shown[i]);
	buf_fini(&line);
	return FAULT_BUSY;
}

int client_check(const struct client *client, const struct answer_text *answer, struct error *error)
{
	return answer->status >= 200 && answer->status <= 299 ? 0 : problem(client, answer, error);
}

int client_ask(struct client *client, const struct request *request, struct answer_text *ret, struct error *error)
{
	struct answer_text answer;
	int rc = client_call(client, request, &answer, error);
	if (rc == 0)
		rc = client_check(client, &answer, error);
	if (rc == 0)
		*ret = answer;
	return rc;
}

void client_forget_position(struct client *client)
{
	client->position[0] = 0;
}

/* ---- small things ---- */

void path_put(struct buf *out, const char *segment)
{
	for (const unsigned char *at = (const unsigned char *)segment; *at; at++) {
		bool plain = (*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z') ||
		             strchr("-._~", *at);
		if (plain)
			buf_put(out, at, 1);
		else
			buf_printf(out, "%%%02X", *at);
	}
}

void idempotency_key_make(char out[IDEMPOTENCY_KEY_SIZE])
{
	uint8_t random[16];
	random_bytes(random, sizeof random);
	memcpy(out, "cli-", 4);
	for (int i = 0; i < 16; i++)
		snprintf(out + 4 + 2 * i, 3, "%02x", random[i]);
}
