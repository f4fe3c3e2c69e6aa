/* disk: the world's disk: the simulated one of log/disk_memory.h, made worse.
 *
 * Between a call's coming and its being done others may go on (the hook); the process may die inside a call; a write may
 * be reported and never done, or go to another place. And it knows better than the journal what is durable: it looks for
 * batches in what is written, and counts them when their file is synced and its name is. Against that every answer is
 * held (P3).
 */
#ifndef DIBS_SIM_DISK_H
#define DIBS_SIM_DISK_H

#include "dice.h"
#include "log/disk.h"
#include "log/disk_memory.h"

#define LIE_BYTES_MAX (512 * 1024)

/* What the disk has done instead of a write it reported. */
struct disk_lie {
	bool is_told, misdirected;
	char name[64], to_name[64];
	uint64_t offset, to_offset;
	size_t size;
	uint64_t first, last;  /* records of the batch */
	uint64_t victim_first; /* of the batch that a misdirected write has hit; 0: none */
	uint8_t bytes[LIE_BYTES_MAX], before[LIE_BYTES_MAX];
};

/* What became of the last unsynced write when the power went. */
enum disk_fate { FATE_NOTHING_OPEN, FATE_LOST, FATE_TORN, FATE_REORDERED, FATE_WHOLE };

struct sim_disk;

struct sim_disk *sim_disk_new(void (*hook)(void *context), void *context);
void sim_disk_free(struct sim_disk *disk);
struct disk *sim_disk_port(struct sim_disk *disk);
struct disk *sim_disk_inner(struct sim_disk *disk);
struct disk_memory_faults *sim_disk_faults(struct sim_disk *disk);

/* The process is dead: no call reaches the disk. */
void sim_disk_kill(struct sim_disk *disk);
bool sim_disk_is_dead(const struct sim_disk *disk);
/* The n-th call from now is the last of this process: it is done; or, halfway, half of a write is, and no sync. 0: off. */
void sim_disk_die_in(struct sim_disk *disk, uint32_t calls, bool halfway);
/* A new process, on what the last one left in the page cache. */
void sim_disk_revive(struct sim_disk *disk);
/* The same after the power went. */
enum disk_fate sim_disk_power(struct sim_disk *disk, uint64_t luck);

/* The n-th write of a batch from now is a lie. */
void sim_disk_lie_in(struct sim_disk *disk, uint32_t writes, bool misdirected, uint64_t luck);
const struct disk_lie *sim_disk_lie(const struct sim_disk *disk);
void sim_disk_forget_lie(struct sim_disk *disk);
/* Puts the bytes of the lie where they belong. */
void sim_disk_mend_lie(struct sim_disk *disk);

/* The highest sequence in a batch that is synced in a file whose name is synced. */
uint64_t sim_disk_truth(const struct sim_disk *disk);
/* All of a file, as a process would read it now. -1: there is none. */
int64_t sim_disk_read_all(struct sim_disk *disk, const char *name, uint8_t *into, size_t size_max);
bool sim_disk_flip(struct sim_disk *disk, const char *name, uint64_t offset, uint8_t bits);

#endif
