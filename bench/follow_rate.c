/* How fast the follower turns a log into rows: follow_rate FILE [orders [burst]]
 *
 * A log in memory, the store in FILE, the follower as it runs in the server, at idle priority. First it finds a log of
 * so many orders, each by another buyer, and follows to its end; then a burst comes as fast as it can be appended, and
 * what is told is how long after the last record its rows are there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "follow/follow.h"
#include "log/memory.h"

#define START_MS INT64_C(1800000000000)
#define WAIT_MS 600000

static struct error error;
static uint64_t counter;

static void check(int rc)
{
	if (rc < 0) {
		fprintf(stderr, "%s\n", error.text);
		exit(1);
	}
}

static void append(struct log *log, struct command *command)
{
	static uint8_t bytes[RECORD_SIZE_MAX];
	struct log_record echo;
	command->incarnation = command->kind == COMMAND_HELLO ? 0 : 1;
	command->counter = ++counter;
	int size = command_encode(command, bytes, sizeof bytes);
	check(size);
	check(log_append(log, (struct wall_ms){START_MS + (int64_t)(counter / 100)}, bytes, (size_t)size, &error));
	log_flush(log);
	check(log_echo(log, &echo, &error));
}

static void found(struct log *log)
{
	struct command hello = {.kind = COMMAND_HELLO, .hello = {.digest_key = {7}, .program = TEXT("bench")}};
	const struct sku_spec sku = {TEXT("stalls"), QUANTITY_MAX, 1000};
	append(log, &hello);
	for (int i = 0; i < 4; i++) {
		char id[16];
		int size = snprintf(id, sizeof id, "drop-%d", i);
		struct command create = {.kind = COMMAND_DROP_CREATE,
		                         .actor = TEXT("bench"),
		                         .create = {.id = {id, (size_t)size},
		                                    .title = TEXT("A drop"),
		                                    .limit_per_buyer = 1,
		                                    .hold_seconds = 86400,
		                                    .keep_seconds = KEEP_SECONDS_DEFAULT,
		                                    .opens_at = {START_MS},
		                                    .closes_at = WALL_NEVER,
		                                    .sku_count = 1,
		                                    .skus = &sku}};
		append(log, &create);
	}
}

static void claim(struct log *log, uint64_t number)
{
	char buyer[32], key[48];
	uint64_t random = number * UINT64_C(0x9e3779b97f4a7c15);
	int buyer_size = snprintf(buyer, sizeof buyer, "user-%016llx", (unsigned long long)random);
	int key_size =
	    snprintf(key, sizeof key, "%016llx-%016llx", (unsigned long long)~random, (unsigned long long)number);
	struct command command = {.kind = COMMAND_CLAIM,
	                          .key = {key, (size_t)key_size},
	                          .claim = {.drop = (uint32_t)(number % 4),
	                                    .buyer = {buyer, (size_t)buyer_size},
	                                    .latest = WALL_NEVER,
	                                    .line_count = 1,
	                                    .line = {{0, 1}}}};
	append(log, &command);
}

static double seconds_since(struct mono_ns begin)
{
	return (double)(clock_mono().ns - begin.ns) / 1e9;
}

static void wait_for(struct follower *follower, uint64_t position)
{
	if (!follower_wait(follower, position, WAIT_MS)) {
		fprintf(stderr, "the follower does not come to %llu\n", (unsigned long long)position);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	uint64_t orders = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
	uint64_t burst = argc > 3 ? strtoull(argv[3], NULL, 10) : 100000;
	struct follower *follower;
	struct store *store;
	if (argc < 2) {
		fprintf(stderr, "follow_rate FILE [orders [burst]]\n");
		return 2;
	}
	digest_init();
	struct log *log = memory_log_new();
	struct disk *disk;
	check(disk_posix_open(".", false, &disk, &error));
	check(store_sqlite_open(argv[1], false, &store, &error));
	found(log);
	for (uint64_t i = 0; i < orders; i++)
		claim(log, i);
	struct follower_options options = {.disk = disk, .log = log, .store = store, .limits = CORE_LIMITS_DEFAULT};
	options.limits.orders = (uint32_t)(orders + burst) + 1;
	struct mono_ns begin = clock_mono();
	check(follower_start(&options, &follower, &error));
	wait_for(follower, log_durable(log));
	printf("store-follow %.0f orders/s\n", (double)orders / seconds_since(begin));
	for (uint64_t i = 0; i < burst; i++) {
		claim(log, orders + i);
		if (i % 64 == 0)
			follower_moved(follower);
	}
	begin = clock_mono();
	follower_moved(follower);
	wait_for(follower, log_durable(log));
	printf("store-lag %.3f s\n", seconds_since(begin));
	follower_stop(follower, false);
	store->ops->close(store);
	log_close(log);
	disk->ops->done(disk);
	return 0;
}
