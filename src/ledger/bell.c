#include "ledger/bell.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)

void bell_sleep(struct bell *bell, int64_t ns)
{
	struct timespec timeout = {.tv_sec = (time_t)(ns / SECOND_NS), .tv_nsec = (long)(ns % SECOND_NS)};
	uint32_t how = atomic_load_explicit(&bell->sleeps, memory_order_relaxed);
	if (ns > 0 && how != BELL_AWAKE)
		syscall(SYS_futex, &bell->sleeps, FUTEX_WAIT_PRIVATE, how, ns == INT64_MAX ? NULL : &timeout, NULL, 0);
	bell_clear(bell);
}

void bell_ring(struct bell *bell)
{
	if (atomic_exchange_explicit(&bell->sleeps, BELL_AWAKE, memory_order_acq_rel) != BELL_AWAKE)
		syscall(SYS_futex, &bell->sleeps, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
