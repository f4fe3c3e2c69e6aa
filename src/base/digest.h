/* digest: the hashes that dibs uses, from libsodium.
 *
 * digest128   SipHash-2-4 with a 128-bit result, keyed: who is who in the core (core.h)
 * blake2b256  BLAKE2b-256: the chain of batches, API keys, the state hash
 */
#ifndef DIBS_BASE_DIGEST_H
#define DIBS_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_KEY_SIZE 16
#define BLAKE_SIZE 32

struct digest128 {
	uint64_t a, b;
};

static inline bool digest128_is(struct digest128 x, struct digest128 y)
{
	return ((x.a ^ y.a) | (x.b ^ y.b)) == 0;
}

struct digest128 digest128(const uint8_t key[DIGEST_KEY_SIZE], const void *bytes, size_t size);
void blake2b256(uint8_t out[BLAKE_SIZE], const void *bytes, size_t size);

struct blake_stream {
	_Alignas(64) unsigned char opaque[384];
};
void blake_stream_init(struct blake_stream *stream);
void blake_stream_add(struct blake_stream *stream, const void *bytes, size_t size);
void blake_stream_end(struct blake_stream *stream, uint8_t out[BLAKE_SIZE]);

/* Bytes that nobody can guess (getrandom). Call digest_init() once before anything here. */
void random_bytes(void *out, size_t size);
/* Equal, in a time that does not depend on where they differ. */
bool secret_is(const void *a, const void *b, size_t size);
void digest_init(void);

#endif
