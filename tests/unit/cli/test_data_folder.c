/* A data directory that was just made must be there after a power cut, or the log in it is not: every folder that a
 * start makes is synced by the folder above it. The test stands between the program and fsync, and notes on what. */
#include "play.h"

#include <ftw.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "cli/data_folder.h"

#define SYNCED_MAX 64

static ino_t synced[SYNCED_MAX];
static int synced_count;

int fsync(int fd)
{
	struct stat about;
	assert_int_equal(fstat(fd, &about), 0);
	assert_true(synced_count < SYNCED_MAX);
	synced[synced_count++] = about.st_ino;
	return (int)syscall(SYS_fsync, fd);
}

static bool is_synced(const char *path)
{
	struct stat about;
	assert_int_equal(stat(path, &about), 0);
	for (int i = 0; i < synced_count; i++)
		if (synced[i] == about.st_ino)
			return true;
	return false;
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
	return remove(path);
}

static void every_folder_that_is_made_is_synced_above(void **state)
{
	char parent[] = "/tmp/dibs-unit-XXXXXX", data[64], tokens[80];
	struct settings settings;
	struct error error = {0};
	bool made = false;
	assert_non_null(mkdtemp(parent));
	snprintf(data, sizeof data, "%s/data", parent);
	snprintf(tokens, sizeof tokens, "%s/tokens", data);
	assert_int_equal(settings_init(&settings, &error), 0);
	assert_int_equal(settings_from_flag(&settings, ~0u, "data", data, &error), 0);

	assert_int_equal(data_folder_ensure(&settings, &made, &error), 0);
	assert_true(made);
	assert_true(is_synced(parent));
	assert_false(is_synced(data)); /* nothing is in it */
	assert_int_equal(token_secret_ensure(&settings, &made, &error), 0);
	assert_true(made);
	assert_true(is_synced(data));
	assert_true(is_synced(tokens));

	synced_count = 0; /* a second start makes nothing, and needs no right to read what is above */
	assert_int_equal(data_folder_ensure(&settings, &made, &error), 0);
	assert_false(made);
	assert_int_equal(synced_count, 0);
	settings_fini(&settings);
	nftw(parent, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_folder_that_is_made_is_synced_above),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
