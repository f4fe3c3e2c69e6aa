#include "cli/wiring.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "api/api.h"
#include "base/digest.h"
#include "base/log_line.h"
#include "base/must.h"
#include "cli/data_folder.h"
#include "cli/output.h"
#include "cli/starting.h"
#include "log/journal.h"

#define FILES_RESERVED 256        /* open files that are not connections: log, snapshots, read model, pools */
#define CONNECTIONS_DERIVED 65536 /* more only when an operator asks for it: each may hold a request in memory */
#define FOLD_SHOW_EVERY 4096      /* records between two looks at the clock while folding */
#define KEY_ID_DIGITS 8
#define ADMIN_KEY_WAIT_MS 30000 /* the first record of a new log is durable long before; else the disk hangs */

struct wiring {
	const struct settings *settings;
	void (*ready)(void);
	struct net *net;
	struct disk *disk;
	struct core *core;
	struct log *log;
	struct store *store;
	struct ledger_thread *ledger;
	struct follower *follower;
	struct api *_Atomic api; /* NULL: still starting */
	struct buf tokens;       /* the folder's path */
	uint32_t loops;
	struct wiring_made made;
	struct journal_recovery recovery;

	pthread_mutex_t batch_lock; /* whom the journal's writer tells of a batch; NULL: not yet, or not any more */
	struct follower *batch_follower;
	struct api *batch_api;
};

static uint32_t number(const struct wiring *wiring, enum setting setting)
{
	return (uint32_t)setting_number(wiring->settings, setting);
}

/* ---- net's calls, which come before there is an api, too ---- */

static void handle(void *context, struct exchange *exchange)
{
	struct wiring *wiring = context;
	struct api *api = atomic_load_explicit(&wiring->api, memory_order_acquire);
	if (api)
		api_handle(api, exchange);
	else
		starting_handle(exchange);
}

static void round_end(void *context, uint32_t loop)
{
	struct wiring *wiring = context;
	struct api *api = atomic_load_explicit(&wiring->api, memory_order_acquire);
	if (api)
		api_round_end(api, loop);
}

static void woken(void *context, uint32_t loop)
{
	struct wiring *wiring = context;
	struct api *api = atomic_load_explicit(&wiring->api, memory_order_acquire);
	if (api)
		api_woken(api, loop);
}

static void tick(void *context, uint32_t loop)
{
	struct wiring *wiring = context;
	struct api *api = atomic_load_explicit(&wiring->api, memory_order_acquire);
	if (api)
		api_tick(api, loop);
}

static void refuse(void *context, int status, const char *code, const char *detail, struct buf *header_lines,
                   struct buf *body)
{
	struct wiring *wiring = context;
	struct api *api = atomic_load_explicit(&wiring->api, memory_order_acquire);
	if (api)
		api_refuse(api, status, code, detail, header_lines, body);
	else
		starting_refuse(status, code, detail, header_lines, body);
}

/* On the journal's writer thread, which outlives those it tells. */
static void on_batch(void *context, uint32_t records, size_t bytes, uint64_t write_ns, uint64_t sync_ns)
{
	struct wiring *wiring = context;
	pthread_mutex_lock(&wiring->batch_lock);
	if (wiring->batch_follower)
		follower_moved(wiring->batch_follower);
	if (wiring->batch_api)
		api_on_batch(wiring->batch_api, records, bytes, write_ns, sync_ns);
	pthread_mutex_unlock(&wiring->batch_lock);
}

static void tell_batches(struct wiring *wiring, struct follower *follower, struct api *api)
{
	pthread_mutex_lock(&wiring->batch_lock);
	wiring->batch_follower = follower;
	wiring->batch_api = api;
	pthread_mutex_unlock(&wiring->batch_lock);
}

static void wake_loop(void *context, uint32_t loop)
{
	struct wiring *wiring = context;
	net_wake(wiring->net, loop);
}

/* The log or a fold has failed for good: nothing may be said any more, so the process ends here and now. */
static void failed(void *context, const struct error *error)
{
	log_line(LOG_ERROR, "failed", LOG_TEXT("fault", error->text),
	         LOG_NUMBER("exit_status", error_exit_status(error->code)));
	_exit(error_exit_status(error->code));
}

/* ---- net ---- */

static uint32_t loops_of(const struct settings *settings)
{
	cpu_set_t set;
	uint32_t loops = (uint32_t)setting_number(settings, SETTING_LOOPS);
	if (loops)
		return loops;
	int processors = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
	return processors > 2 ? (uint32_t)processors - 1 : 1;
}

static uint64_t files_raise(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 1024;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur;
}

static int connections_of(const struct settings *settings, uint32_t *ret, struct error *error)
{
	uint64_t files = files_raise();
	uint64_t fit = files > 2 * FILES_RESERVED ? files - FILES_RESERVED : files / 2;
	uint64_t asked = (uint64_t)setting_number(settings, SETTING_CONNECTIONS);
	if (asked > fit)
		return error_set(error, FAULT_CONFIG,
		                 "%s: %llu connections need %llu open files, and the limit is %llu; raise it "
		                 "(ulimit -n, LimitNOFILE=) or ask for fewer",
		                 settings->value[SETTING_CONNECTIONS].where, (unsigned long long)asked,
		                 (unsigned long long)asked + FILES_RESERVED, (unsigned long long)files);
	*ret = (uint32_t)(asked ? asked : fit < CONNECTIONS_DERIVED ? fit : CONNECTIONS_DERIVED);
	return 0;
}

static struct net_limits limits_of(const struct wiring *wiring, uint32_t connections)
{
	return (struct net_limits){.connections = connections,
	                           .connections_per_address = number(wiring, SETTING_CONNECTIONS_PER_ADDRESS),
	                           .line_bytes = number(wiring, SETTING_LINE_BYTES),
	                           .header_bytes = number(wiring, SETTING_HEADER_BYTES),
	                           .header_count = number(wiring, SETTING_HEADER_COUNT),
	                           .body_bytes = number(wiring, SETTING_BODY_BYTES),
	                           .pipeline = number(wiring, SETTING_PIPELINE),
	                           .header_ms = number(wiring, SETTING_HEADER_TIMEOUT),
	                           .body_ms = number(wiring, SETTING_BODY_TIMEOUT),
	                           .body_rate = number(wiring, SETTING_BODY_RATE),
	                           .idle_ms = number(wiring, SETTING_IDLE_TIMEOUT),
	                           .write_ms = number(wiring, SETTING_WRITE_TIMEOUT),
	                           .output_bytes = number(wiring, SETTING_OUTPUT_BYTES)};
}

static int open_net(struct wiring *wiring, struct error *error)
{
	uint32_t connections = 0;
	int rc = connections_of(wiring->settings, &connections, error);
	if (rc < 0)
		return rc;
	struct net_options options = {.listen = setting_text(wiring->settings, SETTING_LISTEN),
	                              .loops = wiring->loops,
	                              .limits = limits_of(wiring, connections),
	                              .handle = handle,
	                              .round_end = round_end,
	                              .woken = woken,
	                              .tick = tick,
	                              .refuse = refuse,
	                              .context = wiring};
	rc = net_open(&options, &wiring->net, error);
	if (rc == 0)
		rc = net_run_start(wiring->net, error);
	if (rc == 0)
		log_line(LOG_INFO, "listening", LOG_TEXT("address", options.listen),
		         LOG_NUMBER("port", net_port(wiring->net)), LOG_NUMBER("loops", wiring->loops),
		         LOG_NUMBER("connections", connections), LOG_NUMBER("pid", getpid()));
	return rc;
}

/* ---- the log, folded ---- */

struct fold_progress {
	struct progress bar;
	uint64_t from;
};

static void show_fold(void *context, uint64_t sequence)
{
	struct fold_progress *progress = context;
	if (sequence % FOLD_SHOW_EVERY == 0)
		progress_at(&progress->bar, sequence - progress->from);
}

static int open_journal(struct wiring *wiring, uint64_t from, struct error *error)
{
	struct journal_options options = {
	    .segment_size = (uint64_t)setting_number(wiring->settings, SETTING_SEGMENT_SIZE),
	    .batch_bytes_max = (uint64_t)setting_number(wiring->settings, SETTING_BATCH_BYTES),
	    .threads = true,
	    .on_batch = on_batch,
	    .on_batch_context = wiring};
	struct journal_recovery *found = &wiring->recovery;
	int rc = journal_open(wiring->disk, &options, from, &wiring->log, found, error);
	if (rc == 0 && found->torn_tail)
		log_line(LOG_WARN, "torn_tail_left_out", LOG_TEXT("where", found->torn_where),
		         LOG_NUMBER("last_sequence", found->last_sequence));
	return rc;
}

struct core_limits wiring_pools(const struct settings *settings)
{
	return (struct core_limits){.drops = (uint32_t)setting_number(settings, SETTING_DROPS_MAX),
	                            .skus = (uint32_t)setting_number(settings, SETTING_SKUS_MAX),
	                            .orders = (uint32_t)setting_number(settings, SETTING_ORDERS_MAX),
	                            .lines = (uint32_t)setting_number(settings, SETTING_LINES_MAX),
	                            .api_keys = (uint32_t)setting_number(settings, SETTING_API_KEYS_MAX),
	                            .left = (uint32_t)setting_number(settings, SETTING_LEFT_MAX)};
}

static int fold(struct wiring *wiring, struct error *error)
{
	struct core_limits limits = wiring_pools(wiring->settings);
	struct fold_progress progress;
	uint64_t snapshot;
	struct mono_ns begun = clock_mono(), loaded, opened;
	int rc =
	    disk_lock(wiring->disk, "lock", error); /* a damaged snapshot is set aside: that is the owner's to do */
	if (rc == 0)
		rc = follow_load_snapshot(wiring->disk, &limits, 0, &wiring->core, &snapshot, error);
	loaded = clock_mono();
	if (rc == 0)
		rc = open_journal(wiring, snapshot + 1, error);
	if (rc)
		return rc;
	core_prefault(wiring->core);
	opened = clock_mono();
	progress.from = snapshot;
	progress_init(&progress.bar, "folding the log", wiring->recovery.last_sequence - snapshot);
	rc = follow_fold(wiring->log, wiring->core, 0, show_fold, &progress, error);
	progress_end(&progress.bar);
	if (rc == 0)
		log_line(LOG_INFO, "folded", LOG_NUMBER("snapshot", snapshot),
		         LOG_NUMBER("sequence", core_sequence(wiring->core)),
		         LOG_NUMBER("orders", core_order_count(wiring->core)),
		         LOG_NUMBER("load_ms", (loaded.ns - begun.ns) / 1000000),
		         LOG_NUMBER("open_ms", (opened.ns - loaded.ns) / 1000000),
		         LOG_NUMBER("ms", (clock_mono().ns - opened.ns) / 1000000));
	return rc;
}

/* ---- the read model ---- */

static int open_store(struct wiring *wiring, struct error *error)
{
	struct buf path = {0};
	int rc = data_path(&path, wiring->settings, "store.db", error);
	if (rc == 0)
		rc = store_sqlite_open(path.at, false, &wiring->store, error);
	buf_fini(&path);
	return rc;
}

/* ---- ledger and follower ---- */

static int start_ledger(struct wiring *wiring, struct error *error)
{
	struct ledger_thread_options options = {
	    .limits = wiring_pools(wiring->settings),
	    .loops = wiring->loops,
	    .ring_size = number(wiring, SETTING_RING_SIZE),
	    .waiting_max = number(wiring, SETTING_WAITING_MAX),
	    .claim_timeout_ms = number(wiring, SETTING_CLAIM_TIMEOUT),
	    .eligibility = number(wiring, SETTING_ELIGIBILITY) != ELIGIBILITY_NONE,
	    .log_number = (uint8_t)number(wiring, SETTING_LOG_NUMBER),
	    .clock_behind = number(wiring, SETTING_CLOCK_BEHIND) != 0,
	    .wake_loop = wake_loop,
	    .wake_context = wiring,
	    .failed = failed,
	    .failed_context = wiring,
	};
	return ledger_start(wiring->core, wiring->log, &options, &wiring->ledger, error);
}

static int start_follower(struct wiring *wiring, struct error *error)
{
	struct follower_options options = {
	    .disk = wiring->disk,
	    .log = wiring->log,
	    .store = wiring->store,
	    .limits = wiring_pools(wiring->settings),
	    .snapshot_records = (uint64_t)setting_number(wiring->settings, SETTING_SNAPSHOT_RECORDS),
	    .snapshot_seconds = number(wiring, SETTING_SNAPSHOT_INTERVAL) / 1000,
	    .archive = number(wiring, SETTING_ARCHIVE) != 0,
	    .batch_orders_max = number(wiring, SETTING_STORE_BATCH),
	    .failed = failed,
	    .failed_context = wiring,
	};
	return follower_start(&options, &wiring->follower, error);
}

/* ---- the first admin key ---- */

/* One ask from the main thread, in the name of loop 0, which touches no ledger before there is an api. */
static int ask_and_wait(struct wiring *wiring, struct ask *ask, struct error *error)
{
	static const struct timespec pause = {.tv_nsec = 1000000};
	if (ledger_submit(wiring->ledger, 0, ask, 1) != 1)
		return error_set(error, FAULT_BUSY, "the ledger takes no request");
	for (int waited_ms = 0; waited_ms < ADMIN_KEY_WAIT_MS; waited_ms++) {
		if (ledger_collect(wiring->ledger, 0) == ask)
			return 0;
		nanosleep(&pause, NULL);
	}
	return error_set(error, FAULT_IO, "the log did not become durable within %d s", ADMIN_KEY_WAIT_MS / 1000);
}

enum admin_keys { ADMIN_KEYS_NONE, ADMIN_KEYS_GOOD, ADMIN_KEYS_REVOKED };

/* Is there an admin key that is good? And if not, was this very text one that has been revoked? */
static enum admin_keys admin_keys(const struct core *core, const uint8_t hash[BLAKE_SIZE])
{
	enum admin_keys found = ADMIN_KEYS_NONE;
	struct api_key_view key;
	for (uint32_t i = 0; i < core_api_key_count(core); i++) {
		core_api_key_view(core, i, &key);
		if (key.role == ROLE_ADMIN && !key.revoked)
			return ADMIN_KEYS_GOOD;
		if (secret_is(key.hash, hash, BLAKE_SIZE))
			found = ADMIN_KEYS_REVOKED;
	}
	return found;
}

static int create_admin_key(struct wiring *wiring, const uint8_t hash[BLAKE_SIZE], struct error *error)
{
	char id[2 + KEY_ID_DIGITS + 1];
	uint32_t random;
	random_bytes(&random, sizeof random);
	snprintf(id, sizeof id, "k_%08x", random);
	struct ask *ask = calloc(1, sizeof *ask);
	if (!ask)
		return error_set(error, FAULT_MEMORY, "no memory for the admin key's request");
	ask->kind = ASK_KEY_CREATE;
	ask->actor = TEXT("serve");
	ask->key_id = text_of(id);
	ask->key_name = TEXT("admin.key");
	ask->key_role = ROLE_ADMIN;
	memcpy(ask->key_hash, hash, BLAKE_SIZE);
	int rc = ask_and_wait(wiring, ask, error);
	if (rc < 0)
		return rc; /* the ledger may still hold the ask: it is not freed, and the process ends */
	enum verdict verdict = ask->answer.verdict;
	free(ask);
	if (verdict != VERDICT_DONE && verdict != VERDICT_SAME)
		return error_set(error, FAULT_BUSY, "the admin key was refused: %s", verdict_row(verdict)->sentence);
	return 0;
}

/* The file is made first: after a crash in between, the next start puts the same key into the log. */
static int ensure_admin_key(struct wiring *wiring, enum admin_keys *ret_found, uint8_t hash[BLAKE_SIZE],
                            struct error *error)
{
	char text[KEY_TEXT_SIZE];
	static const uint8_t none[BLAKE_SIZE];
	*ret_found = admin_keys(wiring->core, none);
	if (*ret_found == ADMIN_KEYS_GOOD)
		return 0;
	int rc = admin_key_ensure(wiring->settings, text, &wiring->made.admin_key, error);
	if (rc < 0)
		return rc;
	blake2b256(hash, text, strlen(text));
	explicit_bzero(text, sizeof text);
	*ret_found = admin_keys(wiring->core, hash);
	return 0;
}

/* ---- api ---- */

static int start_api(struct wiring *wiring, struct error *error)
{
	struct api *api;
	struct api_options options = {
	    .net = wiring->net,
	    .ledger = wiring->ledger,
	    .log = wiring->log,
	    .store = wiring->store,
	    .follower = wiring->follower,
	    .loops = wiring->loops,
	    .token_folder = wiring->tokens.at,
	    .token_audience = setting_text(wiring->settings, SETTING_TOKEN_AUDIENCE),
	    .eligibility = (enum eligibility)number(wiring, SETTING_ELIGIBILITY),
	    .eligibility_percent = number(wiring, SETTING_ELIGIBILITY_PERCENT),
	    .eligibility_delay_ms = number(wiring, SETTING_ELIGIBILITY_DELAY),
	    .eligibility_seed = (uint64_t)setting_number(wiring->settings, SETTING_ELIGIBILITY_SEED),
	    .log_number = (uint8_t)number(wiring, SETTING_LOG_NUMBER),
	    .access_log = number(wiring, SETTING_ACCESS_LOG) != 0,
	    .version = DIBS_VERSION,
	};
	int rc = api_new(&options, &api, error);
	if (rc < 0)
		return rc;
	api_attach_net(api, wiring->net);
	tell_batches(wiring, wiring->follower, api);
	wiring->ready();
	atomic_store_explicit(&wiring->api, api, memory_order_release);
	for (uint32_t loop = 0; loop < wiring->loops; loop++)
		net_wake(wiring->net, loop);
	return 0;
}

/* ---- all of it ---- */

static int open_data(struct wiring *wiring, struct error *error)
{
	int rc = data_folder_ensure(wiring->settings, &wiring->made.folder, error);
	if (rc == 0)
		rc = disk_posix_open(setting_text(wiring->settings, SETTING_DATA), true, &wiring->disk, error);
	return rc;
}

static int run_ledger(struct wiring *wiring, struct error *error)
{
	uint8_t hash[BLAKE_SIZE];
	enum admin_keys found;
	int rc = ensure_admin_key(wiring, &found, hash, error);
	if (rc == 0)
		rc = start_ledger(wiring, error);
	if (rc == 0)
		rc = start_follower(wiring, error);
	if (rc == 0 && found == ADMIN_KEYS_NONE)
		rc = create_admin_key(wiring, hash, error);
	if (rc == 0 && found == ADMIN_KEYS_REVOKED)
		log_line(
		    LOG_WARN, "no_admin_key",
		    LOG_TEXT("detail", "every admin key is revoked, admin.key's too; move it away and start again"));
	return rc;
}

static int open_all(struct wiring *wiring, struct error *error)
{
	int rc = open_data(wiring, error);
	if (rc == 0)
		rc = open_net(wiring, error);
	if (rc == 0)
		rc = fold(wiring, error);
	if (rc == 0)
		rc = token_secret_ensure(wiring->settings, &wiring->made.token_secret, error);
	if (rc == 0)
		rc = token_folder(&wiring->tokens, wiring->settings, error);
	if (rc == 0)
		rc = open_store(wiring, error);
	if (rc == 0)
		rc = run_ledger(wiring, error);
	if (rc == 0)
		rc = start_api(wiring, error);
	return rc;
}

int wiring_open(const struct settings *settings, void (*ready)(void), struct wiring **ret, struct error *error)
{
	struct wiring *wiring = calloc(1, sizeof *wiring);
	if (!wiring)
		return error_set(error, FAULT_MEMORY, "no memory for the server");
	wiring->settings = settings;
	wiring->ready = ready;
	wiring->loops = loops_of(settings);
	pthread_mutex_init(&wiring->batch_lock, NULL);
	int rc = open_all(wiring, error);
	if (rc < 0)
		return rc; /* threads may run over what was opened: the process ends with it */
	*ret = wiring;
	return 0;
}

uint16_t wiring_port(const struct wiring *wiring)
{
	return net_port(wiring->net);
}

const struct wiring_made *wiring_made(const struct wiring *wiring)
{
	return &wiring->made;
}

/* Who asks goes before who is asked: loops while the ledger answers, the ledger while the log takes, the follower last
 * of those that read it. */
void wiring_stop(struct wiring *wiring)
{
	struct api *api = atomic_load(&wiring->api);
	api_drain(api);
	net_stop(wiring->net, number(wiring, SETTING_GRACE));
	ledger_stop(wiring->ledger);
	tell_batches(wiring, NULL, NULL);
	follower_stop(wiring->follower, true);
	api_free(api);
	net_close(wiring->net);
	wiring->store->ops->close(wiring->store);
	log_close(wiring->log);
	core_free(wiring->core);
	wiring->disk->ops->done(wiring->disk);
	buf_fini(&wiring->tokens);
	free(wiring);
}

/* ---- for commands that only read ---- */

int wiring_disk_read(const char *data, struct disk **ret, struct error *error)
{
	struct buf log = {0};
	buf_printf(&log, "%s/log", data);
	buf_put(&log, "", 1);
	int rc = 0;
	if (log.failed)
		rc = error_set(error, FAULT_MEMORY, "no memory for a path");
	else if (access(log.at, R_OK | X_OK) != 0)
		rc = error_set(error, FAULT_NOT_FOUND,
		               "%s is no data directory that can be read: %s: %s; name one by --data", data, log.at,
		               strerror(errno));
	buf_fini(&log);
	return rc == 0 ? disk_posix_open(data, false, ret, error) : rc;
}

int wiring_log_read(struct disk *disk, uint64_t from, struct log **ret, struct journal_recovery *ret_recovery,
                    struct error *error)
{
	static const struct journal_options options = {.read_only = true};
	return journal_open(disk, &options, from, ret, ret_recovery, error);
}

int wiring_log_verify(struct disk *disk, struct journal_recovery *ret, struct error *error)
{
	return journal_verify(disk, ret, error);
}

int wiring_store_read(const struct settings *settings, struct store **ret, struct error *error)
{
	struct buf path = {0};
	int rc = data_path(&path, settings, "store.db", error);
	if (rc == 0 && access(path.at, F_OK) != 0)
		rc = error_set(error, FAULT_NOT_FOUND, "there is no read model %s", path.at);
	if (rc == 0)
		rc = store_sqlite_open(path.at, true, ret, error);
	buf_fini(&path);
	return rc;
}
