/* histogram: durations counted in buckets that grow with them, so that every figure is true to less than one percent.
 *
 * Units    nanoseconds; smallest, largest and sum are kept exactly.
 * Memory   a fixed array inside the struct; nothing allocates. Large (35 KB): keep it off small stacks.
 * Bounds   HISTOGRAM_MAX_NS (18 minutes): what is longer is counted in the last bucket, and `max_ns` still tells it.
 */
#ifndef DIBS_CLI_HISTOGRAM_H
#define DIBS_CLI_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_FINE_BITS 7   /* 128 buckets for every doubling: a bucket is 0.8% wide, its middle 0.4% off at most */
#define HISTOGRAM_VALUE_BITS 40 /* longer than any answer that somebody waits for */
#define HISTOGRAM_MAX_NS ((UINT64_C(1) << HISTOGRAM_VALUE_BITS) - 1)
#define HISTOGRAM_BUCKETS ((HISTOGRAM_VALUE_BITS - HISTOGRAM_FINE_BITS + 1) << HISTOGRAM_FINE_BITS)

struct histogram {
	uint64_t count, sum_ns, min_ns, max_ns;
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_init(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t ns);
/* The smallest duration that is not below `share` (0..1) of all; 0 when there are none. 1 is the exact largest. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);
uint64_t histogram_mean(const struct histogram *histogram);
/* How many lie in [from_ns, below_ns), to the width of a bucket. */
uint64_t histogram_between(const struct histogram *histogram, uint64_t from_ns, uint64_t below_ns);

#endif
