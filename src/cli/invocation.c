#include "cli/invocation.h"

#include <stdio.h>

#include "cli/nearest.h"

const struct option common_options[] = {
    {"help", NULL, "say how this is used"},
    {"json", NULL, "answer in JSON"},
    {NULL, NULL, NULL},
};

const struct subcommand *subcommand_find(int argc, char **argv, int *ret_words)
{
	char two[64];
	for (int words = argc < 2 ? argc : 2; words > 0; words--) {
		snprintf(two, sizeof two, words == 2 ? "%.30s %.30s" : "%.30s", argv[0], words == 2 ? argv[1] : "");
		for (int i = 0; i < subcommand_count; i++)
			if (strcmp(subcommands[i].name, two) == 0) {
				*ret_words = words;
				return &subcommands[i];
			}
	}
	return NULL;
}

bool subcommand_is_group(const char *word)
{
	size_t size = strlen(word);
	for (int i = 0; i < subcommand_count; i++)
		if (strncmp(subcommands[i].name, word, size) == 0 && subcommands[i].name[size] == ' ')
			return true;
	return false;
}

static const struct option *find_option(const struct option *options, const char *name)
{
	for (; options && options->name; options++)
		if (strcmp(options->name, name) == 0)
			return options;
	return NULL;
}

static int unknown_flag(const struct subcommand *what, const char *name, struct error *error)
{
	struct nearest nearest;
	nearest_init(&nearest, name);
	for (const struct option *option = what->options; option && option->name; option++)
		nearest_try(&nearest, option->name);
	for (int i = 0; i < SETTING_COUNT; i++)
		if (setting_row((enum setting)i)->scope & what->scope)
			nearest_try(&nearest, setting_row((enum setting)i)->name);
	if (nearest.best)
		return error_set(error, FAULT_INVALID, "there is no flag --%.64s; did you mean --%s?", name,
		                 nearest.best);
	return error_set(error, FAULT_INVALID, "there is no flag --%.64s; see dibs %s --help", name, what->name);
}

/* ---- taking argv apart ---- */

struct parsing {
	struct invocation *into;
	char **argv;
	int argc, at;
};

/* The value of the flag just read: behind its "=", or the next word. */
static int take_value(struct parsing *parsing, const char *name, const char *behind, const char **ret,
                      struct error *error)
{
	if (!behind && parsing->at >= parsing->argc)
		return error_set(error, FAULT_INVALID, "--%.64s wants a value", name);
	*ret = behind ? behind : parsing->argv[parsing->at++];
	return 0;
}

static int take_option(struct parsing *parsing, const struct option *option, const char *behind, struct error *error)
{
	struct invocation *into = parsing->into;
	const char *value = "";
	int rc = 0;
	if (!option->value && behind)
		return error_set(error, FAULT_INVALID, "--%s takes no value", option->name);
	if (option->value)
		rc = take_value(parsing, option->name, behind, &value, error);
	if (rc < 0)
		return rc;
	if (into->given_count == ARGUMENTS_MAX)
		return error_set(error, FAULT_INVALID, "more than %d options", ARGUMENTS_MAX);
	into->given[into->given_count].option = option;
	into->given[into->given_count++].value = value;
	into->help = into->help || strcmp(option->name, "help") == 0;
	into->json = into->json || strcmp(option->name, "json") == 0;
	return 0;
}

static int take_setting(struct parsing *parsing, const char *name, const char *behind, struct error *error)
{
	struct invocation *into = parsing->into;
	const char *value = behind;
	int rc = 0;
	if (settings_flag_takes_value(into->what->scope, name))
		rc = take_value(parsing, name, behind, &value, error);
	if (rc == 0)
		rc = settings_from_flag(&into->settings, into->what->scope, name, value, error);
	return rc == FAULT_NOT_FOUND ? unknown_flag(into->what, name, error) : rc;
}

static int take_flag(struct parsing *parsing, const char *flag, struct error *error)
{
	char name[96];
	const char *equals = strchr(flag, '=');
	size_t size = equals ? (size_t)(equals - flag) : strlen(flag);
	if (size == 0 || size >= sizeof name)
		return error_set(error, FAULT_INVALID, "--%.64s is no flag; see dibs %s --help", flag,
		                 parsing->into->what->name);
	memcpy(name, flag, size);
	name[size] = 0;
	const struct option *option = find_option(parsing->into->what->options, name);
	if (!option)
		option = find_option(common_options, name);
	const char *behind = equals ? equals + 1 : NULL;
	return option ? take_option(parsing, option, behind, error) : take_setting(parsing, name, behind, error);
}

static int take_word(struct invocation *into, const char *word, struct error *error)
{
	if (into->word_count >= into->what->words_max || into->word_count == ARGUMENTS_MAX)
		return error_set(error, FAULT_INVALID, "\"%.64s\" is one word too many; usage: dibs %s %s", word,
		                 into->what->name, into->what->usage);
	into->word[into->word_count++] = word;
	return 0;
}

/* "-5" is a word (restocking down), "-" too (a file: stdin). */
static bool is_word(const char *argument)
{
	return argument[0] != '-' || argument[1] == 0 || (argument[1] >= '0' && argument[1] <= '9');
}

static int take_all(struct parsing *parsing, struct error *error)
{
	bool only_words = false;
	int rc = 0;
	while (rc == 0 && parsing->at < parsing->argc) {
		const char *argument = parsing->argv[parsing->at++];
		if (only_words || is_word(argument))
			rc = take_word(parsing->into, argument, error);
		else if (strcmp(argument, "--") == 0)
			only_words = true;
		else if (strcmp(argument, "-h") == 0)
			parsing->into->help = true;
		else if (argument[1] == '-')
			rc = take_flag(parsing, argument + 2, error);
		else
			rc = error_set(error, FAULT_INVALID, "there is no flag %.64s; flags have two dashes", argument);
	}
	return rc;
}

int invocation_init(struct invocation *invocation, const struct subcommand *what, int argc, char **argv,
                    char *const *environment, struct error *error)
{
	struct parsing parsing = {.into = invocation, .argv = argv, .argc = argc};
	*invocation = (struct invocation){.what = what};
	int rc = settings_init(&invocation->settings, error);
	if (rc == 0)
		rc = take_all(&parsing, error);
	if (rc == 0 && !invocation->help && invocation->word_count < what->words_min)
		rc =
		    error_set(error, FAULT_INVALID, "something is missing; usage: dibs %s %s", what->name, what->usage);
	if (rc == 0 && !invocation->help)
		rc = settings_finish(&invocation->settings, environment, error);
	if (rc < 0)
		invocation_fini(invocation);
	return rc;
}

void invocation_fini(struct invocation *invocation)
{
	settings_fini(&invocation->settings);
}

const char *invocation_option(const struct invocation *invocation, const char *name)
{
	for (int i = invocation->given_count; i-- > 0;)
		if (strcmp(invocation->given[i].option->name, name) == 0)
			return invocation->given[i].value;
	return NULL;
}

int invocation_number(const struct invocation *invocation, const char *name, int64_t least, int64_t most,
                      int64_t standard, int64_t *ret, struct error *error)
{
	const char *text = invocation_option(invocation, name);
	uint64_t size;
	if (!text) {
		*ret = standard;
		return 0;
	}
	bool negative = *text == '-';
	if (!text_to_u64(text_of(text + negative), INT64_MAX, &size))
		return error_set(error, FAULT_INVALID, "--%s: \"%.64s\" is not a whole number", name, text);
	int64_t number = negative ? -(int64_t)size : (int64_t)size;
	if (number < least || number > most)
		return error_set(error, FAULT_INVALID, "--%s: %s is out of bounds: %lld to %lld", name, text,
		                 (long long)least, (long long)most);
	*ret = number;
	return 0;
}
