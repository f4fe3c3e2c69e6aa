#include "shadow.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"

void shadow_init(struct shadow *shadow)
{
	shadow->bytes = malloc(SHADOW_BYTES_MAX);
	shadow->records = malloc((SHADOW_RECORDS_MAX + 1) * sizeof *shadow->records);
	must(shadow->bytes && shadow->records);
	shadow_clear(shadow);
}

void shadow_clear(struct shadow *shadow)
{
	shadow->count = 0;
	shadow->used = 0;
	shadow->records[0] = (struct shadow_record){0};
}

void shadow_add(struct shadow *shadow, int64_t time, const uint8_t *bytes, size_t size)
{
	must(shadow->count < SHADOW_RECORDS_MAX && shadow->used + size <= SHADOW_BYTES_MAX);
	memcpy(shadow->bytes + shadow->used, bytes, size);
	shadow->records[++shadow->count] = (struct shadow_record){shadow->used, (uint32_t)size, time, 0};
	shadow->used += (uint32_t)size;
}

void shadow_cut(struct shadow *shadow, uint64_t count)
{
	must(count <= shadow->count);
	if (count < shadow->count)
		shadow->used = shadow->records[count + 1].at;
	shadow->count = count;
}

bool shadow_is(const struct shadow *shadow, const struct log_record *record)
{
	const struct shadow_record *known = &shadow->records[record->sequence];
	return record->sequence >= 1 && record->sequence <= shadow->count && known->time == record->time.ms &&
	       known->size == record->size && memcmp(shadow->bytes + known->at, record->bytes, known->size) == 0;
}

struct log_record shadow_record_at(const struct shadow *shadow, uint64_t sequence)
{
	const struct shadow_record *known = &shadow->records[sequence];
	must(sequence >= 1 && sequence <= shadow->count);
	return (struct log_record){sequence, {known->time}, shadow->bytes + known->at, known->size};
}

bool shadow_hash(struct shadow *shadow, uint64_t sequence, uint64_t hash)
{
	struct shadow_record *known = &shadow->records[sequence];
	if (sequence == 0 || sequence > shadow->count)
		return sequence == 0;
	if (known->hash == 0)
		known->hash = hash;
	return known->hash == hash;
}
