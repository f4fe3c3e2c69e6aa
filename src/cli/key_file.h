/* key_file: the API key that a command asks with: a file's first line. */
#ifndef DIBS_CLI_KEY_FILE_H
#define DIBS_CLI_KEY_FILE_H

#include <stddef.h>

#include "base/error.h"

/* From `file`; else from what DIBS_KEY_FILE names; else admin.key in `data` (NULL: DIBS_DATA, else "dibs-data").
 * FAULT_NOT_FOUND: it cannot be read, FAULT_INVALID: it holds no key; the message says what to do. */
int key_file_find(const char *file, const char *data, char *ret, size_t capacity, struct error *error);

#endif
