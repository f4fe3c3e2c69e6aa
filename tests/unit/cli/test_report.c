/* A crowd's notes as text and as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "cli/report.h"

#define MS UINT64_C(1000000)

static struct error error;
static struct crowd_answer answers[100];

/* Hundred buyers at once: the n-th is told after n ms, having been sent after half a ms; ten of them got one. */
static struct crowd_result crowd(void)
{
	struct crowd_result result = {.claims = 100,
	                              .buyers = 100,
	                              .connections = 10,
	                              .run = "r",
	                              .answers = answers,
	                              .codes = {"granted", "sold_out"},
	                              .code_count = 2,
	                              .asked = 99,
	                              .granted = 10,
	                              .refused = 89,
	                              .elapsed_ns = 99 * MS,
	                              .limits = {.busy_ns = 5 * MS, .waited = 3}};
	for (unsigned i = 0; i < 100; i++)
		answers[i] = (struct crowd_answer){.sent_ns = MS / 2,
		                                   .told_ns = (i + 1) * MS,
		                                   .status = i < 10 ? 201 : 409,
		                                   .code = i >= 10,
		                                   .tries = 1};
	answers[99] = (struct crowd_answer){.sent_ns = CROWD_NEVER, .told_ns = CROWD_NEVER, .code = UINT8_MAX};
	return result;
}

static double number(json_t *root, const char *object, const char *member)
{
	json_t *inner = *object ? json_object_get(root, object) : root;
	json_t *value = json_object_get(inner, member);
	assert_true(json_is_number(value));
	return json_number_value(value);
}

static void assert_near(double found, double expected)
{
	if (found < expected * 0.99 || found > expected * 1.01)
		fail_msg("%g is not near %g", found, expected);
}

static json_t *json_of(const struct report *report)
{
	struct buf out = {0};
	report_json(report, &out);
	json_t *root = json_loadb(out.at, out.size, JSON_REJECT_DUPLICATES, NULL);
	buf_fini(&out);
	assert_non_null(root);
	return root;
}

static void the_figures_of_the_json(void **state)
{
	struct crowd_result result = crowd();
	struct arrivals arrivals = {.kind = ARRIVE_AT_ONCE};
	struct report *report;
	assert_int_equal(report_new(&result, &arrivals, &report, &error), 0);
	json_t *root = json_of(report);
	assert_true(number(root, "", "claims") == 100 && number(root, "", "asked") == 99);
	assert_true(number(root, "", "granted") == 10 && number(root, "", "refused") == 89);
	assert_near(number(root, "", "elapsed_s"), 0.099);
	assert_true(number(root, "latency_s", "count") == 99);
	assert_near(number(root, "latency_s", "p50"), 0.050);
	assert_near(number(root, "latency_s", "p99"), 0.099);
	assert_near(number(root, "latency_s", "max"), 0.099);
	assert_near(number(root, "service_s", "max"), 0.0985);
	json_t *own = json_object_get(root, "own_limits");
	assert_near(number(own, "late_s", "p99"), 0.0005);
	assert_true(number(own, "", "waited") == 3);
	json_decref(root);
	report_free(report);
}

static double sum_of(json_t *rows, const char *member)
{
	double sum = 0;
	size_t i;
	json_t *row;
	json_array_foreach(rows, i, row) sum += number(row, "", member);
	return sum;
}

static void codes_rows_and_series_add_up(void **state)
{
	struct crowd_result result = crowd();
	struct arrivals arrivals = {.kind = ARRIVE_AT_ONCE};
	struct report *report;
	assert_int_equal(report_new(&result, &arrivals, &report, &error), 0);
	json_t *root = json_of(report), *codes = json_object_get(root, "answers");
	assert_int_equal(json_array_size(codes), 3);
	assert_string_equal(json_string_value(json_object_get(json_array_get(codes, 0), "code")), "not_asked");
	assert_string_equal(json_string_value(json_object_get(json_array_get(codes, 1), "code")), "granted");
	assert_true(sum_of(codes, "count") == 100);
	assert_true(sum_of(json_object_get(root, "histogram"), "count") == 99);
	assert_true(sum_of(json_object_get(root, "series"), "count") == 99);
	assert_true(sum_of(json_object_get(root, "series"), "granted") == 10);
	assert_in_range(json_array_size(json_object_get(root, "series")), 2, 20);
	json_decref(root);
	report_free(report);
}

static void assert_says(const struct buf *out, const char *what)
{
	if (!memmem(out->at, out->size, what, strlen(what)))
		fail_msg("not said: %s\n%.*s", what, (int)out->size, out->at);
}

static void the_text_says_the_same_without_colour(void **state)
{
	struct crowd_result result = crowd();
	struct arrivals arrivals = {.kind = ARRIVE_BY_CHANCE, .rate = 5000};
	struct report *report;
	struct buf out = {0};
	assert_int_equal(report_new(&result, &arrivals, &report, &error), 0);
	report_text(report, (struct style){.colour = false, .unicode = false}, &out);
	assert_says(&out, "100 buyers, 100 claims, 5,000 a second as people come, over 10 connections\n");
	assert_says(&out, "granted              201           10  10.00 %\n");
	assert_says(&out, "sold_out             409           89  89.00 %\n");
	assert_says(&out, "not_asked              -            1   1.00 %\n");
	assert_says(&out, "slowest 99.0 ms");
	assert_says(&out, "#");
	assert_says(&out, "waited for a free connection: 3\n");
	for (size_t i = 0; i < out.size; i++)
		assert_in_range((unsigned char)out.at[i], '\n', '~'); /* no escape, no byte above ASCII */
	buf_fini(&out);
	report_free(report);
}

static void nobody_answered_is_a_report_too(void **state)
{
	struct crowd_result result = crowd();
	struct arrivals arrivals = {.kind = ARRIVE_AT_ONCE};
	struct report *report;
	for (int i = 0; i < 100; i++)
		answers[i] = (struct crowd_answer){.sent_ns = 1, .told_ns = 2, .code = 0};
	result.elapsed_ns = 0;
	strcpy(result.codes[0], "no_answer");
	assert_int_equal(report_new(&result, &arrivals, &report, &error), 0);
	struct buf out = {0};
	report_text(report, (struct style){.unicode = true}, &out);
	assert_says(&out, "no_answer              -          100 100.00 %\n");
	buf_fini(&out);
	json_t *root = json_of(report);
	assert_int_equal(json_array_size(json_object_get(root, "series")), 0);
	json_decref(root);
	report_free(report);
}

static void colour_is_for_terminals_that_want_it(void **state)
{
	unsetenv("LC_ALL");
	unsetenv("LC_CTYPE");
	setenv("LANG", "C", 1);
	assert_false(style_of(stdout).unicode);
	setenv("LANG", "de_DE.UTF-8", 1);
	assert_true(style_of(stdout).unicode);
	setenv("LC_ALL", "C", 1);
	assert_false(style_of(stdout).unicode);
	FILE *file = tmpfile();
	assert_non_null(file);
	assert_false(style_of(file).colour);
	fclose(file);
	setenv("NO_COLOR", "1", 1);
	assert_false(style_of(stdout).colour);
}

static void figures_for_people(void **state)
{
	char room[FIGURE_SIZE];
	assert_string_equal(figure_count(0, room), "0");
	assert_string_equal(figure_count(999, room), "999");
	assert_string_equal(figure_count(1000, room), "1,000");
	assert_string_equal(figure_count(UINT64_MAX, room), "18,446,744,073,709,551,615");
	assert_string_equal(figure_time(1230, room), "1.23 us");
	assert_string_equal(figure_time(45600, room), "45.6 us");
	assert_string_equal(figure_time(999499, room), "999 us");
	assert_string_equal(figure_time(999500, room), "1.00 ms");
	assert_string_equal(figure_time(2500000000, room), "2.50 s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_figures_of_the_json),
	    cmocka_unit_test(codes_rows_and_series_add_up),
	    cmocka_unit_test(the_text_says_the_same_without_colour),
	    cmocka_unit_test(nobody_answered_is_a_report_too),
	    cmocka_unit_test(colour_is_for_terminals_that_want_it),
	    cmocka_unit_test(figures_for_people),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
