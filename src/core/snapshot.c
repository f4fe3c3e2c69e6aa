/* snapshot: the state as a stream of bytes, and its hash.
 *
 *   "DIBSCORE"  u32 version  u32 × 6 sizes of a row (heart, drop, SKU, API key, order, line)
 *   heart · drops · SKUs · API keys · orders · lines     each as it lies in memory (state.h), little-endian
 *   BLAKE2b-256 of all that, with ROWS_VERSION for the version: the state hash
 *   the filter of what has left: its heart and its layers (left.h)
 *   BLAKE2b-256 of the state hash and the filter
 *
 * Rows refer to each other by number, never by address, and free rows are zero but for their link; so two folds of one
 * log have the same state hash, whatever the size of their pools. Tables and heaps are not kept: they follow from the
 * rows. The filter does not, so it is kept; but no verdict depends on it and a setting sizes it, so the state hash leaves
 * it out.
 *
 * Version 1 had no filter. It is still read: what left before it was written is then unknown to the filter.
 */
#include "core/state.h"

#define SNAPSHOT_VERSION 2
#define VERSION_WITHOUT_LEFT 1
#define ROWS_VERSION 1        /* of what the state hash covers */
#define CHUNK_SIZE (1u << 20) /* hashed and handed on in pieces, so that the bytes are still in the cache */

static const char magic[8] = {'D', 'I', 'B', 'S', 'C', 'O', 'R', 'E'};

struct head {
	char magic[8];
	uint32_t version;
	uint32_t row_size[6];
	uint32_t zero;
};

_Static_assert(sizeof(struct head) == 40, "the head has no gaps");
_Static_assert(sizeof(struct core_heart) == 104 + INCARNATIONS_MAX * 16 + ADMIN_KEYS_MAX * 32 + CHECKS_KEPT * 16 + 0,
               "the heart has no gaps");
_Static_assert(sizeof(struct drop) ==
                   64 + 64 + 16 + ID_SIZE_MAX + TITLE_SIZE_MAX + 8 + (VERDICT_COUNT + DROP_ZEROS) * 8,
               "a drop has no gaps");
_Static_assert(sizeof(struct sku) == 24 + 8 + ID_SIZE_MAX, "a SKU has no gaps");
_Static_assert(sizeof(struct api_key) == BLAKE_SIZE + 8 + 8 + ID_SIZE_MAX + NAME_SIZE_MAX, "an API key has no gaps");

static struct head head_of(uint32_t version)
{
	struct head head = {.version = version,
	                    .row_size = {sizeof(struct core_heart), sizeof(struct drop), sizeof(struct sku),
	                                 sizeof(struct api_key), sizeof(struct order), sizeof(struct line)}};
	memcpy(head.magic, magic, sizeof magic);
	return head;
}

struct piece {
	void *at;
	size_t size;
};

#define PIECES 6

static void pieces_of(struct core *core, struct piece piece[PIECES])
{
	const struct core_heart *heart = &core->heart;
	piece[0] = (struct piece){&core->heart, sizeof core->heart};
	piece[1] = (struct piece){core->drops, heart->drop_count * sizeof(struct drop)};
	piece[2] = (struct piece){core->skus, heart->sku_count * sizeof(struct sku)};
	piece[3] = (struct piece){core->api_keys, heart->api_key_count * sizeof(struct api_key)};
	piece[4] = (struct piece){core->orders, heart->order_end * sizeof(struct order)};
	piece[5] = (struct piece){core->lines, heart->line_end * sizeof(struct line)};
}

/* ---- saving ---- */

struct saver {
	struct blake_stream hash;
	core_write_fn *write;
	void *context;
};

static int save_bytes(struct saver *saver, const void *bytes, size_t size, struct error *error)
{
	const uint8_t *at = bytes;
	while (size) {
		size_t part = size < CHUNK_SIZE ? size : CHUNK_SIZE;
		blake_stream_add(&saver->hash, at, part);
		int code = saver->write ? saver->write(saver->context, at, part, error) : 0;
		if (code < 0)
			return code;
		at += part;
		size -= part;
	}
	return 0;
}

/* What is hashed of the head is always ROWS_VERSION's: a newer format of snapshots changes no state hash. */
static int save_rows(const struct core *core, struct saver *saver, struct error *error)
{
	struct piece piece[PIECES];
	struct head head = head_of(ROWS_VERSION), written = head_of(SNAPSHOT_VERSION);
	blake_stream_init(&saver->hash);
	blake_stream_add(&saver->hash, &head, sizeof head);
	pieces_of((struct core *)core, piece);
	int code = saver->write ? saver->write(saver->context, &written, sizeof written, error) : 0;
	for (int i = 0; i < PIECES && code >= 0; i++)
		code = save_bytes(saver, piece[i].at, piece[i].size, error);
	return code;
}

/* The hash so far is written, and is the beginning of what the next one is over. */
static int save_hash(struct saver *saver, struct error *error)
{
	uint8_t hash[BLAKE_SIZE];
	blake_stream_end(&saver->hash, hash);
	blake_stream_init(&saver->hash);
	return save_bytes(saver, hash, sizeof hash, error);
}

static int save_left(const struct core *core, struct saver *saver, struct error *error)
{
	const struct left_filter *left = &core->left;
	int code = save_bytes(saver, &left->heart, sizeof left->heart, error);
	return code ? code : save_bytes(saver, left->blocks, left_layers_bytes(left->heart.layers), error);
}

int core_save(const struct core *core, core_write_fn *write, void *context, struct error *error)
{
	struct saver saver = {.write = write, .context = context};
	int code = save_rows(core, &saver, error);
	if (code == 0)
		code = save_hash(&saver, error);
	if (code == 0)
		code = save_left(core, &saver, error);
	return code ? code : save_hash(&saver, error);
}

void core_state_hash(const struct core *core, uint8_t out[BLAKE_SIZE])
{
	struct saver saver = {0};
	save_rows(core, &saver, NULL);
	blake_stream_end(&saver.hash, out);
}

/* ---- loading ---- */

struct loader {
	struct blake_stream hash;
	core_read_fn *read;
	void *context;
};

static int load_bytes(struct loader *loader, void *bytes, size_t size, struct error *error)
{
	uint8_t *at = bytes;
	while (size) {
		size_t part = size < CHUNK_SIZE ? size : CHUNK_SIZE;
		int code = loader->read(loader->context, at, part, error);
		if (code < 0)
			return code;
		blake_stream_add(&loader->hash, at, part);
		at += part;
		size -= part;
	}
	return 0;
}

static int load_head(struct loader *loader, uint32_t *ret_version, struct error *error)
{
	struct head head, rows = head_of(ROWS_VERSION);
	int code = loader->read(loader->context, &head, sizeof head, error);
	if (code < 0)
		return code;
	if (memcmp(head.magic, magic, sizeof magic) != 0)
		return error_set(error, FAULT_DAMAGED, "the snapshot does not begin as one");
	struct head expected = head_of(head.version);
	bool known = head.version == SNAPSHOT_VERSION || head.version == VERSION_WITHOUT_LEFT;
	if (!known || memcmp(&head, &expected, sizeof head) != 0)
		return error_set(error, FAULT_VERSION, "the snapshot is of format %u; this program knows up to %u",
		                 head.version, SNAPSHOT_VERSION);
	blake_stream_init(&loader->hash);
	blake_stream_add(&loader->hash, &rows, sizeof rows);
	*ret_version = head.version;
	return 0;
}

static int check_fits(const struct core *core, struct error *error)
{
	const struct core_heart *heart = &core->heart;
	const struct core_limits *limits = &core->limits;
	const char *setting = heart->drop_count > limits->drops         ? "drops-max"
	                      : heart->sku_count > limits->skus         ? "skus-max"
	                      : heart->api_key_count > limits->api_keys ? "api-keys-max"
	                      : heart->order_end > limits->orders       ? "orders-max"
	                      : heart->line_end > limits->lines         ? "lines-max"
	                                                                : NULL;
	if (heart->rules > RULES_KNOWN)
		return error_set(error, FAULT_VERSION,
		                 "the snapshot follows rule set %u; this program knows them up to %u", heart->rules,
		                 RULES_KNOWN);
	if (!setting)
		return 0;
	return error_set(error, FAULT_FULL, "the snapshot holds more than setting %s allows: raise it and start again",
	                 setting);
}

static void prefetch_order(const struct core *core, uint32_t index)
{
	const struct order *order = &core->orders[index];
	if (order->sequence && order->is_newest)
		index_prefetch(&core->by_owner, order_owner_place(core, order_drop(core, order), order->buyer));
}

static void rebuild_tables(struct core *core)
{
	drop_tables_rebuild(core);
	for (uint32_t i = 0; i < core->heart.order_end; i++) {
		const struct order *order = &core->orders[i];
		if (i + PREFETCH_AHEAD < core->heart.order_end)
			prefetch_order(core, i + PREFETCH_AHEAD);
		if (!order->sequence)
			continue;
		index_insert(&core->by_sequence, index_place_numbered(&core->by_sequence, order->sequence), i);
		if (order->is_newest)
			index_insert(&core->by_owner, order_owner_place(core, order_drop(core, order), order->buyer),
			             i);
	}
}

static int load_rows(struct core *core, struct loader *loader, struct error *error)
{
	struct piece piece[PIECES];
	int code = load_bytes(loader, &core->heart, sizeof core->heart, error);
	if (code == 0)
		code = check_fits(core, error);
	pieces_of(core, piece);
	for (int i = 1; i < PIECES && code == 0; i++)
		code = load_bytes(loader, piece[i].at, piece[i].size, error);
	return code;
}

/* The next bytes are the hash so far, and the beginning of what the next one is over. */
static int load_hash(struct loader *loader, const char *of, struct error *error)
{
	uint8_t hash[BLAKE_SIZE], expected[BLAKE_SIZE];
	blake_stream_end(&loader->hash, hash);
	blake_stream_init(&loader->hash);
	int code = load_bytes(loader, expected, sizeof expected, error);
	if (code == 0 && memcmp(hash, expected, sizeof hash) != 0)
		code = error_set(error, FAULT_DAMAGED, "the snapshot's hash of %s is not that of its content", of);
	return code;
}

static int load_left(struct left_filter *left, struct loader *loader, struct error *error)
{
	int code = load_bytes(loader, &left->heart, sizeof left->heart, error);
	if (code == 0 && left->heart.layers > left->layers_max)
		code = error_set(error, FAULT_FULL,
		                 "the snapshot holds more than setting left-max allows: raise it and start again");
	if (code == 0)
		code = load_bytes(loader, left->blocks, left_layers_bytes(left->heart.layers), error);
	return code ? code : load_hash(loader, "what has left", error);
}

static bool anything_has_left(const struct core *core)
{
	for (uint32_t i = 0; i < core->heart.drop_count; i++)
		if (core->drops[i].left)
			return true;
	return false;
}

int core_load(struct core *core, core_read_fn *read, void *context, struct error *error)
{
	struct loader loader = {.read = read, .context = context};
	uint32_t version = 0;
	int code = load_head(&loader, &version, error);
	if (code == 0)
		code = load_rows(core, &loader, error);
	if (code == 0)
		code = load_hash(&loader, "the state", error);
	if (code == 0 && version != VERSION_WITHOUT_LEFT)
		code = load_left(&core->left, &loader, error);
	if (code)
		return code;
	if (version == VERSION_WITHOUT_LEFT && anything_has_left(core))
		core->left.heart.since = core->heart.sequence;
	rebuild_tables(core);
	return 0;
}
