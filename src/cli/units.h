/* units: times and sizes as people write them.
 *
 *   times  a number and ms, s, m, h or d; "0" needs no unit       kept in ms
 *   sizes  a number and nothing, KiB, MiB or GiB                   kept in bytes
 */
#ifndef DIBS_CLI_UNITS_H
#define DIBS_CLI_UNITS_H

#include <stdbool.h>
#include <stdint.h>

/* False, *ret untouched, when the text is none or does not fit. */
bool time_parse(const char *text, int64_t *ret_ms);
bool bytes_parse(const char *text, int64_t *ret);
/* A point in time: RFC 3339, or "+10m" from now on. */
bool moment_parse(const char *text, int64_t now_ms, int64_t *ret_ms);

#endif
