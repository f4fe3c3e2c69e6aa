/* plan: what one seed is to be like. Swarm testing: each seed has only some kinds of faults and of doings, each with a
 * frequency of its own, so that rare combinations come about which an even mix never brings.
 */
#ifndef DIBS_SIM_PLAN_H
#define DIBS_SIM_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#define DROPS_MAX 12
#define SKUS_EACH_MAX 4
#define BUYERS_MAX 40
#define CLIENTS_MAX 48

enum kind {
#define K(name, group, sentence) KIND_##name,
#include "kinds.def"
#undef K
	KIND_COUNT
};

enum group {
	GROUP_none,
	GROUP_stops,
	GROUP_crashes,
	GROUP_snapshots,
	GROUP_spoils,
	GROUP_syncs,
	GROUP_writes,
	GROUP_lies,
	GROUP_fullness,
	GROUP_slowness,
	GROUP_clocks,
	GROUP_log_faults,
	GROUP_COUNT
};

extern const char *const kind_names[KIND_COUNT], *const kind_sentences[KIND_COUNT];
extern const enum group kind_groups[KIND_COUNT];
extern const char *const group_names[GROUP_COUNT];

/* What happens next in the world, drawn by weight. */
enum event {
	EVENT_REQUEST,
	EVENT_LEDGER,
	EVENT_WRITE,
	EVENT_SEAL,
	EVENT_PREPARE,
	EVENT_FOLLOW,
	EVENT_TIME,
	EVENT_COUNT
};

struct plan {
	uint64_t seed, ticks;
	uint32_t groups; /* a bit each */
	bool memory_log; /* else the journal */
	uint32_t servers;
	uint32_t weight[EVENT_COUNT], weight_sum;
	uint32_t rare_in; /* one of so many events is a rare one: a crash, a fault, a snapshot */
	uint32_t drops, drops_first, buyers, clients;
	uint32_t segment_bytes, batch_bytes, echoes_max, waiting_max, claim_timeout_ms, orders_max;
	uint32_t hold_max_s, keep_min_s, keep_max_s, stock_max;
	uint32_t key_percent, cancel_percent, operator_percent, slow_percent;
	uint32_t meanwhile_percent; /* of the calls to the disk: others go on */
	bool eligibility, deletes_archived;
	bool crowd; /* many ask, few pay: hundreds of holds fall due at once */
};

static inline bool plan_has(const struct plan *plan, enum group group)
{
	return group == GROUP_none || plan->groups >> group & 1;
}

/* without: groups that this seed is not to have, a bit each. */
void plan_make(struct plan *plan, uint64_t seed, uint64_t ticks, uint32_t without);
void plan_print(const struct plan *plan);

#endif
