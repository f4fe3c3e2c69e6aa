#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

/* A message is one line, whatever was put into it: a name or a value may come from anywhere. */
static void keep_to_one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

int(error_set)(struct error *error, int code, const char *format, ...)
{
	if (error) {
		va_list args;
		error->code = code;
		va_start(args, format);
		vsnprintf(error->text, sizeof error->text, format, args);
		va_end(args);
		keep_to_one_line(error->text);
	}
	return code;
}

int error_exit_status(int code)
{
	switch (code) {
	case 0:
		return 0;
	case FAULT_DAMAGED:
		return 3;
	case FAULT_IO:
		return 4;
	case FAULT_INVALID:
	case FAULT_CONFIG:
		return 2;
	default:
		return 1;
	}
}
