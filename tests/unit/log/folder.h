/* folder: a temporary folder of a test's own, on a real disk. */
#ifndef DIBS_TESTS_LOG_FOLDER_H
#define DIBS_TESTS_LOG_FOLDER_H

#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

struct folder {
	char path[256];
};

static inline int folder_remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *walk)
{
	return remove(path);
}

static inline struct folder folder_make(void)
{
	struct folder folder;
	const char *parent = getenv("TMPDIR");
	snprintf(folder.path, sizeof folder.path, "%s/dibs-test-XXXXXX", parent ? parent : "/tmp");
	assert_non_null(mkdtemp(folder.path));
	return folder;
}

static inline void folder_remove(const struct folder *folder)
{
	nftw(folder->path, folder_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline struct disk *folder_disk(const struct folder *folder)
{
	struct error error = {0};
	struct disk *disk = NULL;
	if (disk_posix_open(folder->path, false, &disk, &error) != 0)
		fail_msg("%s", error.text);
	return disk;
}

#endif
