#include "recorder.h"

#include <stdlib.h>

#include "base/must.h"

struct recorder {
	struct disk disk;
	struct disk *inner;
	struct recording *into;
};

/* Another struct disk_file than the inner disk's; seen as one only through disk.h. */
struct handle {
	struct recorder *recorder;
	struct disk_file *inner;
	int inode;
};

static struct recorder *recorder_of(struct disk *disk)
{
	return (struct recorder *)(void *)disk;
}

static struct handle *handle_of(struct disk_file *file)
{
	return (struct handle *)(void *)file;
}

/* ---- the recording ---- */

void recording_init(struct recording *recording)
{
	*recording = (struct recording){.ops = calloc(OPS_MAX, sizeof *recording->ops),
	                                .marks = calloc(MARKS_MAX, sizeof *recording->marks),
	                                .bytes = malloc(RECORDED_BYTES_MAX)};
	must(recording->ops && recording->marks && recording->bytes);
}

void recording_fini(struct recording *recording)
{
	free(recording->ops);
	free(recording->marks);
	free(recording->bytes);
}

void recording_begin(struct recording *recording, const struct tree *names, int inode_count)
{
	recording->count = recording->mark_count = recording->bytes_used = 0;
	recording->names = *names;
	recording->inode_count = inode_count;
	recording->meanwhile = NULL;
}

void recording_mark(struct recording *recording, enum mark_kind kind, uint64_t value)
{
	must(recording->mark_count < MARKS_MAX);
	recording->marks[recording->mark_count++] = (struct mark){recording->count, kind, value};
}

/* What is being written begins with the next call; all else has been told by the time it is noted. */
uint64_t recording_told(const struct recording *recording, enum mark_kind kind, size_t count, uint64_t before)
{
	uint64_t told = before;
	for (size_t i = 0; i < recording->mark_count; i++) {
		const struct mark *mark = &recording->marks[i];
		if (mark->kind == kind && (kind == MARK_WRITING ? mark->at < count : mark->at <= count))
			told = mark->value;
	}
	return told;
}

static void let_others_go_on(struct recorder *recorder)
{
	if (recorder->into->meanwhile)
		recorder->into->meanwhile(recorder->into->context);
}

static struct op *note(struct recorder *recorder, enum op_kind kind, const char *name)
{
	struct recording *recording = recorder->into;
	must(recording->count < OPS_MAX);
	struct op *op = &recording->ops[recording->count++];
	*op = (struct op){.kind = kind, .inode = NOBODY};
	if (name)
		tree_name_copy(op->name, name);
	return op;
}

static const uint8_t *keep(struct recording *recording, const void *bytes, size_t size)
{
	must(recording->bytes_used + size <= RECORDED_BYTES_MAX);
	uint8_t *copy = recording->bytes + recording->bytes_used;
	memcpy(copy, bytes, size);
	recording->bytes_used += size;
	return copy;
}

/* ---- files ---- */

static int recorder_open(struct disk *disk, const char *name, enum disk_open how, struct disk_file **ret,
                         struct error *error)
{
	struct recorder *recorder = recorder_of(disk);
	struct recording *recording = recorder->into;
	struct disk_file *inner;
	if (how == DISK_CREATE)
		let_others_go_on(recorder);
	int fault = disk_open(recorder->inner, name, how, &inner, error);
	if (fault)
		return fault;
	struct handle *handle = malloc(sizeof *handle);
	must(handle);
	if (how == DISK_CREATE) {
		must(recording->inode_count < INODES_MAX);
		tree_set(&recording->names, name, recording->inode_count);
		note(recorder, OP_CREATE, name)->inode = recording->inode_count++;
	}
	*handle = (struct handle){recorder, inner, tree_find(&recording->names, name)};
	must(handle->inode >= 0);
	*ret = (struct disk_file *)(void *)handle;
	return 0;
}

static void recorder_close(struct disk_file *file)
{
	struct handle *handle = handle_of(file);
	disk_close(handle->recorder->inner, handle->inner);
	free(handle);
}

static int recorder_size(struct disk_file *file, uint64_t *ret, struct error *error)
{
	struct handle *handle = handle_of(file);
	return disk_size(handle->recorder->inner, handle->inner, ret, error);
}

static int64_t recorder_read(struct disk_file *file, void *into, size_t size, uint64_t offset, struct error *error)
{
	struct handle *handle = handle_of(file);
	return disk_read(handle->recorder->inner, handle->inner, into, size, offset, error);
}

static int recorder_write(struct disk_file *file, const void *bytes, size_t size, uint64_t offset, struct error *error)
{
	struct handle *handle = handle_of(file);
	let_others_go_on(handle->recorder);
	int fault = disk_write(handle->recorder->inner, handle->inner, bytes, size, offset, error);
	if (fault)
		return fault;
	struct op *op = note(handle->recorder, OP_WRITE, NULL);
	op->inode = handle->inode;
	op->offset = offset;
	op->size = size;
	op->bytes = keep(handle->recorder->into, bytes, size);
	return 0;
}

static int recorder_fill(struct disk_file *file, uint64_t size, struct error *error)
{
	struct handle *handle = handle_of(file);
	let_others_go_on(handle->recorder);
	int fault = disk_fill(handle->recorder->inner, handle->inner, size, error);
	if (fault)
		return fault;
	struct op *op = note(handle->recorder, OP_FILL, NULL);
	op->inode = handle->inode;
	op->size = size;
	return 0;
}

static int recorder_sync_data(struct disk_file *file, struct error *error)
{
	struct handle *handle = handle_of(file);
	let_others_go_on(handle->recorder);
	int fault = disk_sync_data(handle->recorder->inner, handle->inner, error);
	if (!fault)
		note(handle->recorder, OP_SYNC, NULL)->inode = handle->inode;
	return fault;
}

static int recorder_sync_all(struct disk_file *file, struct error *error)
{
	struct handle *handle = handle_of(file);
	let_others_go_on(handle->recorder);
	int fault = disk_sync_all(handle->recorder->inner, handle->inner, error);
	if (!fault)
		note(handle->recorder, OP_SYNC, NULL)->inode = handle->inode;
	return fault;
}

/* ---- names ---- */

static int recorder_sync_folder(struct disk *disk, const char *folder, struct error *error)
{
	struct recorder *recorder = recorder_of(disk);
	let_others_go_on(recorder);
	int fault = disk_sync_folder(recorder->inner, folder, error);
	if (!fault)
		note(recorder, OP_SYNC_FOLDER, folder);
	return fault;
}

static int recorder_rename(struct disk *disk, const char *from, const char *to, struct error *error)
{
	struct recorder *recorder = recorder_of(disk);
	struct tree *names = &recorder->into->names;
	let_others_go_on(recorder);
	int fault = disk_rename(recorder->inner, from, to, error);
	if (fault)
		return fault;
	struct op *op = note(recorder, OP_RENAME, from);
	op->inode = tree_find(names, from);
	tree_name_copy(op->to, to);
	tree_set(names, to, op->inode);
	tree_remove(names, from);
	return 0;
}

static int recorder_remove(struct disk *disk, const char *name, struct error *error)
{
	struct recorder *recorder = recorder_of(disk);
	let_others_go_on(recorder);
	int fault = disk_remove(recorder->inner, name, error);
	if (fault)
		return fault;
	note(recorder, OP_REMOVE, name);
	tree_remove(&recorder->into->names, name);
	return 0;
}

static int recorder_shrink(struct disk *disk, const char *name, uint64_t size, struct error *error)
{
	struct recorder *recorder = recorder_of(disk);
	let_others_go_on(recorder);
	int fault = disk_shrink(recorder->inner, name, size, error);
	if (fault)
		return fault;
	struct op *op = note(recorder, OP_SHRINK, name);
	op->inode = tree_find(&recorder->into->names, name);
	op->size = size;
	return 0;
}

static int recorder_make_folder(struct disk *disk, const char *name, struct error *error)
{
	struct recorder *recorder = recorder_of(disk);
	int fault = disk_make_folder(recorder->inner, name, error);
	if (fault || tree_find(&recorder->into->names, name) == FOLDER)
		return fault;
	note(recorder, OP_MAKE_FOLDER, name);
	tree_set(&recorder->into->names, name, FOLDER);
	return 0;
}

static int recorder_list(struct disk *disk, const char *folder, disk_name_fn *each, void *context, struct error *error)
{
	return disk_list(recorder_of(disk)->inner, folder, each, context, error);
}

static int recorder_lock(struct disk *disk, const char *name, struct error *error)
{
	return disk_lock(recorder_of(disk)->inner, name, error);
}

static void recorder_done(struct disk *disk)
{
	free(recorder_of(disk));
}

static const struct disk_ops ops = {
    .open = recorder_open,
    .close = recorder_close,
    .size = recorder_size,
    .read = recorder_read,
    .write = recorder_write,
    .fill = recorder_fill,
    .sync_data = recorder_sync_data,
    .sync_all = recorder_sync_all,
    .sync_folder = recorder_sync_folder,
    .rename = recorder_rename,
    .remove = recorder_remove,
    .shrink = recorder_shrink,
    .make_folder = recorder_make_folder,
    .list = recorder_list,
    .lock = recorder_lock,
    .done = recorder_done,
};

struct disk *recorder_new(struct disk *inner, struct recording *into)
{
	struct recorder *recorder = calloc(1, sizeof *recorder);
	must(recorder);
	*recorder = (struct recorder){.disk.ops = &ops, .inner = inner, .into = into};
	return &recorder->disk;
}
