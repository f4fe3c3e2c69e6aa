#include "cli/starting.h"

static const char problem_lines[] = "Content-Type: application/problem+json\r\nCache-Control: no-store\r\n";
static const char plain_lines[] = "Content-Type: text/plain\r\nCache-Control: no-store\r\n";

static void put_problem(struct buf *body, int status, const char *code, const char *detail)
{
	buf_printf(body, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"code\":\"%s\",\"detail\":", code,
	           status, code);
	buf_json(body, text_of(detail));
	buf_str(body, "}");
}

void starting_handle(struct exchange *exchange)
{
	struct buf lines = {0}, body = {0};
	int status = 503;
	if (text_is(exchange->path, TEXT("/livez"))) {
		status = 200;
		buf_str(&lines, plain_lines);
		buf_str(&body, "alive\n");
	} else {
		buf_str(&lines, problem_lines);
		buf_str(&lines, "Retry-After: 1\r\n");
		put_problem(&body, status, "overloaded", "The server is starting: it folds its log.");
	}
	exchange_reply(exchange, status, buf_as_text(&lines), buf_as_text(&body));
	buf_fini(&lines);
	buf_fini(&body);
}

void starting_refuse(int status, const char *code, const char *detail, struct buf *header_lines, struct buf *body)
{
	buf_str(header_lines, problem_lines);
	put_problem(body, status, code, detail);
}
