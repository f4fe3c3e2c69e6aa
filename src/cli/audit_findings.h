/* audit_findings: what an audit has looked at, and what it found: a row a promise (DESIGN §2), and the read model's. */
#ifndef DIBS_CLI_AUDIT_FINDINGS_H
#define DIBS_CLI_AUDIT_FINDINGS_H

#include "base/error.h"
#include "base/text.h"

enum promise {
	PROMISE_1, /* never oversold */
	PROMISE_2, /* never twice */
	PROMISE_3, /* acknowledged means durable */
	PROMISE_4, /* the same key, the same order */
	PROMISE_5, /* nothing leaks */
	PROMISE_6, /* replay is exact */
	PROMISE_7, /* first come, first served */
	PROMISE_READ_MODEL,
	PROMISE_COUNT,
};

struct finding {
	uint64_t checked, failed;
	char first[300]; /* the first failure, in words, with its place */
};

struct findings {
	struct finding of[PROMISE_COUNT];
	/* what it was about */
	uint64_t base; /* the snapshot it began from; 0: the beginning */
	uint64_t last; /* the last record folded */
	uint64_t records, orders, drops, checks, full_checks, snapshots;
	uint64_t store_position, store_rows;
	bool store_there, torn_tail, archived;
	char torn_where[128];
	char stopped[400]; /* the fold could not go on; empty: it went to the end */
};

static inline void findings_checked(struct findings *findings, enum promise promise)
{
	findings->of[promise].checked++;
}

void findings_failed(struct findings *findings, enum promise promise, uint64_t sequence, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* One check: counted, and a failure when it does not hold. */
#define findings_check(findings, promise, holds, sequence, ...) \
	do { \
		findings_checked((findings), (promise)); \
		if (__builtin_expect(!(holds), 0)) \
			findings_failed((findings), (promise), (sequence), __VA_ARGS__); \
	} while (0)

/* A fault of the core's own checks names its promise ("P1 is broken at …"); others are of P6. */
void findings_core_fault(struct findings *findings, uint64_t sequence, const struct error *error);

bool findings_hold(const struct findings *findings);
void findings_print(struct buf *out, const struct findings *findings, const char *data, bool color);
void findings_print_json(struct buf *out, const struct findings *findings);

#endif
