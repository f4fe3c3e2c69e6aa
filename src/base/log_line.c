#include "base/log_line.h"

#include <stdatomic.h>
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
	if (!line.failed && write(STDERR_FILENO, line.at, line.size) < 0) {
		/* nowhere left to say it */
	}
	buf_fini(&line);
}
