/* flight: what was appended and has not come back, and how many units of each SKU that is (DESIGN §5.4).
 *
 *   flight_put ──► in flight ──flight_take(counter)──► its answer
 *                     └──────flight_take_older / flight_take_from──► lost, not taken
 *
 * Echoes come in the order of our counters, so the asks in flight are a list; one that a later echo has overtaken
 * never stood in the log, or stands there in vain.
 *
 * Memory   per SKU and per drop, taken in flight_init().
 */
#ifndef DIBS_LEDGER_FLIGHT_H
#define DIBS_LEDGER_FLIGHT_H

#include "ledger/ask_list.h"

struct flight_drop {
	uint32_t first_sku, sku_count;
	uint32_t blocked; /* the step in which a claim of it had to wait: later ones wait behind it */
};

struct flight {
	struct ask_list asks; /* by rising counter */
	struct flight_drop *drops;
	uint32_t *units; /* per SKU, in the order of the drops */
	uint32_t drop_count, sku_count;
	uint32_t claims, admins; /* of them in flight */
};

bool flight_init(struct flight *flight, const struct core_limits *limits);
void flight_fini(struct flight *flight);
/* Takes in the drops that the core has and the flight does not know. */
void flight_learn(struct flight *flight, const struct core *core);

/* Are the units that are seen free enough for this claim and all that is in flight? */
bool flight_fits(const struct flight *flight, const struct core *core, const struct command *claim);

void flight_put(struct flight *flight, struct ask *ask, const struct command *command);
/* The first in flight when its counter is below: it was overtaken. NULL: none. */
struct ask *flight_overtaken(const struct flight *flight, uint64_t counter);
/* Takes out the first one, whose command this was. */
struct ask *flight_take(struct flight *flight, const struct command *command);
/* Takes out all with this counter or a higher one: a list. Their units are given back by flight_forget(). */
struct ask *flight_take_from(struct flight *flight, uint64_t counter);
void flight_forget(struct flight *flight, const struct command *command);

#endif
