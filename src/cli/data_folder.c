#include "cli/data_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"

#define SECRET_BYTES 32 /* 256 bits, written as 64 hexadecimal digits */
#define KEY_BYTES 20    /* 160 bits, written as 40 */
#define KEY_PREFIX "dibs_admin_"

_Static_assert(sizeof KEY_PREFIX + 2 * KEY_BYTES <= KEY_TEXT_SIZE, "a key's text fits");

int data_path(struct buf *out, const struct settings *settings, const char *name, struct error *error)
{
	buf_clear(out);
	buf_printf(out, "%s/%s", setting_text(settings, SETTING_DATA), name);
	buf_put(out, "", 1);
	return out->failed ? error_set(error, FAULT_MEMORY, "no memory for a path") : 0;
}

int token_folder(struct buf *out, const struct settings *settings, struct error *error)
{
	const char *chosen = setting_text(settings, SETTING_TOKENS);
	if (*chosen == 0)
		return data_path(out, settings, "tokens", error);
	buf_clear(out);
	buf_put(out, chosen, strlen(chosen) + 1);
	return out->failed ? error_set(error, FAULT_MEMORY, "no memory for a path") : 0;
}

static int failed(const char *what, const char *path, struct error *error)
{
	int code = errno == ENOSPC || errno == EDQUOT ? FAULT_NO_SPACE : FAULT_IO;
	return error_set(error, code, "%s %s: %s", what, path, strerror(errno));
}

/* What was made in a folder is only there for good when the folder is synced. */
static int sync_parent(const char *path, struct error *error)
{
	char *copy = strdup(path);
	if (!copy)
		return error_set(error, FAULT_MEMORY, "no memory for a path");
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) != 0 ? failed("cannot sync the folder of", path, error) : 0;
	if (fd >= 0)
		close(fd);
	free(copy);
	return rc;
}

int data_folder_ensure(const struct settings *settings, bool *ret_made, struct error *error)
{
	const char *path = setting_text(settings, SETTING_DATA);
	bool made = mkdir(path, 0700) == 0;
	if (!made && errno != EEXIST)
		return error_set(error, FAULT_NOT_FOUND,
		                 "the data directory %s cannot be made: %s; name another one by --data", path,
		                 strerror(errno));
	struct stat about;
	if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode) || access(path, R_OK | W_OK | X_OK) != 0)
		return error_set(error, FAULT_NOT_FOUND,
		                 "the data directory %s cannot be used: %s; give it to this user, or name another one "
		                 "by --data",
		                 path, S_ISDIR(about.st_mode) ? strerror(errno) : "it is no directory");
	int rc = made ? sync_parent(path, error) : 0;
	if (rc == 0)
		*ret_made = made;
	return rc;
}

/* ---- writing a secret ---- */

static int write_synced(const char *path, const char *text, struct error *error)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return failed("cannot make", path, error);
	size_t size = strlen(text);
	int rc = 0;
	if (write(fd, text, size) != (ssize_t)size || fsync(fd) != 0)
		rc = failed("cannot write", path, error);
	close(fd);
	return rc;
}

static int write_secret(const char *path, const char *text, struct error *error)
{
	struct buf temporary = {0};
	buf_printf(&temporary, "%s.new", path);
	buf_put(&temporary, "", 1);
	int rc = temporary.failed ? error_set(error, FAULT_MEMORY, "no memory for a path")
	                          : write_synced(temporary.at, text, error);
	if (rc == 0 && rename(temporary.at, path) != 0)
		rc = failed("cannot make", path, error);
	buf_fini(&temporary);
	return rc == 0 ? sync_parent(path, error) : rc;
}

static void hex_random(char *out, size_t bytes)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t random[SECRET_BYTES];
	random_bytes(random, bytes);
	for (size_t i = 0; i < bytes; i++) {
		out[2 * i] = digits[random[i] >> 4];
		out[2 * i + 1] = digits[random[i] & 15];
	}
	out[2 * bytes] = 0;
	explicit_bzero(random, sizeof random);
}

/* ---- admin.key ---- */

static int read_key(const char *path, char ret_text[KEY_TEXT_SIZE], struct error *error)
{
	char line[KEY_TEXT_SIZE + 2] = "";
	FILE *file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? error_set(error, FAULT_NOT_FOUND, "%s is not there", path)
		                       : failed("cannot read", path, error);
	bool read = fgets(line, sizeof line, file) != NULL;
	fclose(file);
	line[strcspn(line, "\r\n")] = 0;
	if (!read || strncmp(line, KEY_PREFIX, strlen(KEY_PREFIX)) != 0 || strlen(line) >= KEY_TEXT_SIZE)
		return error_set(error, FAULT_CONFIG, "%s holds no admin key; move it away, and another one is made",
		                 path);
	memcpy(ret_text, line, strlen(line) + 1);
	explicit_bzero(line, sizeof line);
	return 0;
}

int admin_key_ensure(const struct settings *settings, char ret_text[KEY_TEXT_SIZE], bool *ret_made, struct error *error)
{
	struct buf path = {0};
	char text[KEY_TEXT_SIZE + 1];
	int rc = data_path(&path, settings, "admin.key", error);
	if (rc == 0)
		rc = read_key(path.at, ret_text, error);
	bool make = rc == FAULT_NOT_FOUND;
	if (make) {
		memcpy(text, KEY_PREFIX, strlen(KEY_PREFIX));
		hex_random(text + strlen(KEY_PREFIX), KEY_BYTES);
		memcpy(ret_text, text, strlen(text) + 1);
		text[strlen(text) + 1] = 0;
		text[strlen(text)] = '\n';
		rc = write_secret(path.at, text, error);
		explicit_bzero(text, sizeof text);
	}
	if (rc == 0)
		*ret_made = make;
	buf_fini(&path);
	return rc;
}

/* ---- the secrets of tokens ---- */

static int is_key_file(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name);
	return size > 4 && size - 4 < KID_SIZE && entry->d_name[0] != '.' &&
	       strcmp(entry->d_name + size - 4, ".key") == 0;
}

static int first_kid(const char *folder, char ret_kid[KID_SIZE], struct error *error)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_key_file, alphasort);
	if (count < 0 && errno != ENOENT)
		return failed("cannot read", folder, error);
	if (count <= 0) {
		if (count == 0)
			free(entries);
		return error_set(error, FAULT_NOT_FOUND, "no secret <kid>.key in %s; a start of dibs serve makes one",
		                 folder);
	}
	snprintf(ret_kid, KID_SIZE, "%.*s", (int)(strlen(entries[0]->d_name) - 4), entries[0]->d_name);
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	return 0;
}

int token_first_kid(const struct settings *settings, char ret_kid[KID_SIZE], struct error *error)
{
	struct buf folder = {0};
	int rc = token_folder(&folder, settings, error);
	if (rc == 0)
		rc = first_kid(folder.at, ret_kid, error);
	buf_fini(&folder);
	return rc;
}

static int make_secret(const char *folder, struct error *error)
{
	struct buf path = {0};
	char secret[2 * SECRET_BYTES + 1];
	bool made = mkdir(folder, 0700) == 0;
	if (!made && errno != EEXIST)
		return failed("cannot make", folder, error);
	int rc = made ? sync_parent(folder, error) : 0;
	if (rc < 0)
		return rc;
	buf_printf(&path, "%s/main.key", folder);
	buf_put(&path, "", 1);
	hex_random(secret, SECRET_BYTES);
	rc =
	    path.failed ? error_set(error, FAULT_MEMORY, "no memory for a path") : write_secret(path.at, secret, error);
	explicit_bzero(secret, sizeof secret);
	buf_fini(&path);
	return rc;
}

int token_secret_ensure(const struct settings *settings, bool *ret_made, struct error *error)
{
	struct buf folder = {0};
	char kid[KID_SIZE];
	int rc = token_folder(&folder, settings, error);
	if (rc == 0)
		rc = first_kid(folder.at, kid, error);
	bool make = rc == FAULT_NOT_FOUND;
	if (make)
		rc = make_secret(folder.at, error);
	if (rc == 0)
		*ret_made = make;
	buf_fini(&folder);
	return rc;
}
