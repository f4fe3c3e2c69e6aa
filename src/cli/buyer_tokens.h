/* buyer_tokens: a token for each buyer of a crowd, signed with a data directory's own secret, before the crowd starts.
 *
 * Memory   the tokens own their texts; buyer_tokens_fini() frees them.
 * Faults   FAULT_NOT_FOUND: no secret in the folder; FAULT_MEMORY; those of http/token.h.
 */
#ifndef DIBS_CLI_BUYER_TOKENS_H
#define DIBS_CLI_BUYER_TOKENS_H

#include "base/error.h"
#include "base/text.h"

struct buyer_tokens {
	struct text *of; /* [buyers] */
	struct buf bytes;
};

/* For the buyers that claim_request.h calls "<run>-<8 digits>"; valid for a day. folder: of `<kid>.key` files, of which
 * the first by name signs. */
int buyer_tokens_make(const char *folder, const char *audience, const char *run, uint32_t buyers,
                      struct buyer_tokens *ret, struct error *error);
void buyer_tokens_fini(struct buyer_tokens *tokens);

#endif
