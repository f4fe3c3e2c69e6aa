/* A body of a request: a byte that says of which route, then JSON, as it should be.
 *
 *   - what is read is within the bounds of its fields; what is refused names a code, a sentence and, at most, a field, and
 *     makes a problem document that is JSON;
 *   - written out again from the struct, it reads the same (a second way round through the parser);
 *   - what the quick reader of claims takes, the strict one takes, with the same result;
 *   - what founds a drop by the API makes a record that the log takes.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "api/claim_plain.h"
#include "api/routes.h"
#include "core/command.h"
#include "http/problem.h"

#define TAKEN_MAX 1024 /* blocks; then there is no memory */

/* What was handed out in this run, each a block of its own, so that writing beyond one is seen. */
static struct {
	void *of[TAKEN_MAX];
	unsigned count;
} taken;

static void *take(void *context, size_t size)
{
	if (taken.count == sizeof taken.of / sizeof taken.of[0])
		return NULL;
	void *at = calloc(1, size);
	taken.of[taken.count] = at;
	taken.count += at != NULL;
	return at;
}

static const struct shape_memory memory = {take, NULL};

static void give_back(void)
{
	while (taken.count)
		free(taken.of[--taken.count]);
}

/* The shapes of all routes, each once. */
static const struct shape *shape_of(uint8_t number)
{
	static const struct shape *shapes[ROUTES_MAX];
	static uint32_t count;
	if (count == 0)
		for (uint32_t i = 0; i < api_route_count; i++) {
			uint32_t at = 0;
			while (at < count && shapes[at] != api_routes[i].body)
				at++;
			if (api_routes[i].body && at == count)
				shapes[count++] = api_routes[i].body;
		}
	return shapes[number % count];
}

/* ---- is what was read within its bounds? and written out again ---- */

static void write_object(struct buf *out, const struct shape *shape, const void *from);

static void write_time(struct buf *out, struct wall_ms time)
{
	char text[RFC3339_SIZE + 1];
	size_t size = rfc3339_format(time, text);
	buf_json(out, (struct text){text, size});
}

static void write_list(struct buf *out, const struct field *field, const struct shape_list *list)
{
	must(list->count >= field->min && list->count <= field->max);
	buf_str(out, "[");
	for (uint32_t i = 0; i < list->count; i++) {
		if (i)
			buf_str(out, ",");
		write_object(out, field->of, (const char *)list->at + i * field->of->size);
	}
	buf_str(out, "]");
}

static void check_text(const struct field *field, struct text text)
{
	must((int64_t)text.size >= field->min && (int64_t)text.size <= field->max);
	must(text_is_utf8(text) && !memchr(text.at, 0, text.size));
	must(!field->is || field->is(text));
}

static void write_value(struct buf *out, const struct field *field, const void *at)
{
	switch (field->kind) {
	case FIELD_TEXT:
		check_text(field, *(const struct text *)at);
		buf_json(out, *(const struct text *)at);
		break;
	case FIELD_INTEGER:
		must(*(const int64_t *)at >= field->min && *(const int64_t *)at <= field->max);
		buf_i64(out, *(const int64_t *)at);
		break;
	case FIELD_TIME:
		write_time(out, *(const struct wall_ms *)at);
		break;
	case FIELD_BOOL:
		buf_str(out, *(const bool *)at ? "true" : "false");
		break;
	default:
		write_list(out, field, at);
	}
}

/* Was it there? What is absent leaves the zeros, which no value that was read can be mistaken for in what matters here:
 * texts and lists have an address, and an integer whose least is above zero is not zero. */
static bool is_there(const struct field *field, const void *at)
{
	switch (field->kind) {
	case FIELD_TEXT:
		return ((const struct text *)at)->at != NULL;
	case FIELD_INTEGER:
		return *(const int64_t *)at != 0 || field->required;
	case FIELD_TIME:
		return ((const struct wall_ms *)at)->ms != 0 || (field->required && !field->nullable);
	case FIELD_BOOL:
		return *(const bool *)at;
	default:
		return ((const struct shape_list *)at)->at != NULL;
	}
}

static void write_object(struct buf *out, const struct shape *shape, const void *from)
{
	const char *comma = "";
	buf_str(out, "{");
	for (size_t i = 0; i < shape->field_count; i++) {
		const struct field *field = &shape->fields[i];
		const void *at = (const char *)from + field->offset;
		if (!is_there(field, at) && !(field->required && field->nullable))
			continue;
		buf_str(out, comma);
		buf_json(out, text_of(field->name));
		buf_str(out, ":");
		if (is_there(field, at))
			write_value(out, field, at);
		else
			buf_str(out, "null");
		comma = ",";
	}
	buf_str(out, "}");
}

static void read_again(const struct shape *shape, const void *from)
{
	static struct buf first, second;
	_Alignas(16) char into[256] = {0};
	struct shape_fault fault;
	buf_clear(&first);
	buf_clear(&second);
	write_object(&first, shape, from);
	must(!first.failed && shape->size <= sizeof into);
	if (!shape_read(shape, buf_as_text(&first), &memory, into, &fault)) {
		must(fault.status == 503);
		return;
	}
	write_object(&second, shape, into);
	must(text_is(buf_as_text(&first), buf_as_text(&second)));
}

/* ---- refusals ---- */

static void refused(const struct shape_fault *fault)
{
	static struct buf lines, body;
	struct problem problem = {
	    .code = fault->code, .status = fault->status, .detail = fault->detail, .field = text_of(fault->field)};
	must(fault->status == 400 || fault->status == 503);
	must(problem_code_is_known(fault->code) && fault->detail[0]);
	buf_clear(&lines);
	buf_clear(&body);
	problem_write(&problem, TEXT("r"), &lines, &body);
	must(!body.failed && text_is_utf8(buf_as_text(&body)) && json_is_document(buf_as_text(&body)));
}

/* ---- the quick reader ---- */

static void compare_quick(struct text body, const void *strict)
{
	struct text sku, strict_sku;
	int64_t quantity, strict_quantity;
	if (!claim_plain_read(body, &sku, &quantity))
		return;
	must(strict);
	memcpy(&strict_sku, (const char *)strict + claim_shape.fields[0].offset, sizeof strict_sku);
	memcpy(&strict_quantity, (const char *)strict + claim_shape.fields[1].offset, sizeof strict_quantity);
	must(text_is(sku, strict_sku) && quantity == strict_quantity);
}

/* ---- founding ---- */

static const void *field_at(const struct shape *shape, const void *from, const char *name)
{
	for (size_t i = 0; i < shape->field_count; i++)
		if (strcmp(shape->fields[i].name, name) == 0)
			return (const char *)from + shape->fields[i].offset;
	must(!"a field of that name");
	return NULL;
}

static void found(const void *from)
{
	static uint8_t record[1 << 20];
	static struct command_scratch scratch, again;
	const struct shape *shape = &drop_shape, *sku_shape = NULL;
	const struct shape_list *list = field_at(shape, from, "skus");
	struct command command = {.kind = COMMAND_DROP_CREATE}, decoded;
	struct error error = {0};
	for (size_t i = 0; i < shape->field_count; i++)
		if (shape->fields[i].kind == FIELD_LIST)
			sku_shape = shape->fields[i].of;
	if (list->count > SKUS_MAX)
		return;
	command.create = (struct drop_spec){
	    .id = TEXT("d"),
	    .title = *(const struct text *)field_at(shape, from, "title"),
	    .currency = *(const struct text *)field_at(shape, from, "currency"),
	    .limit_per_buyer = (uint32_t) * (const int64_t *)field_at(shape, from, "limit_per_buyer"),
	    .hold_seconds = (uint32_t) * (const int64_t *)field_at(shape, from, "hold_seconds"),
	    .keep_seconds = (uint32_t) * (const int64_t *)field_at(shape, from, "keep_seconds"),
	    .opens_at = *(const struct wall_ms *)field_at(shape, from, "opens_at"),
	    .closes_at = *(const struct wall_ms *)field_at(shape, from, "closes_at"),
	    .sku_count = list->count,
	    .skus = scratch.skus};
	if (command.create.keep_seconds == 0)
		command.create.keep_seconds = KEEP_SECONDS_DEFAULT;
	for (uint32_t i = 0; i < list->count; i++) {
		const void *sku = (const char *)list->at + i * sku_shape->size;
		scratch.skus[i].id = *(const struct text *)field_at(sku_shape, sku, "id");
		scratch.skus[i].stock = (uint32_t) * (const int64_t *)field_at(sku_shape, sku, "stock");
		scratch.skus[i].price = *(const int64_t *)field_at(sku_shape, sku, "price");
	}
	int size = command_encode(&command, record, sizeof record);
	must(size > 0 && command_decode(record, (size_t)size, &again, &decoded, &error) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	_Alignas(16) char into[256] = {0};
	struct shape_fault fault = {0};
	if (size == 0)
		return 0;
	const struct shape *shape = shape_of(bytes[0]);
	struct text body = {(const char *)bytes + 1, size - 1};
	must(shape->size <= sizeof into);
	bool good = shape_read(shape, body, &memory, into, &fault);
	if (shape == &claim_shape)
		compare_quick(body, good ? into : NULL);
	if (!good)
		refused(&fault);
	if (good && shape == &drop_shape)
		found(into);
	if (good)
		read_again(shape, into);
	give_back();
	return 0;
}
