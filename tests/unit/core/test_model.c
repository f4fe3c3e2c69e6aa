/* A naive model beside the core: arrays, no tables, no lists, written from DESIGN §4 and §5 alone. Random plays from a
 * seed; after every record both must say the same, and the core's promises must hold.
 */
#include "play.h"

#include <stdlib.h>

#define DROPS 4
#define SKUS 3
#define BUYERS 12
#define ORDERS 6000

struct model_order {
	uint64_t sequence;
	int drop, buyer, key; /* key 0: none */
	int64_t created, deadline;
	enum order_status status;
	char payment[8];
	uint32_t quantity[SKUS];
};

struct model {
	uint32_t stock[DROPS][SKUS];
	bool opened[DROPS], paused[DROPS], closed[DROPS];
	struct model_order orders[ORDERS];
	int count;
};

static const uint32_t limits[DROPS] = {1, 3, 0, 2};
static const uint32_t holds[DROPS] = {20, 0, 35, 50};
static const char *const drop_ids[DROPS] = {"d0", "d1", "d2", "d3"};

static uint64_t random_state;

static uint32_t roll(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 11) % below);
}

static void model_expire(struct model *model, int64_t now)
{
	for (int i = 0; i < model->count; i++)
		if (model->orders[i].status == ORDER_PENDING && model->orders[i].deadline <= now)
			model->orders[i].status = ORDER_EXPIRED;
}

static uint32_t model_taken(const struct model *model, int drop, int sku, bool held, bool sold)
{
	uint32_t sum = 0;
	for (int i = 0; i < model->count; i++) {
		const struct model_order *order = &model->orders[i];
		if (order->drop == drop &&
		    ((held && order->status == ORDER_PENDING) || (sold && order->status == ORDER_COMPLETED)))
			sum += order->quantity[sku];
	}
	return sum;
}

static enum verdict model_stock(const struct model *model, int drop, const uint32_t quantity[SKUS])
{
	enum verdict verdict = VERDICT_GRANTED;
	for (int sku = 0; sku < SKUS; sku++) {
		uint32_t sold = model_taken(model, drop, sku, false, true),
			 held = model_taken(model, drop, sku, true, false);
		if (quantity[sku] == 0 || quantity[sku] + sold + held <= model->stock[drop][sku])
			continue;
		if (quantity[sku] + sold > model->stock[drop][sku])
			return VERDICT_SOLD_OUT;
		verdict = VERDICT_ALL_HELD;
	}
	return verdict;
}

static enum verdict model_claim(struct model *model, uint64_t sequence, int64_t now, int drop, int buyer, int key,
                                const uint32_t quantity[SKUS])
{
	uint32_t units = 0, asked = 0, orders = 0;
	for (int i = 0; i < model->count; i++) {
		const struct model_order *order = &model->orders[i];
		if (order->drop != drop || order->buyer != buyer)
			continue;
		if (key && order->key == key)
			return memcmp(order->quantity, quantity, sizeof order->quantity) == 0 ? VERDICT_REPLAYED
			                                                                      : VERDICT_KEY_REUSED;
		orders++;
		for (int sku = 0; sku < SKUS; sku++)
			units += order->status <= ORDER_COMPLETED ? order->quantity[sku] : 0;
	}
	for (int sku = 0; sku < SKUS; sku++)
		asked += quantity[sku];
	if (limits[drop] && units + asked > limits[drop])
		return VERDICT_LIMIT_REACHED;
	if (orders >= (limits[drop] ? ORDERS_PER_BUYER_MAX : ORDERS_PER_BUYER_ALWAYS_ON_MAX))
		return VERDICT_TOO_MANY_ORDERS;
	if (model->closed[drop])
		return VERDICT_CLOSED;
	if (!model->opened[drop])
		return VERDICT_NOT_OPEN;
	if (model->paused[drop])
		return VERDICT_PAUSED;
	enum verdict verdict = model_stock(model, drop, quantity);
	if (verdict != VERDICT_GRANTED)
		return verdict;
	struct model_order *order = &model->orders[model->count++];
	*order = (struct model_order){.sequence = sequence, .drop = drop, .buyer = buyer, .key = key, .created = now};
	order->deadline = now + (int64_t)holds[drop] * 1000;
	order->status = holds[drop] ? ORDER_PENDING : ORDER_COMPLETED;
	memcpy(order->quantity, quantity, sizeof order->quantity);
	return VERDICT_GRANTED;
}

static void play_random_claim(struct play *play, struct model *model)
{
	char buyer[16], key[16];
	int drop = (int)roll(DROPS), who = (int)roll(BUYERS), with_key = roll(3) ? 0 : 1 + (int)roll(4);
	uint32_t quantity[SKUS] = {0};
	snprintf(buyer, sizeof buyer, "b%d", who);
	snprintf(key, sizeof key, "k%d", with_key);
	struct command claim = play_claim_command(play, drop_ids[drop], buyer, with_key ? key : "", 0, 1);
	claim.claim.line_count = 1 + roll(SKUS);
	uint32_t first = roll(SKUS);
	for (uint32_t i = 0; i < claim.claim.line_count; i++) {
		claim.claim.line[i] = (struct claim_line){(first + i) % SKUS, 1 + (roll(4) == 0)};
		quantity[claim.claim.line[i].sku] = claim.claim.line[i].quantity;
	}
	/* The core compares lines in their order; the model knows none, so a key's lines always come in one order. */
	if (with_key) {
		claim.claim.line_count = 1;
		memset(quantity, 0, sizeof quantity);
		quantity[claim.claim.line[0].sku] = claim.claim.line[0].quantity;
	}
	enum verdict expected = model_claim(model, play->sequence + 1, play->now, drop, who, with_key, quantity);
	assert_int_equal(play_apply(play, &claim), 0);
	assert_int_equal(play->outcome.verdict, expected);
}

static void play_random_order(struct play *play, struct model *model)
{
	if (!model->count)
		return;
	struct model_order *order = &model->orders[roll((uint32_t)model->count)];
	if (roll(2)) {
		enum verdict expected = order->status == ORDER_PENDING    ? VERDICT_DONE
		                        : order->status == ORDER_CANCELED ? VERDICT_SAME
		                                                          : VERDICT_WRONG_STATE;
		if (order->status == ORDER_PENDING)
			order->status = ORDER_CANCELED;
		assert_int_equal(play_cancel(play, order->sequence), expected);
		return;
	}
	char payment[8];
	snprintf(payment, sizeof payment, "p%u", roll(3));
	enum verdict expected = VERDICT_REFUND_DUE;
	if (order->status == ORDER_PENDING || (order->status == ORDER_COMPLETED && !order->payment[0])) {
		expected = VERDICT_DONE;
		order->status = ORDER_COMPLETED;
		memcpy(order->payment, payment, sizeof payment);
	} else if (order->status == ORDER_COMPLETED && strcmp(order->payment, payment) == 0) {
		expected = VERDICT_SAME;
	}
	assert_int_equal(play_confirm(play, order->sequence, payment), expected);
}

static void play_random_restock(struct play *play, struct model *model)
{
	int drop = (int)roll(DROPS), sku = (int)roll(SKUS);
	int64_t by = (int64_t)roll(5) - 2, stock = model->stock[drop][sku] + by;
	struct command restock = {.kind = COMMAND_DROP_RESTOCK,
	                          .drop = {.drop = (uint32_t)drop, .sku = (uint32_t)sku, .quantity = by}};
	bool fits = !model->closed[drop] && stock >= model_taken(model, drop, sku, true, true);
	if (fits)
		model->stock[drop][sku] = (uint32_t)stock;
	assert_int_equal(play_apply(play, &restock), 0);
	assert_int_equal(play->outcome.verdict, fits ? VERDICT_DONE : VERDICT_WRONG_STATE);
}

static void play_random_administration(struct play *play, struct model *model)
{
	int drop = (int)roll(DROPS);
	if (!model->opened[drop]) {
		play_on_drop(play, COMMAND_DROP_OPEN, drop_ids[drop]);
		model->opened[drop] = !model->closed[drop];
	} else if (roll(2)) {
		play_on_drop(play, model->paused[drop] ? COMMAND_DROP_RESUME : COMMAND_DROP_PAUSE, drop_ids[drop]);
		if (!model->closed[drop])
			model->paused[drop] = !model->paused[drop];
	} else if (roll(60) == 0) {
		play_on_drop(play, COMMAND_DROP_CLOSE, drop_ids[drop]);
		model->closed[drop] = true;
	}
}

static void compare(const struct play *play, const struct model *model)
{
	struct error error;
	if (core_check(play->core, &error) != 0)
		fail_msg("%s", error.text);
	for (int drop = 0; drop < DROPS; drop++)
		for (int sku = 0; sku < SKUS; sku++) {
			struct sku_view view = play_sku(play, drop_ids[drop], (uint32_t)sku);
			assert_int_equal(view.stock, model->stock[drop][sku]);
			assert_int_equal(view.held, model_taken(model, drop, sku, true, false));
			assert_int_equal(view.sold, model_taken(model, drop, sku, false, true));
		}
	for (int i = 0; i < model->count; i++)
		assert_int_equal(play_status(play, model->orders[i].sequence), model->orders[i].status);
}

static void play_from_seed(uint64_t seed, int steps)
{
	static struct model model;
	struct play play = play_begin();
	memset(&model, 0, sizeof model);
	random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (int drop = 0; drop < DROPS; drop++) {
		play_create(&play, (struct play_drop){drop_ids[drop], 3 + roll(8), limits[drop], holds[drop],
		                                      KEEP_SECONDS_MAX, 0, 0, SKUS});
		for (int sku = 0; sku < SKUS; sku++)
			model.stock[drop][sku] = play_sku(&play, drop_ids[drop], (uint32_t)sku).stock;
	}
	for (int step = 0; step < steps; step++) {
		play.now += roll(3) ? roll(400) : roll(20000);
		model_expire(&model, play.now);
		uint32_t what = roll(100);
		if (what < 60)
			play_random_claim(&play, &model);
		else if (what < 85)
			play_random_order(&play, &model);
		else if (what < 92)
			play_random_restock(&play, &model);
		else if (what < 97)
			play_random_administration(&play, &model);
		else
			play_tick(&play);
		if (step % 50 == 0) {
			play_tick(&play);
			compare(&play, &model);
		}
	}
	compare(&play, &model);
	play_end(&play);
}

static void the_core_says_what_a_naive_model_says(void **state)
{
	uint64_t first = 1, count = 40;
	if (getenv("SEED")) {
		first = strtoull(getenv("SEED"), NULL, 10);
		count = 1;
	}
	for (uint64_t seed = first; seed < first + count; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		play_from_seed(seed, 1500);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_core_says_what_a_naive_model_says)};
	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
