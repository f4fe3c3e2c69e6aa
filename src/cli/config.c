/* config: dibs config …: every setting, its value and where it came from. */
#include <stdio.h>

#include "cli/output.h"
#include "cli/subcommands.h"

/* A secret is never shown, only whether there is one. */
static const char *shown(const struct settings *settings, enum setting setting)
{
	if (setting_row(setting)->type != SETTING_TYPE_SECRET)
		return setting_text(settings, setting);
	return *setting_secret(settings, setting) ? "(secret)" : "";
}

static const char *where(const struct settings *settings, enum setting setting)
{
	const struct setting_value *value = &settings->value[setting];
	bool from_environment = setting_row(setting)->type == SETTING_TYPE_SECRET &&
	                        *setting_secret(settings, setting) && *value->text == 0;
	return from_environment ? "environment" : value->where;
}

static void put_line(struct buf *out, const struct settings *settings, enum setting setting)
{
	const char *text = shown(settings, setting);
	buf_printf(out, "%-24s %-22s %s\n", setting_row(setting)->name, *text ? text : "-", where(settings, setting));
}

static void put_object(struct buf *out, const struct settings *settings, enum setting setting)
{
	buf_str(out, setting ? ",\n{\"name\":" : "{\"name\":");
	buf_json(out, text_of(setting_row(setting)->name));
	buf_str(out, ",\"value\":");
	buf_json(out, text_of(shown(settings, setting)));
	buf_str(out, ",\"default\":");
	buf_json(out, text_of(setting_row(setting)->standard));
	buf_str(out, ",\"from\":");
	buf_json(out, text_of(where(settings, setting)));
	buf_str(out, ",\"sentence\":");
	buf_json(out, text_of(setting_row(setting)->sentence));
	buf_str(out, "}");
}

SUBCOMMAND(config_show_run)
{
	struct buf out = {0};
	buf_str(&out, invocation->json ? "[" : "SETTING                  VALUE                  FROM\n");
	for (int i = 0; i < SETTING_COUNT; i++) {
		if (invocation->json)
			put_object(&out, &invocation->settings, (enum setting)i);
		else
			put_line(&out, &invocation->settings, (enum setting)i);
	}
	buf_str(&out, invocation->json ? "]\n" : "");
	return output_end(&out);
}

/* Everything was read, and bounds were checked, before this runs; what is left is how settings go together. */
SUBCOMMAND(config_check_run)
{
	struct buf out = {0};
	int rc = settings_fit(&invocation->settings, error);
	if (rc < 0)
		return rc;
	buf_str(&out, invocation->json ? "{\"settings\":\"good\"}\n" : "every setting is good\n");
	return output_end(&out);
}
