/* play: what the plays of room cli share. cmocka wants these before its own header. */
#ifndef DIBS_TESTS_CLI_PLAY_H
#define DIBS_TESTS_CLI_PLAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A file in a folder of its own, with this content; removed by file_gone(). */
struct file {
	char folder[64], path[96];
};

static inline struct file file_with(const char *name, const char *content)
{
	struct file file = {.folder = "/tmp/dibs-unit-XXXXXX"};
	assert_non_null(mkdtemp(file.folder));
	snprintf(file.path, sizeof file.path, "%s/%s", file.folder, name);
	FILE *stream = fopen(file.path, "we");
	assert_non_null(stream);
	assert_true(fputs(content, stream) >= 0);
	assert_int_equal(fclose(stream), 0);
	return file;
}

static inline void file_gone(const struct file *file)
{
	unlink(file->path);
	rmdir(file->folder);
}

#define assert_contains(text_, part_) \
	do { \
		if (!strstr((text_), (part_))) \
			fail_msg("\"%s\" does not contain \"%s\"", (text_), (part_)); \
	} while (0)

#endif
