/* disk_trouble: a disk that fails or keeps everybody waiting, for stories. Loaded in front of the program (LD_PRELOAD), it
 * stands where the journal asks the system to make a batch durable, and looks into the folder DISK_TROUBLE:
 *
 *   fail      is there: the sync fails
 *   hold      is there: the sync waits until it is not, or …
 *   release   … is there: it is taken away, and this one sync goes on
 *   waiting   is there while one waits
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATH_SIZE 512

static int is_of_the_log(int fd)
{
	char link[64], path[PATH_SIZE] = "";
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	return readlink(link, path, sizeof path - 1) > 0 && strstr(path, "/log/");
}

static const char *in_folder(char path[PATH_SIZE], const char *name)
{
	snprintf(path, PATH_SIZE, "%s/%s", getenv("DISK_TROUBLE"), name);
	return path;
}

int fdatasync(int fd)
{
	char fail[PATH_SIZE], hold[PATH_SIZE], release[PATH_SIZE], waiting[PATH_SIZE];
	if (!getenv("DISK_TROUBLE") || !is_of_the_log(fd))
		return (int)syscall(SYS_fdatasync, fd);
	if (access(in_folder(fail, "fail"), F_OK) == 0) {
		errno = EIO;
		return -1;
	}
	in_folder(hold, "hold");
	in_folder(release, "release");
	in_folder(waiting, "waiting");
	if (access(hold, F_OK) == 0)
		close(open(waiting, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	while (access(hold, F_OK) == 0 && access(release, F_OK) != 0)
		usleep(1000);
	unlink(waiting); /* before release: who sees that taken sees this gone */
	unlink(release);
	return (int)syscall(SYS_fdatasync, fd);
}
