#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

int(error_set)(struct error *error, int code, const char *format, ...)
{
	if (error) {
		va_list args;
		error->code = code;
		va_start(args, format);
		vsnprintf(error->text, sizeof error->text, format, args);
		va_end(args);
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
