/* Thousands of random steps from a seed: claims, confirmations, cancellations, readings, restocks, over a log that is
 * slow, loses its end, doubles, swaps and takes only some, with restarts in between.
 *
 * What was acknowledged is written down here, in the plainest way, and held against the ledger: an order told once is
 * there for good and is told the same again; what was confirmed fits the stock, and each buyer's limit; at the end
 * every unit is where some order says it is, and the log folded again gives the same state.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "play.h"

#define DROPS 3
#define BUYERS 12
#define KEYS 3
#define STEPS 1200
#define LIMIT 4

static const char *const drop_ids[DROPS] = {"d0", "d1", "d2"};
static const char *const sku_ids[2] = {"s", "m"};
static char buyer_names[BUYERS][4], key_names[KEYS][4];

/* What was told. */
struct told_order {
	uint64_t sequence;
	int drop, buyer, key; /* key -1: none */
	uint32_t quantity[2];
	bool confirmed, canceled;
};

struct told {
	struct told_order orders[PLAY_RECORDS_MAX];
	uint32_t count;
	uint64_t by_key[DROPS][BUYERS][KEYS]; /* the order of a key */
	uint32_t seen;                        /* answers looked at */
	int64_t stock[DROPS][2];
};

static uint64_t random_state;

static uint32_t any(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 11) % below);
}

static int index_of(const char *const *names, int count, struct text text)
{
	for (int i = 0; i < count; i++)
		if (text_is(text_of(names[i]), text))
			return i;
	return -1;
}

static int number_of(struct text text)
{
	return text.size ? atoi(text.at + 1) : -1;
}

/* ---- what is asked ---- */

static void ask_claim(struct play *play)
{
	uint32_t key = any(KEYS + 3);
	struct ask *ask = play_claim(play, drop_ids[any(DROPS)], buyer_names[any(BUYERS)],
	                             key < KEYS ? key_names[key] : NULL, 1 + any(2));
	uint32_t first = any(2);
	ask->line[0].sku = text_of(sku_ids[first]);
	ask->store_asked = true;
	if (any(5) == 0) {
		ask->line_count = 2;
		ask->line[1] = (struct ask_line){text_of(sku_ids[1 - first]), 1};
	}
}

static void ask_of_order(struct play *play, const struct told *told)
{
	static const enum ask_kind kinds[] = {ASK_CONFIRM, ASK_CONFIRM, ASK_CANCEL, ASK_ORDER};
	if (told->count == 0)
		return;
	uint32_t recent = told->count < 40 ? told->count : 40;
	play_of_order(play, kinds[any(4)], told->orders[told->count - 1 - any(recent)].sequence);
}

static void ask_restock(struct play *play)
{
	struct ask *ask = play_ask(play, ASK_DROP_RESTOCK);
	ask->drop = text_of(drop_ids[any(DROPS)]);
	ask->line[0].sku = text_of(sku_ids[any(2)]);
	ask->restock = (int64_t)any(12) - 4;
}

static void ask_something(struct play *play, const struct told *told)
{
	for (uint32_t i = any(6); i; i--) {
		uint32_t what = any(20);
		if (what == 0)
			ask_restock(play);
		else if (what < 8)
			ask_of_order(play, told);
		else
			ask_claim(play);
	}
}

/* ---- what was answered ---- */

static struct told_order *find_told(struct told *told, uint64_t sequence)
{
	for (uint32_t i = 0; i < told->count; i++)
		if (told->orders[i].sequence == sequence)
			return &told->orders[i];
	return NULL;
}

static void hear_grant(struct told *told, const struct ask *ask)
{
	const struct answer_order *order = &ask->answer.order;
	int drop = index_of(drop_ids, DROPS, ask->drop), buyer = number_of(ask->buyer), key = number_of(ask->key);
	struct told_order *known = find_told(told, order->sequence);
	if (ask->answer.verdict == VERDICT_GRANTED)
		assert_null(known); /* an order is granted once */
	if (!known) {
		known = &told->orders[told->count++];
		*known = (struct told_order){.sequence = order->sequence, .drop = drop, .buyer = buyer, .key = key};
		for (uint32_t i = 0; i < order->line_count; i++)
			known->quantity[order->sku[i][0] == 'm'] += order->quantity[i];
	}
	assert_int_equal(known->drop, drop);
	assert_int_equal(known->buyer, buyer);
	uint32_t asked = 0;
	for (uint32_t i = 0; i < ask->line_count; i++)
		asked += ask->line[i].quantity;
	assert_int_equal(known->quantity[0] + known->quantity[1], asked);
	if (key < 0)
		return;
	uint64_t *by_key = &told->by_key[drop][buyer][key];
	assert_true(*by_key == 0 || *by_key == order->sequence);
	*by_key = order->sequence;
}

static void hear_of_order(struct told *told, const struct ask *ask)
{
	struct told_order *order = find_told(told, ask->order);
	enum verdict verdict = ask->answer.verdict;
	bool went = verdict == VERDICT_DONE || verdict == VERDICT_SAME;
	assert_non_null(order);
	assert_int_not_equal(verdict, VERDICT_UNKNOWN_ORDER); /* nothing leaves in this play */
	if (ask->kind == ASK_CONFIRM && went)
		order->confirmed = true;
	if (ask->kind == ASK_CANCEL && went)
		order->canceled = true;
	assert_false(order->confirmed && order->canceled);
	if (verdict == VERDICT_FOUND && order->confirmed)
		assert_int_equal(ask->answer.order.status, ORDER_COMPLETED);
	if (verdict == VERDICT_FOUND && order->canceled)
		assert_int_equal(ask->answer.order.status, ORDER_CANCELED);
}

static void hear_restock(struct told *told, const struct ask *ask)
{
	if (ask->answer.verdict == VERDICT_DONE)
		told->stock[index_of(drop_ids, DROPS, ask->drop)][ask->line[0].sku.at[0] == 'm'] += ask->restock;
}

static void hear_answers(struct play *play, struct told *told)
{
	for (; told->seen < play->released_count; told->seen++) {
		const struct ask *ask = play->released[told->seen];
		enum verdict verdict = ask->answer.verdict;
		if (ask->kind == ASK_CLAIM && (verdict == VERDICT_GRANTED || verdict == VERDICT_REPLAYED))
			hear_grant(told, ask);
		else if (ask->kind == ASK_CONFIRM || ask->kind == ASK_CANCEL || ask->kind == ASK_ORDER)
			hear_of_order(told, ask);
		else if (ask->kind == ASK_DROP_RESTOCK)
			hear_restock(told, ask);
	}
}

/* ---- the log's moods ---- */

static bool may_be_spoiled(const struct play *play, uint32_t index)
{
	return index >= play->echoed && play->records[index].sequence > play->durable;
}

static void lose_end(struct play *play)
{
	if (play->record_count && may_be_spoiled(play, play->record_count - 1))
		free(play->records[--play->record_count].bytes);
}

static void double_end(struct play *play)
{
	struct play_record *last = &play->records[play->record_count - 1];
	last[1] = (struct play_record){last->sequence + 1, last->time, malloc(last->size), last->size};
	memcpy(last[1].bytes, last->bytes, last->size);
	play->record_count++;
}

static void swap_end(struct play *play)
{
	if (play->record_count < 2 || !may_be_spoiled(play, play->record_count - 2))
		return;
	struct play_record *a = &play->records[play->record_count - 2], *b = a + 1, was = *a;
	a->bytes = b->bytes;
	a->size = b->size;
	b->bytes = was.bytes;
	b->size = was.size;
}

static void be_moody(struct play *play)
{
	switch (any(12)) {
	case 0:
		lose_end(play);
		break;
	case 1:
		double_end(play);
		break;
	case 2:
		swap_end(play);
		break;
	case 3:
		play->hold_echoes = !play->hold_echoes;
		break;
	case 4:
		play->append_max = any(3) ? UINT32_MAX : any(4);
		break;
	case 5:
		play->room = any(4) ? LOG_ROOM_ALL : LOG_ROOM_RESERVE;
		break;
	default:
		break;
	}
}

static void let_durable_move(struct play *play)
{
	uint64_t last = play->echoed ? play->records[play->echoed - 1].sequence : 0;
	if (last > play->durable)
		play->durable += any((uint32_t)(last - play->durable) + 1);
}

static void restart(struct play *play)
{
	play->append_max = UINT32_MAX;
	play->hold_echoes = false;
	play->room = LOG_ROOM_ALL;
	play_restart(play);
	play_round(play);
	assert_true(ledger_is_ready(play->ledger));
}

/* ---- the end ---- */

static void fits_what_was_told(struct play *play, const struct told *told)
{
	int64_t confirmed[DROPS][2] = {0}, of_buyer[DROPS][BUYERS] = {0};
	for (uint32_t i = 0; i < told->count; i++) {
		const struct told_order *order = &told->orders[i];
		struct order_view view;
		assert_true(core_order_view(play->core, order->sequence, play->now, &view));
		assert_int_equal(view.drop, order->drop);
		if (order->confirmed)
			assert_int_equal(view.status, ORDER_COMPLETED);
		if (order->canceled)
			assert_int_equal(view.status, ORDER_CANCELED);
		for (int sku = 0; sku < 2 && order->confirmed; sku++) {
			confirmed[order->drop][sku] += order->quantity[sku];
			of_buyer[order->drop][order->buyer] += order->quantity[sku];
		}
	}
	for (int drop = 0; drop < DROPS; drop++) {
		for (int sku = 0; sku < 2; sku++) {
			struct sku_view view;
			core_sku_view(play->core, (uint32_t)drop, (uint32_t)sku, &view);
			assert_true(confirmed[drop][sku] <= view.stock);
		}
		for (int buyer = 0; buyer < BUYERS; buyer++)
			assert_true(of_buyer[drop][buyer] <= LIMIT);
	}
}

static void every_unit_is_in_some_order(struct play *play)
{
	uint64_t held[DROPS][2] = {0}, sold[DROPS][2] = {0};
	for (uint64_t sequence = 1; sequence <= core_sequence(play->core); sequence++) {
		struct order_view view;
		if (!core_order_view(play->core, sequence, play->now, &view))
			continue;
		for (uint32_t i = 0; i < view.line_count; i++) {
			if (view.status == ORDER_PENDING)
				held[view.drop][view.line[i].sku] += view.line[i].quantity;
			else if (view.status == ORDER_COMPLETED)
				sold[view.drop][view.line[i].sku] += view.line[i].quantity;
		}
	}
	for (uint32_t drop = 0; drop < DROPS; drop++) {
		for (uint32_t sku = 0; sku < 2; sku++) {
			struct sku_view view;
			core_sku_view(play->core, drop, sku, &view);
			assert_int_equal(view.held, held[drop][sku]);
			assert_int_equal(view.sold, sold[drop][sku]);
		}
	}
}

static void the_views_are_the_state(struct play *play)
{
	for (uint32_t drop = 0; drop < DROPS; drop++) {
		struct drop_view seen, is;
		struct sku_view seen_sku[2], is_sku;
		assert_true(views_drop(play->views, drop, play->now, &seen, 0, 2, seen_sku));
		core_drop_view(play->core, drop, play->now, &is);
		assert_int_equal(seen.granted, is.granted);
		assert_int_equal(seen.state, is.state);
		assert_memory_equal(seen.counts, is.counts, sizeof is.counts);
		for (uint32_t sku = 0; sku < 2; sku++) {
			core_sku_view(play->core, drop, sku, &is_sku);
			assert_int_equal(seen_sku[sku].stock, is_sku.stock);
			assert_int_equal(seen_sku[sku].held, is_sku.held);
			assert_int_equal(seen_sku[sku].sold, is_sku.sold);
		}
	}
}

static void folding_again_gives_the_same(struct play *play)
{
	uint8_t before[BLAKE_SIZE], after[BLAKE_SIZE];
	struct error error;
	assert_int_equal(core_check(play->core, &error), 0);
	core_state_hash(play->core, before);
	play_restart(play);
	core_state_hash(play->core, after);
	assert_memory_equal(before, after, BLAKE_SIZE);
}

/* ---- the play ---- */

static void set_up(struct play *play)
{
	for (int i = 0; i < DROPS; i++) {
		struct sku_spec skus[2] = {{.id = text_of(sku_ids[0]), .stock = 10},
		                           {.id = text_of(sku_ids[1]), .stock = 6}};
		struct drop_spec spec = {.id = text_of(drop_ids[i]),
		                         .limit_per_buyer = LIMIT,
		                         .hold_seconds = (uint32_t)i, /* the first sells at once */
		                         .keep_seconds = KEEP_SECONDS_MAX,
		                         .opens_at = WALL_NEVER,
		                         .closes_at = {WALL_MAX_MS},
		                         .sku_count = 2,
		                         .skus = skus};
		play_drop_of(play, &spec, true);
	}
}

static void play_from(uint64_t seed)
{
	struct play *play = play_prepare();
	struct told *told = calloc(1, sizeof *told);
	assert_non_null(told);
	random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	play->limits.orders = 16384;
	play_begin(play);
	play_round(play);
	set_up(play);
	for (uint32_t step = 0; step < STEPS; step++) {
		ask_something(play, told);
		play->now.ms += any(40);
		play_step(play);
		hear_answers(play, told);
		be_moody(play);
		let_durable_move(play);
		if (any(500) == 0) {
			restart(play);
			hear_answers(play, told);
		}
	}
	restart(play);
	hear_answers(play, told);
	play_round(play);
	fits_what_was_told(play, told);
	every_unit_is_in_some_order(play);
	the_views_are_the_state(play);
	folding_again_gives_the_same(play);
	assert_true(told->count > 100); /* something was sold, and came back, and was sold again */
	free(told);
	play_close(play);
}

static void whatever_the_log_does_what_was_told_holds(void **state)
{
	for (uint64_t seed = 1; seed <= 40; seed++)
		play_from(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whatever_the_log_does_what_was_told_holds),
	};
	for (int i = 0; i < BUYERS; i++)
		snprintf(buyer_names[i], sizeof buyer_names[i], "b%d", i);
	for (int i = 0; i < KEYS; i++)
		snprintf(key_names[i], sizeof key_names[i], "k%d", i);
	digest_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
