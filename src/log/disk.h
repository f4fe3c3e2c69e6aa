/* disk: the small seam under journal, recovery and snapshots. POSIX (disk_posix.c) or simulated (disk_memory.c).
 *
 * All names are relative to one folder, the data directory; "a/b" is a file b in its folder a. Every call blocks.
 *
 * Faults   FAULT_IO with the call, the file and errno's text; FAULT_NO_SPACE for ENOSPC, EDQUOT and EFBIG on create
 *          and fill only — a later write or sync that fails is FAULT_IO, and final to its caller; FAULT_NOT_FOUND;
 *          FAULT_LOCKED.
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
	int (*make_folder)(struct disk *disk, const char *name, struct error *error); /* fine when it is there */
	int (*list)(struct disk *disk, const char *folder, disk_name_fn *each, void *context, struct error *error);
	int (*lock)(struct disk *disk, const char *name, struct error *error); /* until the disk is closed */
	void (*done)(struct disk *disk);
};

struct disk {
	const struct disk_ops *ops;
};

/* The POSIX disk over one folder, which is made (mode 0700) when make is set. */
int disk_posix_open(const char *path, bool make, struct disk **ret, struct error *error);

#endif
