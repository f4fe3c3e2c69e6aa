/* timeline: a recording, walked call by call; at each place what is at rest, what is on its way, and so every image of
 * what the disk may hold if the power goes there.
 *
 *   a sector written and not synced      old, or any of what was written to it since
 *   the write under way                  besides, one of its sectors torn at any byte
 *   a size changed and not synced        any of the sizes it had since
 *   a file shortened and not synced      it was, or was not
 *   a name made, moved, removed          it was, or was not, each by itself, until its folder is synced; moved within
 *                                        one folder: both names at once; moved to another one: the old name, the new
 *                                        one, or both, but never none, since rename() is one step
 *
 * Each of these is a choice with its options; the first is what is at rest, the last is what the process saw. A sector
 * written with what it held already is no choice.
 *
 * Memory   taken once; timeline_begin() forgets all that was there.
 * Thread   one.
 */
#ifndef DIBS_TESTS_IMAGES_TIMELINE_H
#define DIBS_TESTS_IMAGES_TIMELINE_H

#include "image.h"
#include "recorder.h"

#define VERSIONS_MAX 4096
#define CHANGES_MAX 48
#define CHOICES_MAX 2048
#define OPTIONS_MAX 6

/* One sector as one write left it. */
struct version {
	int inode;
	uint32_t sector;
	bool is_last_write; /* the last call wrote it */
	uint8_t *bytes;
};

struct inode {
	struct content stable, latest;
	uint64_t sizes[OPTIONS_MAX]; /* since it was synced, the stable one first */
	uint8_t size_count;
	bool is_shrunk;
	uint64_t shrunk_to;
};

struct change {
	char folder[TREE_NAME_SIZE];
	struct entry set[2]; /* inode NOBODY: the name goes */
	int count;
	uint64_t number;
	uint64_t only_after; /* the number of a change without which this one does not happen; 0: there is none */
};

struct timeline {
	struct inode inodes[INODES_MAX];
	int inode_count;
	struct tree names; /* at rest */
	struct version *versions;
	uint32_t version_count;
	struct change changes[CHANGES_MAX];
	uint32_t change_count;
	uint64_t changes_made;
	size_t at;      /* so many calls are over */
	uint8_t *bytes; /* pages, tables, sectors */
	size_t bytes_used;
};

enum choice_kind { CHOICE_NAME, CHOICE_SIZE, CHOICE_SHRINK, CHOICE_SECTOR };

struct choice {
	enum choice_kind kind;
	int inode;
	uint32_t which; /* the change, or the sector */
	uint8_t options;
	bool is_last_write;
	uint16_t version[OPTIONS_MAX]; /* of a sector, for the options from 1 on */
};

struct choices {
	struct choice of[CHOICES_MAX];
	uint32_t count;
	uint64_t product; /* of all options, UINT32_MAX at most */
};

struct selection {
	uint8_t option[CHOICES_MAX];
	int torn;         /* a sector's choice, which is then torn between its option and the one before; -1: none */
	uint32_t torn_at; /* so many bytes are new */
};

void timeline_init(struct timeline *timeline);
void timeline_fini(struct timeline *timeline);
/* Begins with what an image holds, at rest; NULL: with nothing. deep: with pages of its own. */
void timeline_begin(struct timeline *timeline, const struct image *base, bool deep);
/* Begins where another one stands, with all that is on its way. That one stays as it is. */
void timeline_fork(struct timeline *timeline, const struct timeline *from);
void timeline_step(struct timeline *timeline, const struct op *op);
void timeline_choices(const struct timeline *timeline, struct choices *ret);
void timeline_image(const struct timeline *timeline, const struct choices *choices, const struct selection *selection,
                    struct image *ret);

#endif
