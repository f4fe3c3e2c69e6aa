#include "conform.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/sqlite_store.h"

static char folder[] = "/tmp/dibs-store-XXXXXX";
static char path[128];

/* The system's own, for SQLite too: this program's symbols come first. */
static int reads_before_fault; /* 1: the next one fails; 0: none does */
ssize_t pread64(int fd, void *into, size_t size, off64_t offset);
ssize_t pread64(int fd, void *into, size_t size, off64_t offset)
{
	if (reads_before_fault > 0 && --reads_before_fault == 0) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pread64, fd, into, size, offset);
}

static const char *beside(const char *suffix)
{
	static char name[160];
	snprintf(name, sizeof name, "%s%s", path, suffix);
	return name;
}

static void clear_folder(void)
{
	static const char *const names[] = {"", "-wal", "-shm", ".damaged", ".damaged-wal", ".damaged-shm"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(beside(names[i]));
}

static bool is_there(const char *suffix)
{
	return access(beside(suffix), F_OK) == 0;
}

static struct store *open_store(bool read_only)
{
	struct store *store = NULL;
	struct error error;
	must_do(store_sqlite_open(path, read_only, &store, &error), &error);
	return store;
}

static struct store *open_fresh_file(void)
{
	clear_folder();
	return open_store(false);
}

static struct store *open_fresh_memory(void)
{
	struct store *store = NULL;
	struct error error;
	must_do(store_sqlite_open(":memory:", false, &store, &error), &error);
	return store;
}

static struct store *open_with_orders(uint64_t count)
{
	struct store *store = open_fresh_file();
	char buyer[24];
	begin(store);
	put_drop(store, 0, "tickets");
	for (uint64_t i = 0; i < count; i++) {
		snprintf(buyer, sizeof buyer, "buyer-%llu", (unsigned long long)i);
		put_order(store, 10 + i, 0, buyer, "k");
	}
	commit(store, 10 + count);
	return store;
}

static void run_sql(const char *sql)
{
	struct sqlite3 *db = NULL;
	struct error error;
	must_do(sqlite_connect(path, SQLITE_WRITES, &db, &error), &error);
	must_do(sqlite_run(db, sql, "test", &error), &error);
	sqlite_disconnect(db);
}

static void it_is_there_again_after_closing(void **state)
{
	struct store *store = open_with_orders(3);
	store->ops->close(store);
	store = open_store(false);
	assert_int_equal(position_of(store), 13);
	assert_page(store, (struct store_page){.status = -1}, "12 11 10");
	store->ops->close(store);
}

/* SQLite says "malformed" when the disk says "input/output error". One such read, at a start, and a sound store was set
 * aside; where the log's beginning was archived, orders had lost their buyers by that. */
static void one_that_cannot_be_read_is_not_thrown_away(void **state)
{
	struct store *store = open_with_orders(3);
	struct error error;
	store->ops->close(store);
	for (int nth = 1; nth <= 12; nth++) {
		reads_before_fault = nth;
		int rc = store_sqlite_open(path, false, &store, &error);
		bool befell = reads_before_fault == 0;
		reads_before_fault = 0;
		if (rc == 0)
			store->ops->close(store);
		assert_true(nth > 2 || befell);
		assert_true(rc == FAULT_IO || (rc == 0 && !befell));
		assert_false(is_there(".damaged"));
	}
	store = open_store(false);
	assert_int_equal(position_of(store), 13);
	store->ops->close(store);
}

static void a_process_that_dies_leaves_whole_transactions(void **state)
{
	struct store *store = open_with_orders(3);
	store->ops->close(store);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct error error;
		if (store_sqlite_open(path, false, &store, &error) < 0)
			_exit(1);
		begin(store);
		put_order(store, 13, 0, "ann", "k");
		commit(store, 14);
		begin(store);
		put_order(store, 14, 0, "ann", "k");
		_exit(42);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 42);
	store = open_store(false);
	assert_int_equal(position_of(store), 14);
	assert_page(store, (struct store_page){.status = -1}, "13 12 11 10");
	assert_page(store, (struct store_page){.buyer = TEXT("ann"), .status = -1}, "13");
	store->ops->close(store);
}

static void write_file(const char *bytes, size_t size, long offset)
{
	FILE *file = fopen(path, offset ? "r+" : "w");
	assert_non_null(file);
	fseek(file, offset, SEEK_SET);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
}

static void what_is_no_database_is_set_aside(void **state)
{
	char rubbish[8192];
	clear_folder();
	memset(rubbish, 'x', sizeof rubbish);
	write_file(rubbish, sizeof rubbish, 0);
	struct store *store = open_store(false);
	assert_int_equal(position_of(store), 0);
	assert_true(is_there(".damaged"));
	store->ops->close(store);
}

static void somebody_elses_database_is_left_alone(void **state)
{
	struct store *store = NULL;
	struct error error;
	clear_folder();
	run_sql("CREATE TABLE recipes (name TEXT)");
	assert_int_equal(store_sqlite_open(path, false, &store, &error), FAULT_DAMAGED);
	assert_null(store);
	assert_false(is_there(".damaged"));
	run_sql("INSERT INTO recipes VALUES ('bread')");
}

static void a_newer_one_is_refused_and_an_older_one_made_anew(void **state)
{
	struct store *store = open_with_orders(3), *other = NULL;
	struct error error;
	store->ops->close(store);
	run_sql("PRAGMA user_version = 3");
	assert_int_equal(store_sqlite_open(path, false, &other, &error), FAULT_VERSION);
	assert_int_equal(store_sqlite_open(path, true, &other, &error), FAULT_VERSION);
	assert_null(other);
	run_sql("PRAGMA user_version = 0");
	assert_int_equal(store_sqlite_open(path, true, &other, &error), FAULT_DAMAGED);
	store = open_store(false);
	assert_int_equal(position_of(store), 0);
	assert_false(is_there(".damaged"));
	store->ops->close(store);
}

/* What was set aside is not driven out by the half of a store that a full disk let be made in its place. */
static void what_was_set_aside_survives_a_second_try(void **state)
{
	struct store *store = open_with_orders(3);
	struct error error;
	struct rlimit before, none;
	uint64_t position = position_of(store);
	assert_true(position > 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_true(store->ops->renew(store, true, &error) < 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(is_there(""));
	must_do(store->ops->renew(store, true, &error), &error);
	assert_int_equal(position_of(store), 0);
	store->ops->close(store);
	must_do(store_sqlite_open(beside(".damaged"), false, &store, &error), &error);
	assert_int_equal(position_of(store), position);
	store->ops->close(store);
}

/* Every page of the file but the first one is overwritten: the header is sound, so it opens. */
static void damage_is_found_and_renewed(void **state)
{
	struct store *store = open_with_orders(2000);
	struct error error;
	struct stat stat_of;
	int count = 0;
	char *rubbish;
	store->ops->close(store);
	assert_int_equal(stat(path, &stat_of), 0);
	rubbish = malloc((size_t)stat_of.st_size);
	memset(rubbish, 0xee, (size_t)stat_of.st_size);
	write_file(rubbish, (size_t)stat_of.st_size - 4096, 4096);
	free(rubbish);
	store = open_store(false);
	struct store_page page = {.status = -1, .limit = 10};
	assert_int_equal(store->ops->orders(store, &page, add_to_page, &(struct page_text){0}, &error), FAULT_DAMAGED);
	assert_int_equal(count, 0);
	must_do(store->ops->renew(store, true, &error), &error);
	assert_true(is_there(".damaged"));
	assert_int_equal(position_of(store), 0);
	begin(store);
	put_drop(store, 0, "tickets");
	commit(store, 1);
	store->ops->close(store);
}

static void a_full_disk_takes_nothing_and_later_all(void **state)
{
	struct store *store = open_with_orders(1);
	struct error error = {0};
	int rc = 0;
	must_do(sqlite_run(sqlite_of(store)->db, "PRAGMA max_page_count = 30", "test", &error), &error);
	begin(store);
	for (uint64_t i = 100; rc == 0 && i < 5000; i++) {
		struct store_order order = an_order(i, 0, "ann", "a-key-of-some-length-that-fills-pages");
		rc = store->ops->put_order(store, &order, &error);
	}
	assert_int_equal(rc, FAULT_NO_SPACE);
	store->ops->rollback(store);
	assert_int_equal(position_of(store), 11);
	must_do(sqlite_run(sqlite_of(store)->db, "PRAGMA max_page_count = 3000", "test", &error), &error);
	begin(store);
	for (uint64_t i = 100; i < 5000; i++)
		put_order(store, i, 0, "ann", "a-key-of-some-length-that-fills-pages");
	commit(store, 5000);
	assert_page(store, (struct store_page){.buyer = TEXT("ann"), .status = -1, .limit = 2}, "4999 4998");
	store->ops->close(store);
}

static void an_audit_reads_beside_the_writer(void **state)
{
	struct store *store = NULL, *audit;
	struct error error;
	clear_folder();
	assert_int_equal(store_sqlite_open(path, true, &store, &error), FAULT_NOT_FOUND);
	assert_false(is_there(""));
	store = open_with_orders(3);
	audit = open_store(true);
	assert_page(audit, (struct store_page){.status = -1}, "12 11 10");
	begin(store);
	put_order(store, 13, 0, "ann", "k");
	assert_page(audit, (struct store_page){.status = -1}, "12 11 10");
	commit(store, 14);
	assert_page(audit, (struct store_page){.status = -1}, "13 12 11 10");
	store->ops->close(store);
	assert_page(audit, (struct store_page){.status = -1}, "13 12 11 10");
	audit->ops->close(audit);
	audit = open_store(true); /* nobody writes any more */
	assert_int_equal(position_of(audit), 14);
	audit->ops->close(audit);
}

/* ---- plans ---- */

static void plan_of(struct sqlite3 *db, const char *sql, char *ret, size_t size)
{
	struct sqlite3_stmt *statement = NULL;
	struct error error;
	char explain[2048];
	size_t at = 0;
	int rc;
	snprintf(explain, sizeof explain, "EXPLAIN QUERY PLAN %s", sql);
	must_do(sqlite_prepare(db, &statement, explain, &error), &error);
	ret[0] = '\0';
	while ((rc = sqlite_step(statement, "plan", &error)) > 0) {
		struct text step = sqlite_text(statement, 3);
		at += (size_t)snprintf(ret + at, size - at, "%.*s\n", (int)step.size, step.at);
		assert_true(at < size);
	}
	must_do(rc, &error);
	sqlite_forget(&statement, 1);
}

/* Nothing walks over a table, and nothing is sorted but the rows of one page. */
static void every_question_goes_by_an_index(void **state)
{
	struct store *store = open_with_orders(3);
	char plan[2048];
	for (int i = 0; i < READ_COUNT; i++) {
		assert_non_null(sqlite_read_sql[i]);
		plan_of(sqlite_of(store)->db, sqlite_read_sql[i], plan, sizeof plan);
		assert_non_null(strstr(plan, "SEARCH"));
		if (i == READ_ORDERS + ASK_DROP) {
			assert_non_null(strstr(plan, "MERGE (UNION ALL)"));
			assert_non_null(strstr(plan, "SCAN n\n")); /* the page itself */
			assert_null(strstr(plan, "SCAN o"));
		} else {
			assert_null(strstr(plan, "SCAN"));
			assert_null(strstr(plan, "TEMP B-TREE"));
		}
	}
	store->ops->close(store);
}

/* ---- readers beside the writer ---- */

#define PAIRS 200

struct crowd {
	struct store *store;
	_Atomic bool done;
	_Atomic int torn, asked;
};

static void see_newest(void *context, const struct store_order *order)
{
	*(uint64_t *)context = order->sequence;
}

/* Orders come in pairs, one transaction a pair: the newest one that is seen is never the first of its pair. */
static void *ask_for_pairs(void *context)
{
	struct crowd *crowd = context;
	struct store_page page = {.drop = TEXT("tickets"), .status = -1, .limit = 1};
	struct error error;
	do {
		uint64_t newest = 1;
		if (crowd->store->ops->orders(crowd->store, &page, see_newest, &newest, &error) < 0 || newest % 2 == 0)
			atomic_fetch_add(&crowd->torn, 1);
		atomic_fetch_add(&crowd->asked, 1);
	} while (!atomic_load(&crowd->done));
	return NULL;
}

static void readers_see_whole_transactions(void **state)
{
	struct crowd crowd = {.store = open_with_orders(0)};
	pthread_t threads[READERS + 2]; /* more than the pool: some wait */
	for (int i = 0; i < READERS + 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_for_pairs, &crowd), 0);
	for (uint64_t i = 0; i < PAIRS; i++) {
		begin(crowd.store);
		put_order(crowd.store, 20 + 2 * i, 0, "ann", "k");
		put_order(crowd.store, 21 + 2 * i, 0, "bob", "k");
		commit(crowd.store, 21 + 2 * i);
	}
	atomic_store(&crowd.done, true);
	for (int i = 0; i < READERS + 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(crowd.torn, 0);
	assert_true(crowd.asked >= READERS + 2);
	crowd.store->ops->close(crowd.store);
}

static void readers_wait_while_it_is_renewed(void **state)
{
	struct crowd crowd = {.store = open_with_orders(0)};
	pthread_t threads[READERS];
	struct error error;
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_for_pairs, &crowd), 0);
	for (int i = 0; i < 10; i++)
		must_do(crowd.store->ops->renew(crowd.store, i % 2, &error), &error);
	atomic_store(&crowd.done, true);
	for (int i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(crowd.torn, 0);
	crowd.store->ops->close(crowd.store);
}

static int make_folder(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/store.db", folder);
	return 0;
}

static int remove_folder(void **state)
{
	clear_folder();
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest plays[] = {
	    cmocka_unit_test(it_is_there_again_after_closing),
	    cmocka_unit_test(one_that_cannot_be_read_is_not_thrown_away),
	    cmocka_unit_test(a_process_that_dies_leaves_whole_transactions),
	    cmocka_unit_test(what_is_no_database_is_set_aside),
	    cmocka_unit_test(somebody_elses_database_is_left_alone),
	    cmocka_unit_test(a_newer_one_is_refused_and_an_older_one_made_anew),
	    cmocka_unit_test(what_was_set_aside_survives_a_second_try),
	    cmocka_unit_test(damage_is_found_and_renewed),
	    cmocka_unit_test(a_full_disk_takes_nothing_and_later_all),
	    cmocka_unit_test(an_audit_reads_beside_the_writer),
	    cmocka_unit_test(every_question_goes_by_an_index),
	    cmocka_unit_test(readers_see_whole_transactions),
	    cmocka_unit_test(readers_wait_while_it_is_renewed),
	};
	if (make_folder(NULL) < 0)
		return 1;
	int failed = conform_run("sqlite in memory", open_fresh_memory);
	failed += conform_run("sqlite in a file", open_fresh_file);
	failed += cmocka_run_group_tests_name("sqlite", plays, NULL, NULL);
	return remove_folder(NULL) < 0 || failed > 0;
}
