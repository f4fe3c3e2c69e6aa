/* settings: what an operator may choose, from one table (settings.def).
 *
 *   defaults  <  file (--config)  <  environment (DIBS_…)  <  flags (--…)
 *
 * Units    times in ms, sizes in bytes, choices as their place in the row's list, from 0.
 * Memory   a struct settings owns its texts, from settings_init() to settings_fini().
 * Faults   FAULT_CONFIG: an unknown name (with the nearest one), a value out of bounds, a secret in the open; the
 *          message says where it stands. What was set before stays.
 * Thread   one, before the others start.
 */
#ifndef DIBS_CLI_SETTINGS_H
#define DIBS_CLI_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

enum setting {
#define SETTING(NAME, ...) SETTING_##NAME,
#include "cli/settings.def"
#undef SETTING
	SETTING_COUNT,
};

enum setting_type {
	SETTING_TYPE_TEXT,
	SETTING_TYPE_PATH,
	SETTING_TYPE_COUNT,
	SETTING_TYPE_BYTES,
	SETTING_TYPE_TIME,
	SETTING_TYPE_SWITCH,
	SETTING_TYPE_CHOICE,
	SETTING_TYPE_SECRET,
};

/* Which commands take the flag. Files and the environment may name every setting, whatever the command. */
enum setting_scope {
	SCOPE_SERVE = 1,
	SCOPE_CLIENT = 2,
	SCOPE_FOLD = 4, /* commands that fold a log by themselves: audit */
	SCOPE_TOKEN = 8,
	SCOPE_DATA = 16, /* commands that look into a data directory: only the rows of scope EVERY */
	SCOPE_EVERY = 31,
};

/* Where a value came from; a later one of these wins. */
enum setting_origin { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_ENVIRONMENT, ORIGIN_FLAG };

struct setting_row {
	const char *name;
	enum setting_type type;
	unsigned scope;
	int64_t least, most;
	const char *standard; /* the default, as one would write it */
	const char *value;    /* what stands for the value in a help; the words of a choice */
	const char *sentence;
};

struct setting_value {
	char *text;     /* as it was written */
	int64_t number; /* what it means; for texts 0 */
	enum setting_origin origin;
	char *where; /* "default", "dibs.conf:3", "DIBS_LOOPS", "--loops" */
};

struct settings {
	struct setting_value value[SETTING_COUNT];
	char *secret[SETTING_COUNT]; /* of secrets: their text */
};

const struct setting_row *setting_row(enum setting setting);

int settings_init(struct settings *settings, struct error *error); /* every default */
void settings_fini(struct settings *settings);

int settings_from_file(struct settings *settings, const char *path, struct error *error);
int settings_from_environment(struct settings *settings, char *const *environment, struct error *error);
/* name without its dashes; value NULL: a switch that stands alone. FAULT_NOT_FOUND when no setting of this scope has
 * that name (the message is the caller's, who knows more names). */
int settings_from_flag(struct settings *settings, unsigned scope, const char *name, const char *value,
                       struct error *error);
/* Does a flag of this name want a value? False for switches and for names that are none. */
bool settings_flag_takes_value(unsigned scope, const char *name);
/* Reads the file that config names (flag, else environment), if any, and the environment; then the secrets' files. */
int settings_finish(struct settings *settings, char *const *environment, struct error *error);

/* How settings go together: bounds between two of them, and multiples. FAULT_CONFIG. */
int settings_fit(const struct settings *settings, struct error *error);

static inline int64_t setting_number(const struct settings *settings, enum setting setting)
{
	return settings->value[setting].number;
}

static inline const char *setting_text(const struct settings *settings, enum setting setting)
{
	return settings->value[setting].text;
}

/* The text of a secret; "" when there is none. */
const char *setting_secret(const struct settings *settings, enum setting setting);

/* The secrets' files are given by names with this at their end. */
#define SECRET_FILE_SUFFIX "-file"
/* "loops" as DIBS_LOOPS. */
void setting_environment_name(struct buf *out, const struct setting_row *row);

#endif
