/* trailer: the lines behind the last chunk, held to the rules that lines of a head are held to.
 *
 * llhttp is more lenient with them than with a head: it takes a LF alone for the end of the last line, folded lines and
 * empty names. Nobody here reads what trailers say; but where they end is where the next request begins, and another
 * reader of the same connection must not see that elsewhere. So the bytes are looked at before llhttp gets them. What
 * names are made of stays llhttp's business; how long trailers may be is http1.c's.
 *
 * Memory   none beside the struct, which is zero at the first byte behind the last chunk's head.
 * Thread   the loop's.
 */
#ifndef DIBS_NET_TRAILER_H
#define DIBS_NET_TRAILER_H

#include <stdbool.h>
#include <stddef.h>

struct trailer {
	char before;   /* the byte before the next one */
	bool in_line;  /* something of the line that is being read has come, ... */
	bool has_more; /* ... and more than its CR */
	bool ended;    /* an empty line has come: what follows is the next request's */
};

/* NULL: all is well so far; otherwise what is wrong, for the client to read. */
const char *trailer_check(struct trailer *trailer, const char *bytes, size_t size);

#endif
