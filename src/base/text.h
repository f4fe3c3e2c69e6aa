/* text: a borrowed slice of bytes, and a growing buffer to build some.
 *
 * A struct text owns nothing and need not end in NUL. A struct buf owns its bytes; when memory runs out it remembers
 * that (failed) and swallows what follows, so that a writer checks once, at the end.
 */
#ifndef DIBS_BASE_TEXT_H
#define DIBS_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
	const char *at;
	size_t size;
};

#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})
#define TEXT_NONE ((struct text){NULL, 0})

static inline struct text text_of(const char *c_string)
{
	return (struct text){c_string, strlen(c_string)};
}

static inline bool text_is(struct text a, struct text b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

/* 1..64 visible ASCII bytes: a buyer, an idempotency key, a payment reference. */
bool text_is_visible(struct text text, size_t size_max);
/* [a-z0-9][a-z0-9._-]{0,63}: a drop or SKU id. */
bool text_is_id(struct text text);
/* Well-formed UTF-8 (no surrogates, no overlong forms, up to U+10FFFF). */
bool text_is_utf8(struct text text);
/* Decimal digits only, no sign, no leading zero but for "0" itself; false when above max. */
bool text_to_u64(struct text text, uint64_t max, uint64_t *ret);

struct buf {
	char *at;
	size_t size, capacity;
	bool failed; /* memory ran out: the content is not whole */
};

void buf_fini(struct buf *buf);
void buf_clear(struct buf *buf);
bool buf_reserve(struct buf *buf, size_t more);
void buf_put(struct buf *buf, const void *bytes, size_t size);
void buf_text(struct buf *buf, struct text text);
void buf_str(struct buf *buf, const char *c_string);
void buf_u64(struct buf *buf, uint64_t value);
void buf_i64(struct buf *buf, int64_t value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes; the text is valid UTF-8. */
void buf_json(struct buf *buf, struct text text);

static inline struct text buf_as_text(const struct buf *buf)
{
	return (struct text){buf->at, buf->size};
}

#endif
