/* What people are told: each answer is held against the disk (P3) and against what was told before (P4), and written
 * down for the audit.
 */
#include "world.h"

#define TRIES_MAX 6

/* ---- what is written down ---- */

static enum told_kind told_kind_of(enum ask_kind kind)
{
	static const enum told_kind kinds[] = {
	    [ASK_CLAIM] = TOLD_CLAIM,           [ASK_CONFIRM] = TOLD_CONFIRM,
	    [ASK_CANCEL] = TOLD_CANCEL,         [ASK_ORDER] = TOLD_READ,
	    [ASK_DROP_CREATE] = TOLD_CREATE,    [ASK_DROP_OPEN] = TOLD_OPEN,
	    [ASK_DROP_PAUSE] = TOLD_PAUSE,      [ASK_DROP_RESUME] = TOLD_RESUME,
	    [ASK_DROP_CLOSE] = TOLD_CLOSE,      [ASK_DROP_CLOSING] = TOLD_CLOSING,
	    [ASK_DROP_RESTOCK] = TOLD_RESTOCK,  [ASK_DROP_ARCHIVE] = TOLD_ARCHIVE,
	    [ASK_KEY_CREATE] = TOLD_KEY_CREATE, [ASK_KEY_REVOKE] = TOLD_KEY_REVOKE,
	    [ASK_RULES] = TOLD_RULES,
	};
	return kinds[kind];
}

static struct told *write_down(struct world *world, const struct client *client)
{
	const struct ask *ask = &client->ask;
	const struct answer *answer = &ask->answer;
	must(world->told_count < TOLD_MAX);
	struct told *told = &world->told[world->told_count++];
	*told = (struct told){.basis = answer->basis,
	                      .counter = ask->counter,
	                      .arrival = client->arrival,
	                      .server_life = world->servers[client->server].life << 1 | client->server,
	                      .kind = told_kind_of(ask->kind),
	                      .verdict = answer->verdict,
	                      .now = client->told_now,
	                      .drop = client->drop,
	                      .buyer = client->buyer,
	                      .key = client->key,
	                      .payment = client->payment,
	                      .spec = client->spec,
	                      .line_count = ask->line_count,
	                      .order = ask->order,
	                      .owner_only = ask->owner_only,
	                      .has_order = answer->has_order};
	for (uint32_t i = 0; i < ask->line_count; i++)
		told->line[i] = (struct told_line){client->sku[i], ask->line[i].quantity};
	if (ask->kind == ASK_DROP_RESTOCK) {
		told->line[0].sku = client->sku[0];
		told->number = ask->restock;
	}
	if (ask->kind == ASK_DROP_CLOSING)
		told->number = ask->closes_at.ms;
	if (answer->has_order) {
		told->answer_order = answer->order.sequence;
		told->status = answer->order.status;
		told->position = answer->order.position;
		told->hold_until = answer->order.hold_until.ms;
	}
	world->counts->told++;
	return told;
}

/* ---- promises ---- */

/* P3: what the answer rests on is on the disk, whatever the journal says. */
static void check_durable(struct world *world, const struct ask *ask)
{
	uint64_t truth = world->disk ? sim_disk_truth(world->disk) : log_durable(world->memory_log);
	if (ask->answer.basis > truth)
		world_fail(world, "P3: an answer (%s) rests on record %llu, and only %llu are synced",
		           verdict_row(ask->answer.verdict)->name, (unsigned long long)ask->answer.basis,
		           (unsigned long long)truth);
	if (ask->answer.basis > world->promised)
		world->promised = ask->answer.basis;
}

/* P4: the same key, the same order. */
static void check_key(struct world *world, const struct client *client, uint64_t order)
{
	if (client->key == NOBODY || client->drop == NOBODY)
		return;
	uint64_t *known = map_at(&world->order_of_key, key_of_claim(client->drop, client->buyer, client->key));
	if (*known && *known != order)
		world_fail(world, "P4: key k%u of b%u in d%u had order %llu, and now has %llu", client->key,
		           client->buyer, client->drop, (unsigned long long)*known, (unsigned long long)order);
	*known = order;
}

/* ---- what a client does with it ---- */

static void know_order(struct world *world, const struct client *client, uint64_t order)
{
	world->known[world->known_count++ % KNOWN_MAX] = (struct known_order){order, client->drop, client->buyer};
}

static void hear_order(struct world *world, struct client *client)
{
	const struct answer *answer = &client->ask.answer;
	uint64_t order = answer->order.sequence;
	struct text buyer = {answer->order.buyer, answer->order.buyer_size};
	if (!answer->has_order || !text_is(buyer, client->ask.buyer))
		world_fail(world, "a granted claim's answer is not about its buyer's order");
	check_key(world, client, order);
	know_order(world, client, order);
	world->counts->grants += answer->verdict == VERDICT_GRANTED;
	client->state = CLIENT_IDLE;
}

/* No answer, or one that tells nothing: whoever has a key asks the same again. */
static void try_again(struct client *client)
{
	bool again = client->key != NOBODY && ++client->tries < TRIES_MAX;
	client->state = again ? CLIENT_AGAIN : CLIENT_IDLE;
}

static void go_to_store(struct world *world, struct client *client)
{
	world_count(world, KIND_asked_store);
	client->state = CLIENT_AT_STORE;
}

static void hear_check_first(struct world *world, struct client *client)
{
	bool eligible = dice_percent(&world->people, 80);
	client->ask.eligible = eligible;
	client->ask.not_eligible = !eligible;
	client_submit(world, client);
}

static bool tells_nothing(enum verdict verdict)
{
	return verdict == VERDICT_OVERLOADED || verdict == VERDICT_LOG_UNAVAILABLE ||
	       verdict == VERDICT_UNKNOWN_OUTCOME || verdict == VERDICT_STALE || verdict == VERDICT_LATE;
}

/* An answer that says "unknown outcome" was not seen to be filled: it looks like none. */
static void forget_asked(struct world *world, const struct client *client)
{
	uint32_t which = (uint32_t)(client - world->clients);
	for (uint32_t i = 0; i < world->asked_count; i++)
		if (world->asked[i] == which)
			world->asked[i--] = world->asked[--world->asked_count];
}

static void hear(struct world *world, struct client *client)
{
	struct ask *ask = &client->ask;
	enum verdict verdict = ask->answer.verdict;
	if (verdict == VERDICT_CHECK_FIRST) {
		hear_check_first(world, client);
		return;
	}
	if (verdict == VERDICT_ASK_STORE) {
		go_to_store(world, client);
		return;
	}
	if (verdict == VERDICT_LATE && ask->counter)
		write_down(world, client);
	if (verdict == VERDICT_UNKNOWN_OUTCOME)
		forget_asked(world, client);
	if (tells_nothing(verdict)) {
		try_again(client);
		return;
	}
	write_down(world, client);
	client->state = CLIENT_IDLE;
	if (ask->kind == ASK_CLAIM && (verdict == VERDICT_GRANTED || verdict == VERDICT_REPLAYED))
		hear_order(world, client);
	if (ask->kind == ASK_CONFIRM && verdict == VERDICT_UNKNOWN_ORDER && ask->answer.left && !ask->store_asked)
		go_to_store(world, client);
}

void people_hear(struct world *world, struct server *server, struct ask_list *released)
{
	for (struct ask *ask; (ask = ask_list_take(released));) {
		struct client *client = client_of(ask);
		enum verdict verdict = ask->answer.verdict;
		world->counts->verdicts[verdict]++;
		world->steps++;
		world_mix(world, (uint64_t)verdict << 48 | ask->answer.basis << 8 | ask->answer.order.status);
		check_durable(world, ask);
		hear(world, client);
	}
}

/* Which of those that were asked have their answer filled in this step: the time of it is wanted later. */
void people_see_answers(struct world *world, const struct server *server)
{
	int64_t now = server_now(world, server).ms;
	uint32_t which = (uint32_t)(server - world->servers);
	for (uint32_t i = 0; i < world->asked_count;) {
		struct client *client = &world->clients[world->asked[i]];
		if (client->server != which || client->ask.answer.verdict == VERDICT_UNKNOWN_OUTCOME) {
			i++;
			continue;
		}
		client->told_now = now;
		world->asked[i] = world->asked[--world->asked_count];
	}
}

/* ---- the server is gone ---- */

void people_lose(struct world *world, uint32_t server)
{
	for (uint32_t i = 0; i < world->asked_count;) {
		if (world->clients[world->asked[i]].server == server)
			world->asked[i] = world->asked[--world->asked_count];
		else
			i++;
	}
	for (uint32_t i = 0; i < world->plan.clients; i++) {
		struct client *client = &world->clients[i];
		if (client->server != server || client->state != CLIENT_ASKED)
			continue;
		world_count(world, KIND_client_lost);
		try_again(client);
	}
}

/* ---- the store ---- */

static void answer_from_store(struct world *world, struct client *client, uint64_t order)
{
	check_key(world, client, order);
	struct told *told = write_down(world, client);
	told->kind = TOLD_BY_STORE;
	told->basis = order;
	told->answer_order = order;
	client->state = CLIENT_IDLE;
}

static void look_up_key(struct world *world, struct client *client)
{
	uint64_t *order = map_find(&world->follower.by_key, key_of_claim(client->drop, client->buyer, client->key));
	if (order) {
		answer_from_store(world, client, *order);
		return;
	}
	client->ask.store_asked = true;
	client_submit(world, client);
}

/* What the store knows of an order: its number, and whether it was sold at once, paid, gone. */
static void look_up_order(struct world *world, struct client *client)
{
	uint64_t *row = map_find(&world->follower.by_order, client->ask.order);
	client->state = CLIENT_IDLE;
	if (!row)
		return;
	world_count(world, KIND_paid_left);
	client->ask.store_asked = true;
	client->ask.unpaid = (*row & 1) && !(*row & 2);
	client_submit(world, client);
}

void people_look_in_store(struct world *world)
{
	for (uint32_t i = 0; i < world->plan.clients; i++) {
		struct client *client = &world->clients[i];
		if (client->state != CLIENT_AT_STORE || client->ask.answer.basis > world->follower.position)
			continue;
		if (client->ask.kind == ASK_CLAIM)
			look_up_key(world, client);
		else
			look_up_order(world, client);
	}
}
