/* sqlite: the engine under the store's first adapter, as far as it is needed; sqlite.c alone knows its header.
 *
 * Memory   texts that are bound live until the statement's last step; those of a column until the next one.
 * Faults   FAULT_DAMAGED: not a database, broken, or not with these tables or rows; FAULT_NO_SPACE, FAULT_BUSY,
 *          FAULT_MEMORY, FAULT_IO; always with the engine's own words.
 * Thread   a connection and its statements: one at a time.
 */
#ifndef DIBS_STORE_SQLITE_H
#define DIBS_STORE_SQLITE_H

#include "base/error.h"
#include "base/text.h"
#include "base/time.h"

struct sqlite3;      /* a connection */
struct sqlite3_stmt; /* a statement */

enum sqlite_open { SQLITE_READS, SQLITE_WRITES }; /* WRITES: made when missing */

int sqlite_connect(const char *path, enum sqlite_open how, struct sqlite3 **ret, struct error *error);
void sqlite_disconnect(struct sqlite3 *db); /* after its statements; NULL is fine */
int sqlite_run(struct sqlite3 *db, const char *sql, const char *what, struct error *error);
int sqlite_ask_number(struct sqlite3 *db, const char *sql, int64_t *ret, struct error *error);
bool sqlite_in_transaction(struct sqlite3 *db);
int sqlite_rows_changed(struct sqlite3 *db); /* by the last statement */

/* Compiles the statement unless it is kept already. */
int sqlite_prepare(struct sqlite3 *db, struct sqlite3_stmt **kept, const char *sql, struct error *error);
void sqlite_forget(struct sqlite3_stmt **kept, int count); /* all of an array, which is then NULLs */
/* 1: a row; 0: the end; or a fault. After the last two the statement is ready for new values. */
int sqlite_step(struct sqlite3_stmt *statement, const char *what, struct error *error);
void sqlite_leave(struct sqlite3_stmt *statement); /* before its end */

void sqlite_put_number(struct sqlite3_stmt *statement, int place, int64_t number);
void sqlite_put_time(struct sqlite3_stmt *statement, int place, struct wall_ms time);
void sqlite_put_text(struct sqlite3_stmt *statement, int place, struct text text);
int64_t sqlite_number(struct sqlite3_stmt *statement, int column);
struct wall_ms sqlite_time(struct sqlite3_stmt *statement, int column);
struct text sqlite_text(struct sqlite3_stmt *statement, int column);

#endif
