/* Buyers and operators: what they ask. With keys and without, once and again, paying, paying late, paying twice,
 * canceling, reading; creating, opening, pausing, restocking, closing, archiving. And now and then nonsense.
 */
#include <stdio.h>

#include "world.h"

#define UNKNOWN_NAME "zz"

/* ---- names ---- */

/* Of any length that is allowed: what is cut off or overruns shows. */
static void make_name(char out[NAME_SIZE], char letter, uint32_t number, struct dice *dice)
{
	int size = snprintf(out, NAME_SIZE, "%c%u", letter, number);
	uint32_t pad = dice_percent(dice, 85) ? 0 : dice_below(dice, (uint32_t)(NAME_SIZE - size));
	if (pad > 1) {
		out[size] = '-';
		memset(out + size + 1, 'x', pad - 1);
		out[size + (int)pad] = '\0';
	}
}

uint32_t number_in_name(struct text text)
{
	uint32_t number = 0;
	if (text.size < 2 || text.at[1] < '0' || text.at[1] > '9')
		return NOBODY;
	for (size_t i = 1; i < text.size && text.at[i] >= '0' && text.at[i] <= '9'; i++)
		number = number * 10 + (uint32_t)(text.at[i] - '0');
	return number;
}

uint64_t key_of_claim(uint32_t drop, uint32_t buyer, uint32_t key)
{
	return (uint64_t)drop << 56 | (uint64_t)buyer << 32 | key;
}

/* ---- drops ---- */

static int64_t some_time(struct world *world, struct dice *dice, uint32_t never_percent)
{
	return dice_percent(dice, never_percent) ? WALL_NEVER.ms : world->wall + dice_from(dice, 0, 60000);
}

static void make_spec(struct world *world, uint32_t drop, struct dice *dice)
{
	const struct plan *plan = &world->plan;
	struct drop_spec *spec = &world->specs[drop][0];
	bool instant = !plan->crowd && dice_percent(dice, 25), no_limit = plan->crowd || dice_percent(dice, 30);
	*spec = (struct drop_spec){
	    .id = text_of(world->drop_names[drop]), .title = TEXT("A drop"), .currency = TEXT("EUR")};
	spec->limit_per_buyer = no_limit ? 0 : dice_from(dice, 1, 6);
	spec->hold_seconds = instant ? 0 : dice_from(dice, plan->crowd ? plan->hold_max_s : 1, plan->hold_max_s);
	spec->keep_seconds = dice_from(dice, plan->keep_min_s, plan->keep_max_s);
	spec->opens_at.ms = plan->crowd ? world->wall : some_time(world, dice, 50);
	spec->closes_at.ms =
	    plan->crowd || dice_percent(dice, 60) ? WALL_NEVER.ms : world->wall + dice_from(dice, 60001, 3600000);
	spec->sku_count = dice_from(dice, 1, SKUS_EACH_MAX);
	spec->skus = world->skus[drop][0];
	for (uint32_t i = 0; i < spec->sku_count; i++)
		world->skus[drop][0][i] =
		    (struct sku_spec){text_of(world->sku_names[i]), dice_from(dice, 0, plan->stock_max), 1000};
	world->specs[drop][1] = *spec;
	world->specs[drop][1].keep_seconds++;
}

void people_begin(struct world *world)
{
	struct dice dice = dice_for(world->plan.seed, 2);
	for (uint32_t i = 0; i < SKUS_EACH_MAX; i++)
		snprintf(world->sku_names[i], NAME_SIZE, "s%u", i);
	for (uint32_t i = 0; i < world->plan.buyers; i++)
		make_name(world->buyer_names[i], 'b', i, &dice);
	for (uint32_t i = 0; i < world->plan.drops; i++) {
		make_name(world->drop_names[i], 'd', i, &dice);
		make_spec(world, i, &dice);
	}
	memset(world->clients, 0, sizeof world->clients);
	world->asked_count = world->known_count = world->used_count = world->drops_asked = 0;
	world->keys_used = world->payments_used = world->admin_keys = 0;
	world->arrivals = 0;
	map_clear(&world->order_of_key);
}

/* ---- asking ---- */

struct client *client_of(struct ask *ask)
{
	return (struct client *)(void *)ask;
}

void client_submit(struct world *world, struct client *client)
{
	struct server *server = &world->servers[client->server];
	struct ask *ask = &client->ask;
	if (!server->is_up) {
		client->state = CLIENT_AGAIN;
		return;
	}
	ask->counter = 0;
	ask->answer.verdict = VERDICT_UNKNOWN_OUTCOME;
	ask->counted = false;
	client->arrival = ++world->arrivals;
	client->state = CLIENT_ASKED;
	world->asked[world->asked_count++] = (uint32_t)(client - world->clients);
	ask_list_put(&server->arrived, ask);
	world_mix(world, (uint64_t)ask->kind << 32 | client->arrival);
}

static void begin(struct world *world, struct client *client, enum ask_kind kind)
{
	struct ask *ask = &client->ask;
	ask->kind = kind;
	ask->drop = ask->buyer = ask->key = ask->payment_ref = TEXT_NONE;
	ask->actor = TEXT("op");
	ask->order = 0;
	ask->owner_only = ask->has_buyer = ask->eligible = ask->not_eligible = ask->store_asked = ask->unpaid = false;
	ask->store_position = 0;
	ask->line_count = 0;
	client->drop = client->buyer = client->key = client->payment = NOBODY;
	client->tries = 0;
	client->server = dice_below(&world->people, world->plan.servers);
}

static void set_drop(struct world *world, struct client *client, uint32_t drop)
{
	client->drop = drop;
	client->ask.drop = text_of(drop == NOBODY ? UNKNOWN_NAME : world->drop_names[drop]);
}

static void set_buyer(struct world *world, struct client *client, uint32_t buyer)
{
	client->buyer = buyer;
	client->ask.buyer = text_of(world->buyer_names[buyer]);
}

static void set_key(struct client *client, char letter, uint32_t key)
{
	client->key = key;
	snprintf(client->key_text, sizeof client->key_text, "%c%u", letter, key);
	client->ask.key = text_of(client->key_text);
}

static uint32_t any_drop(struct world *world)
{
	if (dice_one_in(&world->people, 200))
		return NOBODY;
	return dice_below(&world->people, world->drops_asked ? world->drops_asked : 1);
}

/* ---- claims ---- */

static void set_lines(struct world *world, struct client *client)
{
	struct dice *dice = &world->people;
	uint32_t count = client->drop == NOBODY ? 1 : world->specs[client->drop][0].sku_count;
	struct ask *ask = &client->ask;
	ask->line_count = count > 1 && dice_percent(dice, 20) ? dice_from(dice, 2, count) : 1;
	uint32_t first = dice_below(dice, count);
	for (uint32_t i = 0; i < ask->line_count; i++) {
		client->sku[i] = (first + i) % count;
		ask->line[i].quantity = dice_percent(dice, 85) ? 1 : dice_from(dice, 2, 4);
	}
	if (dice_one_in(dice, 150))
		client->sku[0] = NOBODY;
	if (dice_one_in(dice, 150))
		ask->line[0].quantity = dice_percent(dice, 50) ? 0 : QUANTITY_MAX;
	if (ask->line_count > 1 && dice_one_in(dice, 30))
		client->sku[1] = client->sku[0];
}

static void name_skus(struct world *world, struct client *client)
{
	struct ask *ask = &client->ask;
	bool only = client->drop != NOBODY && world->specs[client->drop][0].sku_count == 1 && ask->line_count == 1;
	for (uint32_t i = 0; i < ask->line_count; i++) {
		bool known = client->sku[i] != NOBODY;
		ask->line[i].sku = text_of(known ? world->sku_names[client->sku[i]] : UNKNOWN_NAME);
		if (known && only && dice_percent(&world->people, 30))
			ask->line[i].sku = TEXT_NONE;
	}
}

static void remember_key(struct world *world, const struct client *client)
{
	struct used_key *used = &world->used[world->used_count++ % USED_KEYS_MAX];
	*used = (struct used_key){client->drop, client->buyer, client->key, client->ask.line_count, {0}, {0}};
	for (uint32_t i = 0; i < used->line_count; i++) {
		used->sku[i] = client->sku[i];
		used->quantity[i] = client->ask.line[i].quantity;
	}
}

/* A key that was used before, mostly by the same buyer for the same. */
static void claim_again(struct world *world, struct client *client)
{
	uint32_t known = world->used_count < USED_KEYS_MAX ? world->used_count : USED_KEYS_MAX;
	const struct used_key *used = &world->used[dice_below(&world->people, known)];
	struct ask *ask = &client->ask;
	set_drop(world, client, used->drop);
	bool another = dice_one_in(&world->people, 8); /* keys are each buyer's own */
	set_buyer(world, client, another ? dice_below(&world->people, world->plan.buyers) : used->buyer);
	set_key(client, 'k', used->key);
	ask->line_count = used->line_count;
	for (uint32_t i = 0; i < used->line_count; i++) {
		client->sku[i] = used->sku[i];
		ask->line[i].quantity = used->quantity[i];
	}
	if (dice_one_in(&world->people, 10))
		ask->line[0].quantity++;
}

static void ask_claim(struct world *world, struct client *client)
{
	begin(world, client, ASK_CLAIM);
	bool with_key = dice_percent(&world->people, world->plan.key_percent);
	if (with_key && world->used_count && dice_percent(&world->people, 15)) {
		claim_again(world, client);
	} else {
		set_drop(world, client, any_drop(world));
		set_buyer(world, client, dice_below(&world->people, world->plan.buyers));
		set_lines(world, client);
		if (with_key)
			set_key(client, 'k', ++world->keys_used);
		if (with_key && client->drop != NOBODY)
			remember_key(world, client);
	}
	name_skus(world, client);
}

/* ---- orders ---- */

static void set_payment(struct world *world, struct client *client)
{
	bool new_one = world->payments_used == 0 || dice_percent(&world->people, 85);
	client->payment = new_one ? ++world->payments_used : dice_from(&world->people, 1, world->payments_used);
	snprintf(client->payment_text, sizeof client->payment_text, "p%u", client->payment);
	client->ask.payment_ref = text_of(client->payment_text);
}

static enum ask_kind of_order(struct world *world)
{
	if (dice_percent(&world->people, world->plan.cancel_percent))
		return ASK_CANCEL;
	return dice_percent(&world->people, 65) ? ASK_CONFIRM : ASK_ORDER;
}

/* Mostly a recent one; now and then one of long ago, or none at all. */
static void ask_of_order(struct world *world, struct client *client)
{
	struct dice *dice = &world->people;
	uint32_t known = world->known_count < KNOWN_MAX ? world->known_count : KNOWN_MAX;
	begin(world, client, of_order(world));
	uint32_t back = dice_percent(dice, 60) ? dice_below(dice, known < 6 ? known : 6) : dice_below(dice, known);
	const struct known_order *order = &world->known[(world->known_count - 1 - back) % KNOWN_MAX];
	client->ask.order = order->order;
	if (dice_one_in(dice, 60))
		client->ask.order = 1 + dice_below(dice, (uint32_t)order->order + 50);
	client->ask.owner_only = dice_percent(dice, 50);
	if (client->ask.owner_only) {
		bool another = dice_one_in(dice, 12);
		set_buyer(world, client, another ? dice_below(dice, world->plan.buyers) : order->buyer);
	}
	if (client->ask.kind == ASK_CONFIRM)
		set_payment(world, client);
}

/* ---- operators ---- */

static void ask_create(struct world *world, struct client *client)
{
	bool next = world->drops_asked < world->plan.drops && dice_percent(&world->people, 70);
	begin(world, client, ASK_DROP_CREATE);
	client->drop = next ? world->drops_asked++ : dice_below(&world->people, world->drops_asked);
	client->spec = !next && dice_percent(&world->people, 50);
	client->ask.spec = &world->specs[client->drop][client->spec];
}

static void ask_on_api_keys(struct world *world, struct client *client)
{
	static const char *const names[] = {"i0", "i1", "i2", "i3", "i4"};
	bool create = dice_percent(&world->people, 60);
	uint32_t which = dice_below(&world->people, 5);
	begin(world, client, create ? ASK_KEY_CREATE : ASK_KEY_REVOKE);
	client->spec = which;
	client->ask.key_id = text_of(names[which]);
	client->ask.key_name = TEXT("a till");
	client->ask.key_role = ROLE_SHOP;
}

static void ask_on_drop(struct world *world, struct client *client)
{
	static const enum ask_kind kinds[] = {ASK_DROP_OPEN,    ASK_DROP_OPEN,    ASK_DROP_OPEN,   ASK_DROP_OPEN,
	                                      ASK_DROP_PAUSE,   ASK_DROP_RESUME,  ASK_DROP_RESUME, ASK_DROP_RESTOCK,
	                                      ASK_DROP_RESTOCK, ASK_DROP_CLOSING, ASK_DROP_CLOSE,  ASK_DROP_ARCHIVE};
	struct dice *dice = &world->people;
	uint32_t which = dice_below(dice, 12);
	if (which > 8 && dice_percent(dice, 60)) /* what ends a sale is rarer */
		which = dice_below(dice, 9);
	begin(world, client, kinds[which]);
	set_drop(world, client, any_drop(world));
	client->sku[0] = 0;
	if (client->ask.kind == ASK_DROP_RESTOCK) {
		uint32_t count = client->drop == NOBODY ? 1 : world->specs[client->drop][0].sku_count;
		client->sku[0] = dice_one_in(dice, 30) ? NOBODY : dice_below(dice, count);
		client->ask.line[0].sku =
		    text_of(client->sku[0] == NOBODY ? UNKNOWN_NAME : world->sku_names[client->sku[0]]);
		client->ask.restock = (int64_t)dice_below(dice, 30) - 8;
	}
	client->ask.closes_at.ms = client->ask.kind == ASK_DROP_CLOSING ? some_time(world, dice, 30) : 0;
}

static void ask_as_operator(struct world *world, struct client *client)
{
	uint32_t what = dice_below(&world->people, 20);
	if (what == 0)
		ask_on_api_keys(world, client);
	else if (what < 5)
		ask_create(world, client);
	else if (what == 5 && dice_one_in(&world->people, 4)) {
		begin(world, client, ASK_RULES);
		client->ask.rules_number = 1;
		return;
	} else
		ask_on_drop(world, client);
	if (client->ask.kind != ASK_DROP_CREATE && dice_percent(&world->people, 50)) {
		bool again = world->admin_keys && dice_percent(&world->people, 20);
		set_key(client, 'a', again ? dice_from(&world->people, 1, world->admin_keys) : ++world->admin_keys);
	}
}

/* ---- a request ---- */

static void ask_anew(struct world *world, struct client *client)
{
	struct dice *dice = &world->people;
	if (world->drops_asked < world->plan.drops_first)
		ask_create(world, client);
	else if (dice_percent(dice, world->plan.operator_percent))
		ask_as_operator(world, client);
	else if (world->known_count && dice_percent(dice, world->plan.crowd ? 12 : 40))
		ask_of_order(world, client);
	else
		ask_claim(world, client);
}

void people_ask(struct world *world)
{
	uint32_t first = dice_below(&world->people, world->plan.clients);
	for (uint32_t i = 0; i < world->plan.clients; i++) {
		struct client *client = &world->clients[(first + i) % world->plan.clients];
		if (client->state != CLIENT_IDLE && client->state != CLIENT_AGAIN)
			continue;
		if (client->state == CLIENT_AGAIN) {
			world_count(world, KIND_client_again);
			client->server = dice_below(&world->people, world->plan.servers);
			client->ask.store_asked = client->ask.eligible = client->ask.not_eligible = false;
		} else {
			ask_anew(world, client);
		}
		client_submit(world, client);
		return;
	}
}
