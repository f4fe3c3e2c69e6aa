/* Descriptors, memory and threads: what may run out. */
#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

__thread bool faults_is_writer;

/* ---- descriptors ---- */

static int descriptor(enum call call, long number, long a, long b, long c, long d)
{
	enum action action = faults_enter(call, FILE_OTHER);
	if (faults_is_to_fail(action))
		return -1;
	int fd = (int)syscall(number, a, b, c, d);
	if (call != CALL_EPOLL_CTL)
		faults_set_kind(fd, FILE_OTHER);
	faults_leave(action);
	return fd;
}

int socket(int domain, int type, int protocol)
{
	return descriptor(CALL_DESCRIPTOR, SYS_socket, domain, type, protocol, 0);
}

int eventfd(unsigned count, int flags)
{
	return descriptor(CALL_DESCRIPTOR, SYS_eventfd2, (long)count, flags, 0, 0);
}

int epoll_create1(int flags)
{
	return descriptor(CALL_DESCRIPTOR, SYS_epoll_create1, flags, 0, 0, 0);
}

int pipe2(int fds[2], int flags)
{
	return descriptor(CALL_DESCRIPTOR, SYS_pipe2, (long)fds, flags, 0, 0);
}

int accept4(int fd, __SOCKADDR_ARG address, socklen_t *restrict size, int flags)
{
	return descriptor(CALL_ACCEPT, SYS_accept4, fd, (long)address.__sockaddr__, (long)size, flags);
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	return descriptor(CALL_EPOLL_CTL, SYS_epoll_ctl, epoll, operation, fd, (long)event);
}

/* ---- memory and threads ---- */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
	return faults_memory_fails(CALL_MEMORY) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return faults_memory_fails(CALL_MEMORY) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
	return faults_memory_fails(CALL_MEMORY) ? NULL : __libc_realloc(memory, size);
}

void *reallocarray(void *memory, size_t count, size_t size)
{
	size_t bytes;
	if (!__builtin_mul_overflow(count, size, &bytes))
		return realloc(memory, bytes);
	errno = ENOMEM;
	return NULL;
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return faults_memory_fails(CALL_MEMORY) ? NULL : __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size)
{
	return faults_memory_fails(CALL_MEMORY) ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
	void *memory = faults_memory_fails(CALL_MEMORY) ? NULL : __libc_memalign(alignment, size);
	if (!memory)
		return ENOMEM;
	*ret = memory;
	return 0;
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (faults_memory_fails(CALL_MAP))
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
}

int pthread_create(pthread_t *restrict ret, const pthread_attr_t *restrict attributes, void *(*main)(void *),
                   void *restrict context)
{
	enum action action = faults_enter(CALL_THREAD, FILE_OTHER);
	if (faults_is_to_fail(action))
		return errno;
	int rc = faults_real_thread(ret, attributes, main, context);
	faults_leave(action);
	return rc;
}

/* The journal's writer gives its name to itself. */
int pthread_setname_np(pthread_t thread, const char *name)
{
	static int (*set)(pthread_t, const char *);
	if (pthread_equal(thread, pthread_self()))
		faults_is_writer = strcmp(name, "log writer") == 0;
	if (!set)
		set = (int (*)(pthread_t, const char *))(uintptr_t)dlsym(RTLD_NEXT, "pthread_setname_np");
	return set(thread, name);
}

__typeof__(mmap) mmap64 __attribute__((alias("mmap")));
