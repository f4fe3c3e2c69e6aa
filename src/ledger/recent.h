/* recent: whose the last orders are. The core keeps digests of buyers; the ledger keeps the texts of the last grants,
 * so that an answer can name the buyer without a look into the log.
 *
 * Memory   the ring, taken in recent_init(). Texts handed out live until the next recent_put().
 */
#ifndef DIBS_LEDGER_RECENT_H
#define DIBS_LEDGER_RECENT_H

#include "base/text.h"
#include "core/limits.h"

#define RECENT_MAX 65536 /* grants: half a second of the fastest sale, all of most; 5 MiB */

struct recent_grant {
	uint64_t sequence;
	uint8_t size;
	char buyer[BUYER_SIZE_MAX];
};

struct recent {
	struct recent_grant *grants; /* a ring, by rising sequence */
	uint64_t count;              /* ever put */
};

bool recent_init(struct recent *recent);
void recent_fini(struct recent *recent);
/* Sequences rise from call to call. */
void recent_put(struct recent *recent, uint64_t sequence, struct text buyer);
/* Empty: not remembered. */
struct text recent_find(const struct recent *recent, uint64_t sequence);

#endif
