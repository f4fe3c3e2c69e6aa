/* rules: the rule set that verdicts follow, and the step to the newest one. */
#include <stddef.h>

#include "api/routes.h"

struct rules_body {
	int64_t rules;
};

static const struct field rules_fields[] = {
    {.name = "rules",
     .kind = FIELD_INTEGER,
     .offset = offsetof(struct rules_body, rules),
     .min = 1,
     .max = UINT32_MAX,
     .says = "The rule set to go to; without it, the newest that this server knows."},
};
const struct shape rules_shape = {
    .name = "Rules", .fields = rules_fields, .field_count = 1, .size = sizeof(struct rules_body)};

/* There is only one yet; with a second, the ledger's statistics are to say which one is in force. */
_Static_assert(RULES_KNOWN == 1, "the rule set in force is the only one there is");

static void reply_rules(struct call *call)
{
	buf_printf(call_body(call), "{\"rules\":%d,\"known\":%d}", RULES_KNOWN, RULES_KNOWN);
	call_reply(call, 200);
}

void rules_get(struct call *call)
{
	call_position(call, views_position(call->api->views));
	reply_rules(call);
}

static void rules_answered(struct call *call, struct ask *ask)
{
	if (verdict_row(ask->answer.verdict)->status < 300)
		reply_rules(call);
	else
		call_refusal(call, ask);
}

void rules_upgrade(struct call *call)
{
	struct rules_body body = {.rules = RULES_KNOWN};
	struct ask *ask = call_ask(call, ASK_RULES, rules_answered);
	if (!ask || !call_read_key(call, false, &ask->key))
		return;
	if (call->exchange->body.size && !call_read_body(call, &rules_shape, &body))
		return;
	/* Once it stands in the log, a program that does not know it must stop: so it never gets there. */
	if (body.rules > RULES_KNOWN) {
		call_refuse(call, "wrong_state", "This program does not know that rule set; a newer one does.");
		return;
	}
	ask->rules_number = (uint32_t)body.rules;
	call_submit(call);
}
