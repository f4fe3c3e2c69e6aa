/* decide: what a command would get. Reads the state, changes nothing.
 *
 * The order of the checks is the order of the rows of verdict.def.
 */
#include "core/state.h"

/* ---- claims ---- */

struct digest128 core_digest(const struct core *core, struct text text)
{
	return text.size ? digest128(core->heart.digest_key, text.at, text.size) : (struct digest128){0, 0};
}

struct claim_digests claim_digests(const struct core *core, const struct command *command)
{
	if (command->claim.digested)
		return (struct claim_digests){command->claim.buyer_digest, command->claim.key_digest};
	return (struct claim_digests){core_digest(core, command->claim.buyer), core_digest(core, command->key)};
}

/* What a walk along a buyer's orders in the drop finds. */
struct history {
	uint32_t orders;   /* ended ones included */
	uint64_t units;    /* that count for the limit */
	uint64_t counted;  /* sequence of the newest order that counts; 0: none */
	uint32_t with_key; /* the order of this key, or NO_ORDER */
};

static uint64_t order_units(const struct core *core, const struct order *order)
{
	uint64_t units = 0;
	uint32_t at = 0;
	for (uint32_t i = order_line_count(order); i; i--)
		units += order_line_next(core, order, &at).quantity;
	return units;
}

static struct history buyer_history(const struct core *core, uint32_t drop, const struct claim_digests *digests,
                                    int64_t now)
{
	struct history history = {.with_key = NO_ORDER};
	bool has_key = digests->key.a | digests->key.b;
	uint32_t index = order_newest_of(core, drop, digests->buyer);
	for (; index != NO_ORDER; index = core->orders[index].next_of_buyer) {
		const struct order *order = &core->orders[index];
		enum order_status status = order_status_at(&core->drops[drop], order, now);
		history.orders++;
		if (has_key && digest128_is(order->key, digests->key))
			history.with_key = index;
		if (status != ORDER_PENDING && status != ORDER_COMPLETED)
			continue;
		history.units += order_units(core, order);
		if (!history.counted)
			history.counted = order->sequence;
	}
	return history;
}

static bool lines_are(const struct core *core, const struct order *order, const struct command *command)
{
	uint32_t at = 0, first_sku = core->drops[command->claim.drop].first_sku;
	if (order_line_count(order) != command->claim.line_count)
		return false;
	for (uint32_t i = 0; i < command->claim.line_count; i++) {
		struct order_line line = order_line_next(core, order, &at);
		if (line.sku != first_sku + command->claim.line[i].sku ||
		    line.quantity != command->claim.line[i].quantity)
			return false;
	}
	return true;
}

/* GRANTED when every line names a SKU, once, in a sound quantity; *ret_sku is the place of the one at fault. */
static enum verdict check_lines(const struct drop *drop, const struct command *command, uint32_t *ret_sku)
{
	for (uint32_t i = 0; i < command->claim.line_count; i++)
		if (command->claim.line[i].sku >= drop->sku_count)
			return VERDICT_UNKNOWN_SKU;
	for (uint32_t i = 0; i < command->claim.line_count; i++) {
		const struct claim_line *line = &command->claim.line[i];
		*ret_sku = line->sku;
		if (line->quantity == 0 || line->quantity > QUANTITY_MAX)
			return VERDICT_BAD_QUANTITY;
		for (uint32_t j = 0; j < i; j++)
			if (command->claim.line[j].sku == line->sku)
				return VERDICT_BAD_QUANTITY;
	}
	return VERDICT_GRANTED;
}

static uint64_t claim_units(const struct command *command)
{
	uint64_t units = 0;
	for (uint32_t i = 0; i < command->claim.line_count; i++)
		units += command->claim.line[i].quantity;
	return units;
}

/* A line fits if its quantity is free, is "all held" if free + held would do, else "sold out"; sold out wins. */
static enum verdict check_stock(const struct core *core, const struct command *command, uint32_t *ret_sku)
{
	const struct sku *skus = core->skus + core->drops[command->claim.drop].first_sku;
	enum verdict verdict = VERDICT_GRANTED;
	for (uint32_t i = 0; i < command->claim.line_count; i++) {
		const struct claim_line *line = &command->claim.line[i];
		const struct sku *sku = &skus[line->sku];
		if (line->quantity <= sku->stock - sku->held - sku->sold)
			continue;
		if (line->quantity > sku->stock - sku->sold) {
			*ret_sku = line->sku;
			return VERDICT_SOLD_OUT;
		}
		if (verdict == VERDICT_GRANTED)
			*ret_sku = line->sku;
		verdict = VERDICT_ALL_HELD;
	}
	return verdict;
}

bool claim_fits(const struct core *core, const struct command *command)
{
	uint32_t sku;
	return check_stock(core, command, &sku) == VERDICT_GRANTED;
}

static enum verdict check_state(const struct drop *drop, int64_t now)
{
	switch (drop_state_at(drop, now)) {
	case DROP_SCHEDULED:
		return VERDICT_NOT_OPEN;
	case DROP_PAUSED:
		return VERDICT_PAUSED;
	case DROP_CLOSED:
	case DROP_ARCHIVED:
		return VERDICT_CLOSED;
	case DROP_OPEN:
		break;
	}
	return VERDICT_GRANTED;
}

static enum verdict check_buyer(const struct drop *drop, const struct history *history, const struct command *command)
{
	uint32_t orders_max = drop->always_on ? ORDERS_PER_BUYER_ALWAYS_ON_MAX : ORDERS_PER_BUYER_MAX;
	if (drop->limit && history->units + claim_units(command) > drop->limit)
		return VERDICT_LIMIT_REACHED;
	return history->orders >= orders_max ? VERDICT_TOO_MANY_ORDERS : VERDICT_GRANTED;
}

static enum verdict decide_claim_in(const struct core *core, int64_t now, const struct command *command,
                                    struct outcome *ret)
{
	const struct drop *drop = &core->drops[command->claim.drop];
	struct claim_digests digests = claim_digests(core, command);
	struct history history = buyer_history(core, command->claim.drop, &digests, now);
	enum verdict verdict;
	if (history.with_key != NO_ORDER) {
		ret->order = core->orders[history.with_key].sequence;
		return lines_are(core, &core->orders[history.with_key], command) ? VERDICT_REPLAYED
		                                                                 : VERDICT_KEY_REUSED;
	}
	if (command->claim.latest.ms < now)
		return VERDICT_LATE;
	verdict = check_lines(drop, command, &ret->sku);
	if (verdict != VERDICT_GRANTED)
		return verdict;
	ret->sku = NO_SKU;
	verdict = check_buyer(drop, &history, command);
	if (verdict != VERDICT_GRANTED) {
		ret->order = history.counted;
		return verdict;
	}
	verdict = check_state(drop, now);
	return verdict != VERDICT_GRANTED ? verdict : check_stock(core, command, &ret->sku);
}

/* What is due may give units back, and what leaves gives room among a buyer's orders: then only the log can tell. */
static bool claim_is_certain(const struct core *core, const struct drop *drop, int64_t now, enum verdict verdict)
{
	if (verdict == VERDICT_GRANTED)
		return false;
	if (verdict == VERDICT_REPLAYED || verdict == VERDICT_KEY_REUSED)
		return true;
	if (verdict == VERDICT_TOO_MANY_ORDERS && drop_leaves_due(core, drop, now))
		return false;
	return !drop_holds_due(core, drop, now);
}

static void decide_claim(const struct core *core, int64_t now, const struct command *command, struct outcome *ret)
{
	if (command->claim.drop >= core->heart.drop_count) {
		ret->verdict = VERDICT_UNKNOWN_DROP;
		return;
	}
	const struct drop *drop = &core->drops[command->claim.drop];
	ret->drop = command->claim.drop;
	ret->basis = drop->basis;
	ret->verdict = decide_claim_in(core, now, command, ret);
	ret->certain = claim_is_certain(core, drop, now, ret->verdict);
}

/* The filter does not know what left before it began: a drop of that time may have lost any key. */
bool core_may_have_left(const struct core *core, const struct command *claim)
{
	if (claim->key.size == 0 || claim->claim.drop >= core->heart.drop_count)
		return false;
	const struct drop *drop = &core->drops[claim->claim.drop];
	if (drop->left == 0)
		return false;
	if (drop->created <= core->left.heart.since)
		return true;
	struct claim_digests digests = claim_digests(core, claim);
	return left_filter_may_hold(&core->left, left_hash(claim->claim.drop, digests.buyer, digests.key));
}

/* ---- orders ---- */

uint64_t payment_digest(const struct core *core, struct text payment_ref)
{
	uint64_t digest = core_digest(core, payment_ref).a;
	return digest ? digest : 1;
}

static enum verdict decide_confirm(const struct core *core, const struct order *order, enum order_status status,
                                   const struct command *command)
{
	if (status == ORDER_PENDING)
		return VERDICT_DONE;
	if (status != ORDER_COMPLETED)
		return VERDICT_REFUND_DUE;
	if (order->payment == 0) /* sold at once: the payment comes after */
		return VERDICT_DONE;
	return order->payment == payment_digest(core, command->order.payment_ref) ? VERDICT_SAME : VERDICT_REFUND_DUE;
}

static enum verdict decide_cancel(enum order_status status)
{
	if (status == ORDER_PENDING)
		return VERDICT_DONE;
	return status == ORDER_CANCELED ? VERDICT_SAME : VERDICT_WRONG_STATE;
}

static void decide_order(const struct core *core, int64_t now, const struct command *command, struct outcome *ret)
{
	uint32_t index = order_find(core, command->order.order);
	if (index == NO_ORDER) {
		/* A payment that arrives is recorded, always: also for an order that only the store still knows. */
		bool left = command->kind == COMMAND_CONFIRM && command->order.left &&
		            command->order.order <= core->heart.sequence;
		ret->verdict = !left                                ? VERDICT_UNKNOWN_ORDER
		               : command->order.left == LEFT_UNPAID ? VERDICT_DONE
		                                                    : VERDICT_REFUND_DUE;
		ret->certain = !left;
		ret->order = left ? command->order.order : 0;
		ret->basis = core->heart.sequence;
		return;
	}
	const struct order *order = &core->orders[index];
	ret->drop = order_drop(core, order);
	ret->order = order->sequence;
	ret->basis = core->drops[ret->drop].basis;
	enum order_status status = order_status_at(&core->drops[ret->drop], order, now);
	ret->verdict =
	    command->kind == COMMAND_CONFIRM ? decide_confirm(core, order, status, command) : decide_cancel(status);
	ret->certain = ret->verdict != VERDICT_DONE && ret->verdict != VERDICT_REFUND_DUE;
}

/* ---- administration ---- */

bool command_is_admin(enum command_kind kind)
{
	return (kind >= COMMAND_DROP_OPEN && kind <= COMMAND_DROP_ARCHIVE) || kind == COMMAND_KEY_CREATE ||
	       kind == COMMAND_KEY_REVOKE;
}

/* A key belongs to what it was used on: a drop, or the API keys. */
struct admin_key admin_key_of(const struct core *core, const struct command *command)
{
	bool on_drop = command->kind <= COMMAND_DROP_ARCHIVE;
	struct digest128 text = core_digest(core, command->key), name = {0, 0};
	uint64_t scope[3] = {text.a, text.b, on_drop ? command->drop.drop : UINT64_MAX};
	uint64_t words[5] = {command->kind};
	if (command->kind == COMMAND_DROP_CLOSING)
		words[1] = (uint64_t)command->drop.closes_at.ms;
	if (command->kind == COMMAND_DROP_RESTOCK) {
		words[1] = command->drop.sku;
		words[2] = (uint64_t)command->drop.quantity;
	}
	if (command->kind == COMMAND_KEY_CREATE) {
		name = core_digest(core, command->api_key.name);
		words[1] = command->api_key.role;
	}
	if (command->kind == COMMAND_KEY_REVOKE)
		name = core_digest(core, command->api_key.id);
	words[3] = name.a;
	words[4] = name.b;
	return (struct admin_key){digest128(core->heart.digest_key, scope, sizeof scope),
	                          digest128(core->heart.digest_key, words, sizeof words)};
}

/* GRANTED: the key is new. */
static enum verdict decide_admin_key(const struct core *core, const struct command *command)
{
	if (command->key.size == 0)
		return VERDICT_GRANTED;
	struct admin_key key = admin_key_of(core, command);
	for (uint32_t i = 0; i < ADMIN_KEYS_MAX; i++)
		if (digest128_is(core->heart.admin_keys[i].key, key.key))
			return digest128_is(core->heart.admin_keys[i].request, key.request) ? VERDICT_SAME
			                                                                    : VERDICT_KEY_REUSED;
	return VERDICT_GRANTED;
}

static enum verdict same_or_wrong(bool same)
{
	return same ? VERDICT_SAME : VERDICT_WRONG_STATE;
}

static enum verdict decide_restock(const struct core *core, const struct drop *drop, enum drop_state state,
                                   const struct command *command)
{
	if (command->drop.sku >= drop->sku_count)
		return VERDICT_UNKNOWN_SKU;
	const struct sku *sku = &core->skus[drop->first_sku + command->drop.sku];
	int64_t stock = (int64_t)sku->stock + command->drop.quantity;
	if (state >= DROP_CLOSED || stock < (int64_t)sku->held + sku->sold || stock > QUANTITY_MAX)
		return VERDICT_WRONG_STATE;
	return VERDICT_DONE;
}

static enum verdict decide_closing(const struct drop *drop, enum drop_state state, const struct command *command)
{
	int64_t closes_at = command->drop.closes_at.ms;
	if (state >= DROP_CLOSED || (!drop->opened && drop->opens_at != WALL_NEVER.ms && closes_at <= drop->opens_at))
		return VERDICT_WRONG_STATE;
	return closes_at == drop->closes_at ? VERDICT_SAME : VERDICT_DONE;
}

static enum verdict decide_on_drop(const struct core *core, const struct drop *drop, int64_t now,
                                   const struct command *command)
{
	enum drop_state state = drop_state_at(drop, now);
	switch (command->kind) {
	case COMMAND_DROP_OPEN:
		return state == DROP_SCHEDULED ? VERDICT_DONE : same_or_wrong(state == DROP_OPEN);
	case COMMAND_DROP_PAUSE:
		return state == DROP_OPEN ? VERDICT_DONE : same_or_wrong(state == DROP_PAUSED);
	case COMMAND_DROP_RESUME:
		return state == DROP_PAUSED ? VERDICT_DONE : same_or_wrong(state == DROP_OPEN);
	case COMMAND_DROP_CLOSE:
		return state < DROP_CLOSED ? VERDICT_DONE : same_or_wrong(state == DROP_CLOSED);
	case COMMAND_DROP_CLOSING:
		return decide_closing(drop, state, command);
	case COMMAND_DROP_RESTOCK:
		return decide_restock(core, drop, state, command);
	default: /* ARCHIVE: what is held is still somebody's */
		if (state == DROP_CLOSED && drop->pending_count == 0)
			return VERDICT_DONE;
		return same_or_wrong(state == DROP_ARCHIVED);
	}
}

static void decide_drop(const struct core *core, int64_t now, const struct command *command, struct outcome *ret)
{
	if (command->drop.drop >= core->heart.drop_count) {
		ret->verdict = VERDICT_UNKNOWN_DROP;
		return;
	}
	const struct drop *drop = &core->drops[command->drop.drop];
	ret->drop = command->drop.drop;
	ret->basis = drop->basis;
	ret->verdict = decide_admin_key(core, command);
	if (ret->verdict == VERDICT_GRANTED)
		ret->verdict = decide_on_drop(core, drop, now, command);
	ret->certain = ret->verdict != VERDICT_DONE && !drop_holds_due(core, drop, now);
	if (ret->verdict == VERDICT_SAME || ret->verdict == VERDICT_KEY_REUSED)
		ret->certain = true;
}

static void decide_create(const struct core *core, const struct command *command, struct outcome *ret)
{
	uint32_t drop;
	ret->certain = core_drop_find(core, command->create.id, &drop);
	ret->verdict = VERDICT_DONE;
	if (!ret->certain)
		return;
	ret->drop = drop;
	ret->basis = core->drops[drop].basis;
	bool same = digest128_is(core->drops[drop].spec, drop_spec_digest(core, &command->create));
	ret->verdict = same ? VERDICT_SAME : VERDICT_EXISTS;
}

uint32_t api_key_find(const struct core *core, struct text id)
{
	for (uint32_t i = 0; i < core->heart.api_key_count; i++)
		if (text_is((struct text){core->api_keys[i].id, core->api_keys[i].id_size}, id))
			return i;
	return UINT32_MAX;
}

static void decide_api_key(const struct core *core, const struct command *command, struct outcome *ret)
{
	uint32_t index = api_key_find(core, command->api_key.id);
	bool known = index != UINT32_MAX;
	ret->basis = core->heart.sequence;
	ret->verdict = decide_admin_key(core, command);
	if (ret->verdict == VERDICT_GRANTED && command->kind == COMMAND_KEY_CREATE)
		ret->verdict = known ? VERDICT_EXISTS : VERDICT_DONE;
	else if (ret->verdict == VERDICT_GRANTED && !known)
		ret->verdict = VERDICT_UNKNOWN_KEY;
	else if (ret->verdict == VERDICT_GRANTED)
		ret->verdict = core->api_keys[index].revoked ? VERDICT_SAME : VERDICT_DONE;
	ret->certain = ret->verdict != VERDICT_DONE;
}

void core_decide(const struct core *core, struct wall_ms now, const struct command *command, struct outcome *ret)
{
	*ret = (struct outcome){.certain = true, .drop = NO_DROP, .sku = NO_SKU};
	switch (command->kind) {
	case COMMAND_CLAIM:
		decide_claim(core, now.ms, command, ret);
		break;
	case COMMAND_CONFIRM:
	case COMMAND_CANCEL:
		decide_order(core, now.ms, command, ret);
		break;
	case COMMAND_DROP_CREATE:
		decide_create(core, command, ret);
		break;
	case COMMAND_DROP_OPEN:
	case COMMAND_DROP_PAUSE:
	case COMMAND_DROP_RESUME:
	case COMMAND_DROP_CLOSE:
	case COMMAND_DROP_CLOSING:
	case COMMAND_DROP_RESTOCK:
	case COMMAND_DROP_ARCHIVE:
		decide_drop(core, now.ms, command, ret);
		break;
	case COMMAND_KEY_CREATE:
	case COMMAND_KEY_REVOKE:
		decide_api_key(core, command, ret);
		break;
	case COMMAND_RULES:
		ret->basis = core->heart.sequence;
		ret->verdict = command->rules.number > core->heart.rules ? VERDICT_DONE : VERDICT_FORBIDDEN_RULES;
		ret->certain = ret->verdict != VERDICT_DONE;
		break;
	case COMMAND_HELLO:
	case COMMAND_TICK:
	case COMMAND_CHECK:
	case COMMAND_COUNTS:
		ret->verdict = VERDICT_DONE;
		ret->certain = false;
		break;
	}
}

/* ---- room ---- */

static bool claim_has_room(const struct core *core, const struct command *command, uint32_t in_flight,
                           const char **ret_setting)
{
	uint64_t claims = (uint64_t)in_flight + 1;
	*ret_setting = "orders-max";
	if (core->heart.order_count + claims > core->limits.orders)
		return false;
	*ret_setting = "lines-max";
	return command->claim.line_count == 1 || core->heart.line_count + claims * LINES_MAX <= core->limits.lines;
}

bool core_has_room(const struct core *core, const struct command *command, uint32_t in_flight, const char **ret_setting)
{
	switch (command->kind) {
	case COMMAND_CLAIM:
		return claim_has_room(core, command, in_flight, ret_setting);
	case COMMAND_DROP_CREATE:
		*ret_setting = "drops-max";
		if (core->heart.drop_count >= core->limits.drops)
			return false;
		*ret_setting = "skus-max";
		return (uint64_t)core->heart.sku_count + command->create.sku_count <= core->limits.skus;
	case COMMAND_KEY_CREATE:
		*ret_setting = "api-keys-max";
		return core->heart.api_key_count < core->limits.api_keys;
	default:
		return true;
	}
}
