/* disk: the small seam under journal, recovery and snapshots. POSIX (disk_posix.c) or simulated (disk_memory.c).
 *
 * All names are relative to one folder, the data directory; "a/b" is a file b in its folder a. Every call blocks.
 *
 * Faults   FAULT_IO with the call, the file and errno's text; FAULT_NO_SPACE for ENOSPC, EDQUOT and EFBIG (for the
 *          journal, whose segments are filled before use, it is as final as FAULT_IO when a write says so);
 *          FAULT_NOT_FOUND; FAULT_LOCKED.
 * Thread   a disk_file is one thread's at a time; the disk itself is any thread's.
 */
#ifndef DIBS_LOG_DISK_H
#define DIBS_LOG_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define DISK_PAGE 4096 /* what a torn write can spoil: batches begin on such a boundary */

struct disk;
struct disk_file;

enum disk_open {
	DISK_READ,        /* must exist */
	DISK_READ_DIRECT, /* the same past the page cache (O_DIRECT; where a file system has none, after dropping the cache) */
	DISK_WRITE,  /* must exist; reading allowed too */
	DISK_CREATE, /* must not exist */
};

typedef void disk_name_fn(void *context, const char *name, uint64_t size);

struct disk_ops {
	int (*open)(struct disk *disk, const char *name, enum disk_open how, struct disk_file **ret,
	            struct error *error);
	void (*close)(struct disk_file *file);
	int (*size)(struct disk_file *file, uint64_t *ret, struct error *error);
	/* Fewer than asked only at the end of the file; returns how many, or a fault. For READ_DIRECT buffer, offset and
	 * size are multiples of DISK_PAGE. */
	int64_t (*read)(struct disk_file *file, void *into, size_t size, uint64_t offset, struct error *error);
	/* All of it or a fault. */
	int (*write)(struct disk_file *file, const void *bytes, size_t size, uint64_t offset, struct error *error);
	/* Zeros from the start up to size, really allocated. */
	int (*fill)(struct disk_file *file, uint64_t size, struct error *error);
	int (*sync_data)(struct disk_file *file, struct error *error);                  /* fdatasync */
	int (*sync_all)(struct disk_file *file, struct error *error);                   /* fsync */
	int (*sync_folder)(struct disk *disk, const char *folder, struct error *error); /* "" is the disk's own */
	int (*rename)(struct disk *disk, const char *from, const char *to, struct error *error); /* replaces */
	int (*remove)(struct disk *disk, const char *name, struct error *error);
	/* Gives back what lies behind size. Nobody relies on it having happened. */
	int (*shrink)(struct disk *disk, const char *name, uint64_t size, struct error *error);
	int (*make_folder)(struct disk *disk, const char *name, struct error *error); /* fine when it is there */
	int (*list)(struct disk *disk, const char *folder, disk_name_fn *each, void *context, struct error *error);
	int (*lock)(struct disk *disk, const char *name,
	            struct error *error); /* until the disk is done; asking again is fine */
	void (*done)(struct disk *disk);
};

struct disk {
	const struct disk_ops *ops;
};

static inline int disk_open(struct disk *disk, const char *name, enum disk_open how, struct disk_file **ret,
                            struct error *error)
{
	return disk->ops->open(disk, name, how, ret, error);
}

static inline void disk_close(struct disk *disk, struct disk_file *file)
{
	disk->ops->close(file);
}

static inline int disk_size(struct disk *disk, struct disk_file *file, uint64_t *ret, struct error *error)
{
	return disk->ops->size(file, ret, error);
}

static inline int64_t disk_read(struct disk *disk, struct disk_file *file, void *into, size_t size, uint64_t offset,
                                struct error *error)
{
	return disk->ops->read(file, into, size, offset, error);
}

static inline int disk_write(struct disk *disk, struct disk_file *file, const void *bytes, size_t size, uint64_t offset,
                             struct error *error)
{
	return disk->ops->write(file, bytes, size, offset, error);
}

static inline int disk_fill(struct disk *disk, struct disk_file *file, uint64_t size, struct error *error)
{
	return disk->ops->fill(file, size, error);
}

static inline int disk_sync_data(struct disk *disk, struct disk_file *file, struct error *error)
{
	return disk->ops->sync_data(file, error);
}

static inline int disk_sync_all(struct disk *disk, struct disk_file *file, struct error *error)
{
	return disk->ops->sync_all(file, error);
}

static inline int disk_sync_folder(struct disk *disk, const char *folder, struct error *error)
{
	return disk->ops->sync_folder(disk, folder, error);
}

static inline int disk_rename(struct disk *disk, const char *from, const char *to, struct error *error)
{
	return disk->ops->rename(disk, from, to, error);
}

static inline int disk_remove(struct disk *disk, const char *name, struct error *error)
{
	return disk->ops->remove(disk, name, error);
}

static inline int disk_shrink(struct disk *disk, const char *name, uint64_t size, struct error *error)
{
	return disk->ops->shrink(disk, name, size, error);
}

static inline int disk_make_folder(struct disk *disk, const char *name, struct error *error)
{
	return disk->ops->make_folder(disk, name, error);
}

static inline int disk_list(struct disk *disk, const char *folder, disk_name_fn *each, void *context,
                            struct error *error)
{
	return disk->ops->list(disk, folder, each, context, error);
}

static inline int disk_lock(struct disk *disk, const char *name, struct error *error)
{
	return disk->ops->lock(disk, name, error);
}

static inline void disk_done(struct disk *disk)
{
	disk->ops->done(disk);
}

/* The POSIX disk over one folder, which is made (mode 0700) when make is set. */
int disk_posix_open(const char *path, bool make, struct disk **ret, struct error *error);

#endif
