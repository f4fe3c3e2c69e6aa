/* The naive model's reading of a record: docs/FORMATS.md "Record", and nothing else. */
#include <string.h>

#include "model_state.h"

struct bytes {
	const uint8_t *at, *end;
	bool is_short;
};

static uint64_t number(struct bytes *bytes, int size)
{
	uint64_t value = 0;
	if (bytes->end - bytes->at < size) {
		bytes->is_short = true;
		return 0;
	}
	for (int i = 0; i < size; i++)
		value |= (uint64_t)bytes->at[i] << (8 * i);
	bytes->at += size;
	return value;
}

/* The number in a name such as "b12-xxx"; NOBODY: an empty text, or a name without one. */
static uint32_t name(struct bytes *bytes)
{
	uint64_t size = number(bytes, 1), value = 0;
	const uint8_t *at = bytes->at;
	if ((uint64_t)(bytes->end - bytes->at) < size) {
		bytes->is_short = true;
		return NOBODY;
	}
	bytes->at += size;
	if (size < 2 || at[1] < '0' || at[1] > '9')
		return NOBODY;
	for (uint64_t i = 1; i < size && at[i] >= '0' && at[i] <= '9'; i++)
		value = value * 10 + (at[i] - '0');
	return (uint32_t)value;
}

static void read_create(struct bytes *bytes, struct m_record *record)
{
	struct m_drop *drop = &record->create;
	memset(drop, 0, sizeof *drop);
	drop->name = name(bytes);
	name(bytes); /* title */
	name(bytes); /* currency */
	drop->limit = (uint32_t)number(bytes, 4);
	drop->hold_s = (uint32_t)number(bytes, 4);
	drop->keep_s = (uint32_t)number(bytes, 4);
	drop->opens = (int64_t)number(bytes, 8);
	drop->closes = (int64_t)number(bytes, 8);
	drop->always_on = drop->limit == 0 && drop->closes == M_NEVER;
	drop->sku_count = (uint32_t)number(bytes, 4);
	for (uint32_t i = 0; i < drop->sku_count && i < M_SKUS; i++) {
		name(bytes);
		drop->stock[i] = (int64_t)number(bytes, 4);
		number(bytes, 8);
	}
}

static void read_claim(struct bytes *bytes, struct m_record *record)
{
	record->ask.drop = (uint32_t)number(bytes, 4);
	record->latest = (int64_t)number(bytes, 8);
	record->ask.buyer = name(bytes);
	record->ask.key = name(bytes);
	record->ask.line_count = (uint32_t)number(bytes, 1);
	for (uint32_t i = 0; i < record->ask.line_count && i < 16; i++) {
		record->line[i].sku = (uint32_t)number(bytes, 4);
		record->line[i].quantity = (uint32_t)number(bytes, 4);
	}
}

static void read_by_key(struct bytes *bytes, struct m_record *record)
{
	name(bytes); /* actor */
	record->ask.key = name(bytes);
	switch (record->kind) {
	case 6:
		read_create(bytes, record);
		return;
	case 16:
	case 17:
		record->ask.order = number(bytes, 8);
		if (record->kind == 16) {
			record->ask.payment = name(bytes);
			record->left = (uint32_t)number(bytes, 1);
		}
		return;
	case 18:
	case 19:
		record->ask.spec = name(bytes);
		if (record->kind == 18) {
			name(bytes);
			number(bytes, 1);
			for (int i = 0; i < 4; i++)
				number(bytes, 8);
		}
		return;
	default:
		record->ask.drop = (uint32_t)number(bytes, 4);
		record->ask.line[0].sku = record->kind == 13 ? (uint32_t)number(bytes, 4) : 0;
		if (record->kind == 12 || record->kind == 13)
			record->ask.number = (int64_t)number(bytes, 8);
	}
}

bool m_decode(const uint8_t *at, size_t size, struct m_record *ret)
{
	struct bytes bytes = {at, at + size, false};
	ret->kind = (uint8_t)number(&bytes, 1);
	if (number(&bytes, 1) != 1 || number(&bytes, 2) != 0 || number(&bytes, 4) != 0)
		return false;
	ret->writer = number(&bytes, 8);
	ret->counter = number(&bytes, 8);
	ret->ask.kind = (enum told_kind)ret->kind;
	ret->ask.line_count = 0;
	ret->ask.owner_only = false;
	ret->ask.buyer = ret->ask.payment = ret->ask.key = NOBODY;
	ret->left = 0;
	if (ret->kind == 1 || ret->kind == 3 || ret->kind == 5)
		return true; /* nothing of them moves a verdict */
	if (ret->kind == 4) {
		name(&bytes);
		ret->rules = (uint32_t)number(&bytes, 4);
	} else if (ret->kind == 15) {
		read_claim(&bytes, ret);
	} else if (ret->kind != 2) {
		read_by_key(&bytes, ret);
	}
	return !bytes.is_short && bytes.at == bytes.end;
}
