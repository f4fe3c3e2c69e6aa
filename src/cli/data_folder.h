/* data_folder: what lies in a data directory beside the log: admin.key and the secrets of buyer tokens.
 *
 * Files of secrets are made with mode 0600, under a temporary name, synced, renamed, and their folder synced: after
 * a crash there is the whole file or none.
 *
 * Faults   FAULT_IO, FAULT_NO_SPACE, FAULT_NOT_FOUND with the path and what to do.
 */
#ifndef DIBS_CLI_DATA_FOLDER_H
#define DIBS_CLI_DATA_FOLDER_H

#include "cli/settings.h"

#define KEY_TEXT_SIZE 64 /* "dibs_admin_", 40 digits, an end */
#define KID_SIZE 65

/* "DATA/name", NUL-terminated. */
int data_path(struct buf *out, const struct settings *settings, const char *name, struct error *error);
/* The folder of token secrets: the setting, or DATA/tokens. */
int token_folder(struct buf *out, const struct settings *settings, struct error *error);

/* Makes the data directory (mode 0700, *ret_made) when it is missing. FAULT_NOT_FOUND: it cannot be made or used. */
int data_folder_ensure(const struct settings *settings, bool *ret_made, struct error *error);

/* Reads admin.key, or makes it (*ret_made) with a new text. */
int admin_key_ensure(const struct settings *settings, char ret_text[KEY_TEXT_SIZE], bool *ret_made,
                     struct error *error);
/* Makes the folder and one secret, main.key, when no *.key is there. */
int token_secret_ensure(const struct settings *settings, bool *ret_made, struct error *error);
/* The first kid in the folder, in the order of names. FAULT_NOT_FOUND. */
int token_first_kid(const struct settings *settings, char ret_kid[KID_SIZE], struct error *error);

#endif
