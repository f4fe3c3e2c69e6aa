#include "core/left.h"

#include <string.h>

#include "base/must.h"

_Static_assert(sizeof(struct left_block) == 64, "a block is a cache line");
_Static_assert(sizeof(struct left_heart) == 32, "the heart has no gaps");

/* ---- layers ---- */

/* Layer 0 and layer 1 are of one size; from there on each is twice the one before. */
static uint32_t blocks_log2(uint32_t layer)
{
	return LEFT_FIRST_BLOCKS_LOG2 + (layer > 1 ? layer - 1 : 0);
}

static uint64_t first_block(uint32_t layer)
{
	return layer ? UINT64_C(1) << blocks_log2(layer) : 0;
}

static uint64_t layer_keys(uint32_t layer)
{
	return (uint64_t)LEFT_KEYS_PER_BLOCK << blocks_log2(layer);
}

size_t left_layers_bytes(uint32_t layers)
{
	return layers ? sizeof(struct left_block) << (LEFT_FIRST_BLOCKS_LOG2 + layers - 1) : 0;
}

static uint32_t layers_for(uint32_t keys_max)
{
	uint32_t layers = 1;
	while ((uint64_t)LEFT_FIRST_KEYS << (layers - 1) < keys_max)
		layers++;
	return layers;
}

size_t left_filter_bytes(uint32_t keys_max)
{
	return left_layers_bytes(layers_for(keys_max));
}

void left_filter_init(struct left_filter *filter, void *zeroed, uint32_t keys_max)
{
	*filter = (struct left_filter){.blocks = zeroed, .layers_max = layers_for(keys_max)};
}

uint64_t left_filter_keys_max(const struct left_filter *filter)
{
	return (uint64_t)LEFT_FIRST_KEYS << (filter->layers_max - 1);
}

/* ---- keys ---- */

/* The highest bits of the hash say which block. */
static struct left_block *block_of(const struct left_filter *filter, uint32_t layer, uint64_t hash)
{
	return &filter->blocks[first_block(layer) + (hash >> (64 - blocks_log2(layer)))];
}

/* Which bit of each word: 6 bits a word, from a second hash, because the first has no 48 bits to spare (the finishing
 * steps of MurmurHash3, A. Appleby). */
static uint64_t bits_of(uint64_t hash)
{
	hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
	hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return hash ^ hash >> 33;
}

static void make_room(struct left_filter *filter)
{
	struct left_heart *heart = &filter->heart;
	bool is_full = heart->layers == 0 || heart->in_newest >= layer_keys(heart->layers - 1);
	if (!is_full || heart->layers == filter->layers_max)
		return;
	heart->layers++;
	heart->in_newest = 0;
}

void left_filter_put(struct left_filter *filter, uint64_t hash)
{
	make_room(filter);
	must(filter->heart.layers > 0);
	struct left_block *block = block_of(filter, filter->heart.layers - 1, hash);
	uint64_t bits = bits_of(hash);
	for (int i = 0; i < LEFT_WORDS; i++, bits >>= 6)
		block->word[i] |= UINT64_C(1) << (bits & 63);
	filter->heart.count++;
	filter->heart.in_newest++;
}

static bool block_may_hold(const struct left_block *block, uint64_t bits)
{
	uint64_t all = 1;
	for (int i = 0; i < LEFT_WORDS; i++, bits >>= 6)
		all &= block->word[i] >> (bits & 63);
	return all;
}

bool left_filter_may_hold(const struct left_filter *filter, uint64_t hash)
{
	uint64_t bits = bits_of(hash);
	for (uint32_t layer = filter->heart.layers; layer--;)
		if (block_may_hold(block_of(filter, layer, hash), bits))
			return true;
	return false;
}

/* ---- comparing ---- */

/* Each layer but the newest holds what it is made for. */
static bool is_sharp(const struct left_heart *heart)
{
	return heart->layers == 0 ||
	       heart->count - heart->in_newest == LEFT_KEYS_PER_BLOCK * first_block(heart->layers - 1);
}

bool left_filter_agrees(const struct left_filter *filter, const struct left_filter *other)
{
	const struct left_heart *ours = &filter->heart, *theirs = &other->heart;
	if (ours->since != theirs->since)
		return true;
	if (ours->count != theirs->count)
		return false;
	if (ours->layers != theirs->layers || !is_sharp(ours) || !is_sharp(theirs))
		return true;
	return memcmp(filter->blocks, other->blocks, left_layers_bytes(ours->layers)) == 0;
}
