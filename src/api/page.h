/* page: what every list has in common: limit, cursor, and the way to the next page. */
#ifndef DIBS_API_PAGE_H
#define DIBS_API_PAGE_H

#include "api/call.h"
#include "api/cursor.h"
#include "http/query.h"

struct page_request {
	struct query query; /* the route's names, in their order */
	uint64_t place;     /* of the cursor; 0: from the beginning */
	uint32_t limit;
};

/* names: "cursor" and "limit" first. terms: what the cursor belongs to. False: refused. */
bool page_read(struct call *call, const char *const *names, enum cursor_kind kind, struct text terms,
               struct page_request *ret);
/* Appends ,"next":"…" to the body, and the Link header. */
void page_next(struct call *call, struct buf *body, enum cursor_kind kind, struct text terms, uint64_t place);

#endif
