/* window: a moving view on a file, for reading it forward with few large reads and without copying out of it.
 *
 * Units    offsets in bytes; those asked for are multiples of DISK_PAGE.
 * Memory   the window owns its buffer, which grows to the largest piece asked for. What it points to is valid until
 *          the next call.
 * Faults   FAULT_IO, FAULT_MEMORY.
 * Thread   one.
 */
#ifndef DIBS_LOG_WINDOW_H
#define DIBS_LOG_WINDOW_H

#include "log/disk.h"

#define WINDOW_READ_MIN (64u << 10) /* first read: a single record costs no more */
#define WINDOW_READ_MAX (1u << 20)  /* reads double up to this: reading through costs few calls */

struct window {
	struct disk *disk;
	struct disk_file *file;
	uint64_t limit; /* nothing at or behind this offset is read: the file's size, or what is durable of it */
	uint8_t *bytes;
	size_t capacity;
	uint64_t at; /* offset of bytes[0] */
	size_t size; /* how much of it there is */
	size_t read_next;
};

/* Takes over the file (window_fini closes it). */
void window_init(struct window *window, struct disk *disk, struct disk_file *file, uint64_t limit);
void window_fini(struct window *window);
/* Goes on in another file with the same buffer. */
void window_file(struct window *window, struct disk_file *file, uint64_t limit);
/* Forgets what was read, so that it is read again. */
void window_forget(struct window *window);
/* Makes [offset, offset + size) readable at *ret; returns how many bytes of that there are, or a fault. */
int64_t window_get(struct window *window, uint64_t offset, size_t size, const uint8_t **ret, struct error *error);

#endif
