#include "http/json.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#include "http/limits.h"

/* One reading: where it is in the document, for the fault. */
struct reading {
	const struct shape_memory *memory;
	struct shape_fault *fault;
	char prefix[96]; /* "lines[2]." */
};

static bool refuse(struct reading *reading, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A name out of the document goes into an answer: it is cut so that it stays UTF-8. */
static size_t utf8_cut(const char *name, size_t size, size_t max)
{
	if (size <= max)
		return size;
	while (max && ((unsigned char)name[max] & 0xc0) == 0x80)
		max--;
	return max;
}

static bool refuse(struct reading *reading, const char *name, const char *format, ...)
{
	struct shape_fault *fault = reading->fault;
	va_list args;
	fault->status = 400;
	fault->code = "invalid";
	snprintf(fault->field, sizeof fault->field, "%s%.*s", reading->prefix, (int)utf8_cut(name, strlen(name), 60),
	         name);
	va_start(args, format);
	vsnprintf(fault->detail, sizeof fault->detail, format, args);
	va_end(args);
	return false;
}

static bool malformed(struct shape_fault *fault, const char *detail)
{
	*fault = (struct shape_fault){.status = 400, .code = "malformed"};
	snprintf(fault->detail, sizeof fault->detail, "%s", detail);
	return false;
}

static bool no_memory(struct shape_fault *fault)
{
	*fault = (struct shape_fault){.status = 503, .code = "overloaded", .detail = "No memory for this request now."};
	return false;
}

static const struct field *field_find(const struct shape *shape, const char *name)
{
	for (size_t i = 0; i < shape->field_count; i++)
		if (strcmp(shape->fields[i].name, name) == 0)
			return &shape->fields[i];
	return NULL;
}

static bool copy_text(struct reading *reading, const json_t *value, struct text *ret)
{
	size_t size = json_string_length(value);
	char *copy = reading->memory->take(reading->memory->context, size + 1);
	if (!copy)
		return no_memory(reading->fault);
	memcpy(copy, json_string_value(value), size + 1);
	*ret = (struct text){copy, size};
	return true;
}

static bool read_text(struct reading *reading, const struct field *field, const json_t *value, struct text *ret)
{
	struct text text;
	if (!json_is_string(value))
		return refuse(reading, field->name, "It is to be a text.");
	text = (struct text){json_string_value(value), json_string_length(value)};
	if ((int64_t)text.size < field->min || (int64_t)text.size > field->max)
		return refuse(reading, field->name, "It is to have %lld to %lld bytes.", (long long)field->min,
		              (long long)field->max);
	if (field->is && !field->is(text))
		return refuse(reading, field->name, "It is to have the form %s.",
		              field->pattern ? field->pattern : "that the description gives");
	return copy_text(reading, value, ret);
}

static bool read_integer(struct reading *reading, const struct field *field, const json_t *value, int64_t *ret)
{
	if (!json_is_number(value))
		return refuse(reading, field->name, "It is to be an integer.");
	if (!json_is_integer(value) || json_integer_value(value) < field->min || json_integer_value(value) > field->max)
		return refuse(reading, field->name, "It is to be an integer from %lld to %lld.", (long long)field->min,
		              (long long)field->max);
	*ret = json_integer_value(value);
	return true;
}

static bool read_time(struct reading *reading, const struct field *field, const json_t *value, struct wall_ms *ret)
{
	if (!json_is_string(value) || !rfc3339_parse(json_string_value(value), json_string_length(value), ret))
		return refuse(reading, field->name, "It is to be a time as RFC 3339 writes it.");
	return true;
}

static bool read_bool(struct reading *reading, const struct field *field, const json_t *value, bool *ret)
{
	if (!json_is_boolean(value))
		return refuse(reading, field->name, "It is to be true or false.");
	*ret = json_is_true(value);
	return true;
}

static bool read_object(struct reading *reading, const struct shape *shape, json_t *object, void *into);

static bool read_list(struct reading *reading, const struct field *field, json_t *value, struct shape_list *ret)
{
	size_t count = json_array_size(value);
	char prefix[sizeof reading->prefix];
	if (!json_is_array(value) || (int64_t)count < field->min || (int64_t)count > field->max)
		return refuse(reading, field->name, "It is to be a list of %lld to %lld.", (long long)field->min,
		              (long long)field->max);
	char *members = reading->memory->take(reading->memory->context, count * field->of->size + 1);
	if (!members)
		return no_memory(reading->fault);
	memcpy(prefix, reading->prefix, sizeof prefix);
	for (size_t i = 0; i < count; i++) {
		char *member = members + i * field->of->size;
		snprintf(reading->prefix, sizeof reading->prefix, "%.60s%s[%zu].", prefix, field->name, i);
		if (field->of->initial)
			memcpy(member, field->of->initial, field->of->size);
		else
			memset(member, 0, field->of->size);
		if (!read_object(reading, field->of, json_array_get(value, i), member))
			return false;
	}
	memcpy(reading->prefix, prefix, sizeof prefix);
	*ret = (struct shape_list){members, (uint32_t)count};
	return true;
}

static bool read_texts(struct reading *reading, const struct field *field, json_t *value, struct shape_list *ret)
{
	size_t count = json_is_array(value) ? json_array_size(value) : 1;
	if ((int64_t)count < field->min || (int64_t)count > field->max)
		return refuse(reading, field->name, "It is to be a text, or a list of them.");
	struct text *texts = reading->memory->take(reading->memory->context, count * sizeof *texts + 1);
	if (!texts)
		return no_memory(reading->fault);
	for (size_t i = 0; i < count; i++) {
		json_t *member = json_is_array(value) ? json_array_get(value, i) : value;
		if (!json_is_string(member))
			return refuse(reading, field->name, "It is to be a text, or a list of them.");
		if (!copy_text(reading, member, &texts[i]))
			return false;
	}
	*ret = (struct shape_list){texts, (uint32_t)count};
	return true;
}

static bool read_value(struct reading *reading, const struct field *field, json_t *value, void *into)
{
	void *at = (char *)into + field->offset;
	if (json_is_null(value) && field->nullable)
		return true;
	switch (field->kind) {
	case FIELD_TEXT:
		return read_text(reading, field, value, at);
	case FIELD_INTEGER:
		return read_integer(reading, field, value, at);
	case FIELD_TIME:
		return read_time(reading, field, value, at);
	case FIELD_BOOL:
		return read_bool(reading, field, value, at);
	case FIELD_LIST:
		return read_list(reading, field, value, at);
	case FIELD_TEXTS:
		return read_texts(reading, field, value, at);
	case FIELD_NEVER:
		break;
	}
	return refuse(reading, field->name, "It may not be there.");
}

static bool read_object(struct reading *reading, const struct shape *shape, json_t *object, void *into)
{
	const char *name;
	json_t *value;
	if (!json_is_object(object))
		return refuse(reading, "", "It is to be an object.");
	json_object_foreach(object, name, value)
	{
		const struct field *field = field_find(shape, name);
		if (!field && shape->open)
			continue;
		if (!field)
			return refuse(reading, name, "There is no such field here.");
		if (!read_value(reading, field, value, into))
			return false;
	}
	for (size_t i = 0; i < shape->field_count; i++)
		if (shape->fields[i].required && !json_object_get(object, shape->fields[i].name))
			return refuse(reading, shape->fields[i].name, "It is missing.");
	return true;
}

/* Brackets that are open at once, strings passed over: before the parser recurses into them. */
static bool is_too_deep(struct text body)
{
	unsigned depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < body.size; i++) {
		char c = body.at[i];
		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if ((c == '{' || c == '[') && ++depth > JSON_DEPTH_MAX) {
			return true;
		} else if ((c == '}' || c == ']') && depth) {
			depth--;
		}
	}
	return false;
}

/* The parser stopped just behind the name that stands twice, or the number of it: the name is between the last two
 * quotes before there. */
static bool refuse_last_name(struct text body, const json_error_t *at, const char *detail, struct shape_fault *fault)
{
	size_t end = (size_t)at->position <= body.size ? (size_t)at->position : body.size;
	while (end && body.at[end - 1] != '"')
		end--;
	size_t from = end ? end - 1 : 0;
	while (from && body.at[from - 1] != '"')
		from--;
	*fault = (struct shape_fault){.status = 400, .code = "invalid"};
	snprintf(fault->detail, sizeof fault->detail, "%s", detail);
	if (end > from)
		snprintf(fault->field, sizeof fault->field, "%.*s", (int)utf8_cut(body.at + from, end - 1 - from, 60),
		         body.at + from);
	return false;
}

static json_t *parse(struct text body, struct shape_fault *fault)
{
	json_error_t at;
	json_t *document = json_loadb(body.at, body.size, JSON_REJECT_DUPLICATES, &at);
	if (document)
		return document;
	/* an integer beyond 64 bits: read once more as a real, which its field then refuses by name */
	if (json_error_code(&at) == json_error_numeric_overflow)
		document = json_loadb(body.at, body.size, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &at);
	if (document)
		return document;
	if (json_error_code(&at) == json_error_duplicate_key)
		refuse_last_name(body, &at, "The field stands there twice.", fault);
	else if (json_error_code(&at) == json_error_numeric_overflow)
		refuse_last_name(body, &at, "The number is too large.", fault);
	else if (json_error_code(&at) == json_error_out_of_memory)
		no_memory(fault);
	else
		malformed(fault, "The body is not a JSON document in UTF-8.");
	return NULL;
}

bool shape_read(const struct shape *shape, struct text body, const struct shape_memory *memory, void *into,
                struct shape_fault *ret_fault)
{
	struct reading reading = {.memory = memory, .fault = ret_fault};
	if (is_too_deep(body))
		return malformed(ret_fault, "The body is nested too deeply.");
	json_t *document = parse(body, ret_fault);
	if (!document)
		return false;
	bool good = json_is_object(document) ? read_object(&reading, shape, document, into)
	                                     : malformed(ret_fault, "The body is to be a JSON object.");
	json_decref(document);
	return good;
}

bool json_is_document(struct text text)
{
	json_t *document = json_loadb(text.at, text.size, JSON_REJECT_DUPLICATES, NULL);
	bool good = document != NULL;
	json_decref(document);
	return good;
}
