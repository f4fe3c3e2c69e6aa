/* token: dibs token …: a buyer token for trying things out, signed with the data directory's own secret. */
#include "api/api.h"
#include "base/time.h"
#include "cli/data_folder.h"
#include "cli/output.h"
#include "cli/subcommands.h"
#include "cli/units.h"

#define TTL_DEFAULT "1h"
#define TTL_MAX_MS (INT64_C(365) * 86400000) /* a year: longer is no token but a key */

static int expiry(const struct invocation *invocation, int64_t *ret_s, struct error *error)
{
	const char *text = invocation_option(invocation, "ttl");
	int64_t ms;
	if (!time_parse(text ? text : TTL_DEFAULT, &ms) || ms < 1000 || ms > TTL_MAX_MS)
		return error_set(error, FAULT_INVALID, "--ttl: \"%.64s\" is not a time from 1s to 365d", text);
	*ret_s = (clock_wall().ms + ms) / 1000;
	return 0;
}

/* Like an answer of an OAuth server, so that scripts know what they see. */
static void print_json(struct buf *out, struct text token, int64_t expires_s)
{
	char time[RFC3339_SIZE];
	rfc3339_format((struct wall_ms){expires_s * 1000}, time);
	buf_str(out, "{\"token\":");
	buf_json(out, token);
	buf_printf(out, ",\"expires_at\":\"%s\"}\n", time);
}

static int make(const struct invocation *invocation, struct text buyer, struct buf *token, int64_t *ret_expires_s,
                struct error *error)
{
	const struct settings *settings = &invocation->settings;
	const char *kid = invocation_option(invocation, "kid");
	char first[KID_SIZE];
	struct buf folder = {0};
	int rc = expiry(invocation, ret_expires_s, error);
	if (rc == 0 && !kid)
		rc = token_first_kid(settings, first, error);
	if (rc == 0)
		rc = token_folder(&folder, settings, error);
	if (rc == 0)
		rc = token_make(folder.at, kid ? kid : first, setting_text(settings, SETTING_TOKEN_AUDIENCE), buyer,
		                *ret_expires_s, token, error);
	buf_fini(&folder);
	return rc;
}

SUBCOMMAND(token_run)
{
	const char *buyer = invocation_option(invocation, "buyer");
	struct buf token = {0}, out = {0};
	int64_t expires_s = 0;
	if (!buyer || !text_is_visible(text_of(buyer), BUYER_SIZE_MAX))
		return error_set(error, FAULT_INVALID, "--buyer: 1 to %d visible characters", BUYER_SIZE_MAX);
	int rc = make(invocation, text_of(buyer), &token, &expires_s, error);
	if (rc == 0 && invocation->json)
		print_json(&out, buf_as_text(&token), expires_s);
	else if (rc == 0)
		buf_printf(&out, "%.*s\n", (int)token.size, token.at);
	buf_fini(&token);
	if (rc == 0)
		return output_end(&out);
	buf_fini(&out);
	return rc;
}
