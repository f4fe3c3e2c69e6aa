/* The follower's thread.
 *
 *              ┌───────────────── the store is damaged: set aside ─────────────────┐
 *              ▼                                                                   │
 *   begin_session ──► gather ──► write_rows ──► maybe_snapshot ──► gather …  ──► mend
 *   (a core at the        │          └─ cannot be written: said once, back-off, again
 *    store's position)    ├─ nothing durable: wait_moved
 *                         └─ damage in the archive: begin_session again, without it
 *
 * The threads that move the log only set a flag and post a semaphore: they never wait for a thread at idle priority.
 */
#include "follow/follow.h"

#include <linux/ioprio.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/log_line.h"
#include "base/must.h"
#include "base/pace.h"
#include "follow/history.h"
#include "follow/projector.h"
#include "follow/snapshots.h"
#include "log/snapshot_file.h"

#define BATCH_ORDERS_DEFAULT 65536    /* a transaction of a third of a second, at 150,000 to 200,000 orders/s */
#define BATCH_RECORDS_PER_ORDER 4     /* most records make no row: a batch ends after so many times its rows, too */
#define POLL_NS UINT64_C(100000000)   /* without follower_moved(): ten looks a second */
#define RECORDS_A_REST 512            /* a quarter of a millisecond of folding (base/pace.h) */
#define LINGER_NS UINT64_C(250000000) /* in a crowd: rows of many batches share the pages of one transaction */
#define QUIET_POLLS 10                /* a second of POLL_NS */
#define BACK_OFF_MS_MIN 100           /* a store that cannot be written is tried again after this … */
#define BACK_OFF_MS_MAX 30000         /* … doubled each time up to this: a full disk takes a person to mend */
#define SNAPSHOTS_SEEN 16
#define NANO UINT64_C(1000000000)

struct follower {
	struct follower_options options;
	pthread_t thread;

	/* its own thread's */
	struct projector *projector;
	struct history history;
	bool of_store;   /* the last fault is the store's, not the log's or the fold's */
	bool of_archive; /* the last fault was met in archived segments */
	bool no_archive; /* they cannot be used: what there is was looked at, and said */
	bool to_renew;   /* the store was to be thrown away, and could not be made anew yet … */
	bool to_keep;    /* … and what there was is to be set aside */
	uint32_t back_off_ms;
	uint64_t damaged_at; /* position, and one more, at which the store was found damaged last; 0: never */
	struct mono_ns last_snapshot_at;
	uint32_t quiet_polls; /* looks since the last record */

	/* any thread's */
	sem_t wake;
	_Atomic bool moved, stopping, final_snapshot;
	_Atomic uint64_t position, orders, transactions, snapshots, last_snapshot, last_snapshot_ns;
	_Atomic bool store_failing;
	_Atomic uint32_t waiting; /* in follower_wait() */
	pthread_mutex_t lock;     /* for the condition only */
	pthread_cond_t changed;
	_Atomic bool failed;
};

static void tell_waiters(struct follower *self)
{
	pthread_mutex_lock(&self->lock);
	pthread_cond_broadcast(&self->changed);
	pthread_mutex_unlock(&self->lock);
}

static void publish_position(struct follower *self, uint64_t position)
{
	atomic_store(&self->position, position);
	tell_waiters(self);
}

static struct timespec after(uint64_t ns)
{
	uint64_t at = clock_mono().ns + ns;
	return (struct timespec){.tv_sec = (time_t)(at / NANO), .tv_nsec = (long)(at % NANO)};
}

/* ---- a store in trouble ---- */

static void say_failing(struct follower *self, const struct error *error)
{
	if (!atomic_exchange(&self->store_failing, true))
		log_line(LOG_ERROR, "store_failing", LOG_TEXT("reason", error->text));
}

static void say_recovered(struct follower *self)
{
	self->back_off_ms = BACK_OFF_MS_MIN;
	if (atomic_exchange(&self->store_failing, false))
		log_line(LOG_INFO, "store_recovered", LOG_NUMBER("position", atomic_load(&self->position)));
}

/* Waits before the next attempt; false: the follower is to stop, so there is none. */
static bool back_off(struct follower *self)
{
	struct timespec until = after(self->back_off_ms * (NANO / 1000));
	int rc = 0;
	self->back_off_ms = self->back_off_ms * 2 < BACK_OFF_MS_MAX ? self->back_off_ms * 2 : BACK_OFF_MS_MAX;
	pthread_mutex_lock(&self->lock);
	while (!atomic_load(&self->stopping) && rc == 0)
		rc = pthread_cond_timedwait(&self->changed, &self->lock, &until);
	pthread_mutex_unlock(&self->lock);
	return !atomic_load(&self->stopping);
}

static int throw_away(struct follower *self, bool keep, const char *reason, struct error *error)
{
	log_line(LOG_WARN, "store_rebuilt", LOG_TEXT("reason", reason),
	         LOG_NUMBER("position", atomic_load(&self->position)), LOG_NUMBER("set_aside", keep));
	publish_position(self, 0);
	int rc = self->options.store->ops->renew(self->options.store, keep, error);
	self->of_store = self->to_renew = rc < 0;
	self->to_keep = keep;
	return rc;
}

/* After a fault of the store: true when it is worth another session. */
static bool mend(struct follower *self, const struct error *fault)
{
	uint64_t position = atomic_load(&self->position);
	struct error error;
	say_failing(self, fault);
	if (fault->code != FAULT_DAMAGED)
		return back_off(self);
	if (self->damaged_at > 0 && position < self->damaged_at)
		self->back_off_ms = BACK_OFF_MS_MAX; /* it was rebuilt in vain */
	if (self->damaged_at > 0 && !back_off(self))
		return false;
	self->damaged_at = position + 1;
	while (throw_away(self, true, fault->text, &error) < 0) {
		if (!back_off(self))
			return false;
	}
	return true;
}

/* ---- the beginning: a core at the store's position ---- */

static int store_place(struct follower *self, uint64_t *ret_position, uint64_t *ret_hash, struct error *error)
{
	struct store *store = self->options.store;
	struct wall_ms as_of;
	int rc = store->ops->position(store, ret_position, &as_of, error);
	if (rc == 0)
		rc = store->ops->mark(store, STORE_MARK_HASH, ret_hash, error);
	self->of_store = rc < 0;
	return rc;
}

/* FAULT_NOT_FOUND: what is read does not reach back far enough. */
static int core_at(struct follower *self, uint64_t position, struct core **ret, struct error *error)
{
	const struct follower_options *options = &self->options;
	uint64_t sequence;
	struct core *core;
	int rc = position > 0 ? follow_load_snapshot(options->disk, &options->limits, position, &core, &sequence, error)
	                      : core_new(&options->limits, &core, error);
	if (rc < 0)
		return rc;
	if (core_sequence(core) < position)
		rc = follow_fold(history_log(&self->history), core, position, NULL, NULL, error);
	if (rc < 0) {
		core_free(core);
		return rc;
	}
	*ret = core;
	return 0;
}

static int follow_core(struct follower *self, struct core *core, struct error *error)
{
	const struct follower_options *options = &self->options;
	int rc = history_begin(&self->history, core_sequence(core) + 1, error);
	if (rc == 0)
		rc = projector_new(core, options->store, options->limits.drops, &self->projector, error);
	if (rc < 0)
		core_free(core);
	return rc;
}

static int write_rows(struct follower *self, struct error *error);

/* The log's beginning is gone: what the oldest snapshot still holds becomes rows. */
static int begin_at_snapshot(struct follower *self, struct error *error)
{
	const struct follower_options *options = &self->options;
	uint64_t sequence;
	struct core *core;
	history_open(&self->history, options->log);
	int rc = follow_load_oldest(options->disk, &options->limits, &core, &sequence, error);
	if (rc < 0)
		return rc;
	log_line(LOG_WARN, "store_history_cut", LOG_NUMBER("whole_from", sequence + 1),
	         LOG_TEXT("reason",
	                  "the log's beginning is archived away: orders that had left the core are missing, "
	                  "and buyers before; put the archived segments back and delete the store to have them"));
	rc = follow_core(self, core, error);
	if (rc == 0)
		rc = throw_away(self, false, "the log's beginning is archived away", error);
	if (rc == 0)
		rc = projector_seed(self->projector, error);
	return rc < 0 ? rc : write_rows(self, error);
}

static int begin_in_history(struct follower *self, uint64_t position, struct error *error)
{
	struct core *core;
	int rc = core_at(self, position, &core, error);
	if (rc == 0)
		rc = follow_core(self, core, error);
	return rc;
}

static void leave_archive(struct follower *self, const struct error *reason)
{
	self->no_archive = true;
	if (reason->code != FAULT_NOT_FOUND)
		log_line(LOG_WARN, "archive_unusable", LOG_TEXT("reason", reason->text));
}

/* The log's beginning is gone: where it was archived to, it may still stand whole. */
static int begin_in_archive(struct follower *self, uint64_t position, struct error *error)
{
	struct error found;
	int rc = history_open_archived(&self->history, self->options.disk, self->options.log, &found);
	if (rc < 0) {
		leave_archive(self, &found);
		return error_set(error, FAULT_NOT_FOUND, "%s", found.text);
	}
	log_line(LOG_INFO, "archive_read", LOG_NUMBER("position", position), LOG_NUMBER("until", self->history.until));
	rc = begin_in_history(self, position, error);
	self->of_archive = rc < 0;
	return rc;
}

static int begin_at(struct follower *self, uint64_t position, struct error *error)
{
	history_open(&self->history, self->options.log);
	int rc = begin_in_history(self, position, error);
	if (rc == FAULT_NOT_FOUND && !self->no_archive)
		rc = begin_in_archive(self, position, error);
	if (rc == FAULT_NOT_FOUND && self->no_archive)
		return begin_at_snapshot(self, error);
	if (rc == 0)
		publish_position(self, position);
	return rc;
}

static void end_session(struct follower *self)
{
	history_close(&self->history);
	projector_free(self->projector);
	self->projector = NULL;
}

/* Rows are made of durable records only: the log has lost acknowledged ones, unless an older copy of it was put back.
 * The store is the witness of what they said, and is kept. */
static void say_ahead(uint64_t position, uint64_t durable)
{
	log_line(LOG_ERROR, "store_ahead_of_log", LOG_NUMBER("store_position", position),
	         LOG_NUMBER("log_durable", durable),
	         LOG_TEXT("detail", "the log lacks records that were acknowledged; the read model that has them is set "
	                            "aside, and made anew from the log"));
}

static int begin_session(struct follower *self, struct error *error)
{
	uint64_t position = 0, hash = 0;
	int rc = self->to_renew ? throw_away(self, self->to_keep, "it could not be made anew before", error) : 0;
	if (rc == 0)
		rc = store_place(self, &position, &hash, error);
	if (rc == 0 && position > log_durable(self->options.log)) {
		say_ahead(position, log_durable(self->options.log));
		rc = throw_away(self, true, "it is ahead of the log", error);
		position = 0;
	}
	if (rc == 0)
		rc = begin_at(self, position, error);
	if (rc < 0 || position == 0 || atomic_load(&self->position) != position ||
	    core_hash(projector_core(self->projector)) == hash)
		return rc;
	end_session(self);
	rc = throw_away(self, false, "it is of another log", error);
	return rc < 0 ? rc : begin_at(self, 0, error);
}

/* ---- going on ---- */

/* Writes until the store takes it. A fault: it is damaged, or the follower is to stop. */
static int write_rows(struct follower *self, struct error *error)
{
	uint32_t orders = projector_orders(self->projector);
	int rc;
	while ((rc = projector_write(self->projector, error)) < 0) {
		self->of_store = true;
		say_failing(self, error);
		if (rc == FAULT_DAMAGED || !back_off(self))
			return rc;
	}
	self->of_store = false;
	atomic_fetch_add(&self->orders, orders);
	atomic_fetch_add(&self->transactions, 1);
	publish_position(self, core_sequence(projector_core(self->projector)));
	say_recovered(self);
	return 0;
}

static int fold_batch(struct follower *self, struct error *error)
{
	uint32_t rows = self->options.batch_orders_max, records = 0;
	struct log_record record;
	int rc = 1;
	while (records / BATCH_RECORDS_PER_ORDER < rows && projector_waiting(self->projector) < rows) {
		rc = history_next(&self->history, &record, error);
		if (rc == 0)
			break;
		if (rc > 0)
			rc = projector_apply(self->projector, &record, error);
		if (rc < 0)
			return rc;
		pace(&records, RECORDS_A_REST);
	}
	rc = projector_settle(self->projector, error);
	return rc < 0 ? rc : (int)records;
}

/* Folds what is durable, up to a batch. How many records, or a fault. */
static int gather(struct follower *self, struct error *error)
{
	int records = fold_batch(self, error);
	self->of_archive = records < 0 && history_is_archived(&self->history);
	return records;
}

static void save_snapshot(struct follower *self)
{
	const struct core *core = projector_core(self->projector);
	struct mono_ns begin = clock_mono();
	struct error error;
	int rc = follow_save_snapshot(self->options.disk, core, &error);
	self->last_snapshot_at = clock_mono();
	if (rc < 0) {
		log_line(LOG_ERROR, "snapshot_failed", LOG_TEXT("reason", error.text));
		return;
	}
	atomic_store(&self->last_snapshot, core_sequence(core));
	atomic_store(&self->last_snapshot_ns, self->last_snapshot_at.ns - begin.ns);
	atomic_fetch_add(&self->snapshots, 1);
	rc = self->options.archive ? follow_archive(self->options.disk, self->options.log, &error) : 0;
	if (rc < 0)
		log_line(LOG_ERROR, "archive_failed", LOG_TEXT("reason", error.text));
}

/* The store is at the core's position. While it is rebuilt, that lies before the newest snapshot. */
static void maybe_snapshot(struct follower *self)
{
	uint64_t sequence = core_sequence(projector_core(self->projector)), last = atomic_load(&self->last_snapshot);
	uint64_t since = sequence > last ? sequence - last : 0;
	uint64_t ns = clock_mono().ns - self->last_snapshot_at.ns;
	if (self->options.snapshot_records > 0 && since >= self->options.snapshot_records &&
	    ns >= self->options.snapshot_seconds * NANO)
		save_snapshot(self);
}

static void finish(struct follower *self)
{
	uint64_t sequence = core_sequence(projector_core(self->projector));
	if (atomic_load(&self->final_snapshot) && sequence > atomic_load(&self->last_snapshot))
		save_snapshot(self);
}

/* A second without a record: the store may do what it has put off. What it cannot do now, it will try again. */
static void maybe_rest(struct follower *self)
{
	struct error error;
	if (++self->quiet_polls != QUIET_POLLS || self->options.store->ops->rest(self->options.store, &error) == 0)
		return;
	log_line(LOG_WARN, "store_checkpoint_failed", LOG_TEXT("reason", error.text));
}

static void wait_moved(struct follower *self)
{
	struct timespec until = after(POLL_NS);
	if (!atomic_load(&self->moved) && !atomic_load(&self->stopping))
		sem_clockwait(&self->wake, CLOCK_MONOTONIC, &until);
	atomic_store(&self->moved, false);
}

/* More is likely to come: it gathers meanwhile, and its writer need not wake anybody. Not while somebody waits. */
static void linger(struct follower *self)
{
	struct timespec until = after(LINGER_NS);
	atomic_store(&self->moved, true);
	if (!atomic_load(&self->stopping) && !atomic_load(&self->waiting))
		sem_clockwait(&self->wake, CLOCK_MONOTONIC, &until);
	atomic_store(&self->moved, false);
}

/* Until all is projected after it was to stop (0), or a fault. */
static int go_on(struct follower *self, struct error *error)
{
	for (;;) {
		bool last = atomic_load(&self->stopping);
		int records = gather(self, error);
		int rc = records > 0 ? write_rows(self, error) : records;
		if (rc < 0)
			return rc;
		maybe_snapshot(self);
		if (records == 0 && !last)
			maybe_rest(self);
		if (records == 0 && last) {
			finish(self);
			return 0;
		}
		if (records > 0)
			self->quiet_polls = 0;
		if (records == 0)
			wait_moved(self);
		else if (!last)
			linger(self);
	}
}

/* ---- the thread ---- */

/* Whoever sells comes first, on the processor and on the disk. Where the system refuses, it is only less polite. */
static void be_idle(void)
{
	struct sched_param none = {0};
	sched_setscheduler(0, SCHED_IDLE, &none);
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
}

static void fail(struct follower *self, const struct error *error)
{
	atomic_store(&self->failed, true);
	tell_waiters(self);
	if (self->options.failed)
		self->options.failed(self->options.failed_context, error);
}

/* What is archived is not needed for a sale, so what is wrong with it stops none. */
static bool goes_on_after(struct follower *self, const struct error *fault)
{
	if (self->of_store)
		return mend(self, fault);
	if (self->of_archive)
		leave_archive(self, fault);
	return self->of_archive;
}

static void *follow_main(void *context)
{
	struct follower *self = context;
	struct error error;
	int rc;
	if (!self->options.keep_priority)
		be_idle();
	do {
		self->of_store = self->of_archive = false;
		rc = begin_session(self, &error);
		if (rc == 0)
			rc = go_on(self, &error);
		end_session(self);
	} while (rc < 0 && goes_on_after(self, &error));
	if (rc < 0 && !self->of_store)
		fail(self, &error);
	return NULL;
}

/* ---- from outside ---- */

static uint64_t newest_snapshot(struct disk *disk)
{
	uint64_t there[SNAPSHOTS_SEEN];
	struct error error;
	int count = snapshot_list(disk, there, SNAPSHOTS_SEEN, &error);
	return count > 0 ? there[count - 1] : 0;
}

static void init_waiting(struct follower *self)
{
	pthread_condattr_t attributes;
	sem_init(&self->wake, 0, 0);
	pthread_mutex_init(&self->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&self->changed, &attributes);
	pthread_condattr_destroy(&attributes);
}

static void free_follower(struct follower *self)
{
	pthread_cond_destroy(&self->changed);
	pthread_mutex_destroy(&self->lock);
	sem_destroy(&self->wake);
	free(self);
}

int follower_start(const struct follower_options *options, struct follower **ret, struct error *error)
{
	struct follower *self = calloc(1, sizeof *self);
	if (!self)
		return error_set(error, FAULT_MEMORY, "follow: no memory");
	self->options = *options;
	if (self->options.batch_orders_max == 0)
		self->options.batch_orders_max = BATCH_ORDERS_DEFAULT;
	self->back_off_ms = BACK_OFF_MS_MIN;
	self->last_snapshot_at = clock_mono();
	atomic_store(&self->last_snapshot, newest_snapshot(options->disk));
	init_waiting(self);
	int rc = pthread_create(&self->thread, NULL, follow_main, self);
	if (rc != 0) {
		free_follower(self);
		return error_set(error, FAULT_MEMORY, "follow: no thread: %s", strerror(rc));
	}
	pthread_setname_np(self->thread, "follower");
	*ret = self;
	return 0;
}

void follower_moved(struct follower *self)
{
	if (!atomic_exchange(&self->moved, true))
		sem_post(&self->wake);
}

void follower_stop(struct follower *self, bool final_snapshot)
{
	atomic_store(&self->final_snapshot, final_snapshot);
	atomic_store(&self->stopping, true);
	tell_waiters(self);
	sem_post(&self->wake);
	pthread_join(self->thread, NULL);
	free_follower(self);
}

uint64_t follower_position(const struct follower *self)
{
	return atomic_load(&self->position);
}

bool follower_wait(struct follower *self, uint64_t position, uint32_t timeout_ms)
{
	struct timespec until = after(timeout_ms * (NANO / 1000));
	int rc = 0;
	if (atomic_load(&self->position) >= position)
		return true;
	atomic_fetch_add(&self->waiting, 1);
	sem_post(&self->wake);
	pthread_mutex_lock(&self->lock);
	while (atomic_load(&self->position) < position && !atomic_load(&self->failed) && rc == 0)
		rc = pthread_cond_timedwait(&self->changed, &self->lock, &until);
	pthread_mutex_unlock(&self->lock);
	atomic_fetch_sub(&self->waiting, 1);
	return atomic_load(&self->position) >= position;
}

void follower_statistics(const struct follower *self, struct follower_statistics *ret)
{
	*ret = (struct follower_statistics){
	    .position = atomic_load(&self->position),
	    .log_durable = log_durable(self->options.log),
	    .orders = atomic_load(&self->orders),
	    .transactions = atomic_load(&self->transactions),
	    .snapshots = atomic_load(&self->snapshots),
	    .last_snapshot_sequence = atomic_load(&self->last_snapshot),
	    .last_snapshot_ns = atomic_load(&self->last_snapshot_ns),
	    .store_failing = atomic_load(&self->store_failing),
	};
}
