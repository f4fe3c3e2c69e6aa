/* Settings out of any text. The first byte says whence: a file, the environment (a variable a line), or flags (name and
 * value, a line each).
 *
 *   - it is taken, or refused with one line that says something;
 *   - what was taken is within the bounds of its row, and as a flag it is taken again, with the same meaning;
 *   - times, sizes and moments: what is read is within what can be kept.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/time.h"
#include "cli/settings.h"
#include "cli/units.h"

#define ENTRIES_MAX 16

/* A file without a folder: memory that has a name. */
static const char *memory_file(struct text text)
{
	static char path[32];
	static int fd = -1;
	if (fd < 0) {
		fd = memfd_create("settings", MFD_CLOEXEC);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	must(fd >= 0 && ftruncate(fd, 0) == 0);
	must(pwrite(fd, text.at, text.size, 0) == (ssize_t)text.size);
	return path;
}

/* The next line as a C string of its own, behind a prefix; ends at a NUL, as arguments do. */
static char *line_next(struct input *input, const char *prefix)
{
	const uint8_t *end = input->left ? memchr(input->at, '\n', input->left) : NULL;
	struct text line = input_text(input, end ? (size_t)(end - input->at) : input->left);
	char *copy = malloc(strlen(prefix) + line.size + 1);
	must(copy);
	strcpy(copy, prefix);
	memcpy(copy + strlen(prefix), line.at, line.size);
	copy[strlen(prefix) + line.size] = 0;
	if (end)
		input_u8(input);
	return copy;
}

static int from_environment(struct settings *settings, struct input *input, struct error *error)
{
	char *lines[ENTRIES_MAX + 1] = {NULL};
	for (unsigned i = 0; i < ENTRIES_MAX && input->left; i++)
		lines[i] = line_next(input, "DIBS_");
	int fault = settings_from_environment(settings, lines, error);
	for (unsigned i = 0; lines[i]; i++)
		free(lines[i]);
	return fault;
}

static void read_units(const char *text)
{
	const int64_t now = INT64_C(1800000000000);
	int64_t value;
	if (time_parse(text, &value) || bytes_parse(text, &value))
		must(value >= 0);
	if (moment_parse(text, now, &value))
		must(value >= 0 && value <= WALL_MAX_MS);
}

static int from_flags(struct settings *settings, struct input *input, struct error *error)
{
	int fault = 0;
	while (fault == 0 && input->left) {
		char *name = line_next(input, ""), *value = line_next(input, "");
		bool wants = settings_flag_takes_value(SCOPE_EVERY, name);
		fault = settings_from_flag(settings, SCOPE_EVERY, name, wants ? value : NULL, error);
		read_units(value);
		free(name);
		free(value);
	}
	return fault;
}

/* again: settings that were taken as flags. */
static void check_value(const struct settings *settings, enum setting setting, struct settings *again)
{
	const struct setting_row *row = setting_row(setting);
	const struct setting_value *value = &settings->value[setting];
	struct error error = {0};
	must(value->text && value->where);
	if (row->type == SETTING_TYPE_SECRET || value->origin == ORIGIN_DEFAULT)
		return;
	int64_t number = value->number;
	if (row->type == SETTING_TYPE_TEXT || row->type == SETTING_TYPE_PATH)
		number = (int64_t)strlen(value->text);
	must(number >= row->least && number <= row->most);
	must(settings_from_flag(again, row->scope, row->name, value->text, &error) == 0);
	must(setting_number(again, setting) == value->number);
	must(strcmp(setting_text(again, setting), value->text) == 0);
}

static void check_settings(const struct settings *settings)
{
	struct settings again = {0};
	struct error error = {0};
	for (int i = 0; i < SETTING_COUNT; i++)
		check_value(settings, (enum setting)i, &again);
	settings_fini(&again);
	if (settings_fit(settings, &error) < 0)
		must(text_is_one_line(text_of(error.text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = {bytes, size};
	struct settings settings;
	struct error error = {0};
	int fault;
	must(settings_init(&settings, &error) == 0);
	switch (input_u8(&input) % 3) {
	case 0:
		fault = settings_from_file(&settings, memory_file(input_text(&input, size)), &error);
		break;
	case 1:
		fault = from_environment(&settings, &input, &error);
		break;
	default:
		fault = from_flags(&settings, &input, &error);
	}
	if (fault) {
		must(fault == FAULT_CONFIG || fault == FAULT_NOT_FOUND);
		must(error.code == fault && text_is_one_line(text_of(error.text)));
	} else {
		check_settings(&settings);
	}
	settings_fini(&settings);
	return 0;
}
