/* verdict: the answer to a command, one row of verdict.def. */
#ifndef DIBS_CORE_VERDICT_H
#define DIBS_CORE_VERDICT_H

#include <stdbool.h>

enum verdict {
#define V(name, number, status, code, sentence) VERDICT_##name = number,
#include "core/verdict.def"
#undef V
};

#define VERDICT_COUNT 72      /* one more than the largest number */
#define VERDICT_LOGGED_MAX 63 /* above it: never in the log */

struct verdict_row {
	const char *name; /* "SOLD_OUT": the row in verdict.def */
	int status;       /* HTTP */
	const char *code; /* problem code; "" for a 2xx */
	const char *sentence;
};

const struct verdict_row *verdict_row(enum verdict verdict);
/* A claim's refusal for a reason of the sale, which statistics count: KEY_REUSED … SOLD_OUT, NOT_ELIGIBLE. */
bool verdict_is_refusal(enum verdict verdict);

#endif
