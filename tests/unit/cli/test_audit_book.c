/* The audit's books beside a core that does right; and then each promise broken once, so that the books must say so. */
#include "play.h"

#include "cli/audit_book.h"

static struct core *core;
static struct book book;
static struct findings findings;
static struct error error;
static uint64_t counter;
static int64_t now;

static int begin(void **state)
{
	struct core_limits limits = {.drops = 4, .skus = 8, .orders = 64, .lines = 64, .api_keys = 4};
	findings = (struct findings){0};
	counter = 0;
	now = 1000;
	assert_int_equal(core_new(&limits, &core, &error), 0);
	return book_init(&book, core, &findings, &error);
}

static int end(void **state)
{
	book_fini(&book);
	core_free(core);
	return 0;
}

static struct outcome tell(struct command command)
{
	struct outcome outcome;
	uint64_t sequence = core_sequence(core) + 1;
	if (command.kind != COMMAND_HELLO) {
		command.incarnation = 1;
		command.counter = ++counter;
	}
	assert_int_equal(core_apply(core, sequence, (struct wall_ms){now}, &command, &outcome, &error), 0);
	assert_int_equal(book_record(&book, sequence, (struct wall_ms){now}, &command, &outcome, &error), 0);
	return outcome;
}

static void open_drop(uint32_t stock, uint32_t limit, uint32_t hold_seconds)
{
	struct sku_spec sku = {.id = TEXT("unit"), .stock = stock};
	tell((struct command){.kind = COMMAND_HELLO});
	tell((struct command){.kind = COMMAND_DROP_CREATE,
	                      .actor = TEXT("admin"),
	                      .create = {.id = TEXT("drop"),
	                                 .title = TEXT("Drop"),
	                                 .limit_per_buyer = limit,
	                                 .hold_seconds = hold_seconds,
	                                 .keep_seconds = 3600,
	                                 .opens_at = WALL_NEVER,
	                                 .closes_at = {1000000000},
	                                 .sku_count = 1,
	                                 .skus = &sku}});
	tell((struct command){.kind = COMMAND_DROP_OPEN, .actor = TEXT("admin")});
}

static struct command claim(const char *buyer, const char *key)
{
	return (struct command){.kind = COMMAND_CLAIM,
	                        .key = key ? text_of(key) : TEXT_NONE,
	                        .claim = {.buyer = text_of(buyer),
	                                  .latest = {now + 10000},
	                                  .line_count = 1,
	                                  .line = {{.sku = 0, .quantity = 1}}}};
}

static void assert_broken(enum promise promise)
{
	for (int i = 0; i < PROMISE_COUNT; i++)
		if ((findings.of[i].failed != 0) != (i == (int)promise))
			fail_msg("promise %d: %llu failures, \"%s\"", i, (unsigned long long)findings.of[i].failed,
			         findings.of[i].first);
	assert_false(findings_hold(&findings));
}

static void a_sale_that_goes_right_leaves_no_finding(void **state)
{
	open_drop(2, 1, 60);
	uint64_t first = tell(claim("alice", "k1")).order;
	assert_int_equal(tell(claim("alice", "k1")).verdict, VERDICT_REPLAYED);
	uint64_t second = tell(claim("bob", "k1")).order;
	assert_int_equal(tell(claim("carol", NULL)).verdict, VERDICT_ALL_HELD);
	tell((struct command){.kind = COMMAND_CONFIRM, .order = {.order = first, .payment_ref = TEXT("pay")}});
	tell((struct command){.kind = COMMAND_CANCEL, .order = {.order = second}});
	uint64_t third = tell(claim("carol", NULL)).order;
	now += 60000;
	tell((struct command){.kind = COMMAND_TICK});
	book_compare_core(&book);
	assert_true(findings_hold(&findings));
	assert_int_equal(book_order_find(&book, first)->status, ORDER_COMPLETED);
	assert_int_equal(book_order_find(&book, second)->status, ORDER_CANCELED);
	assert_int_equal(book_order_find(&book, third)->status, ORDER_EXPIRED);
	assert_int_equal(book_order_find(&book, third)->ended_at, now);
	assert_int_equal(book.drops[0].totals.granted, 3);
	assert_true(findings.of[PROMISE_1].checked && findings.of[PROMISE_2].checked &&
	            findings.of[PROMISE_4].checked && findings.of[PROMISE_5].checked && findings.of[PROMISE_7].checked);
}

static void more_than_the_stock_is_oversold(void **state)
{
	open_drop(2, 1, 60);
	book.drops[0].skus[0].held = 2; /* as if two units had gone already that the core forgot */
	tell(claim("alice", NULL));
	assert_true(findings.of[PROMISE_1].failed);
	assert_contains(findings.of[PROMISE_1].first, "3 held and 0 sold of 2");
}

static void more_than_the_limit_is_twice(void **state)
{
	open_drop(5, 2, 60);
	tell(claim("alice", NULL));
	tell(claim("bob", NULL));
	book.drops[0].limit = 1; /* as if the core had read the limit wrongly */
	assert_true(findings_hold(&findings));
	tell(claim("alice", NULL));
	assert_broken(PROMISE_2);
}

/* The core refuses a claim past its time; one in its last millisecond it grants, and the books agree. */
static void the_last_millisecond_is_in_time(void **state)
{
	open_drop(5, 1, 60);
	struct command command = claim("alice", NULL);
	command.claim.latest.ms = now;
	assert_int_equal(tell(command).verdict, VERDICT_GRANTED);
	command = claim("bob", NULL);
	command.claim.latest.ms = now - 1;
	assert_int_equal(tell(command).verdict, VERDICT_LATE);
	assert_true(findings_hold(&findings));
}

static void another_order_for_the_same_key_is_found(void **state)
{
	open_drop(5, 0, 60);
	tell(claim("alice", "k1"));
	uint64_t other = tell(claim("alice", "k2")).order;
	struct command again = claim("alice", "k1");
	struct outcome wrong = {.verdict = VERDICT_REPLAYED, .order = other};
	assert_int_equal(book_record(&book, core_sequence(core), (struct wall_ms){now}, &again, &wrong, &error), 0);
	assert_broken(PROMISE_4);
}

static void a_count_that_differs_leaks(void **state)
{
	open_drop(5, 1, 60);
	tell(claim("alice", NULL));
	book.drops[0].skus[0].held--;
	book_compare_core(&book);
	assert_broken(PROMISE_5);
}

static void an_order_that_ends_twice_leaks(void **state)
{
	open_drop(5, 1, 60);
	uint64_t order = tell(claim("alice", NULL)).order;
	book_order_find(&book, order)->status = ORDER_EXPIRED;
	tell((struct command){.kind = COMMAND_CANCEL, .order = {.order = order}});
	assert_broken(PROMISE_5);
	assert_contains(findings.of[PROMISE_5].first, "a second time");
}

static void selling_while_closed_is_not_first_served(void **state)
{
	open_drop(5, 1, 60);
	book.drops[0].opened = false;
	tell(claim("alice", NULL));
	assert_broken(PROMISE_7);
}

static void refusing_what_is_free_is_not_first_served(void **state)
{
	open_drop(5, 1, 60);
	struct command command = claim("alice", NULL);
	struct outcome wrong = {.verdict = VERDICT_SOLD_OUT};
	assert_int_equal(book_record(&book, core_sequence(core), (struct wall_ms){now}, &command, &wrong, &error), 0);
	assert_broken(PROMISE_7);
}

static void a_position_that_is_taken_is_not_first_served(void **state)
{
	open_drop(5, 1, 60);
	book.drops[0].granted = 1;
	tell(claim("alice", NULL));
	assert_broken(PROMISE_7);
}

static void a_thousand_buyers_are_all_found_again(void **state)
{
	book_fini(&book);
	core_free(core);
	struct core_limits limits = {.drops = 1, .skus = 1, .orders = 5000, .lines = 8, .api_keys = 1};
	assert_int_equal(core_new(&limits, &core, &error), 0);
	assert_int_equal(book_init(&book, core, &findings, &error), 0);
	open_drop(5000, 1, 0);
	char buyer[16];
	for (int i = 0; i < 3000; i++) {
		snprintf(buyer, sizeof buyer, "b%d", i);
		assert_int_equal(tell(claim(buyer, buyer)).verdict, VERDICT_GRANTED);
	}
	for (int i = 0; i < 3000; i++) {
		snprintf(buyer, sizeof buyer, "b%d", i);
		assert_int_equal(tell(claim(buyer, buyer)).verdict, VERDICT_REPLAYED);
	}
	book_compare_core(&book);
	assert_true(findings_hold(&findings));
	assert_int_equal(book.order_count, 3000);
}

static void the_table_says_what_is_broken_and_where(void **state)
{
	struct buf out = {0};
	findings_checked(&findings, PROMISE_2);
	findings_failed(&findings, PROMISE_2, 17, "a buyer has more than %d", 1);
	findings_failed(&findings, PROMISE_2, 18, "another");
	findings_print(&out, &findings, "dir", false);
	buf_put(&out, "", 1);
	assert_contains(out.at, "BROKEN");
	assert_contains(out.at, "2 times; first at record 17: a buyer has more than 1");
	assert_contains(out.at, "NOT every promise holds");
	buf_clear(&out);
	findings_print_json(&out, &findings);
	buf_put(&out, "", 1);
	assert_contains(out.at, "\"holds\":false");
	assert_contains(out.at, "\"first\":\"record 17: a buyer has more than 1\"");
	buf_fini(&out);
}

static void the_cores_own_checks_are_put_to_their_promise(void **state)
{
	struct error fault = {.code = FAULT_DAMAGED, .text = "P1 is broken at sequence 5, drop x: held + sold"};
	findings_core_fault(&findings, 5, &fault);
	assert_broken(PROMISE_1);
	findings = (struct findings){0};
	fault = (struct error){.code = FAULT_DAMAGED, .text = "the fold differs from its writer's"};
	findings_core_fault(&findings, 5, &fault);
	assert_broken(PROMISE_6);
}

#define PLAY(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    PLAY(a_sale_that_goes_right_leaves_no_finding),
	    PLAY(more_than_the_stock_is_oversold),
	    PLAY(more_than_the_limit_is_twice),
	    PLAY(the_last_millisecond_is_in_time),
	    PLAY(another_order_for_the_same_key_is_found),
	    PLAY(a_count_that_differs_leaks),
	    PLAY(an_order_that_ends_twice_leaks),
	    PLAY(selling_while_closed_is_not_first_served),
	    PLAY(refusing_what_is_free_is_not_first_served),
	    PLAY(a_position_that_is_taken_is_not_first_served),
	    PLAY(a_thousand_buyers_are_all_found_again),
	    PLAY(the_table_says_what_is_broken_and_where),
	    PLAY(the_cores_own_checks_are_put_to_their_promise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
