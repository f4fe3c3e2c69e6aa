#include "examine.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "archive.h"
#include "base/bytes.h"
#include "base/must.h"
#include "follow/follow.h"
#include "log/segment.h"

#define MORE_SIZE 96          /* of a record that is appended after recovery */
#define SNAPSHOT_NAME_SIZE 25 /* "<20 digits>.snap" */

bool examine_fail(struct examiner *examiner, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(examiner->why, sizeof examiner->why, format, arguments);
	va_end(arguments);
	return false;
}

/* ---- what a life has met ---- */

void examine_begin_life(struct examiner *examiner)
{
	memset(examiner->met, 0, sizeof examiner->met);
	examiner->met_count = 0;
}

static struct met *meet(struct examiner *examiner, uint64_t key)
{
	key = key ? key : 1;
	uint64_t at = key;
	for (at = draw(&at) % SEEN_MAX; examiner->met[at].key != 0; at = (at + 1) % SEEN_MAX)
		if (examiner->met[at].key == key)
			return &examiner->met[at];
	return &examiner->met[at];
}

/* False: it was met before. */
static bool is_first(struct examiner *examiner, uint64_t key, uint64_t value)
{
	struct met *met = meet(examiner, key);
	bool is_new = met->key == 0;
	if (is_new && examiner->met_count == SEEN_MAX / 2) {
		examine_begin_life(examiner);
		met = meet(examiner, key);
	}
	examiner->met_count += is_new;
	*met = (struct met){key ? key : 1, value};
	return is_new;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t state = a * UINT64_C(0x2545f4914f6cdd1d) + b;
	return draw(&state);
}

/* Pages that no image owns never change while a life lasts: where they lie says what they hold. */
static uint64_t key_of_page(const struct image *image, const uint8_t *page)
{
	uint64_t key = 0;
	if (page < image->pages || page >= image->pages + (size_t)IMAGE_PAGES_MAX * DISK_PAGE)
		return (uint64_t)(uintptr_t)page;
	for (int i = 0; i < DISK_PAGE; i += 8)
		key = key * UINT64_C(0x9e3779b97f4a7c15) + get_u64(page + i);
	return key;
}

static uint64_t key_of_snapshots(const struct image *image)
{
	uint64_t sum = 0;
	for (int i = 0; i < image->names.count; i++) {
		const char *name = tree_inside(image->names.of[i].name, "snapshots");
		if (!name || strlen(name) != SNAPSHOT_NAME_SIZE || image->names.of[i].inode < 0)
			continue;
		const struct content *file = &image->files[image->names.of[i].inode];
		uint64_t key = mix(strtoull(name, NULL, 10), file->size);
		for (uint64_t page = 0; page * DISK_PAGE < file->size; page++)
			key = mix(key, key_of_page(image, file->pages[page]));
		sum += key;
	}
	return sum;
}

/* ---- snapshots ---- */

int examine_newest_snapshot(const struct image *image, uint64_t *ret_sequence, uint64_t *ret_older)
{
	int inode = NOBODY;
	*ret_sequence = *ret_older = 0;
	for (int i = 0; i < image->names.count; i++) {
		const char *name = tree_inside(image->names.of[i].name, "snapshots");
		if (!name || strlen(name) != SNAPSHOT_NAME_SIZE)
			continue;
		uint64_t sequence = strtoull(name, NULL, 10);
		if (sequence > *ret_sequence) {
			*ret_older = *ret_sequence;
			*ret_sequence = sequence;
			inode = image->names.of[i].inode;
		} else if (sequence > *ret_older) {
			*ret_older = sequence;
		}
	}
	return inode;
}

static bool two_are_kept(struct examiner *examiner, const struct image *image, const struct expected *expected)
{
	uint64_t newest, older;
	examine_newest_snapshot(image, &newest, &older);
	return older >= expected->snapshot_before ||
	       examine_fail(examiner,
	                    "there are snapshots of %" PRIu64 " and %" PRIu64 ", that of %" PRIu64 " is not kept",
	                    newest, older, expected->snapshot_before);
}

static bool load(struct examiner *examiner, struct image *image, const struct expected *expected, struct core **ret)
{
	struct core_limits limits = WORLD_LIMITS;
	struct error error = {0};
	uint64_t changes = image->changes;
	if (follow_load_snapshot(&image->disk, &limits, 0, ret, &examiner->loaded, &error) < 0)
		return examine_fail(examiner, "no snapshot and no empty core: %s", error.text);
	if (image->changes != changes)
		return examine_fail(examiner, "a snapshot with a name is not whole");
	if (examiner->loaded > expected->durable || examiner->loaded < expected->snapshot)
		return examine_fail(examiner,
		                    "loaded the snapshot of %" PRIu64 "; %" PRIu64 " was told to be made, %" PRIu64
		                    " durable",
		                    examiner->loaded, expected->snapshot, expected->durable);
	if (core_hash(*ret) != examiner->world->truth[examiner->loaded].hash)
		return examine_fail(examiner, "the snapshot of %" PRIu64 " is of another state", examiner->loaded);
	examiner->kinds->of[examiner->loaded ? KIND_SNAPSHOT_LOADED : KIND_NO_SNAPSHOT]++;
	return true;
}

/* Whether the spoiled one still has its name or was set aside already. */
static bool load_past_spoiled(struct examiner *examiner, struct image *image)
{
	struct core_limits limits = WORLD_LIMITS;
	struct error error = {0};
	struct core *core;
	if (follow_load_snapshot(&image->disk, &limits, 0, &core, &examiner->loaded, &error) < 0)
		return examine_fail(examiner, "no snapshot and no empty core: %s", error.text);
	bool fine = examiner->loaded == examiner->known_snapshot &&
	            core_hash(core) == examiner->world->truth[examiner->loaded].hash;
	core_free(core);
	return fine || examine_fail(examiner, "past a spoiled snapshot %" PRIu64 " was loaded instead of %" PRIu64,
	                            examiner->loaded, examiner->known_snapshot);
}

/* *ret stays NULL when these snapshots were loaded before. */
static bool snapshots(struct examiner *examiner, struct image *image, const struct expected *expected, unsigned how,
                      struct core **ret)
{
	if (examiner->newest_is_spoiled)
		return load_past_spoiled(examiner, image);
	if (examiner->snapshot_is_known) {
		examiner->loaded = examiner->known_snapshot;
		return true;
	}
	if (!two_are_kept(examiner, image, expected))
		return false;
	examiner->snapshot_key = key_of_snapshots(image);
	const struct met *met = meet(examiner, examiner->snapshot_key);
	if (met->key != 0 && !(how & EXAMINE_SNAPSHOT)) {
		examiner->loaded = met->value;
		if (examiner->loaded < expected->snapshot)
			return examine_fail(examiner,
			                    "the newest snapshot is of %" PRIu64 "; %" PRIu64 " was told to be made",
			                    examiner->loaded, expected->snapshot);
		return true;
	}
	if (!load(examiner, image, expected, ret))
		return false;
	is_first(examiner, examiner->snapshot_key, examiner->loaded);
	return true;
}

/* ---- records ---- */

bool examine_records(struct examiner *examiner, struct log *log, uint64_t from, uint64_t last)
{
	struct log_cursor *cursor;
	struct log_record record;
	struct error error = {0};
	int got = log_cursor_open(log, from, &cursor, &error);
	if (got < 0)
		return examine_fail(examiner, "record %" PRIu64 " cannot be read: %s", from, error.text);
	bool fine = true;
	for (uint64_t n = from; fine && n <= last; n++) {
		const struct truth *truth = &examiner->world->truth[n];
		got = log_cursor_next(log, cursor, &record, &error);
		fine = got == 1 && record.sequence == n && record.size == truth->size &&
		       record.time.ms == truth->time.ms && memcmp(record.bytes, truth->bytes, truth->size) == 0;
		if (!fine)
			examine_fail(examiner, "record %" PRIu64 " is not as appended: %d %s", n, got, error.text);
	}
	if (fine && log_cursor_next(log, cursor, &record, &error) != 0)
		fine = examine_fail(examiner, "something is readable behind record %" PRIu64, last);
	log_cursor_close(log, cursor);
	return fine;
}

static bool count_end(struct examiner *examiner, const struct image *image, const struct expected *expected)
{
	struct kinds *kinds = examiner->kinds;
	uint64_t newest = 0;
	for (int i = 0; i < image->names.count; i++) {
		uint64_t first;
		const char *name = tree_inside(image->names.of[i].name, SEGMENT_FOLDER);
		if (name && strlen(name) == 24 && segment_name_parse(name, &first) && first > newest)
			newest = first;
	}
	kinds->of[KIND_FOUND_NEW] += examiner->last == 0;
	kinds->of[examiner->was_torn ? KIND_FOUND_TORN : KIND_FOUND_CLEAN]++;
	kinds->of[KIND_FOUND_TAIL] += newest <= examiner->last;
	kinds->of[KIND_FOUND_UNTOLD] += examiner->last > expected->durable;
	return true;
}

static bool open_it(struct examiner *examiner, struct image *image, uint64_t from, struct log **ret,
                    struct journal_recovery *found)
{
	struct journal_options options = WORLD_JOURNAL;
	struct error error = {0};
	if (journal_open(&image->disk, &options, from, ret, found, &error) != 0)
		return examine_fail(examiner, "refused, from record %" PRIu64 ": %s", from, error.text);
	examiner->first = found->first_sequence;
	examiner->last = found->last_sequence;
	examiner->was_torn = found->torn_tail;
	return true;
}

static bool ends_right(struct examiner *examiner, struct log *log, const struct expected *expected, uint64_t from)
{
	if (examiner->last != expected->durable && examiner->last != expected->writing)
		return examine_fail(examiner,
		                    "recovered up to %" PRIu64 "; durable was %" PRIu64 ", being written %" PRIu64,
		                    examiner->last, expected->durable, expected->writing);
	if (log_durable(log) != examiner->last || examiner->first > from)
		return examine_fail(examiner, "recovered %" PRIu64 " to %" PRIu64 ", durable is %" PRIu64,
		                    examiner->first, examiner->last, log_durable(log));
	return true;
}

/* ---- folds ---- */

static bool fold_one(struct examiner *examiner, struct log *log, struct core *core)
{
	struct error error = {0};
	if (follow_fold(log, core, 0, NULL, NULL, &error) < 0 || core_check(core, &error) < 0)
		return examine_fail(examiner, "the fold stops: %s", error.text);
	if (core_sequence(core) != examiner->last || core_hash(core) != examiner->world->truth[examiner->last].hash)
		return examine_fail(examiner, "the fold up to %" PRIu64 " has another hash", examiner->last);
	return true;
}

static bool folds_the_same(struct examiner *examiner, struct log *log, const struct core *behind_snapshot)
{
	struct core_limits limits = WORLD_LIMITS;
	struct core *whole;
	struct error error;
	uint8_t one[BLAKE_SIZE], other[BLAKE_SIZE];
	if (core_new(&limits, &whole, &error) < 0)
		return examine_fail(examiner, "%s", error.text);
	bool fine = fold_one(examiner, log, whole);
	if (fine) {
		core_state_hash(whole, one);
		core_state_hash(behind_snapshot, other);
		fine = memcmp(one, other, sizeof one) == 0 ||
		       examine_fail(examiner, "snapshot and tail give another state than the whole log");
		examiner->kinds->of[KIND_FOLDED_WHOLE_LOG]++;
	}
	core_free(whole);
	return fine;
}

static bool folds(struct examiner *examiner, struct image *image, struct log *log, const struct expected *expected,
                  unsigned how, struct core **core)
{
	uint64_t key = mix(examiner->snapshot_key, examiner->last), whole = mix(key, 77);
	bool all = (how & EXAMINE_ALL_RECORDS) && examiner->first <= 1 && examiner->last > 0;
	bool is_new = is_first(examiner, key, 1);
	bool whole_is_new = all && is_first(examiner, whole, 1);
	if (!is_new && !whole_is_new && !(how & EXAMINE_SNAPSHOT))
		return true;
	if (!*core && !load(examiner, image, expected, core))
		return false;
	if (!fold_one(examiner, log, *core))
		return false;
	examiner->kinds->of[KIND_FOLDED_BEHIND_SNAPSHOT]++;
	return !all || folds_the_same(examiner, log, *core);
}

/* ---- once more ---- */

static bool append_one_more(struct examiner *examiner, struct log *log, bool seals)
{
	uint8_t bytes[MORE_SIZE];
	struct log_record echo;
	struct error error = {0};
	memset(bytes, (int)(examiner->last & 0x7f), sizeof bytes);
	if (log_append(log, (struct wall_ms){INT64_C(1) << 42}, bytes, sizeof bytes, &error) != 0)
		return examine_fail(examiner, "nothing can be appended after recovery: %s", error.text);
	log_flush(log);
	if (log_echo(log, &echo, &error) != 1 || echo.sequence != examiner->last + 1)
		return examine_fail(examiner, "what is appended after recovery is not echoed");
	if (journal_writer_step(log, &error) != 1 || log_durable(log) != examiner->last + 1)
		return examine_fail(examiner, "what is appended after recovery is not durable: %s", error.text);
	if (seals && journal_seal_step(log, &error) != 1)
		return examine_fail(examiner, "no seal after recovery: %s", error.text);
	return true;
}

static bool one_more_is_there(struct examiner *examiner, struct log *log, uint64_t sequence)
{
	struct log_cursor *cursor;
	struct log_record record;
	struct error error = {0};
	if (log_cursor_open(log, sequence, &cursor, &error) != 0)
		return examine_fail(examiner, "what came after recovery is not there: %s", error.text);
	bool fine = log_cursor_next(log, cursor, &record, &error) == 1 && record.size == MORE_SIZE &&
	            record.bytes[0] == ((sequence - 1) & 0x7f);
	log_cursor_close(log, cursor);
	return fine || examine_fail(examiner, "what came after recovery is not as appended: %s", error.text);
}

static bool once_more(struct examiner *examiner, struct image *image, uint64_t from, unsigned how,
                      const struct journal_recovery *before)
{
	struct log *log;
	struct journal_recovery found;
	uint64_t last = before->last_sequence + ((how & EXAMINE_GO_ON) != 0);
	if (!open_it(examiner, image, from, &log, &found))
		return false;
	bool fine = found.last_sequence == last && !found.torn_tail;
	if (!fine)
		examine_fail(examiner, "recovered %" PRIu64 ", and then again %" PRIu64 "%s", last, found.last_sequence,
		             found.torn_tail ? " with a torn tail" : "");
	else if (how & EXAMINE_GO_ON)
		fine = one_more_is_there(examiner, log, last);
	else
		fine = memcmp(found.last_batch_hash, before->last_batch_hash, BLAKE_SIZE) == 0 ||
		       examine_fail(examiner, "recovered again, the last batch is another one");
	log_close(log);
	examiner->kinds->of[how & EXAMINE_GO_ON ? KIND_WENT_ON : KIND_RECOVERED_AGAIN] += fine;
	return fine;
}

/* Before anything is written: who only reads comes to the same end. */
static bool verify(struct examiner *examiner, struct image *image, uint64_t *ret_last)
{
	struct journal_recovery found;
	struct error error = {0};
	*ret_last = 0;
	if (tree_find(&image->names, SEGMENT_FOLDER) != FOLDER)
		return true;
	if (journal_verify(&image->disk, &found, &error) != 0)
		return examine_fail(examiner, "verifying it: %s", error.text);
	if (image->changes != 0)
		return examine_fail(examiner, "verifying it changed the disk");
	*ret_last = found.last_sequence;
	return true;
}

/* ---- all of it ---- */

static bool look_into(struct examiner *examiner, struct image *image, struct log *log, const struct expected *expected,
                      unsigned how, uint64_t from, struct core **core)
{
	bool all = (how & EXAMINE_ALL_RECORDS) != 0;
	uint64_t read_from = all && examiner->first ? examiner->first : from;
	if (!ends_right(examiner, log, expected, from) || !count_end(examiner, image, expected) ||
	    !examine_records(examiner, log, read_from, examiner->last))
		return false;
	examiner->kinds->of[all ? KIND_READ_ALL : KIND_READ_BEHIND_SNAPSHOT]++;
	examiner->kinds->of[KIND_OLDER_SNAPSHOT] += examiner->loaded < expected->snapshot_begun;
	examiner->kinds->of[KIND_UNTOLD_SNAPSHOT] += examiner->loaded > expected->snapshot;
	if (!examiner->snapshot_is_known && !folds(examiner, image, log, expected, how, core))
		return false;
	if ((how & EXAMINE_ARCHIVE) && !expected->deletes && !archive_is_whole(examiner, image))
		return false;
	return !(how & EXAMINE_GO_ON) || append_one_more(examiner, log, how & EXAMINE_AGAIN);
}

bool examine(struct examiner *examiner, struct image *image, const struct expected *expected, unsigned how)
{
	struct core *core = NULL;
	struct log *log;
	struct journal_recovery found;
	bool fine = snapshots(examiner, image, expected, how, &core);
	uint64_t from = how & EXAMINE_ALL_RECORDS ? expected->floor : examiner->loaded + 1, verified = 0;
	image->changes = 0;
	if (fine && (how & EXAMINE_VERIFY))
		fine = verify(examiner, image, &verified);
	fine = fine && open_it(examiner, image, from, &log, &found);
	if (fine) {
		fine = look_into(examiner, image, log, expected, how, from, &core);
		log_close(log);
		examiner->kinds->of[KIND_VERIFIED] += verified > 0;
		if (fine && verified > 0 && verified != found.last_sequence)
			fine = examine_fail(examiner, "verified up to %" PRIu64 ", recovered up to %" PRIu64, verified,
			                    found.last_sequence);
	}
	core_free(core);
	if (fine && (how & (EXAMINE_AGAIN | EXAMINE_GO_ON)))
		fine = once_more(examiner, image, from, how, &found);
	examiner->last = fine ? found.last_sequence : 0;
	return fine;
}
