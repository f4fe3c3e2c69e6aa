/* orders: dibs orders …, over HTTP. */
#include "cli/asking.h"
#include "cli/subcommands.h"
#include "core/limits.h"

SUBCOMMAND(orders_list_run)
{
	const char *status = invocation_option(invocation, "status");
	const char *buyer = invocation_option(invocation, "buyer");
	struct buf drop = {0}, path = {0};
	buf_str(&drop, "/v1/drops/");
	path_put(&drop, invocation->word[0]);
	buf_text(&path, buf_as_text(&drop));
	if (buyer) {
		buf_str(&path, "/buyers/");
		path_put(&path, buyer);
	}
	buf_str(&path, "/orders?limit=1000");
	if (status) {
		buf_str(&path, "&status=");
		path_put(&path, status);
	}
	buf_put(&drop, "", 1);
	buf_put(&path, "", 1);
	int rc = ask_list(invocation, drop.at, path.at, "orders",
	                  "ORDER           STATUS    POSITION CREATED                  BUYER                    WHAT\n",
	                  show_order_line, error);
	buf_fini(&drop);
	buf_fini(&path);
	return rc;
}

static int ask_order(const struct invocation *invocation, const char *method, const char *verb, struct text body,
                     struct error *error)
{
	struct buf path = {0};
	char key[IDEMPOTENCY_KEY_SIZE];
	idempotency_key_make(key);
	buf_str(&path, "/v1/orders/");
	path_put(&path, invocation->word[0]);
	buf_str(&path, verb);
	buf_put(&path, "", 1);
	struct request request = {
	    .method = method, .path = path.at, .body = body, .idempotency_key = *verb ? key : NULL};
	int rc = ask_and_print(invocation, &request, show_order, error);
	buf_fini(&path);
	return rc;
}

SUBCOMMAND(orders_show_run)
{
	return ask_order(invocation, "GET", "", TEXT_NONE, error);
}

SUBCOMMAND(orders_cancel_run)
{
	return ask_order(invocation, "POST", "/cancel", TEXT_NONE, error);
}

SUBCOMMAND(orders_confirm_run)
{
	struct buf body = {0};
	body_begin(&body);
	body_text(&body, "payment_ref", text_of(invocation->word[1]));
	body_end(&body);
	int rc = ask_order(invocation, "POST", "/confirm", buf_as_text(&body), error);
	buf_fini(&body);
	return rc;
}

/* SKU or SKU=QUANTITY */
static int put_line(struct buf *lines, const char *word, struct error *error)
{
	const char *equals = strchr(word, '=');
	uint64_t quantity = 1;
	if (equals && !text_to_u64(text_of(equals + 1), QUANTITY_MAX, &quantity))
		return error_set(error, FAULT_INVALID, "\"%.100s\" is not SKU or SKU=QUANTITY", word);
	buf_str(lines, lines->size ? "," : "");
	body_begin(lines);
	body_text(lines, "sku", (struct text){word, equals ? (size_t)(equals - word) : strlen(word)});
	body_number(lines, "quantity", (int64_t)quantity);
	body_end(lines);
	return 0;
}

/* {"lines":[…]}, or nothing at all: one of the only SKU. */
static int claim_body(struct buf *body, const struct invocation *invocation, struct error *error)
{
	struct buf lines = {0};
	int rc = 0;
	for (int i = 2; i < invocation->word_count && rc == 0; i++)
		rc = put_line(&lines, invocation->word[i], error);
	if (rc == 0 && lines.size) {
		buf_str(body, "{\"lines\":[");
		buf_text(body, buf_as_text(&lines));
		buf_str(body, "]}");
	}
	buf_fini(&lines);
	return rc;
}

SUBCOMMAND(orders_claim_run)
{
	const char *given = invocation_option(invocation, "idempotency-key");
	struct buf path = {0}, body = {0};
	char made[IDEMPOTENCY_KEY_SIZE];
	int rc = claim_body(&body, invocation, error);
	idempotency_key_make(made);
	buf_str(&path, "/v1/drops/");
	path_put(&path, invocation->word[0]);
	buf_str(&path, "/buyers/");
	path_put(&path, invocation->word[1]);
	buf_str(&path, "/orders");
	buf_put(&path, "", 1);
	struct request request = {
	    .method = "POST", .path = path.at, .body = buf_as_text(&body), .idempotency_key = given ? given : made};
	if (rc == 0)
		rc = ask_and_print(invocation, &request, show_order, error);
	buf_fini(&path);
	buf_fini(&body);
	return rc;
}
