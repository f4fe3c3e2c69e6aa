/* The calls of disk.h on a platter: each takes the lock, counts, fails when it is told to, and does its part. */
#include "log/disk_memory.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "log/platter.h"

struct memory_disk {
	struct disk disk;
	pthread_mutex_t lock;
	struct platter platter;
	struct disk_memory_faults faults;
	uint64_t calls;
	bool is_dead;
};

struct disk_file {
	struct memory_disk *disk;
	struct inode *inode;
	char name[PLATTER_NAME_SIZE];
};

static struct memory_disk *memory_of(struct disk *disk)
{
	return (struct memory_disk *)(void *)disk;
}

/* ---- calls and their faults ---- */

static bool is_due(uint32_t *countdown)
{
	return *countdown > 0 && --*countdown == 0;
}

/* Every call begins here, and holds the lock until leave(). */
static int enter(struct memory_disk *disk, const char *call, const char *name, struct error *error)
{
	pthread_mutex_lock(&disk->lock);
	disk->calls++;
	if (disk->is_dead) {
		pthread_mutex_unlock(&disk->lock);
		return error_set(error, FAULT_IO, "%s %s: the power is off", call, name);
	}
	if (is_due(&disk->faults.fail_call_in)) {
		pthread_mutex_unlock(&disk->lock);
		return error_set(error, FAULT_IO, "%s %s: the medium does not answer", call, name);
	}
	return 0;
}

/* The call has done its part; if it is the last one before the crash, nobody hears of it. */
static int leave(struct memory_disk *disk, int result, struct error *error)
{
	if (is_due(&disk->faults.crash_in)) {
		disk->is_dead = true;
		result = error_set(error, FAULT_IO, "the power went");
	}
	pthread_mutex_unlock(&disk->lock);
	return result;
}

/* ---- the calls on files ---- */

static bool has_space(const struct memory_disk *disk, const struct inode *inode, uint64_t size)
{
	uint64_t more = size > inode->size ? size - inode->size : 0;
	return disk->faults.capacity == 0 || more == 0 || platter_used(&disk->platter) + more <= disk->faults.capacity;
}

static int find_or_create(struct memory_disk *disk, const char *name, enum disk_open how, struct inode **ret,
                          struct error *error)
{
	struct inode *inode = platter_find(&disk->platter, name);
	if (how != DISK_CREATE && (!inode || inode->is_folder))
		return error_set(error, FAULT_NOT_FOUND, "open %s: there is no such file", name);
	if (how == DISK_CREATE && inode)
		return error_set(error, FAULT_IO, "create %s: it exists", name);
	if (how == DISK_CREATE && !platter_has_folder_of(&disk->platter, name))
		return error_set(error, FAULT_NOT_FOUND, "create %s: there is no such folder", name);
	if (how == DISK_CREATE && disk->faults.capacity != 0 && platter_used(&disk->platter) >= disk->faults.capacity)
		return error_set(error, FAULT_NO_SPACE, "create %s: the disk is full", name);
	if (!inode) {
		inode = platter_new_inode(&disk->platter, false);
		platter_set_name(&disk->platter, name, inode);
	}
	*ret = inode;
	return 0;
}

static int memory_open(struct disk *of, const char *name, enum disk_open how, struct disk_file **ret,
                       struct error *error)
{
	struct memory_disk *disk = memory_of(of);
	struct inode *inode = NULL;
	int fault = enter(disk, "open", name, error);
	if (fault)
		return fault;
	fault = leave(disk, find_or_create(disk, name, how, &inode, error), error);
	if (fault)
		return fault;
	struct disk_file *file = calloc(1, sizeof *file);
	must(file);
	file->disk = disk;
	file->inode = inode;
	snprintf(file->name, sizeof file->name, "%s", name);
	*ret = file;
	return 0;
}

static void memory_close(struct disk_file *file)
{
	free(file);
}

static int memory_size(struct disk_file *file, uint64_t *ret, struct error *error)
{
	int fault = enter(file->disk, "size of", file->name, error);
	if (fault)
		return fault;
	uint64_t size = file->inode->size;
	fault = leave(file->disk, 0, error);
	if (!fault)
		*ret = size;
	return fault;
}

static int64_t memory_read(struct disk_file *file, void *into, size_t size, uint64_t offset, struct error *error)
{
	const struct inode *inode = file->inode;
	int fault = enter(file->disk, "read", file->name, error);
	if (fault)
		return fault;
	size_t there = offset >= inode->size ? 0 : (size_t)(inode->size - offset);
	size_t got = size < there ? size : there;
	if (is_due(&file->disk->faults.fail_read_in))
		fault = error_set(error, FAULT_IO, "read %s: the medium does not answer", file->name);
	else if (got > 0)
		memcpy(into, inode->now + offset, got);
	fault = leave(file->disk, fault, error);
	return fault ? fault : (int64_t)got;
}

static int put_or_fail(struct disk_file *file, const void *bytes, uint64_t size, uint64_t offset, struct error *error)
{
	struct memory_disk *disk = file->disk;
	if (!has_space(disk, file->inode, offset + size))
		return error_set(error, FAULT_NO_SPACE, "write %s: the disk is full", file->name);
	if (is_due(&disk->faults.fail_write_in))
		return error_set(error, FAULT_IO, "write %s: the medium does not answer", file->name);
	bool is_short = is_due(&disk->faults.short_write_in);
	inode_put(file->inode, bytes, is_short ? size / 2 : size, offset);
	return is_short ? error_set(error, FAULT_IO, "write %s: half of it was taken", file->name) : 0;
}

static int memory_write(struct disk_file *file, const void *bytes, size_t size, uint64_t offset, struct error *error)
{
	int fault = enter(file->disk, "write", file->name, error);
	return fault ? fault : leave(file->disk, put_or_fail(file, bytes, size, offset, error), error);
}

static int memory_fill(struct disk_file *file, uint64_t size, struct error *error)
{
	int fault = enter(file->disk, "fill", file->name, error);
	return fault ? fault : leave(file->disk, put_or_fail(file, NULL, size, 0, error), error);
}

static int memory_sync(struct disk_file *file, struct error *error)
{
	struct memory_disk *disk = file->disk;
	int fault = enter(disk, "sync", file->name, error);
	if (fault)
		return fault;
	bool fails = is_due(&disk->faults.fail_sync_in);
	if (fails && disk->faults.fail_sync_for_good)
		disk->faults.fail_sync_in = 1;
	inode_sync(file->inode, !fails);
	if (fails)
		fault = error_set(error, FAULT_IO, "sync %s: the medium does not answer", file->name);
	return leave(disk, fault, error);
}

/* ---- the calls on names ---- */

static int memory_sync_folder(struct disk *of, const char *folder, struct error *error)
{
	struct memory_disk *disk = memory_of(of);
	int fault = enter(disk, "sync folder", folder, error);
	if (fault)
		return fault;
	platter_sync_folder(&disk->platter, folder);
	return leave(disk, 0, error);
}

static int rename_it(struct memory_disk *disk, const char *from, const char *to, struct error *error)
{
	if (!platter_find(&disk->platter, from) || !platter_has_folder_of(&disk->platter, to))
		return error_set(error, FAULT_NOT_FOUND, "rename %s: it or its new folder is not there", from);
	platter_rename(&disk->platter, from, to);
	return 0;
}

static int memory_rename(struct disk *of, const char *from, const char *to, struct error *error)
{
	struct memory_disk *disk = memory_of(of);
	int fault = enter(disk, "rename", from, error);
	return fault ? fault : leave(disk, rename_it(disk, from, to, error), error);
}

static int memory_remove(struct disk *of, const char *name, struct error *error)
{
	struct memory_disk *disk = memory_of(of);
	int fault = enter(disk, "remove", name, error);
	if (fault)
		return fault;
	if (platter_find(&disk->platter, name))
		platter_set_name(&disk->platter, name, NULL);
	else
		fault = error_set(error, FAULT_NOT_FOUND, "remove %s: there is no such file", name);
	return leave(disk, fault, error);
}

/* What is cut off is gone at once and at rest: its bytes were nobody's, so nothing is lost by being strict here. */
static int memory_shrink(struct disk *of, const char *name, uint64_t size, struct error *error)
{
	struct memory_disk *disk = memory_of(of);
	int fault = enter(disk, "shrink", name, error);
	if (fault)
		return fault;
	struct inode *inode = platter_find(&disk->platter, name);
	if (!inode)
		fault = error_set(error, FAULT_NOT_FOUND, "shrink %s: there is no such file", name);
	else if (size < inode->size)
		inode->size = size;
	if (inode && size < inode->stable_size)
		inode->stable_size = size;
	return leave(disk, fault, error);
}

static int memory_make_folder(struct disk *of, const char *name, struct error *error)
{
	struct memory_disk *disk = memory_of(of);
	int fault = enter(disk, "make folder", name, error);
	if (fault)
		return fault;
	if (!platter_find(&disk->platter, name))
		platter_set_name(&disk->platter, name, platter_new_inode(&disk->platter, true));
	return leave(disk, 0, error);
}

static int memory_list(struct disk *of, const char *folder, disk_name_fn *each, void *context, struct error *error)
{
	struct memory_disk *disk = memory_of(of);
	size_t prefix = strlen(folder);
	int fault = enter(disk, "list", folder, error);
	if (fault)
		return fault;
	const struct inode *is_there = *folder ? platter_find(&disk->platter, folder) : NULL;
	if (*folder && (!is_there || !is_there->is_folder))
		return leave(disk, error_set(error, FAULT_NOT_FOUND, "list %s: there is no such folder", folder),
		             error);
	const struct names *names = &disk->platter.now;
	for (size_t i = 0; i < names->count; i++) {
		const struct name *name = &names->of[i];
		char its_folder[PLATTER_NAME_SIZE];
		platter_folder_of(name->text, its_folder);
		if (!name->inode->is_folder && strcmp(its_folder, folder) == 0)
			each(context, name->text + (prefix ? prefix + 1 : 0), name->inode->size);
	}
	return leave(disk, 0, error);
}

/* One process, one disk: nobody else can hold it. */
static int memory_lock(struct disk *of, const char *name, struct error *error)
{
	struct memory_disk *disk = memory_of(of);
	int fault = enter(disk, "lock", name, error);
	return fault ? fault : leave(disk, 0, error);
}

static void memory_done(struct disk *of)
{
	struct memory_disk *disk = memory_of(of);
	platter_fini(&disk->platter);
	pthread_mutex_destroy(&disk->lock);
	free(disk);
}

static const struct disk_ops ops = {
    .open = memory_open,
    .close = memory_close,
    .size = memory_size,
    .read = memory_read,
    .write = memory_write,
    .fill = memory_fill,
    .sync_data = memory_sync,
    .sync_all = memory_sync,
    .sync_folder = memory_sync_folder,
    .rename = memory_rename,
    .remove = memory_remove,
    .shrink = memory_shrink,
    .make_folder = memory_make_folder,
    .list = memory_list,
    .lock = memory_lock,
    .done = memory_done,
};

/* ---- for tests ---- */

struct disk *disk_memory_crash(struct disk *of, uint64_t seed)
{
	struct memory_disk *disk = memory_of(of);
	struct disk *after = disk_memory_new();
	pthread_mutex_lock(&disk->lock);
	platter_crash(&memory_of(after)->platter, &disk->platter, seed);
	pthread_mutex_unlock(&disk->lock);
	return after;
}

struct disk *disk_memory_new(void)
{
	struct memory_disk *disk = calloc(1, sizeof *disk);
	must(disk);
	disk->disk.ops = &ops;
	pthread_mutex_init(&disk->lock, NULL);
	return &disk->disk;
}

struct disk_memory_faults *disk_memory_faults(struct disk *disk)
{
	return &memory_of(disk)->faults;
}

void disk_memory_set_faults(struct disk *of, const struct disk_memory_faults *faults)
{
	struct memory_disk *disk = memory_of(of);
	pthread_mutex_lock(&disk->lock);
	disk->faults = *faults;
	pthread_mutex_unlock(&disk->lock);
}

uint64_t disk_memory_calls(struct disk *disk)
{
	return memory_of(disk)->calls;
}

uint64_t disk_memory_used(struct disk *disk)
{
	return platter_used(&memory_of(disk)->platter);
}

bool disk_memory_corrupt(struct disk *disk, const char *name, uint64_t offset, uint8_t xor_with)
{
	struct inode *inode = platter_find(&memory_of(disk)->platter, name);
	if (!inode || offset >= inode->size)
		return false;
	inode->now[offset] ^= xor_with;
	inode->stable[offset] ^= xor_with;
	return true;
}
