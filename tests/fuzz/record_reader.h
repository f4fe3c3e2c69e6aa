/* record_reader: a second opinion on what a record is. Written from the tables of docs/FORMATS.md, without a look into
 * src/core/command.c and without its helpers, so that the two can be held against each other.
 */
#ifndef DIBS_TESTS_RECORD_READER_H
#define DIBS_TESTS_RECORD_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool record_is_sound(const uint8_t *bytes, size_t size);

#endif
