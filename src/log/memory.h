/* memory: the log adapter for tests and simulation, with all its faults, decided by the caller.
 *
 * Without faults it echoes at once and is durable at once. Each fault is named and counted down to: 1 is the next
 * append, 0 is off.
 *
 * Memory   every record until log_close().
 * Thread   as log.h says, so that a ledger's thread can run on it; faults, release and sync: the test's own.
 */
#ifndef DIBS_LOG_MEMORY_H
#define DIBS_LOG_MEMORY_H

#include "log/log.h"

struct memory_log_faults {
	uint32_t delay_echo;       /* echoes wait for memory_log_release() */
	uint32_t hold_durable;     /* durable moves only by memory_log_sync() */
	uint32_t lose_append_in;   /* the n-th append from now is lost, its writer not told (unknown outcome) */
	uint32_t double_append_in; /* the n-th append from now stands twice */
	uint32_t late_append_in;   /* the n-th append from now comes after the next one */
	int64_t time_jump_ms;      /* added once to the time of the next append (never backwards in the log) */
	uint32_t busy_in;          /* the n-th append from now says FAULT_BUSY */
	uint32_t busy_from;       /* the n-th append from now and all after it say FAULT_BUSY, until this is set anew */
	uint32_t fail_in;         /* the n-th append from now fails for good: FAULT_IO */
	uint32_t record_size_max; /* larger ones are FAULT_INVALID; set before the log is in use; 0: no bound */
	enum log_room room;       /* what room says; LOG_ROOM_ALL by default */
};

struct log *memory_log_new(void);
struct memory_log_faults *memory_log_faults(struct log *log);
/* The same while another thread is at work on the log. */
void memory_log_set_faults(struct log *log, const struct memory_log_faults *faults);
void memory_log_release(struct log *log, uint32_t count); /* lets so many echoes out */
void memory_log_sync(struct log *log);                    /* durable up to what was appended */
/* What a crash leaves: everything durable, then `survivors` of the rest; a new log with copies of these records, without
 * faults. The old one is still the caller's to close. */
struct log *memory_log_crash(struct log *log, uint32_t survivors);

#endif
