/* work: what takes too long for a loop (a password's hash, a look into the database) runs on libuv's own small pool. */
#include <stdlib.h>

#include "net/connection.h"
#include "net/loop.h"

struct work {
	uv_work_t work; /* first */
	struct net_loop *loop;
	void (*run)(void *argument);
	void (*done)(void *argument);
	void *argument;
};

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
