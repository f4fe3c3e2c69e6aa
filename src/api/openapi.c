/* openapi: the description of the interface, made from the table that the router routes by and the shapes that bodies
 * are read by; so it cannot differ from what is served. What answers look like stands here, beside render.c.
 */
#include <stdio.h>

#include "api/routes.h"

/* What any route may answer: bounds of net, and a server that has too much to do. */
#define COMMON_PROBLEMS \
	"malformed timeout too_large uri_too_long expectation_failed headers_too_large not_supported overloaded " \
	"version_not_supported"
#define CREDENTIAL_PROBLEMS "unauthorized forbidden"

/* ---- answers ---- */

#define ID "{\"type\":\"string\",\"pattern\":\"^[a-z0-9][a-z0-9._-]{0,63}$\"}"
#define TIME "{\"type\":\"string\",\"format\":\"date-time\"}"
#define TIME_OR_NULL "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"
#define COUNT "{\"type\":\"integer\",\"minimum\":0}"
#define COUNTS "{\"type\":\"object\",\"additionalProperties\":" COUNT "}"
#define REF(name) "{\"$ref\":\"#/components/schemas/" name "\"}"
#define OBJECT(required, properties) "{\"type\":\"object\",\"required\":[" required "],\"properties\":{" properties "}}"
#define LIST(of) "{\"type\":\"array\",\"items\":" of "}"

static const struct {
	const char *name, *schema;
} answers[] = {
    {"OrderId", "{\"type\":\"string\",\"pattern\":\"^o_[0-9A-HJKMNP-TV-Z]{13}$\"}"},
    {"Line", OBJECT("\"sku\",\"quantity\"",
                    "\"sku\":" ID ",\"quantity\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":2147483647}")},
    {"Order",
     OBJECT("\"id\",\"drop\",\"buyer\",\"status\",\"lines\",\"created_at\",\"hold_until\",\"ended_at\",\"position\"",
            "\"id\":" REF("OrderId") ",\"drop\":" ID ",\"buyer\":{\"type\":\"string\",\"maxLength\":64},"
                                     "\"status\":{\"enum\":[\"pending\",\"completed\",\"canceled\",\"expired\"]},"
                                     "\"lines\":" LIST(
					 REF("Line")) ",\"created_at\":" TIME ",\"hold_until\":" TIME_OR_NULL
                                                      ",\"ended_at\":" TIME_OR_NULL
                                                      ",\"position\":{\"type\":\"integer\",\"minimum\":1,"
                                                      "\"description\":\"Its place in the drop's order of grants.\"}")},
    {"Orders", OBJECT("\"orders\",\"as_of\"",
                      "\"orders\":" LIST(REF("Order")) ",\"next\":{\"type\":\"string\","
                                                       "\"description\":\"The next page's cursor.\"},\"as_of\":" TIME)},
    {"Sku", OBJECT("\"id\",\"price\",\"stock\",\"free\",\"held\",\"sold\"",
                   "\"id\":" ID ",\"price\":" COUNT ",\"stock\":" COUNT ",\"free\":" COUNT ",\"held\":" COUNT
                   ",\"sold\":" COUNT)},
    {"Drop",
     OBJECT("\"id\",\"title\",\"state\",\"currency\",\"limit_per_buyer\",\"hold_seconds\",\"keep_seconds\","
            "\"always_on\",\"opens_at\",\"closes_at\",\"created_at\",\"granted\",\"sku_count\",\"server_time\"",
            "\"id\":" ID ",\"title\":{\"type\":\"string\"},"
            "\"state\":{\"enum\":[\"scheduled\",\"open\",\"paused\",\"closed\",\"archived\"]},"
            "\"currency\":{\"type\":[\"string\",\"null\"]},\"limit_per_buyer\":{\"type\":[\"integer\",\"null\"]},"
            "\"hold_seconds\":" COUNT ",\"keep_seconds\":" COUNT ",\"always_on\":{\"type\":\"boolean\"},"
            "\"opens_at\":" TIME_OR_NULL ",\"closes_at\":" TIME_OR_NULL ",\"created_at\":" TIME ",\"granted\":" COUNT
            ",\"sku_count\":" COUNT ",\"skus\":" LIST(REF("Sku")) ",\"server_time\":" TIME)},
    {"Drops", OBJECT("\"drops\",\"server_time\"", "\"drops\":" LIST(REF("Drop")) ",\"next\":{\"type\":\"string\"},"
                                                                                 "\"server_time\":" TIME)},
    {"Second", OBJECT("\"time\",\"granted\",\"completed\",\"canceled\",\"expired\",\"refused\"",
                      "\"time\":" TIME ",\"granted\":" COUNT ",\"completed\":" COUNT ",\"canceled\":" COUNT
                      ",\"expired\":" COUNT ",\"refused\":" COUNTS)},
    {"Stats",
     OBJECT("\"drop\",\"state\",\"granted\",\"refused\",\"requests\",\"stock\",\"held\",\"sold\",\"free\",\"as_of\","
            "\"series\"",
            "\"drop\":" ID ",\"state\":{\"type\":\"string\"},\"granted\":" COUNT ",\"refused\":" COUNTS
            ",\"requests\":" COUNT ",\"stock\":" COUNT ",\"held\":" COUNT ",\"sold\":" COUNT ",\"free\":" COUNT
            ",\"as_of\":" TIME ",\"series\":" LIST(REF("Second")))},
    {"Key", OBJECT("\"id\",\"role\",\"name\",\"created_at\",\"revoked\"",
                   "\"id\":" ID ",\"role\":{\"enum\":[\"admin\",\"shop\",\"viewer\"]},"
                   "\"name\":{\"type\":\"string\"},\"key\":{\"type\":\"string\","
                   "\"description\":\"Its text: in the answer to its making, and never again.\"},"
                   "\"created_at\":" TIME ",\"revoked\":{\"type\":\"boolean\"}")},
    {"Keys", OBJECT("\"keys\"", "\"keys\":" LIST(REF("Key")))},
    {"RuleSets", OBJECT("\"rules\",\"known\"", "\"rules\":" COUNT ",\"known\":" COUNT)},
    {"Status", OBJECT("\"status\"", "\"status\":{\"type\":\"string\"},\"version\":{\"type\":\"string\"}")},
    {"Description", "{\"type\":\"object\"}"},
};

/* ---- shapes ---- */

static void put_bounds(struct buf *out, const struct field *field, const char *least, const char *most)
{
	buf_printf(out, ",\"%s\":%lld,\"%s\":%lld", least, (long long)field->min, most, (long long)field->max);
}

static void put_type(struct buf *out, const struct field *field, const char *type)
{
	if (field->nullable)
		buf_printf(out, "{\"type\":[\"%s\",\"null\"]", type);
	else
		buf_printf(out, "{\"type\":\"%s\"", type);
}

static void put_text_type(struct buf *out, const struct field *field)
{
	put_type(out, field, "string");
	put_bounds(out, field, "minLength", "maxLength");
	if (field->pattern) {
		buf_str(out, ",\"pattern\":\"^(");
		for (const char *c = field->pattern; *c; c++)
			buf_put(out, *c == '\\' ? "\\\\" : c, *c == '\\' ? 2 : 1);
		buf_str(out, ")$\"");
	}
}

static void put_field_type(struct buf *out, const struct field *field)
{
	switch (field->kind) {
	case FIELD_TEXT:
		put_text_type(out, field);
		break;
	case FIELD_INTEGER:
		put_type(out, field, "integer");
		put_bounds(out, field, "minimum", "maximum");
		break;
	case FIELD_TIME:
		put_type(out, field, "string");
		buf_str(out, ",\"format\":\"date-time\"");
		break;
	case FIELD_BOOL:
		put_type(out, field, "boolean");
		break;
	case FIELD_LIST:
		put_type(out, field, "array");
		put_bounds(out, field, "minItems", "maxItems");
		buf_printf(out, ",\"items\":{\"$ref\":\"#/components/schemas/%s\"}", field->of->name);
		break;
	case FIELD_TEXTS:
	case FIELD_NEVER: /* of tokens, not of bodies */
		buf_str(out, "{\"not\":{}");
		break;
	}
}

static void put_field(struct buf *out, const struct field *field)
{
	buf_printf(out, "\"%s\":", field->name);
	put_field_type(out, field);
	if (field->preset)
		buf_printf(out, ",\"default\":%s", field->preset);
	if (field->says) {
		buf_str(out, ",\"description\":");
		buf_json(out, text_of(field->says));
	}
	buf_str(out, "}");
}

static void put_required(struct buf *out, const struct shape *shape)
{
	const char *comma = "";
	buf_str(out, ",\"required\":[");
	for (size_t i = 0; i < shape->field_count; i++)
		if (shape->fields[i].required) {
			buf_printf(out, "%s\"%s\"", comma, shape->fields[i].name);
			comma = ",";
		}
	buf_str(out, "]");
}

/* The shape, and first those of its lists. */
static void put_shape(struct buf *out, const struct shape *shape)
{
	for (size_t i = 0; i < shape->field_count; i++)
		if (shape->fields[i].kind == FIELD_LIST)
			put_shape(out, shape->fields[i].of);
	buf_printf(out, ",\"%s\":{\"type\":\"object\",\"additionalProperties\":false", shape->name);
	put_required(out, shape);
	buf_str(out, ",\"properties\":{");
	for (size_t i = 0; i < shape->field_count; i++) {
		if (i)
			buf_str(out, ",");
		put_field(out, &shape->fields[i]);
	}
	buf_str(out, "}}");
}

static bool shape_stood_before(uint32_t route)
{
	for (uint32_t i = 0; i < route; i++)
		if (api_routes[i].body == api_routes[route].body)
			return true;
	return false;
}

/* ---- problems ---- */

/* Does the list of words between blanks have this one? */
static bool has_word(const char *words, const char *word)
{
	size_t size = strlen(word);
	for (const char *at = words; (at = strstr(at, word)); at += size) {
		bool begins = at == words || at[-1] == ' ';
		if (begins && (at[size] == ' ' || at[size] == 0))
			return true;
	}
	return false;
}

static bool route_may_answer(const struct api_route *route, const char *code)
{
	return has_word(COMMON_PROBLEMS, code) || has_word(route->problems, code) ||
	       (route->may && has_word(CREDENTIAL_PROBLEMS, code)) ||
	       ((route->takes_key || route->body) && has_word("invalid", code));
}

static void put_problem(struct buf *out, const struct api_route *route, int status)
{
	const struct problem_row *rows;
	uint32_t count = problem_rows(&rows);
	const char *comma = "";
	for (uint32_t i = 0; i < count; i++) {
		if (rows[i].status != status || !route_may_answer(route, rows[i].code))
			continue;
		if (*comma == 0)
			buf_printf(out, ",\"%d\":{\"description\":\"", status);
		buf_printf(out, "%s`%s`: %s", comma, rows[i].code, rows[i].title);
		comma = "; ";
	}
	if (*comma)
		buf_str(out, "\",\"content\":{\"application/problem+json\":{\"schema\":" REF("Problem") "}}}");
}

static void put_problem_schema(struct buf *out)
{
	const struct problem_row *rows;
	uint32_t count = problem_rows(&rows);
	buf_str(out,
	        ",\"Problem\":{\"type\":\"object\",\"required\":[\"type\",\"title\",\"status\",\"code\",\"detail\"],"
	        "\"properties\":{\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},"
	        "\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},"
	        "\"field\":{\"type\":\"string\"},\"order\":" REF(
		    "OrderId") ",\"sku\":" ID ",\"setting\":{\"type\":\"string\"},\"opens_at\":" TIME
	                       ",\"request_id\":{\"type\":\"string\"},\"code\":{\"enum\":[");
	for (uint32_t i = 0; i < count; i++)
		buf_printf(out, "%s\"%s\"", i ? "," : "", rows[i].code);
	buf_str(out, "]}}}");
}

/* ---- operations ---- */

#define INTEGER_TO(most) "{\"type\":\"integer\",\"minimum\":1,\"maximum\":" #most "}"

/* What a parameter looks like, by its name; "limit" of statistics is one of seconds. */
static const struct {
	const char *route, *name, *schema; /* route NULL: any */
} parameters[] = {
    {NULL, "drop", ID},
    {NULL, "key", ID},
    {NULL, "order", REF("OrderId")},
    {NULL, "buyer", "{\"type\":\"string\",\"pattern\":\"^[!-~]{1,64}$\"}"},
    {"get_stats", "limit", INTEGER_TO(3600)},
    {NULL, "limit", INTEGER_TO(1000)},
    {NULL, "from", TIME},
    {NULL, "status", "{\"enum\":[\"pending\",\"completed\",\"canceled\",\"expired\"]}"},
    {NULL, "cursor", "{\"type\":\"string\",\"minLength\":1,\"maxLength\":64}"},
    {NULL, "Idempotency-Key",
     "{\"type\":\"string\",\"pattern\":\"^([!#-~][!-~]{0,63}|\\\"[!#-\\\\[\\\\]-~]{1,64}\\\")$\"}"},
    {NULL, "Dibs-Position", "{\"type\":\"string\",\"pattern\":\"^[0-9]{1,3}-[0-9]{1,20}$\"}"},
};

static const char *parameter_schema(const struct api_route *route, const char *name, size_t size)
{
	for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
		bool here = !parameters[i].route || strcmp(parameters[i].route, route->name) == 0;
		if (here && strlen(parameters[i].name) == size && memcmp(parameters[i].name, name, size) == 0)
			return parameters[i].schema;
	}
	return "{\"type\":\"string\"}";
}

static void put_header_parameter(struct buf *out, const char **comma, const struct api_route *route, const char *name,
                                 bool required, const char *says)
{
	buf_printf(out,
	           "%s{\"name\":\"%s\",\"in\":\"header\",\"required\":%s,\"schema\":%s,"
	           "\"description\":\"%s\"}",
	           *comma, name, required ? "true" : "false", parameter_schema(route, name, strlen(name)), says);
	*comma = ",";
}

static void put_path_parameters(struct buf *out, const char **comma, const struct api_route *route)
{
	for (const char *at = route->route.pattern; (at = strchr(at, '{')); at++) {
		size_t size = strcspn(at + 1, "}");
		buf_printf(out, "%s{\"name\":\"%.*s\",\"in\":\"path\",\"required\":true,\"schema\":%s}", *comma,
		           (int)size, at + 1, parameter_schema(route, at + 1, size));
		*comma = ",";
	}
}

static void put_parameters(struct buf *out, const struct api_route *route)
{
	const char *comma = "";
	buf_str(out, ",\"parameters\":[");
	put_path_parameters(out, &comma, route);
	for (uint32_t i = 0; route->query && route->query[i]; i++) {
		const char *name = route->query[i];
		buf_printf(out, "%s{\"name\":\"%s\",\"in\":\"query\",\"schema\":%s}", comma, name,
		           parameter_schema(route, name, strlen(name)));
		comma = ",";
	}
	if (route->takes_key)
		put_header_parameter(out, &comma, route, "Idempotency-Key", route->needs_key,
		                     "1 to 64 visible bytes, quoted or bare: the same key gets the same answer.");
	/* Keys and rule sets come from the ledger itself, which is never behind. */
	bool from_a_copy = strchr(route->route.pattern, '{') || route->query;
	if (route->route.method == METHOD_GET && from_a_copy)
		put_header_parameter(out, &comma, route, "Dibs-Position", false,
		                     "The position of an earlier answer: this one will not be older.");
	buf_str(out, "]");
}

static void put_done(struct buf *out, const struct api_route *route)
{
	const char *comma = "";
	for (const char *at = route->done; *at; at += strcspn(at, " "), at += strspn(at, " ")) {
		int status = (at[0] - '0') * 100 + (at[1] - '0') * 10 + (at[2] - '0');
		buf_printf(out, "%s\"%d\":{\"description\":\"%s\"", comma, status,
		           status == 304 ? "Not modified" : route->says);
		if (route->answer && status != 304)
			buf_printf(out,
			           ",\"content\":{\"application/json\":{\"schema\":{\"$ref\":"
			           "\"#/components/schemas/%s\"}}}",
			           route->answer);
		buf_str(out, "}");
		comma = ",";
	}
}

static void put_security(struct buf *out, uint32_t may)
{
	const char *comma = "";
	buf_str(out, ",\"security\":[");
	if (may & MAY_BUYER) {
		buf_str(out, "{\"buyer\":[]}");
		comma = ",";
	}
	if (may & ~(uint32_t)MAY_BUYER)
		buf_printf(out, "%s{\"key\":[]}", comma);
	buf_str(out, "]");
}

static void put_roles(struct buf *out, uint32_t may)
{
	static const char *const names[] = {"", "buyer", "viewer", "shop", "admin"};
	const char *comma = "";
	buf_str(out, ",\"x-roles\":[");
	for (unsigned caller = CALLER_BUYER; caller <= CALLER_ADMIN; caller++)
		if (may & 1u << caller) {
			buf_printf(out, "%s\"%s\"", comma, names[caller]);
			comma = ",";
		}
	buf_str(out, "]");
}

static void put_operation(struct buf *out, const struct api_route *route)
{
	char method[8] = "";
	const char *upper = method_text(route->route.method);
	for (size_t i = 0; upper[i] && i + 1 < sizeof method; i++)
		method[i] = (char)(upper[i] - 'A' + 'a');
	buf_printf(out, "\"%s\":{\"operationId\":\"%s\",\"summary\":\"%s\"", method, route->name, route->says);
	put_parameters(out, route);
	put_security(out, route->may);
	put_roles(out, route->may);
	if (route->body)
		buf_printf(out,
		           ",\"requestBody\":{\"required\":%s,\"content\":{\"application/json\":{\"schema\":{\"$ref\":"
		           "\"#/components/schemas/%s\"}}}}",
		           route->body_optional ? "false" : "true", route->body->name);
	buf_str(out, ",\"responses\":{");
	put_done(out, route);
	for (int status = 400; status < 600; status++)
		put_problem(out, route, status);
	buf_str(out, "}}");
}

static bool path_stood_before(uint32_t route)
{
	for (uint32_t i = 0; i < route; i++)
		if (strcmp(api_routes[i].route.pattern, api_routes[route].route.pattern) == 0)
			return true;
	return false;
}

static void put_path(struct buf *out, uint32_t first)
{
	const char *pattern = api_routes[first].route.pattern, *comma = "";
	buf_printf(out, "%s\"%s\":{", first ? "," : "", pattern);
	for (uint32_t i = first; i < api_route_count; i++)
		if (strcmp(api_routes[i].route.pattern, pattern) == 0) {
			buf_str(out, comma);
			put_operation(out, &api_routes[i]);
			comma = ",";
		}
	buf_str(out, "}");
}

static void put_schemas(struct buf *out)
{
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
		buf_printf(out, "%s\"%s\":%s", i ? "," : "", answers[i].name, answers[i].schema);
	put_problem_schema(out);
	for (uint32_t i = 0; i < api_route_count; i++)
		if (api_routes[i].body && !shape_stood_before(i))
			put_shape(out, api_routes[i].body);
}

void api_openapi(struct buf *out)
{
	buf_str(out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"dibs\",\"version\":\"" DIBS_VERSION
	             "\",\"description\":\"Limited stock, first come, first served.\"},\"paths\":{");
	for (uint32_t i = 0; i < api_route_count; i++)
		if (!path_stood_before(i))
			put_path(out, i);
	buf_str(out, "},\"components\":{\"securitySchemes\":{"
	             "\"buyer\":{\"type\":\"http\",\"scheme\":\"bearer\",\"bearerFormat\":\"JWT\"},"
	             "\"key\":{\"type\":\"http\",\"scheme\":\"bearer\",\"bearerFormat\":\"dibs_<role>_<random>\"}},"
	             "\"schemas\":{");
	put_schemas(out);
	buf_str(out, "}}}\n");
}

void openapi_page(struct call *call)
{
	call_reply_as(call, 200, "application/json", buf_as_text(&call->api->description));
}
