/* model_state: what the naive model keeps. Private to model.c, model_rules.c and model_record.c. */
#ifndef DIBS_SIM_MODEL_STATE_H
#define DIBS_SIM_MODEL_STATE_H

#include "model.h"

#define M_ORDERS 131072
#define M_DROPS 16
#define M_BUYERS 64
#define M_SKUS 4
#define M_WRITERS 4096
#define M_ADMIN_KEYS 16384
#define M_API_KEYS 16
#define M_REFUNDS 131072
#define M_NEVER INT64_MAX

/* One end takes, the other gives; + 1, 0: none. */
struct m_list {
	uint32_t first, last;
};

struct m_drop {
	uint32_t name; /* the number in its id */
	uint32_t limit, hold_s, keep_s, sku_count;
	int64_t opens, closes;
	bool always_on; /* as it was created: no end, no limit */
	bool opened, paused, closed, archived;
	int64_t stock[M_SKUS];
	int64_t held[M_SKUS], sold[M_SKUS];
	uint32_t granted, pending_count;
	uint32_t of_buyer[M_BUYERS]; /* newest first; + 1 */
	struct m_list pending, ended, kept;
};

struct m_record {
	uint8_t kind;
	uint64_t writer, counter;
	struct told ask; /* as a question */
	int64_t latest;
	uint32_t left, rules;
	struct m_drop create;
	struct told_line line[16];
};

struct m_admin_key {
	uint32_t key, scope; /* scope: the drop's number in the log; NOBODY: API keys */
	uint32_t kind, sku;
	int64_t number;
};

struct m_api_key {
	uint32_t id;
	bool revoked;
};

/* A payment that a record says is to be refunded. */
struct m_refund {
	uint64_t order;
	uint32_t payment;
};

struct model {
	uint64_t sequence;
	int64_t time;
	uint32_t drop_count, order_count, writer_count, admin_count, api_count, rules;
	struct m_drop drops[M_DROPS];
	uint64_t writers[M_WRITERS], counters[M_WRITERS];
	struct m_admin_key admin[M_ADMIN_KEYS];
	struct m_api_key api[M_API_KEYS];
	struct model_order orders[M_ORDERS];
	uint32_t order_at[1 << 18]; /* by sequence; + 1 */
	uint32_t refund_count;
	struct m_refund refunds[M_REFUNDS];
};

/* model_record.c: false: not a record. */
bool m_decode(const uint8_t *bytes, size_t size, struct m_record *ret);
/* model_rules.c: what a claim, an order, a drop's command would get; drop: number in the log. */
struct model_says m_claim(const struct model *model, uint32_t drop, const struct told *ask,
                          const struct told_line *lines, int64_t latest, int64_t now);
struct model_says m_of_order(const struct model *model, bool confirms, uint64_t order, uint32_t payment, uint32_t left,
                             int64_t now);
struct model_says m_on_drop(const struct model *model, uint32_t drop, const struct told *ask, int64_t now);
struct model_says m_create(const struct model *model, const struct m_drop *like);
struct model_says m_api_key(const struct model *model, const struct told *ask);
uint32_t m_drop_named(const struct model *model, uint32_t name);

#endif
