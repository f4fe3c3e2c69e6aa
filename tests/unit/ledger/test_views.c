/* Views: what a reader sees is the state at the durable sequence, not before and not after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "ledger/changes.h"
#include "play.h"

static struct drop_view shown(struct play *play, uint32_t drop, struct sku_view *ret_sku)
{
	struct drop_view view;
	assert_true(views_drop(play->views, drop, play->now, &view, 0, 1, ret_sku));
	return view;
}

static void a_drop_is_seen_when_it_is_durable(void **state)
{
	struct play *play = play_open();
	struct sku_spec skus[2] = {{.id = TEXT("m"), .stock = 5, .price = 10}, {.id = TEXT("l"), .stock = 7}};
	struct drop_spec spec = {.id = TEXT("shoes"),
	                         .title = TEXT("Schöne Schuhe"),
	                         .currency = TEXT("EUR"),
	                         .limit_per_buyer = 2,
	                         .hold_seconds = 60,
	                         .keep_seconds = 60,
	                         .opens_at = WALL_NEVER,
	                         .closes_at = {WALL_MAX_MS},
	                         .sku_count = 2,
	                         .skus = skus};
	struct ask *create = play_ask(play, ASK_DROP_CREATE);
	uint32_t drop = 99;
	create->spec = &spec;
	play->hold_durable = true;
	play_round(play);
	assert_int_equal(views_drop_count(play->views), 0);
	assert_false(views_drop_find(play->views, TEXT("shoes"), &drop));
	assert_int_equal(drop, 99);
	play->hold_durable = false;
	play_round(play);
	assert_true(views_drop_find(play->views, TEXT("shoes"), &drop));
	struct drop_view view;
	struct sku_view sku[2];
	assert_true(views_drop(play->views, drop, play->now, &view, 0, 2, sku));
	assert_int_equal(view.state, DROP_SCHEDULED);
	assert_int_equal(view.sku_count, 2);
	assert_int_equal(view.limit_per_buyer, 2);
	assert_memory_equal(view.title.at, spec.title.at, spec.title.size);
	assert_int_equal(sku[0].stock, 5);
	assert_int_equal(sku[0].price, 10);
	assert_memory_equal(sku[1].id.at, "l", 1);
	assert_int_equal(sku[1].stock, 7);
	assert_true(views_drop(play->views, drop, play->now, &view, 1, 9, sku)); /* from the second on */
	assert_int_equal(sku[0].stock, 7);
	assert_true(views_drop(play->views, drop, play->now, &view, 2, 9, sku)); /* behind the last: none */
	assert_false(views_drop(play->views, drop + 1, play->now, &view, 0, 0, NULL));
	play_close(play);
}

/* The log is never quiet: every step appends, and durable is always one step behind. What is shown keeps up. */
static void under_steady_load_the_view_is_exactly_the_durable_state(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 1000, 0, 600);
	static char buyers[200][8];
	uint64_t base = core_sequence(play->core);
	play->hold_durable = true;
	for (int i = 0; i < 200; i++) {
		snprintf(buyers[i], sizeof buyers[i], "b%d", i);
		play_claim(play, "shoes", buyers[i], NULL, 1);
		play_step(play);
		if (i < 3)
			continue;
		play->durable = core_sequence(play->core) - 2; /* some records behind the state, always */
		play_step(play);
		assert_int_equal(play_free_shown(play, "shoes"), 1000 - (play->durable - base));
		assert_int_equal(views_position(play->views), play->durable);
		struct sku_view sku;
		assert_int_equal(shown(play, 0, &sku).granted, play->durable - base);
		assert_int_equal(shown(play, 0, &sku).basis, play->durable);
	}
	play_close(play);
}

static void state_is_a_comparison_and_terms_are_shown(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 0, 600);
	struct sku_view sku;
	assert_int_equal(shown(play, 0, &sku).state, DROP_OPEN);
	struct ask *pause = play_ask(play, ASK_DROP_PAUSE);
	pause->drop = TEXT("shoes");
	play_round(play);
	assert_int_equal(pause->answer.verdict, VERDICT_DONE);
	assert_int_equal(pause->answer.drop, 0);
	assert_int_equal(shown(play, 0, &sku).state, DROP_PAUSED);
	struct ask *resume = play_ask(play, ASK_DROP_RESUME);
	resume->drop = TEXT("shoes");
	struct ask *closing = play_ask(play, ASK_DROP_CLOSING);
	closing->drop = TEXT("shoes");
	closing->closes_at.ms = PLAY_START_MS + 5000;
	struct ask *restock = play_ask(play, ASK_DROP_RESTOCK);
	restock->drop = TEXT("shoes");
	restock->key = TEXT("r1");
	restock->restock = 5;
	play_round(play);
	assert_int_equal(shown(play, 0, &sku).state, DROP_OPEN);
	assert_int_equal(sku.stock, 15);
	play->now.ms += 5000;
	assert_int_equal(shown(play, 0, &sku).state, DROP_CLOSED);
	struct ask *archive = play_ask(play, ASK_DROP_ARCHIVE);
	archive->drop = TEXT("shoes");
	play_round(play);
	assert_int_equal(archive->answer.verdict, VERDICT_DONE);
	assert_int_equal(shown(play, 0, &sku).state, DROP_ARCHIVED);
	play_close(play);
}

static void expiry_and_leaving_are_shown(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 0, 1);
	play_claim(play, "shoes", "anna", NULL, 4);
	play_round(play);
	struct sku_view sku;
	assert_int_equal(shown(play, 0, &sku).next_due.ms, PLAY_START_MS + 1000);
	assert_int_equal(sku.held, 4);
	play->now.ms += 1000;
	play_round(play);
	assert_int_equal(shown(play, 0, &sku).next_due.ms, INT64_MAX);
	assert_int_equal(sku.held, 0);
	assert_int_equal(shown(play, 0, &sku).left, 0);
	play->now.ms += 60000;
	play_round(play);
	assert_int_equal(shown(play, 0, &sku).left, 1);
	assert_int_equal(shown(play, 0, &sku).last_left, play->durable);
	play_close(play);
}

static void totals_are_those_of_what_is_durable(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 0, 600);
	play_drop(play, "hats", 10, 0, 0);
	assert_int_equal(views_totals(play->views).orders, 0);
	struct ask *anna = play_claim(play, "shoes", "anna", NULL, 1);
	play_claim(play, "hats", "anna", NULL, 1);
	play->hold_durable = true;
	play_round(play);
	assert_int_equal(core_order_count(play->core), 2);
	assert_int_equal(views_totals(play->views).orders, 0);
	assert_int_equal(views_totals(play->views).pending, 0);
	play->hold_durable = false;
	play_round(play);
	assert_int_equal(views_totals(play->views).orders, 2);
	assert_int_equal(views_totals(play->views).pending, 1);
	play_of_order(play, ASK_CONFIRM, anna->answer.order.sequence);
	play->hold_durable = true;
	play_round(play);
	assert_int_equal(views_totals(play->views).pending, 1);
	play->hold_durable = false;
	play_round(play);
	assert_int_equal(views_totals(play->views).pending, 0);
	play_restart(play);
	assert_int_equal(views_totals(play->views).orders, 2);
	play->now.ms += 60000; /* their time to be kept is over */
	play_round(play);
	assert_int_equal(views_totals(play->views).orders, 0);
	play_close(play);
}

static void api_keys_are_shown_and_revoked(void **state)
{
	struct play *play = play_open();
	uint8_t hash[BLAKE_SIZE] = {1, 2, 3}, other[BLAKE_SIZE] = {9};
	struct api_key_view key;
	struct ask *create = play_ask(play, ASK_KEY_CREATE);
	create->key_id = TEXT("k_1");
	create->key_name = TEXT("the shop");
	create->key_role = ROLE_SHOP;
	memcpy(create->key_hash, hash, BLAKE_SIZE);
	play->hold_durable = true;
	play_round(play);
	assert_false(views_api_key(play->views, hash, &key));
	uint64_t version = views_keys_version(play->views);
	play->hold_durable = false;
	play_round(play);
	assert_int_equal(create->answer.verdict, VERDICT_DONE);
	assert_true(views_api_key(play->views, hash, &key));
	assert_int_equal(key.role, ROLE_SHOP);
	assert_memory_equal(key.name.at, "the shop", 8);
	assert_false(views_api_key(play->views, other, &key));
	assert_true(views_keys_version(play->views) > version);

	struct ask *revoke = play_ask(play, ASK_KEY_REVOKE);
	revoke->key_id = TEXT("k_1");
	play_round(play);
	assert_int_equal(revoke->answer.verdict, VERDICT_DONE);
	assert_false(views_api_key(play->views, hash, &key));
	assert_int_equal(views_api_keys(play->views, &key, 1), 1);
	assert_true(key.revoked);
	play_close(play);
}

static void after_a_restart_everything_is_shown_at_once(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 0, 600);
	play_drop(play, "hats", 20, 0, 600);
	play_claim(play, "hats", "anna", NULL, 3);
	struct ask *create = play_ask(play, ASK_KEY_CREATE);
	create->key_id = TEXT("k_1");
	create->key_role = ROLE_ADMIN;
	play_round(play);
	play_restart(play);
	assert_int_equal(views_drop_count(play->views), 2);
	assert_int_equal(play_free_shown(play, "hats"), 17);
	assert_int_equal(play_free_shown(play, "shoes"), 10);
	struct api_key_view key;
	assert_true(views_api_key(play->views, create->key_hash, &key));
	play_close(play);
}

/* What waits to be shown is bounded: when it is full, rows that changed again are dropped, and nothing in between is
 * shown or answered. */
static void when_too_much_waits_to_be_shown_answers_wait_too(void **state)
{
	struct play *play = play_prepare();
	play->limits = (struct core_limits){.drops = 1, .skus = 1, .orders = 512, .lines = 8, .api_keys = 1};
	play->options.waiting_max = 512;
	play_begin(play);
	play_round(play);
	play_drop(play, "shoes", 1000, 0, 600);
	uint64_t base = core_sequence(play->core);
	static char buyers[400][8];
	struct ask *asks[400];
	play->hold_durable = true;
	for (int i = 0; i < 400; i++) {
		snprintf(buyers[i], sizeof buyers[i], "b%d", i);
		asks[i] = play_claim(play, "shoes", buyers[i], NULL, 1);
		play_step(play);
	}
	play_step(play);
	uint64_t last = core_sequence(play->core), held_back = 0;
	for (play->durable = base + 1; play->durable < last; play->durable++) {
		play_step(play);
		uint64_t position = views_position(play->views);
		assert_true(position <= play->durable);
		held_back += position < play->durable;
		assert_int_equal(play_free_shown(play, "shoes"), 1000 - (position - base));
		for (uint64_t i = 0; i < 400; i++)
			if (play_has(play, asks[i]))
				assert_true(asks[i]->answer.basis <= position);
	}
	assert_true(held_back > 100); /* it did get full */
	play_step(play);
	assert_int_equal(views_position(play->views), last);
	assert_int_equal(play_free_shown(play, "shoes"), 600);
	assert_true(play_has(play, asks[399]) && ledger_is_idle(play->ledger));
	play_close(play);
}

static struct ask *ask_for_key(struct play *play, enum ask_kind kind, const char *id)
{
	struct ask *ask = play_ask(play, kind);
	ask->key_id = text_of(id);
	ask->key_name = text_of(id);
	ask->key_role = ROLE_SHOP;
	memset(ask->key_hash, id[0], BLAKE_SIZE);
	return ask;
}

static bool key_is_good(struct play *play, char hash)
{
	uint8_t bytes[BLAKE_SIZE];
	struct api_key_view key;
	memset(bytes, hash, BLAKE_SIZE);
	return views_api_key(play->views, bytes, &key);
}

/* Key "a" is made, then "b", then "a" is revoked, all of it still waiting when too much waits. Once, the older of the
 * two changes of "a" was dropped as if it were a row that had changed again: then "b", the second key, was the first to
 * be shown, and the process stopped at the gap. */
static void when_too_much_waits_no_key_is_lost_and_none_comes_back(void **state)
{
	struct play *play = play_prepare();
	play->limits = (struct core_limits){.drops = 1, .skus = 1, .orders = 512, .lines = 8, .api_keys = 3};
	play->options.waiting_max = 512;
	play_begin(play);
	play_round(play);
	play_drop(play, "shoes", 1000, 0, 600);
	uint64_t base = core_sequence(play->core);
	static const struct {
		enum ask_kind kind;
		const char *id;
	} keys[] = {{ASK_KEY_CREATE, "a"}, {ASK_KEY_CREATE, "b"}, {ASK_KEY_REVOKE, "a"}, {ASK_KEY_CREATE, "c"}};
	static char buyers[400][8];
	play->hold_durable = true;
	for (int i = 0; i < 400; i++) {
		if (i % 100 == 0)
			ask_for_key(play, keys[i / 100].kind, keys[i / 100].id);
		snprintf(buyers[i], sizeof buyers[i], "b%d", i);
		play_claim(play, "shoes", buyers[i], NULL, 1);
		play_round(play);
	}
	uint64_t last = core_sequence(play->core), held_back = 0;
	bool revoked = false;
	for (play->durable = base + 1; play->durable <= last; play->durable++) {
		play_step(play);
		held_back += views_position(play->views) < play->durable;
		revoked |= key_is_good(play, 'b') && !key_is_good(play, 'a');
		assert_false(revoked && key_is_good(play, 'a'));
	}
	assert_true(held_back > 100); /* it did get full */
	struct api_key_view all[3];
	assert_int_equal(views_api_keys(play->views, all, 3), 3);
	assert_true(all[0].revoked && !all[1].revoked && !all[2].revoked);
	assert_true(text_is(all[0].id, TEXT("a")) && text_is(all[1].id, TEXT("b")) && text_is(all[2].id, TEXT("c")));
	assert_true(!key_is_good(play, 'a') && key_is_good(play, 'b') && key_is_good(play, 'c'));
	play_close(play);
}

/* ---- readers and the writer at once ---- */

struct reading {
	struct views *views;
	_Atomic bool stop, torn;
	uint64_t looks;
};

static void *read_on(void *argument)
{
	struct reading *reading = argument;
	while (!atomic_load(&reading->stop)) {
		struct drop_view view;
		struct sku_view sku;
		uint32_t drop;
		if (!views_drop_find(reading->views, TEXT("shoes"), &drop))
			continue;
		views_drop(reading->views, drop, (struct wall_ms){PLAY_START_MS}, &view, 0, 1, &sku);
		if (sku.held != view.granted || sku.held > sku.stock)
			atomic_store(&reading->torn, true);
		reading->looks++;
	}
	return NULL;
}

static void a_reader_sees_one_moment(void **state)
{
	struct play *play = play_open();
	struct reading readings[2] = {{.views = play->views}, {.views = play->views}};
	pthread_t readers[2];
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_on, &readings[i]), 0);
	play_drop(play, "shoes", 4000, 0, 600);
	static char buyers[4000][8];
	for (int i = 0; i < 4000; i++) {
		snprintf(buyers[i], sizeof buyers[i], "b%d", i);
		play_claim(play, "shoes", buyers[i], NULL, 1);
		if (i % 8 == 7)
			play_round(play);
	}
	for (int i = 0; i < 2; i++) {
		atomic_store(&readings[i].stop, true);
		pthread_join(readers[i], NULL);
		assert_false(atomic_load(&readings[i].torn));
	}
	assert_true(readings[0].looks + readings[1].looks > 0);
	assert_int_equal(play_free_shown(play, "shoes"), 0);
	play_close(play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_drop_is_seen_when_it_is_durable),
	    cmocka_unit_test(under_steady_load_the_view_is_exactly_the_durable_state),
	    cmocka_unit_test(state_is_a_comparison_and_terms_are_shown),
	    cmocka_unit_test(expiry_and_leaving_are_shown),
	    cmocka_unit_test(totals_are_those_of_what_is_durable),
	    cmocka_unit_test(api_keys_are_shown_and_revoked),
	    cmocka_unit_test(after_a_restart_everything_is_shown_at_once),
	    cmocka_unit_test(when_too_much_waits_to_be_shown_answers_wait_too),
	    cmocka_unit_test(when_too_much_waits_no_key_is_lost_and_none_comes_back),
	    cmocka_unit_test(a_reader_sees_one_moment),
	};
	digest_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
