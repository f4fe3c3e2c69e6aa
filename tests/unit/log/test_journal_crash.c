/* The power goes at any call to the disk, again and again, in recovery too. Whatever had been told durable is there
 * afterwards, byte for byte and in order, and nothing is there that nobody appended.
 */
#include "base/log_line.h"
#include "play.h"

#define SEEDS 1500
#define LIVES 5
#define SEQUENCES_MAX 4096

/* splitmix64 */
static uint64_t draw(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

struct world {
	uint64_t seed, random;
	struct disk *disk;
	uint64_t life;
	uint64_t promised;                 /* the highest sequence that anybody was told is durable */
	uint64_t appended;                 /* the highest sequence given */
	uint64_t archived;                 /* sequences up to this were moved away */
	uint64_t writer_of[SEQUENCES_MAX]; /* which life appended it last */
	struct log *log;
	uint64_t torn, lives_opened;
};

static void check_all(struct world *world, const struct journal_recovery *recovery)
{
	struct log_cursor *cursor;
	struct log_record record;
	struct error error = {0};
	uint64_t last = recovery->last_sequence;
	if (last < world->promised || last > world->appended)
		fail_msg("seed %llu, life %llu: promised %llu, appended %llu, recovered %llu",
		         (unsigned long long)world->seed, (unsigned long long)world->life,
		         (unsigned long long)world->promised, (unsigned long long)world->appended,
		         (unsigned long long)last);
	assert_int_equal(log_durable(world->log), last);
	uint64_t from = recovery->first_sequence ? recovery->first_sequence : 1;
	assert_true(from <= world->archived + 1);
	assert_int_equal(log_cursor_open(world->log, from, &cursor, &error), 0);
	for (uint64_t n = from; n <= last; n++) {
		int got = log_cursor_next(world->log, cursor, &record, &error);
		if (got != 1 || !record_is(&record, n, world->writer_of[n]))
			fail_msg("seed %llu: record %llu is not as appended: %d %s", (unsigned long long)world->seed,
			         (unsigned long long)n, got, error.text);
	}
	assert_int_equal(log_cursor_next(world->log, cursor, &record, &error), 0);
	log_cursor_close(world->log, cursor);
}

static bool append_some(struct world *world)
{
	struct error error = {0};
	for (uint64_t count = 1 + draw(&world->random) % 12; count > 0; count--) {
		uint64_t n = world->appended + 1;
		if (n == SEQUENCES_MAX)
			break;
		world->writer_of[n] = world->life;
		int fault = append_one(world->log, n, world->life, &error);
		if (fault == FAULT_BUSY)
			break;
		if (fault)
			return false;
		world->appended = n;
	}
	log_flush(world->log);
	return true;
}

/* The steps go on in any order; false: the power went. */
static bool act(struct world *world)
{
	struct error error = {0};
	int done = 0;
	switch (draw(&world->random) % 8) {
	case 0:
	case 1:
	case 2:
		return append_some(world);
	case 3:
	case 4:
		done = journal_writer_step(world->log, &error);
		break;
	case 5:
		done = journal_seal_step(world->log, &error);
		break;
	case 6:
		done = journal_prepare_step(world->log, &error);
		break;
	case 7:
		if (draw(&world->random) % 8 == 0) {
			uint64_t before = world->promised > 40 ? world->promised - 40 : 1;
			done = journal_archive(world->log, before, draw(&world->random) % 2, &error);
			world->archived = before > world->archived ? before - 1 : world->archived;
		}
		break;
	}
	world->promised = log_durable(world->log);
	return done >= 0;
}

static void live(struct world *world)
{
	struct journal_options options = by_hand();
	struct journal_recovery recovery;
	struct error error = {0};
	world->life++;
	int fault = journal_open(world->disk, &options, world->archived + 1, &world->log, &recovery, &error);
	if (fault == FAULT_IO)
		return; /* the power went while it recovered */
	if (fault)
		fail_msg("seed %llu, life %llu: %s", (unsigned long long)world->seed, (unsigned long long)world->life,
		         error.text);
	if (disk_memory_faults(world->disk)->crash_in == 0) {
		log_close(world->log); /* it went in a call that recovery does not rely on */
		return;
	}
	disk_memory_faults(world->disk)->crash_in = 0; /* look in peace */
	check_all(world, &recovery);
	world->lives_opened++;
	world->torn += recovery.torn_tail;
	disk_memory_faults(world->disk)->crash_in = 1 + (uint32_t)(draw(&world->random) % 60);
	world->promised = world->appended = recovery.last_sequence;
	for (int i = 0; i < 60 && act(world); i++)
		;
	world->promised = log_durable(world->log);
	log_close(world->log);
}

static void power_goes(struct world *world)
{
	struct disk *after = disk_memory_crash(world->disk, draw(&world->random));
	disk_done(world->disk);
	world->disk = after;
}

static void run_world(struct world *world, uint64_t seed)
{
	*world = (struct world){.seed = seed, .random = seed, .disk = disk_memory_new()};
	for (int i = 0; i < LIVES; i++) {
		disk_memory_faults(world->disk)->crash_in = 1 + (uint32_t)(draw(&world->random) % 120);
		live(world);
		power_goes(world);
	}
	disk_memory_faults(world->disk)->crash_in = 1000000; /* and one without a crash */
	live(world);
	assert_true(world->lives_opened > 0);
	disk_done(world->disk);
}

static void acknowledged_records_survive_every_crash(void **state)
{
	static struct world world;
	uint64_t torn = 0, lives = 0;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		run_world(&world, seed);
		torn += world.torn;
		lives += world.lives_opened;
	}
	print_message("%d worlds, %llu recoveries, %llu torn tails\n", SEEDS, (unsigned long long)lives,
	              (unsigned long long)torn);
	assert_true(torn > SEEDS / 100); /* else the disk is too kind and the test shows nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(acknowledged_records_survive_every_crash),
	};
	log_level_set(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
