/* The store in SQLite: one file beside the journal, in WAL mode, so that readers never wait for the projector.
 *
 *   writer (the projector's thread)   one connection; rows and their position in one transaction
 *   readers (any thread)              a pool of connections, one taken for each question
 *
 * synchronous = NORMAL: a commit is not synced, so a loss of power may cost the last transactions, which the projector
 * folds again, for the position is lost with them; before the log's beginning goes, they are made durable (sync). It may
 * not be OFF: pages would then reach the disk in any order, and
 * a store that is broken without a sign would answer for keys whose order has left the core (P4).
 *
 * Buyers come at random, so their index would spread every transaction over all of its pages, row by row. Its rows
 * wait until the commit and go in sorted: a page is touched once a transaction.
 *
 * ":memory:" has one connection. It stands in the pool of readers, and the writer takes it from there for the length of
 * its transaction.
 */
#include "store/sqlite_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log_line.h"
#include "base/must.h"
#include "store/schema_sql.h"

#define APPLICATION_ID 0x64696273 /* "dibs" */
#define SCHEMA_VERSION 2          /* another one: the store is thrown away and rebuilt */

/* The writer's cache holds the pages that one transaction touches: random ones of the buyers' table (4 MiB for each
 * 200,000 orders) and the ends of the others. The WAL goes back into the file when nothing is written for a
 * while (rest), so that no sale waits for a disk that is busy with it; or else when it has grown to 1 GiB. */
#define WRITER_SETTINGS \
	"PRAGMA page_size = 4096;" \
	"PRAGMA journal_mode = WAL;" \
	"PRAGMA synchronous = NORMAL;" \
	"PRAGMA cache_size = -65536;" \
	"PRAGMA wal_autocheckpoint = 262144;" \
	"PRAGMA journal_size_limit = 134217728;"

/* ---- the pool of readers ---- */

struct reader *sqlite_take_reader(struct sqlite_store *self, struct error *error)
{
	struct reader *reader = NULL;
	pthread_mutex_lock(&self->lock);
	while ((self->idle_count == 0 || self->renewing) && !self->closed)
		pthread_cond_wait(&self->returned, &self->lock);
	if (!self->closed)
		reader = self->idle[--self->idle_count];
	pthread_mutex_unlock(&self->lock);
	if (!reader)
		error_set(error, FAULT_BUSY, "store: it was thrown away and could not be made anew yet");
	return reader;
}

void sqlite_return_reader(struct sqlite_store *self, struct reader *reader)
{
	pthread_mutex_lock(&self->lock);
	self->idle[self->idle_count++] = reader;
	pthread_cond_broadcast(&self->returned);
	pthread_mutex_unlock(&self->lock);
}

static int open_readers(struct sqlite_store *self, struct error *error)
{
	uint32_t count = self->memory ? 1 : READERS;
	int rc = 0;
	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		if (self->memory)
			self->reader[i].db = self->db;
		else
			rc = sqlite_connect(self->path, SQLITE_READS, &self->reader[i].db, error);
		if (rc < 0)
			break;
		self->reader_count++;
		self->idle[self->idle_count++] = &self->reader[i];
	}
	return rc;
}

/* ---- the file ---- */

/* What a file is that was there. */
enum nature { NATURE_EMPTY, NATURE_OURS, NATURE_OLDER, NATURE_NEWER, NATURE_FOREIGN };

static int find_nature(struct sqlite3 *db, enum nature *ret, struct error *error)
{
	int64_t application = 0, version = 0, tables = 0;
	int rc = sqlite_ask_number(db, "PRAGMA application_id", &application, error);
	if (rc == 0)
		rc = sqlite_ask_number(db, "PRAGMA user_version", &version, error);
	if (rc == 0)
		rc = sqlite_ask_number(db, "SELECT count(*) FROM sqlite_schema", &tables, error);
	if (rc < 0)
		return rc;
	if (application != APPLICATION_ID)
		*ret = application == 0 && tables == 0 ? NATURE_EMPTY : NATURE_FOREIGN;
	else if (version == SCHEMA_VERSION)
		*ret = NATURE_OURS;
	else
		*ret = version > SCHEMA_VERSION ? NATURE_NEWER : NATURE_OLDER;
	return 0;
}

static int make_tables(struct sqlite3 *db, struct error *error)
{
	char end[128];
	snprintf(end, sizeof end, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", APPLICATION_ID,
	         SCHEMA_VERSION);
	int rc = sqlite_run(db, "BEGIN IMMEDIATE", "make", error);
	if (rc == 0)
		rc = sqlite_run(db, schema_sql, "make", error);
	if (rc == 0)
		rc = sqlite_run(db, end, "make", error);
	return rc;
}

static int open_writer(struct sqlite_store *self, enum nature *ret, struct error *error)
{
	int rc = sqlite_connect(self->path, self->read_only ? SQLITE_READS : SQLITE_WRITES, &self->db, error);
	if (rc == 0)
		rc = find_nature(self->db, ret, error);
	if (rc < 0 || self->read_only || (*ret != NATURE_OURS && *ret != NATURE_EMPTY))
		return rc;
	rc = sqlite_run(self->db, WRITER_SETTINGS, "settings", error);
	if (rc == 0 && *ret == NATURE_EMPTY)
		rc = make_tables(self->db, error);
	if (rc == 0)
		*ret = NATURE_OURS;
	return rc;
}

static int refuse(const struct sqlite_store *self, enum nature nature, struct error *error)
{
	switch (nature) {
	case NATURE_OURS:
		return 0;
	case NATURE_NEWER:
		return error_set(error, FAULT_VERSION, "store: %s was written by a newer program", self->path);
	case NATURE_OLDER:
		return error_set(error, FAULT_DAMAGED, "store: %s was written by an older program", self->path);
	default:
		return error_set(error, FAULT_DAMAGED, "store: %s is not a store of dibs", self->path);
	}
}

/* The readers are all in the pool, or there are none. */
static void close_all(struct sqlite_store *self)
{
	for (uint32_t i = 0; i < READERS; i++) {
		sqlite_forget(self->reader[i].statement, READ_COUNT);
		if (!self->memory)
			sqlite_disconnect(self->reader[i].db);
		self->reader[i].db = NULL;
	}
	self->reader_count = self->idle_count = 0;
	sqlite_forget(self->statement, WRITE_COUNT);
	sqlite_disconnect(self->db);
	self->db = NULL;
}

static int open_once(struct sqlite_store *self, enum nature *ret, struct error *error)
{
	int rc = open_writer(self, ret, error);
	if (rc == 0)
		rc = refuse(self, *ret, error);
	if (rc == 0)
		rc = open_readers(self, error);
	if (rc < 0)
		close_all(self);
	return rc;
}

static int move_file(const char *from, const char *to, struct error *error)
{
	if ((to ? rename(from, to) : unlink(from)) == 0 || errno == ENOENT)
		return 0;
	return error_set(error, FAULT_IO, "store: cannot move %s out of the way: %s", from, strerror(errno));
}

/* A database is up to three files; those that are not there are fine. The database goes first: a WAL without it is
 * nothing, while it without its WAL would be another, older one. */
static int remove_files(const struct sqlite_store *self, bool keep, struct error *error)
{
	static const char *const parts[] = {"", "-wal", "-shm"};
	struct buf from = {0}, to = {0};
	int rc = 0;
	for (int i = 0; rc == 0 && i < 3; i++) {
		buf_clear(&from);
		buf_clear(&to);
		buf_printf(&from, "%s%s%c", self->path, parts[i], '\0');
		buf_printf(&to, "%s.damaged%s%c", self->path, parts[i], '\0');
		if (from.failed || to.failed)
			rc = error_set(error, FAULT_MEMORY, "store: no memory for a file's name");
		else
			rc = move_file(from.at, keep ? to.at : NULL, error);
	}
	buf_fini(&from);
	buf_fini(&to);
	return rc;
}

/* A broken or older one is put out of the way, once. A sound one of somebody else's, or a newer one, is not. */
static int open_all(struct sqlite_store *self, struct error *error)
{
	enum nature nature = NATURE_EMPTY;
	struct error first;
	int rc = open_once(self, &nature, &first);
	if (rc == FAULT_DAMAGED && nature != NATURE_FOREIGN && !self->read_only && !self->memory) {
		log_line(LOG_WARN, "store_set_aside", LOG_TEXT("reason", first.text));
		rc = remove_files(self, nature != NATURE_OLDER, &first);
		if (rc == 0)
			rc = open_once(self, &nature, &first);
	}
	return rc < 0 ? error_set(error, rc, "%s", first.text) : 0;
}

/* ---- the store ---- */

static int renew(struct store *store, bool keep, struct error *error)
{
	struct sqlite_store *self = sqlite_of(store);
	must(!self->writing && !self->read_only);
	pthread_mutex_lock(&self->lock);
	self->renewing = true; /* nobody begins to read any more */
	while (self->idle_count < self->reader_count)
		pthread_cond_wait(&self->returned, &self->lock);
	close_all(self);
	int rc = self->memory ? 0 : remove_files(self, keep && !self->set_aside, error);
	if (rc == 0) {
		self->set_aside = self->set_aside || keep;
		rc = open_all(self, error);
	}
	if (rc == 0)
		self->set_aside = false;
	self->renewing = false;
	self->closed = rc < 0;
	pthread_cond_broadcast(&self->returned);
	pthread_mutex_unlock(&self->lock);
	return rc;
}

static void close_store(struct store *store)
{
	struct sqlite_store *self = sqlite_of(store);
	must(!self->writing && self->idle_count == self->reader_count);
	close_all(self);
	pthread_cond_destroy(&self->returned);
	pthread_mutex_destroy(&self->lock);
	free(self->buyer_rows);
	free(self->path);
	free(self);
}

static const struct store_ops sqlite_ops = {
    .begin = sqlite_begin,
    .put_drop = sqlite_put_drop,
    .put_order = sqlite_put_order,
    .end_order = sqlite_end_order,
    .put_refund = sqlite_put_refund,
    .put_payment = sqlite_put_payment,
    .add_second = sqlite_add_second,
    .put_mark = sqlite_put_mark,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .rest = sqlite_rest,
    .sync = sqlite_sync,
    .renew = renew,
    .position = sqlite_position,
    .mark = sqlite_mark,
    .order = sqlite_order,
    .order_by_key = sqlite_order_by_key,
    .orders = sqlite_orders,
    .seconds = sqlite_seconds,
    .refunds = sqlite_refunds,
    .close = close_store,
};

static struct sqlite_store *new_store(const char *path, bool read_only)
{
	struct sqlite_store *self = calloc(1, sizeof *self);
	char *copy = strdup(path);
	if (!self || !copy) {
		free(self);
		free(copy);
		return NULL;
	}
	self->store.ops = &sqlite_ops;
	self->path = copy;
	self->memory = strcmp(path, ":memory:") == 0;
	self->read_only = read_only;
	pthread_mutex_init(&self->lock, NULL);
	pthread_cond_init(&self->returned, NULL);
	return self;
}

int store_sqlite_open(const char *path, bool read_only, struct store **ret, struct error *error)
{
	if (read_only && access(path, F_OK) < 0)
		return error_set(error, FAULT_NOT_FOUND, "store: there is no %s", path);
	struct sqlite_store *self = new_store(path, read_only);
	if (!self)
		return error_set(error, FAULT_MEMORY, "store: no memory");
	int rc = open_all(self, error);
	if (rc < 0) {
		close_store(&self->store);
		return rc;
	}
	*ret = &self->store;
	return 0;
}
