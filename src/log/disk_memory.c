/* Two of everything: as the running process sees it, and as it is on the platter.
 *
 *   inode   now, size | stable, stable_size, and which sectors of `now` are on their way (dirty)
 *   names   now | stable, and the changes that no sync of their folder has made stable yet, in their order
 *
 * A crash starts from what is stable and lets each dirty sector and each change through by chance.
 */
#include "log/disk_memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

#define NAME_SIZE 64

struct inode {
	struct inode *next; /* all of the disk, until it is done */
	bool is_folder;
	uint8_t *now, *stable;
	uint8_t *dirty; /* a byte a sector */
	uint64_t size, stable_size, capacity;
};

struct name {
	char text[NAME_SIZE];
	struct inode *inode;
};

struct names {
	struct name *of;
	size_t count, max;
};

struct setting {
	char text[NAME_SIZE];
	struct inode *inode; /* NULL: the name goes */
};

struct change {
	char folder[NAME_SIZE];
	struct setting set[2]; /* both or none: a rename within a folder */
	int count;
};

struct memory_disk {
	struct disk disk;
	pthread_mutex_t lock;
	struct inode *inodes;
	struct names now, stable;
	struct change *changes;
	size_t change_count, change_max;
	struct disk_memory_faults faults;
	uint64_t calls;
	bool is_dead;
};

struct disk_file {
	struct memory_disk *disk;
	struct inode *inode;
	char name[NAME_SIZE];
};

static struct memory_disk *memory_of(struct disk *disk)
{
	return (struct memory_disk *)(void *)disk;
}

/* ---- memory: a test that runs out of it stops ---- */

static void *need(void *bytes)
{
	must(bytes);
	return bytes;
}

static void keep_text(char into[NAME_SIZE], const char *text)
{
	must(strlen(text) < NAME_SIZE);
	strcpy(into, text);
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

/* ---- names ---- */

static struct name *find(const struct names *names, const char *text)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->of[i].text, text) == 0)
			return &names->of[i];
	return NULL;
}

static struct inode *inode_of(const struct names *names, const char *text)
{
	struct name *name = find(names, text);
	return name ? name->inode : NULL;
}

static void set_name(struct names *names, const struct setting *setting)
{
	struct name *name = find(names, setting->text);
	if (!name && !setting->inode)
		return;
	if (!setting->inode) {
		*name = names->of[--names->count];
		return;
	}
	if (!name) {
		if (names->count == names->max) {
			names->max = names->max ? 2 * names->max : 16;
			names->of = need(reallocarray(names->of, names->max, sizeof *names->of));
		}
		name = &names->of[names->count++];
		keep_text(name->text, setting->text);
	}
	name->inode = setting->inode;
}

static void folder_of(const char *name, char ret[NAME_SIZE])
{
	const char *slash = strrchr(name, '/');
	size_t size = slash ? (size_t)(slash - name) : 0;
	must(size < NAME_SIZE);
	memcpy(ret, name, size);
	ret[size] = '\0';
}

static void apply(struct names *names, const struct change *change)
{
	for (int i = 0; i < change->count; i++)
		set_name(names, &change->set[i]);
}

static struct change *add_change(struct memory_disk *disk, const char *folder)
{
	if (disk->change_count == disk->change_max) {
		disk->change_max = disk->change_max ? 2 * disk->change_max : 16;
		disk->changes = need(reallocarray(disk->changes, disk->change_max, sizeof *disk->changes));
	}
	struct change *change = &disk->changes[disk->change_count++];
	*change = (struct change){0};
	keep_text(change->folder, folder);
	return change;
}

static void put_setting(struct change *change, const char *text, struct inode *inode)
{
	struct setting *setting = &change->set[change->count++];
	keep_text(setting->text, text);
	setting->inode = inode;
}

static void change_name(struct memory_disk *disk, const char *text, struct inode *inode)
{
	char folder[NAME_SIZE];
	folder_of(text, folder);
	struct change *change = add_change(disk, folder);
	put_setting(change, text, inode);
	apply(&disk->now, change);
}

static bool has_folder(const struct names *names, const char *name)
{
	char folder[NAME_SIZE];
	folder_of(name, folder);
	struct inode *inode = *folder ? inode_of(names, folder) : NULL;
	return *folder == '\0' || (inode && inode->is_folder);
}

/* ---- what files hold ---- */

static struct inode *new_inode(struct memory_disk *disk, bool is_folder)
{
	struct inode *inode = need(calloc(1, sizeof *inode));
	inode->is_folder = is_folder;
	inode->next = disk->inodes;
	disk->inodes = inode;
	return inode;
}

static uint64_t sectors(uint64_t size)
{
	return (size + DISK_SECTOR - 1) / DISK_SECTOR;
}

static void make_room(struct inode *inode, uint64_t size)
{
	if (size <= inode->capacity)
		return;
	uint64_t capacity = sectors(size > 2 * inode->capacity ? size : 2 * inode->capacity) * DISK_SECTOR;
	inode->now = need(realloc(inode->now, capacity));
	inode->stable = need(realloc(inode->stable, capacity));
	inode->dirty = need(realloc(inode->dirty, sectors(capacity)));
	memset(inode->now + inode->capacity, 0, capacity - inode->capacity);
	memset(inode->stable + inode->capacity, 0, capacity - inode->capacity);
	memset(inode->dirty + sectors(inode->capacity), 0, sectors(capacity) - sectors(inode->capacity));
	inode->capacity = capacity;
}

/* bytes NULL: zeros. */
static void put_bytes(struct inode *inode, const void *bytes, uint64_t size, uint64_t offset)
{
	if (size == 0)
		return;
	make_room(inode, offset + size);
	if (bytes)
		memcpy(inode->now + offset, bytes, size);
	else
		memset(inode->now + offset, 0, size);
	memset(inode->dirty + offset / DISK_SECTOR, 1, sectors(offset + size) - offset / DISK_SECTOR);
	if (offset + size > inode->size)
		inode->size = offset + size;
}

static void make_stable(struct inode *inode, bool keeps_it)
{
	for (uint64_t i = 0; i < sectors(inode->capacity); i++)
		if (inode->dirty[i] && keeps_it)
			memcpy(inode->stable + i * DISK_SECTOR, inode->now + i * DISK_SECTOR, DISK_SECTOR);
	if (inode->capacity > 0)
		memset(inode->dirty, 0, sectors(inode->capacity));
	if (keeps_it)
		inode->stable_size = inode->size;
}

static uint64_t used(const struct memory_disk *disk)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < disk->now.count; i++)
		sum += disk->now.of[i].inode->size;
	return sum;
}

static bool has_space(const struct memory_disk *disk, const struct inode *inode, uint64_t size)
{
	uint64_t more = size > inode->size ? size - inode->size : 0;
	return disk->faults.capacity == 0 || more == 0 || used(disk) + more <= disk->faults.capacity;
}

/* ---- the calls on files ---- */

static int find_or_create(struct memory_disk *disk, const char *name, enum disk_open how, struct inode **ret,
                          struct error *error)
{
	struct inode *inode = inode_of(&disk->now, name);
	if (how != DISK_CREATE && (!inode || inode->is_folder))
		return error_set(error, FAULT_NOT_FOUND, "open %s: there is no such file", name);
	if (how == DISK_CREATE && inode)
		return error_set(error, FAULT_IO, "create %s: it exists", name);
	if (how == DISK_CREATE && !has_folder(&disk->now, name))
		return error_set(error, FAULT_NOT_FOUND, "create %s: there is no such folder", name);
	if (how == DISK_CREATE && disk->faults.capacity != 0 && used(disk) >= disk->faults.capacity)
		return error_set(error, FAULT_NO_SPACE, "create %s: the disk is full", name);
	if (!inode) {
		inode = new_inode(disk, false);
		change_name(disk, name, inode);
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
	struct disk_file *file = need(calloc(1, sizeof *file));
	file->disk = disk;
	file->inode = inode;
	keep_text(file->name, name);
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
	put_bytes(file->inode, bytes, is_short ? size / 2 : size, offset);
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
	make_stable(file->inode, !fails);
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
	size_t kept = 0;
	for (size_t i = 0; i < disk->change_count; i++) {
		if (strcmp(disk->changes[i].folder, folder) == 0)
			apply(&disk->stable, &disk->changes[i]);
		else
			disk->changes[kept++] = disk->changes[i];
	}
	disk->change_count = kept;
	return leave(disk, 0, error);
}

static int rename_it(struct memory_disk *disk, const char *from, const char *to, struct error *error)
{
	char source[NAME_SIZE], target[NAME_SIZE];
	struct inode *inode = inode_of(&disk->now, from);
	if (!inode || !has_folder(&disk->now, to))
		return error_set(error, FAULT_NOT_FOUND, "rename %s: it or its new folder is not there", from);
	folder_of(from, source);
	folder_of(to, target);
	struct change *change = add_change(disk, target);
	put_setting(change, to, inode);
	if (strcmp(source, target) == 0)
		put_setting(change, from, NULL);
	apply(&disk->now, change);
	if (strcmp(source, target) != 0)
		change_name(disk, from, NULL);
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
	if (inode_of(&disk->now, name))
		change_name(disk, name, NULL);
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
	struct inode *inode = inode_of(&disk->now, name);
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
	if (!inode_of(&disk->now, name))
		change_name(disk, name, new_inode(disk, true));
	return leave(disk, 0, error);
}

static int memory_list(struct disk *of, const char *folder, disk_name_fn *each, void *context, struct error *error)
{
	struct memory_disk *disk = memory_of(of);
	size_t prefix = strlen(folder);
	int fault = enter(disk, "list", folder, error);
	if (fault)
		return fault;
	const struct inode *is_there = *folder ? inode_of(&disk->now, folder) : NULL;
	if (*folder && (!is_there || !is_there->is_folder))
		return leave(disk, error_set(error, FAULT_NOT_FOUND, "list %s: there is no such folder", folder),
		             error);
	for (size_t i = 0; i < disk->now.count; i++) {
		const struct name *name = &disk->now.of[i];
		char its_folder[NAME_SIZE];
		folder_of(name->text, its_folder);
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

static void free_inodes(struct inode *inode)
{
	while (inode) {
		struct inode *next = inode->next;
		free(inode->now);
		free(inode->stable);
		free(inode->dirty);
		free(inode);
		inode = next;
	}
}

static void memory_done(struct disk *of)
{
	struct memory_disk *disk = memory_of(of);
	free_inodes(disk->inodes);
	free(disk->now.of);
	free(disk->stable.of);
	free(disk->changes);
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

/* ---- crash ---- */

/* splitmix64 (G. Steele, D. Lea, C. Flood, 2014) */
static uint64_t draw(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* How much survives: nothing, all, or a share that is drawn, too. */
struct luck {
	uint64_t state;
	uint32_t percent;
};

static struct luck luck_from(uint64_t seed)
{
	struct luck luck = {.state = seed};
	if (seed != 0) {
		uint64_t kind = draw(&luck.state) % 8;
		luck.percent = kind == 0 ? 0 : kind == 1 ? 100 : (uint32_t)(draw(&luck.state) % 101);
	}
	return luck;
}

static bool survives(struct luck *luck)
{
	return draw(&luck->state) % 100 < luck->percent;
}

static struct inode *crashed_inode(struct memory_disk *into, const struct inode *from, struct luck *luck)
{
	struct inode *inode = new_inode(into, from->is_folder);
	uint64_t size = from->size != from->stable_size && survives(luck) ? from->size : from->stable_size;
	make_room(inode, from->capacity);
	if (from->capacity > 0)
		memcpy(inode->now, from->stable, from->capacity);
	for (uint64_t i = 0; i < sectors(from->capacity); i++)
		if (from->dirty[i] && survives(luck))
			memcpy(inode->now + i * DISK_SECTOR, from->now + i * DISK_SECTOR, DISK_SECTOR);
	if (from->capacity > size)
		memset(inode->now + size, 0, from->capacity - size);
	if (from->capacity > 0)
		memcpy(inode->stable, inode->now, from->capacity);
	inode->size = inode->stable_size = size;
	return inode;
}

static void copy_names(struct names *into, const struct names *from)
{
	for (size_t i = 0; i < from->count; i++) {
		struct setting setting = {.inode = from->of[i].inode};
		keep_text(setting.text, from->of[i].text);
		set_name(into, &setting);
	}
}

/* An inode that two names share (a rename between folders, half of it synced) is one file still. */
static struct inode *crashed_once(struct memory_disk *into, const struct names *names, size_t index, struct luck *luck)
{
	for (size_t i = 0; i < index; i++)
		if (names->of[i].inode == names->of[index].inode)
			return inode_of(&into->now, names->of[i].text);
	return crashed_inode(into, names->of[index].inode, luck);
}

struct disk *disk_memory_crash(struct disk *of, uint64_t seed)
{
	struct memory_disk *disk = memory_of(of);
	struct memory_disk *after = memory_of(disk_memory_new());
	struct luck luck = luck_from(seed);
	struct names names = {0};
	pthread_mutex_lock(&disk->lock);
	copy_names(&names, &disk->stable);
	for (size_t i = 0; i < disk->change_count; i++)
		if (survives(&luck))
			apply(&names, &disk->changes[i]);
	for (size_t i = 0; i < names.count; i++) {
		struct setting setting = {.inode = crashed_once(after, &names, i, &luck)};
		keep_text(setting.text, names.of[i].text);
		if (setting.inode && has_folder(&names, setting.text))
			set_name(&after->now, &setting);
	}
	pthread_mutex_unlock(&disk->lock);
	copy_names(&after->stable, &after->now);
	free(names.of);
	return &after->disk;
}

/* ---- for tests ---- */

struct disk *disk_memory_new(void)
{
	struct memory_disk *disk = need(calloc(1, sizeof *disk));
	disk->disk.ops = &ops;
	pthread_mutex_init(&disk->lock, NULL);
	return &disk->disk;
}

struct disk_memory_faults *disk_memory_faults(struct disk *disk)
{
	return &memory_of(disk)->faults;
}

uint64_t disk_memory_calls(struct disk *disk)
{
	return memory_of(disk)->calls;
}

uint64_t disk_memory_used(struct disk *disk)
{
	return used(memory_of(disk));
}

bool disk_memory_corrupt(struct disk *disk, const char *name, uint64_t offset, uint8_t xor_with)
{
	struct inode *inode = inode_of(&memory_of(disk)->now, name);
	if (!inode || offset >= inode->size)
		return false;
	inode->now[offset] ^= xor_with;
	inode->stable[offset] ^= xor_with;
	return true;
}
