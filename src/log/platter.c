#include "log/platter.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "log/disk_memory.h"

static void *need(void *bytes)
{
	must(bytes);
	return bytes;
}

static void keep_text(char into[PLATTER_NAME_SIZE], const char *text)
{
	size_t size = strlen(text) + 1;
	must(size <= PLATTER_NAME_SIZE);
	memcpy(into, text, size);
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

static void set_name(struct names *names, const struct name *setting)
{
	struct name *name = find(names, setting->text);
	if (!name && !setting->inode)
		return;
	if (!setting->inode) {
		must(names->of);
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

void platter_folder_of(const char *name, char ret[PLATTER_NAME_SIZE])
{
	const char *slash = strrchr(name, '/');
	size_t size = slash ? (size_t)(slash - name) : 0;
	must(size < PLATTER_NAME_SIZE);
	memcpy(ret, name, size);
	ret[size] = '\0';
}

static void apply(struct names *names, const struct change *change)
{
	for (int i = 0; i < change->count; i++)
		set_name(names, &change->set[i]);
}

static struct change *add_change(struct platter *platter, const char *folder)
{
	if (platter->change_count == platter->change_max) {
		platter->change_max = platter->change_max ? 2 * platter->change_max : 16;
		platter->changes = need(reallocarray(platter->changes, platter->change_max, sizeof *platter->changes));
	}
	struct change *change = &platter->changes[platter->change_count++];
	*change = (struct change){0};
	keep_text(change->folder, folder);
	return change;
}

static void put_setting(struct change *change, const char *text, struct inode *inode)
{
	struct name *setting = &change->set[change->count++];
	keep_text(setting->text, text);
	setting->inode = inode;
}

void platter_set_name(struct platter *platter, const char *text, struct inode *inode)
{
	char folder[PLATTER_NAME_SIZE];
	platter_folder_of(text, folder);
	struct change *change = add_change(platter, folder);
	put_setting(change, text, inode);
	apply(&platter->now, change);
}

static bool has_folder(const struct names *names, const char *name)
{
	char folder[PLATTER_NAME_SIZE];
	platter_folder_of(name, folder);
	struct inode *inode = *folder ? inode_of(names, folder) : NULL;
	return *folder == '\0' || (inode && inode->is_folder);
}

struct inode *platter_find(const struct platter *platter, const char *name)
{
	return inode_of(&platter->now, name);
}

bool platter_has_folder_of(const struct platter *platter, const char *name)
{
	return has_folder(&platter->now, name);
}

void platter_rename(struct platter *platter, const char *from, const char *to)
{
	char source[PLATTER_NAME_SIZE], target[PLATTER_NAME_SIZE];
	struct inode *inode = platter_find(platter, from);
	platter_folder_of(from, source);
	platter_folder_of(to, target);
	struct change *change = add_change(platter, target);
	put_setting(change, to, inode);
	if (strcmp(source, target) == 0)
		put_setting(change, from, NULL);
	apply(&platter->now, change);
	if (strcmp(source, target) != 0)
		platter_set_name(platter, from, NULL);
}

void platter_sync_folder(struct platter *platter, const char *folder)
{
	size_t kept = 0;
	for (size_t i = 0; i < platter->change_count; i++) {
		if (strcmp(platter->changes[i].folder, folder) == 0)
			apply(&platter->stable, &platter->changes[i]);
		else
			platter->changes[kept++] = platter->changes[i];
	}
	platter->change_count = kept;
}

/* ---- what files hold ---- */

struct inode *platter_new_inode(struct platter *platter, bool is_folder)
{
	struct inode *inode = need(calloc(1, sizeof *inode));
	inode->is_folder = is_folder;
	inode->next = platter->inodes;
	platter->inodes = inode;
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
void inode_put(struct inode *inode, const void *bytes, uint64_t size, uint64_t offset)
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

void inode_sync(struct inode *inode, bool keeps_it)
{
	for (uint64_t i = 0; i < sectors(inode->capacity); i++)
		if (inode->dirty[i] && keeps_it)
			memcpy(inode->stable + i * DISK_SECTOR, inode->now + i * DISK_SECTOR, DISK_SECTOR);
	if (inode->capacity > 0)
		memset(inode->dirty, 0, sectors(inode->capacity));
	if (keeps_it)
		inode->stable_size = inode->size;
}

uint64_t platter_used(const struct platter *platter)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < platter->now.count; i++)
		sum += platter->now.of[i].inode->size;
	return sum;
}

void platter_fini(struct platter *platter)
{
	for (struct inode *next, *inode = platter->inodes; inode; inode = next) {
		next = inode->next;
		free(inode->now);
		free(inode->stable);
		free(inode->dirty);
		free(inode);
	}
	free(platter->now.of);
	free(platter->stable.of);
	free(platter->changes);
	*platter = (struct platter){0};
}

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

/* Of an inode without any; all of it will be written. */
static void take_room(struct inode *inode, uint64_t capacity)
{
	if (capacity == 0)
		return;
	inode->now = need(malloc(capacity));
	inode->stable = need(malloc(capacity));
	inode->dirty = need(calloc(sectors(capacity), 1));
	inode->capacity = capacity;
}

static struct inode *crashed_inode(struct platter *into, const struct inode *from, struct luck *luck)
{
	struct inode *inode = platter_new_inode(into, from->is_folder);
	uint64_t size = from->size != from->stable_size && survives(luck) ? from->size : from->stable_size;
	take_room(inode, from->capacity);
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
		struct name setting = {.inode = from->of[i].inode};
		keep_text(setting.text, from->of[i].text);
		set_name(into, &setting);
	}
}

/* An inode that two names share (a rename between folders, half of it synced) is one file still. */
static struct inode *crashed_once(struct platter *into, const struct names *names, size_t index, struct luck *luck)
{
	for (size_t i = 0; i < index; i++)
		if (names->of[i].inode == names->of[index].inode)
			return platter_find(into, names->of[i].text);
	return crashed_inode(into, names->of[index].inode, luck);
}

void platter_crash(struct platter *after, const struct platter *before, uint64_t seed)
{
	struct luck luck = luck_from(seed);
	struct names names = {0};
	copy_names(&names, &before->stable);
	for (size_t i = 0; i < before->change_count; i++)
		if (survives(&luck))
			apply(&names, &before->changes[i]);
	for (size_t i = 0; i < names.count; i++) {
		struct name name = {.inode = crashed_once(after, &names, i, &luck)};
		keep_text(name.text, names.of[i].text);
		if (name.inode && has_folder(&names, name.text))
			set_name(&after->now, &name);
	}
	copy_names(&after->stable, &after->now);
	free(names.of);
}
