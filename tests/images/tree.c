#include "tree.h"

#include "base/must.h"

uint8_t zero_page[DISK_PAGE];

static int place_of(const struct tree *tree, const char *name)
{
	for (int i = 0; i < tree->count; i++)
		if (strcmp(tree->of[i].name, name) == 0)
			return i;
	return -1;
}

void tree_name_copy(char to[TREE_NAME_SIZE], const char *name)
{
	size_t size = strlen(name) + 1;
	must(size <= TREE_NAME_SIZE);
	memcpy(to, name, size);
}

int tree_find(const struct tree *tree, const char *name)
{
	int place = place_of(tree, name);
	return place < 0 ? NOBODY : tree->of[place].inode;
}

void tree_set(struct tree *tree, const char *name, int inode)
{
	int place = place_of(tree, name);
	if (place < 0) {
		must(tree->count < TREE_NAMES_MAX);
		place = tree->count++;
		tree_name_copy(tree->of[place].name, name);
	}
	tree->of[place].inode = inode;
}

void tree_remove(struct tree *tree, const char *name)
{
	int place = place_of(tree, name);
	if (place >= 0)
		tree->of[place] = tree->of[--tree->count];
}

bool tree_has_folder_of(const struct tree *tree, const char *name)
{
	char folder[TREE_NAME_SIZE];
	const char *slash = strrchr(name, '/');
	if (!slash)
		return true;
	tree_name_copy(folder, name);
	folder[slash - name] = '\0';
	return tree_find(tree, folder) == FOLDER;
}

const char *tree_inside(const char *name, const char *folder)
{
	size_t size = strlen(folder);
	if (size == 0)
		return strchr(name, '/') ? NULL : name;
	if (strncmp(name, folder, size) != 0 || name[size] != '/' || strchr(name + size + 1, '/'))
		return NULL;
	return name + size + 1;
}
