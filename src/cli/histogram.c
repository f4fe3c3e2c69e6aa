#include "cli/histogram.h"

#include <string.h>

#define FINE (1u << HISTOGRAM_FINE_BITS)

/* Below FINE a bucket is one nanosecond; above, each doubling is cut into FINE equal parts. */
static unsigned bucket_of(uint64_t ns)
{
	if (ns > HISTOGRAM_MAX_NS)
		ns = HISTOGRAM_MAX_NS;
	if (ns < FINE)
		return (unsigned)ns;
	unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - HISTOGRAM_FINE_BITS;
	return (shift << HISTOGRAM_FINE_BITS) + (unsigned)(ns >> shift);
}

static uint64_t bucket_middle(unsigned bucket)
{
	if (bucket < 2 * FINE)
		return bucket;
	unsigned shift = (bucket >> HISTOGRAM_FINE_BITS) - 1;
	uint64_t low = (uint64_t)(bucket - (shift << HISTOGRAM_FINE_BITS)) << shift;
	return low + ((UINT64_C(1) << shift) >> 1);
}

void histogram_init(struct histogram *histogram)
{
	memset(histogram, 0, sizeof *histogram);
	histogram->min_ns = UINT64_MAX;
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
	histogram->count++;
	histogram->sum_ns += ns;
	if (ns < histogram->min_ns)
		histogram->min_ns = ns;
	if (ns > histogram->max_ns)
		histogram->max_ns = ns;
	histogram->bucket[bucket_of(ns)]++;
}

/* A bucket's middle, but never outside of what was really seen. */
static uint64_t within_seen(const struct histogram *histogram, uint64_t ns)
{
	if (ns < histogram->min_ns)
		return histogram->min_ns;
	return ns > histogram->max_ns ? histogram->max_ns : ns;
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
	double rank = share * (double)histogram->count;
	uint64_t seen = 0;
	if (histogram->count == 0)
		return 0;
	if (share >= 1)
		return histogram->max_ns;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->bucket[i];
		if (seen > 0 && (double)seen >= rank)
			return within_seen(histogram, bucket_middle(i));
	}
	return histogram->max_ns;
}

uint64_t histogram_mean(const struct histogram *histogram)
{
	return histogram->count ? histogram->sum_ns / histogram->count : 0;
}

uint64_t histogram_between(const struct histogram *histogram, uint64_t from_ns, uint64_t below_ns)
{
	uint64_t count = 0;
	if (below_ns <= from_ns)
		return 0;
	unsigned end = below_ns > HISTOGRAM_MAX_NS ? HISTOGRAM_BUCKETS : bucket_of(below_ns);
	for (unsigned i = bucket_of(from_ns); i < end; i++)
		count += histogram->bucket[i];
	return count;
}
