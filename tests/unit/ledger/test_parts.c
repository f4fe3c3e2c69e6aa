/* What the ledger is made of: release by basis, the last buyers, the tally, the mailbox. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "ledger/mailbox.h"
#include "ledger/recent.h"
#include "ledger/refunds.h"
#include "ledger/release.h"
#include "ledger/tally.h"

/* ---- release ---- */

static void put(struct release *release, struct ask *ask, uint64_t basis, struct ask_list *out)
{
	ask->answer.basis = basis;
	release_put(release, ask, out);
}

static void answers_leave_in_the_order_of_their_basis(void **state)
{
	struct release release;
	static struct ask asks[4];
	struct ask_list out = {0};
	assert_true(release_init(&release, 16));
	put(&release, &asks[0], 12, &out);
	put(&release, &asks[1], 10, &out);
	put(&release, &asks[2], 12, &out);
	put(&release, &asks[3], 0, &out);
	assert_ptr_equal(ask_list_take(&out), &asks[3]); /* rests on nothing */
	release_until(&release, 9, &out);
	assert_null(out.first);
	release_until(&release, 11, &out);
	assert_ptr_equal(ask_list_take(&out), &asks[1]);
	assert_null(out.first);
	release_until(&release, 12, &out);
	assert_ptr_equal(ask_list_take(&out), &asks[0]);
	assert_ptr_equal(ask_list_take(&out), &asks[2]);
	assert_int_equal(release.count, 0);
	put(&release, &asks[0], 12, &out); /* durable already */
	assert_ptr_equal(ask_list_take(&out), &asks[0]);
	release_fini(&release);
}

/* There are 1,024 buckets at least; a basis that many ahead shares one. */
static void a_basis_a_whole_round_ahead_waits_for_its_own_turn(void **state)
{
	struct release release;
	static struct ask asks[3];
	struct ask_list out = {0};
	assert_true(release_init(&release, 16));
	put(&release, &asks[0], 5 + 1024, &out);
	put(&release, &asks[1], 5, &out);
	release_until(&release, 5, &out);
	assert_ptr_equal(ask_list_take(&out), &asks[1]);
	assert_null(out.first);
	release_until(&release, 1028, &out);
	assert_null(out.first);
	release_until(&release, 1029, &out);
	assert_ptr_equal(ask_list_take(&out), &asks[0]);
	put(&release, &asks[2], 2000, &out);
	release_until(&release, UINT64_C(1) << 40, &out); /* a leap over all of them */
	assert_ptr_equal(ask_list_take(&out), &asks[2]);
	release_fini(&release);
}

/* ---- recent ---- */

static void the_last_65536_buyers_are_remembered(void **state)
{
	struct recent recent;
	assert_true(recent_init(&recent));
	assert_int_equal(recent_find(&recent, 1).size, 0);
	recent_put(&recent, 3, TEXT("first"));
	for (uint64_t i = 1; i < RECENT_MAX; i++)
		recent_put(&recent, 3 + 2 * i, i % 2 ? TEXT("odd") : TEXT("even"));
	assert_true(text_is(recent_find(&recent, 3), TEXT("first")));
	assert_true(text_is(recent_find(&recent, 5), TEXT("odd")));
	assert_true(text_is(recent_find(&recent, 1 + 2 * RECENT_MAX), TEXT("odd")));
	assert_int_equal(recent_find(&recent, 4).size, 0);
	recent_put(&recent, 3 + 2 * RECENT_MAX, TEXT("one more"));
	assert_int_equal(recent_find(&recent, 3).size, 0); /* and the oldest is forgotten */
	assert_true(text_is(recent_find(&recent, 5), TEXT("odd")));
	assert_true(text_is(recent_find(&recent, 3 + 2 * RECENT_MAX), TEXT("one more")));
	recent_fini(&recent);
}

/* ---- refunds ---- */

static void two_payments_of_one_place_are_not_taken_for_each_other(void **state)
{
	struct refunds refunds;
	struct digest128 one = {.a = 5, .b = 1}, other = {.a = 5, .b = 2};
	assert_true(refunds_init(&refunds));
	assert_int_equal(refunds_find(&refunds, 7, one), 0);
	refunds_put(&refunds, 7, one, 100);
	assert_int_equal(refunds_find(&refunds, 7, one), 100);
	assert_int_equal(refunds_find(&refunds, 7, other), 0);
	assert_int_equal(refunds_find(&refunds, 7 + REFUNDS_MAX, one), 0);
	refunds_put(&refunds, 7, other, 101);
	assert_int_equal(refunds_find(&refunds, 7, other), 101);
	assert_int_equal(refunds_find(&refunds, 7, one), 0); /* forgotten: it is recorded once more */
	refunds_fini(&refunds);
}

/* ---- tally ---- */

static void drops_are_tallied_each_in_its_second(void **state)
{
	struct tally tally;
	struct command counts;
	assert_true(tally_init(&tally, 3));
	assert_int_equal(tally_due(&tally).ms, INT64_MAX);
	tally_add(&tally, 2, VERDICT_SOLD_OUT, 1, (struct wall_ms){100});
	tally_add(&tally, 0, VERDICT_CLOSED, 1, (struct wall_ms){150});
	tally_add(&tally, 2, VERDICT_NOT_ELIGIBLE, 7, (struct wall_ms){900});
	tally_add(&tally, 1, VERDICT_GRANTED, 1, (struct wall_ms){0});    /* no refusal */
	tally_add(&tally, 1, VERDICT_OVERLOADED, 1, (struct wall_ms){0}); /* of no sale */
	tally_add(&tally, NO_DROP, VERDICT_UNKNOWN_DROP, 1, (struct wall_ms){0});
	assert_int_equal(tally_due(&tally).ms, 1100);
	assert_false(tally_next(&tally, (struct wall_ms){1099}, false, &counts));
	assert_true(tally_next(&tally, (struct wall_ms){1100}, false, &counts));
	assert_int_equal(counts.counts.drop, 2);
	assert_int_equal(counts.counts.count, 2);
	assert_int_equal(counts.counts.of[1].verdict, VERDICT_NOT_ELIGIBLE);
	assert_int_equal(counts.counts.of[1].count, 7);
	assert_false(tally_next(&tally, (struct wall_ms){1100}, false, &counts));
	assert_true(tally_next(&tally, (struct wall_ms){1100}, true, &counts)); /* a stop takes all */
	assert_int_equal(counts.counts.drop, 0);
	assert_false(tally_next(&tally, (struct wall_ms){9999}, true, &counts));
	tally_fini(&tally);
}

/* ---- mailbox ---- */

static void what_was_not_fetched_stays_before_what_is_new(void **state)
{
	static struct mailbox mailbox;
	static struct ask asks[5];
	struct ask_list list = {0};
	assert_null(mailbox_take(&mailbox));
	for (int i = 0; i < 5; i++) {
		ask_list_put(&list, &asks[i]);
		if (i != 0 && i != 3)
			mailbox_put(&mailbox, &list);
	}
	struct ask *got = mailbox_take(&mailbox);
	for (int i = 0; i < 5; i++, got = got->next)
		assert_ptr_equal(got, &asks[i]);
	assert_null(got);
	assert_null(mailbox_take(&mailbox));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_leave_in_the_order_of_their_basis),
	    cmocka_unit_test(a_basis_a_whole_round_ahead_waits_for_its_own_turn),
	    cmocka_unit_test(the_last_65536_buyers_are_remembered),
	    cmocka_unit_test(two_payments_of_one_place_are_not_taken_for_each_other),
	    cmocka_unit_test(drops_are_tallied_each_in_its_second),
	    cmocka_unit_test(what_was_not_fetched_stays_before_what_is_new),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
