#include "log/window.h"

#include <stdlib.h>
#include <string.h>

void window_init(struct window *window, struct disk *disk, struct disk_file *file, uint64_t limit)
{
	*window = (struct window){.disk = disk, .file = file, .limit = limit, .read_next = WINDOW_READ_MIN};
}

void window_fini(struct window *window)
{
	if (window->file)
		disk_close(window->disk, window->file);
	free(window->bytes);
	*window = (struct window){0};
}

void window_file(struct window *window, struct disk_file *file, uint64_t limit)
{
	if (window->file)
		disk_close(window->disk, window->file);
	window->file = file;
	window->limit = limit;
	window_forget(window);
}

void window_forget(struct window *window)
{
	window->at = 0;
	window->size = 0;
}

static size_t round_up_pages(size_t size)
{
	return (size + DISK_PAGE - 1) / DISK_PAGE * DISK_PAGE;
}

/* Aligned to pages, for reading past the page cache. */
static int grow(struct window *window, size_t capacity, struct error *error)
{
	uint8_t *bytes = aligned_alloc(DISK_PAGE, capacity);
	if (!bytes)
		return error_set(error, FAULT_MEMORY, "no memory for reading %zu bytes of the journal", capacity);
	if (window->size > 0)
		memcpy(bytes, window->bytes, window->size);
	free(window->bytes);
	window->bytes = bytes;
	window->capacity = capacity;
	return 0;
}

/* Moves the view so that it begins at offset, keeping what is already there. */
static void slide(struct window *window, uint64_t offset)
{
	if (offset >= window->at && offset < window->at + window->size) {
		size_t skip = (size_t)(offset - window->at);
		window->size -= skip;
		if (skip > 0)
			memmove(window->bytes, window->bytes + skip, window->size);
	} else {
		window->size = 0;
	}
	window->at = offset;
}

static int read_on(struct window *window, size_t wanted, struct error *error)
{
	uint64_t from = window->at + window->size;
	size_t more = round_up_pages(wanted > window->read_next ? wanted : window->read_next);
	if (more > window->limit - from)
		more = round_up_pages((size_t)(window->limit - from));
	if (window->size + more > window->capacity) {
		int fault = grow(window, round_up_pages(window->size + more), error);
		if (fault)
			return fault;
	}
	int64_t got = disk_read(window->disk, window->file, window->bytes + window->size, more, from, error);
	if (got < 0)
		return (int)got;
	window->size += (size_t)got;
	if (window->read_next < WINDOW_READ_MAX)
		window->read_next *= 2;
	return 0;
}

int64_t window_get(struct window *window, uint64_t offset, size_t size, const uint8_t **ret, struct error *error)
{
	if (offset >= window->limit)
		return 0;
	if (size > window->limit - offset)
		size = (size_t)(window->limit - offset);
	if (offset < window->at || offset + size > window->at + window->size) {
		slide(window, offset);
		if (window->size < size) {
			int fault = read_on(window, size - window->size, error);
			if (fault)
				return fault;
		}
	}
	size_t there = window->at + window->size - offset;
	*ret = window->bytes + (offset - window->at);
	return (int64_t)(there < size ? there : size);
}
