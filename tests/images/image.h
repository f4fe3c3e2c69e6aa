/* image: what a disk may hold after the power went, as a disk that recovery runs on.
 *
 * Its files point to the timeline's pages; a page is copied when it is first written. Making the next image forgets
 * all of this one at once.
 *
 * Memory   taken once by image_new(); nothing is allotted per image.
 * Faults   FAULT_NOT_FOUND and the like as disk.h says; this disk itself never fails.
 * Thread   one.
 */
#ifndef DIBS_TESTS_IMAGES_IMAGE_H
#define DIBS_TESTS_IMAGES_IMAGE_H

#include "tree.h"

#define IMAGE_PAGES_MAX 2048
#define IMAGE_TABLES_MAX 512
#define IMAGE_HANDLES_MAX 16

struct image;

struct disk_file {
	struct image *image;
	int inode;
	struct disk_file *next_free;
};

struct image {
	struct disk disk;
	struct tree names;
	struct content files[INODES_MAX];
	bool owns_table[INODES_MAX];
	int inode_count;
	uint8_t *pages; /* IMAGE_PAGES_MAX */
	uint8_t **tables;
	uint32_t pages_used, tables_used;
	struct disk_file handles[IMAGE_HANDLES_MAX], *free_handle;
	uint64_t changes; /* calls that changed what is on it */
};

struct image *image_new(void);
void image_free(struct image *image);
void image_clear(struct image *image);
/* A page of the file that may be written. */
uint8_t *image_page(struct image *image, int inode, uint32_t page);
void image_put(struct image *image, int inode, const void *bytes, uint64_t size, uint64_t offset);

#endif
