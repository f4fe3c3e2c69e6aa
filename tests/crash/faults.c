/* faults: a library that is preloaded into `dibs serve`, so that a tester knows and decides what the system does to it.
 *
 * It stands before the calls by which the server asks the system for something: files, descriptors, memory, threads.
 * Tester and library share one page of memory, a file that FAULTS_PAGE names. In it
 *
 *   the marks   say, thread by thread, in which call it is right now, on which kind of file, and on what errand
 *               (recovery, a change of segments, a snapshot). They outlive the process: after a kill -9 the tester
 *               reads there where it fell.
 *   the rule    says which calls are meant (of what kind, on what file, on what errand), from the how many-th on and
 *               how many times, and what befalls them: they fail, write the half, lose what they were to make durable,
 *               or the process is killed before, inside or behind them.
 *
 * A sync that "loses" does what a real one that failed does: what was written since the last good one is gone, though
 * the process may still believe that it stands in the page cache. So a server that tries such a sync again and then
 * acknowledges is found out by what is missing after its next start.
 *
 * Calls are made by number and memory comes by glibc's own names, so nothing here needs the calls that it stands before.
 * The page's layout is also in page.py; both are held together by its version.
 */
#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE_VERSION 1
#define SLOTS_AT 256
#define SLOTS_MAX 64 /* threads; a server on a small machine has about fifteen */

struct slot {
	_Atomic uint32_t thread, call, file, errand;
};

struct page {
	uint32_t version;
	_Atomic uint32_t armed;
	uint32_t calls, files, errands; /* bits; no errand's bit: any */
	uint32_t action, number;        /* number: errno */
	uint32_t delay_us;              /* before a kill inside a call */
	uint64_t from, times;           /* the first one meant, counted from 1; times 0: for ever */
	_Atomic uint64_t matched, fired;
	uint8_t rest[SLOTS_AT - 64];
	struct slot slots[SLOTS_MAX];
};

_Static_assert(offsetof(struct page, slots) == SLOTS_AT, "page.py says where the slots are");

static struct page *page; /* NULL: nobody asked for anything */
static _Atomic uint32_t slots_used;
static __thread struct slot *mine __attribute__((tls_model("initial-exec")));
static sem_t shoot;

/* ---- the page ---- */

static void die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static void *shooter_main(void *context)
{
	while (sem_wait(&shoot) != 0)
		;
	struct timespec delay = {0, (long)page->delay_us * 1000};
	nanosleep(&delay, NULL);
	die();
	return context;
}

int faults_real_thread(pthread_t *ret, const pthread_attr_t *attributes, void *(*main)(void *), void *context)
{
	static int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	if (!create)
		create = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))(uintptr_t)dlsym(
		    RTLD_NEXT, "pthread_create");
	return create(ret, attributes, main, context);
}

/* Whose fault a crash is: the names of the calls that led there, without any memory. */
static void on_crash(int number)
{
	void *calls[32];
	backtrace_symbols_fd(calls, backtrace(calls, 32), STDERR_FILENO);
	signal(number, SIG_DFL);
	raise(number);
}

static void watch_crashes(void)
{
	void *calls[1];
	backtrace(calls, 1); /* the first one takes memory */
	signal(SIGSEGV, on_crash);
	signal(SIGABRT, on_crash);
}

__attribute__((constructor)) static void begin(void)
{
	pthread_t shooter;
	sigset_t all, before;
	const char *path = getenv("FAULTS_PAGE");
	int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
	if (fd < 0)
		return;
	void *mapped = (void *)syscall(SYS_mmap, NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0L);
	syscall(SYS_close, fd);
	if (mapped == MAP_FAILED || ((struct page *)mapped)->version != PAGE_VERSION)
		return;
	watch_crashes();
	sem_init(&shoot, 0, 0);
	page = mapped;
	sigfillset(&all); /* the server's signals are not for the one thread that is older than its masks */
	pthread_sigmask(SIG_BLOCK, &all, &before);
	if (faults_real_thread(&shooter, NULL, shooter_main, NULL) != 0)
		page = NULL;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static struct slot *slot(void)
{
	if (!mine) {
		uint32_t at = atomic_fetch_add(&slots_used, 1);
		mine = &page->slots[at < SLOTS_MAX ? at : SLOTS_MAX - 1];
		atomic_store(&mine->thread, (uint32_t)syscall(SYS_gettid));
	}
	return mine;
}

static bool is_meant(enum call call, enum file file, uint32_t errand)
{
	return atomic_load(&page->armed) && page->calls >> call & 1 && page->files >> file & 1 &&
	       (page->errands == 0 || page->errands >> errand & 1);
}

/* Marks the call. What is to befall it: ACTION_COUNT is nothing. */
enum action faults_enter(enum call call, enum file file)
{
	if (!page)
		return ACTION_COUNT;
	struct slot *here = slot();
	atomic_store(&here->file, file);
	atomic_store(&here->call, call);
	if (!is_meant(call, file, atomic_load(&here->errand)))
		return ACTION_COUNT;
	uint64_t nth = atomic_fetch_add(&page->matched, 1) + 1;
	if (page->action == ACTION_COUNT || nth < page->from || (page->times && nth - page->from >= page->times))
		return ACTION_COUNT;
	atomic_fetch_add(&page->fired, 1);
	if (page->action == ACTION_BEFORE)
		die();
	if (page->action == ACTION_INSIDE)
		sem_post(&shoot);
	return (enum action)page->action;
}

bool faults_is_to_fail(enum action action)
{
	if (action != ACTION_FAIL && action != ACTION_LOSE)
		return false;
	atomic_store(&mine->call, CALL_NONE);
	errno = (int)page->number;
	return true;
}

void faults_leave(enum action action)
{
	if (!page)
		return;
	if (action == ACTION_BEHIND)
		die();
	atomic_store(&mine->call, CALL_NONE);
}

void faults_set_errand(enum errand errand)
{
	if (page)
		atomic_store(&slot()->errand, errand);
}

enum errand faults_errand(void)
{
	return page ? (enum errand)atomic_load(&slot()->errand) : ERRAND_NONE;
}

/* Opening a folder takes memory: a mark here would hide that one. */
bool faults_memory_fails(enum call call)
{
	if (!page || !is_meant(call, FILE_OTHER, faults_errand()))
		return false;
	uint32_t outer = atomic_load(&slot()->call);
	bool fails = faults_is_to_fail(faults_enter(call, FILE_OTHER));
	atomic_store(&mine->call, outer);
	return fails;
}
