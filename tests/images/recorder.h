/* recorder: a disk that passes every call on to another one, and notes what changes that one, in order.
 *
 * Marks say what somebody was told at which place of that order: what was durable, what was being written.
 *
 * Memory   a recording owns copies of all that was written; recording_clear() forgets them at once.
 * Faults   the other disk's. A call that failed is not noted: recordings are made of disks that do not fail.
 * Thread   one: the journal goes by hand, step by step.
 */
#ifndef DIBS_TESTS_IMAGES_RECORDER_H
#define DIBS_TESTS_IMAGES_RECORDER_H

#include "tree.h"

#define OPS_MAX 4096
#define MARKS_MAX 2048
#define RECORDED_BYTES_MAX (48u << 20)

enum op_kind {
	OP_CREATE,
	OP_WRITE,
	OP_FILL,
	OP_SYNC,
	OP_SYNC_FOLDER,
	OP_RENAME,
	OP_REMOVE,
	OP_SHRINK,
	OP_MAKE_FOLDER,
	OP_KINDS
};

struct op {
	enum op_kind kind;
	int inode;
	char name[TREE_NAME_SIZE], to[TREE_NAME_SIZE];
	uint64_t offset, size;
	const uint8_t *bytes;
};

enum mark_kind {
	MARK_DURABLE,  /* records up to this were told to be durable */
	MARK_WRITING,  /* the next calls write records up to this */
	MARK_SNAPSHOT, /* a snapshot of this sequence was told to be made */
	MARK_SNAPSHOT_BEGUN,
	MARK_OLDER_SNAPSHOT, /* the one before it stays */
	MARK_PROVABLE, /* records up to this are followed by a seal: damage to them cannot pass for a torn write */
	MARK_FLOOR,    /* from here on only records from this on need be in the log */
	MARK_DELETE,   /* from here on segments may be deleted instead of archived */
	MARK_KINDS
};

struct mark {
	size_t at; /* so many calls were made before */
	enum mark_kind kind;
	uint64_t value;
};

struct recording {
	struct op *ops;
	size_t count;
	struct mark *marks;
	size_t mark_count;
	uint8_t *bytes;
	size_t bytes_used;
	struct tree names; /* as they are now */
	int inode_count;
	/* Called before each call that changes the disk: what another thread does in the meantime. May be NULL. */
	void (*meanwhile)(void *context);
	void *context;
};

void recording_init(struct recording *recording);
void recording_fini(struct recording *recording);
/* Begins on a disk with these names; inodes as numbered there. */
void recording_begin(struct recording *recording, const struct tree *names, int inode_count);
void recording_mark(struct recording *recording, enum mark_kind kind, uint64_t value);
/* The latest value told before the first `count` calls were over, or the one before all. */
uint64_t recording_told(const struct recording *recording, enum mark_kind kind, size_t count, uint64_t before);

/* inner stays the caller's. */
struct disk *recorder_new(struct disk *inner, struct recording *into);

#endif
