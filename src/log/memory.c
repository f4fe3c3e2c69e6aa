#include "log/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

struct memory_log {
	struct log log;
	pthread_mutex_t lock;
	struct log_record *records; /* bytes are each its own block, so that they stay where they are */
	size_t count, max;
	uint64_t durable;
	struct log_record late; /* bytes NULL: none waits for the append after it */
	struct memory_log_faults faults;
	uint64_t echoed;
	uint64_t may_echo; /* with delay_echo: how many are let out */
	bool has_failed;
	void (*moved)(void *context);
	void *moved_context;
};

struct log_cursor {
	struct memory_log *log;
	uint64_t next;
};

static struct memory_log *memory_of(struct log *log)
{
	return (struct memory_log *)(void *)log;
}

static void *need(void *bytes)
{
	must(bytes);
	return bytes;
}

static bool is_due(uint32_t *countdown)
{
	return *countdown > 0 && --*countdown == 0;
}

static void tell_moved(struct memory_log *log)
{
	pthread_mutex_lock(&log->lock);
	void (*moved)(void *) = log->moved;
	void *context = log->moved_context;
	pthread_mutex_unlock(&log->lock);
	if (moved)
		moved(context);
}

/* ---- append, under lock ---- */

static const uint8_t *copy_of(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = need(malloc(size ? size : 1));
	if (size)
		memcpy(copy, bytes, size);
	return copy;
}

/* Takes over the bytes; time never goes back. */
static void stand(struct memory_log *log, struct wall_ms time, const uint8_t *bytes, size_t size)
{
	if (log->count == log->max) {
		log->max = log->max ? 2 * log->max : 256;
		log->records = need(reallocarray(log->records, log->max, sizeof *log->records));
	}
	if (log->count > 0 && wall_before(time, log->records[log->count - 1].time))
		time = log->records[log->count - 1].time;
	log->records[log->count] = (struct log_record){log->count + 1, time, bytes, size};
	log->count++;
}

static struct wall_ms time_of_append(struct memory_log *log, struct wall_ms now)
{
	now.ms += log->faults.time_jump_ms;
	log->faults.time_jump_ms = 0;
	return now;
}

static void take(struct memory_log *log, struct wall_ms now, const uint8_t *bytes, size_t size)
{
	struct memory_log_faults *faults = &log->faults;
	struct wall_ms time = time_of_append(log, now);
	bool is_lost = is_due(&faults->lose_append_in);
	bool is_double = is_due(&faults->double_append_in);
	bool is_late = is_due(&faults->late_append_in);
	struct log_record late = log->late;
	if (is_late) {
		log->late = (struct log_record){0, time, copy_of(bytes, size), size};
		return;
	}
	if (!is_lost)
		stand(log, time, copy_of(bytes, size), size);
	if (is_double)
		stand(log, time, copy_of(bytes, size), size);
	if (late.bytes)
		stand(log, late.time, late.bytes, late.size);
	log->late.bytes = NULL;
	if (!faults->hold_durable)
		log->durable = log->count;
}

static bool is_busy(struct memory_log_faults *faults)
{
	bool now = faults->busy_from == 1;
	faults->busy_from -= faults->busy_from > 1;
	return is_due(&faults->busy_in) || now;
}

static uint32_t record_size_max(struct log *log)
{
	uint32_t size_max = memory_of(log)->faults.record_size_max;
	return size_max ? size_max : UINT32_MAX;
}

static int failure(struct error *error)
{
	return error_set(error, FAULT_IO, "the log in memory has failed, as it was told to");
}

static int append(struct log *of, struct wall_ms now, const uint8_t *bytes, size_t size, struct error *error)
{
	struct memory_log *log = memory_of(of);
	int fault = 0;
	pthread_mutex_lock(&log->lock);
	if (is_due(&log->faults.fail_in))
		log->has_failed = true;
	if (log->has_failed)
		fault = failure(error);
	else if (size > record_size_max(of))
		fault = error_set(error, FAULT_INVALID, "%zu bytes are too many for the log in memory", size);
	else if (is_busy(&log->faults))
		fault = error_set(error, FAULT_BUSY, "the log in memory is busy, as it was told to be");
	else if (log->faults.room == LOG_ROOM_NONE)
		fault = error_set(error, FAULT_NO_SPACE, "the log in memory is full, as it was told to be");
	else
		take(log, now, bytes, size);
	pthread_mutex_unlock(&log->lock);
	if (fault == FAULT_IO)
		tell_moved(log);
	return fault;
}

static int echo(struct log *of, struct log_record *ret, struct error *error)
{
	struct memory_log *log = memory_of(of);
	int result = 0;
	pthread_mutex_lock(&log->lock);
	if (log->has_failed) {
		result = failure(error);
	} else if (log->echoed < log->count && (!log->faults.delay_echo || log->may_echo > 0)) {
		*ret = log->records[log->echoed++];
		log->may_echo -= log->may_echo > 0;
		result = 1;
	}
	pthread_mutex_unlock(&log->lock);
	return result;
}

static void flush(struct log *log)
{
	tell_moved(memory_of(log));
}

/* ---- what anybody may ask ---- */

static uint64_t durable(struct log *of)
{
	struct memory_log *log = memory_of(of);
	pthread_mutex_lock(&log->lock);
	uint64_t value = log->durable;
	pthread_mutex_unlock(&log->lock);
	return value;
}

static enum log_room room(struct log *of)
{
	struct memory_log *log = memory_of(of);
	pthread_mutex_lock(&log->lock);
	enum log_room value = log->faults.room;
	pthread_mutex_unlock(&log->lock);
	return value;
}

static int failed(struct log *of, struct error *error)
{
	struct memory_log *log = memory_of(of);
	pthread_mutex_lock(&log->lock);
	int fault = log->has_failed ? failure(error) : 0;
	pthread_mutex_unlock(&log->lock);
	return fault;
}

static void on_moved(struct log *of, void (*moved)(void *context), void *context)
{
	struct memory_log *log = memory_of(of);
	pthread_mutex_lock(&log->lock);
	log->moved = moved;
	log->moved_context = context;
	pthread_mutex_unlock(&log->lock);
}

/* ---- cursors ---- */

static int cursor_open(struct log *log, uint64_t from, struct log_cursor **ret, struct error *error)
{
	struct log_cursor *cursor = malloc(sizeof *cursor);
	if (!cursor)
		return error_set(error, FAULT_MEMORY, "no memory for a cursor");
	*cursor = (struct log_cursor){memory_of(log), from ? from : 1};
	*ret = cursor;
	return 0;
}

static int cursor_next(struct log_cursor *cursor, struct log_record *ret, struct error *error)
{
	struct memory_log *log = cursor->log;
	pthread_mutex_lock(&log->lock);
	bool is_there = cursor->next <= log->durable;
	if (is_there)
		*ret = log->records[cursor->next++ - 1];
	pthread_mutex_unlock(&log->lock);
	return is_there;
}

static void cursor_close(struct log_cursor *cursor)
{
	free(cursor);
}

static void close_log(struct log *of)
{
	struct memory_log *log = memory_of(of);
	for (size_t i = 0; i < log->count; i++)
		free((void *)(uintptr_t)log->records[i].bytes);
	free((void *)(uintptr_t)log->late.bytes);
	free(log->records);
	pthread_mutex_destroy(&log->lock);
	free(log);
}

static const struct log_ops ops = {
    .append = append,
    .record_size_max = record_size_max,
    .echo = echo,
    .flush = flush,
    .durable = durable,
    .room = room,
    .failed = failed,
    .on_moved = on_moved,
    .cursor_open = cursor_open,
    .cursor_next = cursor_next,
    .cursor_close = cursor_close,
    .close = close_log,
};

/* ---- for tests ---- */

struct log *memory_log_new(void)
{
	struct memory_log *log = need(calloc(1, sizeof *log));
	log->log.ops = &ops;
	log->faults.room = LOG_ROOM_ALL;
	pthread_mutex_init(&log->lock, NULL);
	return &log->log;
}

struct memory_log_faults *memory_log_faults(struct log *log)
{
	return &memory_of(log)->faults;
}

void memory_log_set_faults(struct log *of, const struct memory_log_faults *faults)
{
	struct memory_log *log = memory_of(of);
	pthread_mutex_lock(&log->lock);
	log->faults = *faults;
	pthread_mutex_unlock(&log->lock);
	tell_moved(log);
}

void memory_log_release(struct log *of, uint32_t count)
{
	struct memory_log *log = memory_of(of);
	pthread_mutex_lock(&log->lock);
	log->may_echo += count;
	pthread_mutex_unlock(&log->lock);
	tell_moved(log);
}

void memory_log_sync(struct log *of)
{
	struct memory_log *log = memory_of(of);
	pthread_mutex_lock(&log->lock);
	log->durable = log->count;
	pthread_mutex_unlock(&log->lock);
	tell_moved(log);
}

struct log *memory_log_crash(struct log *of, uint32_t survivors)
{
	struct memory_log *log = memory_of(of);
	struct memory_log *after = memory_of(memory_log_new());
	pthread_mutex_lock(&log->lock);
	uint64_t left = log->durable + survivors;
	for (size_t i = 0; i < log->count && i < left; i++) {
		const struct log_record *record = &log->records[i];
		stand(after, record->time, copy_of(record->bytes, record->size), record->size);
	}
	pthread_mutex_unlock(&log->lock);
	after->durable = after->echoed = after->count;
	return &after->log;
}
