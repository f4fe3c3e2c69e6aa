/* time: two clocks that do not mix.
 *
 * wall_ms   milliseconds since 1970 UTC, as the log and the buyers know it
 * mono_ns   nanoseconds of the monotonic clock, for durations
 *
 * One-field structs, so that handing one in for the other does not compile. Only clock_wall() and clock_mono()
 * read a clock; the core never calls them, its time is handed in.
 */
#ifndef DIBS_BASE_TIME_H
#define DIBS_BASE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wall_ms {
	int64_t ms;
};

struct mono_ns {
	uint64_t ns;
};

#define WALL_NEVER ((struct wall_ms){INT64_MAX}) /* a time that does not come */
#define WALL_MAX_MS INT64_C(253402300799999)     /* 9999-12-31T23:59:59.999Z, the last that RFC 3339 can write */

static inline bool wall_before(struct wall_ms a, struct wall_ms b)
{
	return a.ms < b.ms;
}

struct wall_ms clock_wall(void);
struct mono_ns clock_mono(void);

#define RFC3339_SIZE 25 /* "2026-11-21T02:15:40.000Z" and its end */

/* Writes RFC 3339 UTC with milliseconds, NUL-terminated; returns the length, 24. time in 0..WALL_MAX_MS. */
size_t rfc3339_format(struct wall_ms time, char out[RFC3339_SIZE]);

/* Reads RFC 3339 with any offset and any number of fraction digits (cut to ms). False when it is not one,
 * or outside 1970..9999; *ret is then untouched. */
bool rfc3339_parse(const char *text, size_t size, struct wall_ms *ret);

#endif
