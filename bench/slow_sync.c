/* slow_sync: a disk whose sync takes longer. Preloaded (LD_PRELOAD), it waits before each fdatasync and fsync, and then
 * calls the real one. SLOW_SYNC_US says how long, in microseconds; 5,000 when it says nothing. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define USUAL_US 5000

typedef int sync_fn(int fd);

static void wait_first(void)
{
	const char *text = getenv("SLOW_SYNC_US");
	long us = text ? strtol(text, NULL, 10) : USUAL_US;
	struct timespec left = {us / 1000000, us % 1000000 * 1000};
	while (nanosleep(&left, &left) < 0)
		continue; /* a signal: the disk is not faster for it */
}

static int call_real(const char *name, int fd)
{
	sync_fn *real;
	*(void **)&real = dlsym(RTLD_NEXT, name);
	return real(fd);
}

int fdatasync(int fd)
{
	wait_first();
	return call_real("fdatasync", fd);
}

int fsync(int fd)
{
	wait_first();
	return call_real("fsync", fd);
}
