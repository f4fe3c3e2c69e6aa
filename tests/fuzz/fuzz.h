/* fuzz: what the fuzz targets have in common. Each fuzz_<name>.c is one target: LLVMFuzzerTestOneInput() takes any bytes
 * and holds what they lead to against properties; must() says which one does not hold, and stops the process.
 *
 * A target runs in two ways: with libFuzzer in the build of -Dfuzz=true (scripts/fuzz.py), which looks for new inputs; and
 * with replay.c in every other build, where each input of the tree is a case of `make test`.
 *
 * Memory   state that is dear to make is made once and put back to its beginning for each input. What is read is copied
 *          to a block of just its size, so that a read beyond it is seen.
 * Thread   one; no sockets.
 */
#ifndef DIBS_TESTS_FUZZ_H
#define DIBS_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"

/* Bytes that nobody may touch until they are handed over: a read beyond what was handed over is seen, without a block of
 * its own for every piece. Nothing where no sanitizer watches. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FUZZ_POISON
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define FUZZ_POISON
#endif
#ifdef FUZZ_POISON
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* An input that is read as decisions. Past its end everything is zero, so that every input means something. */
struct input {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t input_u8(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

static inline uint64_t input_number(struct input *input, unsigned bytes)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)input_u8(input) << (8 * i);
	return value;
}

/* The next `size` bytes, or as many as there are. */
static inline struct text input_text(struct input *input, size_t size)
{
	size = size < input->left ? size : input->left;
	struct text text = {(const char *)input->at, size};
	input->at += size;
	input->left -= size;
	return text;
}

static inline bool text_is_one_line(struct text text)
{
	for (size_t i = 0; i < text.size; i++)
		if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
			return false;
	return text.size > 0;
}

#endif
