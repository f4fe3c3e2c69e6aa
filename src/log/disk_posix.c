/* The disk as the system has it: one folder, everything relative to it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/disk.h"

#define FILL_CHUNK (1u << 20) /* zeros go out in pieces and are waited for, so that a sync beside them is not held up */
#define NAME_MAX_SIZE 120

struct posix_disk {
	struct disk disk;
	int folder;
	int lock; /* -1: none */
	char path[];
};

struct disk_file {
	int fd;
	char name[NAME_MAX_SIZE];
};

static struct posix_disk *posix_of(struct disk *disk)
{
	return (struct posix_disk *)(void *)disk;
}

/* ---- faults ---- */

static int fault_of(int number)
{
	switch (number) {
	case ENOENT:
		return FAULT_NOT_FOUND;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return FAULT_NO_SPACE;
	default:
		return FAULT_IO;
	}
}

static int call_failed(struct error *error, const char *call, const char *name, int number)
{
	char text[96];
	return error_set(error, fault_of(number), "%s %s: %s", call, name, strerror_r(number, text, sizeof text));
}

/* ---- files ---- */

/* A file system without O_DIRECT: what the page cache holds is dropped instead. */
static int open_dropped(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return fd;
}

static int open_fd(int folder, const char *name, enum disk_open how)
{
	int fd;
	switch (how) {
	case DISK_READ:
		return openat(folder, name, O_RDONLY | O_CLOEXEC);
	case DISK_READ_DIRECT:
		fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_DIRECT);
		return fd < 0 && errno == EINVAL ? open_dropped(folder, name) : fd;
	case DISK_WRITE:
		return openat(folder, name, O_RDWR | O_CLOEXEC);
	case DISK_CREATE:
		return openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	}
	errno = EINVAL;
	return -1;
}

static int posix_open(struct disk *disk, const char *name, enum disk_open how, struct disk_file **ret,
                      struct error *error)
{
	struct disk_file *file = malloc(sizeof *file);
	if (!file)
		return error_set(error, FAULT_MEMORY, "no memory for opening %s", name);
	file->fd = open_fd(posix_of(disk)->folder, name, how);
	if (file->fd < 0) {
		int failed = errno;
		free(file);
		return call_failed(error, how == DISK_CREATE ? "create" : "open", name, failed);
	}
	snprintf(file->name, sizeof file->name, "%s", name);
	*ret = file;
	return 0;
}

static void posix_close(struct disk_file *file)
{
	close(file->fd);
	free(file);
}

static int posix_size(struct disk_file *file, uint64_t *ret, struct error *error)
{
	struct stat stat;
	if (fstat(file->fd, &stat) < 0)
		return call_failed(error, "size of", file->name, errno);
	*ret = (uint64_t)stat.st_size;
	return 0;
}

static int64_t posix_read(struct disk_file *file, void *into, size_t size, uint64_t offset, struct error *error)
{
	size_t done = 0;
	while (done < size) {
		ssize_t got = pread(file->fd, (char *)into + done, size - done, (off_t)(offset + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return call_failed(error, "read", file->name, errno);
		if (got == 0)
			break;
		done += (size_t)got;
		if (got % DISK_PAGE != 0)
			break; /* the end of the file; reading on from here would not be aligned */
	}
	return (int64_t)done;
}

/* A write that was cut short is a failed one; asking for the rest tells why. */
static int posix_write(struct disk_file *file, const void *bytes, size_t size, uint64_t offset, struct error *error)
{
	ssize_t put;
	do {
		put = pwrite(file->fd, bytes, size, (off_t)offset);
	} while (put < 0 && errno == EINTR);
	if (put < 0)
		return call_failed(error, "write", file->name, errno);
	if ((size_t)put == size)
		return 0;
	if (pwrite(file->fd, (const char *)bytes + put, size - (size_t)put, (off_t)(offset + (size_t)put)) < 0)
		return call_failed(error, "write", file->name, errno);
	return error_set(error, FAULT_IO, "write %s: %zd of %zu bytes were taken", file->name, put, size);
}

/* Writes out what fill has put there, and waits. A failure told here is told by no later fsync; where the system or the
 * file system has no such call, that one does all. */
static int write_back(struct disk_file *file, uint64_t offset, size_t size, struct error *error)
{
	char text[96];
	if (sync_file_range(file->fd, (off_t)offset, (off_t)size,
	                    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER) == 0)
		return 0;
	if (errno == ENOSYS || errno == EINVAL || errno == ESPIPE || errno == EOPNOTSUPP)
		return 0;
	return error_set(error, FAULT_IO, "sync_file_range %s: %s", file->name, strerror_r(errno, text, sizeof text));
}

static const _Alignas(DISK_PAGE) char zeros[FILL_CHUNK];

static int fill_zeros(struct disk_file *file, uint64_t size, struct error *error)
{
	for (uint64_t offset = 0; offset < size; offset += FILL_CHUNK) {
		size_t chunk = size - offset < FILL_CHUNK ? (size_t)(size - offset) : FILL_CHUNK;
		int fault = posix_write(file, zeros, chunk, offset, error);
		if (!fault)
			fault = write_back(file, offset, chunk, error);
		if (fault)
			return fault;
	}
	return 0;
}

/* Zeros go past the page cache where the file system can: nobody reads them, and copying them took this thread more
 * than all else. What refuses the first page refuses it for its alignment, and goes without. */
static void past_cache_if_possible(struct disk_file *file, uint64_t size)
{
	int flags = fcntl(file->fd, F_GETFL);
	if (flags < 0 || size % DISK_PAGE != 0 || fcntl(file->fd, F_SETFL, flags | O_DIRECT) < 0)
		return;
	if (pwrite(file->fd, zeros, DISK_PAGE, 0) < 0 && errno == EINVAL)
		fcntl(file->fd, F_SETFL, flags);
}

static void through_cache(struct disk_file *file)
{
	int flags = fcntl(file->fd, F_GETFL);
	if (flags >= 0)
		fcntl(file->fd, F_SETFL, flags & ~O_DIRECT);
}

/* Allocating first says at once that there is no room, before the little there is has been used. */
static int posix_fill(struct disk_file *file, uint64_t size, struct error *error)
{
	if (fallocate(file->fd, 0, 0, (off_t)size) < 0 && errno != EOPNOTSUPP && errno != ENOSYS)
		return call_failed(error, "allocate", file->name, errno);
	past_cache_if_possible(file, size);
	int fault = fill_zeros(file, size, error);
	through_cache(file);
	return fault;
}

static int posix_sync_data(struct disk_file *file, struct error *error)
{
	return fdatasync(file->fd) < 0 ? call_failed(error, "fdatasync", file->name, errno) : 0;
}

static int posix_sync_all(struct disk_file *file, struct error *error)
{
	return fsync(file->fd) < 0 ? call_failed(error, "fsync", file->name, errno) : 0;
}

/* ---- names ---- */

static int open_folder(struct disk *disk, const char *folder)
{
	return openat(posix_of(disk)->folder, *folder ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int posix_sync_folder(struct disk *disk, const char *folder, struct error *error)
{
	int fd = open_folder(disk, folder);
	if (fd < 0)
		return call_failed(error, "open folder", *folder ? folder : posix_of(disk)->path, errno);
	int failed = fsync(fd) < 0 ? errno : 0;
	close(fd);
	return failed ? call_failed(error, "fsync folder", *folder ? folder : posix_of(disk)->path, failed) : 0;
}

static int posix_rename(struct disk *disk, const char *from, const char *to, struct error *error)
{
	int folder = posix_of(disk)->folder;
	return renameat(folder, from, folder, to) < 0 ? call_failed(error, "rename", from, errno) : 0;
}

static int posix_remove(struct disk *disk, const char *name, struct error *error)
{
	return unlinkat(posix_of(disk)->folder, name, 0) < 0 ? call_failed(error, "remove", name, errno) : 0;
}

static int posix_shrink(struct disk *disk, const char *name, uint64_t size, struct error *error)
{
	struct stat stat;
	int failed = 0, fd = openat(posix_of(disk)->folder, name, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return call_failed(error, "open", name, errno);
	if (fstat(fd, &stat) < 0 || ((uint64_t)stat.st_size > size && ftruncate(fd, (off_t)size) < 0))
		failed = errno;
	close(fd);
	return failed ? call_failed(error, "shrink", name, failed) : 0;
}

static int posix_make_folder(struct disk *disk, const char *name, struct error *error)
{
	if (mkdirat(posix_of(disk)->folder, name, 0700) < 0 && errno != EEXIST)
		return call_failed(error, "make folder", name, errno);
	return 0;
}

static int list_entries(DIR *folder, disk_name_fn *each, void *context)
{
	for (;;) {
		struct stat stat;
		errno = 0;
		struct dirent *entry = readdir(folder);
		if (!entry)
			return errno;
		if (fstatat(dirfd(folder), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(stat.st_mode))
			each(context, entry->d_name, (uint64_t)stat.st_size);
	}
}

static int posix_list(struct disk *disk, const char *name, disk_name_fn *each, void *context, struct error *error)
{
	int fd = open_folder(disk, name);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	if (!folder) {
		int failed = errno;
		if (fd >= 0)
			close(fd);
		return call_failed(error, "list", *name ? name : posix_of(disk)->path, failed);
	}
	int failed = list_entries(folder, each, context);
	closedir(folder);
	return failed ? call_failed(error, "list", name, failed) : 0;
}

/* ---- the lock, and the disk as a whole ---- */

/* The file says who holds it; the lock itself goes with the process. */
static void sign_lock(int fd)
{
	char text[32];
	int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)size, 0) < 0) {
		/* only the message of another process would have been better for it */
	}
}

static int is_taken(int fd, const char *path, struct error *error)
{
	char owner[24] = "";
	ssize_t size = pread(fd, owner, sizeof owner - 1, 0);
	owner[size > 0 ? (size_t)size : 0] = '\0';
	owner[strspn(owner, "0123456789")] = '\0';
	return error_set(error, FAULT_LOCKED, "%s is in use by another process%s%s%s", path, *owner ? " (" : "", owner,
	                 *owner ? ")" : "");
}

static int posix_lock(struct disk *disk, const char *name, struct error *error)
{
	struct posix_disk *posix = posix_of(disk);
	if (posix->lock >= 0)
		return 0;
	int fd = openat(posix->folder, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return call_failed(error, "open", name, errno);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int failed = errno;
		int fault =
		    failed == EWOULDBLOCK ? is_taken(fd, posix->path, error) : call_failed(error, "lock", name, failed);
		close(fd);
		return fault;
	}
	posix->lock = fd;
	sign_lock(fd);
	return 0;
}

static void posix_done(struct disk *disk)
{
	struct posix_disk *posix = posix_of(disk);
	if (posix->lock >= 0)
		close(posix->lock);
	close(posix->folder);
	free(posix);
}

static const struct disk_ops ops = {
    .open = posix_open,
    .close = posix_close,
    .size = posix_size,
    .read = posix_read,
    .write = posix_write,
    .fill = posix_fill,
    .sync_data = posix_sync_data,
    .sync_all = posix_sync_all,
    .sync_folder = posix_sync_folder,
    .rename = posix_rename,
    .remove = posix_remove,
    .shrink = posix_shrink,
    .make_folder = posix_make_folder,
    .list = posix_list,
    .lock = posix_lock,
    .done = posix_done,
};

/* A folder that was made is only there for good when its parent is synced. */
static int sync_parent(int folder, const char *path, struct error *error)
{
	int parent = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return call_failed(error, "open the folder above", path, errno);
	int failed = fsync(parent) < 0 ? errno : 0;
	close(parent);
	return failed ? call_failed(error, "fsync the folder above", path, failed) : 0;
}

int disk_posix_open(const char *path, bool make, struct disk **ret, struct error *error)
{
	bool made = make && mkdir(path, 0700) == 0;
	if (make && !made && errno != EEXIST)
		return call_failed(error, "make folder", path, errno);
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return call_failed(error, "open folder", path, errno);
	int fault = made ? sync_parent(folder, path, error) : 0;
	size_t path_size = strlen(path) + 1;
	struct posix_disk *posix = fault ? NULL : malloc(sizeof *posix + path_size);
	if (!posix) {
		close(folder);
		return fault ? fault : error_set(error, FAULT_MEMORY, "no memory for opening %s", path);
	}
	posix->disk.ops = &ops;
	posix->folder = folder;
	posix->lock = -1;
	memcpy(posix->path, path, path_size);
	*ret = &posix->disk;
	return 0;
}
