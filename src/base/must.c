#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void must_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "dibs: bug: %s does not hold (%s:%d)\n", what, file, line);
	abort();
}
