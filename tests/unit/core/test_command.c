/* The record codec: what is written is read, what is read is written, and nothing else passes. */
#include "play.h"

#include <stdlib.h>

/* Linked with --wrap: the n-th realloc has no memory to give; 0: each has. */
static unsigned no_memory_in;

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_realloc(void *old, size_t size)
{
	return no_memory_in && --no_memory_in == 0 ? NULL : __real_realloc(old, size);
}

static struct command_scratch scratch;
static uint8_t bytes[65536], again[65536];

static int write_and_read(const struct command *command, struct command *ret)
{
	struct error error;
	int size = command_encode(command, bytes, sizeof bytes);
	assert_true(size >= RECORD_HEADER_SIZE);
	if (command_decode(bytes, (size_t)size, &scratch, ret, &error) != 0)
		fail_msg("%s", error.text);
	assert_int_equal(command_encode(ret, again, sizeof again), size);
	assert_memory_equal(bytes, again, size);
	return size;
}

#define SAMPLES 16
static struct command samples[SAMPLES];
static struct sku_spec two_skus[2];

/* One of each kind, and of each way in which an order has left. */
static int fill_samples(void **state)
{
	two_skus[0] = (struct sku_spec){TEXT("red-42"), 10, 129000};
	two_skus[1] = (struct sku_spec){TEXT("blue.43"), 0, 0};
	const struct command all[SAMPLES] = {
	    {.kind = COMMAND_HELLO, .hello = {.digest_key = {9, 8, 7}, .program = TEXT("dibs 0.1.0")}},
	    {.kind = COMMAND_TICK, .incarnation = 1, .counter = 2},
	    {.kind = COMMAND_CHECK, .incarnation = 1, .counter = 3, .check = {4096, 0xfedcba9876543210}},
	    {.kind = COMMAND_RULES, .counter = 4, .actor = TEXT("k_a"), .rules = {2}},
	    {.kind = COMMAND_COUNTS,
	     .counter = 5,
	     .counts = {7, 2, {{VERDICT_SOLD_OUT, 99}, {VERDICT_NOT_ELIGIBLE, 1}}}},
	    {.kind = COMMAND_DROP_CREATE,
	     .actor = TEXT("k_a"),
	     .key = TEXT("once"),
	     .create =
	         {TEXT("shoe"), TEXT("Schuhe \xe2\x9c\x93"), TEXT("KRW"), 1, 600, 86400, {5}, WALL_NEVER, 2, two_skus}},
	    {.kind = COMMAND_DROP_OPEN, .actor = TEXT("k_a"), .drop = {.drop = 3}},
	    {.kind = COMMAND_DROP_CLOSING, .actor = TEXT("k_a"), .drop = {.drop = 3, .closes_at = {77}}},
	    {.kind = COMMAND_DROP_RESTOCK, .key = TEXT("r"), .drop = {.drop = 3, .sku = 1, .quantity = -5}},
	    {.kind = COMMAND_CLAIM,
	     .key = TEXT("k"),
	     .claim = {.drop = 3, .buyer = TEXT("ann"), .latest = {9}, .line_count = 2, .line = {{0, 1}, {1, 2}}}},
	    {.kind = COMMAND_CONFIRM, .actor = TEXT("k_s"), .order = {1234, TEXT("pay-1")}},
	    {.kind = COMMAND_CONFIRM, .actor = TEXT("k_s"), .order = {1234, TEXT("pay-1"), LEFT_ENDED}},
	    {.kind = COMMAND_CONFIRM, .actor = TEXT("k_s"), .order = {1234, TEXT("pay-1"), LEFT_UNPAID}},
	    {.kind = COMMAND_CANCEL, .actor = TEXT("buyer"), .order = {.order = 1234}},
	    {.kind = COMMAND_KEY_CREATE, .api_key = {TEXT("k_9"), TEXT("till 9"), ROLE_SHOP, {1, 2, 3}}},
	    {.kind = COMMAND_KEY_REVOKE, .api_key = {.id = TEXT("k_9")}},
	};
	memcpy(samples, all, sizeof all);
	return 0;
}

static void every_kind_comes_back_as_it_went(void **state)
{
	for (size_t i = 0; i < SAMPLES; i++) {
		struct command command;
		write_and_read(&samples[i], &command);
		assert_int_equal(command.kind, samples[i].kind);
		assert_int_equal(command.counter, samples[i].counter);
	}
}

static void an_order_has_left_in_a_way_that_is_known(void **state)
{
	struct command confirm = {.kind = COMMAND_CONFIRM, .order = {1234, TEXT("pay-1"), LEFT_UNPAID}}, command;
	struct error error;
	int size = command_encode(&confirm, bytes, sizeof bytes);
	assert_int_equal(command_decode(bytes, (size_t)size, &scratch, &command, &error), 0);
	assert_int_equal(command.order.left, LEFT_UNPAID);
	bytes[size - 1] = LEFT_COUNT;
	assert_int_equal(command_decode(bytes, (size_t)size, &scratch, &command, &error), FAULT_DAMAGED);
}

static void a_record_cut_short_or_made_longer_is_none(void **state)
{
	for (size_t i = 0; i < SAMPLES; i++) {
		struct command command;
		struct error error;
		int size = command_encode(&samples[i], bytes, sizeof bytes);
		for (int cut = 0; cut < size; cut++)
			assert_true(command_decode(bytes, (size_t)cut, &scratch, &command, &error) < 0);
		bytes[size] = 0;
		assert_int_equal(command_decode(bytes, (size_t)size + 1, &scratch, &command, &error), FAULT_DAMAGED);
		for (int room = 0; room < size; room++)
			assert_int_equal(command_encode(&samples[i], again, (size_t)room), FAULT_FULL);
	}
}

/* Whatever a flipped byte makes of a record: it is refused, or it is a record that writes itself back unchanged. */
static void a_damaged_byte_never_passes_unnoticed_into_another_form(void **state)
{
	for (size_t i = 0; i < SAMPLES; i++) {
		int size = command_encode(&samples[i], bytes, sizeof bytes);
		for (int at = 0; at < size; at++)
			for (int value = 1; value < 256; value++) {
				struct command command;
				struct error error;
				bytes[at] ^= (uint8_t)value;
				if (command_decode(bytes, (size_t)size, &scratch, &command, &error) == 0) {
					assert_int_equal(command_encode(&command, again, sizeof again), size);
					assert_memory_equal(bytes, again, size);
				}
				bytes[at] ^= (uint8_t)value;
			}
	}
}

static void bounds_are_kept_at_their_edge(void **state)
{
	char longest[BUYER_SIZE_MAX + 1];
	struct command claim = samples[9], command;
	struct error error;
	memset(longest, 'x', sizeof longest);
	claim.claim.buyer = (struct text){longest, BUYER_SIZE_MAX};
	write_and_read(&claim, &command);
	claim.claim.buyer.size++;
	int size = command_encode(&claim, bytes, sizeof bytes);
	assert_int_equal(command_decode(bytes, (size_t)size, &scratch, &command, &error), FAULT_DAMAGED);
	claim = samples[9];
	claim.claim.line_count = LINES_MAX;
	write_and_read(&claim, &command);
	struct drop_spec spec = samples[5].create;
	spec.hold_seconds = HOLD_SECONDS_MAX + 1;
	struct command create = samples[5];
	create.create = spec;
	size = command_encode(&create, bytes, sizeof bytes);
	assert_int_equal(command_decode(bytes, (size_t)size, &scratch, &command, &error), FAULT_DAMAGED);
	create = samples[5];
	create.create.keep_seconds = KEEP_SECONDS_MIN;
	write_and_read(&create, &command);
	create.create.keep_seconds = KEEP_SECONDS_MIN - 1;
	size = command_encode(&create, bytes, sizeof bytes);
	assert_int_equal(command_decode(bytes, (size_t)size, &scratch, &command, &error), FAULT_DAMAGED);
}

static void an_unknown_kind_or_format_asks_for_a_newer_program(void **state)
{
	struct command command;
	struct error error;
	int size = command_encode(&samples[1], bytes, sizeof bytes);
	bytes[0] = 200;
	assert_int_equal(command_decode(bytes, (size_t)size, &scratch, &command, &error), FAULT_VERSION);
	bytes[0] = COMMAND_TICK;
	bytes[1] = 2;
	assert_int_equal(command_decode(bytes, (size_t)size, &scratch, &command, &error), FAULT_VERSION);
}

static void records_are_printed_for_people_and_programs(void **state)
{
	struct buf out = {0};
	command_print(&out, &samples[9]);
	buf_put(&out, "", 1);
	assert_string_equal(out.at, "claim        key=k drop=3 buyer=ann latest=1970-01-01T00:00:00.009Z "
	                            "lines=[{\"sku\":0,\"quantity\":1},{\"sku\":1,\"quantity\":2}]");
	buf_clear(&out);
	command_print_json(&out, &samples[15]);
	buf_put(&out, "", 1);
	assert_string_equal(out.at, "{\"kind\":\"key_revoke\",\"incarnation\":0,\"counter\":0,\"id\":\"k_9\"}");
	buf_fini(&out);
}

static void expect_printed(const struct command *command, const char *printed)
{
	struct buf out = {0};
	command_print(&out, command);
	buf_put(&out, "", 1);
	assert_string_equal(out.at, printed);
	buf_fini(&out);
}

static void every_kind_is_printed(void **state)
{
	for (size_t i = 0; i < SAMPLES; i++) {
		struct buf line = {0}, json = {0};
		const char *name = command_kind_name(samples[i].kind);
		command_print(&line, &samples[i]);
		command_print_json(&json, &samples[i]);
		assert_false(line.failed || json.failed);
		assert_memory_equal(line.at, name, strlen(name));
		assert_memory_equal(json.at, "{\"kind\":\"", 9);
		assert_memory_equal(json.at + 9, name, strlen(name));
		buf_fini(&line);
		buf_fini(&json);
	}
	expect_printed(&samples[4], "counts       drop=7 refused={\"sold_out\":99,\"not_eligible\":1}");
	expect_printed(&samples[6], "drop_open    actor=k_a drop=3");
	expect_printed(&samples[8], "drop_restock key=r drop=3 sku=1 quantity=-5");
	assert_string_equal(command_kind_name((enum command_kind)250), "unknown");
}

/* What stands in quotes is no punctuation of the line. */
static void quotes_in_a_text_do_not_confuse_the_line(void **state)
{
	struct command claim = samples[9];
	claim.key = TEXT_NONE;
	claim.claim.buyer = TEXT("a\"[,:\\");
	claim.claim.latest = WALL_NEVER;
	claim.claim.line_count = 1;
	expect_printed(&claim, "claim        drop=3 buyer=a\\\"[,:\\\\ lines=[{\"sku\":0,\"quantity\":1}]");
}

/* The line is made from another text, and either may lack memory: half a line is none. */
static void a_line_that_memory_fails_says_so(void **state)
{
	unsigned failed = 0;
	for (bool is_whole = false; !is_whole; failed += !is_whole) {
		struct buf out = {0};
		no_memory_in = failed + 1;
		command_print(&out, &samples[9]);
		is_whole = no_memory_in > 0;
		no_memory_in = 0;
		assert_int_equal(out.failed, !is_whole);
		buf_fini(&out);
	}
	assert_int_equal(failed, 2);
}

static void a_drop_is_created_where_there_is_room_for_its_skus(void **state)
{
	struct command command;
	struct error error;
	int size = command_encode(&samples[5], bytes, sizeof bytes);
	assert_int_equal(command_decode(bytes, (size_t)size, NULL, &command, &error), FAULT_INVALID);
	size = command_encode(&samples[6], bytes, sizeof bytes);
	assert_int_equal(command_decode(bytes, (size_t)size, NULL, &command, &error), 0);
	assert_int_equal(command_decode(bytes, (size_t)RECORD_SIZE_MAX + 1, &scratch, &command, &error), FAULT_DAMAGED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_kind_comes_back_as_it_went),
	    cmocka_unit_test(an_order_has_left_in_a_way_that_is_known),
	    cmocka_unit_test(a_record_cut_short_or_made_longer_is_none),
	    cmocka_unit_test(a_damaged_byte_never_passes_unnoticed_into_another_form),
	    cmocka_unit_test(bounds_are_kept_at_their_edge),
	    cmocka_unit_test(an_unknown_kind_or_format_asks_for_a_newer_program),
	    cmocka_unit_test(records_are_printed_for_people_and_programs),
	    cmocka_unit_test(every_kind_is_printed),
	    cmocka_unit_test(quotes_in_a_text_do_not_confuse_the_line),
	    cmocka_unit_test(a_line_that_memory_fails_says_so),
	    cmocka_unit_test(a_drop_is_created_where_there_is_room_for_its_skus),
	};
	return cmocka_run_group_tests_name("command", tests, fill_samples, NULL);
}
