/* sqlite_sql: what sqlite.c asks its engine, by number. Values are bound by place; the SQL says which is which. */
#ifndef DIBS_STORE_SQLITE_SQL_H
#define DIBS_STORE_SQLITE_SQL_H

/* What a page asks for: the bits of its statement's number. */
enum { ASK_DROP = 1, ASK_STATUS = 2, ASK_BUYER = 4, ASK_COUNT = 8 };

enum sqlite_read {
	READ_ORDERS, /* + ASK_ bits */
	READ_ORDER = READ_ORDERS + ASK_COUNT,
	READ_KEY,
	READ_DROP,
	READ_SECONDS,
	READ_REFUSALS,
	READ_REFUNDS,
	READ_MARK,
	READ_COUNT
};

enum sqlite_write {
	WRITE_BEGIN,
	WRITE_COMMIT,
	WRITE_DROP,
	WRITE_ORDER,
	WRITE_BUYER,
	WRITE_END,
	WRITE_REFUND,
	WRITE_FIRST_PAYMENT,
	WRITE_OTHER_PAYMENT,
	WRITE_SECOND,
	WRITE_REFUSAL,
	WRITE_MARK,
	WRITE_COUNT
};

extern const char *const sqlite_mark_names[];
extern const char *const sqlite_read_sql[READ_COUNT];
extern const char *const sqlite_write_sql[WRITE_COUNT];

#endif
