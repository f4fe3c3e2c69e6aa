#include "disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

#define NODES_MAX 2048
#define NAME_MAX_SIZE 64
#define BATCH_MAGIC UINT32_C(0xc4a74264)

/* A file by what was written to it, whatever it is called at the time. */
struct node {
	char name[NAME_MAX_SIZE];
	uint64_t written, synced; /* the highest sequence in its batches */
	bool is_used, name_synced;
};

struct disk_file {
	struct sim_disk *disk;
	struct disk_file *inner, *next_free;
	struct node *node;
};

/* The last write that no sync has followed. */
struct open_write {
	struct node *node; /* NULL: there is none */
	uint64_t offset;
	size_t size;
	uint8_t bytes[LIE_BYTES_MAX];
};

struct sim_disk {
	struct disk disk;
	struct disk *inner;
	void (*hook)(void *context);
	void *context;
	bool is_dead;
	bool dies_halfway;
	uint32_t die_in;
	uint64_t truth;
	struct node nodes[NODES_MAX];
	uint32_t node_count;
	struct disk_file *free_files;
	struct open_write open_write;
	uint32_t lie_in;
	bool lie_misdirects;
	uint64_t lie_luck;
	struct disk_lie lie;
};

static struct sim_disk *sim_of(struct disk *disk)
{
	return (struct sim_disk *)(void *)disk;
}

/* ---- nodes ---- */

static struct node *node_of(struct sim_disk *disk, const char *name)
{
	struct node *unused = NULL;
	for (uint32_t i = 0; i < disk->node_count; i++) {
		struct node *node = &disk->nodes[i];
		if (!node->is_used)
			unused = node;
		else if (strcmp(node->name, name) == 0)
			return node;
	}
	if (!unused) {
		must(disk->node_count < NODES_MAX);
		unused = &disk->nodes[disk->node_count++];
	}
	*unused = (struct node){.is_used = true};
	snprintf(unused->name, sizeof unused->name, "%s", name);
	return unused;
}

static bool is_segment(const char *name)
{
	size_t size = strlen(name);
	return strncmp(name, "log/", 4) == 0 && size > 8 && strcmp(name + size - 4, ".seg") == 0;
}

static void see_truth(struct sim_disk *disk, const struct node *node)
{
	if (node->name_synced && is_segment(node->name) && node->synced > disk->truth)
		disk->truth = node->synced;
}

static uint32_t u32_at(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof value);
	return value;
}

static uint64_t u64_at(const uint8_t *at)
{
	uint64_t value;
	memcpy(&value, at, sizeof value);
	return value;
}

/* The batches in what is written, found by their magic at the pages' beginnings. */
static bool find_batches(const uint8_t *bytes, size_t size, uint64_t *ret_first, uint64_t *ret_last)
{
	bool found = false;
	for (size_t at = 0; at + 128 <= size; at += DISK_PAGE) {
		if (u32_at(bytes + at) != BATCH_MAGIC)
			continue;
		uint32_t batch = u32_at(bytes + at + 8), count = u32_at(bytes + at + 12);
		if (count > 0) {
			*ret_first = u64_at(bytes + at + 16);
			*ret_last = *ret_first + count - 1;
			found = true;
		}
		at += batch > DISK_PAGE ? (batch - 1) / DISK_PAGE * DISK_PAGE : 0;
	}
	return found;
}

/* ---- every call ---- */

static int enter(struct sim_disk *disk, struct error *error)
{
	if (!disk->is_dead && disk->hook)
		disk->hook(disk->context);
	return disk->is_dead ? error_set(error, FAULT_IO, "the process is dead") : 0;
}

static int leave(struct sim_disk *disk, int result, struct error *error)
{
	if (disk->die_in > 0 && --disk->die_in == 0)
		disk->is_dead = true;
	return disk->is_dead ? error_set(error, FAULT_IO, "the process died in this call") : result;
}

static bool dies_in_between(const struct sim_disk *disk)
{
	return disk->die_in == 1 && disk->dies_halfway;
}

/* ---- files ---- */

static int sim_open(struct disk *of, const char *name, enum disk_open how, struct disk_file **ret, struct error *error)
{
	struct sim_disk *disk = sim_of(of);
	struct disk_file *inner = NULL;
	int fault = enter(disk, error);
	if (fault)
		return fault;
	fault = leave(disk, disk_open(disk->inner, name, how, &inner, error), error);
	if (fault) {
		if (inner)
			disk_close(disk->inner, inner);
		return fault;
	}
	struct disk_file *file = disk->free_files;
	if (file)
		disk->free_files = file->next_free;
	else
		file = malloc(sizeof *file);
	must(file);
	*file = (struct disk_file){.disk = disk, .inner = inner, .node = node_of(disk, name)};
	*ret = file;
	return 0;
}

static void sim_close(struct disk_file *file)
{
	disk_close(file->disk->inner, file->inner);
	file->next_free = file->disk->free_files;
	file->disk->free_files = file;
}

static int sim_size(struct disk_file *file, uint64_t *ret, struct error *error)
{
	int fault = enter(file->disk, error);
	return fault ? fault : leave(file->disk, disk_size(file->disk->inner, file->inner, ret, error), error);
}

static int64_t sim_read(struct disk_file *file, void *into, size_t size, uint64_t offset, struct error *error)
{
	int fault = enter(file->disk, error);
	if (fault)
		return fault;
	int64_t got = disk_read(file->disk->inner, file->inner, into, size, offset, error);
	fault = leave(file->disk, got < 0 ? (int)got : 0, error);
	return fault ? fault : got;
}

static int inner_write(struct sim_disk *disk, const char *name, const void *bytes, size_t size, uint64_t offset)
{
	struct disk_file *file;
	int fault = disk_open(disk->inner, name, DISK_WRITE, &file, NULL);
	if (fault)
		return fault;
	fault = disk_write(disk->inner, file, bytes, size, offset, NULL);
	if (!fault)
		fault = disk_sync_data(disk->inner, file, NULL);
	disk_close(disk->inner, file);
	return fault;
}

/* Another page of the same segment, where another thing stands or will. */
static uint64_t another_place(struct sim_disk *disk, const struct disk_lie *lie)
{
	struct dice luck = {disk->lie_luck};
	uint64_t pages = lie->offset / DISK_PAGE;
	uint64_t back = 1 + dice_below(&luck, (uint32_t)pages > 4 ? 4 : (uint32_t)pages);
	bool ahead = pages <= 2 || dice_percent(&luck, 50);
	return ahead ? lie->offset + (uint64_t)DISK_PAGE * dice_from(&luck, 1, 3) : lie->offset - back * DISK_PAGE;
}

static bool tell_lie(struct sim_disk *disk, const struct disk_file *file, const void *bytes, size_t size,
                     uint64_t offset, uint64_t first, uint64_t last)
{
	struct disk_lie *lie = &disk->lie;
	uint64_t file_size = 0;
	if (lie->is_told || size > LIE_BYTES_MAX || disk_size(disk->inner, file->inner, &file_size, NULL) != 0)
		return false;
	lie->misdirected = disk->lie_misdirects;
	lie->victim_first = 0;
	lie->offset = offset;
	lie->size = size;
	lie->first = first;
	lie->last = last;
	snprintf(lie->name, sizeof lie->name, "%s", file->node->name);
	memcpy(lie->bytes, bytes, size);
	lie->is_told = true;
	if (!lie->misdirected)
		return true;
	lie->to_offset = another_place(disk, lie);
	if (lie->to_offset < DISK_PAGE || lie->to_offset + size > file_size)
		lie->misdirected = false;
	if (lie->misdirected && disk_read(disk->inner, file->inner, lie->before, size, lie->to_offset, NULL) < 0)
		lie->misdirected = false;
	if (!lie->misdirected)
		return true;
	find_batches(lie->before, size, &lie->victim_first, &last);
	disk_write(disk->inner, file->inner, bytes, size, lie->to_offset, NULL);
	return true;
}

static void note_open_write(struct sim_disk *disk, struct node *node, const void *bytes, size_t size, uint64_t offset)
{
	struct open_write *open = &disk->open_write;
	if (size > sizeof open->bytes || strncmp(node->name, "log/", 4) != 0)
		return;
	open->node = node;
	open->offset = offset;
	open->size = size;
	memcpy(open->bytes, bytes, size);
}

static int sim_write(struct disk_file *file, const void *bytes, size_t size, uint64_t offset, struct error *error)
{
	struct sim_disk *disk = file->disk;
	uint64_t first = 0, last = 0;
	int fault = enter(disk, error);
	if (fault)
		return fault;
	bool has_batch = find_batches(bytes, size, &first, &last);
	if (has_batch && is_segment(file->node->name) && disk->lie_in > 0 && --disk->lie_in == 0 &&
	    tell_lie(disk, file, bytes, size, offset, first, last)) {
		file->node->written = last;
		disk->is_dead = disk->lie_luck % 8 == 0; /* nobody heard of it yet */
		return leave(disk, 0, error);
	}
	fault = disk_write(disk->inner, file->inner, bytes, dies_in_between(disk) ? size / 2 : size, offset, error);
	if (fault == 0 && has_batch && last > file->node->written)
		file->node->written = last;
	note_open_write(disk, file->node, bytes, size, offset);
	return leave(disk, fault, error);
}

static int sim_fill(struct disk_file *file, uint64_t size, struct error *error)
{
	int fault = enter(file->disk, error);
	if (fault)
		return fault;
	file->node->written = file->node->synced = 0;
	return leave(file->disk, disk_fill(file->disk->inner, file->inner, size, error), error);
}

static int sim_sync(struct disk_file *file, struct error *error)
{
	struct sim_disk *disk = file->disk;
	int fault = enter(disk, error);
	if (fault)
		return fault;
	/* What comes meanwhile to the same file is not part of it; the journal has one write in flight. */
	if (dies_in_between(disk))
		return leave(disk, 0, error);
	fault = disk_sync_data(disk->inner, file->inner, error);
	if (fault == 0) {
		file->node->synced = file->node->written;
		if (disk->open_write.node == file->node)
			disk->open_write.node = NULL;
		see_truth(disk, file->node);
	}
	return leave(disk, fault, error);
}

/* ---- names ---- */

static int sim_sync_folder(struct disk *of, const char *folder, struct error *error)
{
	struct sim_disk *disk = sim_of(of);
	int fault = enter(disk, error);
	if (fault)
		return fault;
	fault = disk_sync_folder(disk->inner, folder, error);
	for (uint32_t i = 0; fault == 0 && strcmp(folder, "log") == 0 && i < disk->node_count; i++) {
		struct node *node = &disk->nodes[i];
		if (!node->is_used || !is_segment(node->name))
			continue;
		node->name_synced = true;
		see_truth(disk, node);
	}
	return leave(disk, fault, error);
}

static int sim_rename(struct disk *of, const char *from, const char *to, struct error *error)
{
	struct sim_disk *disk = sim_of(of);
	int fault = enter(disk, error);
	if (fault)
		return fault;
	fault = disk_rename(disk->inner, from, to, error);
	if (fault == 0) {
		node_of(disk, to)->is_used = false;
		struct node *node = node_of(disk, from);
		snprintf(node->name, sizeof node->name, "%s", to);
		node->name_synced = false;
	}
	return leave(disk, fault, error);
}

static int sim_remove(struct disk *of, const char *name, struct error *error)
{
	struct sim_disk *disk = sim_of(of);
	int fault = enter(disk, error);
	return fault ? fault : leave(disk, disk_remove(disk->inner, name, error), error);
}

static int sim_shrink(struct disk *of, const char *name, uint64_t size, struct error *error)
{
	struct sim_disk *disk = sim_of(of);
	int fault = enter(disk, error);
	return fault ? fault : leave(disk, disk_shrink(disk->inner, name, size, error), error);
}

static int sim_make_folder(struct disk *of, const char *name, struct error *error)
{
	struct sim_disk *disk = sim_of(of);
	int fault = enter(disk, error);
	return fault ? fault : leave(disk, disk_make_folder(disk->inner, name, error), error);
}

static int sim_list(struct disk *of, const char *folder, disk_name_fn *each, void *context, struct error *error)
{
	struct sim_disk *disk = sim_of(of);
	int fault = enter(disk, error);
	return fault ? fault : leave(disk, disk_list(disk->inner, folder, each, context, error), error);
}

static int sim_lock(struct disk *of, const char *name, struct error *error)
{
	struct sim_disk *disk = sim_of(of);
	int fault = enter(disk, error);
	return fault ? fault : leave(disk, disk_lock(disk->inner, name, error), error);
}

static void sim_done(struct disk *of)
{
	sim_disk_free(sim_of(of));
}

static const struct disk_ops ops = {
    .open = sim_open,
    .close = sim_close,
    .size = sim_size,
    .read = sim_read,
    .write = sim_write,
    .fill = sim_fill,
    .sync_data = sim_sync,
    .sync_all = sim_sync,
    .sync_folder = sim_sync_folder,
    .rename = sim_rename,
    .remove = sim_remove,
    .shrink = sim_shrink,
    .make_folder = sim_make_folder,
    .list = sim_list,
    .lock = sim_lock,
    .done = sim_done,
};

/* ---- the world's side ---- */

struct sim_disk *sim_disk_new(void (*hook)(void *context), void *context)
{
	struct sim_disk *disk = calloc(1, sizeof *disk);
	must(disk);
	disk->disk.ops = &ops;
	disk->inner = disk_memory_new();
	disk->hook = hook;
	disk->context = context;
	return disk;
}

void sim_disk_free(struct sim_disk *disk)
{
	for (struct disk_file *file; (file = disk->free_files);) {
		disk->free_files = file->next_free;
		free(file);
	}
	disk_done(disk->inner);
	free(disk);
}

struct disk *sim_disk_port(struct sim_disk *disk)
{
	return &disk->disk;
}

struct disk *sim_disk_inner(struct sim_disk *disk)
{
	return disk->inner;
}

struct disk_memory_faults *sim_disk_faults(struct sim_disk *disk)
{
	return disk_memory_faults(disk->inner);
}

void sim_disk_kill(struct sim_disk *disk)
{
	disk->is_dead = true;
}

bool sim_disk_is_dead(const struct sim_disk *disk)
{
	return disk->is_dead;
}

void sim_disk_die_in(struct sim_disk *disk, uint32_t calls, bool halfway)
{
	disk->die_in = calls;
	disk->dies_halfway = halfway;
}

void sim_disk_revive(struct sim_disk *disk)
{
	disk->is_dead = false;
	disk->die_in = 0;
	disk->lie_in = 0;
}

/* A name that no sync has made durable may have come through all the same, or an older file may be back under it: what
 * stands there now is looked at. */
static void nodes_after_power(struct sim_disk *disk)
{
	static uint8_t bytes[LIE_BYTES_MAX];
	for (uint32_t i = 0; i < disk->node_count; i++) {
		struct node *node = &disk->nodes[i];
		uint64_t first, last = 0;
		if (!node->is_used || !is_segment(node->name) || node->name_synced) {
			node->written = node->synced;
			continue;
		}
		int64_t size = sim_disk_read_all(disk, node->name, bytes, sizeof bytes);
		if (size > 0)
			find_batches(bytes, (size_t)size, &first, &last);
		node->is_used = size > 0;
		node->name_synced = true;
		node->written = node->synced = last;
		see_truth(disk, node);
	}
	disk->open_write.node = NULL;
}

static enum disk_fate fate_of(struct sim_disk *disk)
{
	static uint8_t now[LIE_BYTES_MAX];
	const struct open_write *open = &disk->open_write;
	struct disk_file *file;
	bool there = false, gone = false, reordered = false;
	if (!open->node || disk_open(disk->inner, open->node->name, DISK_READ, &file, NULL) != 0)
		return FATE_NOTHING_OPEN;
	memset(now, 0, open->size);
	disk_read(disk->inner, file, now, open->size, open->offset, NULL);
	disk_close(disk->inner, file);
	for (size_t at = 0; at < open->size; at += DISK_SECTOR) {
		bool is_zero =
		    open->bytes[at] == 0 && memcmp(open->bytes + at, open->bytes + at + 1, DISK_SECTOR - 1) == 0;
		if (is_zero) /* was zero before, too */
			continue;
		bool is_there = memcmp(now + at, open->bytes + at, DISK_SECTOR) == 0;
		reordered |= is_there && gone;
		there |= is_there;
		gone |= !is_there;
	}
	return reordered ? FATE_REORDERED : there && gone ? FATE_TORN : there ? FATE_WHOLE : FATE_LOST;
}

enum disk_fate sim_disk_power(struct sim_disk *disk, uint64_t luck)
{
	struct disk_memory_faults faults = *disk_memory_faults(disk->inner);
	struct disk *after = disk_memory_crash(disk->inner, luck);
	disk_done(disk->inner);
	disk->inner = after;
	*disk_memory_faults(after) = faults;
	enum disk_fate fate = fate_of(disk);
	nodes_after_power(disk);
	sim_disk_revive(disk);
	return fate;
}

void sim_disk_lie_in(struct sim_disk *disk, uint32_t writes, bool misdirected, uint64_t luck)
{
	disk->lie_in = writes;
	disk->lie_misdirects = misdirected;
	disk->lie_luck = luck;
}

const struct disk_lie *sim_disk_lie(const struct sim_disk *disk)
{
	return disk->lie.is_told ? &disk->lie : NULL;
}

/* What was lost had never been relied on. */
void sim_disk_forget_lie(struct sim_disk *disk)
{
	disk->lie.is_told = false;
}

/* Where the write went: what stood there is put back, unless a later batch has been written over it rightly. */
static void mend_victim(struct sim_disk *disk)
{
	static uint8_t now[LIE_BYTES_MAX];
	const struct disk_lie *lie = &disk->lie;
	struct disk_file *file;
	if (disk_open(disk->inner, lie->name, DISK_READ, &file, NULL) != 0)
		return;
	disk_read(disk->inner, file, now, lie->size, lie->to_offset, NULL);
	disk_close(disk->inner, file);
	bool later = lie->to_offset > lie->offset && u32_at(now) == BATCH_MAGIC && memcmp(now, lie->bytes, 128) != 0;
	if (!later)
		inner_write(disk, lie->name, lie->before, lie->size, lie->to_offset);
}

void sim_disk_mend_lie(struct sim_disk *disk)
{
	struct disk_lie *lie = &disk->lie;
	struct disk_memory_faults faults = *disk_memory_faults(disk->inner);
	if (!lie->is_told)
		return;
	*disk_memory_faults(disk->inner) = (struct disk_memory_faults){0};
	lie->is_told = false;
	if (lie->misdirected)
		mend_victim(disk);
	inner_write(disk, lie->name, lie->bytes, lie->size, lie->offset);
	*disk_memory_faults(disk->inner) = faults;
}

uint64_t sim_disk_truth(const struct sim_disk *disk)
{
	return disk->truth;
}

int64_t sim_disk_read_all(struct sim_disk *disk, const char *name, uint8_t *into, size_t size_max)
{
	struct disk_file *file;
	if (disk_open(disk->inner, name, DISK_READ, &file, NULL) != 0)
		return -1;
	int64_t got = disk_read(disk->inner, file, into, size_max, 0, NULL);
	disk_close(disk->inner, file);
	return got;
}

bool sim_disk_flip(struct sim_disk *disk, const char *name, uint64_t offset, uint8_t bits)
{
	return disk_memory_corrupt(disk->inner, name, offset, bits);
}
