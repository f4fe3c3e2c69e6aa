/* A command line out of any bytes: a line is a word.
 *
 *   - a subcommand is found whose name the words are, or none;
 *   - its arguments are taken apart, or refused with one line;
 *   - what was taken apart is within the subcommand's bounds, options are its own, and a number is within those asked for.
 *
 * Files that a flag names are not to be read here: a slash in a word becomes another byte.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "cli/invocation.h"

#define WORDS_MAX 100 /* more than ARGUMENTS_MAX: that bound is met too */

struct line {
	char *word[WORDS_MAX + 1];
	int count;
};

static void words_from(struct input *input, struct line *ret)
{
	while (input->left && ret->count < WORDS_MAX) {
		const uint8_t *end = memchr(input->at, '\n', input->left);
		struct text text = input_text(input, end ? (size_t)(end - input->at) : input->left);
		if (end)
			input_u8(input);
		char *word = malloc(text.size + 1);
		must(word);
		memcpy(word, text.at, text.size);
		word[text.size] = 0;
		for (char *at = word; *at; at++)
			*at = *at == '/' ? '|' : *at;
		ret->word[ret->count++] = word;
	}
	ret->word[ret->count] = NULL;
}

static bool has_option(const struct option *options, const struct option *option)
{
	for (; options && options->name; options++)
		if (options == option)
			return true;
	return false;
}

static void check_number(const struct invocation *invocation, const char *name)
{
	struct error error = {0};
	int64_t number = -77;
	int fault = invocation_number(invocation, name, -5, 1000, 7, &number, &error);
	must(fault == 0 || (fault == FAULT_INVALID && text_is_one_line(text_of(error.text))));
	must(fault ? number == -77 : number >= -5 && number <= 1000);
}

static void check_invocation(const struct invocation *invocation)
{
	const struct subcommand *what = invocation->what;
	must(invocation->word_count <= what->words_max && invocation->word_count <= ARGUMENTS_MAX);
	must(invocation->help || invocation->word_count >= what->words_min);
	must(invocation->given_count <= ARGUMENTS_MAX);
	for (int i = 0; i < invocation->given_count; i++) {
		const struct option *option = invocation->given[i].option;
		must(has_option(what->options, option) || has_option(common_options, option));
		must(invocation->given[i].value && invocation_option(invocation, option->name));
		check_number(invocation, option->name);
	}
}

static void take_apart(const struct subcommand *what, int argc, char **argv)
{
	static char loops[] = "DIBS_LOOPS=2", other[] = "PATH=x";
	static char *const environment[] = {loops, other, NULL};
	struct invocation invocation;
	struct error error = {0};
	int fault = invocation_init(&invocation, what, argc, argv, environment, &error);
	if (fault) {
		must(fault == FAULT_INVALID || fault == FAULT_CONFIG);
		must(error.code == fault && text_is_one_line(text_of(error.text)));
		return;
	}
	check_invocation(&invocation);
	invocation_fini(&invocation);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = {bytes, size};
	struct line line = {.count = 0};
	int words = 0;
	words_from(&input, &line);
	const struct subcommand *what = subcommand_find(line.count, line.word, &words);
	must(!what || (words >= 1 && words <= 2 && words <= line.count));
	if (what && !what->run_raw)
		take_apart(what, line.count - words, line.word + words);
	if (line.count)
		subcommand_is_group(line.word[0]);
	while (line.count)
		free(line.word[--line.count]);
	return 0;
}
