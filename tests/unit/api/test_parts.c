/* Small parts: cursors, histograms, the simulated check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/cursor.h"
#include "api/eligibility.h"
#include "api/metrics.h"

/* ---- cursors ---- */

static void a_cursor_leads_back_to_its_place(void **state)
{
	const uint64_t places[] = {0, 1, 255, UINT64_MAX};
	for (size_t i = 0; i < 4; i++) {
		struct buf text = {0};
		uint64_t place = 42;
		cursor_format(&text, CURSOR_ORDERS, TEXT("a b"), places[i]);
		assert_true(cursor_parse(buf_as_text(&text), CURSOR_ORDERS, TEXT("a b"), &place));
		assert_int_equal(place, places[i]);
		buf_fini(&text);
	}
}

static void a_cursor_of_another_list_is_none(void **state)
{
	struct buf text = {0};
	uint64_t place = 42;
	cursor_format(&text, CURSOR_ORDERS, TEXT("a b"), 7);
	assert_false(cursor_parse(buf_as_text(&text), CURSOR_DROPS, TEXT("a b"), &place));
	assert_false(cursor_parse(buf_as_text(&text), CURSOR_ORDERS, TEXT("a c"), &place));
	assert_false(cursor_parse(TEXT(""), CURSOR_ORDERS, TEXT("a b"), &place));
	assert_false(cursor_parse(TEXT("AQ"), CURSOR_ORDERS, TEXT("a b"), &place));
	assert_int_equal(place, 42);
	buf_fini(&text);
}

static void a_cursor_with_any_bit_changed_is_none(void **state)
{
	struct buf text = {0};
	uint64_t place = 42;
	cursor_format(&text, CURSOR_ORDERS, TEXT("a b"), 7);
	for (size_t bit = 0; bit < text.size * 8; bit++) {
		text.at[bit / 8] ^= (char)(1 << bit % 8);
		assert_false(cursor_parse(buf_as_text(&text), CURSOR_ORDERS, TEXT("a b"), &place));
		text.at[bit / 8] ^= (char)(1 << bit % 8);
	}
	buf_fini(&text);
}

/* ---- metrics ---- */

static void a_histogram_sums_its_loops(void **state)
{
	static struct time_histogram one, other;
	const struct time_histogram *of[] = {&one, &other};
	struct buf out = {0};
	time_histogram_add(&one, 100000);       /* at the first bound: in it */
	time_histogram_add(&one, 100001);       /* past it */
	time_histogram_add(&other, 3000000000); /* beyond all */
	time_histogram_print(&out, "x_seconds", "route=\"a\"", of, 2);
	buf_put(&out, "", 1);
	assert_non_null(strstr(out.at, "x_seconds_bucket{route=\"a\",le=\"0.0001\"} 1\n"));
	assert_non_null(strstr(out.at, "x_seconds_bucket{route=\"a\",le=\"0.00025\"} 2\n"));
	assert_non_null(strstr(out.at, "x_seconds_bucket{route=\"a\",le=\"2.5\"} 2\n"));
	assert_non_null(strstr(out.at, "x_seconds_bucket{route=\"a\",le=\"+Inf\"} 3\n"));
	assert_non_null(strstr(out.at, "x_seconds_count{route=\"a\"} 3\n"));
	assert_non_null(strstr(out.at, "x_seconds_sum{route=\"a\"} 3.000200001\n"));
	buf_fini(&out);
}

static void sizes_at_their_bounds(void **state)
{
	static struct size_histogram histogram;
	struct buf out = {0};
	size_histogram_add(&histogram, 1);
	size_histogram_add(&histogram, 2);
	size_histogram_add(&histogram, 3);
	size_histogram_add(&histogram, 100000);
	size_histogram_print(&out, "x", &histogram);
	buf_put(&out, "", 1);
	assert_non_null(strstr(out.at, "x_bucket{le=\"1\"} 1\n"));
	assert_non_null(strstr(out.at, "x_bucket{le=\"2\"} 2\n"));
	assert_non_null(strstr(out.at, "x_bucket{le=\"4\"} 3\n"));
	assert_non_null(strstr(out.at, "x_bucket{le=\"4096\"} 3\n"));
	assert_non_null(strstr(out.at, "x_bucket{le=\"+Inf\"} 4\n"));
	assert_non_null(strstr(out.at, "x_sum 100006\n"));
	buf_fini(&out);
}

static void a_status_that_is_not_counted_apart_counts_as_500(void **state)
{
	assert_int_equal(metric_status(metric_status_index(201)), 201);
	assert_int_equal(metric_status(metric_status_index(503)), 503);
	assert_int_equal(metric_status(metric_status_index(599)), 500);
}

/* ---- the simulated check ---- */

static struct {
	uint32_t passed, refused, unfinished;
} heard;

static void hear(struct check *check, enum check_answer answer)
{
	heard.passed += answer == CHECK_PASSED;
	heard.refused += answer == CHECK_REFUSED;
	heard.unfinished += answer == CHECK_UNFINISHED;
}

static void ask_thousand(struct eligibility_source *source)
{
	struct check_list list = {0};
	struct check check = {.done = hear};
	memset(&heard, 0, sizeof heard);
	for (int i = 0; i < 1000; i++)
		eligibility_ask(source, &list, &check);
}

static void a_share_is_refused_and_the_same_for_a_seed(void **state)
{
	struct eligibility_source source = {.kind = ELIGIBILITY_SIMULATED, .percent = 10, .seed = 7};
	struct eligibility_source again = source, other = source;
	other.seed = 8;
	ask_thousand(&source);
	uint32_t refused = heard.refused;
	assert_in_range(refused, 70, 130);
	assert_int_equal(heard.passed + heard.refused, 1000);
	ask_thousand(&again);
	assert_int_equal(heard.refused, refused);
	assert_int_equal(atomic_load(&again.refused), refused);
	ask_thousand(&other);
	assert_int_equal(heard.passed + heard.refused, 1000);
}

static void none_and_all(void **state)
{
	struct eligibility_source nobody = {.kind = ELIGIBILITY_SIMULATED, .percent = 0, .seed = 7};
	struct eligibility_source everybody = {.kind = ELIGIBILITY_SIMULATED, .percent = 100, .seed = 7};
	struct eligibility_source off = {.kind = ELIGIBILITY_NONE, .percent = 100, .seed = 7};
	ask_thousand(&nobody);
	assert_int_equal(heard.refused, 0);
	ask_thousand(&everybody);
	assert_int_equal(heard.passed, 0);
	ask_thousand(&off);
	assert_int_equal(heard.refused, 0);
}

static void what_takes_time_answers_in_order_and_not_before(void **state)
{
	struct eligibility_source source = {.kind = ELIGIBILITY_SIMULATED, .percent = 0, .delay_ms = 1000};
	struct check_list list = {0};
	struct check checks[3];
	memset(&heard, 0, sizeof heard);
	for (int i = 0; i < 3; i++) {
		checks[i] = (struct check){.done = hear};
		eligibility_ask(&source, &list, &checks[i]);
	}
	eligibility_tick(&list, (struct mono_ns){checks[0].due.ns - 1}, false);
	assert_int_equal(heard.passed, 0);
	eligibility_tick(&list, checks[0].due, false);
	assert_in_range(heard.passed, 1, 3);
	uint32_t passed = heard.passed;
	eligibility_tick(&list, (struct mono_ns){0}, true);
	assert_int_equal(heard.unfinished, 3 - passed);
	assert_null(list.first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_cursor_leads_back_to_its_place),
	    cmocka_unit_test(a_cursor_of_another_list_is_none),
	    cmocka_unit_test(a_cursor_with_any_bit_changed_is_none),
	    cmocka_unit_test(a_histogram_sums_its_loops),
	    cmocka_unit_test(sizes_at_their_bounds),
	    cmocka_unit_test(a_status_that_is_not_counted_apart_counts_as_500),
	    cmocka_unit_test(a_share_is_refused_and_the_same_for_a_seed),
	    cmocka_unit_test(none_and_all),
	    cmocka_unit_test(what_takes_time_answers_in_order_and_not_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
