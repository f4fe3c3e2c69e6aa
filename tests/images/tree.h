/* tree: the names of a simulated disk, and the pages of its files; what recorder, timeline and image share.
 *
 * Contents are tables of pages that many disks point to. A page is written by whoever allotted it, and by nobody once
 * another table has it too, so an image of a whole data directory costs a few hundred bytes and the pages that differ.
 *
 * Units    pages of DISK_PAGE, sectors of SECTOR_SIZE: what a disk writes whole, unless it is torn.
 * Memory   fixed; what does not fit stops the test.
 * Thread   one.
 */
#ifndef DIBS_TESTS_IMAGES_TREE_H
#define DIBS_TESTS_IMAGES_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "log/disk.h"

#define SECTOR_SIZE 512
#define SECTORS_A_PAGE (DISK_PAGE / SECTOR_SIZE)
#define TREE_NAME_SIZE 48
#define TREE_NAMES_MAX 96
#define INODES_MAX 192
#define FILE_PAGES_MAX 64
#define FOLDER (-1) /* in place of an inode */
#define NOBODY (-2) /* no such name */

struct content {
	uint8_t **pages; /* FILE_PAGES_MAX of them, zero_page behind the end; NULL: no file */
	uint64_t size;
};

struct entry {
	char name[TREE_NAME_SIZE];
	int inode;
};

struct tree {
	struct entry of[TREE_NAMES_MAX];
	int count;
};

extern uint8_t zero_page[DISK_PAGE]; /* everybody's, nobody writes it */

int tree_find(const struct tree *tree, const char *name); /* its inode, FOLDER or NOBODY */
void tree_set(struct tree *tree, const char *name, int inode);
void tree_remove(struct tree *tree, const char *name);
bool tree_has_folder_of(const struct tree *tree, const char *name);
/* The name without its folder, if it lies right in that folder; else NULL. */
const char *tree_inside(const char *name, const char *folder);
void tree_name_copy(char to[TREE_NAME_SIZE], const char *name);

/* splitmix64 (G. Steele, D. Lea, C. Flood, 2014) */
static inline uint64_t draw(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline uint64_t draw_below(uint64_t *state, uint64_t bound)
{
	return draw(state) % bound;
}

#endif
