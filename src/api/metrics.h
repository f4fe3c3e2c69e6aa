/* metrics: counters of the loops and of the log's batches.
 *
 * Thread   a loop's counters are written by that loop alone and read by any: relaxed atomics, no lock, no add that
 *          another core waits for. Batches: written by the log's writer.
 */
#ifndef DIBS_API_METRICS_H
#define DIBS_API_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/text.h"

#define METRIC_ROUTES 41 /* ROUTES_MAX and one for what no route knows */
#define METRIC_STATUSES 20
#define TIME_BUCKETS 14
#define SIZE_BUCKETS 13

struct time_histogram {
	_Atomic uint64_t bucket[TIME_BUCKETS + 1]; /* the last: +Inf */
	_Atomic uint64_t sum_ns;
};

struct size_histogram {
	_Atomic uint64_t bucket[SIZE_BUCKETS + 1];
	_Atomic uint64_t sum;
};

struct counters {
	_Alignas(64) _Atomic uint64_t requests[METRIC_ROUTES][METRIC_STATUSES];
	struct time_histogram duration[METRIC_ROUTES];
	_Atomic uint64_t work_started, work_done, work_refused, asks_refused;
};

struct batch_counters {
	struct size_histogram records;
	struct time_histogram write, sync;
	_Atomic uint64_t bytes;
};

/* One writer: a load and a store. */
static inline void counter_add(_Atomic uint64_t *counter, uint64_t more)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
	                      memory_order_relaxed);
}

static inline uint64_t counter_get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit((_Atomic uint64_t *)counter, memory_order_relaxed);
}

void time_histogram_add(struct time_histogram *histogram, uint64_t ns);
void size_histogram_add(struct size_histogram *histogram, uint64_t size);
/* Prometheus text. labels: "route=\"claim\"" or "". Histograms of several loops are summed: pass them all. */
void time_histogram_print(struct buf *out, const char *name, const char *labels, const struct time_histogram *const *of,
                          uint32_t count);
void size_histogram_print(struct buf *out, const char *name, const struct size_histogram *histogram);
void metric_head(struct buf *out, const char *name, const char *type, const char *help);

/* Statuses that are counted apart; any other one counts as 500. */
uint32_t metric_status_index(int status);
int metric_status(uint32_t index);

#endif
