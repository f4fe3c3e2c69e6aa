/* error: a fault is a negative code with a message.
 *
 * A function that can fail returns 0 (or a count) or one of these codes, fills *error once, where the fault is
 * found, and leaves its other outputs untouched. Callers pass the code up as it is; it is logged once, at the top.
 */
#ifndef DIBS_BASE_ERROR_H
#define DIBS_BASE_ERROR_H

enum fault {
	FAULT_IO = -1,      /* a write, sync or read failed: exit 4 */
	FAULT_DAMAGED = -2, /* acknowledged data is not as it was written: exit 3 */
	FAULT_FULL = -3,    /* a pool or bound is reached; the message names the setting */
	FAULT_BUSY = -4,    /* not now: try again later */
	FAULT_INVALID = -5, /* bad input; the message names the field */
	FAULT_MEMORY = -6,  /* the system gave no memory */
	FAULT_LOCKED = -7,  /* another process owns the data directory */
	FAULT_VERSION = -8, /* written by a newer program, or a rule set unknown to this one */
	FAULT_NOT_FOUND = -9,
	FAULT_NO_SPACE = -10, /* the disk is full; nothing was lost */
	FAULT_CLOCK = -11,    /* the clock is behind the last record */
	FAULT_CONFIG = -12,   /* a setting is wrong */
};

struct error {
	int code;
	char text[400];
};

/* Fills *error (which may be NULL) and returns code, so that `return error_set(error, FAULT_IO, …)` reads well. The
 * message is one line: control bytes in what it quotes become question marks. */
int error_set(struct error *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#ifdef __clang_analyzer__
/* The analyser does not look into error.c; this tells it that the code comes back as it is. */
#define error_set(error, code, ...) ((void)(error_set)((error), (code), __VA_ARGS__), (code))
#endif

/* The process exit status that goes with a fault: API.md "Command line". */
int error_exit_status(int code);

#endif
