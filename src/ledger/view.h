/* view: copies of drops and API keys for reading, published when what they were based on is durable.
 *
 * Thread   written by the ledger's; read by any. A reader copies out under a short lock of that drop alone.
 * Keeps    P3 for reads.
 */
#ifndef DIBS_LEDGER_VIEW_H
#define DIBS_LEDGER_VIEW_H

#include "core/core.h"

struct views;

int views_new(uint32_t drops_max, uint32_t skus_max, uint32_t keys_max, struct views **ret, struct error *error);
void views_free(struct views *views);

/* the ledger's */
void views_publish_drop(struct views *views, const struct core *core, uint32_t drop, struct wall_ms now);
void views_publish_keys(struct views *views, const struct core *core);

/* anybody's */
bool views_drop_find(const struct views *views, struct text id, uint32_t *ret_drop);
uint32_t views_drop_count(const struct views *views);
/* Copies the drop and up to sku_max of its SKUs from sku `from` on. Texts in them live as long as the views (ids and
 * titles never change). The state is the one at `now`: opening and closing are comparisons. */
bool views_drop(const struct views *views, uint32_t drop, struct wall_ms now, struct drop_view *ret, uint32_t from,
                uint32_t sku_max, struct sku_view *ret_skus);
/* The newest durable sequence whose effects all views show. */
uint64_t views_position(const struct views *views);

/* Of all drops together, at the same moment. */
struct view_totals {
	uint32_t orders, pending; /* orders in the core; those of them that are held */
};
struct view_totals views_totals(const struct views *views);

struct api_key_view;
/* The key whose text has this hash, if it is there and not revoked. */
bool views_api_key(const struct views *views, const uint8_t hash[BLAKE_SIZE], struct api_key_view *ret);
/* Rises with every change of the keys: whoever remembers a key remembers this beside it. */
uint64_t views_keys_version(const struct views *views);
uint32_t views_api_keys(const struct views *views, struct api_key_view *ret, uint32_t max); /* all, revoked too */

#endif
