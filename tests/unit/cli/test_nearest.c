#include "play.h"

#include "cli/nearest.h"

static const char *nearest_of(const char *word)
{
	static const char *const names[] = {"listen", "loops", "log-number", "data", "drop", "key"};
	struct nearest nearest;
	nearest_init(&nearest, word);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		nearest_try(&nearest, names[i]);
	return nearest.best;
}

static void a_slip_of_the_finger_is_understood(void **state)
{
	assert_string_equal(nearest_of("lisetn"), "listen"); /* two swapped */
	assert_string_equal(nearest_of("listn"), "listen");  /* one missing */
	assert_string_equal(nearest_of("looops"), "loops");  /* one too many */
	assert_string_equal(nearest_of("lognumber"), "log-number");
	assert_string_equal(nearest_of("kye"), "key");
}

static void another_word_is_not_guessed_at(void **state)
{
	assert_null(nearest_of("snapshot"));
	assert_null(nearest_of("x"));
	assert_null(nearest_of(""));
}

static void a_very_long_word_is_near_to_none(void **state)
{
	char word[200];
	memset(word, 'l', sizeof word - 1);
	word[sizeof word - 1] = 0;
	assert_null(nearest_of(word));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_slip_of_the_finger_is_understood),
	    cmocka_unit_test(another_word_is_not_guessed_at),
	    cmocka_unit_test(a_very_long_word_is_near_to_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
