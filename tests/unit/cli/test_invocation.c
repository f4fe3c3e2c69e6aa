#include "play.h"

#include "cli/help.h"

static const char *manual_path;
static char *no_environment[] = {NULL};

static const struct subcommand *find(const char *name)
{
	char first[32] = "", second[32] = "";
	char *words[] = {first, second};
	int count;
	sscanf(name, "%31s %31s", first, second);
	return subcommand_find(*second ? 2 : 1, words, &count);
}

/* The words of one line, as main() would get them. They live until the next call. */
static int take(struct invocation *invocation, const char *name, struct error *error, const char *line)
{
	static char words[512];
	static char *argv[64];
	int argc = 0;
	snprintf(words, sizeof words, "%s", line);
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	return invocation_init(invocation, find(name), argc, argv, no_environment, error);
}

static void words_options_and_settings_may_stand_in_any_order(void **state)
{
	struct invocation invocation;
	struct error error;
	assert_int_equal(
	    take(&invocation, "drop create", &error, "--sku a=1 shoe --server=http://x:1 --json --sku=b=2"), 0);
	assert_int_equal(invocation.word_count, 1);
	assert_string_equal(invocation.word[0], "shoe");
	assert_string_equal(invocation_option(&invocation, "sku"), "b=2");
	assert_int_equal(invocation.given_count, 3);
	assert_true(invocation.json);
	assert_string_equal(setting_text(&invocation.settings, SETTING_SERVER), "http://x:1");
	invocation_fini(&invocation);
}

static void a_negative_number_is_a_word_and_so_is_what_follows_two_dashes(void **state)
{
	struct invocation invocation;
	struct error error;
	assert_int_equal(take(&invocation, "drop restock", &error, "shoe -- --odd -5"), 0);
	assert_string_equal(invocation.word[1], "--odd");
	assert_string_equal(invocation.word[2], "-5");
	invocation_fini(&invocation);
}

static void what_does_not_fit_is_one_line_and_a_fault(void **state)
{
	struct invocation invocation;
	struct error error;
	assert_int_equal(take(&invocation, "drop show", &error, "a b"), FAULT_INVALID);
	assert_contains(error.text, "one word too many");
	assert_int_equal(take(&invocation, "drop show", &error, "--data d"), FAULT_INVALID);
	assert_contains(error.text, "usage: dibs drop show ID");
	assert_int_equal(take(&invocation, "drop create", &error, "x --titel t"), FAULT_INVALID);
	assert_contains(error.text, "did you mean --title?");
	assert_int_equal(take(&invocation, "drop create", &error, "x --title"), FAULT_INVALID);
	assert_contains(error.text, "--title wants a value");
	assert_int_equal(take(&invocation, "drop create", &error, "x --open=now"), FAULT_INVALID);
	assert_contains(error.text, "takes no value");
	assert_int_equal(take(&invocation, "drop create", &error, "x -t"), FAULT_INVALID);
	assert_int_equal(take(&invocation, "serve", &error, "--loops 65"), FAULT_CONFIG);
	assert_null(strchr(error.text, '\n'));
}

static void help_asks_for_nothing_else(void **state)
{
	struct invocation invocation;
	struct error error;
	assert_int_equal(take(&invocation, "drop create", &error, "--help"), 0);
	assert_true(invocation.help);
	invocation_fini(&invocation);
	assert_int_equal(take(&invocation, "serve", &error, "-h"), 0);
	assert_true(invocation.help);
	invocation_fini(&invocation);
}

static void numbers_are_read_within_their_bounds(void **state)
{
	struct invocation invocation;
	struct error error;
	int64_t number = 7;
	assert_int_equal(take(&invocation, "log show", &error, "--from 5"), 0);
	assert_int_equal(invocation_number(&invocation, "from", 1, 5, 1, &number, &error), 0);
	assert_int_equal(number, 5);
	assert_int_equal(invocation_number(&invocation, "from", 1, 4, 1, &number, &error), FAULT_INVALID);
	assert_int_equal(invocation_number(&invocation, "count", 1, 4, 3, &number, &error), 0);
	assert_int_equal(number, 3);
	invocation_fini(&invocation);
}

/* As many options as one call may have, and one more. */
static void options_have_a_bound(void **state)
{
	struct invocation invocation;
	struct error error;
	char shoe[] = "shoe", flag[] = "--sku", value[] = "a=1";
	char *words[2 * ARGUMENTS_MAX + 3] = {shoe};
	for (int i = 0; i <= ARGUMENTS_MAX; i++) {
		words[1 + 2 * i] = flag;
		words[2 + 2 * i] = value;
	}
	const struct subcommand *create = find("drop create");
	assert_int_equal(invocation_init(&invocation, create, 2 * ARGUMENTS_MAX + 1, words, no_environment, &error), 0);
	invocation_fini(&invocation);
	assert_int_equal(invocation_init(&invocation, create, 2 * ARGUMENTS_MAX + 3, words, no_environment, &error),
	                 FAULT_INVALID);
}

static void every_subcommand_helps_with_an_example(void **state)
{
	for (int i = 0; i < subcommand_count; i++) {
		struct buf out = {0};
		help_subcommand(&out, &subcommands[i]);
		buf_put(&out, "", 1);
		assert_contains(out.at, "usage: dibs ");
		char example[64];
		snprintf(example, sizeof example, "  dibs %s", subcommands[i].name);
		assert_contains(out.at, example);
		buf_fini(&out);
		assert_ptr_equal(find(subcommands[i].name), &subcommands[i]);
		assert_true((subcommands[i].run != NULL) != (subcommands[i].run_raw != NULL));
	}
}

static void the_overview_names_every_subcommand(void **state)
{
	struct buf out = {0};
	help_all(&out);
	buf_put(&out, "", 1);
	for (int i = 0; i < subcommand_count; i++)
		assert_contains(out.at, subcommands[i].name);
	buf_fini(&out);
}

/* deploy/dibs.1 is what `dibs manual` prints. */
static void the_manual_page_is_the_tables(void **state)
{
	struct buf out = {0};
	help_manual(&out);
	FILE *file = fopen(manual_path, "re");
	assert_non_null(file);
	char *page = malloc(out.size + 2);
	size_t size = fread(page, 1, out.size + 1, file);
	fclose(file);
	if (size != out.size || memcmp(page, out.at, size) != 0)
		fail_msg("%s is not what the tables say; run: dibs manual > deploy/dibs.1", manual_path);
	free(page);
	buf_fini(&out);
}

int main(int argc, char **argv)
{
	manual_path = argc > 1 ? argv[1] : "deploy/dibs.1";
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_options_and_settings_may_stand_in_any_order),
	    cmocka_unit_test(a_negative_number_is_a_word_and_so_is_what_follows_two_dashes),
	    cmocka_unit_test(what_does_not_fit_is_one_line_and_a_fault),
	    cmocka_unit_test(help_asks_for_nothing_else),
	    cmocka_unit_test(numbers_are_read_within_their_bounds),
	    cmocka_unit_test(options_have_a_bound),
	    cmocka_unit_test(every_subcommand_helps_with_an_example),
	    cmocka_unit_test(the_overview_names_every_subcommand),
	    cmocka_unit_test(the_manual_page_is_the_tables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
