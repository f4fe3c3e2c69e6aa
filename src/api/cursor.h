/* cursor: where the next page begins, opaque to its holder.
 *
 * base64url of: version (1), kind of list, u64 place, and a check over these and the list's own terms (drop, buyer,
 * status), so that a cursor of one list is refused by another. It grants nothing; so the check needs no secret.
 */
#ifndef DIBS_API_CURSOR_H
#define DIBS_API_CURSOR_H

#include <stdint.h>

#include "base/text.h"

#define CURSOR_SIZE_MAX 32

enum cursor_kind { CURSOR_ORDERS = 1, CURSOR_DROPS = 2 };

void cursor_format(struct buf *out, enum cursor_kind kind, struct text terms, uint64_t place);
bool cursor_parse(struct text text, enum cursor_kind kind, struct text terms, uint64_t *ret_place);

#endif
