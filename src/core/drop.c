/* drop: what is sold, when and how; its rows and its state at a time. */
#include "core/state.h"

const char *drop_state_name(enum drop_state state)
{
	static const char *const names[] = {"scheduled", "open", "paused", "closed", "archived"};
	return names[state];
}

/* Opening and closing are comparisons, not events. */
enum drop_state drop_state_at(const struct drop *drop, int64_t now)
{
	if (drop->archived)
		return DROP_ARCHIVED;
	if (drop->closed || drop->closes_at <= now)
		return DROP_CLOSED;
	if (!drop->opened && drop->opens_at > now)
		return DROP_SCHEDULED;
	return drop->paused ? DROP_PAUSED : DROP_OPEN;
}

static struct digest128 digest_text(const struct core *core, struct text text)
{
	return digest128(core->heart.digest_key, text.at, text.size);
}

struct digest128 drop_spec_digest(const struct core *core, const struct drop_spec *spec)
{
	uint64_t words[16] = {0};
	struct digest128 digest, title = digest_text(core, spec->title), currency = digest_text(core, spec->currency);
	words[0] = title.a;
	words[1] = title.b;
	words[2] = currency.a;
	words[3] = spec->limit_per_buyer;
	words[4] = spec->hold_seconds;
	words[5] = spec->keep_seconds;
	words[6] = (uint64_t)spec->opens_at.ms;
	words[7] = (uint64_t)spec->closes_at.ms;
	words[8] = spec->sku_count;
	digest = digest128(core->heart.digest_key, words, sizeof words);
	for (uint32_t i = 0; i < spec->sku_count; i++) {
		struct digest128 id = digest_text(core, spec->skus[i].id);
		uint64_t sku[6] = {digest.a, digest.b, id.a, id.b, spec->skus[i].stock, (uint64_t)spec->skus[i].price};
		digest = digest128(core->heart.digest_key, sku, sizeof sku);
	}
	return digest;
}

static struct index_place drop_place(const struct core *core, struct text id)
{
	return index_place_hashed(&core->by_drop_id, digest_text(core, id).a);
}

static struct index_place sku_place(const struct core *core, uint32_t drop, struct text id)
{
	return index_place_hashed(&core->by_sku_id, digest_text(core, id).a ^ (drop * UINT64_C(0x9e3779b97f4a7c15)));
}

struct named {
	const struct core *core;
	struct text id;
	uint32_t drop;
};

static bool is_drop_named(const void *context, uint32_t index)
{
	const struct named *named = context;
	const struct drop *drop = &named->core->drops[index];
	return text_is((struct text){drop->id, drop->id_size}, named->id);
}

static bool is_sku_named(const void *context, uint32_t index)
{
	const struct named *named = context;
	const struct sku *sku = &named->core->skus[index];
	return sku->drop == named->drop && text_is((struct text){sku->id, sku->id_size}, named->id);
}

bool core_drop_find(const struct core *core, struct text id, uint32_t *ret_drop)
{
	struct named named = {core, id, 0};
	uint32_t index = index_find(&core->by_drop_id, drop_place(core, id), is_drop_named, &named);
	if (index == INDEX_NONE)
		return false;
	*ret_drop = index;
	return true;
}

bool core_sku_find(const struct core *core, uint32_t drop, struct text id, uint32_t *ret_sku)
{
	struct named named = {core, id, drop};
	uint32_t index = index_find(&core->by_sku_id, sku_place(core, drop, id), is_sku_named, &named);
	if (index == INDEX_NONE)
		return false;
	*ret_sku = index - core->drops[drop].first_sku;
	return true;
}

static void sku_create(struct core *core, uint32_t drop, const struct sku_spec *spec)
{
	struct sku *sku = &core->skus[core->heart.sku_count++];
	sku->stock = spec->stock;
	sku->price = spec->price;
	sku->drop = drop;
	sku->id_size = (uint32_t)spec->id.size;
	memcpy(sku->id, spec->id.at, spec->id.size);
	index_insert(&core->by_sku_id, sku_place(core, drop, spec->id), (uint32_t)(sku - core->skus));
}

static void set_texts(struct drop *drop, const struct drop_spec *spec)
{
	drop->id_size = (uint8_t)spec->id.size;
	drop->title_size = (uint8_t)spec->title.size;
	drop->currency_size = (uint8_t)spec->currency.size;
	memcpy(drop->id, spec->id.at, spec->id.size);
	if (spec->title.size)
		memcpy(drop->title, spec->title.at, spec->title.size);
	if (spec->currency.size)
		memcpy(drop->currency, spec->currency.at, spec->currency.size);
}

void drop_create(struct core *core, uint64_t sequence, int64_t time, const struct drop_spec *spec)
{
	uint32_t number = core->heart.drop_count++;
	struct drop *drop = &core->drops[number];
	drop->pending = drop->ended = drop->kept = (struct list){NO_ORDER, NO_ORDER};
	drop->first_sku = core->heart.sku_count;
	drop->sku_count = spec->sku_count;
	drop->limit = spec->limit_per_buyer;
	drop->hold_ms = spec->hold_seconds * 1000;
	drop->keep_ms = (int64_t)spec->keep_seconds * 1000;
	drop->opens_at = spec->opens_at.ms;
	drop->closes_at = spec->closes_at.ms;
	drop->created_at = time;
	drop->created = drop->basis = sequence;
	drop->always_on = drop_spec_is_always_on(spec);
	drop->spec = drop_spec_digest(core, spec);
	set_texts(drop, spec);
	index_insert(&core->by_drop_id, drop_place(core, spec->id), number);
	for (uint32_t i = 0; i < spec->sku_count; i++)
		sku_create(core, number, &spec->skus[i]);
}

/* A snapshot keeps no tables: they are made again from the rows. */
void drop_tables_rebuild(struct core *core)
{
	for (uint32_t i = 0; i < core->heart.drop_count; i++) {
		const struct drop *drop = &core->drops[i];
		index_insert(&core->by_drop_id, drop_place(core, (struct text){drop->id, drop->id_size}), i);
		due_update(core, i);
	}
	for (uint32_t i = 0; i < core->heart.sku_count; i++) {
		const struct sku *sku = &core->skus[i];
		index_insert(&core->by_sku_id, sku_place(core, sku->drop, (struct text){sku->id, sku->id_size}), i);
	}
}
