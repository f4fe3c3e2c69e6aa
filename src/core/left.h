/* left: which keys have belonged to orders that are in the core no more.
 *
 * An ended order leaves, and only the store still knows its key. Whoever asks with a key that the core does not know may
 * therefore have to ask the store; this filter says for whom that is certainly in vain. It knows a key only by a hash of
 * buyer, drop and key, and never forgets one: "no" is certain, "maybe" is wrong for about one new key in a thousand.
 *
 *   layer 0   1   2       3               each as large as all before it, opened when the one before is full
 *        [b b|b b|b b b b|b b b b b b b b|…          b: a block of 512 bits, eight words
 *
 * A Bloom filter (B. H. Bloom, CACM 13(7), 1970) in blocks of a cache line (F. Putze, P. Sanders, J. Singler, "Cache-, hash-
 * and space-efficient Bloom filters", 2007): a key has one block in a layer, and one bit in each of the block's words. It
 * grows by layers (P. Almeida, C. Baquero, N. Preguiça, D. Hutchison, "Scalable Bloom filters", 2007), so that it takes
 * memory, and room in a snapshot, only for what has left. At 16 bits a key a block of a full layer has had 32 keys on
 * average, i with the Poisson probability P(i; 32), and says "maybe" to a strange key with probability
 *     sum over i of P(i; 32) × (1 − (1 − 1/64)^i)^8  =  0.00091;
 * layers add up: 0.8% with nine full ones. When no layer can be opened any more, the newest takes what comes: 2.9% at twice
 * as many keys as it is made for, 32% at four times. Then more is asked of the store, and never a key taken for new.
 *
 * Units    keys.
 * Memory   the caller takes it (left_filter_bytes) and hands it in, zeroed; what no key has come to is not touched.
 * Answers  no verdict depends on it (P6): settings may size it, and servers of one log may have different ones.
 * Faults   none.
 * Thread   the core's.
 * Keeps    P4: it never says "no" of a key that was put in.
 */
#ifndef DIBS_CORE_LEFT_H
#define DIBS_CORE_LEFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEFT_WORDS 8
#define LEFT_BITS_PER_KEY 16
#define LEFT_FIRST_BLOCKS_LOG2 11 /* of layer 0, and so of layer 1: 128 KiB */
#define LEFT_KEYS_PER_BLOCK (LEFT_WORDS * 64 / LEFT_BITS_PER_KEY)
#define LEFT_FIRST_KEYS (LEFT_KEYS_PER_BLOCK << LEFT_FIRST_BLOCKS_LOG2) /* 65,536: the least there is room for */

struct left_block {
	uint64_t word[LEFT_WORDS];
};

/* What a snapshot keeps of it besides the blocks. */
struct left_heart {
	uint64_t since;     /* what left at this sequence or before is unknown here; 0: all is known */
	uint64_t count;     /* keys put in */
	uint64_t in_newest; /* of them in the newest layer */
	uint32_t layers;    /* opened so far; 0: nothing was put in yet */
	uint32_t zero;
};

struct left_filter {
	struct left_heart heart;
	struct left_block *blocks;
	uint32_t layers_max;
};

/* keys_max is rounded up: to LEFT_FIRST_KEYS times a power of two. */
size_t left_filter_bytes(uint32_t keys_max);
void left_filter_init(struct left_filter *filter, void *zeroed, uint32_t keys_max);
uint64_t left_filter_keys_max(const struct left_filter *filter);

/* Bytes of that many layers, from the first block on. */
size_t left_layers_bytes(uint32_t layers);

/* By a good 64-bit hash of the key. */
void left_filter_put(struct left_filter *filter, uint64_t hash);
bool left_filter_may_hold(const struct left_filter *filter, uint64_t hash);

/* False: both know all since the same record, and do not know the same keys. Two that were blurred are not compared:
 * what lies in which layer is then an affair of the settings they had. */
bool left_filter_agrees(const struct left_filter *filter, const struct left_filter *other);

#endif
