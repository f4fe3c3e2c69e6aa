/* Archiving: old segments leave, oldest first and one at a time, each for good before the next one, so that a crash
 * never leaves a hole. */
#include "log/journal_inside.h"

/* The oldest segment, if all of it lies before; never the last one. */
static bool oldest_before(struct journal *journal, uint64_t before, uint64_t *ret_first)
{
	pthread_mutex_lock(&journal->lock);
	bool is_before = journal->segment_count > 1 && journal->segments[1]->first <= before;
	if (is_before)
		*ret_first = journal->segments[0]->first;
	pthread_mutex_unlock(&journal->lock);
	return is_before;
}

/* The new name is durable before the old one goes. */
static int move_away(struct journal *journal, uint64_t first, bool delete_it, struct error *error)
{
	char from[SEGMENT_NAME_SIZE], to[SEGMENT_NAME_SIZE];
	segment_name(from, SEGMENT_FOLDER, first);
	segment_name(to, ARCHIVE_FOLDER, first);
	int fault = delete_it ? disk_remove(journal->disk, from, error) : disk_rename(journal->disk, from, to, error);
	if (!fault && !delete_it)
		fault = disk_sync_folder(journal->disk, ARCHIVE_FOLDER, error);
	if (!fault)
		fault = disk_sync_folder(journal->disk, SEGMENT_FOLDER, error);
	return fault;
}

static void forget_oldest(struct journal *journal)
{
	pthread_mutex_lock(&journal->lock);
	struct segment *oldest = journal->segments[0];
	journal->segment_count--;
	for (uint32_t i = 0; i < journal->segment_count; i++)
		journal->segments[i] = journal->segments[i + 1];
	pthread_mutex_unlock(&journal->lock);
	segment_free(oldest);
}

int journal_archive(struct log *log, uint64_t before, bool delete_them, struct error *error)
{
	struct journal *journal = journal_of(log);
	uint64_t first;
	int count = 0;
	if (journal->read_only)
		return error_set(error, FAULT_INVALID, "this journal is open for reading only");
	int fault = 0;
	if (!delete_them)
		fault = disk_make_folder(journal->disk, ARCHIVE_FOLDER, error);
	if (!fault && !delete_them)
		fault = disk_sync_folder(journal->disk, "", error);
	while (!fault && oldest_before(journal, before, &first)) {
		fault = move_away(journal, first, delete_them, error);
		if (!fault)
			forget_oldest(journal);
		count += !fault;
	}
	return fault ? fault : count;
}
