#include "explore.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/must.h"
#include "damage.h"
#include "follow/follow.h"
#include "log/disk_memory.h"
#include "log/segment.h"
#include "select.h"

#define LIVES 4
#define SAMPLE 48
#define TORN 12
#define SECOND_SAMPLE 4
#define SECOND_TORN 1
#define SECOND_ONE_IN 40
#define DAMAGES 8
#define DAMAGE_FROM 1000000 /* number of the first image of a place that is damaged */
#define KILLED 2000000      /* and of the one that a killed process leaves */
#define KILLED_ONE_IN 6
#define SPOILED 3000000 /* and of the one whose newest snapshot is spoiled */
#define SPOILED_ONE_IN 12
#define TOLD_NOTHING UINT64_MAX
#define SPOILED_AT 20 /* in the header of a snapshot */
#define FAILURES_MAX 10

double seconds_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct explorer *explorer_new(void)
{
	struct explorer *explorer = calloc(1, sizeof *explorer);
	must(explorer);
	world_init(&explorer->world);
	timeline_init(&explorer->timeline[0]);
	timeline_init(&explorer->timeline[1]);
	timeline_init(&explorer->second);
	recording_init(&explorer->second_recording);
	explorer->image = image_new();
	explorer->second_image = image_new();
	explorer->base = image_new();
	explorer->running = image_new();
	explorer->examiner.world = &explorer->world;
	explorer->examiner.kinds = &explorer->kinds;
	explorer->only = (struct spot){-1, -1, -1, -1, -1, -1};
	return explorer;
}

void explorer_free(struct explorer *explorer)
{
	world_fini(&explorer->world);
	timeline_fini(&explorer->timeline[0]);
	timeline_fini(&explorer->timeline[1]);
	timeline_fini(&explorer->second);
	recording_fini(&explorer->second_recording);
	image_free(explorer->image);
	image_free(explorer->second_image);
	image_free(explorer->base);
	image_free(explorer->running);
	free(explorer);
}

bool explore_goes_on(const struct explorer *explorer)
{
	double now = seconds_now();
	if (explorer->failed >= FAILURES_MAX || now >= explorer->until_at_most)
		return false;
	return now < explorer->until || !kinds_are_all_there(&explorer->kinds);
}

/* ---- where ---- */

static bool is_meant(int64_t only, int64_t number)
{
	return only < 0 || only == number;
}

static uint64_t random_of(const struct spot *at)
{
	uint64_t state = (uint64_t)at->seed;
	const int64_t numbers[] = {at->life, at->boundary, at->image, at->second_boundary, at->second_image};
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		state = draw(&state) ^ (uint64_t)numbers[i];
	return draw(&state);
}

static const char *const op_names[OP_KINDS] = {"create", "write",  "fill",   "sync",       "sync folder",
                                               "rename", "remove", "shrink", "make folder"};

static void print_calls(const struct recording *recording, int64_t boundary)
{
	for (int64_t i = boundary > 8 ? boundary - 8 : 0; i < boundary; i++) {
		const struct op *op = &recording->ops[i];
		printf("    call %" PRId64 ": %s %s %s inode %d offset %" PRIu64 " size %" PRIu64 "\n", i,
		       op_names[op->kind], op->name, op->to, op->inode, op->offset, op->size);
	}
}

static void print_subset(const struct choices *choices, const struct selection *selection)
{
	printf("    %u choices, taken:", choices->count);
	for (uint32_t i = 0; i < choices->count && i < 64; i++)
		printf(" %c%u/%u=%u", "nzks"[choices->of[i].kind], (unsigned)(choices->of[i].inode & 0xff),
		       choices -> of[i].which, selection->option[i]);
	if (selection->torn >= 0)
		printf(", torn: choice %d at byte %u", selection->torn, selection->torn_at);
	printf("\n");
}

static void report(struct explorer *explorer, const struct choices *choices, const struct selection *selection)
{
	const struct spot *at = &explorer->at;
	explorer->failed++;
	printf("FAILED: %s\n", explorer->examiner.why);
	printf("  seed %" PRId64 ", life %" PRId64 ", after %" PRId64 " calls, image %" PRId64, at->seed, at->life,
	       at->boundary, at->image);
	if (at->second_boundary >= 0)
		printf("; in its recovery after %" PRId64 " calls, image %" PRId64, at->second_boundary,
		       at->second_image);
	printf("\n");
	print_calls(at->second_boundary >= 0 ? &explorer->second_recording : &explorer->world.recording,
	            at->second_boundary >= 0 ? at->second_boundary : at->boundary);
	print_subset(choices, selection);
	printf("  again: make images ONLY=%" PRId64 ".%" PRId64 ".%" PRId64 ".%" PRId64, at->seed, at->life,
	       at->boundary, at->image);
	if (at->second_boundary >= 0)
		printf(".%" PRId64 ".%" PRId64, at->second_boundary, at->second_image);
	printf("\n");
	fflush(stdout);
}

/* ---- one image ---- */

static unsigned draw_how(uint64_t *random)
{
	uint64_t drawn = draw(random);
	return (drawn % 2 == 0 ? EXAMINE_ALL_RECORDS : 0u) | ((drawn >> 8) % 128 == 0 ? EXAMINE_SNAPSHOT : 0u) |
	       ((drawn >> 16) % 8 == 0 ? EXAMINE_AGAIN : 0u) | ((drawn >> 24) % 8 == 0 ? EXAMINE_GO_ON : 0u) |
	       ((drawn >> 32) % 16 == 0 ? EXAMINE_ARCHIVE : 0u) | ((drawn >> 40) % 8 == 0 ? EXAMINE_VERIFY : 0u);
}

static void count_choices(struct kinds *kinds, const struct choices *choices)
{
	bool has[4] = {false}, two = false;
	int written = NOBODY;
	for (uint32_t i = 0; i < choices->count; i++) {
		has[choices->of[i].kind] = true;
		if (choices->of[i].kind != CHOICE_SECTOR)
			continue;
		two = two || (written != NOBODY && written != choices->of[i].inode);
		written = choices->of[i].inode;
	}
	kinds->of[KIND_TWO_WRITES] += two;
	kinds->of[KIND_NAME_UNDECIDED] += has[CHOICE_NAME];
	kinds->of[KIND_SIZE_UNDECIDED] += has[CHOICE_SIZE];
	kinds->of[KIND_SHRUNK_UNDECIDED] += has[CHOICE_SHRINK];
}

/* ---- the second level: the power goes while an image is recovered ---- */

/* The recovery of what is on second_image. */
static void record_recovery(struct explorer *explorer, uint64_t from)
{
	struct journal_options options = WORLD_JOURNAL;
	struct log *log;
	recording_begin(&explorer->second_recording, &explorer->second_image->names,
	                explorer->second_image->inode_count);
	struct disk *disk = recorder_new(&explorer->second_image->disk, &explorer->second_recording);
	if (journal_open(disk, &options, from, &log, NULL, NULL) == 0)
		log_close(log);
	disk_done(disk);
}

static void second_place(struct explorer *explorer, const struct expected *expected, enum kind kind)
{
	static struct selection selection;
	struct choices *choices = &explorer->second_choices;
	timeline_choices(&explorer->second, choices);
	int64_t count = (int64_t)select_count(choices, SECOND_SAMPLE, SECOND_TORN);
	for (int64_t i = 0; i < count; i++) {
		explorer->at.second_image = i;
		if (!is_meant(explorer->only.second_image, i))
			continue;
		uint64_t random = random_of(&explorer->at);
		select_image(choices, SECOND_SAMPLE, (uint64_t)i, &random, &selection, &explorer->kinds);
		timeline_image(&explorer->second, choices, &selection, explorer->second_image);
		explorer->images++;
		explorer->kinds.of[kind]++;
		if (!examine(&explorer->examiner, explorer->second_image, expected, draw_how(&random)))
			report(explorer, choices, &selection);
	}
}

/* told: what must be there from the end of the recovery on, or TOLD_NOTHING. */
static void walk_recovery(struct explorer *explorer, const struct expected *first, uint64_t told, enum kind kind)
{
	struct expected expected = *first;
	for (size_t i = 0; i <= explorer->second_recording.count && explorer->failed < FAILURES_MAX; i++) {
		if (i > 0)
			timeline_step(&explorer->second, &explorer->second_recording.ops[i - 1]);
		if (i == explorer->second_recording.count && told != TOLD_NOTHING)
			expected.durable = expected.writing = told;
		explorer->at.second_boundary = (int64_t)i;
		explorer->boundaries++;
		if (is_meant(explorer->only.second_boundary, (int64_t)i))
			second_place(explorer, &expected, kind);
	}
	explorer->at.second_boundary = explorer->at.second_image = -1;
}

/* explorer->image is the image as the power left it. Recovering it must come to the same from everywhere. */
static void explore_recovery(struct explorer *explorer, const struct expected *first, uint64_t last, uint64_t snapshot)
{
	struct choices none = {.product = 1};
	struct selection nothing = {.torn = -1};
	struct expected expected = *first;
	expected.durable = expected.writing = last;
	timeline_begin(&explorer->second, explorer->image, false);
	timeline_image(&explorer->second, &none, &nothing, explorer->second_image);
	record_recovery(explorer, snapshot + 1);
	explorer->examiner.snapshot_is_known = true;
	explorer->examiner.known_snapshot = snapshot;
	walk_recovery(explorer, &expected, last, KIND_SECOND_LEVEL);
	explorer->examiner.snapshot_is_known = false;
}

/* The process is killed and started again at once: it reads all that was written, synced or not, and tells it durable.
 * Then the power goes, and none of what it read may have reached the disk but what the start itself has synced. */
static void explore_killed(struct explorer *explorer, struct timeline *timeline, const struct expected *expected)
{
	static struct selection selection;
	select_newest(&explorer->choices, &selection);
	timeline_image(timeline, &explorer->choices, &selection, explorer->image);
	explorer->images++;
	if (!examine(&explorer->examiner, explorer->image, expected, 0)) {
		report(explorer, &explorer->choices, &selection);
		return;
	}
	uint64_t last = explorer->examiner.last, snapshot = explorer->examiner.loaded;
	timeline_image(timeline, &explorer->choices, &selection, explorer->second_image);
	record_recovery(explorer, snapshot + 1);
	timeline_fork(&explorer->second, timeline);
	walk_recovery(explorer, expected, last, KIND_KILLED_FIRST);
}

/* The newest snapshot is spoiled. A start sets it aside and takes the older one; so does every start after the power
 * went in that one. */
static void explore_setting_aside(struct explorer *explorer, struct timeline *timeline, const struct expected *expected)
{
	static struct selection selection;
	struct choices none = {.product = 1};
	struct selection nothing = {.torn = -1};
	struct core_limits limits = WORLD_LIMITS;
	struct examiner *examiner = &explorer->examiner;
	struct core *core;
	uint64_t newest, older, loaded;
	select_newest(&explorer->choices, &selection);
	timeline_image(timeline, &explorer->choices, &selection, explorer->image);
	int inode = examine_newest_snapshot(explorer->image, &newest, &older);
	if (inode < 0 || older == 0)
		return;
	image_page(explorer->image, inode, 0)[SPOILED_AT] ^= 1;
	timeline_begin(&explorer->second, explorer->image, false);
	timeline_image(&explorer->second, &none, &nothing, explorer->second_image);
	recording_begin(&explorer->second_recording, &explorer->second_image->names,
	                explorer->second_image->inode_count);
	struct disk *disk = recorder_new(&explorer->second_image->disk, &explorer->second_recording);
	must(follow_load_snapshot(disk, &limits, 0, &core, &loaded, NULL) == 0);
	core_free(core);
	disk_done(disk);
	examiner->snapshot_is_known = examiner->newest_is_spoiled = true;
	examiner->known_snapshot = older;
	walk_recovery(explorer, expected, TOLD_NOTHING, KIND_SETTING_ASIDE);
	examiner->snapshot_is_known = examiner->newest_is_spoiled = false;
}

/* ---- the first level ---- */

static void one_image(struct explorer *explorer, struct timeline *timeline, const struct expected *expected,
                      uint64_t number)
{
	static struct selection selection;
	uint64_t random = random_of(&explorer->at);
	select_image(&explorer->choices, SAMPLE, number, &random, &selection, &explorer->kinds);
	timeline_image(timeline, &explorer->choices, &selection, explorer->image);
	unsigned how = draw_how(&random);
	bool again = draw_below(&random, SECOND_ONE_IN) == 0;
	explorer->images++;
	if (!examine(&explorer->examiner, explorer->image, expected, how)) {
		report(explorer, &explorer->choices, &selection);
	} else if (again) {
		uint64_t last = explorer->examiner.last, snapshot = explorer->examiner.loaded;
		timeline_image(timeline, &explorer->choices, &selection, explorer->image);
		explore_recovery(explorer, expected, last, snapshot);
	}
}

static void one_damage(struct explorer *explorer, struct timeline *timeline, const struct expected *expected)
{
	static struct selection selection;
	uint64_t random = random_of(&explorer->at);
	select_any(&explorer->choices, &random, &selection);
	timeline_image(timeline, &explorer->choices, &selection, explorer->image);
	int done = damage_examine(&explorer->examiner, explorer->image, expected, &random);
	explorer->images += done != 0;
	if (done < 0)
		report(explorer, &explorer->choices, &selection);
}

static void one_place(struct explorer *explorer, struct timeline *timeline, const struct expected *expected)
{
	timeline_choices(timeline, &explorer->choices);
	uint64_t count = select_count(&explorer->choices, SAMPLE, TORN);
	explorer->boundaries++;
	count_choices(&explorer->kinds, &explorer->choices);
	for (uint64_t i = 0; i < count && explorer->failed < FAILURES_MAX; i++) {
		explorer->at.image = (int64_t)i;
		if (is_meant(explorer->only.image, explorer->at.image))
			one_image(explorer, timeline, expected, i);
	}
	explorer->at.image = KILLED;
	uint64_t random = random_of(&explorer->at);
	if (explorer->choices.count > 0 && draw_below(&random, KILLED_ONE_IN) == 0 &&
	    is_meant(explorer->only.image, KILLED))
		explore_killed(explorer, timeline, expected);
	explorer->at.image = SPOILED;
	random = random_of(&explorer->at);
	if (draw_below(&random, SPOILED_ONE_IN) == 0 && is_meant(explorer->only.image, SPOILED))
		explore_setting_aside(explorer, timeline, expected);
	for (int64_t i = DAMAGE_FROM; i < DAMAGE_FROM + DAMAGES && explorer->failed < FAILURES_MAX; i++) {
		explorer->at.image = i;
		if (is_meant(explorer->only.image, i))
			one_damage(explorer, timeline, expected);
	}
}

/* ---- a life ---- */

static struct expected expected_at(const struct world *world, size_t boundary)
{
	const struct recording *recording = &world->recording;
	struct expected expected = {
	    .durable = recording_told(recording, MARK_DURABLE, boundary, world->begun_durable),
	    .writing = recording_told(recording, MARK_WRITING, boundary, world->begun_durable),
	    .floor = recording_told(recording, MARK_FLOOR, boundary, world->begun_floor),
	    .snapshot = recording_told(recording, MARK_SNAPSHOT, boundary, world->begun_snapshot),
	    .snapshot_begun = recording_told(recording, MARK_SNAPSHOT_BEGUN, boundary, world->begun_snapshot),
	    .snapshot_before = recording_told(recording, MARK_OLDER_SNAPSHOT, boundary, 0),
	    .provable = recording_told(recording, MARK_PROVABLE, boundary, 0),
	    .deletes = world->begun_deletes || recording_told(recording, MARK_DELETE, boundary, 0),
	};
	if (expected.writing < expected.durable)
		expected.writing = expected.durable;
	return expected;
}

static void count_place(struct explorer *explorer, size_t boundary)
{
	const struct recording *recording = &explorer->world.recording;
	const struct op *op = &recording->ops[boundary - 1];
	struct kinds *kinds = &explorer->kinds;
	explorer->ops[op->kind]++;
	kinds->of[KIND_IN_A_START] += boundary <= explorer->world.opened;
	kinds->of[KIND_IN_A_ROTATION] +=
	    boundary > explorer->world.opened && op->kind == OP_RENAME && strcmp(op->name, SEGMENT_BLANK) == 0;
	kinds->of[KIND_IN_A_SNAPSHOT] += op->kind == OP_RENAME && strstr(op->to, ".snap") != NULL;
	kinds->of[KIND_IN_AN_ARCHIVING] += op->kind == OP_RENAME && strstr(op->to, "archive/") != NULL;
}

/* The power goes for good: the next life begins with what is then there. */
static void make_base(struct explorer *explorer, const struct timeline *timeline)
{
	static struct selection selection;
	timeline_choices(timeline, &explorer->choices);
	select_any(&explorer->choices, &explorer->world.random, &selection);
	timeline_image(timeline, &explorer->choices, &selection, explorer->base);
}

static void walk_life(struct explorer *explorer, struct timeline *timeline)
{
	const struct recording *recording = &explorer->world.recording;
	size_t goes_at = draw_below(&explorer->world.random, recording->count + 1);
	struct expected told = {0};
	bool goes_on = is_meant(explorer->only.life, explorer->world.life);
	explorer->at.life = explorer->world.life;
	examine_begin_life(&explorer->examiner);
	for (size_t i = 0; i <= recording->count; i++) {
		if (i > 0)
			timeline_step(timeline, &recording->ops[i - 1]);
		if (i > 0 && goes_on)
			count_place(explorer, i);
		explorer->at.boundary = (int64_t)i;
		struct expected expected = expected_at(&explorer->world, i);
		if (goes_on && is_meant(explorer->only.boundary, (int64_t)i))
			one_place(explorer, timeline, &expected);
		if (i == goes_at) {
			make_base(explorer, timeline);
			told = expected;
		}
		goes_on = goes_on && explore_goes_on(explorer);
	}
	explorer->world.begun_floor = told.floor;
	explorer->world.begun_deletes = told.deletes;
}

/* The disk that a life runs on: a simulated one for the first, then an image. */
static bool live_once(struct explorer *explorer, struct timeline *timeline, bool is_first, struct error *error)
{
	static const struct tree no_names = {.count = 0};
	struct choices none = {.product = 1};
	struct selection nothing = {.torn = -1};
	timeline_begin(timeline, is_first ? NULL : explorer->base, true);
	if (!is_first) {
		timeline_image(timeline, &none, &nothing, explorer->running);
		return world_live(&explorer->world, &explorer->running->disk, &explorer->running->names,
		                  explorer->running->inode_count, error);
	}
	struct disk *disk = disk_memory_new();
	bool fine = world_live(&explorer->world, disk, &no_names, 0, error);
	disk_done(disk);
	return fine;
}

void explore_world(struct explorer *explorer, uint64_t seed)
{
	struct error error = {0};
	world_begin(&explorer->world, seed);
	explorer->at = (struct spot){(int64_t)seed, 0, 0, 0, -1, -1};
	explorer->worlds++;
	for (int life = 0; life < LIVES && explore_goes_on(explorer); life++) {
		struct timeline *timeline = &explorer->timeline[life % 2];
		if (!live_once(explorer, timeline, life == 0, &error)) {
			explorer->failed++;
			printf("FAILED: seed %" PRIu64
			       ", life %d does not start or go on: %s\n  again: make images SEED=%" PRIu64
			       " SECONDS=1\n",
			       seed, life + 1, error.text, seed);
			return;
		}
		explorer->lives++;
		walk_life(explorer, timeline);
		if (explorer->only.life >= 0 && explorer->world.life == (uint32_t)explorer->only.life)
			return;
	}
}
