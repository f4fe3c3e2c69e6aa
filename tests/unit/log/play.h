/* play: what the tests of the journal have in common: records that can be told apart, and a journal by hand. */
#ifndef DIBS_TESTS_LOG_PLAY_H
#define DIBS_TESTS_LOG_PLAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "log/disk_memory.h"
#include "log/journal.h"

#define RECORD_MAX 2048
#define SMALL_SEGMENT (16 * DISK_PAGE)
#define FIRST_TIME INT64_C(1795228500000)

/* A record that says who it is: its sequence, the life of the server that wrote it, and bytes that follow from both. */
static inline size_t record_make(uint8_t out[RECORD_MAX], uint64_t sequence, uint64_t life)
{
	uint64_t mix = (sequence * UINT64_C(0x9e3779b97f4a7c15)) ^ (life * UINT64_C(0xbf58476d1ce4e5b9));
	size_t size = 32 + (size_t)(mix >> 40) % 200;
	if (sequence % 29 == 0)
		size += 1500;
	memset(out, 0, 8);
	put_u64(out + 8, life);
	put_u64(out + 16, sequence);
	for (size_t i = 24; i < size; i++)
		out[i] = (uint8_t)(mix >> (i % 7 * 8)) ^ (uint8_t)i;
	return size;
}

static inline bool record_is(const struct log_record *record, uint64_t sequence, uint64_t life)
{
	uint8_t expected[RECORD_MAX];
	size_t size = record_make(expected, sequence, life);
	return record->sequence == sequence && record->size == size && memcmp(record->bytes, expected, size) == 0;
}

static inline struct wall_ms time_of(uint64_t sequence)
{
	return (struct wall_ms){FIRST_TIME + (int64_t)sequence * 3};
}

static inline struct journal_options by_hand(void)
{
	return (struct journal_options){.segment_size = SMALL_SEGMENT, .batch_bytes_max = 8192};
}

static inline struct log *open_journal(struct disk *disk, struct journal_recovery *ret)
{
	struct journal_options options = by_hand();
	struct error error = {0};
	struct log *log = NULL;
	if (journal_open(disk, &options, 1, &log, ret, &error) != 0)
		fail_msg("the journal does not open: %s", error.text);
	return log;
}

/* Appends one and takes its echo. */
static inline int append_one(struct log *log, uint64_t sequence, uint64_t life, struct error *error)
{
	uint8_t bytes[RECORD_MAX];
	struct log_record echo;
	size_t size = record_make(bytes, sequence, life);
	int fault = log_append(log, time_of(sequence), bytes, size, error);
	if (fault)
		return fault;
	assert_int_equal(log_echo(log, &echo, error), 1);
	assert_true(record_is(&echo, sequence, life));
	return 0;
}

/* Appends from..to as one group, and makes them durable. */
static inline void write_records(struct log *log, uint64_t from, uint64_t to, uint64_t life)
{
	struct error error = {0};
	for (uint64_t n = from; n <= to; n++)
		assert_int_equal(append_one(log, n, life, &error), 0);
	log_flush(log);
	assert_int_equal(journal_writer_step(log, &error), 1);
	assert_int_equal(log_durable(log), to);
}

/* kill -9 and the power gone: what is synced is left. The old journal and disk are done with. */
static inline struct disk *kill_it(struct log *log, struct disk *disk)
{
	struct disk *after = disk_memory_crash(disk, 0);
	log_close(log);
	disk_done(disk);
	return after;
}

/* Opens and expects to be refused. */
static inline void expect_refusal(struct disk *disk, uint64_t from, int fault, const char *says)
{
	struct journal_options options = by_hand();
	struct error error = {0};
	struct log *log = NULL;
	assert_int_equal(journal_open(disk, &options, from, &log, NULL, &error), fault);
	assert_null(log);
	if (!strstr(error.text, says))
		fail_msg("it says \"%s\", not \"%s\"", error.text, says);
}

/* Reads from..to and finds nothing beyond. */
static inline void expect_records(struct log *log, uint64_t from, uint64_t to, uint64_t life)
{
	struct log_cursor *cursor;
	struct log_record record;
	struct error error = {0};
	int got;
	assert_int_equal(log_cursor_open(log, from, &cursor, &error), 0);
	for (uint64_t n = from; n <= to; n++) {
		got = log_cursor_next(log, cursor, &record, &error);
		if (got != 1)
			fail_msg("record %llu is not there: %d %s", (unsigned long long)n, got, error.text);
		assert_true(record_is(&record, n, life));
		assert_int_equal(record.time.ms, time_of(n).ms);
	}
	assert_int_equal(log_cursor_next(log, cursor, &record, &error), 0);
	log_cursor_close(log, cursor);
}

#endif
