/* percent: RFC 3986 §2.1 escapes, strictly. */
#ifndef DIBS_HTTP_PERCENT_H
#define DIBS_HTTP_PERCENT_H

#include "base/text.h"

/* Decodes into out. False: an escape that is none, a control byte behind one (NUL too), or more than capacity. */
bool percent_decode(struct text text, char *out, size_t capacity, size_t *ret_size);
/* Escapes what is not unreserved. */
void percent_encode(struct buf *out, struct text text);

#endif
