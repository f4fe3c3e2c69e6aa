/* health: is the process alive; may it be sent requests. */
#include "api/routes.h"

void livez(struct call *call)
{
	call_header(call, "Cache-Control", TEXT("no-store"));
	buf_str(call_body(call), "{\"status\":\"alive\"}");
	call_reply(call, 200);
}

static const char *why_not_ready(const struct api *api)
{
	struct error error;
	if (atomic_load(&api->draining) || (api->options.net && net_is_draining(api->options.net)))
		return "The server is stopping.";
	if (log_failed(api->options.log, &error))
		return "The log has failed.";
	if (!ledger_ready(api->options.ledger))
		return "The ledger has not caught up yet.";
	return NULL;
}

void readyz(struct call *call)
{
	const char *why = why_not_ready(call->api);
	if (why) {
		call_refuse(call, "not_ready", why);
		return;
	}
	call_header(call, "Cache-Control", TEXT("no-store"));
	buf_printf(call_body(call), "{\"status\":\"ready\",\"version\":\"%s\"}",
	           call->api->options.version ? call->api->options.version : DIBS_VERSION);
	call_reply(call, 200);
}
