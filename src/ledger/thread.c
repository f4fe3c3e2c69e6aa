/* The shell around the step: rings in, mailboxes out, one round after the other.
 *
 *   loops ──ring──► gather ──► step ──► append, flush ──► echoes ──► step … ──► publish ──► mailbox ──► loops
 *                                                                     └─ until nothing more is appended
 *
 * A round takes everything that waits, as one batch. Between rounds the thread sleeps until a loop hands over, the log
 * moves, or something falls due.
 */
#include "ledger/ledger.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/must.h"
#include "base/ring.h"
#include "ledger/bell.h"
#include "ledger/mailbox.h"
#include "ledger/round.h"

#define GATHER_MAX 16384 /* asks of one round: as many as the appends of one step */
#define MS_NS INT64_C(1000000)
#define LOG_SOON_NS (1 * MS_NS)   /* a disk that syncs in less: see log_moves_soon() */
#define STOP_WAIT_NS (10 * MS_NS) /* while stopping: looks again at least so often */

struct counters {
	_Atomic uint64_t verdicts[VERDICT_COUNT];
	_Atomic uint64_t steps, asks, sequence, durable, left;
	_Atomic uint32_t waiting;
};

struct ledger_thread {
	/* fixed */
	struct ledger_thread_options options;
	struct core *core;
	struct log *log;
	struct ledger *ledger;
	struct views *views;
	pthread_t thread;
	int64_t clock_offset_ms; /* wall clock less monotonic, at the start */
	/* loops and ledger */
	struct ring *rings;
	struct mailbox *mailboxes;
	struct bell bell;
	_Atomic bool log_moved, stopping, ready;
	struct counters counters;
	/* ledger */
	struct ask_list *outs; /* per loop: released in this round */
	struct round round;
	uint32_t next_loop; /* whose ring is emptied first: each in turn */
	uint64_t awaited;   /* sequence whose way to the disk is being timed; 0: none */
	struct mono_ns awaited_since;
	uint64_t durable_ns; /* how long that takes, smoothed */
};

/* ---- time: the wall clock at the start, and from then on the monotonic one ---- */

static struct wall_ms now_of(const struct ledger_thread *thread)
{
	struct wall_ms time = core_time(thread->core);
	struct wall_ms now = {(int64_t)(clock_mono().ns / 1000000) + thread->clock_offset_ms};
	return wall_before(now, time) ? time : now;
}

static int start_clock(struct ledger_thread *thread, struct error *error)
{
	struct wall_ms wall;
	int code = round_clock(thread->core, clock_wall(), thread->options.clock_behind, &wall, error);
	if (code)
		return code;
	thread->clock_offset_ms = wall.ms - (int64_t)(clock_mono().ns / 1000000);
	return 0;
}

/* ---- counters: written by the ledger alone, read by any ---- */

#define set(counter, value) atomic_store_explicit(&(counter), (value), memory_order_relaxed)
#define get(counter) atomic_load_explicit(&(counter), memory_order_relaxed)
#define add(counter, more) set(counter, get(counter) + (more))

static void count_state(struct ledger_thread *thread, uint64_t durable)
{
	struct counters *counters = &thread->counters;
	set(counters->waiting, ledger_waiting(thread->ledger));
	set(counters->left, core_left_count(thread->core));
	set(counters->sequence, core_sequence(thread->core));
	set(counters->durable, durable);
	atomic_store_explicit(&thread->ready, ledger_is_ready(thread->ledger), memory_order_release);
}

/* ---- a round ---- */

/* All that waits in the rings, from each in its order. */
static struct ask *gather(struct ledger_thread *thread)
{
	struct ask_list list = {0};
	uint32_t count = 0, loops = thread->options.loops;
	must(loops > 0);
	for (uint32_t i = 0; i < loops; i++) {
		struct ring *ring = &thread->rings[(thread->next_loop + i) % loops];
		struct ask *ask;
		while (count < GATHER_MAX && (ask = ring_take(ring))) {
			ask_list_put(&list, ask);
			count++;
		}
	}
	thread->next_loop = (thread->next_loop + 1) % loops;
	add(thread->counters.asks, count);
	return list.first;
}

static void hand_to_outs(struct ledger_thread *thread, struct ask_list *released)
{
	for (struct ask *ask; (ask = ask_list_take(released));) {
		add(thread->counters.verdicts[ask->answer.verdict], 1);
		must(ask->loop < thread->options.loops);
		ask_list_put(&thread->outs[ask->loop], ask);
	}
}

/* What this step released goes to its loops; each is woken once. Mostly it is a round's first step that releases what
 * has become durable, and its second that applies what is new. */
static void hand_back(struct ledger_thread *thread)
{
	for (uint32_t loop = 0; loop < thread->options.loops; loop++) {
		if (!thread->outs[loop].first)
			continue;
		mailbox_put(&thread->mailboxes[loop], &thread->outs[loop]);
		thread->options.wake_loop(thread->options.wake_context, loop);
	}
}

/* One step with what there is. Returns whether another one follows at once (1), or not (0), or a fault. */
static int step_once(struct ledger_thread *thread, struct ask *asks, struct error *error)
{
	struct ask_list released = {0};
	int again = round_step(&thread->round, asks, now_of(thread), get(thread->stopping), &released, error);
	if (again < 0)
		return again;
	add(thread->counters.steps, 1);
	hand_to_outs(thread, &released);
	hand_back(thread);
	return again;
}

/* ---- how soon the log will move ---- */

static void time_log(struct ledger_thread *thread, uint64_t durable)
{
	struct mono_ns now = clock_mono();
	if (thread->awaited && durable >= thread->awaited) {
		thread->durable_ns = (3 * thread->durable_ns + (now.ns - thread->awaited_since.ns)) / 4;
		thread->awaited = 0;
	}
	if (!thread->awaited && durable < core_sequence(thread->core)) {
		thread->awaited = core_sequence(thread->core);
		thread->awaited_since = now;
	}
}

/* A batch is on its way to a quick disk: what is asked meanwhile could not be written before that is over, so it gathers
 * in the rings, and the log alone wakes the ledger. */
static bool log_moves_soon(const struct ledger_thread *thread)
{
	return thread->awaited && thread->durable_ns < LOG_SOON_NS && !get(thread->stopping);
}

static int round_of_steps(struct ledger_thread *thread, struct error *error)
{
	struct ask *asks = gather(thread);
	int code = log_failed(thread->log, error);
	for (bool again = true; again && code >= 0; asks = NULL) {
		code = step_once(thread, asks, error);
		again = code > 0;
	}
	if (code < 0)
		return code;
	uint64_t durable = log_durable(thread->log);
	count_state(thread, durable);
	time_log(thread, durable);
	return 0;
}

/* ---- between rounds ---- */

static bool log_has_work(const struct ledger_thread *thread)
{
	return atomic_load_explicit(&thread->log_moved, memory_order_acquire);
}

static bool has_work(const struct ledger_thread *thread)
{
	for (uint32_t loop = 0; loop < thread->options.loops; loop++)
		if (!ring_is_empty(&thread->rings[loop]))
			return true;
	return log_has_work(thread);
}

static int64_t sleep_ns(const struct ledger_thread *thread)
{
	if (get(thread->stopping))
		return STOP_WAIT_NS;
	struct wall_ms wake = ledger_next_wake(thread->ledger), now = now_of(thread);
	if (wake.ms == WALL_NEVER.ms)
		return INT64_MAX;
	int64_t ms = wake.ms > now.ms ? wake.ms - now.ms : 0;
	return ms < INT64_MAX / MS_NS ? ms * MS_NS : INT64_MAX;
}

static void sleep_until_log_moves(struct ledger_thread *thread, int64_t ns)
{
	bell_set(&thread->bell, BELL_DEEP);
	if (log_has_work(thread))
		bell_clear(&thread->bell);
	else
		bell_sleep(&thread->bell, ns < LOG_SOON_NS ? ns : LOG_SOON_NS);
}

static void sleep_until_rung(struct ledger_thread *thread)
{
	/* What a busy log did not take is due again at once: it is tried again when the log has moved, or a little later. */
	if (thread->round.log_is_busy) {
		sleep_until_log_moves(thread, LOG_SOON_NS);
		return;
	}
	if (log_moves_soon(thread)) {
		sleep_until_log_moves(thread, sleep_ns(thread));
		return;
	}
	bell_set(&thread->bell, BELL_LIGHT);
	if (has_work(thread))
		bell_clear(&thread->bell);
	else
		bell_sleep(&thread->bell, sleep_ns(thread));
}

/* Everything that was asked is answered, everything that was appended is durable. */
static bool is_drained(const struct ledger_thread *thread)
{
	return !has_work(thread) && ledger_is_idle(thread->ledger) &&
	       log_durable(thread->log) >= core_sequence(thread->core);
}

/* The process is about to end: nothing is answered any more. */
static void wait_for_stop(struct ledger_thread *thread)
{
	while (!get(thread->stopping)) {
		bell_set(&thread->bell, BELL_LIGHT);
		bell_sleep(&thread->bell, STOP_WAIT_NS);
	}
}

static void *run(void *argument)
{
	struct ledger_thread *thread = argument;
	struct error error;
	pthread_setname_np(pthread_self(), "ledger");
	for (;;) {
		bool stopping = atomic_load_explicit(&thread->stopping, memory_order_acquire);
		atomic_exchange_explicit(&thread->log_moved, false, memory_order_acq_rel);
		if (round_of_steps(thread, &error) < 0)
			break;
		if (stopping && is_drained(thread))
			return NULL;
		sleep_until_rung(thread);
	}
	thread->options.failed(thread->options.failed_context, &error);
	wait_for_stop(thread);
	return NULL;
}

/* ---- start, stop ---- */

static void log_has_moved(void *context)
{
	struct ledger_thread *thread = context;
	atomic_store_explicit(&thread->log_moved, true, memory_order_release);
	bell_ring(&thread->bell);
}

static void free_all(struct ledger_thread *thread)
{
	for (uint32_t loop = 0; thread->rings && loop < thread->options.loops; loop++)
		ring_fini(&thread->rings[loop]);
	ledger_free(thread->ledger);
	views_free(thread->views);
	free(thread->rings);
	free(thread->mailboxes);
	free(thread->outs);
	round_fini(&thread->round);
	free(thread);
}

static void *lines_new(size_t count, size_t size)
{
	void *memory = aligned_alloc(RING_LINE, count * size);
	if (memory)
		memset(memory, 0, count * size);
	return memory;
}

static int take_buffers(struct ledger_thread *thread, struct error *error)
{
	uint32_t loops = thread->options.loops;
	thread->rings = lines_new(loops, sizeof *thread->rings);
	thread->mailboxes = lines_new(loops, sizeof *thread->mailboxes);
	thread->outs = calloc(loops, sizeof *thread->outs);
	bool taken = thread->rings && thread->mailboxes && thread->outs;
	for (uint32_t loop = 0; taken && loop < loops; loop++)
		taken = ring_init(&thread->rings[loop], thread->options.ring_size);
	return taken ? 0
	             : error_set(error, FAULT_MEMORY, "no memory for the rings of %u loops; lower ring-size", loops);
}

static int make_ledger(struct ledger_thread *thread, struct error *error)
{
	const struct ledger_thread_options *from = &thread->options;
	struct ledger_options options = {.limits = from->limits,
	                                 .waiting_max = from->waiting_max,
	                                 .claim_timeout_ms = from->claim_timeout_ms,
	                                 .eligibility = from->eligibility,
	                                 .record_size_max = log_record_size_max(thread->log),
	                                 .log_number = from->log_number,
	                                 .program = TEXT("dibs " DIBS_VERSION)};
	random_bytes(options.digest_key, sizeof options.digest_key);
	int code = ledger_new(thread->core, &options, &thread->ledger, error);
	if (code)
		return code;
	code = views_new(from->limits.drops, from->limits.skus, from->limits.api_keys, &thread->views, error);
	if (code == 0 && !round_init(&thread->round, thread->ledger, thread->views, thread->log))
		code = error_set(error, FAULT_MEMORY, "no memory for the echoes of a step");
	if (code == 0)
		ledger_publish(thread->ledger, core_sequence(thread->core), thread->views);
	return code;
}

static int start(struct ledger_thread *thread, struct error *error)
{
	int code = start_clock(thread, error);
	if (code == 0)
		code = take_buffers(thread, error);
	if (code == 0)
		code = make_ledger(thread, error);
	if (code)
		return code;
	count_state(thread, core_sequence(thread->core));
	log_on_moved(thread->log, log_has_moved, thread);
	if (pthread_create(&thread->thread, NULL, run, thread) == 0)
		return 0;
	log_on_moved(thread->log, NULL, NULL);
	return error_set(error, FAULT_MEMORY, "the system gives no thread for the ledger");
}

int ledger_start(struct core *core, struct log *log, const struct ledger_thread_options *options,
                 struct ledger_thread **ret, struct error *error)
{
	if (options->loops == 0 || options->ring_size == 0 || options->waiting_max == 0)
		return error_set(error, FAULT_INVALID, "the ledger needs a loop, a ring and room to wait");
	struct ledger_thread *thread = lines_new(1, sizeof *thread);
	if (!thread)
		return error_set(error, FAULT_MEMORY, "no memory for the ledger");
	thread->options = *options;
	thread->core = core;
	thread->log = log;
	int code = start(thread, error);
	if (code) {
		free_all(thread);
		return code;
	}
	*ret = thread;
	return 0;
}

void ledger_stop(struct ledger_thread *thread)
{
	atomic_store_explicit(&thread->stopping, true, memory_order_release);
	bell_ring(&thread->bell);
	pthread_join(thread->thread, NULL);
	log_on_moved(thread->log, NULL, NULL);
	free_all(thread);
}

/* ---- the loops' side ---- */

uint32_t ledger_submit(struct ledger_thread *thread, uint32_t loop, struct ask *first, uint32_t count)
{
	must(loop < thread->options.loops);
	struct ring *ring = &thread->rings[loop];
	struct mono_ns now = clock_mono();
	uint32_t taken = 0;
	for (struct ask *ask = first; taken < count; taken++, ask = ask->next) {
		ask->loop = loop;
		ask->submitted = now;
		if (!ring_stage(ring, ask))
			break;
	}
	if (taken == 0)
		return 0;
	ring_publish(ring);
	bell_ring_lightly(&thread->bell);
	return taken;
}

struct ask *ledger_collect(struct ledger_thread *thread, uint32_t loop)
{
	must(loop < thread->options.loops);
	return mailbox_take(&thread->mailboxes[loop]);
}

bool ledger_ready(const struct ledger_thread *thread)
{
	return atomic_load_explicit(&thread->ready, memory_order_acquire);
}

const struct views *ledger_views(const struct ledger_thread *thread)
{
	return thread->views;
}

void ledger_statistics(const struct ledger_thread *thread, struct ledger_statistics *ret)
{
	const struct counters *counters = &thread->counters;
	struct view_totals totals = views_totals(thread->views);
	for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
		ret->verdicts[verdict] = get(counters->verdicts[verdict]);
	ret->steps = get(counters->steps);
	ret->asks = get(counters->asks);
	ret->waiting = get(counters->waiting);
	ret->orders = totals.orders;
	ret->orders_max = thread->options.limits.orders;
	ret->pending = totals.pending;
	ret->left = get(counters->left);
	ret->left_max = core_left_max(thread->core);
	ret->sequence = get(counters->sequence);
	ret->durable = get(counters->durable);
}
