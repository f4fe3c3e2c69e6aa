#include "timeline.h"

#include <stdlib.h>

#include "base/must.h"

#define TABLE_BYTES (FILE_PAGES_MAX * sizeof(uint8_t *))
#define TIMELINE_BYTES_MAX (64u << 20)

/* ---- memory ---- */

static void *take(struct timeline *timeline, size_t size)
{
	must(timeline->bytes_used + size <= TIMELINE_BYTES_MAX);
	void *taken = timeline->bytes + timeline->bytes_used;
	timeline->bytes_used += size;
	return taken;
}

static uint8_t **take_table(struct timeline *timeline, uint8_t **like)
{
	uint8_t **table = take(timeline, TABLE_BYTES);
	if (like)
		memcpy(table, like, TABLE_BYTES);
	for (int i = 0; !like && i < FILE_PAGES_MAX; i++)
		table[i] = zero_page;
	return table;
}

static uint8_t *take_copy(struct timeline *timeline, const uint8_t *bytes, size_t size)
{
	return memcpy(take(timeline, size), bytes, size);
}

void timeline_init(struct timeline *timeline)
{
	*timeline = (struct timeline){.versions = calloc(VERSIONS_MAX, sizeof *timeline->versions),
	                              .bytes = aligned_alloc(DISK_PAGE, TIMELINE_BYTES_MAX)};
	must(timeline->versions && timeline->bytes);
}

void timeline_fini(struct timeline *timeline)
{
	free(timeline->versions);
	free(timeline->bytes);
}

static void begin_inode(struct timeline *timeline, struct inode *inode, const struct content *content, bool deep)
{
	*inode = (struct inode){.size_count = 1};
	if (!content || !content->pages)
		return;
	inode->stable.pages = take_table(timeline, content->pages);
	inode->stable.size = inode->sizes[0] = content->size;
	for (int i = 0; deep && i < FILE_PAGES_MAX; i++)
		if (content->pages[i] != zero_page)
			inode->stable.pages[i] = take_copy(timeline, content->pages[i], DISK_PAGE);
	inode->latest = inode->stable;
	inode->latest.pages = take_table(timeline, inode->stable.pages);
}

void timeline_begin(struct timeline *timeline, const struct image *base, bool deep)
{
	timeline->bytes_used = 0;
	timeline->version_count = timeline->change_count = 0;
	timeline->changes_made = 0;
	timeline->at = 0;
	timeline->inode_count = base ? base->inode_count : 0;
	timeline->names.count = 0;
	for (int i = 0; i < timeline->inode_count; i++)
		begin_inode(timeline, &timeline->inodes[i], &base->files[i], deep);
	if (base)
		timeline->names = base->names;
}

static void fork_inode(struct timeline *timeline, struct inode *inode)
{
	uint8_t **stable = inode->stable.pages;
	if (!stable)
		return;
	inode->stable.pages = take_table(timeline, stable);
	inode->latest.pages = take_table(timeline, inode->latest.pages);
	for (int i = 0; i < FILE_PAGES_MAX; i++)
		if (inode->latest.pages[i] != stable[i])
			inode->latest.pages[i] = take_copy(timeline, inode->latest.pages[i], DISK_PAGE);
}

void timeline_fork(struct timeline *timeline, const struct timeline *from)
{
	timeline->bytes_used = 0;
	timeline->inode_count = from->inode_count;
	memcpy(timeline->inodes, from->inodes, (size_t)from->inode_count * sizeof from->inodes[0]);
	for (int i = 0; i < timeline->inode_count; i++)
		fork_inode(timeline, &timeline->inodes[i]);
	timeline->names = from->names;
	timeline->version_count = from->version_count;
	memcpy(timeline->versions, from->versions, from->version_count * sizeof from->versions[0]);
	timeline->change_count = from->change_count;
	memcpy(timeline->changes, from->changes, from->change_count * sizeof from->changes[0]);
	timeline->changes_made = from->changes_made;
	timeline->at = from->at;
}

/* ---- what is written ---- */

/* Pages of `latest` are its own until they are at rest, then never written again. */
static void put_sector(struct timeline *timeline, struct inode *inode, uint32_t sector, const uint8_t *bytes)
{
	uint32_t page = sector / SECTORS_A_PAGE;
	if (inode->latest.pages[page] == inode->stable.pages[page])
		inode->latest.pages[page] = take_copy(timeline, inode->stable.pages[page], DISK_PAGE);
	memcpy(inode->latest.pages[page] + (sector % SECTORS_A_PAGE) * SECTOR_SIZE, bytes, SECTOR_SIZE);
}

/* bytes NULL: zeros. */
static void write_sector(struct timeline *timeline, int number, uint32_t sector, const uint8_t *bytes, uint64_t from,
                         uint64_t size)
{
	struct inode *inode = &timeline->inodes[number];
	uint8_t now[SECTOR_SIZE];
	must(sector / SECTORS_A_PAGE < FILE_PAGES_MAX);
	const uint8_t *before = inode->latest.pages[sector / SECTORS_A_PAGE] + (sector % SECTORS_A_PAGE) * SECTOR_SIZE;
	memcpy(now, before, SECTOR_SIZE);
	if (bytes)
		memcpy(now + from, bytes, size);
	else
		memset(now + from, 0, size);
	if (memcmp(now, before, SECTOR_SIZE) == 0)
		return;
	must(timeline->version_count < VERSIONS_MAX);
	timeline->versions[timeline->version_count++] =
	    (struct version){number, sector, true, take_copy(timeline, now, SECTOR_SIZE)};
	put_sector(timeline, inode, sector, now);
}

static void note_size(struct inode *inode, uint64_t size)
{
	if (size <= inode->latest.size)
		return;
	must(inode->size_count < OPTIONS_MAX);
	inode->latest.size = inode->sizes[inode->size_count++] = size;
}

static void write_bytes(struct timeline *timeline, const struct op *op)
{
	struct inode *inode = &timeline->inodes[op->inode];
	uint64_t offset = op->offset, end = op->offset + op->size;
	must(!inode->is_shrunk);
	while (offset < end) {
		uint64_t from = offset % SECTOR_SIZE;
		uint64_t part = SECTOR_SIZE - from < end - offset ? SECTOR_SIZE - from : end - offset;
		write_sector(timeline, op->inode, (uint32_t)(offset / SECTOR_SIZE),
		             op->bytes ? op->bytes + (offset - op->offset) : NULL, from, part);
		offset += part;
	}
	note_size(inode, end);
}

static void sync_inode(struct timeline *timeline, int number)
{
	struct inode *inode = &timeline->inodes[number];
	uint32_t kept = 0;
	for (uint32_t i = 0; i < timeline->version_count; i++)
		if (timeline->versions[i].inode != number)
			timeline->versions[kept++] = timeline->versions[i];
	timeline->version_count = kept;
	memcpy(inode->stable.pages, inode->latest.pages, TABLE_BYTES);
	inode->stable.size = inode->sizes[0] = inode->latest.size;
	inode->size_count = 1;
	if (inode->is_shrunk && inode->shrunk_to < inode->stable.size)
		inode->stable.size = inode->latest.size = inode->sizes[0] = inode->shrunk_to;
	inode->is_shrunk = false;
}

/* ---- names ---- */

static struct change *add_change(struct timeline *timeline, const char *name)
{
	must(timeline->change_count < CHANGES_MAX);
	struct change *change = &timeline->changes[timeline->change_count++];
	const char *slash = strrchr(name, '/');
	change->count = 0;
	change->number = ++timeline->changes_made;
	change->only_after = 0;
	tree_name_copy(change->folder, name);
	change->folder[slash ? slash - name : 0] = '\0';
	return change;
}

static void put_setting(struct change *change, const char *name, int inode)
{
	struct entry *entry = &change->set[change->count++];
	tree_name_copy(entry->name, name);
	entry->inode = inode;
}

static void apply(struct tree *tree, const struct change *change)
{
	for (int i = 0; i < change->count; i++) {
		if (change->set[i].inode == NOBODY)
			tree_remove(tree, change->set[i].name);
		else
			tree_set(tree, change->set[i].name, change->set[i].inode);
	}
}

static void set_name(struct timeline *timeline, const char *name, int inode)
{
	put_setting(add_change(timeline, name), name, inode);
}

static void rename_it(struct timeline *timeline, const struct op *op)
{
	struct change *change = add_change(timeline, op->to);
	put_setting(change, op->to, op->inode);
	if (tree_inside(op->name, change->folder)) {
		put_setting(change, op->name, NOBODY);
		return;
	}
	struct change *old = add_change(timeline, op->name);
	put_setting(old, op->name, NOBODY);
	old->only_after = change->number;
}

static bool is_for_good(const struct timeline *timeline, const struct change *change, const char *folder)
{
	if (strcmp(change->folder, folder) == 0)
		return true;
	for (uint32_t i = 0; i < timeline->change_count; i++)
		if (timeline->changes[i].only_after == change->number &&
		    strcmp(timeline->changes[i].folder, folder) == 0)
			return true;
	return false;
}

static void sync_folder(struct timeline *timeline, const char *folder)
{
	struct change kept[CHANGES_MAX];
	uint32_t count = 0;
	for (uint32_t i = 0; i < timeline->change_count; i++) {
		if (is_for_good(timeline, &timeline->changes[i], folder))
			apply(&timeline->names, &timeline->changes[i]);
		else
			kept[count++] = timeline->changes[i];
	}
	memcpy(timeline->changes, kept, count * sizeof kept[0]);
	timeline->change_count = count;
}

static void create(struct timeline *timeline, const struct op *op)
{
	must(op->inode == timeline->inode_count && op->inode < INODES_MAX);
	struct inode *inode = &timeline->inodes[timeline->inode_count++];
	*inode = (struct inode){.size_count = 1};
	inode->stable.pages = take_table(timeline, NULL);
	inode->latest.pages = take_table(timeline, NULL);
	set_name(timeline, op->name, op->inode);
}

void timeline_step(struct timeline *timeline, const struct op *op)
{
	timeline->at++;
	for (uint32_t i = 0; i < timeline->version_count; i++)
		timeline->versions[i].is_last_write = false;
	switch (op->kind) {
	case OP_CREATE:
		create(timeline, op);
		break;
	case OP_WRITE:
	case OP_FILL:
		write_bytes(timeline, op);
		break;
	case OP_SYNC:
		sync_inode(timeline, op->inode);
		break;
	case OP_SYNC_FOLDER:
		sync_folder(timeline, op->name);
		break;
	case OP_RENAME:
		rename_it(timeline, op);
		break;
	case OP_REMOVE:
		set_name(timeline, op->name, NOBODY);
		break;
	case OP_SHRINK:
		timeline->inodes[op->inode].is_shrunk = true;
		timeline->inodes[op->inode].shrunk_to = op->size;
		break;
	case OP_MAKE_FOLDER:
		set_name(timeline, op->name, FOLDER);
		break;
	case OP_KINDS:
		must(false);
	}
}

/* ---- choices ---- */

static void note_reachable(const struct timeline *timeline, bool reachable[INODES_MAX])
{
	memset(reachable, 0, INODES_MAX * sizeof *reachable);
	for (int i = 0; i < timeline->names.count; i++)
		if (timeline->names.of[i].inode >= 0)
			reachable[timeline->names.of[i].inode] = true;
	for (uint32_t i = 0; i < timeline->change_count; i++)
		for (int k = 0; k < timeline->changes[i].count; k++)
			if (timeline->changes[i].set[k].inode >= 0)
				reachable[timeline->changes[i].set[k].inode] = true;
}

static struct choice *add_choice(struct choices *choices, enum choice_kind kind, int inode, uint32_t which,
                                 uint8_t options)
{
	must(choices->count < CHOICES_MAX && options <= OPTIONS_MAX);
	struct choice *choice = &choices->of[choices->count++];
	*choice = (struct choice){.kind = kind, .inode = inode, .which = which, .options = options};
	return choice;
}

static struct choice *sector_choice(struct choices *choices, uint32_t from, const struct version *version)
{
	for (uint32_t i = from; i < choices->count; i++)
		if (choices->of[i].inode == version->inode && choices->of[i].which == version->sector)
			return &choices->of[i];
	return add_choice(choices, CHOICE_SECTOR, version->inode, version->sector, 1);
}

void timeline_choices(const struct timeline *timeline, struct choices *ret)
{
	bool reachable[INODES_MAX];
	note_reachable(timeline, reachable);
	ret->count = 0;
	for (uint32_t i = 0; i < timeline->change_count; i++)
		add_choice(ret, CHOICE_NAME, NOBODY, i, 2);
	for (int i = 0; i < timeline->inode_count; i++) {
		if (reachable[i] && timeline->inodes[i].size_count > 1)
			add_choice(ret, CHOICE_SIZE, i, 0, timeline->inodes[i].size_count);
		if (reachable[i] && timeline->inodes[i].is_shrunk)
			add_choice(ret, CHOICE_SHRINK, i, 0, 2);
	}
	uint32_t from = ret->count;
	for (uint32_t i = 0; i < timeline->version_count; i++) {
		const struct version *version = &timeline->versions[i];
		if (!reachable[version->inode])
			continue;
		struct choice *choice = sector_choice(ret, from, version);
		must(choice->options < OPTIONS_MAX);
		choice->version[choice->options++] = (uint16_t)i;
		choice->is_last_write = version->is_last_write;
	}
	ret->product = 1;
	for (uint32_t i = 0; i < ret->count && ret->product < UINT32_MAX; i++)
		ret->product *= ret->of[i].options;
}

/* ---- images ---- */

static void choose_names(const struct timeline *timeline, const struct choices *choices,
                         const struct selection *selection, struct tree *ret)
{
	struct tree names = timeline->names;
	bool happens[CHANGES_MAX] = {false};
	for (uint32_t i = 0; i < choices->count && choices->of[i].kind == CHOICE_NAME; i++) {
		const struct change *change = &timeline->changes[i];
		happens[i] = selection->option[i] != 0;
		for (uint32_t k = 0; k < i; k++)
			if (timeline->changes[k].number == change->only_after)
				happens[i] = happens[i] && happens[k];
		if (happens[i])
			apply(&names, change);
	}
	ret->count = 0;
	for (int i = 0; i < names.count; i++)
		if (tree_has_folder_of(&names, names.of[i].name))
			ret->of[ret->count++] = names.of[i];
}

static void choose_sector(const struct timeline *timeline, const struct choice *choice, uint8_t option,
                          struct image *ret)
{
	if (option == 0)
		return;
	uint8_t *page = image_page(ret, choice->inode, choice->which / SECTORS_A_PAGE);
	memcpy(page + (choice->which % SECTORS_A_PAGE) * SECTOR_SIZE, timeline->versions[choice->version[option]].bytes,
	       SECTOR_SIZE);
}

static void tear(const struct timeline *timeline, const struct choice *choice, uint32_t at, struct image *ret)
{
	uint8_t *page = image_page(ret, choice->inode, choice->which / SECTORS_A_PAGE);
	memcpy(page + (choice->which % SECTORS_A_PAGE) * SECTOR_SIZE,
	       timeline->versions[choice->version[choice->options - 1]].bytes, at);
}

void timeline_image(const struct timeline *timeline, const struct choices *choices, const struct selection *selection,
                    struct image *ret)
{
	image_clear(ret);
	choose_names(timeline, choices, selection, &ret->names);
	ret->inode_count = timeline->inode_count;
	for (int i = 0; i < ret->names.count; i++) {
		int inode = ret->names.of[i].inode;
		if (inode >= 0)
			ret->files[inode] = timeline->inodes[inode].stable;
	}
	for (uint32_t i = 0; i < choices->count; i++) {
		const struct choice *choice = &choices->of[i];
		if (choice->kind == CHOICE_NAME || !ret->files[choice->inode].pages)
			continue;
		struct content *file = &ret->files[choice->inode];
		const struct inode *inode = &timeline->inodes[choice->inode];
		if (choice->kind == CHOICE_SIZE)
			file->size = inode->sizes[selection->option[i]];
		else if (choice->kind == CHOICE_SECTOR)
			choose_sector(timeline, choice, selection->option[i], ret);
		else if (selection->option[i] && inode->shrunk_to < file->size)
			file->size = inode->shrunk_to;
		if ((int)i == selection->torn)
			tear(timeline, choice, selection->torn_at, ret);
	}
}
