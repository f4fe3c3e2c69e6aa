#include "ledger/release.h"

#include <stdlib.h>

#define BUCKETS_MIN 1024

bool release_init(struct release *release, uint32_t waiting_max)
{
	uint64_t size = BUCKETS_MIN;
	while (size < waiting_max)
		size *= 2;
	*release = (struct release){.mask = size - 1};
	release->buckets = calloc(size, sizeof *release->buckets);
	return release->buckets != NULL;
}

void release_fini(struct release *release)
{
	free(release->buckets);
	release->buckets = NULL;
}

void release_put(struct release *release, struct ask *ask, struct ask_list *out)
{
	if (ask->answer.basis <= release->until) {
		ask_list_put(out, ask);
		return;
	}
	ask_list_put(&release->buckets[ask->answer.basis & release->mask], ask);
	release->count++;
}

static void release_bucket(struct release *release, struct ask_list *bucket, struct ask_list *out)
{
	struct ask_list waiting = *bucket;
	*bucket = (struct ask_list){0};
	for (struct ask *ask; (ask = ask_list_take(&waiting));) {
		if (ask->answer.basis > release->until) {
			ask_list_put(bucket, ask);
			continue;
		}
		ask_list_put(out, ask);
		release->count--;
	}
}

void release_until(struct release *release, uint64_t durable, struct ask_list *out)
{
	uint64_t from = release->until;
	if (durable <= from)
		return;
	release->until = durable;
	if (release->count == 0)
		return;
	uint64_t count = durable - from <= release->mask ? durable - from : release->mask + 1;
	for (uint64_t i = 1; i <= count; i++) {
		struct ask_list *bucket = &release->buckets[(from + i) & release->mask];
		if (bucket->first)
			release_bucket(release, bucket, out);
	}
}
