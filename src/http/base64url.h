/* base64url: RFC 4648 §5 without padding, strictly: what tokens and cursors are written in.
 *
 * Memory   decoding writes into the caller's bytes; encoding appends to a buf.
 * Answers  false: padding, a foreign character, an impossible length, or bits left over that are not zero (so that one
 *          value has one spelling). Outputs are then untouched but for the bytes.
 */
#ifndef DIBS_HTTP_BASE64URL_H
#define DIBS_HTTP_BASE64URL_H

#include "base/text.h"

void base64url_encode(struct buf *out, const void *bytes, size_t size);
bool base64url_decode(struct text text, uint8_t *out, size_t capacity, size_t *ret_size);

#endif
