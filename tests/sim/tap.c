#include "tap.h"

#include "base/must.h"

static struct tap *tap_of(struct log *log)
{
	return (struct tap *)(void *)log;
}

static int append(struct log *log, struct wall_ms now, const uint8_t *bytes, size_t size, struct error *error)
{
	struct tap *tap = tap_of(log);
	int fault = log_append(tap->inner, now, bytes, size, error);
	if (fault || tap->is_hub)
		return fault;
	int64_t last = tap->shadow->records[tap->shadow->count].time;
	shadow_add(tap->shadow, now.ms < last ? last : now.ms, bytes, size);
	return 0;
}

static int echo_of_hub(struct tap *tap, struct log_record *ret, struct error *error)
{
	if (tap->echoed == tap->shadow->count) {
		int got = log_echo(tap->inner, ret, error);
		if (got <= 0)
			return got;
		must(ret->sequence == tap->shadow->count + 1);
		shadow_add(tap->shadow, ret->time.ms, ret->bytes, ret->size);
	}
	*ret = shadow_record_at(tap->shadow, ++tap->echoed);
	return 1;
}

static int echo(struct log *log, struct log_record *ret, struct error *error)
{
	struct tap *tap = tap_of(log);
	if (tap->is_hub)
		return echo_of_hub(tap, ret, error);
	int got = log_echo(tap->inner, ret, error);
	if (got == 1 && !shadow_is(tap->shadow, ret))
		tap->echo_differed = true;
	return got;
}

static void flush(struct log *log)
{
	log_flush(tap_of(log)->inner);
}

static uint64_t durable(struct log *log)
{
	return log_durable(tap_of(log)->inner);
}

static enum log_room room(struct log *log)
{
	return log_room(tap_of(log)->inner);
}

static int failed(struct log *log, struct error *error)
{
	return log_failed(tap_of(log)->inner, error);
}

static void on_moved(struct log *log, void (*moved)(void *context), void *context)
{
	log_on_moved(tap_of(log)->inner, moved, context);
}

static int cursor_open(struct log *log, uint64_t from, struct log_cursor **ret, struct error *error)
{
	return log_cursor_open(tap_of(log)->inner, from, ret, error);
}

/* A cursor is the inner log's own: nobody may ask the tap for its next record. */
static int cursor_next(struct log_cursor *cursor, struct log_record *ret, struct error *error)
{
	return error_set(error, FAULT_INVALID, "cursors are read at the log behind the tap");
}

static void cursor_close(struct log_cursor *cursor)
{
	must(!cursor);
}

static void close_log(struct log *log)
{
	log_close(tap_of(log)->inner);
}

static const struct log_ops ops = {
    .append = append,
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

void tap_init(struct tap *tap, struct log *over, struct shadow *shadow, bool is_hub, uint64_t echoed)
{
	*tap = (struct tap){.log = {&ops}, .inner = over, .shadow = shadow, .is_hub = is_hub, .echoed = echoed};
}
