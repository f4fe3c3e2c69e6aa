#include "ledger/recent.h"

#include <stdlib.h>

#include "base/must.h"

bool recent_init(struct recent *recent)
{
	recent->count = 0;
	recent->grants = calloc(RECENT_MAX, sizeof *recent->grants);
	return recent->grants != NULL;
}

void recent_fini(struct recent *recent)
{
	free(recent->grants);
	recent->grants = NULL;
}

void recent_put(struct recent *recent, uint64_t sequence, struct text buyer)
{
	must(buyer.size <= BUYER_SIZE_MAX);
	struct recent_grant *grant = &recent->grants[recent->count++ % RECENT_MAX];
	grant->sequence = sequence;
	grant->size = (uint8_t)buyer.size;
	memcpy(grant->buyer, buyer.at, buyer.size);
}

struct text recent_find(const struct recent *recent, uint64_t sequence)
{
	uint64_t low = recent->count > RECENT_MAX ? recent->count - RECENT_MAX : 0;
	uint64_t high = recent->count;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		const struct recent_grant *grant = &recent->grants[middle % RECENT_MAX];
		if (grant->sequence == sequence)
			return (struct text){grant->buyer, grant->size};
		if (grant->sequence < sequence)
			low = middle + 1;
		else
			high = middle;
	}
	return TEXT_NONE;
}
