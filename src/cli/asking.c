#include "cli/asking.h"

#include <stdio.h>

#include "cli/json_view.h"
#include "cli/output.h"

int ask_and_print(const struct invocation *invocation, const struct request *request, show_fn *show,
                  struct error *error)
{
	struct client *client;
	struct answer_text answer;
	struct buf out = {0};
	int rc = client_open(&invocation->settings, &client, error);
	if (rc < 0)
		return rc;
	rc = client_ask(client, request, &answer, error);
	if (rc == 0 && invocation->json)
		buf_text(&out, answer.body.size ? answer.body : TEXT("{}"));
	else if (rc == 0 && show)
		show(&out, answer.body);
	if (rc == 0 && invocation->json && (out.size == 0 || out.at[out.size - 1] != '\n'))
		buf_str(&out, "\n");
	client_close(client);
	if (rc < 0) {
		buf_fini(&out);
		return rc;
	}
	return output_end(&out);
}

/* As fresh as the answer before; and when the read model does not come up to that in time, as old as it is. */
static int ask_fresh(struct client *client, const struct request *request, struct answer_text *ret, struct error *error)
{
	struct answer_text answer;
	int rc = client_call(client, request, &answer, error);
	if (rc < 0)
		return rc;
	if (answer.status != 503) {
		*ret = answer;
		return client_check(client, &answer, error);
	}
	client_forget_position(client);
	rc = client_ask(client, request, ret, error);
	if (rc == 0)
		fprintf(stderr, "dibs: the read model is behind; this list may be old\n");
	return rc;
}

/* One page: its lines out behind the heading, and the path of the next one into *path (empty: none). */
static int ask_page(const struct invocation *invocation, struct client *client, struct buf *path, const char *name,
                    const char *heading, show_fn *show, struct error *error)
{
	struct request request = {.method = "GET", .path = path->at};
	struct answer_text answer;
	struct buf out = {0};
	struct text member;
	size_t at = 0;
	int rc = ask_fresh(client, &request, &answer, error);
	if (rc < 0)
		return rc;
	buf_str(&out, heading);
	struct text list = json_member(answer.body, name);
	while (json_next(list, &at, &member)) {
		if (invocation->json)
			buf_text(&out, member);
		else
			show(&out, member);
		if (out.size && out.at[out.size - 1] != '\n')
			buf_str(&out, "\n");
	}
	buf_clear(path);
	buf_text(path, answer.next);
	if (path->size)
		buf_put(path, "", 1);
	return output_end(&out);
}

int ask_list(const struct invocation *invocation, const char *now, const char *first, const char *name,
             const char *heading, show_fn *show, struct error *error)
{
	struct client *client;
	struct answer_text answer;
	struct buf path = {0};
	int rc = client_open(&invocation->settings, &client, error);
	if (rc < 0)
		return rc;
	if (invocation->json)
		heading = "";
	if (now)
		rc = client_ask(client, &(struct request){.method = "GET", .path = now}, &answer, error);
	buf_put(&path, first, strlen(first) + 1);
	while (rc == 0 && path.size) {
		rc = ask_page(invocation, client, &path, name, heading, show, error);
		heading = "";
	}
	buf_fini(&path);
	client_close(client);
	return rc;
}

/* ---- JSON bodies ---- */

void body_begin(struct buf *body)
{
	buf_str(body, "{");
}

static void put_name(struct buf *body, const char *name)
{
	if (body->size && body->at[body->size - 1] != '{')
		buf_str(body, ",");
	buf_json(body, text_of(name));
	buf_str(body, ":");
}

void body_text(struct buf *body, const char *name, struct text value)
{
	put_name(body, name);
	buf_json(body, value);
}

void body_number(struct buf *body, const char *name, int64_t value)
{
	put_name(body, name);
	buf_i64(body, value);
}

void body_time(struct buf *body, const char *name, int64_t ms)
{
	char time[RFC3339_SIZE];
	rfc3339_format((struct wall_ms){ms}, time);
	body_text(body, name, text_of(time));
}

void body_end(struct buf *body)
{
	buf_str(body, "}");
}

/* ---- lines for people ---- */

void show_member(struct buf *out, struct text object, const char *name, int column)
{
	struct text value = json_member(object, name);
	size_t before = out->size;
	if (value.size == 0 || text_is(value, TEXT("null")))
		buf_str(out, "-");
	else
		json_show(out, value);
	size_t width = 0;
	for (size_t i = before; i < out->size; i++)
		width += ((unsigned char)out->at[i] & 0xc0) != 0x80;
	for (; width < (size_t)column; width++)
		buf_str(out, " ");
	if (column)
		buf_str(out, " ");
}

static void show_row(struct buf *out, struct text object, const char *label, const char *name)
{
	struct text value = json_member(object, name);
	if (value.size == 0 || text_is(value, TEXT("null")))
		return;
	buf_printf(out, "%-12s ", label);
	show_member(out, object, name, 0);
	buf_str(out, "\n");
}

static void show_sku(struct buf *out, struct text sku)
{
	static const char *const counts[] = {"free", "held", "sold", "stock", "price"};
	buf_str(out, "  ");
	show_member(out, sku, "id", 24);
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		buf_printf(out, " %s ", counts[i]);
		show_member(out, sku, counts[i], 8);
	}
	while (out->size && out->at[out->size - 1] == ' ')
		out->size--;
	buf_str(out, "\n");
}

void show_drop(struct buf *out, struct text drop)
{
	struct text sku;
	size_t at = 0;
	show_row(out, drop, "drop", "id");
	show_row(out, drop, "title", "title");
	show_row(out, drop, "state", "state");
	show_row(out, drop, "currency", "currency");
	show_row(out, drop, "limit", "limit_per_buyer");
	show_row(out, drop, "hold s", "hold_seconds");
	show_row(out, drop, "opens", "opens_at");
	show_row(out, drop, "closes", "closes_at");
	while (json_next(json_member(drop, "skus"), &at, &sku))
		show_sku(out, sku);
}

/* Free units over all SKUs. */
static void put_free(struct buf *out, struct text drop)
{
	struct text sku;
	size_t at = 0;
	int64_t sum = 0, free_units;
	while (json_next(json_member(drop, "skus"), &at, &sku))
		if (json_integer(json_member(sku, "free"), &free_units))
			sum += free_units;
	buf_printf(out, "%-10lld ", (long long)sum);
}

void show_drop_line(struct buf *out, struct text drop)
{
	show_member(out, drop, "id", 24);
	show_member(out, drop, "state", 10);
	put_free(out, drop);
	show_member(out, drop, "title", 0);
}

static void put_order_lines(struct buf *out, struct text order)
{
	struct text line;
	size_t at = 0;
	bool first = true;
	while (json_next(json_member(order, "lines"), &at, &line)) {
		buf_str(out, first ? "" : ", ");
		first = false;
		show_member(out, line, "quantity", 0);
		buf_str(out, " × ");
		show_member(out, line, "sku", 0);
	}
}

void show_order(struct buf *out, struct text order)
{
	show_row(out, order, "order", "id");
	show_row(out, order, "status", "status");
	show_row(out, order, "drop", "drop");
	show_row(out, order, "buyer", "buyer");
	show_row(out, order, "position", "position");
	show_row(out, order, "created", "created_at");
	show_row(out, order, "hold until", "hold_until");
	show_row(out, order, "payment", "payment_ref");
	buf_printf(out, "%-12s ", "what");
	put_order_lines(out, order);
	buf_str(out, "\n");
}

void show_order_line(struct buf *out, struct text order)
{
	show_member(out, order, "id", 15);
	show_member(out, order, "status", 9);
	show_member(out, order, "position", 8);
	show_member(out, order, "created_at", 24);
	show_member(out, order, "buyer", 24);
	put_order_lines(out, order);
}
