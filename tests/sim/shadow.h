/* shadow: what the log holds, as the world knows it: every record's bytes, time, and the core's rolling hash behind it.
 *
 * It is filled while the log is written and cut off after a crash at what recovery found. Then what recovery found is
 * held against it, byte for byte; and at the end the naive model folds it.
 *
 * Memory   taken once for all seeds of a process.
 */
#ifndef DIBS_SIM_SHADOW_H
#define DIBS_SIM_SHADOW_H

#include "log/log.h"

#define SHADOW_RECORDS_MAX (1u << 18)
#define SHADOW_BYTES_MAX (1u << 26)

struct shadow_record {
	uint32_t at, size; /* of its bytes */
	int64_t time;
	uint64_t hash; /* of the core behind it; 0: no core has come there yet */
};

struct shadow {
	uint64_t count;
	uint32_t used;
	uint8_t *bytes;
	struct shadow_record *records; /* [sequence]; 0 is nobody's */
};

void shadow_init(struct shadow *shadow);
void shadow_clear(struct shadow *shadow);
/* The next record. */
void shadow_add(struct shadow *shadow, int64_t time, const uint8_t *bytes, size_t size);
void shadow_cut(struct shadow *shadow, uint64_t count);
bool shadow_is(const struct shadow *shadow, const struct log_record *record);
struct log_record shadow_record_at(const struct shadow *shadow, uint64_t sequence);
/* False: a core was at this record before, and had another hash (P6). */
bool shadow_hash(struct shadow *shadow, uint64_t sequence, uint64_t hash);

#endif
