/* target: what stands in a request line between method and version, and in Host.
 *
 * Memory   slices of what is handed in, or of a constant.
 * Thread   any.
 */
#ifndef DIBS_NET_TARGET_H
#define DIBS_NET_TARGET_H

#include "base/text.h"

/* Up to the first such byte, or all of it; and what is left behind so many bytes. */
struct text text_until(struct text text, char end);
struct text text_after(struct text text, size_t size);

bool host_is_sound(struct text host);
/* "/path?query", or the same behind "http://host" (RFC 9112, 3.2.2). False: neither. */
bool target_cut(struct text target, struct text *ret_path, struct text *ret_query);

#endif
