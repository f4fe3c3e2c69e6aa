/* work: what takes too long for a loop (a password's hash, a look into the database) runs on libuv's own small pool.
 *
 * libuv makes the pool's threads at the first work, and where the system refuses one, it aborts the process: in the
 * middle of a sale, for somebody's reading of a list. So they are made at the start, and it is tried before whether the
 * system gives that many.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "net/connection.h"
#include "net/loop.h"

struct work {
	uv_work_t work; /* first */
	struct net_loop *loop;
	void (*run)(void *argument);
	void (*done)(void *argument);
	void *argument;
};

#define POOL_THREADS 4 /* libuv's number, unless UV_THREADPOOL_SIZE says another */

static void *wait_for_the_others(void *context)
{
	pthread_mutex_t *all_made = context;
	pthread_mutex_lock(all_made);
	pthread_mutex_unlock(all_made);
	return NULL;
}

static int try_threads(struct error *error)
{
	pthread_mutex_t all_made = PTHREAD_MUTEX_INITIALIZER;
	pthread_t threads[POOL_THREADS];
	int made = 0, failed = 0;
	pthread_mutex_lock(&all_made);
	while (made < POOL_THREADS && !failed) {
		failed = pthread_create(&threads[made], NULL, wait_for_the_others, &all_made);
		made += !failed;
	}
	pthread_mutex_unlock(&all_made);
	while (made > 0)
		pthread_join(threads[--made], NULL);
	return failed ? error_set(error, FAULT_MEMORY, "no thread for reading the database: %s", strerror(failed)) : 0;
}

static void first_work(uv_work_t *uv)
{
}

static void first_work_done(uv_work_t *uv, int status)
{
}

int work_start(struct error *error)
{
	uv_loop_t loop;
	uv_work_t work;
	int fault = try_threads(error);
	if (fault)
		return fault;
	int failed = uv_loop_init(&loop);
	if (failed)
		return error_set(error, FAULT_MEMORY, "no loop for the first work: %s", uv_strerror(failed));
	uv_queue_work(&loop, &work, first_work, first_work_done);
	uv_run(&loop, UV_RUN_DEFAULT);
	must(uv_loop_close(&loop) == 0);
	return 0;
}

static void on_work(uv_work_t *uv)
{
	struct work *work = (struct work *)(void *)uv;
	work->run(work->argument);
}

static void on_work_done(uv_work_t *uv, int status)
{
	struct work *work = (struct work *)(void *)uv;
	struct net_loop *loop = work->loop;
	(void)status;
	loop_touch(loop);
	loop->works--;
	atomic_fetch_sub_explicit(&loop->net->works, 1, memory_order_relaxed);
	work->done(work->argument);
	free(work);
}

bool net_work(struct exchange *exchange, void (*run)(void *argument), void (*done)(void *argument), void *argument)
{
	struct net_loop *loop = exchange->on;
	struct work *work = malloc(sizeof *work);
	if (!work)
		return false;
	*work = (struct work){.loop = loop, .run = run, .done = done, .argument = argument};
	bool room = atomic_fetch_add_explicit(&loop->net->works, 1, memory_order_relaxed) < LOOP_WORK_MAX;
	if (!room || uv_queue_work(&loop->uv, &work->work, on_work, on_work_done) != 0) {
		atomic_fetch_sub_explicit(&loop->net->works, 1, memory_order_relaxed);
		free(work);
		return false;
	}
	loop->works++;
	return true;
}
