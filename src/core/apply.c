/* apply: decide, and then the change. The fold's one step.
 *
 *   time moves → what is due expires and leaves → decide → change → rolling hash
 */
#include "base/must.h"
#include "core/state.h"

static void touch_drop(struct core *core, uint32_t drop, uint64_t sequence, int64_t time, const struct command *command)
{
	core->drops[drop].basis = sequence;
	core->touched_drop = drop;
	core_tell_drop(core, drop, sequence, time, command);
}

/* ---- who wrote it ---- */

/* False: an unknown writer, or a record of its that was here before. */
static bool writer_is_new(struct core *core, const struct command *command)
{
	struct core_heart *heart = &core->heart;
	for (uint32_t i = 0; i < INCARNATIONS_MAX; i++) {
		struct writer_seen *seen =
		    &heart->writers[(heart->writer_next + INCARNATIONS_MAX - 1 - i) % INCARNATIONS_MAX];
		if (seen->incarnation == 0)
			return false;
		if (seen->incarnation != command->incarnation)
			continue;
		if (command->counter <= seen->counter)
			return false;
		seen->counter = command->counter;
		return true;
	}
	return false;
}

static void apply_hello(struct core *core, uint64_t sequence, const struct command *command)
{
	struct core_heart *heart = &core->heart;
	if (!heart->founded) {
		memcpy(heart->digest_key, command->hello.digest_key, DIGEST_KEY_SIZE);
		heart->founded = 1;
	}
	heart->writers[heart->writer_next] = (struct writer_seen){sequence, 0};
	heart->writer_next = (heart->writer_next + 1) % INCARNATIONS_MAX;
}

/* ---- claims and orders ---- */

static void apply_claim(struct core *core, uint64_t sequence, int64_t time, const struct command *command,
                        struct outcome *ret)
{
	if (ret->verdict == VERDICT_ALL_HELD && drop_holds_due(core, &core->drops[ret->drop], time)) {
		due_expire_drop(core, ret->drop, sequence, time, claim_fits, command);
		core_decide(core, (struct wall_ms){time}, command, ret);
	}
	struct claim_digests digests = claim_digests(core, command);
	core_mix(core, digests.buyer.a ^ digests.buyer.b, digests.key.a ^ digests.key.b);
	for (uint32_t i = 0; i < command->claim.line_count; i++)
		core_mix(core, command->claim.line[i].sku, command->claim.line[i].quantity);
	if (ret->verdict != VERDICT_GRANTED)
		return;
	core->touched_order = order_grant(core, sequence, time, command);
	ret->order = sequence;
	ret->basis = sequence;
	core_tell_order(core, CHANGE_GRANTED, sequence, sequence, time, command);
	touch_drop(core, ret->drop, sequence, time, command);
}

static void apply_confirm(struct core *core, uint32_t index, uint64_t sequence, int64_t time,
                          const struct command *command, struct outcome *ret)
{
	struct order *order = &core->orders[index];
	enum order_change change = ret->verdict == VERDICT_DONE ? CHANGE_COMPLETED : CHANGE_REFUND_DUE;
	uint64_t payment = payment_digest(core, command->order.payment_ref);
	if (ret->verdict == VERDICT_DONE && order->status == ORDER_PENDING)
		order_complete(core, index, time, payment);
	else if (ret->verdict == VERDICT_DONE)
		order->payment = payment;
	core_mix(core, payment, change);
	core_tell_order(core, change, order->sequence, sequence, time, command);
}

/* Its asker knows it from the store: of the state, nothing changes. */
static void apply_left(struct core *core, uint64_t sequence, int64_t time, const struct command *command,
                       struct outcome *ret)
{
	enum order_change change = ret->verdict == VERDICT_DONE ? CHANGE_PAID_LATER : CHANGE_REFUND_DUE;
	core_mix(core, payment_digest(core, command->order.payment_ref), change);
	core_tell_order(core, change, command->order.order, sequence, time, command);
	ret->basis = sequence;
}

static void apply_order(struct core *core, uint64_t sequence, int64_t time, const struct command *command,
                        struct outcome *ret)
{
	core_mix(core, command->order.order, ret->verdict);
	if (ret->verdict != VERDICT_DONE && ret->verdict != VERDICT_REFUND_DUE)
		return;
	uint32_t index = core->touched_order = order_find(core, command->order.order);
	if (index == NO_ORDER) {
		apply_left(core, sequence, time, command, ret);
		return;
	}
	const struct drop *drop = &core->drops[ret->drop];
	/* Past its deadline, and its turn has not come: it comes now. */
	if (core->orders[index].status == ORDER_PENDING && order_deadline(drop, &core->orders[index]) <= time)
		due_expire_one(core, index, sequence, time);
	if (command->kind == COMMAND_CONFIRM) {
		apply_confirm(core, index, sequence, time, command, ret);
	} else {
		order_cancel(core, index, time);
		core_tell_order(core, CHANGE_CANCELED, ret->order, sequence, time, command);
	}
	ret->basis = sequence;
	touch_drop(core, ret->drop, sequence, time, command);
}

/* ---- administration ---- */

static void remember_admin_key(struct core *core, const struct command *command)
{
	if (command->key.size == 0)
		return;
	core->heart.admin_keys[core->heart.admin_next] = admin_key_of(core, command);
	core->heart.admin_next = (core->heart.admin_next + 1) % ADMIN_KEYS_MAX;
}

static void change_drop(struct core *core, struct drop *drop, const struct command *command)
{
	switch (command->kind) {
	case COMMAND_DROP_OPEN:
		drop->opened = 1;
		break;
	case COMMAND_DROP_PAUSE:
		drop->paused = 1;
		break;
	case COMMAND_DROP_RESUME:
		drop->paused = 0;
		break;
	case COMMAND_DROP_CLOSE:
		drop->closed = 1;
		break;
	case COMMAND_DROP_CLOSING:
		drop->closes_at = command->drop.closes_at.ms;
		core_mix(core, command->drop.drop, (uint64_t)drop->closes_at);
		break;
	case COMMAND_DROP_RESTOCK: {
		struct sku *sku = &core->skus[drop->first_sku + command->drop.sku];
		sku->stock = (uint32_t)((int64_t)sku->stock + command->drop.quantity);
		must((uint64_t)sku->held + sku->sold <= sku->stock); /* P1 */
		core_mix(core, command->drop.sku, sku->stock);
		break;
	}
	default:
		drop->archived = 1;
	}
}

static bool restock_fits(const struct core *core, const struct command *command)
{
	const struct drop *drop = &core->drops[command->drop.drop];
	const struct sku *sku = &core->skus[drop->first_sku + command->drop.sku];
	must(command->drop.sku < drop->sku_count); /* else it was an unknown SKU, not a wrong state */
	return (int64_t)sku->stock + command->drop.quantity >= (int64_t)sku->held + sku->sold;
}

static void apply_drop(struct core *core, uint64_t sequence, int64_t time, const struct command *command,
                       struct outcome *ret)
{
	if (ret->verdict == VERDICT_WRONG_STATE && command->kind == COMMAND_DROP_RESTOCK) {
		due_expire_drop(core, ret->drop, sequence, time, restock_fits, command);
		core_decide(core, (struct wall_ms){time}, command, ret);
	}
	core_mix(core, command->drop.drop, command->kind);
	if (ret->verdict != VERDICT_DONE)
		return;
	change_drop(core, &core->drops[ret->drop], command);
	remember_admin_key(core, command);
	due_update(core, ret->drop);
	ret->basis = sequence;
	touch_drop(core, ret->drop, sequence, time, command);
}

static void apply_create(struct core *core, uint64_t sequence, int64_t time, const struct command *command,
                         struct outcome *ret)
{
	struct digest128 spec = drop_spec_digest(core, &command->create);
	core_mix(core, spec.a, spec.b);
	if (ret->verdict != VERDICT_DONE)
		return;
	ret->drop = core->heart.drop_count;
	ret->basis = sequence;
	drop_create(core, sequence, time, &command->create);
	touch_drop(core, ret->drop, sequence, time, command);
}

static void set_api_key(struct api_key *key, int64_t time, const struct command *command)
{
	memcpy(key->hash, command->api_key.hash, BLAKE_SIZE);
	key->created_at = time;
	key->role = (uint8_t)command->api_key.role;
	key->id_size = (uint8_t)command->api_key.id.size;
	key->name_size = (uint8_t)command->api_key.name.size;
	memcpy(key->id, command->api_key.id.at, command->api_key.id.size);
	if (key->name_size)
		memcpy(key->name, command->api_key.name.at, command->api_key.name.size);
}

static void apply_api_key(struct core *core, uint64_t sequence, int64_t time, const struct command *command,
                          struct outcome *ret)
{
	struct digest128 id = core_digest(core, command->api_key.id);
	core_mix(core, id.a, id.b);
	if (ret->verdict != VERDICT_DONE)
		return;
	if (command->kind == COMMAND_KEY_CREATE)
		set_api_key(&core->api_keys[core->heart.api_key_count++], time, command);
	else
		core->api_keys[api_key_find(core, command->api_key.id)].revoked = 1;
	remember_admin_key(core, command);
	ret->basis = sequence;
}

static int apply_rules(struct core *core, const struct command *command, struct outcome *ret, struct error *error)
{
	core_mix(core, command->rules.number, ret->verdict);
	if (ret->verdict != VERDICT_DONE)
		return 0;
	if (command->rules.number > RULES_KNOWN)
		return error_set(error, FAULT_VERSION, "the log asks for rule set %u; this program knows them up to %u",
		                 command->rules.number, RULES_KNOWN);
	core->heart.rules = command->rules.number;
	return 0;
}

static void apply_counts(struct core *core, uint64_t sequence, int64_t time, const struct command *command)
{
	if (command->counts.drop >= core->heart.drop_count)
		return;
	struct drop *drop = &core->drops[command->counts.drop];
	for (uint32_t i = 0; i < command->counts.count; i++) {
		drop->counts[command->counts.of[i].verdict] += command->counts.of[i].count;
		core_mix(core, command->counts.of[i].verdict, command->counts.of[i].count);
	}
	/* Nobody's verdict reads the counts: the basis stays. */
	core_tell_drop(core, command->counts.drop, sequence, time, command);
}

static int apply_check(const struct core *core, const struct command *command, struct error *error)
{
	for (int i = 0; i < CHECKS_KEPT; i++) {
		const struct check_point *point = &core->heart.checks[i];
		if (point->sequence == command->check.sequence && point->sequence && point->hash != command->check.hash)
			return error_set(error, FAULT_DAMAGED,
			                 "the fold differs from its writer's at sequence %llu: hash %016llx here, "
			                 "%016llx in the log",
			                 (unsigned long long)point->sequence, (unsigned long long)point->hash,
			                 (unsigned long long)command->check.hash);
	}
	return 0;
}

/* ---- the step ---- */

static int apply_decided(struct core *core, uint64_t sequence, int64_t time, const struct command *command,
                         struct outcome *ret, struct error *error)
{
	switch (command->kind) {
	case COMMAND_CLAIM:
		apply_claim(core, sequence, time, command, ret);
		return 0;
	case COMMAND_CONFIRM:
	case COMMAND_CANCEL:
		apply_order(core, sequence, time, command, ret);
		return 0;
	case COMMAND_DROP_CREATE:
		apply_create(core, sequence, time, command, ret);
		return 0;
	case COMMAND_DROP_OPEN:
	case COMMAND_DROP_PAUSE:
	case COMMAND_DROP_RESUME:
	case COMMAND_DROP_CLOSE:
	case COMMAND_DROP_CLOSING:
	case COMMAND_DROP_RESTOCK:
	case COMMAND_DROP_ARCHIVE:
		apply_drop(core, sequence, time, command, ret);
		return 0;
	case COMMAND_KEY_CREATE:
	case COMMAND_KEY_REVOKE:
		apply_api_key(core, sequence, time, command, ret);
		return 0;
	case COMMAND_RULES:
		return apply_rules(core, command, ret, error);
	case COMMAND_COUNTS:
		apply_counts(core, sequence, time, command);
		return 0;
	case COMMAND_CHECK:
		return apply_check(core, command, error);
	case COMMAND_HELLO:
		apply_hello(core, sequence, command);
		return 0;
	case COMMAND_TICK:
		return 0;
	}
	return 0;
}

static int check_order_of_log(const struct core *core, uint64_t sequence, struct wall_ms time,
                              const struct command *command, struct error *error)
{
	if (sequence <= core->heart.sequence)
		return error_set(error, FAULT_DAMAGED, "sequence %llu comes after %llu", (unsigned long long)sequence,
		                 (unsigned long long)core->heart.sequence);
	if (time.ms < core->heart.time || time.ms > WALL_MAX_MS)
		return error_set(error, FAULT_DAMAGED, "the time of sequence %llu goes back",
		                 (unsigned long long)sequence);
	if (!core->heart.founded && command->kind != COMMAND_HELLO)
		return error_set(error, FAULT_DAMAGED, "the log does not begin with a HELLO");
	return 0;
}

static int check_room(const struct core *core, const struct command *command, const struct outcome *outcome,
                      struct error *error)
{
	const char *setting;
	bool takes = outcome->verdict == VERDICT_GRANTED || outcome->verdict == VERDICT_DONE ||
	             outcome->verdict == VERDICT_ALL_HELD;
	if (!takes || core_has_room(core, command, 0, &setting))
		return 0;
	return error_set(error, FAULT_FULL, "the log holds more than setting %s allows: raise it and start again",
	                 setting);
}

static void keep_check_point(struct core *core, uint64_t before, uint64_t sequence)
{
	if (before / CHECK_EVERY == sequence / CHECK_EVERY)
		return;
	core->heart.checks[core->heart.check_next] = (struct check_point){sequence, core->heart.hash};
	core->heart.check_next = (core->heart.check_next + 1) % CHECKS_KEPT;
}

int core_apply(struct core *core, uint64_t sequence, struct wall_ms time, const struct command *command,
               struct outcome *ret, struct error *error)
{
	uint64_t before = core->heart.sequence;
	int code = check_order_of_log(core, sequence, time, command, error);
	if (code)
		return code;
	core->touched_drop = NO_DROP;
	core->touched_order = NO_ORDER;
	core->heart.sequence = sequence;
	core->heart.time = time.ms;
	due_settle(core, sequence, time.ms);
	if (command->kind == COMMAND_HELLO || writer_is_new(core, command)) {
		core_decide(core, time, command, ret);
		code = check_room(core, command, ret, error);
		if (!code)
			code = apply_decided(core, sequence, time.ms, command, ret, error);
		if (code)
			return code;
	} else {
		*ret = (struct outcome){.verdict = VERDICT_STALE, .drop = NO_DROP, .sku = NO_SKU};
	}
	core_mix(core, sequence, (uint64_t)time.ms);
	core_mix(core, (uint64_t)command->kind | (uint64_t)ret->verdict << 8 | command->counter << 16,
	         command->incarnation);
	keep_check_point(core, before, sequence);
	return 0;
}

static void prefetch_claim(const struct core *core, struct command *command)
{
	struct claim_digests digests = claim_digests(core, command);
	command->claim.buyer_digest = digests.buyer;
	command->claim.key_digest = digests.key;
	command->claim.digested = true;
	index_prefetch(&core->by_owner, order_owner_place(core, command->claim.drop, digests.buyer));
	index_prefetch(&core->by_sequence,
	               index_place_numbered(&core->by_sequence, core->heart.sequence + 1 + PREFETCH_AHEAD));
	if (command->claim.drop < core->heart.drop_count) {
		const char *drop = (const char *)&core->drops[command->claim.drop];
		__builtin_prefetch(drop, 1);
		__builtin_prefetch(drop + 64, 1);
	}
}

void core_prefetch(const struct core *core, struct command *command)
{
	if (command->kind == COMMAND_CLAIM)
		prefetch_claim(core, command);
	else if (command->kind == COMMAND_CONFIRM || command->kind == COMMAND_CANCEL)
		index_prefetch(&core->by_sequence, index_place_numbered(&core->by_sequence, command->order.order));
}
