#include "cli/key_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static int read_first_line(const char *path, char *ret, size_t capacity, struct error *error)
{
	char line[2048];
	FILE *file = fopen(path, "re");
	if (!file)
		return error_set(error, FAULT_NOT_FOUND, "%s: %s; --key-file FILE or --data DIR says where a key is",
		                 path, strerror(errno));
	bool read = fgets(line, sizeof line, file) != NULL;
	fclose(file);
	size_t size = read ? strcspn(line, "\r\n") : 0;
	line[size] = '\0';
	if (size >= capacity || !text_is_visible(text_of(line), capacity))
		return error_set(error, FAULT_INVALID, "%s: its first line is no API key", path);
	memcpy(ret, line, size + 1);
	explicit_bzero(line, sizeof line);
	return 0;
}

int key_file_find(const char *file, const char *data, char *ret, size_t capacity, struct error *error)
{
	char path[4096];
	if (!file && !data)
		file = getenv("DIBS_KEY_FILE");
	if (file)
		return read_first_line(file, ret, capacity, error);
	if (!data)
		data = getenv("DIBS_DATA");
	int size = snprintf(path, sizeof path, "%s/admin.key", data ? data : "dibs-data");
	if (size < 0 || (size_t)size >= sizeof path)
		return error_set(error, FAULT_INVALID, "data: the path is too long");
	return read_first_line(path, ret, capacity, error);
}
