#include "cli/units.h"

#include "base/text.h"
#include "base/time.h"

struct unit {
	const char *name;
	int64_t factor;
};

static bool parse(const char *text, const struct unit *units, unsigned count, int64_t *ret)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t number;
	if (!text_to_u64((struct text){text, digits}, INT64_MAX, &number))
		return false;
	for (unsigned i = 0; i < count; i++) {
		int64_t value;
		if (strcmp(text + digits, units[i].name) != 0)
			continue;
		if (__builtin_mul_overflow((int64_t)number, units[i].factor, &value))
			return false;
		*ret = value;
		return true;
	}
	return false;
}

bool time_parse(const char *text, int64_t *ret_ms)
{
	static const struct unit units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	if (strcmp(text, "0") == 0) {
		*ret_ms = 0;
		return true;
	}
	return parse(text, units, sizeof units / sizeof *units, ret_ms);
}

bool bytes_parse(const char *text, int64_t *ret)
{
	static const struct unit units[] = {{"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
	return parse(text, units, sizeof units / sizeof *units, ret);
}

bool moment_parse(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	struct wall_ms wall;
	int64_t after;
	if (*text == '+') {
		if (!time_parse(text + 1, &after) || after > WALL_MAX_MS - now_ms)
			return false;
		*ret_ms = now_ms + after;
		return true;
	}
	if (!rfc3339_parse(text, strlen(text), &wall))
		return false;
	*ret_ms = wall.ms;
	return true;
}
