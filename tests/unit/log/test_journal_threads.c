/* The journal with its threads on a real folder: nobody calls a step here. */
#include <pthread.h>
#include <stdatomic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

#include "base/log_line.h"
#include "base/time.h"
#include "play.h"

#include "folder.h"

#define WAIT_MS_MAX 20000
#define SEAL_MS_MAX 4000 /* ten milliseconds, on a machine that has other things to do */

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	uint64_t moves;
};

static void note_move(void *context)
{
	struct waiter *waiter = context;
	pthread_mutex_lock(&waiter->lock);
	waiter->moves++;
	pthread_cond_broadcast(&waiter->moved);
	pthread_mutex_unlock(&waiter->lock);
}

/* Waits as the ledger does: asleep until told. */
static void wait_durable(struct log *log, struct waiter *waiter, uint64_t sequence)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_MS_MAX / 1000;
	pthread_mutex_lock(&waiter->lock);
	while (log_durable(log) < sequence)
		assert_int_equal(pthread_cond_timedwait(&waiter->moved, &waiter->lock, &until), 0);
	pthread_mutex_unlock(&waiter->lock);
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static struct log *open_threads(struct disk *disk, uint64_t segment_size, struct waiter *waiter,
                                struct journal_recovery *ret)
{
	struct journal_options options = {.segment_size = segment_size, .batch_bytes_max = 1 << 16, .threads = true};
	struct error error = {0};
	struct log *log = NULL;
	if (journal_open(disk, &options, 1, &log, ret, &error) != 0)
		fail_msg("%s", error.text);
	log_on_moved(log, note_move, waiter);
	return log;
}

struct follower {
	struct log *log;
	uint64_t until, read;
	atomic_bool failed;
};

static void *follow(void *argument)
{
	struct follower *follower = argument;
	struct log_cursor *cursor;
	struct log_record record;
	struct error error;
	if (log_cursor_open(follower->log, 1, &cursor, &error) != 0)
		return NULL;
	while (follower->read < follower->until && !follower->failed) {
		int got = log_cursor_next(follower->log, cursor, &record, &error);
		if (got < 0 || (got == 1 && !record_is(&record, follower->read + 1, 1)))
			follower->failed = true;
		else if (got == 1)
			follower->read++;
		else
			sched_yield();
	}
	log_cursor_close(follower->log, cursor);
	return NULL;
}

/* A writer as fast as it can, a follower at its heels, over many segments. */
static void records_go_through_while_they_are_followed(void **state)
{
	struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
	struct folder folder = folder_make();
	struct disk *disk = folder_disk(&folder);
	struct log *log = open_threads(disk, 1 << 18, &waiter, NULL);
	struct follower follower = {.log = log, .until = 20000};
	struct error error;
	struct journal_recovery recovery;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, follow, &follower), 0);
	for (uint64_t n = 1; n <= follower.until;) {
		int fault = append_one(log, n, 1, &error);
		assert_true(fault == 0 || fault == FAULT_BUSY);
		n += fault == 0;
		if (n % 50 == 0 || fault)
			log_flush(log);
		if (fault)
			sched_yield();
	}
	log_flush(log);
	wait_durable(log, &waiter, follower.until);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(follower.failed);
	assert_int_equal(follower.read, follower.until);
	for (int ms = 0; ms < WAIT_MS_MAX && log_room(log) != LOG_ROOM_ALL; ms += 5)
		pause_ms(5); /* the next segment may still be in the making */
	assert_int_equal(log_room(log), LOG_ROOM_ALL);
	log_close(log);
	assert_int_equal(journal_verify(disk, &recovery, &error), 0);
	assert_int_equal(recovery.last_sequence, follower.until);
	assert_true(recovery.segments > 10);
	disk_done(disk);
	folder_remove(&folder);
}

/* Nothing waits for a timer: a lonely record is durable as soon as the disk says so; then comes the seal. */
static void a_seal_follows_a_lonely_record(void **state)
{
	struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
	struct folder folder = folder_make();
	struct disk *disk = folder_disk(&folder);
	struct log *log = open_threads(disk, 1 << 18, &waiter, NULL);
	struct journal_recovery recovery = {0};
	struct error error;
	assert_int_equal(append_one(log, 1, 1, &error), 0);
	log_flush(log);
	wait_durable(log, &waiter, 1);
	uint64_t end_ns =
	    clock_mono().ns + SEAL_MS_MAX * UINT64_C(1000000); /* planted bug 094: ten seconds passed too */
	while (clock_mono().ns < end_ns && recovery.batches < 2) {
		pause_ms(5);
		assert_int_equal(journal_verify(disk, &recovery, &error), 0);
	}
	assert_int_equal(recovery.batches, 2);
	pause_ms(3 * JOURNAL_SEAL_AFTER_MS);
	assert_int_equal(journal_verify(disk, &recovery, &error), 0);
	assert_int_equal(recovery.batches, 2); /* only one */
	log_close(log);
	disk_done(disk);
	folder_remove(&folder);
}

/* Another process looks while the server writes: it always finds a sound prefix, never damage. */
static void a_running_journal_can_be_verified(void **state)
{
	struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
	struct folder folder = folder_make();
	struct disk *disk = folder_disk(&folder), *other = folder_disk(&folder);
	struct log *log = open_threads(disk, 1 << 18, &waiter, NULL);
	struct journal_recovery recovery = {0};
	struct error error = {0};
	uint64_t before = 0;
	for (uint64_t n = 1; n <= 6000; n++) {
		while (append_one(log, n, 1, &error) == FAULT_BUSY)
			sched_yield();
		log_flush(log);
		if (n % 100 != 0)
			continue;
		uint64_t durable = log_durable(log);
		if (journal_verify(other, &recovery, &error) != 0)
			fail_msg("after %llu: %s", (unsigned long long)n, error.text);
		assert_true(recovery.last_sequence >= durable && recovery.last_sequence >= before);
		before = recovery.last_sequence;
	}
	log_close(log);
	disk_done(other);
	disk_done(disk);
	folder_remove(&folder);
}

struct auditor {
	struct disk *disk;
	atomic_bool stop;
	uint64_t looks;
	struct error error;
};

static void *audit(void *argument)
{
	struct auditor *auditor = argument;
	struct journal_recovery recovery;
	while (!auditor->stop && auditor->error.code == 0) {
		journal_verify(auditor->disk, &recovery, &auditor->error);
		auditor->looks++;
	}
	return NULL;
}

/* And while old segments are taken away under the one who looks. */
static void a_running_journal_can_be_verified_while_it_archives(void **state)
{
	struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
	struct folder folder = folder_make();
	struct disk *disk = folder_disk(&folder);
	struct auditor auditor = {.disk = folder_disk(&folder)};
	struct log *log = open_threads(disk, SMALL_SEGMENT, &waiter, NULL);
	struct error error = {0};
	pthread_t thread;
	int archived = 0;
	assert_int_equal(pthread_create(&thread, NULL, audit, &auditor), 0);
	for (uint64_t n = 1; n <= 1500; n++) {
		while (append_one(log, n, 1, &error) == FAULT_BUSY)
			sched_yield();
		log_flush(log);
		wait_durable(log, &waiter, n);
		if (n % 10 == 0)
			archived += journal_archive(log, n, n % 20 == 0, &error);
	}
	auditor.stop = true;
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (auditor.error.code != 0)
		fail_msg("look %llu: %s", (unsigned long long)auditor.looks, auditor.error.text);
	assert_true(archived > 50);
	log_close(log);
	disk_done(auditor.disk);
	disk_done(disk);
	folder_remove(&folder);
}

static void a_second_journal_is_kept_out(void **state)
{
	struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
	struct folder folder = folder_make();
	struct disk *disk = folder_disk(&folder), *second = folder_disk(&folder);
	struct log *log = open_threads(disk, 1 << 18, &waiter, NULL);
	expect_refusal(second, 1, FAULT_LOCKED, "in use by another process");
	log_close(log);
	disk_done(second);
	disk_done(disk);
	folder_remove(&folder);
}

/* The disk fails under the threads: the one who waits is told, and closing does not hang. */
static void a_failed_sync_wakes_who_waits(void **state)
{
	struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
	struct disk *disk = disk_memory_new();
	struct log *log = open_threads(disk, 1 << 18, &waiter, NULL);
	struct error error = {0};
	assert_int_equal(append_one(log, 1, 1, &error), 0);
	log_flush(log);
	wait_durable(log, &waiter, 1);
	assert_int_equal(append_one(log, 2, 1, &error), 0);
	disk_memory_set_faults(disk, &(struct disk_memory_faults){.fail_sync_in = 1, .fail_sync_for_good = true});
	log_flush(log);
	pthread_mutex_lock(&waiter.lock);
	while (log_failed(log, &error) == 0)
		pthread_cond_wait(&waiter.moved, &waiter.lock);
	pthread_mutex_unlock(&waiter.lock);
	assert_int_equal(log_failed(log, &error), FAULT_IO);
	assert_int_equal(log_durable(log), 1);
	log_close(log);
	disk_done(disk);
}

/* ---- a full disk, a real one ---- */

static int until_room_is(struct log *log, enum log_room room)
{
	for (int ms = 0; ms < WAIT_MS_MAX; ms += 5) {
		if (log_room(log) == room)
			return 0;
		pause_ms(5);
	}
	return 1;
}

/* In a process and a mount namespace of its own: a file system that holds three segments, but for the ballast. */
static int live_on_a_small_disk(const char *path)
{
	struct journal_options options = {.segment_size = 1 << 20, .batch_bytes_max = 1 << 16, .threads = true};
	struct disk_file *ballast;
	struct disk *disk;
	struct log *log;
	struct error error = {0};
	uint64_t n = 0;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", path, "tmpfs", 0, "size=3328k") < 0)
		return 77;
	if (disk_posix_open(path, false, &disk, &error) != 0 ||
	    disk_open(disk, "ballast", DISK_CREATE, &ballast, &error) != 0 ||
	    disk_fill(disk, ballast, 512 << 10, &error) != 0)
		return 1;
	disk_close(disk, ballast);
	if (journal_open(disk, &options, 1, &log, NULL, &error) != 0)
		return 2;
	while (log_room(log) == LOG_ROOM_ALL) { /* claims */
		int fault = append_one(log, n + 1, 1, &error);
		if (fault != 0 && fault != FAULT_BUSY)
			return 3;
		n += fault == 0;
		log_flush(log);
	}
	if (log_room(log) != LOG_ROOM_RESERVE || n < 100)
		return 4;
	for (int i = 0; i < 60; i++) { /* confirmations and cancellations go on */
		int fault;
		while ((fault = append_one(log, n + 1, 1, &error)) == FAULT_BUSY)
			sched_yield();
		if (fault)
			return 5;
		n++;
		log_flush(log);
		while (log_durable(log) < n)
			sched_yield();
	}
	if (disk_remove(disk, "ballast", &error) != 0 || until_room_is(log, LOG_ROOM_ALL) != 0)
		return 6;
	if (append_one(log, n + 1, 1, &error) != 0)
		return 7;
	log_close(log);
	struct journal_recovery recovery;
	if (journal_verify(disk, &recovery, &error) != 0 || recovery.last_sequence != n + 1)
		return 8;
	return 0;
}

static void a_full_file_system_stops_claims_and_nothing_else(void **state)
{
	struct folder folder = folder_make();
	int status = 0;
	pid_t child = fork();
	if (child == 0)
		_exit(live_on_a_small_disk(folder.path));
	assert_int_equal(waitpid(child, &status, 0), child);
	folder_remove(&folder);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("not allowed to mount a small file system here: skipped\n");
		skip();
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(records_go_through_while_they_are_followed),
	    cmocka_unit_test(a_seal_follows_a_lonely_record),
	    cmocka_unit_test(a_running_journal_can_be_verified),
	    cmocka_unit_test(a_running_journal_can_be_verified_while_it_archives),
	    cmocka_unit_test(a_second_journal_is_kept_out),
	    cmocka_unit_test(a_failed_sync_wakes_who_waits),
	    cmocka_unit_test(a_full_file_system_stops_claims_and_nothing_else),
	};
	log_level_set(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
