#include "follow/fold.h"

#include <stdlib.h>

/* The largest claim fits: header, texts of 64 bytes with their sizes, 16 lines of 8. What is larger is rare. */
#define SLOT_SIZE 512

struct slot {
	struct command command;
	uint64_t sequence;
	struct wall_ms time;
	uint8_t bytes[SLOT_SIZE];
};

struct fold {
	struct core *core;
	uint32_t first, count; /* of the ring */
	struct slot ring[PREFETCH_AHEAD];
	struct command_scratch scratch;
};

int fold_new(struct core *core, struct fold **ret, struct error *error)
{
	struct fold *fold = malloc(sizeof *fold);
	if (!fold)
		return error_set(error, FAULT_MEMORY, "follow: no memory");
	fold->core = core;
	fold->first = fold->count = 0;
	*ret = fold;
	return 0;
}

void fold_free(struct fold *fold)
{
	free(fold);
}

static int apply_first(struct fold *fold, struct error *error)
{
	struct slot *slot = &fold->ring[fold->first];
	struct outcome outcome;
	fold->first = (fold->first + 1) % PREFETCH_AHEAD;
	fold->count--;
	return core_apply(fold->core, slot->sequence, slot->time, &slot->command, &outcome, error);
}

int fold_drain(struct fold *fold, struct error *error)
{
	int rc = 0;
	while (rc == 0 && fold->count > 0)
		rc = apply_first(fold, error);
	return rc;
}

static int apply_at_once(struct fold *fold, const struct log_record *record, struct error *error)
{
	struct command command;
	struct outcome outcome;
	int rc = fold_drain(fold, error);
	if (rc == 0)
		rc = command_decode(record->bytes, record->size, &fold->scratch, &command, error);
	if (rc == 0)
		rc = core_apply(fold->core, record->sequence, record->time, &command, &outcome, error);
	return rc;
}

static int put_in_ring(struct fold *fold, const struct log_record *record, struct error *error)
{
	struct slot *slot = &fold->ring[(fold->first + fold->count) % PREFETCH_AHEAD];
	memcpy(slot->bytes, record->bytes, record->size);
	int rc = command_decode(slot->bytes, record->size, NULL, &slot->command, error);
	if (rc < 0)
		return rc;
	slot->sequence = record->sequence;
	slot->time = record->time;
	core_prefetch(fold->core, &slot->command);
	fold->count++;
	return 0;
}

/* Digests are keyed by what the first record of the log brings, so that one is applied before others are looked at.
 * A drop's creation needs the scratch, of which there is one. */
static bool goes_at_once(const struct log_record *record)
{
	return record->size > SLOT_SIZE || record->size == 0 || record->bytes[0] == COMMAND_DROP_CREATE ||
	       record->bytes[0] == COMMAND_HELLO;
}

int fold_push(struct fold *fold, const struct log_record *record, struct error *error)
{
	if (goes_at_once(record))
		return apply_at_once(fold, record, error);
	int rc = fold->count == PREFETCH_AHEAD ? apply_first(fold, error) : 0;
	return rc < 0 ? rc : put_in_ring(fold, record, error);
}
