#include "cli/help.h"

#define NAME_COLUMN 18 /* the longest subcommand and two spaces */

static void put_padded(struct buf *out, const char *text, size_t column)
{
	buf_str(out, text);
	for (size_t size = strlen(text); size < column; size++)
		buf_str(out, " ");
}

static void put_row(struct buf *out, const struct subcommand *what)
{
	buf_str(out, "  ");
	put_padded(out, what->name, NAME_COLUMN);
	buf_str(out, what->summary);
	buf_str(out, "\n");
}

void help_all(struct buf *out)
{
	buf_str(out, "dibs sells limited stock: first come, first served, never twice, never what is not there.\n\n"
	             "usage: dibs COMMAND [--flag VALUE …]\n\n");
	for (int i = 0; i < subcommand_count; i++)
		put_row(out, &subcommands[i]);
	buf_str(out,
	        "\n"
	        "dibs COMMAND --help says more about one, with an example. dibs --version says which this is.\n"
	        "Settings come from flags, the environment (DIBS_…), a file (--config), and defaults, in this order.\n"
	        "exit: 0 done · 1 it did not work · 2 wrong usage · 3 damaged data · 4 disk failure\n\n"
	        "example:\n"
	        "  dibs demo\n"
	        "  dibs serve --data ./dibs-data\n");
}

void help_group(struct buf *out, const char *group)
{
	size_t size = strlen(group);
	buf_printf(out, "usage: dibs %s COMMAND [--flag VALUE …]\n\n", group);
	for (int i = 0; i < subcommand_count; i++)
		if (strncmp(subcommands[i].name, group, size) == 0 && subcommands[i].name[size] == ' ')
			put_row(out, &subcommands[i]);
	buf_printf(out, "\ndibs %s COMMAND --help says more about one, with an example.\n\nexample:\n", group);
	for (int i = 0; i < subcommand_count; i++)
		if (strncmp(subcommands[i].name, group, size) == 0 && subcommands[i].name[size] == ' ') {
			buf_printf(out, "  %.*s\n", (int)strcspn(subcommands[i].example, "\n"), subcommands[i].example);
			break;
		}
}

/* "--key-file FILE", "--loops N", "--archive[=true|false]" */
static void put_setting_flag(struct buf *out, const struct setting_row *row)
{
	if (row->type == SETTING_TYPE_SECRET)
		buf_printf(out, "--%s%s FILE", row->name, SECRET_FILE_SUFFIX);
	else if (row->type == SETTING_TYPE_SWITCH)
		buf_printf(out, "--%s[=%s]", row->name, row->value);
	else
		buf_printf(out, "--%s %s", row->name, row->value);
}

static void put_setting(struct buf *out, const struct setting_row *row)
{
	buf_str(out, "  ");
	put_setting_flag(out, row);
	buf_printf(out, "\n      %s", row->sentence);
	if (*row->standard)
		buf_printf(out, " (%s)", row->standard);
	buf_str(out, "\n");
}

static void put_options(struct buf *out, const struct option *options)
{
	for (; options && options->name; options++)
		buf_printf(out, "  --%s%s%s\n      %s\n", options->name, options->value ? " " : "",
		           options->value ? options->value : "", options->sentence);
}

/* Every line of text behind a margin of two. */
static void put_lines(struct buf *out, const char *text)
{
	while (*text) {
		size_t size = strcspn(text, "\n");
		buf_str(out, "  ");
		buf_put(out, text, size);
		buf_str(out, "\n");
		text += size + (text[size] == '\n');
	}
}

void help_subcommand(struct buf *out, const struct subcommand *what)
{
	if (what->raw_help) {
		buf_str(out, what->raw_help);
		return;
	}
	buf_printf(out, "dibs %s: %s.\n\nusage: dibs %s%s%s\n", what->name, what->summary, what->name,
	           *what->usage ? " " : "", what->usage);
	if (*what->text)
		buf_printf(out, "\n%s\n", what->text);
	buf_str(out, "\nexample:\n");
	put_lines(out, what->example);
	buf_str(out, "\noptions:\n");
	put_options(out, what->options);
	put_options(out, common_options);
	if (what->scope)
		buf_str(out, "\nsettings (default):\n");
	for (int i = 0; i < SETTING_COUNT; i++)
		if (setting_row((enum setting)i)->scope & what->scope)
			put_setting(out, setting_row((enum setting)i));
}

/* ---- the manual page ---- */

/* roff: a backslash and a dash are escaped, a dot or quote at the start of a line is shielded. */
static void put_roff(struct buf *out, const char *text)
{
	bool line_begins = true;
	for (; *text; text++) {
		if (line_begins && (*text == '.' || *text == '\''))
			buf_str(out, "\\&");
		if (*text == '\\')
			buf_str(out, "\\e");
		else if (*text == '-')
			buf_str(out, "\\-");
		else
			buf_put(out, text, 1);
		line_begins = *text == '\n';
	}
}

static void manual_options(struct buf *out, const struct option *options)
{
	for (; options && options->name; options++) {
		buf_str(out, ".TP\n\\fB\\-\\-");
		put_roff(out, options->name);
		buf_str(out, options->value ? "\\fR " : "\\fR");
		put_roff(out, options->value ? options->value : "");
		buf_str(out, "\n");
		put_roff(out, options->sentence);
		buf_str(out, "\n");
	}
}

static void manual_block(struct buf *out, const char *text)
{
	buf_str(out, ".PP\n.nf\n");
	put_roff(out, text);
	buf_str(out, "\n.fi\n");
}

static void manual_subcommand(struct buf *out, const struct subcommand *what)
{
	buf_str(out, ".SS dibs ");
	put_roff(out, what->name);
	buf_str(out, "\n");
	if (what->raw_help) {
		manual_block(out, what->raw_help);
		return;
	}
	buf_str(out, "\\fBdibs ");
	put_roff(out, what->name);
	buf_str(out, *what->usage ? "\\fR " : "\\fR");
	put_roff(out, what->usage);
	buf_str(out, "\n.PP\n");
	put_roff(out, what->summary);
	buf_str(out, ".\n");
	if (*what->text) {
		buf_str(out, ".PP\n");
		put_roff(out, what->text);
		buf_str(out, "\n");
	}
	manual_options(out, what->options);
	manual_block(out, what->example);
}

static const char *type_name(const struct setting_row *row)
{
	static const char *const names[] = {"text", "path", "number", "bytes", "time", "switch", "choice", "secret"};
	return names[row->type];
}

static bool is_bounded(const struct setting_row *row)
{
	return row->type == SETTING_TYPE_COUNT || row->type == SETTING_TYPE_BYTES || row->type == SETTING_TYPE_TIME;
}

static void manual_setting(struct buf *out, const struct setting_row *row)
{
	struct buf flag = {0};
	put_setting_flag(&flag, row);
	buf_put(&flag, "", 1);
	buf_str(out, ".TP\n\\fB");
	put_roff(out, flag.at ? flag.at : "");
	buf_str(out, "\\fR, \\fB");
	setting_environment_name(out, row);
	buf_str(out, row->type == SETTING_TYPE_SECRET ? "\\fR or \\fB" : "\\fR");
	if (row->type == SETTING_TYPE_SECRET) {
		setting_environment_name(out, row);
		buf_str(out, "_FILE\\fR");
	}
	buf_printf(out, " (%s)\n", type_name(row));
	put_roff(out, row->sentence);
	buf_str(out, ".");
	if (*row->standard) {
		buf_str(out, " Default: ");
		put_roff(out, row->standard);
		buf_str(out, ".");
	}
	if (is_bounded(row))
		buf_printf(out, " Bounds: %lld to %lld%s.", (long long)row->least, (long long)row->most,
		           row->type == SETTING_TYPE_TIME ? " ms" : "");
	buf_str(out, "\n");
	buf_fini(&flag);
}

static const char manual_begin[] =
    ".\\\" Made by `dibs manual` from the tables of subcommands and settings. Do not edit.\n"
    ".TH DIBS 1 \"\" \"dibs " DIBS_VERSION "\" \"User Commands\"\n"
    ".SH NAME\n"
    "dibs \\- sell limited stock: first come, first served, never twice, never what is not there\n"
    ".SH SYNOPSIS\n"
    "\\fBdibs\\fR \\fICOMMAND\\fR [\\fB\\-\\-\\fR\\fIflag\\fR \\fIvalue\\fR \\&...]\n"
    ".SH DESCRIPTION\n"
    "dibs is a server that sells what there is too little of. One ordered log decides who got what; everything\n"
    "else is a fold of that log.\n"
    "Data goes to stdout, messages go to stderr. \\fB\\-\\-json\\fR answers in JSON, where there is an answer.\n"
    "\\fBNO_COLOR\\fR is respected.\n"
    ".SH COMMANDS\n";

static const char manual_end[] =
    ".SH EXIT STATUS\n"
    ".TP\n0\ndone\n"
    ".TP\n1\nit did not work: refused, no server, a promise that does not hold\n"
    ".TP\n2\nwrong usage, or a setting that is wrong\n"
    ".TP\n3\ndamaged data: what was acknowledged is not as it was written; the message says where\n"
    ".TP\n4\na disk failed; the process stopped at once, and has acknowledged nothing falsely\n"
    ".SH FILES\n"
    ".TP\n\\fIDATA\\fR/log, archive\nthe log, in segments; and those that are no longer needed to start\n"
    ".TP\n\\fIDATA\\fR/snapshots\nthe state at a place in the log; two are kept\n"
    ".TP\n\\fIDATA\\fR/store.db\nthe read model; it can be deleted and is rebuilt from the log\n"
    ".TP\n\\fIDATA\\fR/admin.key\nan API key of the role admin, made by the first start\n"
    ".TP\n\\fIDATA\\fR/tokens/*.key\nthe secrets that buyer tokens are signed with, one file a key id\n"
    ".TP\n\\fIDATA\\fR/lock\nheld by the one process that owns the directory\n";

void help_manual(struct buf *out)
{
	buf_str(out, manual_begin);
	for (int i = 0; i < subcommand_count; i++)
		manual_subcommand(out, &subcommands[i]);
	buf_str(out,
	        ".SH SETTINGS\nDefaults give way to a file (\\fB\\-\\-config\\fR, lines of name = value), that to the\n"
	        "environment, that to flags. An unknown name is an error, wherever it stands.\n");
	for (int i = 0; i < SETTING_COUNT; i++)
		manual_setting(out, setting_row((enum setting)i));
	buf_str(out, manual_end);
}
