/* The snapshot of a small sale, spoiled: the input says which bytes are changed, where it is cut off, what is added.
 *
 *   - as it was, it loads, and the state has its hash;
 *   - changed in any byte, or cut off, it is refused in one line, and nothing beyond its end is asked for twice.
 *
 * That its content is what a core may trust follows from the hash at its end; that it follows is what is tested here.
 */
#include "fuzz.h"

#include "small_core.h"

#define SNAPSHOT_MAX (1 << 18)

static struct {
	uint8_t bytes[SNAPSHOT_MAX];
	size_t size, at;
	unsigned beyond; /* reads that went past the end */
} whole, spoiled;

static int put(void *context, const void *bytes, size_t size, struct error *error)
{
	must(size <= sizeof whole.bytes - whole.size);
	memcpy(whole.bytes + whole.size, bytes, size);
	whole.size += size;
	return 0;
}

static int get(void *context, void *bytes, size_t size, struct error *error)
{
	if (size > spoiled.size - spoiled.at) {
		must(spoiled.beyond++ == 0);
		return error_set(error, FAULT_DAMAGED, "it ends too early");
	}
	memcpy(bytes, spoiled.bytes + spoiled.at, size);
	spoiled.at += size;
	return 0;
}

static void apply(struct core *core, struct command command)
{
	struct outcome outcome;
	struct error error = {0};
	command.incarnation = command.kind == COMMAND_HELLO ? 0 : 1;
	command.counter = core_sequence(core);
	must(core_apply(core, core_sequence(core) + 1, (struct wall_ms){INT64_C(1800000000000)}, &command, &outcome,
	                &error) == 0);
}

/* A drop, an order of two lines that is held, one that is paid, and a key. */
static void whole_make(struct small_core *small)
{
	const struct sku_spec skus[] = {{TEXT("one"), 5, 10}, {TEXT("two"), 5, 10}};
	struct error error = {0};
	struct command claim = {
	    .kind = COMMAND_CLAIM,
	    .key = TEXT("k"),
	    .claim = {.buyer = TEXT("A"), .latest = WALL_NEVER, .line_count = 2, .line = {{0, 1}, {1, 2}}}};
	apply(small->core, (struct command){.kind = COMMAND_HELLO, .hello = {.program = TEXT("dibs")}});
	apply(small->core, (struct command){.kind = COMMAND_DROP_CREATE,
	                                    .create = {.id = TEXT("a"),
	                                               .hold_seconds = 60,
	                                               .keep_seconds = 60,
	                                               .opens_at = {0},
	                                               .closes_at = WALL_NEVER,
	                                               .sku_count = 2,
	                                               .skus = skus}});
	apply(small->core, claim);
	claim.claim.buyer = TEXT("B");
	claim.claim.line_count = 1;
	apply(small->core, claim);
	apply(small->core, (struct command){.kind = COMMAND_CONFIRM, .order = {.order = 4, .payment_ref = TEXT("p")}});
	apply(small->core, (struct command){.kind = COMMAND_KEY_CREATE,
	                                    .api_key = {.id = TEXT("x"), .name = TEXT("y"), .role = ROLE_SHOP}});
	must(core_save(small->core, put, NULL, &error) == 0);
}

/* Where a change goes: half of them into the head and the counts at its beginning, which say how much follows. */
static size_t place_from(struct input *input)
{
	size_t place = (size_t)input_number(input, 3);
	return place & 1 ? place >> 1 & 255 : (place >> 1) % whole.size;
}

static void spoil(struct input *input)
{
	memcpy(spoiled.bytes, whole.bytes, whole.size);
	spoiled.size = whole.size;
	for (unsigned changes = input_u8(input) % 4; changes; changes--) {
		size_t place = place_from(input);
		spoiled.bytes[place] ^= input_u8(input);
	}
	if (input_u8(input) & 1)
		spoiled.size = (size_t)input_number(input, 3) % (whole.size + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct small_core small;
	struct input input = {bytes, size};
	struct error error = {0};
	if (!small.core) {
		small = small_core_new();
		whole_make(&small);
	}
	spoil(&input);
	bool is_whole = spoiled.size == whole.size && memcmp(spoiled.bytes, whole.bytes, whole.size) == 0;
	spoiled.at = spoiled.beyond = 0;
	small_core_reset_all(&small);
	int fault = core_load(small.core, get, NULL, &error);
	must((fault == 0) == is_whole);
	if (fault) {
		must(fault == FAULT_DAMAGED || fault == FAULT_VERSION || fault == FAULT_FULL);
		must(error.code == fault && text_is_one_line(text_of(error.text)));
	} else {
		must(core_check(small.core, &error) == 0 && spoiled.at == whole.size);
	}
	return 0;
}
