#include "kinds.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const sentences[KIND_COUNT] = {
#define KIND(name, sentence) sentence,
#include "kinds.def"
#undef KIND
};

bool kinds_are_all_there(const struct kinds *kinds)
{
	for (int i = 0; i < KIND_COUNT; i++)
		if (kinds->of[i] == 0)
			return false;
	return true;
}

int kinds_print(const struct kinds *kinds)
{
	int missing = 0;
	for (int i = 0; i < KIND_COUNT; i++) {
		missing += kinds->of[i] == 0;
		printf("%10" PRIu64 "  %s%s\n", kinds->of[i], sentences[i], kinds->of[i] ? "" : "   FAILED: never");
	}
	return missing;
}
