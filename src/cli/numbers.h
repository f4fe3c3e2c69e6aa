/* numbers: what people type after a flag. False, *ret untouched, when it is none or out of bounds. */
#ifndef DIBS_CLI_NUMBERS_H
#define DIBS_CLI_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

bool number_parse(const char *text, uint64_t least, uint64_t most, uint64_t *ret);
/* Claims a second: "500", "0.5". */
bool rate_parse(const char *text, double *ret);
/* Seconds: "10", "10s", "250ms", "2m", into nanoseconds. */
bool span_parse(const char *text, uint64_t *ret_ns);

#define RATE_MAX 10000000.0                  /* claims a second: far above what one client can send */
#define SPAN_MAX_NS UINT64_C(86400000000000) /* a day */

#endif
