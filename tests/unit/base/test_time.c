/* RFC 3339 there and back: calendars, offsets, fractions, and everything that is not one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/time.h"

#include <string.h>

struct pair {
	const char *text;
	int64_t ms;
};

static void read_pairs(const struct pair *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct wall_ms time = {-1};
		if (!rfc3339_parse(pairs[i].text, strlen(pairs[i].text), &time))
			fail_msg("%s is not read", pairs[i].text);
		if (time.ms != pairs[i].ms)
			fail_msg("%s: %lld, not %lld", pairs[i].text, (long long)time.ms, (long long)pairs[i].ms);
	}
}

static void times_with_every_ornament(void **state)
{
	static const struct pair pairs[] = {
	    {"1970-01-01T00:00:00Z", 0},
	    {"1970-01-01T00:00:00.000Z", 0},
	    {"1970-01-01t00:00:00.001z", 1},
	    {"1970-01-01 00:00:01Z", 1000},
	    {"1970-01-01T00:00:00.1Z", 100},
	    {"1970-01-01T00:00:00.12Z", 120},
	    {"1970-01-01T00:00:00.9999999999999Z", 999},
	    {"2000-02-29T12:00:00Z", INT64_C(951825600000)},
	    {"2024-02-29T23:59:59.999Z", INT64_C(1709251199999)},
	    {"2026-11-21T02:15:40.000Z", INT64_C(1795227340000)},
	    {"2026-11-21T11:15:40+09:00", INT64_C(1795227340000)},
	    {"2026-11-20T20:45:40-05:30", INT64_C(1795227340000)},
	    {"2026-11-21T02:15:40-00:00", INT64_C(1795227340000)},
	    {"1970-01-01T09:00:00+09:00", 0},
	    {"9999-12-31T23:59:59.999Z", WALL_MAX_MS},
	};
	read_pairs(pairs, sizeof pairs / sizeof *pairs);
}

static void what_is_no_time_leaves_the_output(void **state)
{
	static const char *const wrong[] = {"",
	                                    "2026",
	                                    "2026-11-21",
	                                    "2026-11-21T02:15:40",
	                                    "2026-11-21T02:15Z",
	                                    "2026-11-21T02:15:40.Z",
	                                    "2026-11-21T02:15:40,5Z",
	                                    "2026-11-21T02:15:40ZZ",
	                                    "2026-11-21T02:15:40Z ",
	                                    " 2026-11-21T02:15:40Z",
	                                    "2026-11-21X02:15:40Z",
	                                    "2026/11/21T02:15:40Z",
	                                    "26-11-21T02:15:40Z",
	                                    "+2026-11-21T02:15:40Z",
	                                    "2026-00-21T02:15:40Z",
	                                    "2026-13-21T02:15:40Z",
	                                    "2026-11-00T02:15:40Z",
	                                    "2026-11-31T02:15:40Z",
	                                    "2025-02-29T02:15:40Z",
	                                    "2100-02-29T02:15:40Z",
	                                    "2026-11-21T24:00:00Z",
	                                    "2026-11-21T02:60:40Z",
	                                    "2026-11-21T02:15:60Z",
	                                    "2026-11-21T02:15:40+9:00",
	                                    "2026-11-21T02:15:40+0900",
	                                    "2026-11-21T02:15:40+24:00",
	                                    "2026-11-21T02:15:40+09:60",
	                                    "2026-11-21T02:15:40+",
	                                    "2026-11-21T02:15:4",
	                                    "1969-12-31T23:59:59.999Z",
	                                    "1970-01-01T00:00:00+00:01",
	                                    "9999-12-31T23:59:59-00:01",
	                                    "0000-01-01T00:00:00Z"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct wall_ms time = {77};
		if (rfc3339_parse(wrong[i], strlen(wrong[i]), &time) || time.ms != 77)
			fail_msg("%s is read as a time", wrong[i]);
	}
}

static void a_nul_ends_nothing(void **state)
{
	struct wall_ms time = {77};
	assert_false(rfc3339_parse("2026-11-21T02:15:40\0", 20, &time));
	assert_false(rfc3339_parse("2026-11-21\0"
	                           "02:15:40Z",
	                           20, &time));
	assert_false(rfc3339_parse("2026-11-21T02:15:40Z", 19, &time));
	assert_int_equal(time.ms, 77);
}

static void written_as_it_was_read(void **state)
{
	static const char *const texts[] = {"1970-01-01T00:00:00.000Z", "1999-12-31T23:59:59.999Z",
	                                    "2000-02-29T00:00:00.001Z", "2000-03-01T00:00:00.000Z",
	                                    "2026-11-21T02:15:40.123Z", "9999-12-31T23:59:59.999Z"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct wall_ms time;
		char out[RFC3339_SIZE];
		assert_true(rfc3339_parse(texts[i], strlen(texts[i]), &time));
		assert_int_equal(rfc3339_format(time, out), 24);
		assert_string_equal(out, texts[i]);
	}
}

/* 400 years of days, and a step that meets every time of day: what is written is read as the same. */
static void every_day_of_four_centuries(void **state)
{
	for (int64_t ms = 0; ms < INT64_C(12622780800000); ms += INT64_C(86400000) + 12345) {
		struct wall_ms time;
		char out[RFC3339_SIZE];
		rfc3339_format((struct wall_ms){ms}, out);
		assert_true(rfc3339_parse(out, 24, &time));
		assert_true(time.ms == ms);
	}
}

static void the_clocks_go_forward(void **state)
{
	struct mono_ns first = clock_mono(), second = clock_mono();
	assert_true(second.ns >= first.ns);
	assert_true(clock_wall().ms > INT64_C(1700000000000)); /* this was written after 2023 */
	assert_true(clock_wall().ms < WALL_MAX_MS);
}

static void never_comes_after_all(void **state)
{
	assert_true(wall_before((struct wall_ms){WALL_MAX_MS}, WALL_NEVER));
	assert_false(wall_before(WALL_NEVER, WALL_NEVER));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(times_with_every_ornament),   cmocka_unit_test(what_is_no_time_leaves_the_output),
	    cmocka_unit_test(a_nul_ends_nothing),          cmocka_unit_test(written_as_it_was_read),
	    cmocka_unit_test(every_day_of_four_centuries), cmocka_unit_test(the_clocks_go_forward),
	    cmocka_unit_test(never_comes_after_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
