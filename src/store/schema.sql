-- The read model: rows folded from the log, to be asked for. It can be deleted; it is rebuilt from the log.
--
-- Times     milliseconds since 1970 UTC; NULL: never.
-- Sequences places in the log, from 1. An order's is that of its grant, and its key here, so rows are appended.
-- lines     "sku:quantity", one blank between two lines; neither sign can stand in a SKU's id.
-- marks     position and as_of (of the last record whose rows are here), hash (the log's rolling hash there: whose
--           rows these are), whole_from (the first sequence from which on the history is whole; 1 but after a rebuild
--           from a snapshot). They change in the transaction of the rows they speak of: exactly once.
-- Indices   few, for each costs a tenth of the rate: those by status are appended to at the end of a range, and the one
--           of a drop and its four states also gives the drop's orders of all states, merged. Buyers come at random,
--           so theirs is a table of small rows, filled once a transaction in sorted order. buyer_hash is the CRC32C
--           of the buyer as a signed integer; the text is compared afterwards.

CREATE TABLE marks (
	name TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE drops (
	number INTEGER PRIMARY KEY,
	id TEXT NOT NULL UNIQUE,
	created_at INTEGER NOT NULL
);

CREATE TABLE orders (
	sequence INTEGER PRIMARY KEY,
	drop_number INTEGER NOT NULL,
	status INTEGER NOT NULL, -- 0 pending, 1 completed, 2 canceled, 3 expired
	position INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	hold_until INTEGER,
	ended_at INTEGER,
	buyer TEXT NOT NULL,
	key TEXT NOT NULL,
	payment_ref TEXT NOT NULL,
	lines TEXT NOT NULL
);
CREATE INDEX orders_by_drop_status ON orders (drop_number, status);
CREATE INDEX orders_by_status ON orders (status);

CREATE TABLE buyer_orders (
	buyer_hash INTEGER NOT NULL,
	sequence INTEGER NOT NULL,
	drop_number INTEGER NOT NULL,
	PRIMARY KEY (buyer_hash, sequence)
) WITHOUT ROWID;

CREATE TABLE refunds (
	order_sequence INTEGER NOT NULL,
	sequence INTEGER NOT NULL, -- of the first confirmation that came too late
	payment_ref TEXT NOT NULL, -- told once, however often its provider repeats it
	time INTEGER NOT NULL,
	PRIMARY KEY (order_sequence, payment_ref)
) WITHOUT ROWID;

CREATE TABLE seconds (
	drop_number INTEGER NOT NULL,
	second INTEGER NOT NULL, -- since 1970, by log time
	granted INTEGER NOT NULL,
	completed INTEGER NOT NULL,
	canceled INTEGER NOT NULL,
	expired INTEGER NOT NULL,
	PRIMARY KEY (drop_number, second)
) WITHOUT ROWID;

CREATE TABLE refusals (
	drop_number INTEGER NOT NULL,
	second INTEGER NOT NULL,
	verdict INTEGER NOT NULL, -- its number in core/verdict.def
	count INTEGER NOT NULL,
	PRIMARY KEY (drop_number, second, verdict)
) WITHOUT ROWID;
