/* bell: wakes one sleeping thread, and costs no system call while it is awake.
 *
 *   sleeper   bell_set ── look again at all there could be ── bell_sleep (or bell_clear when there was something)
 *   ringer    leave the work ── bell_ring
 *
 * Both sides exchange the flag: whichever comes second sees all that the other did before. So either the ringer sees
 * the sleeper's flag, or the sleeper, looking again, sees the work.
 *
 * A sleeper that will be rung soon anyway can sleep deeply: then bell_ring_lightly() leaves it alone, and what it was to
 * be told of is found when it wakes.
 */
#ifndef DIBS_LEDGER_BELL_H
#define DIBS_LEDGER_BELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum bell_sleep { BELL_AWAKE, BELL_LIGHT, BELL_DEEP };

struct bell {
	_Alignas(64) _Atomic uint32_t sleeps; /* enum bell_sleep */
};

static inline void bell_set(struct bell *bell, enum bell_sleep how)
{
	atomic_exchange_explicit(&bell->sleeps, (uint32_t)how, memory_order_acq_rel);
}

static inline void bell_clear(struct bell *bell)
{
	atomic_store_explicit(&bell->sleeps, 0, memory_order_relaxed);
}

/* Until rung, or for at most that long; INT64_MAX: no limit. Clears. */
void bell_sleep(struct bell *bell, int64_t ns);
/* Any thread. */
void bell_ring(struct bell *bell);

/* The flag is exchanged (for itself) even when nobody is woken: so the sleeper, setting it the next time, sees the work. */
static inline void bell_ring_lightly(struct bell *bell)
{
	if (atomic_fetch_or_explicit(&bell->sleeps, 0, memory_order_acq_rel) == BELL_LIGHT)
		bell_ring(bell);
}

#endif
