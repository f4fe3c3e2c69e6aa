/* A command, made from any bytes, as a record and back. The other half of fuzz_codec: there bytes come first, here values.
 *
 *   - what is within the bounds of core/limits.h encodes, and the second reader (record_reader.c) calls it sound;
 *   - decoding it gives the same command, field for field.
 */
#include "fuzz.h"

#include "core/command.h"
#include "record_reader.h"

#define RECORD_MAX 65536

static char ids[SKUS_MAX][2];
static struct sku_spec skus[SKUS_MAX];
static struct command_scratch scratch;

static const char visible[] = "!\"#~}09AZaz_";
static const char id_bytes[] = "az09._-";

/* 1 to max bytes of those allowed (0 to max, if it may be empty), in a place of its own. */
static struct text text_from(struct input *input, const char *allowed, size_t max, bool may_be_empty)
{
	static char places[8][TITLE_SIZE_MAX];
	static unsigned next;
	char *at = places[next++ % 8];
	size_t size = input_u8(input) % (max + 1), count = strlen(allowed);
	if (size == 0 && !may_be_empty)
		size = 1;
	for (size_t i = 0; i < size; i++)
		at[i] = allowed[input_u8(input) % count];
	return (struct text){at, size};
}

static struct text id_from(struct input *input)
{
	struct text id = text_from(input, id_bytes, ID_SIZE_MAX, false);
	((char *)(uintptr_t)id.at)[0] = 'a';
	return id;
}

static struct wall_ms time_from(struct input *input)
{
	uint64_t value = input_number(input, 7);
	return value % 5 == 0 ? WALL_NEVER : (struct wall_ms){(int64_t)(value % ((uint64_t)WALL_MAX_MS + 1))};
}

static void spec_from(struct input *input, struct drop_spec *spec)
{
	spec->id = id_from(input);
	spec->title = text_from(input, "a \n\"\\", TITLE_SIZE_MAX, true);
	if (input_u8(input) & 1)
		spec->title = TEXT("\xc3\xa9t\xc3\xa9");
	spec->currency = input_u8(input) & 1 ? TEXT("KRW") : TEXT_NONE;
	spec->limit_per_buyer = (uint32_t)input_number(input, 4) & LIMIT_MAX;
	spec->hold_seconds = (uint32_t)input_number(input, 4) % (HOLD_SECONDS_MAX + 1);
	spec->keep_seconds = KEEP_SECONDS_MIN + (uint32_t)input_number(input, 4) % KEEP_SECONDS_MAX;
	spec->opens_at = time_from(input);
	spec->closes_at = time_from(input);
	spec->sku_count = 1 + input_u8(input) % SKUS_MAX;
	spec->skus = skus;
	for (uint32_t i = 0; i < spec->sku_count; i++) {
		ids[i][0] = (char)('a' + i % 26);
		ids[i][1] = (char)('a' + i / 26);
		skus[i] = (struct sku_spec){.id = {ids[i], 2},
		                            .stock = (uint32_t)input_number(input, 4) & QUANTITY_MAX,
		                            .price = (int64_t)(input_number(input, 6) % (PRICE_MAX + 1))};
	}
}

static void claim_from(struct input *input, struct command *command)
{
	command->claim.drop = (uint32_t)input_number(input, 4);
	command->claim.latest = time_from(input);
	command->claim.buyer = text_from(input, visible, BUYER_SIZE_MAX, false);
	command->claim.line_count = 1 + input_u8(input) % LINES_MAX;
	for (uint32_t i = 0; i < command->claim.line_count; i++)
		command->claim.line[i] = (struct claim_line){(uint32_t)input_number(input, 4),
		                                             (uint32_t)input_number(input, 4) & QUANTITY_MAX};
}

static void counts_from(struct input *input, struct command *command)
{
	command->counts.drop = (uint32_t)input_number(input, 4);
	command->counts.count = 1 + input_u8(input) % COUNTS_MAX;
	for (uint32_t i = 0; i < command->counts.count; i++)
		command->counts.of[i] = (struct verdict_count){
		    (uint8_t)(VERDICT_KEY_REUSED + input_u8(input) % (VERDICT_SOLD_OUT - VERDICT_KEY_REUSED + 1)),
		    input_number(input, 7)};
}

static void on_drop_from(struct input *input, struct command *command)
{
	command->drop.drop = (uint32_t)input_number(input, 4);
	if (command->kind == COMMAND_DROP_CLOSING)
		command->drop.closes_at = time_from(input);
	if (command->kind == COMMAND_DROP_RESTOCK) {
		command->drop.sku = (uint32_t)input_number(input, 4);
		command->drop.quantity = (int64_t)input_number(input, 4) % (QUANTITY_MAX + INT64_C(1));
		command->drop.quantity *= input_u8(input) & 1 ? -1 : 1;
	}
}

static void api_key_from(struct input *input, struct command *command)
{
	command->api_key.id = text_from(input, visible, ID_SIZE_MAX, false);
	if (command->kind == COMMAND_KEY_REVOKE)
		return;
	command->api_key.name = text_from(input, "name\t ", NAME_SIZE_MAX, true);
	command->api_key.role = ROLE_VIEWER + input_u8(input) % 3;
	for (size_t i = 0; i < BLAKE_SIZE; i++)
		command->api_key.hash[i] = input_u8(input);
}

static void fields_from(struct input *input, struct command *command)
{
	switch (command->kind) {
	case COMMAND_HELLO:
		for (size_t i = 0; i < DIGEST_KEY_SIZE; i++)
			command->hello.digest_key[i] = input_u8(input);
		command->hello.program = text_from(input, "dibs 0.1", NAME_SIZE_MAX, true);
		break;
	case COMMAND_CHECK:
		command->check.sequence = input_number(input, 7);
		command->check.hash = input_number(input, 8);
		break;
	case COMMAND_RULES:
		command->rules.number = (uint32_t)input_number(input, 4);
		break;
	case COMMAND_COUNTS:
		counts_from(input, command);
		break;
	case COMMAND_DROP_CREATE:
		spec_from(input, &command->create);
		break;
	case COMMAND_CLAIM:
		claim_from(input, command);
		break;
	case COMMAND_CONFIRM:
		command->order.payment_ref = text_from(input, visible, PAYMENT_REF_SIZE_MAX, false);
		command->order.left = input_u8(input) % LEFT_COUNT;
		command->order.order = input_number(input, 7);
		break;
	case COMMAND_CANCEL:
		command->order.order = input_number(input, 7);
		break;
	case COMMAND_KEY_CREATE:
	case COMMAND_KEY_REVOKE:
		api_key_from(input, command);
		break;
	case COMMAND_TICK:
		break;
	default:
		on_drop_from(input, command);
	}
}

static bool has_actor(enum command_kind kind)
{
	return kind == COMMAND_RULES || (kind >= COMMAND_DROP_CREATE && kind != COMMAND_CLAIM);
}

static void command_from(struct input *input, struct command *ret)
{
	uint8_t kind = 1 + input_u8(input) % COMMAND_KEY_REVOKE;
	*ret = (struct command){.kind = kind == 7 ? COMMAND_TICK : kind};
	ret->incarnation = input_number(input, 8);
	ret->counter = input_number(input, 8);
	if (has_actor(ret->kind))
		ret->actor = text_from(input, visible, ACTOR_SIZE_MAX, true);
	if (ret->kind >= COMMAND_DROP_CREATE)
		ret->key = text_from(input, visible, KEY_SIZE_MAX, true);
	fields_from(input, ret);
}

/* ---- is it the same? ---- */

static void same_spec(const struct drop_spec *a, const struct drop_spec *b)
{
	must(text_is(a->id, b->id) && text_is(a->title, b->title) && text_is(a->currency, b->currency));
	must(a->limit_per_buyer == b->limit_per_buyer && a->hold_seconds == b->hold_seconds);
	must(a->keep_seconds == b->keep_seconds && a->opens_at.ms == b->opens_at.ms);
	must(a->closes_at.ms == b->closes_at.ms && a->sku_count == b->sku_count);
	for (uint32_t i = 0; i < a->sku_count; i++) {
		must(text_is(a->skus[i].id, b->skus[i].id));
		must(a->skus[i].stock == b->skus[i].stock && a->skus[i].price == b->skus[i].price);
	}
}

static void same_claim(const struct command *a, const struct command *b)
{
	must(a->claim.drop == b->claim.drop && a->claim.latest.ms == b->claim.latest.ms);
	must(text_is(a->claim.buyer, b->claim.buyer) && a->claim.line_count == b->claim.line_count);
	for (uint32_t i = 0; i < a->claim.line_count; i++)
		must(a->claim.line[i].sku == b->claim.line[i].sku &&
		     a->claim.line[i].quantity == b->claim.line[i].quantity);
}

static void same_counts(const struct command *a, const struct command *b)
{
	must(a->counts.drop == b->counts.drop && a->counts.count == b->counts.count);
	for (uint32_t i = 0; i < a->counts.count; i++)
		must(a->counts.of[i].verdict == b->counts.of[i].verdict &&
		     a->counts.of[i].count == b->counts.of[i].count);
}

static void same_order(const struct command *a, const struct command *b)
{
	must(a->order.order == b->order.order);
	must(a->kind == COMMAND_CANCEL ||
	     (text_is(a->order.payment_ref, b->order.payment_ref) && a->order.left == b->order.left));
}

static void same_api_key(const struct command *a, const struct command *b)
{
	must(text_is(a->api_key.id, b->api_key.id));
	if (a->kind == COMMAND_KEY_REVOKE)
		return;
	must(text_is(a->api_key.name, b->api_key.name) && a->api_key.role == b->api_key.role);
	must(memcmp(a->api_key.hash, b->api_key.hash, BLAKE_SIZE) == 0);
}

static void same_on_drop(const struct command *a, const struct command *b)
{
	must(a->drop.drop == b->drop.drop);
	must(a->kind != COMMAND_DROP_CLOSING || a->drop.closes_at.ms == b->drop.closes_at.ms);
	must(a->kind != COMMAND_DROP_RESTOCK || (a->drop.sku == b->drop.sku && a->drop.quantity == b->drop.quantity));
}

static void same_fields(const struct command *a, const struct command *b)
{
	switch (a->kind) {
	case COMMAND_HELLO:
		must(memcmp(a->hello.digest_key, b->hello.digest_key, DIGEST_KEY_SIZE) == 0);
		must(text_is(a->hello.program, b->hello.program));
		break;
	case COMMAND_CHECK:
		must(a->check.sequence == b->check.sequence && a->check.hash == b->check.hash);
		break;
	case COMMAND_RULES:
		must(a->rules.number == b->rules.number);
		break;
	case COMMAND_COUNTS:
		same_counts(a, b);
		break;
	case COMMAND_DROP_CREATE:
		same_spec(&a->create, &b->create);
		break;
	case COMMAND_CLAIM:
		same_claim(a, b);
		break;
	case COMMAND_CONFIRM:
	case COMMAND_CANCEL:
		same_order(a, b);
		break;
	case COMMAND_KEY_CREATE:
	case COMMAND_KEY_REVOKE:
		same_api_key(a, b);
		break;
	case COMMAND_TICK:
		break;
	default:
		same_on_drop(a, b);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static uint8_t record[RECORD_MAX];
	struct input input = {bytes, size};
	struct command command, again;
	struct error error = {0};
	command_from(&input, &command);
	int written = command_encode(&command, record, sizeof record);
	must(written > 0 && record_is_sound(record, (size_t)written));
	must(command_decode(record, (size_t)written, &scratch, &again, &error) == 0);
	must(again.kind == command.kind && again.incarnation == command.incarnation);
	must(again.counter == command.counter);
	must(text_is(again.actor, command.actor) && text_is(again.key, command.key));
	same_fields(&command, &again);
	return 0;
}
