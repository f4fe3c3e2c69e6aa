/* api: requests become asks, answers become responses. It decides nothing.
 *
 * Wired by cli/wiring.c: net calls api_handle, api_round_end, api_woken, api_tick and api_refuse with the api as context.
 * Threads  those are a loop's; api_new, api_drain, api_free: the main thread's.
 */
#ifndef DIBS_API_API_H
#define DIBS_API_API_H

#include "follow/follow.h"
#include "ledger/ledger.h"
#include "net/net.h"
#include "store/store.h"

struct api;

enum eligibility { ELIGIBILITY_NONE, ELIGIBILITY_SIMULATED };

struct api_options {
	struct net *net; /* set by api_attach_net() */
	struct ledger_thread *ledger;
	struct log *log; /* to look up what the ledger does not remember */
	struct store *store;
	struct follower *follower;
	uint32_t loops;
	const char *token_folder;   /* one file per kid: its HS256 secret */
	const char *token_audience; /* `aud` that a buyer token must carry */
	enum eligibility eligibility;
	uint32_t eligibility_percent; /* refused at random */
	uint64_t eligibility_seed;
	uint32_t eligibility_delay_ms; /* how long a check takes; 0: it answers at once */
	uint8_t log_number;
	bool access_log; /* one line per request */
	const char *version;
};

int api_new(const struct api_options *options, struct api **ret, struct error *error);
void api_attach_net(struct api *api, struct net *net);
void api_drain(struct api *api); /* /readyz says 503 from now on; unfinished eligibility checks answer 503 */
void api_free(struct api *api);

void api_handle(void *api, struct exchange *exchange);
void api_round_end(void *api, uint32_t loop);
void api_woken(void *api, uint32_t loop);
void api_tick(void *api, uint32_t loop);
void api_refuse(void *api, int status, const char *code, const char *detail, struct buf *header_lines,
                struct buf *body);
/* Told by the journal's writer: histograms of batches and syncs. Any thread. */
void api_on_batch(void *api, uint32_t records, size_t bytes, uint64_t write_ns, uint64_t sync_ns);

/* The OpenAPI 3.1 description, made from the router's table. */
void api_openapi(struct buf *out);

/* HS256 buyer tokens: also for `dibs token`. secret files: 32 bytes at least. */
int token_make(const char *token_folder, const char *kid, const char *audience, struct text buyer, int64_t expires_s,
               struct buf *ret, struct error *error);

#endif
