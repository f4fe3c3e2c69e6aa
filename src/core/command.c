/* The record codec: one writer and one reader that go through the same fields in the same order.
 *
 * Strictness is what makes decode(encode(x)) == x and encode(decode(bytes)) == bytes: a size has one form, unused bytes
 * are zero and checked, nothing may follow the last field.
 */
#include "core/command.h"

#include "base/bytes.h"
#include "base/must.h"

#define RECORD_FORMAT 1
#define SEQUENCE_MAX_COUNT ((UINT64_C(1) << 56) - 1)

/* ---- writing ---- */

struct writer {
	uint8_t *at, *end;
	bool full;
};

static uint8_t *room(struct writer *writer, size_t size)
{
	if (writer->full || (size_t)(writer->end - writer->at) < size) {
		writer->full = true;
		return NULL;
	}
	writer->at += size;
	return writer->at - size;
}

static void write_u8(struct writer *writer, uint8_t value)
{
	uint8_t *at = room(writer, 1);
	if (at)
		*at = value;
}

static void write_u32(struct writer *writer, uint32_t value)
{
	uint8_t *at = room(writer, 4);
	if (at)
		put_u32(at, value);
}

static void write_u64(struct writer *writer, uint64_t value)
{
	uint8_t *at = room(writer, 8);
	if (at)
		put_u64(at, value);
}

static void write_bytes(struct writer *writer, const void *bytes, size_t size)
{
	uint8_t *at = room(writer, size);
	if (at && size)
		memcpy(at, bytes, size);
}

/* Every text of a record has at most 200 bytes: one byte says how many. */
static void write_text(struct writer *writer, struct text text)
{
	must(text.size <= UINT8_MAX);
	write_u8(writer, (uint8_t)text.size);
	write_bytes(writer, text.at, text.size);
}

static void write_spec(struct writer *writer, const struct drop_spec *spec)
{
	write_text(writer, spec->id);
	write_text(writer, spec->title);
	write_text(writer, spec->currency);
	write_u32(writer, spec->limit_per_buyer);
	write_u32(writer, spec->hold_seconds);
	write_u32(writer, spec->keep_seconds);
	write_u64(writer, (uint64_t)spec->opens_at.ms);
	write_u64(writer, (uint64_t)spec->closes_at.ms);
	write_u32(writer, spec->sku_count);
	for (uint32_t i = 0; i < spec->sku_count; i++) {
		write_text(writer, spec->skus[i].id);
		write_u32(writer, spec->skus[i].stock);
		write_u64(writer, (uint64_t)spec->skus[i].price);
	}
}

static void write_claim(struct writer *writer, const struct command *command)
{
	write_u32(writer, command->claim.drop);
	write_u64(writer, (uint64_t)command->claim.latest.ms);
	write_text(writer, command->claim.buyer);
	write_text(writer, command->key);
	write_u8(writer, (uint8_t)command->claim.line_count);
	for (uint32_t i = 0; i < command->claim.line_count; i++) {
		write_u32(writer, command->claim.line[i].sku);
		write_u32(writer, command->claim.line[i].quantity);
	}
}

static void write_counts(struct writer *writer, const struct command *command)
{
	write_u32(writer, command->counts.drop);
	write_u8(writer, (uint8_t)command->counts.count);
	for (uint32_t i = 0; i < command->counts.count; i++) {
		write_u8(writer, command->counts.of[i].verdict);
		write_u64(writer, command->counts.of[i].count);
	}
}

static void write_drop_command(struct writer *writer, const struct command *command)
{
	write_text(writer, command->actor);
	write_text(writer, command->key);
	write_u32(writer, command->drop.drop);
	if (command->kind == COMMAND_DROP_CLOSING)
		write_u64(writer, (uint64_t)command->drop.closes_at.ms);
	if (command->kind == COMMAND_DROP_RESTOCK) {
		write_u32(writer, command->drop.sku);
		write_u64(writer, (uint64_t)command->drop.quantity);
	}
}

static void write_confirm(struct writer *writer, const struct command *command)
{
	write_text(writer, command->order.payment_ref);
	write_u8(writer, command->order.left);
}

static void write_api_key(struct writer *writer, const struct command *command)
{
	write_text(writer, command->actor);
	write_text(writer, command->key);
	write_text(writer, command->api_key.id);
	if (command->kind == COMMAND_KEY_REVOKE)
		return;
	write_text(writer, command->api_key.name);
	write_u8(writer, (uint8_t)command->api_key.role);
	write_bytes(writer, command->api_key.hash, BLAKE_SIZE);
}

static void write_fields(struct writer *writer, const struct command *command)
{
	switch (command->kind) {
	case COMMAND_HELLO:
		write_bytes(writer, command->hello.digest_key, DIGEST_KEY_SIZE);
		write_text(writer, command->hello.program);
		break;
	case COMMAND_TICK:
		break;
	case COMMAND_CHECK:
		write_u64(writer, command->check.sequence);
		write_u64(writer, command->check.hash);
		break;
	case COMMAND_RULES:
		write_text(writer, command->actor);
		write_u32(writer, command->rules.number);
		break;
	case COMMAND_COUNTS:
		write_counts(writer, command);
		break;
	case COMMAND_DROP_CREATE:
		write_text(writer, command->actor);
		write_text(writer, command->key);
		write_spec(writer, &command->create);
		break;
	case COMMAND_DROP_OPEN:
	case COMMAND_DROP_PAUSE:
	case COMMAND_DROP_RESUME:
	case COMMAND_DROP_CLOSE:
	case COMMAND_DROP_CLOSING:
	case COMMAND_DROP_RESTOCK:
	case COMMAND_DROP_ARCHIVE:
		write_drop_command(writer, command);
		break;
	case COMMAND_CLAIM:
		write_claim(writer, command);
		break;
	case COMMAND_CONFIRM:
	case COMMAND_CANCEL:
		write_text(writer, command->actor);
		write_text(writer, command->key);
		write_u64(writer, command->order.order);
		if (command->kind == COMMAND_CONFIRM)
			write_confirm(writer, command);
		break;
	case COMMAND_KEY_CREATE:
	case COMMAND_KEY_REVOKE:
		write_api_key(writer, command);
		break;
	}
}

int command_encode(const struct command *command, uint8_t *out, size_t capacity)
{
	struct writer writer = {out, out + capacity, false};
	uint8_t *header = room(&writer, RECORD_HEADER_SIZE);
	if (!header)
		return FAULT_FULL;
	memset(header, 0, RECORD_HEADER_SIZE);
	header[0] = (uint8_t)command->kind;
	header[1] = RECORD_FORMAT;
	put_u64(header + 8, command->incarnation);
	put_u64(header + 16, command->counter);
	write_fields(&writer, command);
	return writer.full ? FAULT_FULL : (int)(writer.at - out);
}

/* ---- reading ---- */

struct reader {
	const uint8_t *at, *end;
	const char *wrong; /* the first thing that was */
};

static void wrong(struct reader *reader, const char *what)
{
	if (!reader->wrong)
		reader->wrong = what;
}

static const uint8_t *take(struct reader *reader, size_t size)
{
	static const uint8_t zeros[BLAKE_SIZE];
	if (reader->wrong || (size_t)(reader->end - reader->at) < size) {
		wrong(reader, "it is too short");
		must(size <= sizeof zeros);
		return zeros;
	}
	reader->at += size;
	return reader->at - size;
}

static uint32_t read_u32(struct reader *reader, uint32_t max, const char *what)
{
	uint32_t value = get_u32(take(reader, 4));
	if (value > max)
		wrong(reader, what);
	return value;
}

static uint64_t read_u64(struct reader *reader, uint64_t max, const char *what)
{
	uint64_t value = get_u64(take(reader, 8));
	if (value > max)
		wrong(reader, what);
	return value;
}

static struct wall_ms read_time(struct reader *reader)
{
	int64_t ms = (int64_t)get_u64(take(reader, 8));
	if (ms < 0 || (ms > WALL_MAX_MS && ms != WALL_NEVER.ms))
		wrong(reader, "a time is out of bounds");
	return (struct wall_ms){ms};
}

static struct text read_text(struct reader *reader, size_t size_max)
{
	size_t size = *take(reader, 1);
	if (reader->wrong)
		return TEXT_NONE;
	if (size > size_max || (size_t)(reader->end - reader->at) < size) {
		wrong(reader, "a text is too long");
		return TEXT_NONE;
	}
	struct text text = {(const char *)reader->at, size};
	reader->at += size;
	return text;
}

static struct text read_visible(struct reader *reader, size_t size_max, bool may_be_empty)
{
	struct text text = read_text(reader, size_max);
	if (!(may_be_empty && text.size == 0) && !text_is_visible(text, size_max))
		wrong(reader, "a text is not visible ASCII");
	return text;
}

static struct text read_id(struct reader *reader)
{
	struct text text = read_text(reader, ID_SIZE_MAX);
	if (!text_is_id(text))
		wrong(reader, "an id is malformed");
	return text;
}

static struct text read_words(struct reader *reader, size_t size_max)
{
	struct text text = read_text(reader, size_max);
	if (!text_is_utf8(text))
		wrong(reader, "a text is not UTF-8");
	return text;
}

static bool currency_is_sound(struct text currency)
{
	if (currency.size == 0)
		return true;
	if (currency.size != 3)
		return false;
	for (size_t i = 0; i < 3; i++)
		if (currency.at[i] < 'A' || currency.at[i] > 'Z')
			return false;
	return true;
}

bool drop_spec_is_always_on(const struct drop_spec *spec)
{
	return spec->limit_per_buyer == 0 && spec->closes_at.ms == WALL_NEVER.ms;
}

static void read_skus(struct reader *reader, struct command_scratch *scratch, struct drop_spec *spec)
{
	for (uint32_t i = 0; i < spec->sku_count && !reader->wrong; i++) {
		struct sku_spec *sku = &scratch->skus[i];
		sku->id = read_id(reader);
		sku->stock = read_u32(reader, QUANTITY_MAX, "a stock is too large");
		sku->price = (int64_t)read_u64(reader, PRICE_MAX, "a price is too large");
	}
	spec->skus = scratch->skus;
}

static void read_spec(struct reader *reader, struct command_scratch *scratch, struct drop_spec *spec)
{
	spec->id = read_id(reader);
	spec->title = read_words(reader, TITLE_SIZE_MAX);
	spec->currency = read_text(reader, 3);
	if (!currency_is_sound(spec->currency))
		wrong(reader, "the currency is malformed");
	spec->limit_per_buyer = read_u32(reader, LIMIT_MAX, "the limit is too large");
	spec->hold_seconds = read_u32(reader, HOLD_SECONDS_MAX, "the hold is too long");
	spec->keep_seconds = read_u32(reader, KEEP_SECONDS_MAX, "the keep time is too long");
	if (spec->keep_seconds < KEEP_SECONDS_MIN)
		wrong(reader, "the keep time is too short");
	spec->opens_at = read_time(reader);
	spec->closes_at = read_time(reader);
	spec->sku_count =
	    read_u32(reader, drop_spec_is_always_on(spec) ? SKUS_ALWAYS_ON_MAX : SKUS_MAX, "there are too many SKUs");
	if (spec->sku_count == 0)
		wrong(reader, "there is no SKU");
	if (!reader->wrong)
		read_skus(reader, scratch, spec);
}

static void read_claim(struct reader *reader, struct command *command)
{
	command->claim.drop = read_u32(reader, UINT32_MAX, "");
	command->claim.latest = read_time(reader);
	command->claim.buyer = read_visible(reader, BUYER_SIZE_MAX, false);
	command->key = read_visible(reader, KEY_SIZE_MAX, true);
	command->claim.line_count = *take(reader, 1);
	if (command->claim.line_count == 0 || command->claim.line_count > LINES_MAX) {
		wrong(reader, "the number of lines is out of bounds");
		return;
	}
	for (uint32_t i = 0; i < command->claim.line_count; i++) {
		command->claim.line[i].sku = read_u32(reader, UINT32_MAX, "");
		command->claim.line[i].quantity = read_u32(reader, QUANTITY_MAX, "a quantity is too large");
	}
	command->claim.digested = false;
}

static void read_counts(struct reader *reader, struct command *command)
{
	command->counts.drop = read_u32(reader, UINT32_MAX, "");
	command->counts.count = *take(reader, 1);
	if (command->counts.count == 0 || command->counts.count > COUNTS_MAX) {
		wrong(reader, "the number of counts is out of bounds");
		return;
	}
	for (uint32_t i = 0; i < command->counts.count; i++) {
		command->counts.of[i].verdict = *take(reader, 1);
		command->counts.of[i].count = read_u64(reader, SEQUENCE_MAX_COUNT, "a count is too large");
		if (command->counts.of[i].verdict >= VERDICT_COUNT ||
		    !verdict_is_refusal(command->counts.of[i].verdict))
			wrong(reader, "a count is of no refusal");
	}
}

static void read_drop_command(struct reader *reader, struct command *command)
{
	command->actor = read_visible(reader, ACTOR_SIZE_MAX, true);
	command->key = read_visible(reader, KEY_SIZE_MAX, true);
	command->drop.drop = read_u32(reader, UINT32_MAX, "");
	if (command->kind == COMMAND_DROP_CLOSING)
		command->drop.closes_at = read_time(reader);
	if (command->kind == COMMAND_DROP_RESTOCK) {
		command->drop.sku = read_u32(reader, UINT32_MAX, "");
		command->drop.quantity = (int64_t)get_u64(take(reader, 8));
		if (command->drop.quantity > QUANTITY_MAX || command->drop.quantity < -(int64_t)QUANTITY_MAX)
			wrong(reader, "a quantity is too large");
	}
}

static void read_api_key(struct reader *reader, struct command *command)
{
	command->actor = read_visible(reader, ACTOR_SIZE_MAX, true);
	command->key = read_visible(reader, KEY_SIZE_MAX, true);
	command->api_key.id = read_visible(reader, ID_SIZE_MAX, false);
	if (command->kind == COMMAND_KEY_REVOKE)
		return;
	command->api_key.name = read_words(reader, NAME_SIZE_MAX);
	command->api_key.role = *take(reader, 1);
	if (command->api_key.role < ROLE_VIEWER || command->api_key.role > ROLE_ADMIN)
		wrong(reader, "the role is none");
	memcpy(command->api_key.hash, take(reader, BLAKE_SIZE), BLAKE_SIZE);
}

static void read_order_command(struct reader *reader, struct command *command)
{
	command->actor = read_visible(reader, ACTOR_SIZE_MAX, true);
	command->key = read_visible(reader, KEY_SIZE_MAX, true);
	command->order.order = read_u64(reader, SEQUENCE_MAX_COUNT, "an order is out of bounds");
	if (command->kind != COMMAND_CONFIRM)
		return;
	command->order.payment_ref = read_visible(reader, PAYMENT_REF_SIZE_MAX, false);
	uint8_t left = *take(reader, 1);
	if (left > 1)
		wrong(reader, "a mark is neither set nor not");
	command->order.left = left;
}

/* False: a kind that this program does not know. */
static bool read_fields(struct reader *reader, struct command_scratch *scratch, struct command *command)
{
	switch (command->kind) {
	case COMMAND_HELLO:
		memcpy(command->hello.digest_key, take(reader, DIGEST_KEY_SIZE), DIGEST_KEY_SIZE);
		command->hello.program = read_words(reader, NAME_SIZE_MAX);
		return true;
	case COMMAND_TICK:
		return true;
	case COMMAND_CHECK:
		command->check.sequence = read_u64(reader, SEQUENCE_MAX_COUNT, "a sequence is out of bounds");
		command->check.hash = read_u64(reader, UINT64_MAX, "");
		return true;
	case COMMAND_RULES:
		command->actor = read_visible(reader, ACTOR_SIZE_MAX, true);
		command->rules.number = read_u32(reader, UINT32_MAX, "");
		return true;
	case COMMAND_COUNTS:
		read_counts(reader, command);
		return true;
	case COMMAND_DROP_CREATE:
		command->actor = read_visible(reader, ACTOR_SIZE_MAX, true);
		command->key = read_visible(reader, KEY_SIZE_MAX, true);
		read_spec(reader, scratch, &command->create);
		return true;
	case COMMAND_DROP_OPEN:
	case COMMAND_DROP_PAUSE:
	case COMMAND_DROP_RESUME:
	case COMMAND_DROP_CLOSE:
	case COMMAND_DROP_CLOSING:
	case COMMAND_DROP_RESTOCK:
	case COMMAND_DROP_ARCHIVE:
		read_drop_command(reader, command);
		return true;
	case COMMAND_CLAIM:
		read_claim(reader, command);
		return true;
	case COMMAND_CONFIRM:
	case COMMAND_CANCEL:
		read_order_command(reader, command);
		return true;
	case COMMAND_KEY_CREATE:
	case COMMAND_KEY_REVOKE:
		read_api_key(reader, command);
		return true;
	}
	return false;
}

int command_decode(const uint8_t *bytes, size_t size, struct command_scratch *scratch, struct command *ret,
                   struct error *error)
{
	if (size < RECORD_HEADER_SIZE || size > RECORD_SIZE_MAX)
		return error_set(error, FAULT_DAMAGED, "a record of %zu bytes cannot be one", size);
	if (bytes[1] != RECORD_FORMAT)
		return error_set(error, FAULT_VERSION, "a record of format %u: this program knows %u", bytes[1],
		                 RECORD_FORMAT);
	if (get_u16(bytes + 2) || get_u32(bytes + 4))
		return error_set(error, FAULT_DAMAGED, "a record's unused bytes are not zero");
	struct reader reader = {bytes + RECORD_HEADER_SIZE, bytes + size, NULL};
	ret->kind = bytes[0];
	if (ret->kind == COMMAND_DROP_CREATE && !scratch)
		return error_set(error, FAULT_INVALID, "a drop is not created here");
	ret->incarnation = get_u64(bytes + 8);
	ret->counter = get_u64(bytes + 16);
	ret->actor = TEXT_NONE;
	ret->key = TEXT_NONE;
	if (!read_fields(&reader, scratch, ret))
		return error_set(error, FAULT_VERSION, "a record of kind %u: this program does not know it", bytes[0]);
	if (!reader.wrong && reader.at != reader.end)
		wrong(&reader, "something follows its last field");
	if (reader.wrong)
		return error_set(error, FAULT_DAMAGED, "a record of kind %s: %s", command_kind_name(ret->kind),
		                 reader.wrong);
	return 0;
}
