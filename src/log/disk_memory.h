/* disk_memory: a simulated disk for tests and the simulator. It forgets at a crash what was not synced.
 *
 * What is written but not synced survives a crash or not, 512-byte sector by sector (torn, reordered), decided by the
 * crash's seed; a name made, moved or removed survives only by chance until its folder is synced. A sync that fails
 * drops what it should have kept, as the kernel does: the next one succeeds and keeps nothing of it.
 *
 * Memory   the disk owns all; a crash makes a new disk and leaves the old one to be done with as usual.
 * Faults   those of disk.h, each named here and counted down to: 1 is the next call, 0 is off.
 * Thread   any; disk_memory_faults() while nobody is in a call.
 */
#ifndef DIBS_LOG_DISK_MEMORY_H
#define DIBS_LOG_DISK_MEMORY_H

#include "log/disk.h"

#define DISK_SECTOR 512 /* what a disk writes whole or not at all */

struct disk_memory_faults {
	uint32_t fail_call_in;   /* nothing of the n-th call, whatever it is, is done: FAULT_IO */
	uint32_t crash_in;       /* the n-th call is the last that reaches the disk, perhaps in part; then all fail */
	uint32_t fail_sync_in;   /* the n-th sync of a file fails with FAULT_IO */
	bool fail_sync_for_good; /* and all after it */
	uint32_t fail_write_in;  /* nothing of the n-th write is taken */
	uint32_t short_write_in; /* half of the n-th write is taken; FAULT_IO */
	uint32_t fail_read_in;
	uint64_t capacity; /* bytes that all files together may have; 0: no bound. Beyond it FAULT_NO_SPACE */
};

struct disk *disk_memory_new(void);
struct disk_memory_faults *disk_memory_faults(struct disk *disk);
/* The same while threads are at work. */
void disk_memory_set_faults(struct disk *disk, const struct disk_memory_faults *faults);
/* Calls so far: crash_in 1..calls meets every one of the same run. */
uint64_t disk_memory_calls(struct disk *disk);
/* What is left after the power went. A seed of 0: everything that was not synced is lost. */
struct disk *disk_memory_crash(struct disk *disk, uint64_t seed);
/* Changes a byte at rest. False: no such file, or it is shorter. */
bool disk_memory_corrupt(struct disk *disk, const char *name, uint64_t offset, uint8_t xor_with);
uint64_t disk_memory_used(struct disk *disk); /* bytes of all files that have a name */

#endif
