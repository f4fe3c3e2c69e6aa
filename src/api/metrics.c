#include "api/metrics.h"

#include <stdio.h>

/* From a tenth of a millisecond, under which lies nothing that is synced, to the two seconds that a read may wait. */
static const uint64_t time_bounds_ns[TIME_BUCKETS] = {100000,    250000,    500000,     1000000,   2500000,
                                                      5000000,   10000000,  25000000,   50000000,  100000000,
                                                      250000000, 500000000, 1000000000, 2500000000};

static const int statuses[METRIC_STATUSES] = {200, 201, 304, 400, 401, 403, 404, 405, 408, 409,
                                              413, 414, 415, 417, 422, 429, 431, 500, 501, 503};

#define STATUS_OTHER 17 /* 500 */

uint32_t metric_status_index(int status)
{
	for (uint32_t i = 0; i < METRIC_STATUSES; i++)
		if (statuses[i] == status)
			return i;
	return STATUS_OTHER;
}

int metric_status(uint32_t index)
{
	return statuses[index];
}

void time_histogram_add(struct time_histogram *histogram, uint64_t ns)
{
	uint32_t place = 0;
	while (place < TIME_BUCKETS && ns > time_bounds_ns[place])
		place++;
	counter_add(&histogram->bucket[place], 1);
	counter_add(&histogram->sum_ns, ns);
}

void size_histogram_add(struct size_histogram *histogram, uint64_t size)
{
	uint32_t place = 0;
	while (place < SIZE_BUCKETS && size > UINT64_C(1) << place)
		place++;
	counter_add(&histogram->bucket[place], 1);
	counter_add(&histogram->sum, size);
}

void metric_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void time_histogram_print(struct buf *out, const char *name, const char *labels, const struct time_histogram *const *of,
                          uint32_t count)
{
	const char *comma = *labels ? "," : "";
	uint64_t total = 0, sum_ns = 0;
	for (uint32_t place = 0; place <= TIME_BUCKETS; place++) {
		for (uint32_t i = 0; i < count; i++)
			total += counter_get(&of[i]->bucket[place]);
		if (place < TIME_BUCKETS)
			buf_printf(out, "%s_bucket{%s%sle=\"%g\"} %llu\n", name, labels, comma,
			           (double)time_bounds_ns[place] / 1e9, (unsigned long long)total);
		else
			buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, labels, comma,
			           (unsigned long long)total);
	}
	for (uint32_t i = 0; i < count; i++)
		sum_ns += counter_get(&of[i]->sum_ns);
	buf_printf(out, "%s_sum%s%s%s %.9f\n", name, *labels ? "{" : "", labels, *labels ? "}" : "",
	           (double)sum_ns / 1e9);
	buf_printf(out, "%s_count%s%s%s %llu\n", name, *labels ? "{" : "", labels, *labels ? "}" : "",
	           (unsigned long long)total);
}

void size_histogram_print(struct buf *out, const char *name, const struct size_histogram *histogram)
{
	uint64_t total = 0;
	for (uint32_t place = 0; place <= SIZE_BUCKETS; place++) {
		total += counter_get(&histogram->bucket[place]);
		if (place < SIZE_BUCKETS)
			buf_printf(out, "%s_bucket{le=\"%llu\"} %llu\n", name, 1ull << place,
			           (unsigned long long)total);
		else
			buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n", name, (unsigned long long)total);
	}
	buf_printf(out, "%s_sum %llu\n%s_count %llu\n", name, (unsigned long long)counter_get(&histogram->sum), name,
	           (unsigned long long)total);
}
