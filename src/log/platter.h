/* platter: what the simulated disk remembers: two of everything, as the running process sees it and as it is at rest.
 *
 *   inode   now, size | stable, stable_size, and which sectors of `now` are on their way (dirty)
 *   names   now | stable, and the changes that no sync of their folder has made stable yet, in their order
 *
 * A crash starts from what is stable and lets each dirty sector and each change through by chance.
 *
 * Memory   the platter owns its inodes until it is done with. A test that runs out of memory stops.
 * Thread   one at a time (disk_memory.c holds its lock).
 */
#ifndef DIBS_LOG_PLATTER_H
#define DIBS_LOG_PLATTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLATTER_NAME_SIZE 64

struct inode {
	struct inode *next; /* all of the platter */
	bool is_folder;
	uint8_t *now, *stable;
	uint8_t *dirty; /* a byte a sector */
	uint64_t size, stable_size, capacity;
};

struct name {
	char text[PLATTER_NAME_SIZE];
	struct inode *inode; /* in a change, NULL: the name goes */
};

struct names {
	struct name *of;
	size_t count, max;
};

struct change {
	char folder[PLATTER_NAME_SIZE];
	struct name set[2]; /* both or none: a rename within a folder */
	int count;
};

struct platter {
	struct inode *inodes;
	struct names now, stable;
	struct change *changes;
	size_t change_count, change_max;
};

void platter_fini(struct platter *platter);
struct inode *platter_find(const struct platter *platter, const char *name); /* NULL: there is none */
bool platter_has_folder_of(const struct platter *platter, const char *name);
struct inode *platter_new_inode(struct platter *platter, bool is_folder);
/* The name is this inode's from now on, or nobody's (NULL). */
void platter_set_name(struct platter *platter, const char *name, struct inode *inode);
void platter_rename(struct platter *platter, const char *from, const char *to);
void platter_sync_folder(struct platter *platter, const char *folder);
void platter_folder_of(const char *name, char ret[PLATTER_NAME_SIZE]);
uint64_t platter_used(const struct platter *platter); /* bytes of all files that have a name */

void inode_put(struct inode *inode, const void *bytes, uint64_t size, uint64_t offset); /* NULL: zeros */
/* keeps_it false: a sync that failed; what was on its way is forgotten, and stays as it was at rest. */
void inode_sync(struct inode *inode, bool keeps_it);

/* Fills an empty platter with what is left of the other one after a crash. Seed 0: nothing but what is stable. */
void platter_crash(struct platter *after, const struct platter *before, uint64_t seed);

#endif
