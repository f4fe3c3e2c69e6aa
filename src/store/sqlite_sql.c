#include "store/sqlite_sql.h"

#include "store/store.h"

#define ORDER_COLUMNS \
	"SELECT o.sequence, o.drop_number, d.id, o.status, o.position, o.created_at, o.hold_until, o.ended_at," \
	" o.buyer, o.key, o.payment_ref, o.lines "
#define JOIN_DROP " CROSS JOIN drops d ON d.number = o.drop_number "
#define BY_BUYER \
	ORDER_COLUMNS "FROM buyer_orders b CROSS JOIN orders o ON o.sequence = b.sequence" JOIN_DROP \
		      "WHERE b.buyer_hash = ?5 AND b.sequence < ?1 AND o.buyer = ?6 "
#define BY_SEQUENCE "AND o.sequence < ?1 ORDER BY o.sequence DESC LIMIT ?2"
#define BY_BUYERS_SEQUENCE "ORDER BY b.sequence DESC LIMIT ?2"

/* A drop's orders of all states: their four ranges of one index, merged as far as the page goes. */
#define DROP_STATUS(status) \
	"SELECT sequence FROM orders INDEXED BY orders_by_drop_status" \
	" WHERE drop_number = ?3 AND status = " #status " AND sequence < ?1"

/* Each names the index it goes by: without it, it does not compile, and a test reads the plans. */
const char *const sqlite_read_sql[READ_COUNT] = {
    [READ_ORDERS] = ORDER_COLUMNS "FROM orders o" JOIN_DROP "WHERE 1 " BY_SEQUENCE,
    [READ_ORDERS + ASK_DROP] =
	"WITH newest(sequence) AS (" DROP_STATUS(0) " UNION ALL " DROP_STATUS(1) " UNION ALL " DROP_STATUS(
	    2) " UNION ALL " DROP_STATUS(3) " ORDER BY 1 DESC LIMIT ?2) " ORDER_COLUMNS
					    "FROM newest n CROSS JOIN orders o ON o.sequence = n.sequence" JOIN_DROP
					    "ORDER BY n.sequence DESC",
    [READ_ORDERS + ASK_STATUS] =
	ORDER_COLUMNS "FROM orders o INDEXED BY orders_by_status" JOIN_DROP "WHERE o.status = ?4 " BY_SEQUENCE,
    [READ_ORDERS + ASK_DROP + ASK_STATUS] = ORDER_COLUMNS "FROM orders o INDEXED BY orders_by_drop_status" JOIN_DROP
							  "WHERE o.drop_number = ?3 AND o.status = ?4 " BY_SEQUENCE,
    [READ_ORDERS + ASK_BUYER] = BY_BUYER BY_BUYERS_SEQUENCE,
    [READ_ORDERS + ASK_BUYER + ASK_DROP] = BY_BUYER "AND b.drop_number = ?3 " BY_BUYERS_SEQUENCE,
    [READ_ORDERS + ASK_BUYER + ASK_STATUS] = BY_BUYER "AND o.status = ?4 " BY_BUYERS_SEQUENCE,
    [READ_ORDERS + ASK_BUYER + ASK_DROP + ASK_STATUS] =
	BY_BUYER "AND b.drop_number = ?3 AND o.status = ?4 " BY_BUYERS_SEQUENCE,
    [READ_ORDER] = ORDER_COLUMNS "FROM orders o" JOIN_DROP "WHERE o.sequence = ?1",
    [READ_KEY] = BY_BUYER "AND b.drop_number = ?3 AND o.key = ?7 " BY_BUYERS_SEQUENCE,
    [READ_DROP] = "SELECT number FROM drops WHERE id = ?1",
    [READ_SECONDS] = "SELECT second, granted, completed, canceled, expired FROM seconds"
		     " WHERE drop_number = ?1 AND second >= ?2 ORDER BY second LIMIT ?3",
    [READ_REFUSALS] = "SELECT verdict, count FROM refusals WHERE drop_number = ?1 AND second = ?2 ORDER BY verdict",
    [READ_REFUNDS] = "SELECT sequence, payment_ref, time FROM refunds WHERE order_sequence = ?1 ORDER BY payment_ref",
    [READ_MARK] = "SELECT value FROM marks WHERE name = ?1",
};

const char *const sqlite_write_sql[WRITE_COUNT] = {
    [WRITE_BEGIN] = "BEGIN IMMEDIATE",
    [WRITE_COMMIT] = "COMMIT",
    [WRITE_DROP] = "INSERT INTO drops VALUES (?1, ?2, ?3)",
    [WRITE_ORDER] = "INSERT INTO orders VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [WRITE_BUYER] = "INSERT INTO buyer_orders VALUES (?1, ?2, ?3)",
    [WRITE_END] = "UPDATE orders SET status = ?2, ended_at = ?3,"
		  " payment_ref = CASE ?4 WHEN '' THEN payment_ref ELSE ?4 END WHERE sequence = ?1",
    [WRITE_REFUND] = "INSERT INTO refunds VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    [WRITE_SECOND] = "INSERT INTO seconds VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET"
		     " granted = granted + excluded.granted, completed = completed + excluded.completed,"
		     " canceled = canceled + excluded.canceled, expired = expired + excluded.expired",
    [WRITE_REFUSAL] = "INSERT INTO refusals VALUES (?1, ?2, ?3, ?4)"
		      " ON CONFLICT DO UPDATE SET count = count + excluded.count",
    [WRITE_MARK] = "INSERT INTO marks VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
};

const char *const sqlite_mark_names[STORE_MARK_COUNT] = {
    [STORE_MARK_HASH] = "hash",
    [STORE_MARK_WHOLE_FROM] = "whole_from",
};
