/* What headers say: keys, ids, credentials, positions, types, tags; and query strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_exchange.h"
#include "http/query.h"
#include "http/request.h"

#define SIXTY_FOUR "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *lines;
	enum header_answer answer;
	const char *key;
} keys[] = {
    {"", HEADER_NONE, NULL},
    {"Idempotency-Key: abc\n", HEADER_GOOD, "abc"},
    {"idempotency-key: \"abc\"\n", HEADER_GOOD, "abc"},
    {"Idempotency-Key:  abc \t\n", HEADER_GOOD, "abc"},
    {"Idempotency-Key: !~'\n", HEADER_GOOD, "!~'"},
    {"Idempotency-Key: " SIXTY_FOUR "\n", HEADER_GOOD, SIXTY_FOUR},
    {"Idempotency-Key: \"" SIXTY_FOUR "\"\n", HEADER_GOOD, SIXTY_FOUR},
    {"Idempotency-Key: " SIXTY_FOUR "x\n", HEADER_BAD, NULL},
    {"Idempotency-Key: \n", HEADER_BAD, NULL},
    {"Idempotency-Key: \"\"\n", HEADER_BAD, NULL},
    {"Idempotency-Key: \"\n", HEADER_BAD, NULL},
    {"Idempotency-Key: \"abc\n", HEADER_BAD, NULL},
    {"Idempotency-Key: \"a\"b\"\n", HEADER_BAD, NULL},
    {"Idempotency-Key: \"a\\b\"\n", HEADER_BAD, NULL},
    {"Idempotency-Key: a b\n", HEADER_BAD, NULL},
    {"Idempotency-Key: \xc3\xa4\n", HEADER_BAD, NULL},
    {"Idempotency-Key: a\nIdempotency-Key: a\n", HEADER_BAD, NULL},
};

static void idempotency_keys(void **state)
{
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct fake_exchange fake = {0};
		struct text key = TEXT_NONE;
		fake_headers(&fake, keys[i].lines);
		if (request_idempotency_key(&fake.exchange, &key) != keys[i].answer)
			fail_msg("%s", keys[i].lines);
		if (keys[i].key)
			assert_true(text_is(key, text_of(keys[i].key)));
	}
}

static void bearers(void **state)
{
	static const struct {
		const char *lines;
		enum header_answer answer;
	} cases[] = {{"", HEADER_NONE},
	             {"Authorization: Bearer x.y.z\n", HEADER_GOOD},
	             {"authorization: bEARER  x.y.z \n", HEADER_GOOD},
	             {"Authorization: Bearer\n", HEADER_BAD},
	             {"Authorization: Bearer  \n", HEADER_BAD},
	             {"Authorization: Basic x.y.z\n", HEADER_BAD},
	             {"Authorization: x.y.z\n", HEADER_BAD},
	             {"Authorization: \n", HEADER_BAD},
	             {"Authorization: Bearer a\nAuthorization: Bearer b\n", HEADER_BAD}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fake_exchange fake = {0};
		struct text bearer = TEXT_NONE;
		fake_headers(&fake, cases[i].lines);
		assert_int_equal(request_bearer(&fake.exchange, &bearer), cases[i].answer);
		if (cases[i].answer == HEADER_GOOD)
			assert_true(text_is(bearer, TEXT("x.y.z")));
	}
}

static void positions(void **state)
{
	static const struct {
		const char *value;
		enum header_answer answer;
	} cases[] = {{"7-42", HEADER_GOOD},
	             {"255-0", HEADER_GOOD},
	             {"256-0", HEADER_BAD},
	             {"7", HEADER_BAD},
	             {"-42", HEADER_BAD},
	             {"7-", HEADER_BAD},
	             {"7-4x", HEADER_BAD},
	             {"07-4", HEADER_BAD},
	             {"7-4-2", HEADER_BAD},
	             {"7-18446744073709551615", HEADER_GOOD},
	             {"7-18446744073709551616", HEADER_BAD}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char line[64] = "Dibs-Position: ";
		struct fake_exchange fake = {0};
		uint8_t log = 1;
		uint64_t sequence = 1;
		strcat(strcat(line, cases[i].value), "\n");
		fake_headers(&fake, line);
		assert_int_equal(request_position(&fake.exchange, &log, &sequence), cases[i].answer);
		if (cases[i].answer == HEADER_BAD)
			assert_int_equal(log + sequence, 2);
	}
}

static void request_ids(void **state)
{
	struct fake_exchange fake = {0};
	struct text id = TEXT_NONE;
	fake_headers(&fake, "X-Request-Id: a.B_9-\n");
	assert_true(request_id_given(&fake.exchange, &id));
	assert_true(text_is(id, TEXT("a.B_9-")));
	fake_headers(&fake, "X-Request-Id: " SIXTY_FOUR "\n");
	assert_true(request_id_given(&fake.exchange, &id));
	fake_headers(&fake, "X-Request-Id: " SIXTY_FOUR "x\n");
	assert_false(request_id_given(&fake.exchange, &id));
	fake_headers(&fake, "X-Request-Id: a\"b\n");
	assert_false(request_id_given(&fake.exchange, &id));
	fake_headers(&fake, "X-Request-Id: \n");
	assert_false(request_id_given(&fake.exchange, &id));
}

static void types_of_a_body(void **state)
{
	static const struct {
		const char *lines;
		bool json;
	} cases[] = {{"", true},
	             {"Content-Type: application/json\n", true},
	             {"Content-Type: Application/JSON; charset=UTF-8\n", true},
	             {"Content-Type: application/json;charset=\"utf-8\"\n", true},
	             {"Content-Type: application/vnd.shop+json\n", true},
	             {"Content-Type: application/json; charset=latin1\n", false},
	             {"Content-Type: text/plain\n", false},
	             {"Content-Type: application/jsonx\n", false},
	             {"Content-Type: application/x-www-form-urlencoded\n", false},
	             {"Content-Type: \n", false}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fake_exchange fake = {0};
		fake_headers(&fake, cases[i].lines);
		if (request_is_json(&fake.exchange) != cases[i].json)
			fail_msg("%s", cases[i].lines);
	}
}

static void entity_tags(void **state)
{
	static const struct {
		const char *lines;
		bool has;
	} cases[] = {{"", false},
	             {"If-None-Match: W/\"a\"\n", true},
	             {"If-None-Match: \"a\"\n", true},
	             {"If-None-Match: *\n", true},
	             {"If-None-Match: \"b\" , W/\"a\"\n", true},
	             {"If-None-Match: \"b\", \"c\"\n", false},
	             {"If-None-Match: a\n", false},
	             {"If-None-Match: ,,\n", false}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fake_exchange fake = {0};
		fake_headers(&fake, cases[i].lines);
		assert_int_equal(request_has_etag(&fake.exchange, TEXT("W/\"a\"")), cases[i].has);
	}
}

static const char *const names[] = {"cursor", "limit"};

static void a_query_in_any_order(void **state)
{
	struct query query;
	struct text refused;
	assert_true(query_read(TEXT(""), names, 2, &query, &refused));
	assert_null(query.value[0].at);
	assert_true(query_read(TEXT("limit=10&cursor=a%2Db"), names, 2, &query, &refused));
	assert_true(text_is(query.value[0], TEXT("a-b")));
	assert_true(text_is(query.value[1], TEXT("10")));
	assert_true(query_read(TEXT("limit="), names, 2, &query, &refused));
	assert_non_null(query.value[1].at);
	assert_int_equal(query.value[1].size, 0);
}

static void a_query_that_is_refused_by_name(void **state)
{
	static const struct {
		const char *query, *name;
	} cases[] = {{"x=1", "x"},         {"limit=1&limit=2", "limit"}, {"limit", "limit"},
	             {"limit=%", "limit"}, {"limit=%00", "limit"},       {"Limit=1", "Limit"},
	             {"=1", ""},           {"limit=1&&cursor=", ""}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct query query;
		struct text refused = TEXT_NONE;
		assert_false(query_read(text_of(cases[i].query), names, 2, &query, &refused));
		assert_true(text_is(refused, text_of(cases[i].name)));
	}
}

static void a_value_of_a_query_has_a_bound(void **state)
{
	char text[7 + QUERY_VALUE_MAX + 1] = "cursor=";
	struct query query;
	struct text refused;
	memset(text + 7, 'a', QUERY_VALUE_MAX + 1);
	assert_true(query_read((struct text){text, 7 + QUERY_VALUE_MAX}, names, 2, &query, &refused));
	assert_false(query_read((struct text){text, sizeof text}, names, 2, &query, &refused));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(idempotency_keys),
	    cmocka_unit_test(bearers),
	    cmocka_unit_test(positions),
	    cmocka_unit_test(request_ids),
	    cmocka_unit_test(types_of_a_body),
	    cmocka_unit_test(entity_tags),
	    cmocka_unit_test(a_query_in_any_order),
	    cmocka_unit_test(a_query_that_is_refused_by_name),
	    cmocka_unit_test(a_value_of_a_query_has_a_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
