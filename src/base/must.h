/* must: a bug stops the process.
 *
 * Kept in release builds. Refusals are verdicts and faults are codes (error.h); what must() guards can only be
 * false when the program itself is wrong, and going on would risk a promise.
 */
#ifndef DIBS_BASE_MUST_H
#define DIBS_BASE_MUST_H

_Noreturn void must_failed(const char *what, const char *file, int line);

#define must(condition) \
	do { \
		if (__builtin_expect(!(condition), 0)) \
			must_failed(#condition, __FILE__, __LINE__); \
	} while (0)

#endif
