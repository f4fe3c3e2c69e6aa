/* tape: where a snapshot of the core goes and comes from in tests; it can tear at any byte. */
#ifndef TESTS_UNIT_CORE_TAPE_H
#define TESTS_UNIT_CORE_TAPE_H

#include <stdlib.h>

#include "core/core.h"

struct tape {
	uint8_t *bytes;
	size_t size, at;
	size_t fails_at; /* this many bytes, and then no more; 0: none */
};

static inline int tape_write(void *context, const void *from, size_t size, struct error *error)
{
	struct tape *tape = context;
	if (tape->fails_at && tape->size + size > tape->fails_at)
		return error_set(error, FAULT_IO, "the tape tears");
	tape->bytes = realloc(tape->bytes, tape->size + size);
	memcpy(tape->bytes + tape->size, from, size);
	tape->size += size;
	return 0;
}

static inline int tape_read(void *context, void *into, size_t size, struct error *error)
{
	struct tape *tape = context;
	if (tape->size - tape->at < size)
		return error_set(error, FAULT_DAMAGED, "the tape is over");
	memcpy(into, tape->bytes + tape->at, size);
	tape->at += size;
	return 0;
}

#endif
