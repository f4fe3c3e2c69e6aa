/* What the disk did to synced data, and what a start must make of it: refuse with exit 3, say where; or the damage lies
 * where nobody reads, or it is the very last write, of which no single disk can tell that it ever was.
 *
 * Every judgement is made on a reading of the journal that writes nothing, then on a start; then the world puts the
 * bytes back, as an operator would from a copy, and goes on.
 */
#include <stdio.h>
#include <stdlib.h>

#include "log/snapshot_file.h"
#include "world.h"

#define NAMES_MAX 512
#define BATCHES_MAX 4096
#define MAGIC UINT32_C(0xc4a74264)

/* ---- looking ---- */

static int look_through(struct world *world, uint64_t from, struct journal_recovery *ret, struct error *error)
{
	struct journal_options options = {.read_only = true};
	struct log *log;
	int fault = journal_open(sim_disk_port(world->disk), &options, from, &log, ret, error);
	if (!fault)
		log_close(log);
	return fault;
}

/* A start that refuses must say so in the words that end with exit 3. */
static void must_refuse(struct world *world, const char *what)
{
	struct error error = {0};
	int fault = process_try(world, &error);
	if (fault != FAULT_DAMAGED || error_exit_status(fault) != 3)
		world_fail(world, "%s: the start says %d instead of refusing: %s", what, fault, error.text);
}

static uint64_t newest_snapshot(struct world *world)
{
	uint64_t there[SNAPSHOTS_KEPT + 2];
	int count = snapshot_list(sim_disk_port(world->disk), there, SNAPSHOTS_KEPT + 2, NULL);
	return count > 0 ? there[count - 1] : 0;
}

/* A judgement is about one thing: no other fault comes between. */
static void disarm(struct world *world)
{
	struct disk_memory_faults *faults = sim_disk_faults(world->disk);
	*faults = (struct disk_memory_faults){.capacity = faults->capacity};
	sim_disk_die_in(world->disk, 0, false);
	world->armed = KIND_COUNT;
}

/* ---- lies ---- */

static void judge_missing(struct world *world, const struct disk_lie *lie, uint64_t last)
{
	/* A misdirected write that is torn, too, may leave of its victim, the last batch, as little as of itself. */
	if (last + 1 != lie->first && last + 1 != lie->victim_first)
		world_fail(world, "records %llu to %llu are gone, and nobody notices", (unsigned long long)last + 1,
		           (unsigned long long)sim_disk_truth(world->disk));
	world_count(world, KIND_undetectable);
	sim_disk_mend_lie(world->disk);
}

void damage_judge_lie(struct world *world)
{
	const struct disk_lie *lie = sim_disk_lie(world->disk);
	struct journal_recovery recovery;
	struct error error;
	if (!lie)
		return;
	disarm(world);
	int fault = look_through(world, 1, &recovery, &error);
	if (fault == FAULT_DAMAGED) {
		if (lie->last > newest_snapshot(world))
			must_refuse(world, "a write that was lost");
		world_count(world, lie->misdirected ? KIND_misdirected_refused : KIND_lost_refused);
		sim_disk_mend_lie(world->disk);
		return;
	}
	if (fault)
		world_fail(world, "after a lost write: fault %d, %s", fault, error.text);
	if (recovery.last_sequence < sim_disk_truth(world->disk)) {
		judge_missing(world, lie, recovery.last_sequence);
		return;
	}
	world_count(world, KIND_lie_harmless);
	sim_disk_forget_lie(world->disk);
}

/* ---- bits that turn ---- */

struct segments {
	char names[NAMES_MAX][64];
	int count;
};

static void note_segment(void *context, const char *name, uint64_t size)
{
	struct segments *segments = context;
	size_t length = strlen(name);
	if (segments->count == NAMES_MAX || length < 5 || strcmp(name + length - 4, ".seg") != 0)
		return;
	snprintf(segments->names[segments->count++], 64, "log/%.50s", name);
}

/* What a page of a segment is to recovery. */
struct page {
	bool is_header, is_batch, is_seal;
	uint64_t first, last; /* of a batch with records */
};

static struct page page_at(const uint8_t *bytes, uint64_t size, uint64_t offset)
{
	struct page page = {.is_header = offset < DISK_PAGE};
	for (uint64_t at = DISK_PAGE; at + DISK_PAGE <= size;) {
		uint32_t magic, length, count;
		uint64_t first;
		memcpy(&magic, bytes + at, 4);
		memcpy(&length, bytes + at + 8, 4);
		memcpy(&count, bytes + at + 12, 4);
		memcpy(&first, bytes + at + 16, 8);
		if (magic != MAGIC || length < 128 || length > size)
			break;
		uint64_t pages = ((uint64_t)length + DISK_PAGE - 1) / DISK_PAGE * DISK_PAGE;
		if (offset >= at && offset < at + pages) {
			page.is_batch = count > 0;
			page.is_seal = count == 0;
			page.first = first;
			page.last = first + count - 1;
		}
		at += pages;
	}
	return page;
}

/* The next segment's first record, or UINT64_MAX: what stands in a segment from there on is nobody's. */
static uint64_t next_first(const struct segments *segments, const char *name)
{
	uint64_t first = strtoull(name + 4, NULL, 10), next = UINT64_MAX;
	for (int i = 0; i < segments->count; i++) {
		uint64_t other = strtoull(segments->names[i] + 4, NULL, 10);
		if (other > first && other < next)
			next = other;
	}
	return next;
}

static uint64_t first_of(const struct segments *segments)
{
	return next_first(segments, "log/0");
}

static void judge_passed(struct world *world, const struct page *page, uint64_t next, uint64_t last)
{
	if (page->is_header)
		world_fail(world, "a segment's header is damaged, and nobody notices");
	if (last >= sim_disk_truth(world->disk)) {
		if (page->is_batch && page->last < next && page->last <= last)
			world_fail(world, "the batch of records %llu to %llu is damaged, and nobody notices",
			           (unsigned long long)page->first, (unsigned long long)page->last);
		world_count(world, KIND_flip_elsewhere);
		return;
	}
	if (!page->is_batch || last + 1 != page->first)
		world_fail(world, "after damage %llu records of %llu are found, and nobody notices",
		           (unsigned long long)last, (unsigned long long)sim_disk_truth(world->disk));
	world_count(world, KIND_undetectable);
}

static void judge_flip(struct world *world, const struct page *page, uint64_t next)
{
	struct journal_recovery recovery;
	struct error error;
	uint64_t snapshot = newest_snapshot(world);
	int fault = look_through(world, 1, &recovery, &error);
	if (fault == 0) {
		judge_passed(world, page, next, recovery.last_sequence);
		return;
	}
	if (fault != FAULT_DAMAGED)
		world_fail(world, "after damage: fault %d, %s", fault, error.text);
	if (!page->is_header && !page->is_batch && !page->is_seal)
		world_fail(world, "refused for damage where nothing stands: %s", error.text);
	if (page->is_header || next == UINT64_MAX || next > snapshot + 1) {
		must_refuse(world, "a turned bit");
		world_count(world, KIND_flip_refused);
		return;
	}
	if (look_through(world, snapshot + 1, &recovery, &error))
		world_fail(world, "damage before the snapshot keeps it from starting: %s", error.text);
	world_count(world, KIND_flip_unread);
}

void damage_flip(struct world *world)
{
	static uint8_t bytes[LIE_BYTES_MAX];
	static struct segments segments;
	struct dice *dice = &world->fault_dice;
	world->is_starting = true;
	disarm(world);
	damage_judge_lie(world);
	segments.count = 0;
	disk_list(sim_disk_port(world->disk), "log", note_segment, &segments, NULL);
	if (segments.count > 0) {
		const char *name = segments.names[dice_below(dice, (uint32_t)segments.count)];
		int64_t size = sim_disk_read_all(world->disk, name, bytes, sizeof bytes);
		uint64_t most = size > 65536 && dice_percent(dice, 60) ? 65536 : (uint64_t)size;
		uint64_t offset = dice_below(dice, (uint32_t)most);
		uint8_t bits = (uint8_t)(1u << dice_below(dice, 8));
		if (size >= DISK_PAGE && sim_disk_flip(world->disk, name, offset, bits)) {
			struct page page = page_at(bytes, (uint64_t)size, offset);
			judge_flip(world, &page, next_first(&segments, name));
			must(sim_disk_flip(world->disk, name, offset, bits));
		}
	}
	world->is_starting = false;
}

/* The newest of two: the older one serves, and the log reaches back to it. */
void damage_spoil_snapshot(struct world *world)
{
	uint64_t there[SNAPSHOTS_KEPT + 2];
	char name[64];
	static struct segments segments;
	world->is_starting = true;
	segments.count = 0;
	disk_list(sim_disk_port(world->disk), "log", note_segment, &segments, NULL);
	int count = snapshot_list(sim_disk_port(world->disk), there, SNAPSHOTS_KEPT + 2, NULL);
	if (count >= 2 && first_of(&segments) <= there[count - 2] + 1) {
		snprintf(name, sizeof name, "snapshots/%020llu.snap", (unsigned long long)there[count - 1]);
		if (sim_disk_flip(world->disk, name, dice_below(&world->fault_dice, 8192), 16)) {
			world_count(world, KIND_snapshot_spoiled);
			world->follower.snapshot = 0;
		}
	}
	world->is_starting = false;
}
