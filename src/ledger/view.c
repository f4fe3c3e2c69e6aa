/* A drop's row is a sequence lock: its version is odd while it is written. The ledger never waits for a reader, whatever
 * becomes of that reader's thread; a reader that saw an odd or another version reads again. All that changes is atomic:
 * loads acquire and stores release, so that neither moves across the version (on x86-64 they are plain moves).
 *
 *   views_add_drop ──► row not shown ──views_show_drops──► found by id and number ──begin…end──► changed
 */
#include "ledger/view_write.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/must.h"

#define COUNT_MAX (sizeof((struct drop_view *)NULL)->counts / sizeof(uint64_t))
#define READ_AT_ONCE 256 /* SKUs read under one version: a drop with an end is one moment, a catalogue a few */

struct sku_row {
	/* fixed */
	struct text id;
	int64_t price;
	/* written under the drop's version */
	_Atomic uint32_t stock, held, sold;
};

struct drop_row {
	_Alignas(64) _Atomic uint32_t version;
	/* fixed once shown */
	struct text id, title, currency;
	uint32_t limit_per_buyer, hold_seconds, keep_seconds, sku_count, first_sku;
	struct wall_ms created_at;
	uint64_t created;
	bool always_on;
	/* written under the version */
	_Atomic int64_t opens_at, closes_at;
	_Atomic bool opened, paused, closed, archived;
	_Atomic int64_t next_due;
	_Atomic uint64_t granted, left, last_left, basis;
	_Atomic uint64_t counts[COUNT_MAX];
};

struct key_table {
	pthread_mutex_t lock;
	uint32_t count, keys_max;
	struct api_key_view *keys;
};

struct views {
	/* fixed */
	uint32_t drops_max, skus_max;
	uint32_t find_mask;
	struct drop_row *drops;
	struct sku_row *skus;
	struct key_table *keys;
	/* ledger */
	uint32_t drops_added, skus_added;
	/* written by the ledger, read by all */
	_Atomic uint32_t *find; /* drop + 1 by the hash of its id, open addressing; drops are never taken out */
	_Atomic uint32_t drop_count;
	_Atomic uint64_t position, keys_version;
	_Atomic uint64_t totals; /* orders above, pending below: one moment's */
};

#define load(field) atomic_load_explicit((field), memory_order_acquire)
#define store(field, value) atomic_store_explicit((field), (value), memory_order_release)

static struct key_table *key_table_new(uint32_t keys_max)
{
	struct key_table *table = calloc(1, sizeof *table);
	if (!table)
		return NULL;
	table->keys_max = keys_max;
	table->keys = calloc(keys_max, sizeof *table->keys);
	pthread_mutex_init(&table->lock, NULL);
	return table;
}

static void key_table_free(struct key_table *table)
{
	if (!table)
		return;
	pthread_mutex_destroy(&table->lock);
	free(table->keys);
	free(table);
}

int views_new(uint32_t drops_max, uint32_t skus_max, uint32_t keys_max, struct views **ret, struct error *error)
{
	struct views *views = calloc(1, sizeof *views);
	if (!views)
		return error_set(error, FAULT_MEMORY, "no memory for the views");
	uint32_t find_size = 2;
	while (find_size < 2 * drops_max)
		find_size *= 2;
	views->drops_max = drops_max;
	views->skus_max = skus_max;
	views->find_mask = find_size - 1;
	size_t rows_size = (size_t)drops_max * sizeof *views->drops;
	views->drops = aligned_alloc(_Alignof(struct drop_row), rows_size);
	views->skus = calloc(skus_max, sizeof *views->skus);
	views->find = calloc(find_size, sizeof *views->find);
	views->keys = key_table_new(keys_max);
	if (!views->drops || !views->skus || !views->find || !views->keys || !views->keys->keys) {
		views_free(views);
		return error_set(error, FAULT_MEMORY, "no memory for the views of %u drops", drops_max);
	}
	*ret = views;
	return 0;
}

void views_free(struct views *views)
{
	if (!views)
		return;
	key_table_free(views->keys);
	free(views->drops);
	free(views->skus);
	free(views->find);
	free(views);
}

/* ---- writing ---- */

static void add_skus(struct views *views, const struct core *core, const struct drop_row *row, uint32_t drop)
{
	must(row->sku_count <= views->skus_max - views->skus_added);
	for (uint32_t i = 0; i < row->sku_count; i++) {
		struct sku_view view;
		core_sku_view(core, drop, i, &view);
		views->skus[views->skus_added].id = view.id;
		views->skus[views->skus_added++].price = view.price;
	}
}

void views_add_drop(struct views *views, const struct core *core, uint32_t drop)
{
	must(drop == views->drops_added && drop < views->drops_max);
	struct drop_view view;
	core_drop_view(core, drop, core_time(core), &view);
	struct drop_row *row = &views->drops[drop];
	memset(row, 0, sizeof *row);
	row->id = view.id;
	row->title = view.title;
	row->currency = view.currency;
	row->limit_per_buyer = view.limit_per_buyer;
	row->hold_seconds = view.hold_seconds;
	row->keep_seconds = view.keep_seconds;
	row->sku_count = view.sku_count;
	row->first_sku = views->skus_added;
	row->created_at = view.created_at;
	row->created = view.created;
	row->always_on = view.always_on;
	add_skus(views, core, row, drop);
	views->drops_added++;
}

void views_begin(struct views *views, uint32_t drop)
{
	must(drop < views->drops_added);
	struct drop_row *row = &views->drops[drop];
	atomic_store_explicit(&row->version, atomic_load_explicit(&row->version, memory_order_relaxed) + 1,
	                      memory_order_relaxed);
}

void views_set_stock(struct views *views, uint32_t drop, uint32_t sku, const struct view_stock *stock)
{
	must(sku < views->drops[drop].sku_count);
	struct sku_row *row = &views->skus[views->drops[drop].first_sku + sku];
	store(&row->stock, stock->stock);
	store(&row->held, stock->held);
	store(&row->sold, stock->sold);
}

void views_set_flow(struct views *views, uint32_t drop, const struct view_flow *flow)
{
	struct drop_row *row = &views->drops[drop];
	store(&row->granted, flow->granted);
	store(&row->left, flow->left);
	store(&row->last_left, flow->last_left);
	store(&row->next_due, flow->next_due.ms);
}

void views_set_terms(struct views *views, uint32_t drop, const struct view_terms *terms)
{
	struct drop_row *row = &views->drops[drop];
	store(&row->opens_at, terms->opens_at.ms);
	store(&row->closes_at, terms->closes_at.ms);
	store(&row->opened, terms->opened);
	store(&row->paused, terms->paused);
	store(&row->closed, terms->closed);
	store(&row->archived, terms->archived);
}

void views_set_count(struct views *views, uint32_t drop, enum verdict verdict, uint64_t count)
{
	store(&views->drops[drop].counts[verdict], count);
}

void views_set_basis(struct views *views, uint32_t drop, uint64_t basis)
{
	store(&views->drops[drop].basis, basis);
}

void views_end(struct views *views, uint32_t drop)
{
	struct drop_row *row = &views->drops[drop];
	store(&row->version, atomic_load_explicit(&row->version, memory_order_relaxed) + 1);
}

static void find_put(struct views *views, uint32_t drop)
{
	struct text id = views->drops[drop].id;
	uint32_t place = crc32c(0, id.at, id.size) & views->find_mask;
	while (atomic_load_explicit(&views->find[place], memory_order_relaxed) != 0)
		place = (place + 1) & views->find_mask;
	store(&views->find[place], drop + 1);
}

void views_show_drops(struct views *views)
{
	uint32_t shown = atomic_load_explicit(&views->drop_count, memory_order_relaxed);
	while (shown < views->drops_added)
		find_put(views, shown++);
	store(&views->drop_count, shown);
}

void views_set_key(struct views *views, uint32_t index, const struct api_key_view *key)
{
	struct key_table *table = views->keys;
	pthread_mutex_lock(&table->lock);
	must(index <= table->count && index < table->keys_max);
	table->keys[index] = *key;
	if (index == table->count)
		table->count++;
	pthread_mutex_unlock(&table->lock);
	atomic_fetch_add_explicit(&views->keys_version, 1, memory_order_release);
}

void views_set_position(struct views *views, uint64_t position)
{
	store(&views->position, position);
}

void views_set_totals(struct views *views, const struct view_totals *totals)
{
	store(&views->totals, (uint64_t)totals->orders << 32 | totals->pending);
}

void views_publish_drop(struct views *views, const struct core *core, uint32_t drop, struct wall_ms now)
{
	while (views->drops_added <= drop)
		views_add_drop(views, core, views->drops_added);
	struct drop_view view;
	core_drop_view(core, drop, now, &view);
	views_begin(views, drop);
	views_set_flow(views, drop, &(struct view_flow){view.granted, view.left, view.last_left, view.next_due});
	struct view_terms terms = view_terms_of(&view);
	views_set_terms(views, drop, &terms);
	for (unsigned verdict = 0; verdict < COUNT_MAX; verdict++)
		views_set_count(views, drop, verdict, view.counts[verdict]);
	for (uint32_t i = 0; i < view.sku_count; i++) {
		struct sku_view sku;
		core_sku_view(core, drop, i, &sku);
		views_set_stock(views, drop, i, &(struct view_stock){sku.stock, sku.held, sku.sold});
	}
	views_set_basis(views, drop, view.basis);
	views_end(views, drop);
	views_show_drops(views);
}

void views_publish_keys(struct views *views, const struct core *core)
{
	uint32_t count = core_api_key_count(core);
	for (uint32_t i = 0; i < count; i++) {
		struct api_key_view key;
		core_api_key_view(core, i, &key);
		views_set_key(views, i, &key);
	}
}

/* ---- reading ---- */

uint32_t views_drop_count(const struct views *views)
{
	return load(&views->drop_count);
}

uint64_t views_position(const struct views *views)
{
	return load(&views->position);
}

struct view_totals views_totals(const struct views *views)
{
	uint64_t totals = load(&views->totals);
	return (struct view_totals){(uint32_t)(totals >> 32), (uint32_t)totals};
}

bool views_drop_find(const struct views *views, struct text id, uint32_t *ret_drop)
{
	uint32_t place = crc32c(0, id.at, id.size) & views->find_mask;
	for (uint32_t found; (found = load(&views->find[place])) != 0; place = (place + 1) & views->find_mask) {
		if (!text_is(views->drops[found - 1].id, id))
			continue;
		*ret_drop = found - 1;
		return true;
	}
	return false;
}

static void read_fixed(const struct drop_row *row, uint32_t drop, struct drop_view *ret)
{
	ret->number = drop;
	ret->id = row->id;
	ret->title = row->title;
	ret->currency = row->currency;
	ret->limit_per_buyer = row->limit_per_buyer;
	ret->hold_seconds = row->hold_seconds;
	ret->keep_seconds = row->keep_seconds;
	ret->sku_count = row->sku_count;
	ret->created_at = row->created_at;
	ret->created = row->created;
	ret->always_on = row->always_on;
}

static void read_changing(const struct drop_row *row, struct wall_ms now, struct drop_view *ret)
{
	ret->opens_at.ms = load(&row->opens_at);
	ret->closes_at.ms = load(&row->closes_at);
	ret->opened = load(&row->opened);
	ret->paused = load(&row->paused);
	ret->closed = load(&row->closed);
	ret->archived = load(&row->archived);
	ret->state = drop_view_state(ret, now);
	ret->next_due.ms = load(&row->next_due);
	ret->granted = load(&row->granted);
	ret->left = load(&row->left);
	ret->last_left = load(&row->last_left);
	ret->basis = load(&row->basis);
	for (unsigned i = 0; i < COUNT_MAX; i++)
		ret->counts[i] = load(&row->counts[i]);
}

static void read_skus(const struct sku_row *rows, uint32_t count, struct sku_view *ret)
{
	for (uint32_t i = 0; i < count; i++) {
		ret[i].id = rows[i].id;
		ret[i].price = rows[i].price;
		ret[i].stock = load(&rows[i].stock);
		ret[i].held = load(&rows[i].held);
		ret[i].sold = load(&rows[i].sold);
	}
}

static uint32_t read_begin(const struct drop_row *row)
{
	uint32_t version;
	while ((version = load(&row->version)) & 1)
		sched_yield();
	return version;
}

static bool read_is_whole(const struct drop_row *row, uint32_t version)
{
	return atomic_load_explicit(&row->version, memory_order_relaxed) == version;
}

static uint32_t read_some_skus(const struct views *views, const struct drop_row *row, uint32_t from, uint32_t count,
                               struct sku_view *ret)
{
	uint32_t some = count < READ_AT_ONCE ? count : READ_AT_ONCE;
	uint32_t version;
	do {
		version = read_begin(row);
		read_skus(&views->skus[row->first_sku + from], some, ret);
	} while (!read_is_whole(row, version));
	return some;
}

bool views_drop(const struct views *views, uint32_t drop, struct wall_ms now, struct drop_view *ret, uint32_t from,
                uint32_t sku_max, struct sku_view *ret_skus)
{
	if (drop >= views_drop_count(views))
		return false;
	const struct drop_row *row = &views->drops[drop];
	uint32_t rest = from < row->sku_count ? row->sku_count - from : 0;
	uint32_t count = rest < sku_max ? rest : sku_max;
	uint32_t some = count < READ_AT_ONCE ? count : READ_AT_ONCE;
	uint32_t version;
	from = count ? from : 0;
	read_fixed(row, drop, ret);
	do {
		version = read_begin(row);
		read_changing(row, now, ret);
		read_skus(&views->skus[row->first_sku + from], some, ret_skus);
	} while (!read_is_whole(row, version));
	while (some < count)
		some += read_some_skus(views, row, from + some, count - some, ret_skus + some);
	return true;
}

bool views_api_key(const struct views *views, const uint8_t hash[BLAKE_SIZE], struct api_key_view *ret)
{
	struct key_table *table = views->keys;
	bool found = false;
	pthread_mutex_lock(&table->lock);
	for (uint32_t i = 0; i < table->count && !found; i++) {
		found = !table->keys[i].revoked && secret_is(table->keys[i].hash, hash, BLAKE_SIZE);
		if (found)
			*ret = table->keys[i];
	}
	pthread_mutex_unlock(&table->lock);
	return found;
}

uint64_t views_keys_version(const struct views *views)
{
	return load(&views->keys_version);
}

uint32_t views_api_keys(const struct views *views, struct api_key_view *ret, uint32_t max)
{
	struct key_table *table = views->keys;
	pthread_mutex_lock(&table->lock);
	uint32_t count = table->count < max ? table->count : max;
	memcpy(ret, table->keys, count * sizeof *ret);
	pthread_mutex_unlock(&table->lock);
	return count;
}
