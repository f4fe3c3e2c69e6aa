#include "cli/numbers.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

bool number_parse(const char *text, uint64_t least, uint64_t most, uint64_t *ret)
{
	uint64_t value;
	if (!text_to_u64(text_of(text), most, &value) || value < least)
		return false;
	*ret = value;
	return true;
}

/* Digits with at most one point: no signs, exponents, hexadecimals, infinities. */
static bool decimal_parse(const char *text, double *ret, const char **ret_end)
{
	size_t digits = strspn(text, "0123456789."), points = 0;
	for (size_t i = 0; i < digits; i++)
		points += text[i] == '.';
	if (digits == points || digits > 20 || points > 1)
		return false;
	*ret = strtod(text, NULL);
	*ret_end = text + digits;
	return true;
}

bool rate_parse(const char *text, double *ret)
{
	const char *end;
	double value;
	if (!decimal_parse(text, &value, &end) || *end || value <= 0 || value > RATE_MAX)
		return false;
	*ret = value;
	return true;
}

bool span_parse(const char *text, uint64_t *ret_ns)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {{"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"m", 6e10}};
	const char *end;
	double value;
	if (!decimal_parse(text, &value, &end))
		return false;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (strcmp(end, units[i].name) != 0)
			continue;
		if (value * units[i].ns > (double)SPAN_MAX_NS)
			return false;
		*ret_ns = (uint64_t)(value * units[i].ns);
		return true;
	}
	return false;
}
