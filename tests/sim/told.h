/* told: everything that was ever acknowledged: the question, the answer, and what the answer says it rests on.
 *
 * The world writes it while it goes on; the audit reads it at the end, by the place in the log that each answer rests on.
 * Buyers, keys and payments are numbers here (names.h); this page knows nothing of the core.
 */
#ifndef DIBS_SIM_TOLD_H
#define DIBS_SIM_TOLD_H

#include <stdbool.h>
#include <stdint.h>

#define TOLD_MAX (1u << 17)
#define TOLD_LINES_MAX 4
#define NOBODY UINT32_MAX

/* The kinds of asking that the audit judges; the numbers are those of records where there is one. */
enum told_kind {
	TOLD_READ = 0,
	TOLD_CREATE = 6,
	TOLD_OPEN = 8,
	TOLD_PAUSE,
	TOLD_RESUME,
	TOLD_CLOSE,
	TOLD_CLOSING,
	TOLD_RESTOCK,
	TOLD_ARCHIVE,
	TOLD_CLAIM = 15,
	TOLD_CONFIRM,
	TOLD_CANCEL,
	TOLD_KEY_CREATE,
	TOLD_KEY_REVOKE,
	TOLD_RULES = 40,
	TOLD_BY_STORE = 41, /* a claim's key was found in the store: its order */
};

struct told_line {
	uint32_t sku, quantity; /* sku NOBODY: none of the drop's */
};

struct told {
	uint64_t basis;
	uint64_t counter; /* of its record; 0: it was answered without one */
	uint64_t arrival; /* the world's number of the asking */
	uint32_t next;    /* with the same basis */
	uint32_t server_life;
	enum told_kind kind;
	uint32_t verdict;
	int64_t now; /* the ledger's time when it was answered */
	/* the question */
	uint32_t drop, buyer, key, payment, spec, line_count;
	struct told_line line[TOLD_LINES_MAX];
	uint64_t order;
	int64_t number; /* restock: quantity; closing: time */
	bool owner_only;
	/* the answer */
	bool has_order;
	uint64_t answer_order;
	uint32_t status, position;
	int64_t hold_until;
};

#endif
