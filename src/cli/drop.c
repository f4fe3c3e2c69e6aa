/* drop: dibs drop …, as an operator, over HTTP. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "cli/asking.h"
#include "cli/subcommands.h"
#include "cli/units.h"
#include "core/limits.h"

#define BODY_SIZE_MAX (64u << 20) /* the largest body that a server can be set to take */

/* ---- create ---- */

/* NAME=STOCK or NAME=STOCK@PRICE */
static int put_sku(struct buf *body, const char *text, struct error *error)
{
	const char *equals = strchr(text, '='), *at = equals ? strchr(equals, '@') : NULL;
	uint64_t stock, price = 0;
	if (!equals || !text_is_id((struct text){text, (size_t)(equals - text)}))
		return error_set(error, FAULT_INVALID, "--sku: \"%.100s\" is not NAME=STOCK or NAME=STOCK@PRICE", text);
	struct text stock_text = {equals + 1, at ? (size_t)(at - equals - 1) : strlen(equals + 1)};
	if (!text_to_u64(stock_text, QUANTITY_MAX, &stock))
		return error_set(error, FAULT_INVALID, "--sku: \"%.100s\": the stock is a number from 0 to %d", text,
		                 QUANTITY_MAX);
	if (at && !text_to_u64(text_of(at + 1), PRICE_MAX, &price))
		return error_set(error, FAULT_INVALID, "--sku: \"%.100s\": the price is a number of minor units", text);
	buf_str(body, body->size && body->at[body->size - 1] == '}' ? "," : "");
	body_begin(body);
	body_text(body, "id", (struct text){text, (size_t)(equals - text)});
	body_number(body, "stock", (int64_t)stock);
	body_number(body, "price", (int64_t)price);
	body_end(body);
	return 0;
}

static int put_skus(struct buf *body, const struct invocation *invocation, struct error *error)
{
	struct buf skus = {0};
	int rc = 0;
	for (int i = 0; i < invocation->given_count && rc == 0; i++)
		if (strcmp(invocation->given[i].option->name, "sku") == 0)
			rc = put_sku(&skus, invocation->given[i].value, error);
	if (rc == 0 && skus.size == 0)
		rc = error_set(error, FAULT_INVALID, "what is sold? Say --sku NAME=STOCK, or --file FILE");
	if (rc == 0) {
		buf_str(body, ",\"skus\":[");
		buf_text(body, buf_as_text(&skus));
		buf_str(body, "]");
	}
	buf_fini(&skus);
	return rc;
}

static int put_moment(struct buf *body, const struct invocation *invocation, const char *option, const char *name,
                      struct error *error)
{
	const char *text = invocation_option(invocation, option);
	int64_t ms;
	if (!text)
		return 0;
	if (!moment_parse(text, clock_wall().ms, &ms))
		return error_set(
		    error, FAULT_INVALID,
		    "--%s: \"%.64s\" is no time such as 2026-12-01T10:00:00Z, nor one from now such as +10m", option,
		    text);
	body_time(body, name, ms);
	return 0;
}

/* A span of time as whole seconds. */
static int put_span(struct buf *body, const struct invocation *invocation, const char *option, const char *name,
                    int64_t most_s, struct error *error)
{
	const char *text = invocation_option(invocation, option);
	int64_t ms;
	if (!text)
		return 0;
	if (!time_parse(text, &ms) || ms % 1000 != 0 || ms / 1000 > most_s)
		return error_set(error, FAULT_INVALID, "--%s: \"%.64s\" is not a time in whole seconds, at most %llds",
		                 option, text, (long long)most_s);
	body_number(body, name, ms / 1000);
	return 0;
}

static int body_of_options(struct buf *body, const struct invocation *invocation, struct error *error)
{
	const char *title = invocation_option(invocation, "title");
	const char *currency = invocation_option(invocation, "currency");
	int64_t limit;
	body_begin(body);
	body_text(body, "title", text_of(title ? title : invocation->word[0]));
	int rc = put_skus(body, invocation, error);
	if (currency)
		body_text(body, "currency", text_of(currency));
	if (rc == 0)
		rc = invocation_number(invocation, "limit", 1, LIMIT_MAX, 0, &limit, error);
	if (rc == 0 && limit)
		body_number(body, "limit_per_buyer", limit);
	if (rc == 0)
		rc = put_span(body, invocation, "hold", "hold_seconds", HOLD_SECONDS_MAX, error);
	if (rc == 0)
		rc = put_span(body, invocation, "keep", "keep_seconds", KEEP_SECONDS_MAX, error);
	if (rc == 0)
		rc = put_moment(body, invocation, "opens", "opens_at", error);
	if (rc == 0)
		rc = put_moment(body, invocation, "closes", "closes_at", error);
	body_end(body);
	return rc;
}

static int body_of_file(struct buf *body, const char *path, struct error *error)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char bytes[4096];
	size_t size;
	if (!file)
		return error_set(error, FAULT_INVALID, "--file: %s cannot be read: %s", path, strerror(errno));
	while ((size = fread(bytes, 1, sizeof bytes, file)) > 0 && body->size <= BODY_SIZE_MAX)
		buf_put(body, bytes, size);
	if (file != stdin)
		fclose(file);
	if (body->size == 0 || body->size > BODY_SIZE_MAX)
		return error_set(error, FAULT_INVALID, "--file: %s is %s", path, body->size ? "too large" : "empty");
	return 0;
}

static void drop_path(struct buf *path, const struct invocation *invocation, const char *behind)
{
	buf_str(path, "/v1/drops/");
	path_put(path, invocation->word[0]);
	buf_str(path, behind);
	buf_put(path, "", 1);
}

static int post(const struct invocation *invocation, const char *verb, struct text body, struct error *error)
{
	struct buf path = {0};
	char made[IDEMPOTENCY_KEY_SIZE];
	const char *key = invocation_option(invocation, "idempotency-key");
	idempotency_key_make(made);
	drop_path(&path, invocation, verb);
	struct request request = {.method = "POST", .path = path.at, .body = body, .idempotency_key = key ? key : made};
	int rc = ask_and_print(invocation, &request, show_drop, error);
	buf_fini(&path);
	return rc;
}

SUBCOMMAND(drop_create_run)
{
	const char *file = invocation_option(invocation, "file");
	bool open_it = invocation_option(invocation, "open") != NULL;
	struct buf body = {0}, path = {0};
	int rc = file ? body_of_file(&body, file, error) : body_of_options(&body, invocation, error);
	drop_path(&path, invocation, "");
	if (rc == 0 && body.failed)
		rc = error_set(error, FAULT_MEMORY, "no memory for the request");
	if (rc == 0) {
		struct request request = {.method = "PUT", .path = path.at, .body = buf_as_text(&body)};
		struct invocation quiet = *invocation;
		quiet.json = invocation->json && !open_it;
		rc = ask_and_print(&quiet, &request, open_it ? NULL : show_drop, error);
	}
	if (rc == 0 && open_it)
		rc = post(invocation, "/open", TEXT_NONE, error);
	buf_fini(&body);
	buf_fini(&path);
	return rc;
}

/* ---- the others ---- */

SUBCOMMAND(drop_show_run)
{
	struct buf path = {0};
	drop_path(&path, invocation, "");
	struct request request = {.method = "GET", .path = path.at};
	int rc = ask_and_print(invocation, &request, show_drop, error);
	buf_fini(&path);
	return rc;
}

SUBCOMMAND(drop_list_run)
{
	return ask_list(invocation, NULL, "/v1/drops", "drops",
	                "DROP                     STATE      FREE       TITLE\n", show_drop_line, error);
}

SUBCOMMAND(drop_open_run)
{
	return post(invocation, "/open", TEXT_NONE, error);
}

SUBCOMMAND(drop_pause_run)
{
	return post(invocation, "/pause", TEXT_NONE, error);
}

SUBCOMMAND(drop_resume_run)
{
	return post(invocation, "/resume", TEXT_NONE, error);
}

SUBCOMMAND(drop_close_run)
{
	return post(invocation, "/close", TEXT_NONE, error);
}

SUBCOMMAND(drop_archive_run)
{
	return post(invocation, "/archive", TEXT_NONE, error);
}

SUBCOMMAND(drop_closing_run)
{
	struct buf body = {0};
	int64_t ms;
	if (!moment_parse(invocation->word[1], clock_wall().ms, &ms))
		return error_set(error, FAULT_INVALID,
		                 "\"%.64s\" is no time such as 2026-12-01T10:00:00Z, nor one from now such as +10m",
		                 invocation->word[1]);
	body_begin(&body);
	body_time(&body, "closes_at", ms);
	body_end(&body);
	int rc = post(invocation, "/closing", buf_as_text(&body), error);
	buf_fini(&body);
	return rc;
}

SUBCOMMAND(drop_restock_run)
{
	const char *text = invocation->word[2];
	bool down = *text == '-', signed_text = down || *text == '+';
	struct buf body = {0};
	uint64_t quantity;
	if (!text_to_u64(text_of(text + signed_text), QUANTITY_MAX, &quantity) || quantity == 0)
		return error_set(error, FAULT_INVALID, "\"%.64s\" is no number of units, such as 10 or -10", text);
	body_begin(&body);
	body_text(&body, "sku", text_of(invocation->word[1]));
	body_number(&body, "quantity", down ? -(int64_t)quantity : (int64_t)quantity);
	body_end(&body);
	int rc = post(invocation, "/restock", buf_as_text(&body), error);
	buf_fini(&body);
	return rc;
}
