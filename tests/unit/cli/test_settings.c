#include "play.h"

#include "cli/settings.h"

static struct settings settings;
static struct error error;

static int begin(void **state)
{
	error = (struct error){0};
	return settings_init(&settings, &error);
}

static int end(void **state)
{
	settings_fini(&settings);
	return 0;
}

static char *no_environment[] = {NULL};

static void assert_value(enum setting setting, const char *text, int64_t number, const char *where)
{
	assert_string_equal(setting_text(&settings, setting), text);
	assert_int_equal(setting_number(&settings, setting), number);
	assert_string_equal(settings.value[setting].where, where);
}

static void defaults_stand_until_something_is_said(void **state)
{
	assert_value(SETTING_LOOPS, "0", 0, "default");
	assert_value(SETTING_CLAIM_TIMEOUT, "10s", 10000, "default");
	assert_value(SETTING_SEGMENT_SIZE, "64MiB", 67108864, "default");
	assert_value(SETTING_ARCHIVE, "true", 1, "default");
	assert_value(SETTING_LOG_LEVEL, "info", 1, "default");
	assert_int_equal(settings_fit(&settings, &error), 0);
}

static void every_row_of_the_table_is_sound(void **state)
{
	for (int i = 0; i < SETTING_COUNT; i++) {
		const struct setting_row *row = setting_row((enum setting)i);
		assert_true(row->least <= row->most);
		assert_true(strlen(row->sentence) > 10);
		assert_true(row->sentence[strlen(row->sentence) - 1] != '.');
		assert_true(row->scope != 0);
		for (const char *at = row->name; *at; at++)
			assert_true((*at >= 'a' && *at <= 'z') || *at == '-');
		for (int j = 0; j < i; j++)
			assert_string_not_equal(row->name, setting_row((enum setting)j)->name);
	}
}

static void a_flag_beats_the_environment_which_beats_the_file(void **state)
{
	struct file file = file_with("dibs.conf", "# a shop\nloops = 3\ngrace = 4s\npipeline = 5\n");
	char config[128];
	snprintf(config, sizeof config, "DIBS_CONFIG=%s", file.path);
	char loops[] = "DIBS_LOOPS=7", grace[] = "DIBS_GRACE=8s", home[] = "HOME=/root";
	char *environment[] = {config, loops, grace, home, NULL};
	assert_int_equal(settings_from_flag(&settings, SCOPE_SERVE, "loops", "9", &error), 0);
	assert_int_equal(settings_finish(&settings, environment, &error), 0);
	char where[128];
	snprintf(where, sizeof where, "%s:4", file.path);
	assert_value(SETTING_LOOPS, "9", 9, "--loops");
	assert_value(SETTING_GRACE, "8s", 8000, "DIBS_GRACE");
	assert_value(SETTING_PIPELINE, "5", 5, where);
	file_gone(&file);
}

static void a_stronger_place_does_not_excuse_a_wrong_value_in_a_weaker_one(void **state)
{
	struct file file = file_with("dibs.conf", "loops = 300\n");
	assert_int_equal(settings_from_flag(&settings, SCOPE_SERVE, "loops", "9", &error), 0);
	assert_int_equal(settings_from_file(&settings, file.path, &error), FAULT_CONFIG);
	assert_contains(error.text, "dibs.conf:1: 300 is out of bounds: 0 to 64");
	file_gone(&file);
}

static void bounds_hold_on_both_edges(void **state)
{
	assert_int_equal(settings_from_flag(&settings, SCOPE_SERVE, "log-number", "255", &error), 0);
	assert_int_equal(settings_from_flag(&settings, SCOPE_SERVE, "log-number", "256", &error), FAULT_CONFIG);
	assert_int_equal(settings_from_flag(&settings, SCOPE_SERVE, "claim-timeout", "100ms", &error), 0);
	assert_int_equal(settings_from_flag(&settings, SCOPE_SERVE, "claim-timeout", "99ms", &error), FAULT_CONFIG);
	assert_contains(error.text, "--claim-timeout");
	assert_value(SETTING_LOG_NUMBER, "255", 255, "--log-number");
	assert_value(SETTING_CLAIM_TIMEOUT, "100ms", 100, "--claim-timeout");
}

static void a_wrong_form_says_what_is_expected(void **state)
{
	assert_int_equal(settings_from_flag(&settings, SCOPE_SERVE, "grace", "10", &error), FAULT_CONFIG);
	assert_contains(error.text, "a time with its unit");
	assert_int_equal(settings_from_flag(&settings, SCOPE_SERVE, "eligibility", "maybe", &error), FAULT_CONFIG);
	assert_contains(error.text, "one of none|simulated");
	assert_int_equal(settings_from_flag(&settings, SCOPE_SERVE, "archive", "yes", &error), FAULT_CONFIG);
	assert_int_equal(settings_from_flag(&settings, SCOPE_SERVE, "eligibility", "none|simulated", &error),
	                 FAULT_CONFIG);
	assert_int_equal(settings_from_flag(&settings, SCOPE_SERVE, "loops", NULL, &error), FAULT_CONFIG);
	assert_contains(error.text, "wants a value");
}

static void an_unknown_name_is_an_error_with_the_nearest_one(void **state)
{
	struct file file = file_with("dibs.conf", "\nlisten = 127.0.0.1:1\nlisteen = x\n");
	assert_int_equal(settings_from_file(&settings, file.path, &error), FAULT_CONFIG);
	assert_contains(error.text, "dibs.conf:3");
	assert_contains(error.text, "did you mean \"listen\"?");
	file_gone(&file);
	char lops[] = "DIBS_LOPS=1";
	char *environment[] = {lops, NULL};
	assert_int_equal(settings_from_environment(&settings, environment, &error), FAULT_CONFIG);
	assert_contains(error.text, "DIBS_LOPS");
	assert_contains(error.text, "\"loops\"");
	assert_int_equal(settings_from_flag(&settings, SCOPE_SERVE, "nothing-like-it", "1", &error), FAULT_NOT_FOUND);
}

static void a_flag_of_another_command_is_none(void **state)
{
	assert_int_equal(settings_from_flag(&settings, SCOPE_CLIENT, "loops", "1", &error), FAULT_NOT_FOUND);
	assert_true(settings_flag_takes_value(SCOPE_CLIENT, "server"));
	assert_false(settings_flag_takes_value(SCOPE_CLIENT, "loops"));
	assert_false(settings_flag_takes_value(SCOPE_SERVE, "archive"));
}

/* Kubernetes puts these into every container beside a service called "dibs". */
static void what_others_put_into_the_environment_is_passed_over(void **state)
{
	char lines[5][48] = {"DIBS_PORT=tcp://10.0.0.1:8080", "DIBS_PORT_8080_TCP_ADDR=10.0.0.1",
	                     "DIBS_SERVICE_HOST=10.0.0.1", "DIBS_BIN=build/src/cli/dibs", "DIBSY=1"};
	char *environment[] = {lines[0], lines[1], lines[2], lines[3], lines[4], NULL};
	assert_int_equal(settings_from_environment(&settings, environment, &error), 0);
}

static void a_file_says_a_thing_once_and_has_no_sections(void **state)
{
	struct file twice = file_with("dibs.conf", "loops = 1\nloops = 2\n");
	assert_int_equal(settings_from_file(&settings, twice.path, &error), FAULT_CONFIG);
	assert_contains(error.text, "dibs.conf:2: \"loops\" is said twice");
	file_gone(&twice);
	struct file sections = file_with("dibs.conf", "[server]\nloops = 1\n");
	assert_int_equal(settings_from_file(&settings, sections.path, &error), FAULT_CONFIG);
	assert_contains(error.text, "[server]");
	file_gone(&sections);
	struct file no_line = file_with("dibs.conf", "grace = 1s\nloops\n");
	assert_int_equal(settings_from_file(&settings, no_line.path, &error), FAULT_CONFIG);
	assert_contains(error.text, "dibs.conf:2");
	file_gone(&no_line);
	struct file another = file_with("dibs.conf", "config = other.conf\n");
	assert_int_equal(settings_from_file(&settings, another.path, &error), FAULT_CONFIG);
	file_gone(&another);
	assert_int_equal(settings_from_file(&settings, "/nonexistent/dibs.conf", &error), FAULT_CONFIG);
}

static void a_line_is_as_long_as_it_may_be(void **state)
{
	char fits[256] = "data = ", too_long[256] = "data = ";
	memset(fits + 7, 'd', 190 - 7 - 1);
	strcat(fits, "\n");
	memset(too_long + 7, 'd', 190 - 7);
	strcat(too_long, "\n");
	struct file file = file_with("dibs.conf", fits);
	assert_int_equal(settings_from_file(&settings, file.path, &error), 0);
	file_gone(&file);
	file = file_with("dibs.conf", too_long);
	assert_int_equal(settings_from_file(&settings, file.path, &error), FAULT_CONFIG);
	assert_contains(error.text, "longer than 190 bytes");
	file_gone(&file);
}

static void a_secret_comes_from_its_file_or_the_environment(void **state)
{
	struct file file = file_with("shop.key", "dibs_shop_abc\n");
	assert_int_equal(settings_from_flag(&settings, SCOPE_CLIENT, "key-file", file.path, &error), 0);
	assert_int_equal(settings_finish(&settings, no_environment, &error), 0);
	assert_string_equal(setting_secret(&settings, SETTING_KEY), "dibs_shop_abc");
	file_gone(&file);
}

static void the_environment_gives_the_secret_or_its_file(void **state)
{
	struct file file = file_with("shop.key", "dibs_shop_file\r\n");
	char by_file[128];
	snprintf(by_file, sizeof by_file, "DIBS_KEY_FILE=%s", file.path);
	char by_text[] = "DIBS_KEY=dibs_shop_text";
	char *text[] = {by_text, NULL}, *path[] = {by_file, NULL}, *both[] = {by_text, by_file, NULL};
	assert_int_equal(settings_finish(&settings, text, &error), 0);
	assert_string_equal(setting_secret(&settings, SETTING_KEY), "dibs_shop_text");
	settings_fini(&settings);
	assert_int_equal(settings_init(&settings, &error), 0);
	assert_int_equal(settings_finish(&settings, path, &error), 0);
	assert_string_equal(setting_secret(&settings, SETTING_KEY), "dibs_shop_file");
	settings_fini(&settings);
	assert_int_equal(settings_init(&settings, &error), 0);
	assert_int_equal(settings_finish(&settings, both, &error), FAULT_CONFIG);
	assert_contains(error.text, "DIBS_KEY_FILE");
	file_gone(&file);
}

static void a_secret_never_stands_in_the_open(void **state)
{
	struct file file = file_with("dibs.conf", "key = dibs_shop_abc\n");
	assert_int_equal(settings_from_flag(&settings, SCOPE_CLIENT, "key", "dibs_shop_abc", &error), FAULT_CONFIG);
	assert_contains(error.text, "key-file");
	assert_null(strstr(error.text, "dibs_shop_abc"));
	assert_int_equal(settings_from_file(&settings, file.path, &error), FAULT_CONFIG);
	assert_null(strstr(error.text, "dibs_shop_abc"));
	file_gone(&file);
}

static void a_file_that_holds_no_secret_is_named(void **state)
{
	struct file empty = file_with("shop.key", "\n"), text = file_with("shop.key", "two words\n");
	assert_int_equal(settings_from_flag(&settings, SCOPE_CLIENT, "key-file", empty.path, &error), 0);
	assert_int_equal(settings_finish(&settings, no_environment, &error), FAULT_CONFIG);
	assert_contains(error.text, empty.path);
	assert_int_equal(settings_from_flag(&settings, SCOPE_CLIENT, "key-file", text.path, &error), 0);
	assert_int_equal(settings_finish(&settings, no_environment, &error), FAULT_CONFIG);
	assert_int_equal(settings_from_flag(&settings, SCOPE_CLIENT, "key-file", "/nonexistent", &error), 0);
	assert_int_equal(settings_finish(&settings, no_environment, &error), FAULT_CONFIG);
	assert_contains(error.text, "--key-file");
	file_gone(&empty);
	file_gone(&text);
}

static void settings_must_go_together(void **state)
{
	assert_int_equal(settings_from_flag(&settings, SCOPE_SERVE, "segment-size", "1048577", &error), 0);
	assert_int_equal(settings_fit(&settings, &error), FAULT_CONFIG);
	assert_contains(error.text, "multiple of 4096");
	assert_int_equal(settings_from_flag(&settings, SCOPE_SERVE, "segment-size", "1048576", &error), 0);
	assert_int_equal(settings_fit(&settings, &error), 0);
	assert_int_equal(settings_from_flag(&settings, SCOPE_SERVE, "listen", "localhost", &error), 0);
	assert_int_equal(settings_fit(&settings, &error), FAULT_CONFIG);
}

#define PLAY(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    PLAY(defaults_stand_until_something_is_said),
	    PLAY(every_row_of_the_table_is_sound),
	    PLAY(a_flag_beats_the_environment_which_beats_the_file),
	    PLAY(a_stronger_place_does_not_excuse_a_wrong_value_in_a_weaker_one),
	    PLAY(bounds_hold_on_both_edges),
	    PLAY(a_wrong_form_says_what_is_expected),
	    PLAY(an_unknown_name_is_an_error_with_the_nearest_one),
	    PLAY(a_flag_of_another_command_is_none),
	    PLAY(what_others_put_into_the_environment_is_passed_over),
	    PLAY(a_file_says_a_thing_once_and_has_no_sections),
	    PLAY(a_line_is_as_long_as_it_may_be),
	    PLAY(a_secret_comes_from_its_file_or_the_environment),
	    PLAY(the_environment_gives_the_secret_or_its_file),
	    PLAY(a_secret_never_stands_in_the_open),
	    PLAY(a_file_that_holds_no_secret_is_named),
	    PLAY(settings_must_go_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
