#include "cli/audit_book.h"

#include <stdlib.h>

#include "base/must.h"

#define INDEX_FIRST_SIZE 1024 /* slots; a power of two */

/* ---- growing ---- */

/* Room for one more at the end of an array; false, and the fault remembered, when memory is out. */
static bool grow(struct book *book, void **array, uint32_t count, uint32_t *capacity, size_t size)
{
	if (count < *capacity)
		return true;
	uint32_t more = *capacity ? *capacity * 2 : 64;
	void *at = more > *capacity ? realloc(*array, more * size) : NULL;
	if (!at) {
		book->fault = FAULT_MEMORY;
		return false;
	}
	*array = at;
	*capacity = more;
	return true;
}

static struct digest128 order_digest(const struct book *book, const struct book_index *index, uint32_t row)
{
	return index == &book->by_key ? book->orders[row].key : book->orders[row].owner;
}

/* The slot where the digest stands, or the free one where it would. */
static uint64_t find_slot(const struct book *book, const struct book_index *index, struct digest128 digest)
{
	uint64_t at = digest.a & (index->size - 1);
	while (index->slot[at] != NO_ROW && !digest128_is(order_digest(book, index, index->slot[at]), digest))
		at = (at + 1) & (index->size - 1);
	return at;
}

static bool index_grow(struct book *book, struct book_index *index)
{
	struct book_index bigger = {.size = index->size ? index->size * 2 : INDEX_FIRST_SIZE, .count = index->count};
	bigger.slot = malloc(bigger.size * sizeof *bigger.slot);
	if (!bigger.slot) {
		book->fault = FAULT_MEMORY;
		return false;
	}
	memset(bigger.slot, 0xff, bigger.size * sizeof *bigger.slot);
	struct book_index old = *index;
	*index = bigger;
	for (uint64_t i = 0; i < old.size; i++)
		if (old.slot[i] != NO_ROW)
			index->slot[find_slot(book, index, order_digest(book, index, old.slot[i]))] = old.slot[i];
	free(old.slot);
	return true;
}

static uint32_t index_find(const struct book *book, const struct book_index *index, struct digest128 digest)
{
	return index->size ? index->slot[find_slot(book, index, digest)] : NO_ROW;
}

/* The row stands for its digest from now on, in another one's place if there was one. */
static void index_put(struct book *book, struct book_index *index, uint32_t row)
{
	if (index->count * 2 >= index->size && !index_grow(book, index))
		return;
	uint64_t at = find_slot(book, index, order_digest(book, index, row));
	index->count += index->slot[at] == NO_ROW;
	index->slot[at] = row;
}

/* ---- digests ---- */

struct digest128 book_text(const struct book *book, struct text text)
{
	return text.size ? digest128(book->digest_key, text.at, text.size) : (struct digest128){0, 0};
}

/* Of an owner: the drop's number and the buyer; of a key: the owner and the key. */
static struct digest128 pair_digest(const struct book *book, const void *first, size_t first_size, struct text second)
{
	uint8_t bytes[16 + 256];
	must(first_size <= 16 && second.size <= sizeof bytes - 16);
	memset(bytes, 0, 16);
	memcpy(bytes, first, first_size);
	if (second.size)
		memcpy(bytes + 16, second.at, second.size);
	return digest128(book->digest_key, bytes, 16 + second.size);
}

static size_t put_sized(uint8_t *at, struct text text)
{
	at[0] = (uint8_t)text.size;
	if (text.size)
		memcpy(at + 1, text.at, text.size);
	return 1 + text.size;
}

struct digest128 book_identity(const struct book *book, const struct identity *identity)
{
	uint8_t bytes[(3 + LINES_MAX) * 256 + 64 + LINES_MAX * 4];
	size_t size = 0;
	size += put_sized(bytes, identity->drop);
	size += put_sized(bytes + size, identity->buyer);
	size += put_sized(bytes + size, identity->key);
	memcpy(bytes + size, &identity->created_at, 8);
	memcpy(bytes + size + 8, &identity->hold_until, 8);
	memcpy(bytes + size + 16, &identity->position, 4);
	memcpy(bytes + size + 20, &identity->line_count, 4);
	size += 24;
	for (uint32_t i = 0; i < identity->line_count; i++) {
		size += put_sized(bytes + size, identity->sku[i]);
		memcpy(bytes + size, &identity->quantity[i], 4);
		size += 4;
	}
	return digest128(book->digest_key, bytes, size);
}

/* ---- drops ---- */

/* Ids and stock from the core at the drop's creation, or at the snapshot that the audit begins from. */
static void take_drop(struct book *book, uint32_t number, int64_t now)
{
	struct drop_view view;
	if (!grow(book, (void **)&book->drops, book->drop_count, &book->drop_capacity, sizeof *book->drops))
		return;
	core_drop_view(book->core, number, (struct wall_ms){now}, &view);
	struct book_drop *drop = &book->drops[book->drop_count];
	*drop = (struct book_drop){.id = view.id,
	                           .sku_count = view.sku_count,
	                           .limit = view.limit_per_buyer,
	                           .hold_ms = (int64_t)view.hold_seconds * 1000,
	                           .opens_at = view.opens_at.ms,
	                           .closes_at = view.closes_at.ms,
	                           .opened = view.opened,
	                           .paused = view.paused,
	                           .closed = view.closed,
	                           .granted = (uint32_t)view.granted,
	                           .skus = calloc(view.sku_count ? view.sku_count : 1, sizeof *drop->skus)};
	if (!drop->skus) {
		book->fault = FAULT_MEMORY;
		return;
	}
	book->drop_count++;
	for (uint32_t i = 0; i < view.sku_count; i++) {
		struct sku_view sku;
		core_sku_view(book->core, number, i, &sku);
		drop->skus[i] = (struct book_sku){.id = sku.id, .stock = sku.stock, .held = sku.held, .sold = sku.sold};
	}
}

/* A new drop: what the record said is what must stand in the core. */
static void create_drop(struct book *book, uint32_t number, uint64_t sequence, int64_t now,
                        const struct command *command)
{
	const struct drop_spec *spec = &command->create;
	findings_check(book->findings, PROMISE_7, number == book->drop_count, sequence, "drop %u comes after %u drops",
	               number, book->drop_count);
	if (number != book->drop_count)
		return;
	take_drop(book, number, now);
	if (book->fault)
		return;
	struct book_drop *drop = &book->drops[number];
	findings_check(book->findings, PROMISE_6,
	               drop->sku_count == spec->sku_count && text_is(drop->id, spec->id) &&
	                   drop->limit == spec->limit_per_buyer,
	               sequence, "the drop is not the one that was asked for");
	for (uint32_t i = 0; i < drop->sku_count && i < spec->sku_count; i++)
		findings_check(book->findings, PROMISE_1,
		               drop->skus[i].stock == spec->skus[i].stock &&
		                   drop->skus[i].held + drop->skus[i].sold == 0,
		               sequence, "SKU %u of a new drop does not begin with its stock", i);
}

static void check_sku(struct book *book, uint32_t number, uint32_t place, uint64_t sequence)
{
	const struct book_drop *drop = &book->drops[number];
	const struct book_sku *sku = &drop->skus[place];
	struct sku_view view;
	core_sku_view(book->core, number, place, &view);
	findings_check(book->findings, PROMISE_1, sku->held + sku->sold <= sku->stock, sequence,
	               "drop %.*s, SKU %.*s: %llu held and %llu sold of %llu", (int)drop->id.size, drop->id.at,
	               (int)sku->id.size, sku->id.at, (unsigned long long)sku->held, (unsigned long long)sku->sold,
	               (unsigned long long)sku->stock);
	findings_check(
	    book->findings, PROMISE_5, view.stock == sku->stock && view.held == sku->held && view.sold == sku->sold,
	    sequence, "drop %.*s, SKU %.*s: the core counts %u held and %u sold of %u, the books %llu and %llu of %llu",
	    (int)drop->id.size, drop->id.at, (int)sku->id.size, sku->id.at, view.held, view.sold, view.stock,
	    (unsigned long long)sku->held, (unsigned long long)sku->sold, (unsigned long long)sku->stock);
}

static void restock(struct book *book, uint32_t number, uint64_t sequence, const struct command *command)
{
	if (command->drop.sku >= book->drops[number].sku_count)
		return;
	struct book_sku *sku = &book->drops[number].skus[command->drop.sku];
	sku->stock = (uint64_t)((int64_t)sku->stock + command->drop.quantity);
	check_sku(book, number, command->drop.sku, sequence);
}

static void count_refusals(struct book_drop *drop, const struct command *command)
{
	for (uint32_t i = 0; i < command->counts.count; i++)
		drop->totals.refused += command->counts.of[i].count;
}

static void drop_changed(void *context, uint32_t number, uint64_t sequence, struct wall_ms time,
                         const struct command *command)
{
	struct book *book = context;
	if (!command || book->fault)
		return;
	if (command->kind == COMMAND_DROP_CREATE) {
		create_drop(book, number, sequence, time.ms, command);
		return;
	}
	if (number >= book->drop_count)
		return;
	struct book_drop *drop = &book->drops[number];
	if (command->kind == COMMAND_DROP_OPEN)
		drop->opened = true;
	else if (command->kind == COMMAND_DROP_PAUSE || command->kind == COMMAND_DROP_RESUME)
		drop->paused = command->kind == COMMAND_DROP_PAUSE;
	else if (command->kind == COMMAND_DROP_CLOSE)
		drop->closed = true;
	else if (command->kind == COMMAND_DROP_CLOSING)
		drop->closes_at = command->drop.closes_at.ms;
	else if (command->kind == COMMAND_DROP_RESTOCK)
		restock(book, number, sequence, command);
	else if (command->kind == COMMAND_COUNTS)
		count_refusals(drop, command);
}

/* ---- orders ---- */

struct book_order *book_order_find(const struct book *book, uint64_t sequence)
{
	uint32_t low = 0, high = book->order_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (book->orders[middle].sequence < sequence)
			low = middle + 1;
		else
			high = middle;
	}
	return low < book->order_count && book->orders[low].sequence == sequence ? &book->orders[low] : NULL;
}

/* Units that the buyer has of the drop: completed, or held and not past their deadline. */
static uint64_t units_of(const struct book *book, struct digest128 owner, int64_t now)
{
	uint64_t units = 0;
	for (uint32_t i = index_find(book, &book->by_owner, owner); i != NO_ROW; i = book->orders[i].next_of_owner) {
		const struct book_order *order = &book->orders[i];
		bool counts =
		    order->status == ORDER_COMPLETED || (order->status == ORDER_PENDING && order->hold_until > now);
		for (uint32_t j = 0; j < order->line_count && counts; j++)
			units += book->lines[order->first_line + j].quantity;
	}
	return units;
}

static bool is_open(const struct book_drop *drop, int64_t now)
{
	bool begun = drop->opened || drop->opens_at <= now;
	return begun && !drop->paused && !drop->closed && now < drop->closes_at;
}

static void check_grant(struct book *book, const struct book_order *order, int64_t now, const struct command *command)
{
	const struct book_drop *drop = &book->drops[order->drop];
	struct order_view view;
	findings_check(book->findings, PROMISE_7, is_open(drop, now), order->sequence,
	               "drop %.*s sold something while it was not open", (int)drop->id.size, drop->id.at);
	findings_check(book->findings, PROMISE_7,
	               core_order_view(book->core, order->sequence, (struct wall_ms){now}, &view) &&
	                   view.position == order->position,
	               order->sequence, "drop %.*s: the order's place is not %u", (int)drop->id.size, drop->id.at,
	               order->position);
	findings_check(book->findings, PROMISE_3, now <= command->claim.latest.ms, order->sequence,
	               "a claim was granted after its asker had been told that it was too late");
	findings_check(book->findings, PROMISE_2, drop->limit == 0 || units_of(book, order->owner, now) <= drop->limit,
	               order->sequence, "drop %.*s: a buyer has more than %u", (int)drop->id.size, drop->id.at,
	               drop->limit);
}

/* A key that was granted already may not be granted again. */
static void check_key(struct book *book, const struct book_order *order)
{
	if ((order->key.a | order->key.b) == 0)
		return;
	uint32_t other = index_find(book, &book->by_key, order->key);
	uint64_t before = other == NO_ROW ? 0 : book->orders[other].sequence;
	findings_check(book->findings, PROMISE_4, before == 0, order->sequence,
	               "the key had been granted before, at record %llu", (unsigned long long)before);
}

static bool take_lines(struct book *book, struct book_order *order, const struct command *command)
{
	order->first_line = book->line_count;
	order->line_count = (uint8_t)command->claim.line_count;
	for (uint32_t i = 0; i < command->claim.line_count; i++) {
		if (!grow(book, (void **)&book->lines, book->line_count, &book->line_capacity, sizeof *book->lines))
			return false;
		book->lines[book->line_count++] =
		    (struct book_line){command->claim.line[i].sku, command->claim.line[i].quantity};
	}
	return true;
}

static struct digest128 claim_identity(const struct book *book, const struct book_order *order,
                                       const struct command *command)
{
	const struct book_drop *drop = &book->drops[order->drop];
	struct identity identity = {.drop = drop->id,
	                            .buyer = command->claim.buyer,
	                            .key = command->key,
	                            .created_at = order->created_at,
	                            .hold_until = order->hold_until,
	                            .position = order->position,
	                            .line_count = command->claim.line_count};
	for (uint32_t i = 0; i < command->claim.line_count; i++) {
		identity.sku[i] = drop->skus[command->claim.line[i].sku].id;
		identity.quantity[i] = command->claim.line[i].quantity;
	}
	return book_identity(book, &identity);
}

static bool lines_are_known(const struct book *book, const struct command *command)
{
	if (command->claim.drop >= book->drop_count)
		return false;
	for (uint32_t i = 0; i < command->claim.line_count; i++)
		if (command->claim.line[i].sku >= book->drops[command->claim.drop].sku_count)
			return false;
	return true;
}

/* Moves the order's units: from free to held, from held to sold or free, and looks at each SKU. */
static void move_units(struct book *book, const struct book_order *order, int64_t held, int64_t sold, uint64_t sequence)
{
	for (uint32_t i = 0; i < order->line_count; i++) {
		const struct book_line *line = &book->lines[order->first_line + i];
		struct book_sku *sku = &book->drops[order->drop].skus[line->sku];
		sku->held += (uint64_t)(held * line->quantity);
		sku->sold += (uint64_t)(sold * line->quantity);
		check_sku(book, order->drop, line->sku, sequence);
	}
}

static void granted(struct book *book, uint64_t sequence, int64_t now, const struct command *command)
{
	uint32_t row = book->order_count;
	findings_check(book->findings, PROMISE_1, lines_are_known(book, command), sequence,
	               "what was granted is not there");
	if (!lines_are_known(book, command) ||
	    !grow(book, (void **)&book->orders, row, &book->order_capacity, sizeof *book->orders))
		return;
	struct book_drop *drop = &book->drops[command->claim.drop];
	struct book_order *order = &book->orders[row];
	bool at_once = drop->hold_ms == 0;
	*order = (struct book_order){.sequence = sequence,
	                             .owner = pair_digest(book, &command->claim.drop, 4, command->claim.buyer),
	                             .created_at = now,
	                             .hold_until = at_once ? WALL_NEVER.ms : now + drop->hold_ms,
	                             .ended_at = at_once ? now : WALL_NEVER.ms,
	                             .drop = command->claim.drop,
	                             .position = ++drop->granted,
	                             .status = at_once ? ORDER_COMPLETED : ORDER_PENDING};
	if (command->key.size)
		order->key = pair_digest(book, &order->owner, 16, command->key);
	if (!take_lines(book, order, command))
		return;
	order->identity = claim_identity(book, order, command);
	order->next_of_owner = index_find(book, &book->by_owner, order->owner);
	check_key(book, order);
	book->order_count++;
	index_put(book, &book->by_owner, row);
	if (command->key.size)
		index_put(book, &book->by_key, row);
	drop->totals.granted++;
	drop->totals.completed += at_once;
	check_grant(book, order, now, command);
	move_units(book, order, at_once ? 0 : 1, at_once ? 1 : 0, sequence);
}

static void end_order(struct book *book, struct book_order *order, enum order_status status, uint64_t sequence,
                      int64_t ended_at)
{
	findings_check(book->findings, PROMISE_5, order->status == ORDER_PENDING, sequence,
	               "the order of record %llu ends a second time", (unsigned long long)order->sequence);
	if (order->status != ORDER_PENDING)
		return;
	order->status = (uint8_t)status;
	order->ended_at = ended_at;
	order->changed = sequence;
	move_units(book, order, -1, status == ORDER_COMPLETED, sequence);
}

static void completed(struct book *book, struct book_order *order, uint64_t sequence, int64_t now,
                      const struct command *command)
{
	struct book_totals *totals = &book->drops[order->drop].totals;
	order->payment = book_text(book, command->order.payment_ref);
	if (order->status == ORDER_COMPLETED && order->changed == 0) {
		order->changed = sequence; /* sold at once, and now its payment is known */
		return;
	}
	findings_check(book->findings, PROMISE_5, now < order->hold_until, sequence,
	               "the order of record %llu was completed after its deadline",
	               (unsigned long long)order->sequence);
	totals->completed++;
	end_order(book, order, ORDER_COMPLETED, sequence, now);
}

/* Sold at once, and gone from the core: the first payment is its own; the read model makes others refunds. */
static void paid_later(struct book *book, struct book_order *order, uint64_t sequence, const struct command *command)
{
	findings_check(book->findings, PROMISE_5, order->left && book->drops[order->drop].hold_ms == 0, sequence,
	               "the order of record %llu was paid as if it had been sold at once and had left",
	               (unsigned long long)order->sequence);
	if (order->changed)
		return;
	order->payment = book_text(book, command->order.payment_ref);
	order->changed = sequence;
}

static void ended(struct book *book, struct book_order *order, enum order_change change, uint64_t sequence, int64_t now)
{
	struct book_totals *totals = &book->drops[order->drop].totals;
	bool due = order->hold_until <= now;
	findings_check(book->findings, PROMISE_5, due == (change == CHANGE_EXPIRED), sequence,
	               "the order of record %llu was %s %s its deadline", (unsigned long long)order->sequence,
	               change == CHANGE_EXPIRED ? "expired" : "canceled", due ? "after" : "before");
	totals->expired += change == CHANGE_EXPIRED;
	totals->canceled += change == CHANGE_CANCELED;
	end_order(book, order, change == CHANGE_EXPIRED ? ORDER_EXPIRED : ORDER_CANCELED, sequence,
	          change == CHANGE_EXPIRED ? order->hold_until : now);
}

/* An order from before the snapshot that the audit began from: only its units matter, and the core knows them. */
static void changed_before_base(struct book *book, enum order_change change, uint64_t number, uint64_t sequence,
                                int64_t now)
{
	struct order_view view;
	bool ends = change == CHANGE_COMPLETED || change == CHANGE_CANCELED || change == CHANGE_EXPIRED;
	if (!ends || !core_order_view(book->core, number, (struct wall_ms){now}, &view) ||
	    view.drop >= book->drop_count)
		return;
	if (change == CHANGE_COMPLETED && book->drops[view.drop].hold_ms == 0)
		return; /* sold at once before; now its payment is known */
	for (uint32_t i = 0; i < view.line_count; i++) {
		struct book_sku *sku = &book->drops[view.drop].skus[view.line[i].sku];
		sku->held -= view.line[i].quantity;
		sku->sold += change == CHANGE_COMPLETED ? view.line[i].quantity : 0;
		check_sku(book, view.drop, view.line[i].sku, sequence);
	}
}

static void order_changed(void *context, enum order_change change, uint64_t number, uint64_t sequence,
                          struct wall_ms time, const struct command *command)
{
	struct book *book = context;
	if (book->fault)
		return;
	if (change == CHANGE_GRANTED) {
		granted(book, sequence, time.ms, command);
		return;
	}
	if (number <= book->base) {
		changed_before_base(book, change, number, sequence, time.ms);
		return;
	}
	struct book_order *order = book_order_find(book, number);
	findings_check(book->findings, PROMISE_5, order != NULL, sequence, "order %llu was changed and never granted",
	               (unsigned long long)number);
	if (!order)
		return;
	if (change == CHANGE_COMPLETED) {
		completed(book, order, sequence, time.ms, command);
	} else if (change == CHANGE_LEFT) {
		findings_check(book->findings, PROMISE_5, order->status != ORDER_PENDING && !order->left, sequence,
		               "the order of record %llu leaves before its end, or twice", (unsigned long long)number);
		order->left = 1;
	} else if (change == CHANGE_PAID_LATER) {
		paid_later(book, order, sequence, command);
	} else if (change != CHANGE_REFUND_DUE) {
		ended(book, order, change, sequence, time.ms);
	}
}

/* ---- what a record came to ---- */

/* The same key must have got the same order; what the books do not know was before their beginning. */
static void check_replay(struct book *book, uint64_t sequence, const struct command *command,
                         const struct outcome *outcome)
{
	struct digest128 owner = pair_digest(book, &command->claim.drop, 4, command->claim.buyer);
	uint32_t row = index_find(book, &book->by_key, pair_digest(book, &owner, 16, command->key));
	bool same = row == NO_ROW ? outcome->order <= book->base : book->orders[row].sequence == outcome->order;
	findings_check(book->findings, PROMISE_4, same, sequence,
	               "the key was answered with order %llu, which is another", (unsigned long long)outcome->order);
}

/* Nobody is refused what was there. */
static void check_refusal(struct book *book, uint64_t sequence, const struct command *command)
{
	const struct book_drop *drop = &book->drops[command->claim.drop];
	bool short_of = false;
	for (uint32_t i = 0; i < command->claim.line_count; i++) {
		const struct claim_line *line = &command->claim.line[i];
		const struct book_sku *sku = line->sku < drop->sku_count ? &drop->skus[line->sku] : NULL;
		short_of = short_of || !sku || sku->stock - sku->held - sku->sold < line->quantity;
	}
	findings_check(book->findings, PROMISE_7, short_of, sequence,
	               "a claim was refused although its units were free");
}

int book_record(struct book *book, uint64_t sequence, struct wall_ms time, const struct command *command,
                const struct outcome *outcome, struct error *error)
{
	bool claim = command->kind == COMMAND_CLAIM && command->claim.drop < book->drop_count;
	if (claim && outcome->verdict == VERDICT_REPLAYED)
		check_replay(book, sequence, command, outcome);
	if (claim && (outcome->verdict == VERDICT_SOLD_OUT || outcome->verdict == VERDICT_ALL_HELD))
		check_refusal(book, sequence, command);
	if (claim && outcome->verdict == VERDICT_GRANTED)
		findings_check(book->findings, PROMISE_5,
		               book->order_count && book->orders[book->order_count - 1].sequence == sequence, sequence,
		               "a claim was granted without an order");
	return book->fault ? error_set(error, book->fault, "no memory for the audit's books") : 0;
}

void book_compare_core(struct book *book)
{
	for (uint32_t i = 0; i < book->drop_count; i++)
		for (uint32_t j = 0; j < book->drops[i].sku_count; j++)
			check_sku(book, i, j, core_sequence(book->core));
}

/* ---- life ---- */

int book_init(struct book *book, struct core *core, struct findings *findings, struct error *error)
{
	*book = (struct book){.findings = findings, .core = core, .base = core_sequence(core)};
	struct core_listener listener = {.context = book, .order_changed = order_changed, .drop_changed = drop_changed};
	random_bytes(book->digest_key, sizeof book->digest_key);
	for (uint32_t i = 0; i < core_drop_count(core) && !book->fault; i++)
		take_drop(book, i, core_time(core).ms);
	core_listen(core, &listener);
	return book->fault ? error_set(error, book->fault, "no memory for the audit's books") : 0;
}

void book_fini(struct book *book)
{
	for (uint32_t i = 0; i < book->drop_count; i++)
		free(book->drops[i].skus);
	free(book->drops);
	free(book->orders);
	free(book->lines);
	free(book->by_owner.slot);
	free(book->by_key.slot);
	*book = (struct book){0};
}
