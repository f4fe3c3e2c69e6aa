/* claim_request: the text of a claim over HTTP, prepared before the crowd starts.
 *
 * All of it but the buyer and the key is laid out once, so that sending costs a few copies. Claim n is of buyer
 * n % buyers; the buyer is called "<run>-<8 digits>" and the claim's key "<run>-k<8 digits>", so that whoever sees one in
 * the log knows which rehearsal it came from, and two runs never meet.
 *
 * Memory   claim_request_prepare() allocates, claim_request_fini() frees; writing does not allocate.
 * Faults   FAULT_INVALID: an id or key that would not fit or would break the request; FAULT_MEMORY.
 */
#ifndef DIBS_CLI_CLAIM_REQUEST_H
#define DIBS_CLI_CLAIM_REQUEST_H

#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

#define RUN_SIZE_MAX 16     /* with "-k" and 8 digits a key stays far below its 64 bytes */
#define CLAIM_NUMBER_SIZE 8 /* digits */
#define CLAIM_BUYER_SIZE (RUN_SIZE_MAX + 1 + CLAIM_NUMBER_SIZE)
#define CLAIM_REQUEST_SIZE_MAX 4096 /* ids, a key and a token of a thousand bytes; a server reads 8 KiB of headers */

struct claim_request_options {
	const char *host;       /* the Host header: "127.0.0.1:8080" */
	const char *drop, *sku; /* sku NULL: the drop's only one */
	uint32_t quantity;      /* with sku; 1..2^31-1 */
	const char *run;        /* [a-z0-9]{1,16} */
	uint32_t buyers;
	const char *bearer;        /* an API key that claims for the buyers; or NULL and … */
	const struct text *tokens; /* … a token of each buyer, [buyers], which outlive the requests */
};

struct claim_request {
	struct claim_request_options options;
	struct buf head, middle, tail; /* head <buyer or token> middle <key> tail */
};

int claim_request_prepare(struct claim_request *request, const struct claim_request_options *options,
                          struct error *error);
void claim_request_fini(struct claim_request *request);
/* Writes the request of a claim; returns its size. */
size_t claim_request_write(const struct claim_request *request, uint32_t claim, char out[CLAIM_REQUEST_SIZE_MAX]);
/* Writes the buyer's id; returns its size. */
size_t claim_buyer_write(const char *run, uint32_t buyer, char out[CLAIM_BUYER_SIZE]);

#endif
