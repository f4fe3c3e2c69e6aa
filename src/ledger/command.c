/* What an ask would be in the log: ids become numbers, texts are borrowed. */
#include "base/must.h"
#include "ledger/state.h"

static const enum command_kind kinds[] = {
    [ASK_CLAIM] = COMMAND_CLAIM,
    [ASK_CONFIRM] = COMMAND_CONFIRM,
    [ASK_CANCEL] = COMMAND_CANCEL,
    [ASK_DROP_CREATE] = COMMAND_DROP_CREATE,
    [ASK_DROP_OPEN] = COMMAND_DROP_OPEN,
    [ASK_DROP_PAUSE] = COMMAND_DROP_PAUSE,
    [ASK_DROP_RESUME] = COMMAND_DROP_RESUME,
    [ASK_DROP_CLOSE] = COMMAND_DROP_CLOSE,
    [ASK_DROP_CLOSING] = COMMAND_DROP_CLOSING,
    [ASK_DROP_RESTOCK] = COMMAND_DROP_RESTOCK,
    [ASK_DROP_ARCHIVE] = COMMAND_DROP_ARCHIVE,
    [ASK_KEY_CREATE] = COMMAND_KEY_CREATE,
    [ASK_KEY_REVOKE] = COMMAND_KEY_REVOKE,
    [ASK_RULES] = COMMAND_RULES,
};

static uint32_t find_drop(const struct ledger *ledger, struct text id)
{
	uint32_t drop;
	return core_drop_find(ledger->core, id, &drop) ? drop : NO_DROP;
}

/* No id means the drop's only SKU. */
static uint32_t find_sku(const struct ledger *ledger, uint32_t drop, struct text id)
{
	uint32_t sku;
	if (drop == NO_DROP)
		return NO_SKU;
	if (id.size == 0)
		return ledger->flight.drops[drop].sku_count == 1 ? 0 : NO_SKU;
	return core_sku_find(ledger->core, drop, id, &sku) ? sku : NO_SKU;
}

static void fill_claim(const struct ledger *ledger, const struct ask *ask, struct command *ret)
{
	must(ask->line_count >= 1 && ask->line_count <= LINES_MAX);
	ret->claim.drop = find_drop(ledger, ask->drop);
	ret->claim.buyer = ask->buyer;
	ret->claim.latest = (struct wall_ms){ledger->now.ms + ledger->options.claim_timeout_ms};
	ret->claim.line_count = ask->line_count;
	ret->claim.digested = false;
	for (uint32_t i = 0; i < ask->line_count; i++) {
		ret->claim.line[i].sku = find_sku(ledger, ret->claim.drop, ask->line[i].sku);
		ret->claim.line[i].quantity = ask->line[i].quantity;
	}
}

static void fill_drop(const struct ledger *ledger, const struct ask *ask, struct command *ret)
{
	ret->drop.drop = find_drop(ledger, ask->drop);
	ret->drop.closes_at = ask->closes_at;
	ret->drop.quantity = ask->restock;
	ret->drop.sku = NO_SKU;
	if (ask->kind == ASK_DROP_RESTOCK)
		ret->drop.sku = find_sku(ledger, ret->drop.drop, ask->line[0].sku);
}

static void fill_api_key(const struct ask *ask, struct command *ret)
{
	ret->api_key.id = ask->key_id;
	ret->api_key.name = ask->key_name;
	ret->api_key.role = ask->key_role;
	memcpy(ret->api_key.hash, ask->key_hash, BLAKE_SIZE);
}

bool command_of_ask(const struct ledger *ledger, const struct ask *ask, struct command *ret)
{
	if (ask->kind == ASK_ORDER)
		return false;
	ret->kind = kinds[ask->kind];
	ret->actor = ask->kind == ASK_CLAIM ? TEXT_NONE : ask->actor;
	ret->key = ask->key;
	switch (ask->kind) {
	case ASK_CLAIM:
		fill_claim(ledger, ask, ret);
		break;
	case ASK_CONFIRM:
	case ASK_CANCEL:
		ret->order.order = ask->order;
		ret->order.payment_ref = ask->payment_ref;
		ret->order.left = !ask->store_asked ? LEFT_NOT : ask->unpaid ? LEFT_UNPAID : LEFT_ENDED;
		break;
	case ASK_DROP_CREATE:
		ret->create = *ask->spec;
		break;
	case ASK_KEY_CREATE:
	case ASK_KEY_REVOKE:
		fill_api_key(ask, ret);
		break;
	case ASK_RULES:
		ret->rules.number = ask->rules_number;
		break;
	default:
		fill_drop(ledger, ask, ret);
		break;
	}
	return true;
}
