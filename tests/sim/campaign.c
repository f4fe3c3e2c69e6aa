#include "campaign.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AGAIN_EVERY 16 /* one of so many seeds is run a second time: it must be the same run */
#define JOBS_MAX 64
#define ALL_KINDS_FROM 1000 /* seeds: in fewer, rare things may be missing by chance */

/* ---- plans ---- */

static const struct {
	const char *name;
	size_t at;
} numbers[] = {
    {"drops", offsetof(struct plan, drops)},
    {"buyers", offsetof(struct plan, buyers)},
    {"clients", offsetof(struct plan, clients)},
    {"meanwhile", offsetof(struct plan, meanwhile_percent)},
    {"operators", offsetof(struct plan, operator_percent)},
    {"echoes", offsetof(struct plan, echoes_max)},
    {"waiting", offsetof(struct plan, waiting_max)},
    {"orders", offsetof(struct plan, orders_max)},
    {"rare", offsetof(struct plan, rare_in)},
};

bool plan_set(struct plan *plan, const char *name, uint32_t value)
{
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		if (strcmp(numbers[i].name, name) != 0)
			continue;
		memcpy((char *)plan + numbers[i].at, &value, sizeof value);
		if (plan->drops_first > plan->drops)
			plan->drops_first = plan->drops;
		return true;
	}
	return false;
}

void plan_prepare(struct plan *plan, uint64_t seed, uint64_t ticks, const struct changes_of_plan *changes)
{
	plan_make(plan, seed, ticks, changes->without);
	for (uint32_t i = 0; i < changes->set_count; i++)
		must(plan_set(plan, changes->set[i].name, changes->set[i].value));
}

/* ---- processes ---- */

struct counts *counts_shared(uint32_t how_many)
{
	void *memory =
	    mmap(NULL, how_many * sizeof(struct counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(memory != MAP_FAILED);
	return memory;
}

static struct world *the_world(void)
{
	static struct world *world;
	if (!world)
		world = world_new();
	return world;
}

static uint64_t cpu_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

bool seed_runs(uint64_t seed, uint64_t ticks, const struct changes_of_plan *changes, bool silent,
               struct counts *ret_counts)
{
	fflush(NULL);
	pid_t child = fork();
	must(child >= 0);
	if (child == 0) {
		struct plan plan;
		if (silent && !freopen("/dev/null", "w", stderr))
			_exit(1);
		alarm(SEED_SECONDS_MAX);
		plan_prepare(&plan, seed, ticks, changes);
		uint64_t before = cpu_ns();
		world_run(the_world(), &plan, ret_counts);
		ret_counts->cpu_ns += cpu_ns() - before;
		_exit(0);
	}
	int status = 0;
	must(waitpid(child, &status, 0) == child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The same seed, the same run, bit by bit; another lies between the two. */
static void run_again(const struct plan *plan, struct counts *counts)
{
	static struct counts beside;
	uint64_t digest = counts->now_digest;
	world_run(the_world(), plan, &beside);
	if (beside.now_digest == digest)
		return;
	fprintf(stderr, "seed %llu: the second run differs from the first\n", (unsigned long long)plan->seed);
	_exit(1);
}

struct worker {
	pid_t process;
	uint64_t next; /* the seed to begin with */
	struct counts *counts;
};

static bool is_over(const struct order_of_seeds *order, uint64_t seed, struct mono_ns began)
{
	if (order->seconds)
		return clock_mono().ns - began.ns >= order->seconds * UINT64_C(1000000000);
	return seed >= order->first + order->count;
}

_Noreturn static void work(const struct order_of_seeds *order, const struct worker *worker, struct mono_ns began)
{
	struct plan plan;
	for (uint64_t seed = worker->next; !is_over(order, seed, began); seed += order->jobs) {
		alarm(SEED_SECONDS_MAX);
		plan_prepare(&plan, seed, order->ticks, &order->changes);
		uint64_t before = cpu_ns();
		world_run(the_world(), &plan, worker->counts);
		worker->counts->cpu_ns += cpu_ns() - before;
		if (seed % AGAIN_EVERY == 0)
			run_again(&plan, worker->counts);
	}
	_exit(0);
}

static void start(const struct order_of_seeds *order, struct worker *worker, struct mono_ns began)
{
	fflush(NULL);
	worker->process = fork();
	must(worker->process >= 0);
	if (worker->process == 0)
		work(order, worker, began);
}

static struct worker *worker_of(struct worker *workers, uint32_t count, pid_t process)
{
	for (uint32_t i = 0; i < count; i++)
		if (workers[i].process == process)
			return &workers[i];
	return NULL;
}

static void say_failed(const struct order_of_seeds *order, const struct counts *counts, int status)
{
	fprintf(stderr, "seed %llu failed at step %llu", (unsigned long long)counts->now_seed,
	        (unsigned long long)counts->now_steps);
	if (WIFSIGNALED(status))
		fprintf(stderr, " (signal %d%s)", WTERMSIG(status), WTERMSIG(status) == 14 ? ": it hangs" : "");
	fprintf(stderr, "\n");
	if (order->shrinks)
		shrink(counts->now_seed, order->ticks, &order->changes);
	else
		print_repeat(counts->now_seed, order->ticks, &order->changes);
}

/* Waits for one worker; one that failed goes on behind the seed that it failed at. True: it failed. */
static bool wait_for_one(const struct order_of_seeds *order, struct worker *workers, struct mono_ns began,
                         uint32_t *running)
{
	int status = 0;
	pid_t process = wait(&status);
	struct worker *worker = worker_of(workers, order->jobs, process);
	if (!worker)
		return false;
	worker->process = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		--*running;
		return false;
	}
	say_failed(order, worker->counts, status);
	worker->next = worker->counts->now_seed + order->jobs;
	if (is_over(order, worker->next, began))
		--*running;
	else
		start(order, worker, began);
	return true;
}

static void add_up(const struct worker *workers, uint32_t count, struct counts *ret)
{
	const size_t fields = offsetof(struct counts, now_seed) / sizeof(uint64_t);
	*ret = (struct counts){0};
	for (uint32_t i = 0; i < count; i++)
		for (size_t field = 0; field < fields; field++)
			((uint64_t *)ret)[field] += ((const uint64_t *)workers[i].counts)[field];
}

uint64_t campaign_run(const struct order_of_seeds *order)
{
	static struct worker workers[JOBS_MAX];
	static struct counts sum;
	struct counts *counts = counts_shared(order->jobs);
	struct mono_ns began = clock_mono();
	uint32_t running = order->jobs;
	uint64_t failed = 0;
	must(order->jobs <= JOBS_MAX);
	for (uint32_t i = 0; i < order->jobs; i++) {
		workers[i] = (struct worker){.next = order->first + i, .counts = &counts[i]};
		start(order, &workers[i], began);
	}
	while (running > 0)
		failed += wait_for_one(order, workers, began, &running);
	add_up(workers, order->jobs, &sum);
	summary_print(&sum, (double)(clock_mono().ns - began.ns) / 1e9);
	bool needs_all = order->needs_all_kinds && sum.seeds >= ALL_KINDS_FROM;
	uint64_t missing = needs_all ? summary_missing(&sum) : 0;
	printf("%llu passed, %llu failed\n", (unsigned long long)sum.seeds, (unsigned long long)(failed + missing));
	return failed + missing;
}
