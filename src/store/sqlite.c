#include "store/sqlite.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

#include "base/must.h"

#define BUSY_MS 5000 /* for the moments when another process recovers or closes the same file */

/* ---- faults ---- */

static int fault_code(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_CONSTRAINT: /* a row that is there already */
	case SQLITE_ERROR:      /* a table or a column that is not there */
		return FAULT_DAMAGED;
	case SQLITE_FULL:
		return FAULT_NO_SPACE;
	case SQLITE_NOMEM:
		return FAULT_MEMORY;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return FAULT_BUSY;
	default:
		return FAULT_IO;
	}
}

static bool is_unread(sqlite3_file *file)
{
	int number = 0;
	return file && file->pMethods && file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number) == 0 &&
	       number == EIO;
}

/* SQLite calls a database malformed when the disk did not let it be read. That is no reason to throw it away. */
static bool could_not_read(struct sqlite3 *db)
{
	sqlite3_file *main = NULL, *wal = NULL;
	sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &main);
	sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
	return is_unread(main) || is_unread(wal);
}

static int fault(struct sqlite3 *db, const char *what, struct error *error)
{
	int rc = db ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;
	int code = fault_code(rc);
	if (code == FAULT_DAMAGED && db && could_not_read(db))
		return error_set(error, FAULT_IO, "store: %s: it cannot be read: %s", what, strerror(EIO));
	return error_set(error, code, "store: %s: %s (SQLite %d)", what, db ? sqlite3_errmsg(db) : sqlite3_errstr(rc),
	                 rc);
}

/* ---- connections ---- */

/* Before the first connection: SQLite's counting of memory would be one lock for all threads. */
static void settle(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	must(sqlite3_threadsafe() != 0);
}

int sqlite_connect(const char *path, enum sqlite_open how, struct sqlite3 **ret, struct error *error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int flags = how == SQLITE_READS ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	struct sqlite3 *db = NULL;
	pthread_once(&once, settle);
	if (sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		int rc = fault(db, path, error);
		sqlite3_close(db);
		return rc;
	}
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, BUSY_MS);
	*ret = db;
	return 0;
}

void sqlite_disconnect(struct sqlite3 *db)
{
	must(sqlite3_close(db) == SQLITE_OK);
}

int sqlite_run(struct sqlite3 *db, const char *sql, const char *what, struct error *error)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fault(db, what, error);
}

int sqlite_ask_number(struct sqlite3 *db, const char *sql, int64_t *ret, struct error *error)
{
	struct sqlite3_stmt *statement = NULL;
	int rc = sqlite_prepare(db, &statement, sql, error);
	if (rc == 0)
		rc = sqlite_step(statement, sql, error);
	if (rc > 0)
		*ret = sqlite_number(statement, 0);
	sqlite3_finalize(statement);
	return rc < 0 ? rc : 0;
}

bool sqlite_in_transaction(struct sqlite3 *db)
{
	return !sqlite3_get_autocommit(db);
}

int sqlite_rows_changed(struct sqlite3 *db)
{
	return sqlite3_changes(db);
}

/* ---- statements ---- */

int sqlite_prepare(struct sqlite3 *db, struct sqlite3_stmt **kept, const char *sql, struct error *error)
{
	if (*kept || sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, kept, NULL) == SQLITE_OK)
		return 0;
	return fault(db, "prepare", error);
}

void sqlite_forget(struct sqlite3_stmt **kept, int count)
{
	for (int i = 0; i < count; i++) {
		sqlite3_finalize(kept[i]);
		kept[i] = NULL;
	}
}

int sqlite_step(struct sqlite3_stmt *statement, const char *what, struct error *error)
{
	int rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW)
		return 1;
	rc = rc == SQLITE_DONE ? 0 : fault(sqlite3_db_handle(statement), what, error);
	sqlite3_reset(statement);
	return rc;
}

void sqlite_leave(struct sqlite3_stmt *statement)
{
	sqlite3_reset(statement);
}

/* Binding allocates nothing, so it fails only for a place that the statement does not have. */
void sqlite_put_number(struct sqlite3_stmt *statement, int place, int64_t number)
{
	must(sqlite3_bind_int64(statement, place, number) == SQLITE_OK);
}

void sqlite_put_time(struct sqlite3_stmt *statement, int place, struct wall_ms time)
{
	if (time.ms == WALL_NEVER.ms)
		must(sqlite3_bind_null(statement, place) == SQLITE_OK);
	else
		sqlite_put_number(statement, place, time.ms);
}

void sqlite_put_text(struct sqlite3_stmt *statement, int place, struct text text)
{
	const char *at = text.size > 0 ? text.at : "";
	must(sqlite3_bind_text(statement, place, at, (int)text.size, SQLITE_STATIC) == SQLITE_OK);
}

int64_t sqlite_number(struct sqlite3_stmt *statement, int column)
{
	return sqlite3_column_int64(statement, column);
}

struct wall_ms sqlite_time(struct sqlite3_stmt *statement, int column)
{
	if (sqlite3_column_type(statement, column) == SQLITE_NULL)
		return WALL_NEVER;
	return (struct wall_ms){sqlite3_column_int64(statement, column)};
}

struct text sqlite_text(struct sqlite3_stmt *statement, int column)
{
	const char *at = (const char *)sqlite3_column_text(statement, column);
	return (struct text){at, at ? (size_t)sqlite3_column_bytes(statement, column) : 0};
}
