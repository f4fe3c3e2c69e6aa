#include "cli/settings.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/nearest.h"
#include "cli/settings_sources.h"
#include "cli/units.h"

static const struct setting_row rows[SETTING_COUNT] = {
#define SETTING(NAME, name_, type_, scope_, least_, most_, standard_, value_, sentence_) \
	[SETTING_##NAME] = {.name = (name_), \
	                    .type = SETTING_TYPE_##type_, \
	                    .scope = ROW_SCOPE(scope_), \
	                    .least = (least_), \
	                    .most = (most_), \
	                    .standard = (standard_), \
	                    .value = (value_), \
	                    .sentence = (sentence_)},
#define SERVE SCOPE_SERVE
#define CLIENT SCOPE_CLIENT
#define EVERY SCOPE_EVERY
#define ROW_SCOPE(scope_) ((unsigned)(scope_))
#include "cli/settings.def"
#undef SETTING
};

const struct setting_row *setting_row(enum setting setting)
{
	return &rows[setting];
}

const char *setting_secret(const struct settings *settings, enum setting setting)
{
	return settings->secret[setting] ? settings->secret[setting] : "";
}

void setting_environment_name(struct buf *out, const struct setting_row *row)
{
	buf_str(out, "DIBS_");
	for (const char *at = row->name; *at; at++) {
		char c = *at == '-' ? '_' : *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
		buf_put(out, &c, 1);
	}
}

/* ---- one value ---- */

static bool choice_parse(const char *words, const char *text, int64_t *ret)
{
	size_t size = strlen(text);
	for (int64_t place = 0; *words; place++) {
		size_t word = strcspn(words, "|");
		if (word == size && memcmp(words, text, size) == 0) {
			*ret = place;
			return true;
		}
		words += word + (words[word] == '|');
	}
	return false;
}

static bool switch_parse(const char *text, int64_t *ret)
{
	bool on = strcmp(text, "true") == 0;
	if (!on && strcmp(text, "false") != 0)
		return false;
	*ret = on;
	return true;
}

static bool count_parse(const char *text, int64_t *ret)
{
	uint64_t number;
	if (!text_to_u64(text_of(text), INT64_MAX, &number))
		return false;
	*ret = (int64_t)number;
	return true;
}

/* What the text means as a number; for texts their size, so that least and most bound it. */
static bool number_parse(const struct setting_row *row, const char *text, int64_t *ret)
{
	switch (row->type) {
	case SETTING_TYPE_COUNT:
		return count_parse(text, ret);
	case SETTING_TYPE_BYTES:
		return bytes_parse(text, ret);
	case SETTING_TYPE_TIME:
		return time_parse(text, ret);
	case SETTING_TYPE_SWITCH:
		return switch_parse(text, ret);
	case SETTING_TYPE_CHOICE:
		return choice_parse(row->value, text, ret);
	case SETTING_TYPE_TEXT:
	case SETTING_TYPE_PATH:
	case SETTING_TYPE_SECRET:
		break;
	}
	*ret = (int64_t)strlen(text);
	return true;
}

static const char *expected(const struct setting_row *row)
{
	switch (row->type) {
	case SETTING_TYPE_COUNT:
		return "a whole number";
	case SETTING_TYPE_BYTES:
		return "a size such as 4096 or 64MiB";
	case SETTING_TYPE_TIME:
		return "a time with its unit, such as 250ms, 10s or 5m";
	case SETTING_TYPE_SWITCH:
	case SETTING_TYPE_CHOICE:
		return row->value;
	case SETTING_TYPE_TEXT:
	case SETTING_TYPE_PATH:
	case SETTING_TYPE_SECRET:
		break;
	}
	return "a text";
}

static const char *unit_name(const struct setting_row *row)
{
	switch (row->type) {
	case SETTING_TYPE_BYTES:
		return " bytes";
	case SETTING_TYPE_TIME:
		return " ms";
	case SETTING_TYPE_TEXT:
	case SETTING_TYPE_PATH:
		return " bytes of text";
	default:
		return "";
	}
}

static int value_check(const struct setting_row *row, const char *text, const char *where, int64_t *ret,
                       struct error *error)
{
	int64_t number;
	if (!number_parse(row, text, &number))
		return error_set(error, FAULT_CONFIG, "%s: \"%.100s\" is not %s%s", where, text,
		                 row->type == SETTING_TYPE_CHOICE || row->type == SETTING_TYPE_SWITCH ? "one of " : "",
		                 expected(row));
	if (number < row->least || number > row->most)
		return error_set(error, FAULT_CONFIG, "%s: %.100s is out of bounds: %lld to %lld%s", where, text,
		                 (long long)row->least, (long long)row->most, unit_name(row));
	*ret = number;
	return 0;
}

static bool has_number(const struct setting_row *row)
{
	return row->type != SETTING_TYPE_TEXT && row->type != SETTING_TYPE_PATH && row->type != SETTING_TYPE_SECRET;
}

/* A value from somewhere: checked always, kept unless a stronger place has spoken. For a secret the text is the name
 * of its file, and the secret itself is read in settings_finish(). */
static int put(struct settings *settings, enum setting setting, const char *text, enum setting_origin origin,
               const char *where, struct error *error)
{
	const struct setting_row *row = &rows[setting];
	struct setting_value *value = &settings->value[setting];
	int64_t number = 0;
	int rc = row->type == SETTING_TYPE_SECRET ? 0 : value_check(row, text, where, &number, error);
	if (rc < 0 || (value->text && origin < value->origin))
		return rc;
	char *text_copy = strdup(text), *where_copy = strdup(where);
	if (!text_copy || !where_copy) {
		free(text_copy);
		free(where_copy);
		return error_set(error, FAULT_MEMORY, "no memory for the settings");
	}
	free(value->text);
	free(value->where);
	*value = (struct setting_value){
	    .text = text_copy, .number = has_number(row) ? number : 0, .origin = origin, .where = where_copy};
	return 0;
}

int settings_init(struct settings *settings, struct error *error)
{
	*settings = (struct settings){0};
	for (int i = 0; i < SETTING_COUNT; i++) {
		int rc = put(settings, (enum setting)i, rows[i].standard, ORIGIN_DEFAULT, "default", error);
		if (rc < 0) {
			settings_fini(settings);
			return rc;
		}
	}
	return 0;
}

static void secret_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

void settings_fini(struct settings *settings)
{
	for (int i = 0; i < SETTING_COUNT; i++) {
		free(settings->value[i].text);
		free(settings->value[i].where);
		secret_free(settings->secret[i]);
	}
	*settings = (struct settings){0};
}

/* The journal's batches begin on such a boundary, and a segment holds at least a few of the largest records. */
#define SEGMENT_STEP 4096

int settings_fit(const struct settings *settings, struct error *error)
{
	int64_t segment = setting_number(settings, SETTING_SEGMENT_SIZE);
	if (segment % SEGMENT_STEP)
		return error_set(error, FAULT_CONFIG, "%s: segment-size %s is no multiple of %d bytes",
		                 settings->value[SETTING_SEGMENT_SIZE].where,
		                 setting_text(settings, SETTING_SEGMENT_SIZE), SEGMENT_STEP);
	if (!strrchr(setting_text(settings, SETTING_LISTEN), ':'))
		return error_set(error, FAULT_CONFIG, "%s: listen \"%.64s\" is not HOST:PORT",
		                 settings->value[SETTING_LISTEN].where, setting_text(settings, SETTING_LISTEN));
	return 0;
}

/* ---- names ---- */

/* Is this the row's name, as it is written where settings stand? Secrets are named by their file. */
static bool name_is(const struct setting_row *row, const char *name)
{
	size_t size = strlen(row->name);
	if (strncmp(row->name, name, size) != 0)
		return false;
	return strcmp(name + size, row->type == SETTING_TYPE_SECRET ? SECRET_FILE_SUFFIX : "") == 0;
}

static bool is_open_secret(const struct setting_row *row, const char *name)
{
	return row->type == SETTING_TYPE_SECRET && strcmp(row->name, name) == 0;
}

static const char *nearest_setting(const char *name)
{
	struct nearest nearest;
	nearest_init(&nearest, name);
	for (int i = 0; i < SETTING_COUNT; i++)
		nearest_try(&nearest, rows[i].name);
	return nearest.best;
}

static int unknown(const char *where, const char *name, struct error *error)
{
	const char *best = nearest_setting(name);
	if (best)
		return error_set(error, FAULT_CONFIG, "%s: no setting is called \"%.64s\"; did you mean \"%s\"?", where,
		                 name, best);
	return error_set(error, FAULT_CONFIG, "%s: no setting is called \"%.64s\"; `dibs config show` lists them",
	                 where, name);
}

static int in_the_open(const char *where, const struct setting_row *row, struct error *error)
{
	struct buf environment_name = {0};
	setting_environment_name(&environment_name, row);
	int rc = error_set(error, FAULT_CONFIG, "%s: a secret does not stand here; name its file by %s%s or %.*s_FILE",
	                   where, row->name, SECRET_FILE_SUFFIX, (int)environment_name.size, environment_name.at);
	buf_fini(&environment_name);
	return rc;
}

/* ---- from flags ---- */

static bool find_flag(unsigned scope, const char *name, enum setting *ret)
{
	for (int i = 0; i < SETTING_COUNT; i++)
		if ((rows[i].scope & scope) && name_is(&rows[i], name)) {
			*ret = (enum setting)i;
			return true;
		}
	return false;
}

bool settings_flag_takes_value(unsigned scope, const char *name)
{
	enum setting setting;
	for (int i = 0; i < SETTING_COUNT; i++)
		if ((rows[i].scope & scope) && is_open_secret(&rows[i], name))
			return true;
	return find_flag(scope, name, &setting) && rows[setting].type != SETTING_TYPE_SWITCH;
}

int settings_from_flag(struct settings *settings, unsigned scope, const char *name, const char *value,
                       struct error *error)
{
	enum setting setting;
	char where[96];
	snprintf(where, sizeof where, "--%.80s", name);
	for (int i = 0; i < SETTING_COUNT; i++)
		if ((rows[i].scope & scope) && is_open_secret(&rows[i], name))
			return in_the_open(where, &rows[i], error);
	if (!find_flag(scope, name, &setting))
		return error_set(error, FAULT_NOT_FOUND, "no setting of that name");
	if (!value && rows[setting].type != SETTING_TYPE_SWITCH)
		return error_set(error, FAULT_CONFIG, "%s wants a value: %s", where, rows[setting].value);
	return put(settings, setting, value ? value : "true", ORIGIN_FLAG, where, error);
}

/* ---- from a file's line or the environment, whose readers are in settings_sources.c ---- */

int setting_put_named(struct settings *settings, const char *name, const char *text, enum setting_origin origin,
                      const char *where, struct error *error)
{
	for (int i = 0; i < SETTING_COUNT; i++) {
		if (is_open_secret(&rows[i], name))
			return in_the_open(where, &rows[i], error);
		if (!name_is(&rows[i], name))
			continue;
		if (i == SETTING_CONFIG && origin == ORIGIN_FILE)
			return error_set(error, FAULT_CONFIG, "%s: a file of settings names no other", where);
		if (origin == ORIGIN_FILE && settings->value[i].origin == ORIGIN_FILE)
			return error_set(error, FAULT_CONFIG, "%s: \"%s\" is said twice; first at %s", where, name,
			                 settings->value[i].where);
		return put(settings, (enum setting)i, text, origin, where, error);
	}
	return unknown(where, name, error);
}

int setting_put_secret(struct settings *settings, enum setting setting, const char *text, size_t size,
                       const char *where, struct error *error)
{
	const struct setting_row *row = &rows[setting];
	while (size && (text[size - 1] == '\n' || text[size - 1] == '\r'))
		size--;
	if ((int64_t)size < row->least || (int64_t)size > row->most ||
	    !text_is_visible((struct text){text, size}, (size_t)row->most))
		return error_set(error, FAULT_CONFIG, "%s: holds no %s: one line of %lld to %lld visible characters",
		                 where, row->name, (long long)row->least, (long long)row->most);
	char *copy = strndup(text, size);
	if (!copy)
		return error_set(error, FAULT_MEMORY, "no memory for the settings");
	secret_free(settings->secret[setting]);
	settings->secret[setting] = copy;
	return 0;
}
