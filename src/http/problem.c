#include "http/problem.h"

#include "base/must.h"

static const struct problem_row rows[] = {
#define P(code, status, title) {#code, status, title},
#include "http/problem.def"
#undef P
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static const struct problem_row *row_find(const char *code)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (strcmp(rows[i].code, code) == 0)
			return &rows[i];
	return NULL;
}

const struct problem_row *problem_row(const char *code)
{
	const struct problem_row *row = row_find(code);
	must(row);
	return row;
}

bool problem_code_is_known(const char *code)
{
	return row_find(code) != NULL;
}

uint32_t problem_rows(const struct problem_row **ret)
{
	*ret = rows;
	return ROW_COUNT;
}

const char *problem_code_of_status(int status)
{
	if (status == 503)
		return "overloaded";
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (rows[i].status == status)
			return rows[i].code;
	return status < 500 ? "malformed" : "internal";
}

int problem_status(const struct problem *problem)
{
	return problem->status ? problem->status : problem_row(problem->code)->status;
}

static void put_member(struct buf *body, const char *name, struct text value)
{
	if (value.size == 0)
		return;
	buf_printf(body, ",\"%s\":", name);
	buf_json(body, value);
}

static void put_time(struct buf *body, const char *name, struct wall_ms time)
{
	char text[RFC3339_SIZE];
	rfc3339_format(time, text);
	buf_printf(body, ",\"%s\":\"%s\"", name, text);
}

static void put_headers(const struct problem *problem, int status, struct text request_id, struct buf *lines)
{
	uint32_t retry_after_s = problem->retry_after_s;
	buf_str(lines, "Content-Type: application/problem+json\r\nCache-Control: no-store\r\n");
	if (retry_after_s == 0 && (status == 503 || status == 429))
		retry_after_s = RETRY_AFTER_DEFAULT_S;
	if (retry_after_s)
		buf_printf(lines, "Retry-After: %u\r\n", retry_after_s);
	if (status == 401)
		buf_str(lines, "WWW-Authenticate: Bearer\r\n");
	if (request_id.size) {
		buf_str(lines, "X-Request-Id: ");
		buf_text(lines, request_id);
		buf_str(lines, "\r\n");
	}
}

void problem_write(const struct problem *problem, struct text request_id, struct buf *header_lines, struct buf *body)
{
	const struct problem_row *row = problem_row(problem->code);
	int status = problem_status(problem);
	put_headers(problem, status, request_id, header_lines);
	buf_str(body, "{\"type\":\"urn:dibs:problem:");
	buf_str(body, row->code);
	buf_str(body, "\",\"title\":\"");
	buf_str(body, row->title);
	buf_str(body, "\",\"status\":");
	buf_i64(body, status);
	buf_str(body, ",\"code\":\"");
	buf_str(body, row->code);
	buf_str(body, "\",\"detail\":");
	buf_json(body, text_of(problem->detail ? problem->detail : row->title));
	put_member(body, "field", problem->field);
	put_member(body, "order", problem->order);
	put_member(body, "sku", problem->sku);
	put_member(body, "setting", problem->setting);
	if (problem->has_opens_at)
		put_time(body, "opens_at", problem->opens_at);
	put_member(body, "request_id", request_id);
	buf_str(body, "}\n");
}
