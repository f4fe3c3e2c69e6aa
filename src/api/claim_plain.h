/* claim_plain: the one form of a claim's body that crowds send, read without building a tree.
 *
 *   {"sku":"size-42","quantity":1}        blanks allowed where JSON allows them; nothing else
 *
 * It is a filter before the strict reader (http/json.c), not a second opinion: what it takes, that one takes too, with the
 * same result; whatever it does not take goes there. A test holds the two against each other.
 */
#ifndef DIBS_API_CLAIM_PLAIN_H
#define DIBS_API_CLAIM_PLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* The SKU is a slice of the body. False: another form; nothing is said about whether it is sound. */
bool claim_plain_read(struct text body, struct text *ret_sku, int64_t *ret_quantity);

#endif
