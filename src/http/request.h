/* request: what the headers of a request say, read strictly.
 *
 * Memory   texts are borrowed from the exchange.
 */
#ifndef DIBS_HTTP_REQUEST_H
#define DIBS_HTTP_REQUEST_H

#include "http/limits.h"
#include "net/net.h"

enum header_answer { HEADER_NONE, HEADER_GOOD, HEADER_BAD };

/* Idempotency-Key: quoted (as the RFC draft has it) or bare, 1 to 64 visible bytes; in quotes no quote or backslash. */
enum header_answer request_idempotency_key(const struct exchange *exchange, struct text *ret);
/* X-Request-Id, when it is [A-Za-z0-9._-]{1,64}. */
bool request_id_given(const struct exchange *exchange, struct text *ret);
/* The text behind "Bearer " in Authorization. NONE: no such header; BAD: another scheme, nothing behind it, or two. */
enum header_answer request_bearer(const struct exchange *exchange, struct text *ret);
/* Dibs-Position: "<log>-<sequence>", decimal. */
enum header_answer request_position(const struct exchange *exchange, uint8_t *ret_log, uint64_t *ret_sequence);
/* May the body be JSON? Yes when it says so (application/json, or a type ending in +json; charset utf-8 if any), and
 * when it says nothing. */
bool request_is_json(const struct exchange *exchange);
/* If-None-Match names this entity tag (compared weakly, RFC 9110 §13.1.2), or is "*". */
bool request_has_etag(const struct exchange *exchange, struct text etag);

#endif
