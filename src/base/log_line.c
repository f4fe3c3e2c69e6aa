#include "base/log_line.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "base/time.h"

static _Atomic int lowest_level = LOG_INFO;

void log_level_set(enum log_level lowest)
{
	lowest_level = (int)lowest;
}

static void put_field(struct buf *line, const struct log_field *field)
{
	buf_str(line, ",");
	buf_json(line, text_of(field->name));
	buf_str(line, ":");
	if (field->text)
		buf_json(line, text_is_utf8(text_of(field->text)) ? text_of(field->text) : TEXT("(not UTF-8)"));
	else
		buf_i64(line, field->number);
}

/* ---- without memory ---- */

#define PLAIN_LINE_MAX 1024
#define PLAIN_VALUE_MAX 500

/* Behind size bytes of the line, if it fits. What JSON would have to escape becomes an apostrophe. */
static size_t put_plain(char *line, size_t size, const struct log_field *field)
{
	char value[PLAIN_VALUE_MAX];
	size_t room = PLAIN_LINE_MAX - 2 - size;
	int length = field->text ? snprintf(value, sizeof value, "\"%.400s\"", field->text)
	                         : snprintf(value, sizeof value, "%" PRId64, field->number);
	for (int i = 1; field->text && i < length - 1; i++) {
		if (value[i] < 0x20 || value[i] == 0x7f || value[i] == '"' || value[i] == '\\')
			value[i] = '\'';
	}
	int put = snprintf(line + size, room, ",\"%s\":%s", field->name, value);
	return put < 0 || (size_t)put >= room ? size : size + (size_t)put;
}

/* The last line of a process that ends for want of memory is the one that says so. */
static void say_plain(const char *time, const char *level, const char *event, const struct log_field *fields,
                      unsigned count)
{
	char line[PLAIN_LINE_MAX];
	int begun =
	    snprintf(line, sizeof line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%.64s\"", time, level, event);
	size_t size = begun > 0 ? (size_t)begun : 0;
	for (unsigned i = 0; i < count; i++)
		size = put_plain(line, size, &fields[i]);
	memcpy(line + size, "}\n", 2);
	if (write(STDERR_FILENO, line, size + 2) < 0) {
		/* nowhere left to say it */
	}
}

void log_line_fields(enum log_level level, const char *event, const struct log_field *fields, unsigned count)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};
	char time[RFC3339_SIZE];
	struct buf line = {0};
	if ((int)level < lowest_level)
		return;
	rfc3339_format(clock_wall(), time);
	buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":", time, names[level]);
	buf_json(&line, text_of(event));
	for (unsigned i = 0; i < count; i++)
		put_field(&line, &fields[i]);
	buf_str(&line, "}\n");
	if (line.failed)
		say_plain(time, names[level], event, fields, count);
	else if (write(STDERR_FILENO, line.at, line.size) < 0) {
		/* nowhere left to say it */
	}
	buf_fini(&line);
}
