/* Faults carry a code and a message; a bug stops the process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/must.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void the_code_comes_back(void **state)
{
	struct error error = {0};
	assert_int_equal(error_set(&error, FAULT_FULL, "%s is full: %d", "orders-max", 7), FAULT_FULL);
	assert_int_equal(error.code, FAULT_FULL);
	assert_string_equal(error.text, "orders-max is full: 7");
}

static void nobody_has_to_ask(void **state)
{
	assert_int_equal(error_set(NULL, FAULT_BUSY, "%d", 1), FAULT_BUSY);
}

static void a_long_message_is_cut_and_ended(void **state)
{
	struct error error;
	char text[1000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	error_set(&error, FAULT_IO, "%s", text);
	assert_int_equal(strlen(error.text), sizeof error.text - 1);
}

/* API.md: 0 done · 1 it did not work · 2 wrong usage · 3 damaged data · 4 disk failure. */
/* Found by the fuzz targets of settings and of command lines: a value with a line's end in it made a message of two lines,
 * and one with an escape sequence would have reached the operator's terminal. */
static void a_message_is_one_line_whatever_it_quotes(void **state)
{
	struct error error;
	error_set(&error, FAULT_CONFIG, "\"%s\" is not a number", "1\n2\033[2J\x7f\t\xc3\xa9");
	assert_string_equal(error.text, "\"1?2?[2J??\xc3\xa9\" is not a number");
}

static void every_fault_has_its_exit_status(void **state)
{
	static const struct {
		int fault, status;
	} rows[] = {
	    {0, 0},
	    {FAULT_IO, 4},
	    {FAULT_DAMAGED, 3},
	    {FAULT_FULL, 1},
	    {FAULT_BUSY, 1},
	    {FAULT_INVALID, 2},
	    {FAULT_MEMORY, 1},
	    {FAULT_LOCKED, 1},
	    {FAULT_VERSION, 1},
	    {FAULT_NOT_FOUND, 1},
	    {FAULT_NO_SPACE, 1},
	    {FAULT_CLOCK, 1},
	    {FAULT_CONFIG, 2},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(error_exit_status(rows[i].fault), rows[i].status);
}

/* What a child that runs must(holds) ends with, and what it said. */
static int child_with_must(int holds, char *said, size_t size)
{
	int ends[2], status;
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		signal(SIGABRT, SIG_DFL);
		must(holds == 1);
		_exit(0);
	}
	close(ends[1]);
	ssize_t got = read(ends[0], said, size - 1);
	said[got > 0 ? got : 0] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void a_bug_stops_the_process_and_says_where(void **state)
{
	char said[300];
	int status = child_with_must(0, said, sizeof said);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(said, "holds == 1"));
	assert_non_null(strstr(said, "test_error.c:"));
}

static void what_holds_costs_nothing(void **state)
{
	char said[300];
	int status = child_with_must(1, said, sizeof said);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_string_equal(said, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_code_comes_back),
	    cmocka_unit_test(nobody_has_to_ask),
	    cmocka_unit_test(a_long_message_is_cut_and_ended),
	    cmocka_unit_test(a_message_is_one_line_whatever_it_quotes),
	    cmocka_unit_test(every_fault_has_its_exit_status),
	    cmocka_unit_test(a_bug_stops_the_process_and_says_where),
	    cmocka_unit_test(what_holds_costs_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
