/* replay: runs a fuzz target over files, without a fuzzer. Each file is a case, told as cmocka tells one; whatever breaks
 * a property or touches what it may not ends the process, and the case that was begun and did not end says where.
 *
 *   replay NAME PATH…      each path is a file, or a folder whose files are taken in the order of their names
 *
 * Each input is run twice: the second time on what the first one left behind, which must make no difference.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fuzz.h"

#define PATH_SIZE 4096

static unsigned failed, ran;

static uint8_t *read_file(const char *path, size_t *ret_size)
{
	struct stat status;
	FILE *file = fopen(path, "rb");
	if (!file || fstat(fileno(file), &status) != 0) {
		if (file)
			fclose(file);
		return NULL;
	}
	size_t size = (size_t)status.st_size;
	uint8_t *bytes = malloc(size ? size : 1); /* just its size: a read beyond it is seen */
	if (bytes && fread(bytes, 1, size, file) != size) {
		free(bytes);
		bytes = NULL;
	}
	fclose(file);
	*ret_size = size;
	return bytes;
}

/* scripts/test.py counts the names of cases: letters, digits and underscores. */
static void case_name(char out[PATH_SIZE], const char *target, const char *path)
{
	const char *slash = strrchr(path, '/');
	snprintf(out, PATH_SIZE, "%.60s_%.200s", target, slash ? slash + 1 : path);
	for (char *at = out; *at; at++)
		if (!(*at >= 'a' && *at <= 'z') && !(*at >= 'A' && *at <= 'Z') && !(*at >= '0' && *at <= '9'))
			*at = '_';
}

static void replay_file(const char *target, const char *path)
{
	char name[PATH_SIZE];
	size_t size = 0;
	uint8_t *bytes = read_file(path, &size);
	case_name(name, target, path);
	printf("[ RUN      ] %s\n", name);
	fflush(stdout);
	if (bytes) {
		LLVMFuzzerTestOneInput(bytes, size);
		LLVMFuzzerTestOneInput(bytes, size);
	}
	printf("[  %s  ] %s\n", bytes ? "    OK" : "FAILED", name);
	failed += !bytes;
	ran++;
	free(bytes);
}

static int is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void replay_folder(const char *target, const char *folder)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_shown, alphasort);
	for (int i = 0; i < count; i++) {
		char path[PATH_SIZE];
		snprintf(path, sizeof path, "%.2000s/%.255s", folder, entries[i]->d_name);
		replay_file(target, path);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

int main(int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		struct stat status;
		if (stat(argv[i], &status) != 0) /* no crash was ever found: no folder */
			continue;
		if (S_ISDIR(status.st_mode))
			replay_folder(argv[1], argv[i]);
		else
			replay_file(argv[1], argv[i]);
	}
	printf("%u inputs, %u of them could not be read\n", ran, failed);
	return ran == 0 || failed ? 1 : 0;
}
