/* main: finds the subcommand, takes its arguments apart, runs it, and says a fault as one line. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "cli/help.h"
#include "cli/nearest.h"
#include "cli/output.h"

#define EXIT_USAGE 2

static int print(void (*make)(struct buf *out))
{
	struct buf out = {0};
	make(&out);
	return output_end(&out);
}

static int print_help(const struct subcommand *what)
{
	struct buf out = {0};
	help_subcommand(&out, what);
	return output_end(&out);
}

static int print_group(const char *group, bool asked)
{
	struct buf out = {0};
	help_group(&out, group);
	if (asked)
		return output_end(&out);
	fprintf(stderr, "%.*s", (int)out.size, out.at ? out.at : "");
	buf_fini(&out);
	return EXIT_USAGE;
}

static bool is_help(const char *word)
{
	return strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "help") == 0;
}

/* "drop" as a prefix of "drop create": the first word only. */
static void try_names(struct nearest *nearest, const char *group)
{
	static char firsts[64][32];
	for (int i = 0; i < subcommand_count && i < 64; i++) {
		const char *name = subcommands[i].name;
		size_t size = strlen(group);
		if (*group && (strncmp(name, group, size) != 0 || name[size] != ' '))
			continue;
		const char *word = *group ? name + size + 1 : name;
		snprintf(firsts[i], sizeof firsts[i], "%.*s", (int)strcspn(word, " "), word);
		nearest_try(nearest, firsts[i]);
	}
}

static int unknown_command(const char *group, const char *word)
{
	struct nearest nearest;
	const char *space = *group ? " " : "";
	nearest_init(&nearest, word);
	try_names(&nearest, group);
	if (nearest.best)
		fprintf(stderr, "dibs: there is no command \"%s%s%.64s\"; did you mean \"dibs %s%s%s\"?\n", group,
		        space, word, group, space, nearest.best);
	else
		fprintf(stderr, "dibs: there is no command \"%s%s%.64s\"; see dibs %s%s--help\n", group, space, word,
		        group, space);
	return EXIT_USAGE;
}

static int fault(const struct subcommand *what, const struct error *error)
{
	fprintf(stderr, "dibs %s: %s\n", what->name, error->text);
	return error_exit_status(error->code);
}

static int run(const struct subcommand *what, int argc, char **argv)
{
	struct invocation invocation;
	struct error error = {0};
	if (what->run_raw)
		return what->run_raw(argc + 1, argv - 1);
	int rc = invocation_init(&invocation, what, argc, argv, environ, &error);
	if (rc < 0)
		return fault(what, &error);
	if (invocation.help)
		rc = print_help(what);
	else
		rc = what->run(&invocation, &error);
	invocation_fini(&invocation);
	if (rc < 0)
		return fault(what, &error);
	return rc;
}

static int dispatch(int argc, char **argv)
{
	int words;
	const struct subcommand *what = subcommand_find(argc, argv, &words);
	if (what)
		return run(what, argc - words, argv + words);
	if (!subcommand_is_group(argv[0]))
		return unknown_command("", argv[0]);
	if (argc < 2 || is_help(argv[1]))
		return print_group(argv[0], argc >= 2);
	return unknown_command(argv[0], argv[1]);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN); /* a pipe that was closed is a failed write, and is said */
	digest_init();
	if (argc < 2) {
		fprintf(stderr, "usage: dibs COMMAND [--flag VALUE …]; dibs --help lists the commands\n");
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("dibs " DIBS_VERSION "\n");
		return 0;
	}
	if (!is_help(argv[1]))
		return dispatch(argc - 1, argv + 1);
	return argc == 2 ? print(help_all) : dispatch(2, (char *[]){argv[2], (char[]){"--help"}, NULL});
}
