#include "core/verdict.h"

#include <stddef.h>

#include "base/must.h"

static const struct verdict_row rows[VERDICT_COUNT] = {
#define V(name, number, status, code, sentence) [number] = {#name, status, code, sentence},
#include "core/verdict.def"
#undef V
};

#define V(name, number, status, code, sentence) \
	_Static_assert((number) < VERDICT_COUNT, "VERDICT_COUNT is one more than the largest number");
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
