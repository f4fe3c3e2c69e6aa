/* faults.h: what the parts of the preloaded library share (faults.c says what it is for). */
#ifndef DIBS_TESTS_FAULTS_H
#define DIBS_TESTS_FAULTS_H

#undef _FILE_OFFSET_BITS /* `open` and `open64` are two names here, as they are in the libraries that use them */
#undef _FORTIFY_SOURCE

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum call {
	CALL_NONE,
	CALL_OPEN,
	CALL_READ,
	CALL_WRITE,
	CALL_SYNC_DATA,
	CALL_SYNC_ALL,
	CALL_FLUSH,
	CALL_ALLOCATE,
	CALL_RENAME,
	CALL_REMOVE,
	CALL_TRUNCATE,
	CALL_MAKE_FOLDER,
	CALL_DESCRIPTOR, /* a socket, an eventfd, an epoll, a pipe */
	CALL_ACCEPT,
	CALL_EPOLL_CTL,
	CALL_MEMORY,
	CALL_MAP,
	CALL_THREAD,
};

enum file { FILE_OTHER, FILE_SEGMENT, FILE_BLANK, FILE_SNAPSHOT, FILE_STORE, FILE_FOLDER, FILE_LOCK, FILE_ARCHIVE };

enum errand { ERRAND_NONE, ERRAND_RECOVERY, ERRAND_ROTATION, ERRAND_SNAPSHOT };

enum action { ACTION_COUNT, ACTION_FAIL, ACTION_SHORT, ACTION_LOSE, ACTION_BEFORE, ACTION_INSIDE, ACTION_BEHIND };

/* Marks the call of this thread. What is to befall it; ACTION_COUNT is nothing. */
enum action faults_enter(enum call call, enum file file);

/* Whether the call is not to be made, but to fail; then errno says how, and the mark is gone. */
bool faults_is_to_fail(enum action action);

/* Behind the call: the mark goes, or the process does. */
void faults_leave(enum action action);

enum errand faults_errand(void);
void faults_set_errand(enum errand errand);

/* What memory is asked for is short, and inside other calls too: it fails or not, without a mark of its own. */
bool faults_memory_fails(enum call call);

/* Which kind of file a descriptor is of. */
void faults_set_kind(int fd, enum file file);

/* The system's own. */
int faults_real_thread(pthread_t *ret, const pthread_attr_t *attributes, void *(*main)(void *), void *context);

/* Whether this thread is the journal's writer, by the name that it gave itself. */
extern __thread bool faults_is_writer __attribute__((tls_model("initial-exec")));

#endif
