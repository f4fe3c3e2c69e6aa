#include "net/chunk.h"

#include <stdlib.h>

#include "base/must.h"

static struct chunk *chunk_new(size_t capacity)
{
	if (capacity > UINT32_MAX)
		return NULL;
	struct chunk *chunk = malloc(sizeof *chunk + capacity);
	if (!chunk)
		return NULL;
	*chunk = (struct chunk){.capacity = (uint32_t)capacity};
	return chunk;
}

bool chunk_pool_init(struct chunk_pool *pool)
{
	*pool = (struct chunk_pool){0};
	for (int i = 0; i < CHUNK_POOL_START; i++) {
		struct chunk *chunk = chunk_new(CHUNK_BYTES);
		if (!chunk) {
			chunk_pool_fini(pool);
			return false;
		}
		chunk_give(pool, chunk);
	}
	return true;
}

void chunk_pool_fini(struct chunk_pool *pool)
{
	while (pool->free) {
		struct chunk *chunk = pool->free;
		pool->free = chunk->next;
		free(chunk);
	}
	pool->free_count = 0;
}

struct chunk *chunk_take(struct chunk_pool *pool, size_t size)
{
	struct chunk *chunk = pool->free;
	if (size > CHUNK_BYTES)
		return chunk_new(size);
	if (!chunk)
		return chunk_new(CHUNK_BYTES);
	pool->free = chunk->next;
	pool->free_count--;
	chunk->next = NULL;
	chunk->used = 0;
	return chunk;
}

struct chunk *chunk_take_for_request(struct chunk_pool *pool, size_t size)
{
	if (size <= CHUNK_BYTES && pool->free_count <= CHUNK_POOL_RESERVE)
		return chunk_new(CHUNK_BYTES);
	return chunk_take(pool, size);
}

void chunk_give(struct chunk_pool *pool, struct chunk *chunk)
{
	if (chunk->capacity != CHUNK_BYTES || pool->free_count == CHUNK_POOL_KEEP) {
		free(chunk);
		return;
	}
	chunk->next = pool->free;
	pool->free = chunk;
	pool->free_count++;
}

void chunk_give_all(struct chunk_pool *pool, struct chunk *first)
{
	while (first) {
		struct chunk *chunk = first;
		first = chunk->next;
		chunk_give(pool, chunk);
	}
}

static void output_append(struct output *output, struct chunk *chunk)
{
	if (output->last)
		output->last->next = chunk;
	else
		output->first = chunk;
	output->last = chunk;
}

char *output_reserve(struct chunk_pool *pool, struct output *output, size_t size)
{
	struct chunk *last = output->last;
	if (!last || last->capacity - last->used < size) {
		last = chunk_take(pool, size);
		if (!last)
			return NULL;
		output_append(output, last);
	}
	return last->bytes + last->used;
}

void output_commit(struct output *output, size_t size)
{
	must(output->last->capacity - output->last->used >= size);
	output->last->used += (uint32_t)size;
	output->size += size;
}

bool output_put(struct chunk_pool *pool, struct output *output, struct text text)
{
	char *at = output_reserve(pool, output, text.size);
	if (!at)
		return false;
	memcpy(at, text.at, text.size);
	output_commit(output, text.size);
	return true;
}

void output_splice(struct output *output, struct output *behind)
{
	if (!behind->first)
		return;
	must(behind->sent == 0);
	if (output->last)
		output->last->next = behind->first;
	else
		output->first = behind->first;
	output->last = behind->last;
	output->size += behind->size;
	*behind = (struct output){0};
}

void output_sent(struct chunk_pool *pool, struct output *output, size_t size)
{
	must(size <= output->size);
	output->size -= size;
	while (output->first) {
		struct chunk *chunk = output->first;
		size_t left = chunk->used - output->sent;
		if (size < left) {
			output->sent += (uint32_t)size;
			return;
		}
		size -= left;
		output->sent = 0;
		output->first = chunk->next;
		chunk_give(pool, chunk);
	}
	output->last = NULL;
}

void output_fini(struct chunk_pool *pool, struct output *output)
{
	chunk_give_all(pool, output->first);
	*output = (struct output){0};
}
