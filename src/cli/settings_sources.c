/* settings_sources: where settings come from besides flags: a file, the environment, and files of secrets.
 *
 * The file is read by inih, line by line through a reader of ours that counts them, so that a message can say where.
 * Names in the environment that are none of ours are errors too, but for those that others put there (ignored[]).
 */
#include "cli/settings_sources.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_SIZE_MAX 190    /* inih's buffer is 200 bytes; a longer line would be read as two */
#define SECRET_SIZE_MAX 4096 /* far above the longest secret, far below a mistaken file */

/* ---- a file ---- */

struct file_reading {
	struct settings *settings;
	const char *path;
	FILE *file;
	unsigned line;
	int rc;
	struct error *error;
};

static char *read_line(char *into, int size, void *context)
{
	struct file_reading *reading = context;
	if (reading->rc < 0 || !fgets(into, size, reading->file))
		return NULL;
	reading->line++;
	if (strlen(into) > LINE_SIZE_MAX) {
		reading->rc = error_set(reading->error, FAULT_CONFIG, "%s:%u: the line is longer than %d bytes",
		                        reading->path, reading->line, LINE_SIZE_MAX);
		return NULL;
	}
	return into;
}

static int take_line(void *context, const char *section, const char *name, const char *value)
{
	struct file_reading *reading = context;
	struct buf where = {0};
	if (reading->rc < 0)
		return 0;
	buf_printf(&where, "%s:%u", reading->path, reading->line);
	buf_put(&where, "", 1);
	if (where.failed)
		reading->rc = error_set(reading->error, FAULT_MEMORY, "no memory for the settings");
	else if (*section)
		reading->rc = error_set(reading->error, FAULT_CONFIG, "%s: there are no sections such as [%.40s] here",
		                        where.at, section);
	else
		reading->rc = setting_put_named(reading->settings, name, value, ORIGIN_FILE, where.at, reading->error);
	buf_fini(&where);
	return reading->rc == 0;
}

int settings_from_file(struct settings *settings, const char *path, struct error *error)
{
	struct file_reading reading = {.settings = settings, .path = path, .file = fopen(path, "re"), .error = error};
	if (!reading.file)
		return error_set(error, FAULT_CONFIG, "%s cannot be read: %s", path, strerror(errno));
	int bad_line = ini_parse_stream(read_line, &reading, take_line, &reading);
	fclose(reading.file);
	if (reading.rc < 0)
		return reading.rc;
	if (bad_line)
		return error_set(error, FAULT_CONFIG, "%s:%d: this is no line of the form `name = value`", path,
		                 bad_line);
	return 0;
}

/* ---- the environment ---- */

/* Names that are not settings: what Kubernetes puts there for a service called "dibs", and the program for tests. */
static bool is_ignored(struct text name)
{
	static const char *const whole[] = {"DIBS_BIN", "DIBS_PORT"};
	static const char *const begins[] = {"DIBS_PORT_", "DIBS_SERVICE_"};
	for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
		if (text_is(name, text_of(whole[i])))
			return true;
	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
		if (name.size > strlen(begins[i]) && memcmp(name.at, begins[i], strlen(begins[i])) == 0)
			return true;
	return false;
}

/* DIBS_LOG_LEVEL as log-level; always NUL-terminated. */
static void name_of_variable(struct buf *out, struct text variable)
{
	for (size_t i = strlen("DIBS_"); i < variable.size; i++) {
		char c = variable.at[i];
		c = c == '_' ? '-' : c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
		buf_put(out, &c, 1);
	}
	buf_put(out, "", 1);
}

static bool is_secret_itself(const char *name, enum setting *ret)
{
	for (int i = 0; i < SETTING_COUNT; i++)
		if (setting_row((enum setting)i)->type == SETTING_TYPE_SECRET &&
		    strcmp(setting_row((enum setting)i)->name, name) == 0) {
			*ret = (enum setting)i;
			return true;
		}
	return false;
}

static int take_variable(struct settings *settings, struct text variable, const char *value, struct error *error)
{
	struct buf name = {0}, where = {0};
	enum setting secret;
	int rc;
	name_of_variable(&name, variable);
	buf_text(&where, variable);
	buf_put(&where, "", 1);
	if (name.failed || where.failed)
		rc = error_set(error, FAULT_MEMORY, "no memory for the settings");
	else if (is_secret_itself(name.at, &secret))
		rc = setting_put_secret(settings, secret, value, strlen(value), where.at, error);
	else
		rc = setting_put_named(settings, name.at, value, ORIGIN_ENVIRONMENT, where.at, error);
	buf_fini(&name);
	buf_fini(&where);
	return rc;
}

int settings_from_environment(struct settings *settings, char *const *environment, struct error *error)
{
	for (; *environment; environment++) {
		const char *equals = strchr(*environment, '=');
		if (strncmp(*environment, "DIBS_", 5) != 0 || !equals)
			continue;
		struct text variable = {*environment, (size_t)(equals - *environment)};
		int rc = is_ignored(variable) ? 0 : take_variable(settings, variable, equals + 1, error);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- files of secrets ---- */

static int read_secret(struct settings *settings, enum setting setting, struct error *error)
{
	char bytes[SECRET_SIZE_MAX];
	const char *path = settings->value[setting].text;
	FILE *file = fopen(path, "re");
	if (!file)
		return error_set(error, FAULT_CONFIG, "%s (%s) cannot be read: %s", path,
		                 settings->value[setting].where, strerror(errno));
	size_t size = fread(bytes, 1, sizeof bytes, file);
	fclose(file);
	int rc = setting_put_secret(settings, setting, bytes, size, path, error);
	explicit_bzero(bytes, sizeof bytes);
	return rc;
}

/* A flag names a file more strongly than the environment says a secret. */
static int read_secrets(struct settings *settings, struct error *error)
{
	for (int i = 0; i < SETTING_COUNT; i++) {
		const struct setting_value *value = &settings->value[i];
		if (setting_row((enum setting)i)->type != SETTING_TYPE_SECRET || *value->text == 0)
			continue;
		if (settings->secret[i] && value->origin == ORIGIN_ENVIRONMENT)
			return error_set(error, FAULT_CONFIG, "%s: the secret itself is given too; give one of them",
			                 value->where);
		if (settings->secret[i] && value->origin < ORIGIN_ENVIRONMENT)
			continue;
		int rc = read_secret(settings, (enum setting)i, error);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int settings_finish(struct settings *settings, char *const *environment, struct error *error)
{
	int rc = settings_from_environment(settings, environment, error);
	if (rc == 0 && *setting_text(settings, SETTING_CONFIG))
		rc = settings_from_file(settings, setting_text(settings, SETTING_CONFIG), error);
	if (rc == 0)
		rc = read_secrets(settings, error);
	return rc;
}
