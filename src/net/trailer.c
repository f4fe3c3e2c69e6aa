#include "net/trailer.h"

static const char *line_end_check(char before, char byte)
{
	if (before == '\r' && byte != '\n')
		return "a CR without its LF";
	if (before != '\r' && byte == '\n')
		return "a LF without a CR before it";
	return NULL;
}

static const char *line_begin_check(char byte)
{
	if (byte == ' ' || byte == '\t')
		return "a folded trailer line";
	if (byte == ':')
		return "a trailer without a name";
	return NULL;
}

static void byte_take(struct trailer *trailer, char byte)
{
	trailer->before = byte;
	if (byte == '\n') {
		trailer->ended = !trailer->has_more;
		trailer->in_line = trailer->has_more = false;
		return;
	}
	trailer->in_line = true;
	trailer->has_more |= byte != '\r';
}

const char *trailer_check(struct trailer *trailer, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size && !trailer->ended; i++) {
		const char *wrong = line_end_check(trailer->before, bytes[i]);
		if (!wrong && !trailer->in_line)
			wrong = line_begin_check(bytes[i]);
		if (wrong)
			return wrong;
		byte_take(trailer, bytes[i]);
	}
	return NULL;
}
