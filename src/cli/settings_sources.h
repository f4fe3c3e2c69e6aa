/* settings_sources: between the readers of files and the environment and the table. Only settings*.c include this. */
#ifndef DIBS_CLI_SETTINGS_SOURCES_H
#define DIBS_CLI_SETTINGS_SOURCES_H

#include "cli/settings.h"

int setting_put_named(struct settings *settings, const char *name, const char *text, enum setting_origin origin,
                      const char *where, struct error *error);
int setting_put_secret(struct settings *settings, enum setting setting, const char *text, size_t size,
                       const char *where, struct error *error);

#endif
