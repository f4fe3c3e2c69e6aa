#include "image.h"

#include <stdlib.h>

#include "base/must.h"

static struct image *image_of(struct disk *disk)
{
	return (struct image *)(void *)disk;
}

/* ---- pages ---- */

static void own_table(struct image *image, int inode)
{
	struct content *file = &image->files[inode];
	if (image->owns_table[inode])
		return;
	must(image->tables_used < IMAGE_TABLES_MAX);
	uint8_t **table = image->tables + (size_t)FILE_PAGES_MAX * image->tables_used++;
	memcpy(table, file->pages, FILE_PAGES_MAX * sizeof *table);
	file->pages = table;
	image->owns_table[inode] = true;
}

static bool owns_page(const struct image *image, const uint8_t *page)
{
	return page >= image->pages && page < image->pages + (size_t)IMAGE_PAGES_MAX * DISK_PAGE;
}

uint8_t *image_page(struct image *image, int inode, uint32_t page)
{
	must(page < FILE_PAGES_MAX);
	own_table(image, inode);
	uint8_t **place = &image->files[inode].pages[page];
	if (!owns_page(image, *place)) {
		must(image->pages_used < IMAGE_PAGES_MAX);
		uint8_t *copy = image->pages + (size_t)DISK_PAGE * image->pages_used++;
		memcpy(copy, *place, DISK_PAGE);
		*place = copy;
	}
	return *place;
}

void image_put(struct image *image, int inode, const void *bytes, uint64_t size, uint64_t offset)
{
	const uint8_t *from = bytes;
	struct content *file = &image->files[inode];
	uint64_t end = offset + size;
	must(end <= (uint64_t)FILE_PAGES_MAX * DISK_PAGE);
	while (offset < end) {
		uint64_t at = offset % DISK_PAGE, part = DISK_PAGE - at < end - offset ? DISK_PAGE - at : end - offset;
		memcpy(image_page(image, inode, (uint32_t)(offset / DISK_PAGE)) + at, from, part);
		from += part;
		offset += part;
	}
	if (end > file->size)
		file->size = end;
}

/* ---- files ---- */

static int image_open(struct disk *disk, const char *name, enum disk_open how, struct disk_file **ret,
                      struct error *error)
{
	struct image *image = image_of(disk);
	int inode = tree_find(&image->names, name);
	if (how != DISK_CREATE && inode < 0)
		return error_set(error, FAULT_NOT_FOUND, "open %s: there is no such file", name);
	if (how == DISK_CREATE && inode != NOBODY)
		return error_set(error, FAULT_IO, "create %s: it exists", name);
	if (how == DISK_CREATE && !tree_has_folder_of(&image->names, name))
		return error_set(error, FAULT_NOT_FOUND, "create %s: there is no such folder", name);
	if (how == DISK_CREATE) {
		must(image->inode_count < INODES_MAX && image->tables_used < IMAGE_TABLES_MAX);
		inode = image->inode_count++;
		uint8_t **table = image->tables + (size_t)FILE_PAGES_MAX * image->tables_used++;
		for (int i = 0; i < FILE_PAGES_MAX; i++)
			table[i] = zero_page;
		image->files[inode] = (struct content){.pages = table};
		image->owns_table[inode] = true;
		tree_set(&image->names, name, inode);
		image->changes++;
	}
	struct disk_file *file = image->free_handle;
	must(file);
	image->free_handle = file->next_free;
	file->image = image;
	file->inode = inode;
	*ret = file;
	return 0;
}

static void image_close(struct disk_file *file)
{
	file->next_free = file->image->free_handle;
	file->image->free_handle = file;
}

static int image_size(struct disk_file *file, uint64_t *ret, struct error *error)
{
	*ret = file->image->files[file->inode].size;
	return 0;
}

static int64_t image_read(struct disk_file *file, void *into, size_t size, uint64_t offset, struct error *error)
{
	const struct content *content = &file->image->files[file->inode];
	uint8_t *to = into;
	uint64_t there = offset >= content->size ? 0 : content->size - offset;
	uint64_t end = offset + (size < there ? size : there);
	int64_t got = (int64_t)(end - offset);
	while (offset < end) {
		uint64_t at = offset % DISK_PAGE, part = DISK_PAGE - at < end - offset ? DISK_PAGE - at : end - offset;
		memcpy(to, content->pages[offset / DISK_PAGE] + at, part);
		to += part;
		offset += part;
	}
	return got;
}

static int image_write(struct disk_file *file, const void *bytes, size_t size, uint64_t offset, struct error *error)
{
	file->image->changes++;
	image_put(file->image, file->inode, bytes, size, offset);
	return 0;
}

static int image_fill(struct disk_file *file, uint64_t size, struct error *error)
{
	struct image *image = file->image;
	struct content *content = &image->files[file->inode];
	must(size % DISK_PAGE == 0 && size <= (uint64_t)FILE_PAGES_MAX * DISK_PAGE);
	image->changes++;
	own_table(image, file->inode);
	for (uint64_t i = 0; i < size / DISK_PAGE; i++)
		content->pages[i] = zero_page;
	if (size > content->size)
		content->size = size;
	return 0;
}

static int image_sync(struct disk_file *file, struct error *error)
{
	return 0;
}

/* ---- names ---- */

static int image_sync_folder(struct disk *disk, const char *folder, struct error *error)
{
	return 0;
}

static int image_rename(struct disk *disk, const char *from, const char *to, struct error *error)
{
	struct image *image = image_of(disk);
	int inode = tree_find(&image->names, from);
	if (inode < 0 || !tree_has_folder_of(&image->names, to))
		return error_set(error, FAULT_NOT_FOUND, "rename %s: it or its new folder is not there", from);
	tree_remove(&image->names, from);
	tree_set(&image->names, to, inode);
	image->changes++;
	return 0;
}

static int image_remove(struct disk *disk, const char *name, struct error *error)
{
	struct image *image = image_of(disk);
	if (tree_find(&image->names, name) < 0)
		return error_set(error, FAULT_NOT_FOUND, "remove %s: there is no such file", name);
	tree_remove(&image->names, name);
	image->changes++;
	return 0;
}

static int image_shrink(struct disk *disk, const char *name, uint64_t size, struct error *error)
{
	struct image *image = image_of(disk);
	int inode = tree_find(&image->names, name);
	if (inode < 0)
		return error_set(error, FAULT_NOT_FOUND, "shrink %s: there is no such file", name);
	if (size < image->files[inode].size)
		image->files[inode].size = size;
	image->changes++;
	return 0;
}

static int image_make_folder(struct disk *disk, const char *name, struct error *error)
{
	struct image *image = image_of(disk);
	if (tree_find(&image->names, name) == NOBODY) {
		tree_set(&image->names, name, FOLDER);
		image->changes++;
	}
	return 0;
}

static int image_list(struct disk *disk, const char *folder, disk_name_fn *each, void *context, struct error *error)
{
	struct image *image = image_of(disk);
	if (*folder && tree_find(&image->names, folder) != FOLDER)
		return error_set(error, FAULT_NOT_FOUND, "list %s: there is no such folder", folder);
	for (int i = 0; i < image->names.count; i++) {
		const struct entry *entry = &image->names.of[i];
		const char *name = tree_inside(entry->name, folder);
		if (name && entry->inode != FOLDER)
			each(context, name, image->files[entry->inode].size);
	}
	return 0;
}

static int image_lock(struct disk *disk, const char *name, struct error *error)
{
	return 0;
}

static void image_done(struct disk *disk)
{
	image_free(image_of(disk));
}

static const struct disk_ops ops = {
    .open = image_open,
    .close = image_close,
    .size = image_size,
    .read = image_read,
    .write = image_write,
    .fill = image_fill,
    .sync_data = image_sync,
    .sync_all = image_sync,
    .sync_folder = image_sync_folder,
    .rename = image_rename,
    .remove = image_remove,
    .shrink = image_shrink,
    .make_folder = image_make_folder,
    .list = image_list,
    .lock = image_lock,
    .done = image_done,
};

/* ---- making ---- */

void image_clear(struct image *image)
{
	image->names.count = 0;
	for (int i = 0; i < image->inode_count; i++)
		image->files[i] = (struct content){0};
	memset(image->owns_table, 0, sizeof image->owns_table);
	image->inode_count = 0;
	image->pages_used = image->tables_used = 0;
	image->changes = 0;
	image->free_handle = NULL;
	for (int i = 0; i < IMAGE_HANDLES_MAX; i++) {
		image->handles[i].next_free = image->free_handle;
		image->free_handle = &image->handles[i];
	}
}

struct image *image_new(void)
{
	struct image *image = calloc(1, sizeof *image);
	must(image);
	image->disk.ops = &ops;
	image->pages = aligned_alloc(DISK_PAGE, (size_t)IMAGE_PAGES_MAX * DISK_PAGE);
	image->tables = calloc((size_t)IMAGE_TABLES_MAX * FILE_PAGES_MAX, sizeof *image->tables);
	must(image->pages && image->tables);
	image_clear(image);
	return image;
}

void image_free(struct image *image)
{
	free(image->pages);
	free(image->tables);
	free(image);
}
