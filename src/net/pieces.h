/* pieces: texts cut out of texts, for who takes lines apart. Nothing is copied; what is not there is empty.
 *
 * Thread   any.
 */
#ifndef DIBS_NET_PIECES_H
#define DIBS_NET_PIECES_H

#include <string.h>

#include "base/text.h"

static inline struct text text_until(struct text text, char end)
{
	const char *at = text.size ? memchr(text.at, end, text.size) : NULL;
	return at ? (struct text){text.at, (size_t)(at - text.at)} : text;
}

static inline struct text text_after(struct text text, size_t size)
{
	size = size < text.size ? size : text.size;
	return (struct text){text.at + size, text.size - size};
}

static inline struct text text_trim(struct text text)
{
	while (text.size && (text.at[0] == ' ' || text.at[0] == '\t'))
		text = text_after(text, 1);
	while (text.size && (text.at[text.size - 1] == ' ' || text.at[text.size - 1] == '\t'))
		text.size--;
	return text;
}

#endif
