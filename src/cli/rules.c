/* rules: dibs rules …: the rule set that verdicts follow, over HTTP. */
#include "cli/asking.h"
#include "cli/json_view.h"
#include "cli/subcommands.h"

static void show_rules(struct buf *out, struct text rules)
{
	buf_str(out, "verdicts follow rule set ");
	show_member(out, rules, "rules", 0);
	buf_str(out, "; this server knows them up to ");
	show_member(out, rules, "known", 0);
	buf_str(out, "\n");
}

SUBCOMMAND(rules_show_run)
{
	struct request request = {.method = "GET", .path = "/v1/rules"};
	return ask_and_print(invocation, &request, show_rules, error);
}

SUBCOMMAND(rules_upgrade_run)
{
	struct request request = {.method = "POST", .path = "/v1/rules"};
	char key[IDEMPOTENCY_KEY_SIZE];
	idempotency_key_make(key);
	request.idempotency_key = key;
	return ask_and_print(invocation, &request, show_rules, error);
}
