/* wiring: the parts of a running server, put together. wiring.c is the only file that names adapters.
 *
 *   port bound ─ snapshot ─ journal recovered ─ folded ─ store ─ ledger ─ follower ─ admin key ─ api ─ ready
 *
 * From the moment the port is bound clients are answered: /livez 200, everything else 503, until the api is there.
 *
 * Faults   those of the rooms, passed up. A fault of the log or of a fold while running ends the process at once with
 *          its exit status: nothing may be acknowledged any more.
 * Thread   the main thread's; signals to be waited for are blocked before wiring_open(), so that no other thread gets
 *          them.
 */
#ifndef DIBS_CLI_WIRING_H
#define DIBS_CLI_WIRING_H

#include "cli/settings.h"

#include "log/journal.h"
#include "store/store.h"

struct wiring;

/* What a start made because it was missing, for the one who started it. */
struct wiring_made {
	bool folder, admin_key, token_secret;
};

/* ready: called once, before the first client can hear that the server is ready. */
int wiring_open(const struct settings *settings, void (*ready)(void), struct wiring **ret, struct error *error);
uint16_t wiring_port(const struct wiring *wiring);
const struct wiring_made *wiring_made(const struct wiring *wiring);
/* Graceful: /readyz 503, no new connections, what is under way ends, all is synced, a last snapshot, everything closed. */
void wiring_stop(struct wiring *wiring);

/* ---- for commands that only read a data directory: audit, log ---- */

int wiring_disk_read(const char *data, struct disk **ret, struct error *error);
int wiring_log_read(struct disk *disk, uint64_t from, struct log **ret, struct journal_recovery *ret_recovery,
                    struct error *error);
int wiring_log_verify(struct disk *disk, struct journal_recovery *ret, struct error *error);
/* FAULT_NOT_FOUND: there is no read model. */
int wiring_store_read(const struct settings *settings, struct store **ret, struct error *error);
/* Pool sizes from the settings. */
struct core_limits wiring_pools(const struct settings *settings);

#endif
