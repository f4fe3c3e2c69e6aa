/* The filter of what has left: what was put in is always found, and strangers as seldom as is promised. */
#include "play.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/state.h"

#define STRANGERS 1000000

struct stage {
	struct left_filter filter;
	void *memory;
};

static struct stage stage_of(uint32_t keys_max)
{
	struct stage stage;
	stage.memory = aligned_alloc(64, left_filter_bytes(keys_max));
	assert_non_null(stage.memory);
	memset(stage.memory, 0, left_filter_bytes(keys_max));
	left_filter_init(&stage.filter, stage.memory, keys_max);
	return stage;
}

/* The n-th of a row of hashes (splitmix64). */
static uint64_t hash_of(uint64_t n)
{
	n = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
	n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
	return n ^ n >> 31;
}

static void put_until(struct stage *stage, uint64_t count)
{
	while (stage->filter.heart.count < count)
		left_filter_put(&stage->filter, hash_of(stage->filter.heart.count));
}

static void assert_all_held(const struct stage *stage)
{
	for (uint64_t i = 0; i < stage->filter.heart.count; i++)
		assert_true(left_filter_may_hold(&stage->filter, hash_of(i)));
}

/* Of a million strangers, the share that may be held. */
static double strangers(const struct stage *stage)
{
	uint32_t held = 0;
	for (uint64_t i = 0; i < STRANGERS; i++)
		held += left_filter_may_hold(&stage->filter, hash_of(UINT64_C(1) << 40 | i));
	return (double)held / STRANGERS;
}

static void assert_between(double rate, double least, double most)
{
	if (rate < least || rate > most)
		fail_msg("the rate is %.5f, not within %.5f and %.5f", rate, least, most);
}

static void an_empty_filter_knows_nobody(void **state)
{
	struct stage stage = stage_of(1);
	assert_between(strangers(&stage), 0, 0);
	free(stage.memory);
}

/* The rates that left.h states; a tenth of tolerance is several times what chance does to a million. */
static void a_full_layer_is_wrong_as_seldom_as_is_said(void **state)
{
	struct stage stage = stage_of(LEFT_FIRST_KEYS);
	put_until(&stage, LEFT_FIRST_KEYS);
	assert_int_equal(stage.filter.heart.layers, 1);
	assert_all_held(&stage);
	assert_between(strangers(&stage), 0.00082, 0.00100);
	free(stage.memory);
}

static void more_than_it_is_made_for_blurs_it_and_loses_nothing(void **state)
{
	struct stage stage = stage_of(1);
	put_until(&stage, 2 * LEFT_FIRST_KEYS);
	assert_between(strangers(&stage), 0.026, 0.032);
	put_until(&stage, 4 * LEFT_FIRST_KEYS);
	assert_between(strangers(&stage), 0.29, 0.35);
	assert_int_equal(stage.filter.heart.layers, 1);
	assert_all_held(&stage);
	free(stage.memory);
}

static void it_grows_by_layers_each_as_large_as_all_before(void **state)
{
	struct stage stage = stage_of(4 * LEFT_FIRST_KEYS + 1);
	assert_int_equal(left_filter_keys_max(&stage.filter), 8 * LEFT_FIRST_KEYS);
	const uint32_t layers[] = {0, 1, 2, 3, 3, 4, 4, 4, 4};
	for (uint64_t i = 0; i <= 8; i++) {
		put_until(&stage, i * LEFT_FIRST_KEYS);
		assert_int_equal(stage.filter.heart.layers, layers[i]);
	}
	assert_int_equal(left_layers_bytes(4), left_filter_bytes(4 * LEFT_FIRST_KEYS + 1));
	assert_all_held(&stage);
	assert_between(strangers(&stage), 0, 4 * 0.00100);
	free(stage.memory);
}

/* The last block of a layer is within what was taken for it: ASan looks on. */
static void the_highest_and_the_lowest_hash_have_their_places(void **state)
{
	struct stage stage = stage_of(2 * LEFT_FIRST_KEYS);
	for (uint32_t i = 0; i <= LEFT_FIRST_KEYS; i++) {
		left_filter_put(&stage.filter, UINT64_MAX);
		left_filter_put(&stage.filter, 0);
	}
	assert_true(left_filter_may_hold(&stage.filter, UINT64_MAX));
	assert_true(left_filter_may_hold(&stage.filter, 0));
	assert_int_equal(stage.filter.heart.layers, 2);
	free(stage.memory);
}

static void filters_that_differ_are_told_apart_unless_settings_made_them_so(void **state)
{
	struct stage one = stage_of(1), two = stage_of(1), large = stage_of(4 * LEFT_FIRST_KEYS);
	put_until(&one, 1000);
	put_until(&two, 1000);
	assert_true(left_filter_agrees(&one.filter, &two.filter));
	left_filter_put(&one.filter, 7);
	assert_false(left_filter_agrees(&one.filter, &two.filter));
	left_filter_put(&two.filter, 8);
	assert_false(left_filter_agrees(&one.filter, &two.filter));
	two.filter.heart.since = 5; /* it began later: nothing can be said */
	assert_true(left_filter_agrees(&one.filter, &two.filter));
	two.filter.heart.since = 0;
	put_until(&two, 3 * LEFT_FIRST_KEYS);
	put_until(&large, 3 * LEFT_FIRST_KEYS);
	assert_true(left_filter_agrees(&two.filter, &large.filter));
	free(one.memory);
	free(two.memory);
	free(large.memory);
}

/* A restart with a smaller left-max and one with a larger: a layer has taken more than it is made for, and then others
 * were opened. Nothing is lost, and nothing can be said by comparing. */
static void a_blurred_layer_is_not_compared(void **state)
{
	struct stage small = stage_of(1), large = stage_of(4 * LEFT_FIRST_KEYS),
		     straight = stage_of(4 * LEFT_FIRST_KEYS);
	put_until(&small, LEFT_FIRST_KEYS * 3 / 2);
	memcpy(large.memory, small.memory, left_layers_bytes(1));
	large.filter.heart = small.filter.heart;
	put_until(&large, LEFT_FIRST_KEYS * 3 / 2 + 1);
	put_until(&straight, LEFT_FIRST_KEYS * 3 / 2 + 1);
	assert_int_equal(large.filter.heart.layers, straight.filter.heart.layers);
	assert_memory_not_equal(large.memory, straight.memory, left_layers_bytes(2));
	assert_true(left_filter_agrees(&large.filter, &straight.filter));
	assert_true(left_filter_agrees(&straight.filter, &large.filter));
	assert_all_held(&large);
	free(small.memory);
	free(large.memory);
	free(straight.memory);
}

static void two_empty_filters_agree(void **state)
{
	struct stage one = stage_of(1), two = stage_of(4 * LEFT_FIRST_KEYS);
	assert_true(left_filter_agrees(&one.filter, &two.filter));
	put_until(&two, 1);
	assert_false(left_filter_agrees(&one.filter, &two.filter));
	free(one.memory);
	free(two.memory);
}

/* ---- in a core ---- */

static bool may_have_left(const struct play *play, const char *drop, const char *buyer, const char *key)
{
	struct command claim = play_claim_command(play, drop, buyer, key, 0, 1);
	return core_may_have_left(play->core, &claim);
}

static struct play a_sale(uint32_t limit)
{
	struct play play = play_begin_with(
	    (struct core_limits){.drops = 2, .skus = 2, .orders = 20000, .lines = 1, .api_keys = 1, .left = 100000});
	struct play_drop shoe = {.id = "shoe", .stock = 1000000, .limit = limit, .hold_seconds = 0, .keep_seconds = 1};
	play_create(&play, shoe);
	shoe.id = "hat";
	play_create(&play, shoe);
	play_on_drop(&play, COMMAND_DROP_OPEN, "shoe");
	play_on_drop(&play, COMMAND_DROP_OPEN, "hat");
	return play;
}

static void all_leave(struct play *play)
{
	play->now += 1000;
	while (core_order_count(play->core))
		play_tick(play);
}

static void only_a_key_whose_order_has_left_may_have_left(void **state)
{
	struct play play = a_sale(0);
	play_claim(&play, "shoe", "ann", "k1");
	play_claim(&play, "shoe", "bob", "");
	assert_false(may_have_left(&play, "shoe", "ann", "k1")); /* the core has it */
	all_leave(&play);
	assert_int_equal(core_left_count(play.core), 1); /* an order without a key is not asked for by one */
	assert_true(may_have_left(&play, "shoe", "ann", "k1"));
	assert_false(may_have_left(&play, "shoe", "ann", "k2"));
	assert_false(may_have_left(&play, "shoe", "bob", "k1"));
	assert_false(may_have_left(&play, "shoe", "ann", ""));
	play_claim(&play, "hat", "cid", "k1");
	all_leave(&play);
	assert_false(may_have_left(&play, "hat", "ann", "k1")); /* a key belongs to its drop */
	assert_true(may_have_left(&play, "hat", "cid", "k1"));
	assert_false(may_have_left(&play, "none", "cid", "k1"));
	play_end(&play);
}

static void what_an_archived_drop_lets_go_may_have_left(void **state)
{
	struct play play = a_sale(1);
	play_claim(&play, "shoe", "ann", "k1");
	play.now += 5000;
	play_tick(&play);
	assert_int_equal(core_order_count(play.core), 1); /* it counts for the limit */
	play_on_drop(&play, COMMAND_DROP_CLOSE, "shoe");
	play_on_drop(&play, COMMAND_DROP_ARCHIVE, "shoe");
	assert_false(may_have_left(&play, "shoe", "ann", "k1"));
	all_leave(&play);
	assert_true(may_have_left(&play, "shoe", "ann", "k1"));
	assert_false(may_have_left(&play, "shoe", "bob", "k2"));
	play_end(&play);
}

static void of_a_hundred_thousand_orders_each_is_found_and_hardly_a_stranger(void **state)
{
	struct play play = a_sale(0);
	char buyer[16], key[16];
	uint32_t wrong = 0;
	for (int i = 0; i < 100000; i++) {
		snprintf(buyer, sizeof buyer, "b%d", i);
		snprintf(key, sizeof key, "k%d", i);
		play_claim(&play, "shoe", buyer, key);
		assert_int_equal(play.outcome.verdict, VERDICT_GRANTED);
		if (i % 10000 == 9999)
			all_leave(&play);
	}
	assert_int_equal(core_left_count(play.core), 100000);
	for (int i = 0; i < 100000; i++) {
		snprintf(buyer, sizeof buyer, "b%d", i);
		snprintf(key, sizeof key, "k%d", i);
		assert_true(may_have_left(&play, "shoe", buyer, key));
		snprintf(key, sizeof key, "n%d", i);
		wrong += may_have_left(&play, "shoe", buyer, key);
	}
	if (wrong > 600) /* five full layers and a half, 91 each of a hundred thousand */
		fail_msg("%u of 100,000 new keys are sent to the store", wrong);
	play_end(&play);
}

/* ---- its memory ---- */

static bool is_resident(const struct core *core, size_t offset)
{
	unsigned char is = 0;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	assert_int_equal(mincore((char *)core->memory + offset / page * page, 1, &is), 0);
	return is & 1;
}

static bool system_can_populate(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool can = madvise(at, page, MADV_POPULATE_WRITE) == 0;
	munmap(at, page);
	return can;
}

/* A server touches its pools before it is asked for the first time, and of the filter the layers that are open and the
 * next one; not the many that may never come. */
static void what_is_used_first_is_touched_first(void **state)
{
	struct core_limits limits = {
	    .drops = 2, .skus = 2, .orders = 200000, .lines = 1, .api_keys = 1, .left = 512 << 20};
	struct play play = play_begin_with(limits);
	size_t opened = play.core->pools_size;
	if (!system_can_populate())
		skip();
	core_prefault(play.core);
	for (size_t at = 0; at < opened; at += opened / 64)
		assert_true(is_resident(play.core, at));
	assert_true(is_resident(play.core, opened + left_layers_bytes(1) - 1));
	assert_false(is_resident(play.core, core_memory(play.core) - 1));
	play_end(&play);
	limits.left = 1; /* one layer, and with the first key it is open: there is no next one */
	play = play_begin_with(limits);
	left_filter_put(&play.core->left, 5);
	core_prefault(play.core);
	assert_true(is_resident(play.core, core_memory(play.core) - 1));
	play_end(&play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_filter_knows_nobody),
	    cmocka_unit_test(a_full_layer_is_wrong_as_seldom_as_is_said),
	    cmocka_unit_test(more_than_it_is_made_for_blurs_it_and_loses_nothing),
	    cmocka_unit_test(it_grows_by_layers_each_as_large_as_all_before),
	    cmocka_unit_test(the_highest_and_the_lowest_hash_have_their_places),
	    cmocka_unit_test(filters_that_differ_are_told_apart_unless_settings_made_them_so),
	    cmocka_unit_test(a_blurred_layer_is_not_compared),
	    cmocka_unit_test(two_empty_filters_agree),
	    cmocka_unit_test(what_is_used_first_is_touched_first),
	    cmocka_unit_test(only_a_key_whose_order_has_left_may_have_left),
	    cmocka_unit_test(what_an_archived_drop_lets_go_may_have_left),
	    cmocka_unit_test(of_a_hundred_thousand_orders_each_is_found_and_hardly_a_stranger),
	};
	return cmocka_run_group_tests_name("left", tests, NULL, NULL);
}
