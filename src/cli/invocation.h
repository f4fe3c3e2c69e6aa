/* invocation: one call of the program, taken apart: which subcommand, its settings, options and arguments.
 *
 * Every subcommand is one row of the table in commands.c; dispatch, `--help`, the manual page and its test come from
 * there. A subcommand answers with 0, a positive exit status when it has said why itself, or a fault, whose message
 * main() prints as one line.
 */
#ifndef DIBS_CLI_INVOCATION_H
#define DIBS_CLI_INVOCATION_H

#include "cli/settings.h"

#define ARGUMENTS_MAX 64 /* words and options of one call: as many SKUs as one would type */

struct invocation;

struct option {
	const char *name;  /* without dashes; NULL ends a list */
	const char *value; /* what stands for the value in a help; NULL: it stands alone */
	const char *sentence;
};

struct subcommand {
	const char *name;    /* "drop create" */
	const char *usage;   /* what follows the name: "ID --sku NAME=STOCK[@PRICE] …" */
	const char *summary; /* one line, without a full stop */
	const char *text;    /* the rest: what one must know, in lines of at most 100 columns */
	const char *example; /* whole lines, each beginning with "dibs" */
	unsigned scope;      /* settings that it takes as flags; 0: none */
	int words_min, words_max;
	const struct option *options; /* NULL: none */
	int (*run)(const struct invocation *invocation, struct error *error);
	/* Subcommands that take their arguments apart by themselves, and their whole help: */
	int (*run_raw)(int argc, char **argv);
	const char *raw_help;
};

struct invocation {
	const struct subcommand *what;
	struct settings settings;
	bool help, json;
	int word_count;
	const char *word[ARGUMENTS_MAX];
	int given_count;
	struct {
		const struct option *option;
		const char *value;
	} given[ARGUMENTS_MAX];
};

/* --help and --json, which every subcommand has. */
extern const struct option common_options[];

extern const struct subcommand subcommands[];
extern const int subcommand_count;

/* The row whose name argv begins with; *ret_words: how many words the name has. NULL: none. */
const struct subcommand *subcommand_find(int argc, char **argv, int *ret_words);
/* Does a row of more than one word begin with this one ("drop")? */
bool subcommand_is_group(const char *word);

/* argv: what follows the subcommand's name. Settings from everywhere are read, unless help is asked for. */
int invocation_init(struct invocation *invocation, const struct subcommand *what, int argc, char **argv,
                    char *const *environment, struct error *error);
void invocation_fini(struct invocation *invocation);

/* The value of the option, NULL when it was not given; "" when it stands alone. The last one counts. */
const char *invocation_option(const struct invocation *invocation, const char *name);
/* The same as a number within bounds; standard when it was not given. FAULT_INVALID. */
int invocation_number(const struct invocation *invocation, const char *name, int64_t least, int64_t most,
                      int64_t standard, int64_t *ret, struct error *error);

#endif
