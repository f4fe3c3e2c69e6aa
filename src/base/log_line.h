/* log_line: one JSON object a line on stderr, for operators and their collectors.
 *
 * Never a secret, a token or a buyer's id: callers name what they log field by field. Any thread; a line is written
 * with one write(2).
 */
#ifndef DIBS_BASE_LOG_LINE_H
#define DIBS_BASE_LOG_LINE_H

#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
	const char *name;
	const char *text; /* NULL: the number counts */
	int64_t number;
};

#define LOG_TEXT(name_, text_) ((struct log_field){.name = (name_), .text = (text_)})
#define LOG_NUMBER(name_, number_) ((struct log_field){.name = (name_), .number = (int64_t)(number_)})

void log_level_set(enum log_level lowest);
/* log_line(LOG_INFO, "ready", LOG_NUMBER("records", n)): {"time":…,"level":"info","event":"ready","records":…} */
void log_line_fields(enum log_level level, const char *event, const struct log_field *fields, unsigned count);

#define log_line(level, event, ...) \
	log_line_fields(level, event, (const struct log_field[]){__VA_ARGS__}, \
	                sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

#endif
