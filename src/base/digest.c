#include "base/digest.h"

#include <sodium.h>

#include "base/must.h"

_Static_assert(sizeof(struct blake_stream) >= sizeof(crypto_generichash_state), "the stream fits libsodium's state");

void digest_init(void)
{
	must(sodium_init() >= 0);
}

struct digest128 digest128(const uint8_t key[DIGEST_KEY_SIZE], const void *bytes, size_t size)
{
	struct digest128 out;
	crypto_shorthash_siphashx24((unsigned char *)&out, bytes, size, key);
	return out;
}

void blake2b256(uint8_t out[BLAKE_SIZE], const void *bytes, size_t size)
{
	crypto_generichash(out, BLAKE_SIZE, bytes, size, NULL, 0);
}

void blake_stream_init(struct blake_stream *stream)
{
	crypto_generichash_init((crypto_generichash_state *)(void *)stream, NULL, 0, BLAKE_SIZE);
}

void blake_stream_add(struct blake_stream *stream, const void *bytes, size_t size)
{
	crypto_generichash_update((crypto_generichash_state *)(void *)stream, bytes, size);
}

void blake_stream_end(struct blake_stream *stream, uint8_t out[BLAKE_SIZE])
{
	crypto_generichash_final((crypto_generichash_state *)(void *)stream, out, BLAKE_SIZE);
}

void random_bytes(void *out, size_t size)
{
	randombytes_buf(out, size);
}

bool secret_is(const void *a, const void *b, size_t size)
{
	return sodium_memcmp(a, b, size) == 0;
}
