#include "core/verdict.h"

#include <stddef.h>

#include "base/must.h"

#define NAME_SIZE 24

static char names[VERDICT_COUNT][NAME_SIZE] = {
#define V(name, number, status, code, sentence) [number] = #name,
#include "core/verdict.def"
#undef V
};

static const struct verdict_row rows[VERDICT_COUNT] = {
#define V(name, number, status, code, sentence) [number] = {names[number], status, code, sentence},
#include "core/verdict.def"
#undef V
};

/* "sold_out" from SOLD_OUT, before main() runs; nobody changes the table afterwards. */
static void __attribute__((constructor)) lower_names(void)
{
	for (unsigned i = 0; i < VERDICT_COUNT; i++)
		for (char *at = names[i]; *at; at++)
			if (*at >= 'A' && *at <= 'Z')
				*at = (char)(*at - 'A' + 'a');
}

#define V(name, number, status, code, sentence) \
	_Static_assert((number) < VERDICT_COUNT, "VERDICT_COUNT is one more than the largest number"); \
	_Static_assert(sizeof #name <= NAME_SIZE, "a verdict's name has room");
#include "core/verdict.def"
#undef V

const struct verdict_row *verdict_row(enum verdict verdict)
{
	must((unsigned)verdict < VERDICT_COUNT && rows[verdict].name);
	return &rows[verdict];
}

bool verdict_is_refusal(enum verdict verdict)
{
	return (verdict >= VERDICT_KEY_REUSED && verdict <= VERDICT_SOLD_OUT) || verdict == VERDICT_NOT_ELIGIBLE;
}
