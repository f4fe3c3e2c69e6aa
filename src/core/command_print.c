/* Records for people: one line of text, or one JSON object, for `dibs log show` and `dibs log export`. */
#include "core/command.h"

#include "core/order_id.h"

const char *command_kind_name(enum command_kind kind)
{
	switch (kind) {
	case COMMAND_HELLO:
		return "hello";
	case COMMAND_TICK:
		return "tick";
	case COMMAND_CHECK:
		return "check";
	case COMMAND_RULES:
		return "rules";
	case COMMAND_COUNTS:
		return "counts";
	case COMMAND_DROP_CREATE:
		return "drop_create";
	case COMMAND_DROP_OPEN:
		return "drop_open";
	case COMMAND_DROP_PAUSE:
		return "drop_pause";
	case COMMAND_DROP_RESUME:
		return "drop_resume";
	case COMMAND_DROP_CLOSE:
		return "drop_close";
	case COMMAND_DROP_CLOSING:
		return "drop_closing";
	case COMMAND_DROP_RESTOCK:
		return "drop_restock";
	case COMMAND_DROP_ARCHIVE:
		return "drop_archive";
	case COMMAND_CLAIM:
		return "claim";
	case COMMAND_CONFIRM:
		return "confirm";
	case COMMAND_CANCEL:
		return "cancel";
	case COMMAND_KEY_CREATE:
		return "key_create";
	case COMMAND_KEY_REVOKE:
		return "key_revoke";
	}
	return "unknown";
}

const char *role_name(enum role role)
{
	static const char *const names[] = {"none", "viewer", "shop", "admin"};
	return names[role];
}

bool role_parse(struct text text, enum role *ret)
{
	for (int role = ROLE_VIEWER; role <= ROLE_ADMIN; role++) {
		if (text_is(text, text_of(role_name((enum role)role)))) {
			*ret = (enum role)role;
			return true;
		}
	}
	return false;
}

static void json_text(struct buf *out, const char *name, struct text value)
{
	buf_printf(out, ",\"%s\":", name);
	buf_json(out, value);
}

static void json_text_if(struct buf *out, const char *name, struct text value)
{
	if (value.size)
		json_text(out, name, value);
}

static void json_number(struct buf *out, const char *name, int64_t value)
{
	buf_printf(out, ",\"%s\":", name);
	buf_i64(out, value);
}

static void json_time(struct buf *out, const char *name, struct wall_ms time)
{
	char text[RFC3339_SIZE];
	if (time.ms == WALL_NEVER.ms)
		return;
	rfc3339_format(time, text);
	json_text(out, name, text_of(text));
}

static void json_spec(struct buf *out, const struct drop_spec *spec)
{
	json_text(out, "id", spec->id);
	json_text(out, "title", spec->title);
	json_text_if(out, "currency", spec->currency);
	json_number(out, "limit_per_buyer", spec->limit_per_buyer);
	json_number(out, "hold_seconds", spec->hold_seconds);
	json_number(out, "keep_seconds", spec->keep_seconds);
	json_time(out, "opens_at", spec->opens_at);
	json_time(out, "closes_at", spec->closes_at);
	buf_str(out, ",\"skus\":[");
	for (uint32_t i = 0; i < spec->sku_count; i++) {
		buf_str(out, i ? ",{\"id\":" : "{\"id\":");
		buf_json(out, spec->skus[i].id);
		json_number(out, "stock", spec->skus[i].stock);
		json_number(out, "price", spec->skus[i].price);
		buf_str(out, "}");
	}
	buf_str(out, "]");
}

static void json_claim(struct buf *out, const struct command *command)
{
	json_number(out, "drop", command->claim.drop);
	json_text(out, "buyer", command->claim.buyer);
	json_time(out, "latest", command->claim.latest);
	buf_str(out, ",\"lines\":[");
	for (uint32_t i = 0; i < command->claim.line_count; i++)
		buf_printf(out, "%s{\"sku\":%u,\"quantity\":%u}", i ? "," : "", command->claim.line[i].sku,
		           command->claim.line[i].quantity);
	buf_str(out, "]");
}

static void json_counts(struct buf *out, const struct command *command)
{
	json_number(out, "drop", command->counts.drop);
	buf_str(out, ",\"refused\":{");
	for (uint32_t i = 0; i < command->counts.count; i++)
		buf_printf(out, "%s\"%s\":%llu", i ? "," : "", verdict_row(command->counts.of[i].verdict)->code,
		           (unsigned long long)command->counts.of[i].count);
	buf_str(out, "}");
}

static void json_order(struct buf *out, const struct command *command)
{
	char id[ORDER_ID_SIZE];
	order_id_format(0, command->order.order, id);
	json_text(out, "order", (struct text){id, sizeof id});
	json_number(out, "order_sequence", (int64_t)command->order.order);
	if (command->kind == COMMAND_CONFIRM)
		json_text(out, "payment_ref", command->order.payment_ref);
}

static void json_api_key(struct buf *out, const struct command *command)
{
	json_text(out, "id", command->api_key.id);
	if (command->kind == COMMAND_KEY_REVOKE)
		return;
	json_text(out, "name", command->api_key.name);
	json_text(out, "role", text_of(role_name(command->api_key.role)));
}

static void json_fields(struct buf *out, const struct command *command)
{
	switch (command->kind) {
	case COMMAND_HELLO:
		json_text(out, "program", command->hello.program);
		break;
	case COMMAND_TICK:
		break;
	case COMMAND_CHECK:
		json_number(out, "sequence", (int64_t)command->check.sequence);
		buf_printf(out, ",\"hash\":\"%016llx\"", (unsigned long long)command->check.hash);
		break;
	case COMMAND_RULES:
		json_number(out, "number", command->rules.number);
		break;
	case COMMAND_COUNTS:
		json_counts(out, command);
		break;
	case COMMAND_DROP_CREATE:
		json_spec(out, &command->create);
		break;
	case COMMAND_DROP_RESTOCK:
		json_number(out, "drop", command->drop.drop);
		json_number(out, "sku", command->drop.sku);
		json_number(out, "quantity", command->drop.quantity);
		break;
	case COMMAND_DROP_CLOSING:
		json_number(out, "drop", command->drop.drop);
		json_time(out, "closes_at", command->drop.closes_at);
		break;
	case COMMAND_DROP_OPEN:
	case COMMAND_DROP_PAUSE:
	case COMMAND_DROP_RESUME:
	case COMMAND_DROP_CLOSE:
	case COMMAND_DROP_ARCHIVE:
		json_number(out, "drop", command->drop.drop);
		break;
	case COMMAND_CLAIM:
		json_claim(out, command);
		break;
	case COMMAND_CONFIRM:
	case COMMAND_CANCEL:
		json_order(out, command);
		break;
	case COMMAND_KEY_CREATE:
	case COMMAND_KEY_REVOKE:
		json_api_key(out, command);
		break;
	}
}

void command_print_json(struct buf *out, const struct command *command)
{
	buf_printf(out, "{\"kind\":\"%s\"", command_kind_name(command->kind));
	json_number(out, "incarnation", (int64_t)command->incarnation);
	json_number(out, "counter", (int64_t)command->counter);
	json_text_if(out, "actor", command->actor);
	json_text_if(out, "key", command->key);
	json_fields(out, command);
	buf_str(out, "}");
}

/* The text form is the JSON form with less punctuation: kind first, then name=value. */
void command_print(struct buf *out, const struct command *command)
{
	struct buf json = {0};
	size_t depth = 0;
	bool quoted = false, escaped = false;
	json_text_if(&json, "actor", command->actor);
	json_text_if(&json, "key", command->key);
	json_fields(&json, command);
	buf_printf(out, "%-12s", command_kind_name(command->kind));
	for (size_t i = 0; i < json.size; i++) {
		char c = json.at[i];
		bool ends_text = c == '"' && !escaped;
		if (ends_text)
			quoted = !quoted;
		escaped = quoted && c == '\\' && !escaped;
		if (!quoted && (c == '[' || c == '{'))
			depth++;
		if (!quoted && (c == ']' || c == '}'))
			depth--;
		if (!quoted && depth == 0 && c == ',')
			c = ' ';
		else if (!quoted && depth == 0 && c == ':')
			c = '=';
		else if (ends_text && depth == 0)
			continue;
		buf_put(out, &c, 1);
	}
	out->failed = out->failed || json.failed;
	buf_fini(&json);
}
