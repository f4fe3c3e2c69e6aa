/* problem: refusals and errors as application/problem+json (RFC 9457), each with a code of problem.def.
 *
 * Memory   texts are borrowed; the body and the header lines are appended to the caller's bufs.
 * Thread   any.
 */
#ifndef DIBS_HTTP_PROBLEM_H
#define DIBS_HTTP_PROBLEM_H

#include "base/text.h"
#include "base/time.h"

struct problem {
	const char *code;
	int status;                    /* 0: the code's own */
	const char *detail;            /* a sentence; NULL: the title says it all */
	struct text field, order, sku; /* empty: none */
	struct text setting;           /* whose bound was met; empty: none */
	bool has_opens_at;
	struct wall_ms opens_at;
	uint32_t retry_after_s; /* 0: none, but 503 and 429 always have one */
};

#define RETRY_AFTER_DEFAULT_S 1 /* a batch takes milliseconds; a second spreads a crowd enough */

struct problem_row {
	const char *code;
	int status;
	const char *title;
};

const struct problem_row *problem_row(const char *code); /* must be one of problem.def */
uint32_t problem_rows(const struct problem_row **ret);
/* The code for a status that a parser or a bound of net answers, when it names one that is not known here. */
const char *problem_code_of_status(int status);
bool problem_code_is_known(const char *code);

int problem_status(const struct problem *problem);
void problem_write(const struct problem *problem, struct text request_id, struct buf *header_lines, struct buf *body);

#endif
