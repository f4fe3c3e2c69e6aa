/* Every line on stderr is one JSON object, whatever it is told to say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log_line.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The system's own, unless there is to be no memory: this program's symbols come first. */
static bool no_memory;
void *realloc(void *memory, size_t size)
{
	static void *(*real)(void *, size_t);
	if (!real)
		real = (void *(*)(void *, size_t))(uintptr_t)dlsym(RTLD_NEXT, "realloc");
	return no_memory ? NULL : real(memory, size);
}

static char said[4096];
static int ends[2], real_stderr;

static void listen_to_stderr(void)
{
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	real_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
}

static void end_listening(void)
{
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(ends[1]);
	ssize_t got = read(ends[0], said, sizeof said - 1);
	said[got > 0 ? got : 0] = '\0';
	close(ends[0]);
}

/* What was said, as the one object that it has to be. */
static json_t *the_only_line(void)
{
	char *end = strchr(said, '\n');
	assert_non_null(end);
	assert_string_equal(end, "\n");
	json_t *line = json_loads(said, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(line);
	return line;
}

static const char *text_at(const json_t *line, const char *name)
{
	return json_string_value(json_object_get(line, name));
}

static void a_line_is_an_object_with_its_fields(void **state)
{
	listen_to_stderr();
	log_line(LOG_WARN, "ready", LOG_NUMBER("records", INT64_MIN), LOG_TEXT("folder", "here"));
	end_listening();
	json_t *line = the_only_line();
	assert_string_equal(text_at(line, "event"), "ready");
	assert_string_equal(text_at(line, "level"), "warn");
	assert_string_equal(text_at(line, "folder"), "here");
	assert_int_equal(json_integer_value(json_object_get(line, "records")), INT64_MIN);
	assert_int_equal(strlen(text_at(line, "time")), 24);
	assert_int_equal(json_object_size(line), 5);
	json_decref(line);
}

static void nothing_breaks_out_of_its_string(void **state)
{
	static const char *const nasty = "a\"b\\c\nd\te\x01\x7f\",\"x\":1";
	listen_to_stderr();
	log_line(LOG_INFO, nasty, LOG_TEXT("text", nasty));
	end_listening();
	json_t *line = the_only_line();
	assert_string_equal(text_at(line, "event"), nasty);
	assert_string_equal(text_at(line, "text"), nasty);
	json_decref(line);
}

static void what_is_not_utf8_is_named_so(void **state)
{
	listen_to_stderr();
	log_line(LOG_INFO, "x", LOG_TEXT("text", "caf\xe9"));
	end_listening();
	json_t *line = the_only_line();
	assert_string_equal(text_at(line, "text"), "(not UTF-8)");
	json_decref(line);
}

static void below_the_level_is_silence(void **state)
{
	log_level_set(LOG_WARN);
	listen_to_stderr();
	log_line(LOG_INFO, "quiet", LOG_NUMBER("n", 1));
	end_listening();
	assert_string_equal(said, "");
	listen_to_stderr();
	log_line(LOG_WARN, "loud", LOG_NUMBER("n", 1));
	end_listening();
	log_level_set(LOG_INFO);
	json_decref(the_only_line());
}

/* A server that ended because it had no memory had none for the line that says so either: it ended without a word. */
static void without_memory_it_says_what_it_can(void **state)
{
	char longest[800];
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	listen_to_stderr();
	no_memory = true;
	log_line(LOG_ERROR, "failed", LOG_TEXT("fault", "no \"memory\"\n"), LOG_NUMBER("exit_status", 1),
	         LOG_TEXT("long", longest), LOG_TEXT("too_much", longest), LOG_TEXT("and_more", longest));
	no_memory = false;
	end_listening();
	json_t *line = the_only_line();
	assert_string_equal(text_at(line, "event"), "failed");
	assert_string_equal(text_at(line, "fault"), "no 'memory''");
	assert_int_equal(json_integer_value(json_object_get(line, "exit_status")), 1);
	assert_int_equal(strlen(text_at(line, "long")), 400);
	json_decref(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_is_an_object_with_its_fields), cmocka_unit_test(nothing_breaks_out_of_its_string),
	    cmocka_unit_test(what_is_not_utf8_is_named_so),        cmocka_unit_test(below_the_level_is_silence),
	    cmocka_unit_test(without_memory_it_says_what_it_can),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
