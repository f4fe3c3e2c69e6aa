/* view_write: the ledger's side of the views, row by row.
 *
 * A drop's rows are written between views_begin() and views_end(); a reader that came in between looks again, and the
 * writer never waits for a reader.
 *
 * Thread   the ledger's.
 */
#ifndef DIBS_LEDGER_VIEW_WRITE_H
#define DIBS_LEDGER_VIEW_WRITE_H

#include "ledger/view.h"

struct view_flow {
	uint64_t granted, left, last_left;
	struct wall_ms next_due;
};

struct view_terms {
	struct wall_ms opens_at, closes_at;
	bool opened, paused, closed, archived;
};

struct view_stock {
	uint32_t stock, held, sold;
};

static inline struct view_terms view_terms_of(const struct drop_view *view)
{
	return (struct view_terms){.opens_at = view->opens_at,
	                           .closes_at = view->closes_at,
	                           .opened = view->opened,
	                           .paused = view->paused,
	                           .closed = view->closed,
	                           .archived = view->archived};
}

/* The next drop by number: what never changes of it, from the core. Not seen before views_show_drops(). */
void views_add_drop(struct views *views, const struct core *core, uint32_t drop);

void views_begin(struct views *views, uint32_t drop);
void views_set_stock(struct views *views, uint32_t drop, uint32_t sku, const struct view_stock *stock);
void views_set_flow(struct views *views, uint32_t drop, const struct view_flow *flow);
void views_set_terms(struct views *views, uint32_t drop, const struct view_terms *terms);
void views_set_count(struct views *views, uint32_t drop, enum verdict verdict, uint64_t count);
void views_set_basis(struct views *views, uint32_t drop, uint64_t basis);
void views_end(struct views *views, uint32_t drop);

/* Shows the drops that were added since. */
void views_show_drops(struct views *views);

/* An API key as it is, or was: the next one, or one that is there. */
void views_set_key(struct views *views, uint32_t index, const struct api_key_view *key);

/* Those at the record whose rows were set last. */
void views_set_totals(struct views *views, const struct view_totals *totals);

void views_set_position(struct views *views, uint64_t position);

#endif
