/* Files: their names, what is written to them, and what becomes of it when a sync fails. */
#include "faults.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILES_MAX 65536
#define RANGES_MAX 64 /* pieces written and not yet synced; neighbours are one */

static _Atomic uint8_t kind_of[FILES_MAX]; /* enum file, by descriptor */
static _Atomic int blank_fd = -1;          /* the one whose file is to get a name */

/* ---- which file ---- */

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text), tail = strlen(end);
	return size >= tail && strcmp(text + size - tail, end) == 0;
}

static enum file kind_of_name(const char *name)
{
	if (strncmp(name, "archive/", 8) == 0)
		return FILE_ARCHIVE;
	if (ends_with(name, ".seg"))
		return FILE_SEGMENT;
	if (ends_with(name, "log/next.tmp"))
		return FILE_BLANK;
	if (ends_with(name, ".snap.tmp") || ends_with(name, ".snap"))
		return FILE_SNAPSHOT;
	if (strstr(name, "/store.db"))
		return FILE_STORE;
	return strcmp(name, "lock") == 0 ? FILE_LOCK : FILE_OTHER;
}

static enum file kind(int fd)
{
	return fd >= 0 && fd < FILES_MAX ? (enum file)atomic_load(&kind_of[fd]) : FILE_OTHER;
}

void faults_set_kind(int fd, enum file file)
{
	if (fd >= 0 && fd < FILES_MAX)
		atomic_store(&kind_of[fd], file);
	if (file == FILE_BLANK)
		atomic_store(&blank_fd, fd);
}

/* ---- what is written and not durable ---- */

struct range {
	int fd;
	off_t begin, end;
};

static struct range ranges[RANGES_MAX];
static int range_count;
static pthread_mutex_t ranges_lock = PTHREAD_MUTEX_INITIALIZER;

static void note_written(int fd, off_t offset, ssize_t size)
{
	if (size <= 0 || (kind(fd) != FILE_SEGMENT && kind(fd) != FILE_BLANK))
		return;
	pthread_mutex_lock(&ranges_lock);
	int at = 0;
	while (at < range_count && (ranges[at].fd != fd || ranges[at].end != offset))
		at++;
	if (at == range_count && range_count < RANGES_MAX)
		ranges[range_count++] = (struct range){fd, offset, offset};
	if (at < RANGES_MAX)
		ranges[at].end = offset + size;
	pthread_mutex_unlock(&ranges_lock);
}

/* Forgets this file's ranges; lost: they are zeros again, as the segment was before. */
static void settle(int fd, bool lost)
{
	static const char zeros[4096];
	pthread_mutex_lock(&ranges_lock);
	int kept = 0;
	for (int i = 0; i < range_count; i++) {
		if (ranges[i].fd != fd) {
			ranges[kept++] = ranges[i];
			continue;
		}
		for (off_t at = ranges[i].begin; lost && at < ranges[i].end; at += (off_t)sizeof zeros)
			syscall(SYS_pwrite64, fd, zeros, sizeof zeros, at);
	}
	range_count = kept;
	pthread_mutex_unlock(&ranges_lock);
}

/* ---- opening and closing ---- */

/* The errand of recovery begins with the lock and ends with the read model: both are opened once, at the start. */
static int open_any(int folder, const char *name, int flags, mode_t mode)
{
	enum file file = flags & O_DIRECTORY ? FILE_FOLDER : kind_of_name(name);
	if (file == FILE_LOCK)
		faults_set_errand(ERRAND_RECOVERY);
	if (file == FILE_STORE && faults_errand() == ERRAND_RECOVERY)
		faults_set_errand(ERRAND_NONE);
	if (file == FILE_SNAPSHOT && flags & O_CREAT)
		faults_set_errand(ERRAND_SNAPSHOT);
	enum action action = faults_enter(CALL_OPEN, file);
	if (faults_is_to_fail(action))
		return -1;
	int fd = (int)syscall(SYS_openat, folder, name, flags, mode);
	if (fd >= 0)
		faults_set_kind(fd, file);
	faults_leave(action);
	return fd;
}

static mode_t mode_of(int flags, va_list arguments)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
}

#define OPEN(NAME, FLAG) \
	int NAME(const char *name, int flags, ...) \
	{ \
		va_list arguments; \
		va_start(arguments, flags); \
		mode_t mode = mode_of(flags, arguments); \
		va_end(arguments); \
		return open_any(AT_FDCWD, name, flags | (FLAG), mode); \
	}
#define OPEN_AT(NAME, FLAG) \
	int NAME(int folder, const char *name, int flags, ...) \
	{ \
		va_list arguments; \
		va_start(arguments, flags); \
		mode_t mode = mode_of(flags, arguments); \
		va_end(arguments); \
		return open_any(folder, name, flags | (FLAG), mode); \
	}
OPEN(open, 0)
OPEN(open64, O_LARGEFILE)
OPEN_AT(openat, 0)
OPEN_AT(openat64, O_LARGEFILE)

int close(int fd)
{
	faults_set_kind(fd, FILE_OTHER);
	return (int)syscall(SYS_close, fd);
}

/* ---- files ---- */

ssize_t pread(int fd, void *into, size_t size, off_t offset)
{
	enum action action = faults_enter(CALL_READ, kind(fd));
	if (faults_is_to_fail(action))
		return -1;
	ssize_t got = syscall(SYS_pread64, fd, into, size, offset);
	faults_leave(action);
	return got;
}

/* A change of segments begins when the journal's writer writes to the blank one. */
ssize_t pwrite(int fd, const void *from, size_t size, off_t offset)
{
	if (faults_is_writer && kind(fd) == FILE_BLANK)
		faults_set_errand(ERRAND_ROTATION);
	enum action action = faults_enter(CALL_WRITE, kind(fd));
	if (faults_is_to_fail(action))
		return -1;
	if (action == ACTION_SHORT)
		size /= 2;
	ssize_t put = syscall(SYS_pwrite64, fd, from, size, offset);
	note_written(fd, offset, put);
	faults_leave(action);
	return put;
}

/* How a sync that was asked for by number ended. It is the end of an errand when it is a folder's. */
static int sync_any(int fd, enum call call, long number)
{
	enum file file = kind(fd);
	enum action action = faults_enter(call, file);
	if (action == ACTION_LOSE)
		settle(fd, true);
	if (faults_is_to_fail(action))
		return -1;
	int rc = (int)syscall(number, fd);
	if (rc == 0)
		settle(fd, false);
	faults_leave(action);
	if (file == FILE_FOLDER && faults_errand() != ERRAND_RECOVERY)
		faults_set_errand(ERRAND_NONE);
	return rc;
}

int fdatasync(int fd)
{
	return sync_any(fd, CALL_SYNC_DATA, SYS_fdatasync);
}

int fsync(int fd)
{
	return sync_any(fd, CALL_SYNC_ALL, SYS_fsync);
}

int sync_file_range(int fd, off64_t offset, off64_t size, unsigned flags)
{
	enum action action = faults_enter(CALL_FLUSH, kind(fd));
	if (faults_is_to_fail(action))
		return -1;
	int rc = (int)syscall(SYS_sync_file_range, fd, offset, size, flags);
	faults_leave(action);
	return rc;
}

int fallocate(int fd, int mode, off_t offset, off_t size)
{
	enum action action = faults_enter(CALL_ALLOCATE, kind(fd));
	if (faults_is_to_fail(action))
		return -1;
	int rc = (int)syscall(SYS_fallocate, fd, mode, offset, size);
	faults_leave(action);
	return rc;
}

int ftruncate(int fd, off_t size)
{
	enum action action = faults_enter(CALL_TRUNCATE, kind(fd));
	if (faults_is_to_fail(action))
		return -1;
	int rc = (int)syscall(SYS_ftruncate, fd, size);
	faults_leave(action);
	return rc;
}

/* ---- names ---- */

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
	enum action action = faults_enter(CALL_RENAME, kind_of_name(to));
	if (faults_is_to_fail(action))
		return -1;
	int rc = (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
	if (rc == 0 && kind_of_name(from) == FILE_BLANK)
		faults_set_kind(atomic_exchange(&blank_fd, -1), FILE_SEGMENT);
	faults_leave(action);
	return rc;
}

int rename(const char *from, const char *to)
{
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int unlinkat(int folder, const char *name, int flags)
{
	enum action action = faults_enter(CALL_REMOVE, kind_of_name(name));
	if (faults_is_to_fail(action))
		return -1;
	int rc = (int)syscall(SYS_unlinkat, folder, name, flags);
	faults_leave(action);
	return rc;
}

int unlink(const char *name)
{
	return unlinkat(AT_FDCWD, name, 0);
}

int mkdirat(int folder, const char *name, mode_t mode)
{
	enum action action = faults_enter(CALL_MAKE_FOLDER, FILE_OTHER);
	if (faults_is_to_fail(action))
		return -1;
	int rc = (int)syscall(SYS_mkdirat, folder, name, mode);
	faults_leave(action);
	return rc;
}

int mkdir(const char *name, mode_t mode)
{
	return mkdirat(AT_FDCWD, name, mode);
}

/* ---- the same calls under their other names: offsets have 64 bits either way on the machines that dibs runs on ---- */

#define SAME(NAME, AS) __typeof__(AS) NAME __attribute__((alias(#AS)))
_Static_assert(sizeof(off_t) == sizeof(off64_t), "a 32-bit system would need wrappers of its own");
#undef pread64
#undef pwrite64
SAME(pread64, pread);
SAME(pwrite64, pwrite);
SAME(ftruncate64, ftruncate);
SAME(fallocate64, fallocate);
