/* Bytes as a record of the log.
 *
 *   - the codec takes exactly what a second reader takes, which was written from docs/FORMATS.md;
 *   - what is decoded encodes to the same bytes, and does not fit one byte less;
 *   - it can be printed, as one line and as one JSON object; what is refused is refused in one line.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "core/command.h"
#include "record_reader.h"

#define RECORD_MAX 65536 /* more teaches nothing new */

static struct command_scratch scratch;
static struct buf line, json;

static bool is_json_line(struct text text)
{
	return text_is_one_line(text) && text_is_utf8(text) && text.at[0] == '{' && text.at[text.size - 1] == '}';
}

static void print(const struct command *command)
{
	buf_clear(&line);
	buf_clear(&json);
	command_print(&line, command);
	command_print_json(&json, command);
	must(!line.failed && text_is_one_line(buf_as_text(&line)));
	must(!json.failed && is_json_line(buf_as_text(&json)));
}

static void encode_again(const struct command *command, const uint8_t *bytes, size_t size)
{
	static uint8_t again[RECORD_MAX];
	must(command_encode(command, again, size) == (int)size);
	must(memcmp(again, bytes, size) == 0);
	must(command_encode(command, again, size - 1) == FAULT_FULL);
}

static void refused(int fault, const struct error *error)
{
	must(fault == FAULT_DAMAGED || fault == FAULT_VERSION);
	must(error->code == fault && text_is_one_line(text_of(error->text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct command command;
	struct error error = {0};
	if (size > RECORD_MAX)
		return 0;
	int fault = command_decode(bytes, size, &scratch, &command, &error);
	must((fault == 0) == record_is_sound(bytes, size));
	if (fault) {
		refused(fault, &error);
		return 0;
	}
	encode_again(&command, bytes, size);
	print(&command);
	return 0;
}
