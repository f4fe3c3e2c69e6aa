/* key: dibs key …: API keys, over HTTP. */
#include "cli/asking.h"
#include "cli/json_view.h"
#include "cli/subcommands.h"
#include "core/command.h"

/* The key's text alone, so that `dibs key create … > file` is all there is to it. */
static void show_key_text(struct buf *out, struct text key)
{
	json_show(out, json_member(key, "key"));
	buf_str(out, "\n");
}

SUBCOMMAND(key_create_run)
{
	const char *role_text = invocation_option(invocation, "role"), *name = invocation_option(invocation, "name");
	struct buf body = {0};
	char key[IDEMPOTENCY_KEY_SIZE];
	enum role role;
	if (!role_text || !role_parse(text_of(role_text), &role))
		return error_set(error, FAULT_INVALID, "--role: one of admin, shop, viewer");
	idempotency_key_make(key);
	body_begin(&body);
	body_text(&body, "role", text_of(role_text));
	body_text(&body, "name", text_of(name ? name : role_text));
	body_end(&body);
	struct request request = {
	    .method = "POST", .path = "/v1/keys", .body = buf_as_text(&body), .idempotency_key = key};
	int rc = ask_and_print(invocation, &request, show_key_text, error);
	buf_fini(&body);
	return rc;
}

static void show_key_line(struct buf *out, struct text key)
{
	show_member(out, key, "id", 24);
	show_member(out, key, "role", 7);
	show_member(out, key, "created_at", 24);
	show_member(out, key, "revoked", 8);
	show_member(out, key, "name", 0);
}

SUBCOMMAND(key_list_run)
{
	return ask_list(invocation, NULL, "/v1/keys", "keys",
	                "KEY                      ROLE    CREATED                  REVOKED  NAME\n", show_key_line,
	                error);
}

SUBCOMMAND(key_revoke_run)
{
	struct buf path = {0};
	buf_str(&path, "/v1/keys/");
	path_put(&path, invocation->word[0]);
	buf_put(&path, "", 1);
	struct request request = {.method = "DELETE", .path = path.at};
	int rc = ask_and_print(invocation, &request, NULL, error);
	buf_fini(&path);
	return rc;
}
