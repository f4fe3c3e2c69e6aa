/* stage: the whole house but its sockets. A real core, ledger thread, store and follower on a log and a disk in memory;
 * net alone is a double, so that a test can be out of memory, out of pool, or gone at any point.
 */
#ifndef TEST_API_STAGE_H
#define TEST_API_STAGE_H

#include "api/api.h"

#define STAGE_ADMIN "dibs_admin_0123456789abcdef0123456789abcdef01234567"
#define STAGE_SHOP "dibs_shop_0123456789abcdef0123456789abcdef01234567"

struct stage_options {
	uint32_t ring_size; /* 0: 64 */
	enum eligibility eligibility;
	uint32_t eligibility_percent, eligibility_delay_ms;
	void (*change_store)(struct store_ops *ops); /* before anybody uses it; NULL: as it is */
};

struct stage {
	struct api *api;
	struct log *log;
	struct ledger_thread *ledger;
	struct follower *follower;
	struct store *store;
	struct store_ops store_ops; /* with change_store: what it does */
	/* the double of net */
	uint32_t fail_alloc_in; /* the n-th memory asked for by the next request is not there; 0: off */
	bool pool_is_full;
	/* not a test's */
	struct core *core;
	struct disk *disk;
};

/* One request, and in the end its answer. */
struct scene {
	struct exchange exchange; /* first: net's double finds the scene by it */
	struct stage *stage;
	struct header headers[8];
	char request[128];
	uint64_t connection_user[NET_CONNECTION_USER];
	void *memory[256];
	uint32_t memory_count;
	int status;             /* 0: not answered yet */
	struct buf lines, body; /* NUL-terminated */
};

void stage_open(struct stage *stage, const struct stage_options *options);
void stage_close(struct stage *stage);
/* Ledger and api begin anew on the same log; the buyers of older orders are remembered no more. */
void stage_restart(struct stage *stage);

/* "POST /v1/drops/a/orders?limit=1", headers as "Name: value\n" lines. Handed to the api; not yet at the round's end. */
void scene_begin(struct scene *scene, struct stage *stage, const char *request, const char *headers, const char *body);
/* The round ends, and the ledger answers: waits until it has. */
void scene_end(struct scene *scene);
void scene_fini(struct scene *scene);
/* Both, with this API key. */
void scene_play(struct scene *scene, struct stage *stage, const char *key, const char *request, const char *body);

/* Is this in the answer's body (or header lines)? */
bool scene_says(const struct scene *scene, const char *what);

#endif
