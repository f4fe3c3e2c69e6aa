/* The check of what a crowd was told, against a server that tells the truth or does not.
 *
 * Four buyers asked for three units: 0 and 1 got one, 2 was told no, 3 never heard anything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "cli/crowd_check.h"
#include "tiny_server.h"

static struct error error;

/* What the server says, as the truth would be; each test bends one of it. */
struct truth {
	const char *first_page, *second_page; /* orders */
	const char *ledger[2];                /* of order A and order B */
	const char *drop, *statistics;
};

#define ORDER(id, buyer, status) \
	"{\"id\":\"" id "\",\"drop\":\"d\",\"buyer\":\"" buyer "\",\"status\":\"" status \
	"\",\"lines\":[{\"sku\":\"s\",\"quantity\":1}],\"position\":1}"
#define A "o_000000000000A"
#define B "o_000000000000B"
#define C "o_000000000000C"

static struct truth the_truth(void)
{
	return (struct truth){
	    .first_page = ORDER(B, "r-00000001", "completed"),
	    .second_page = ORDER(A, "r-00000000", "completed"),
	    .ledger = {ORDER(A, "r-00000000", "completed"), ORDER(B, "r-00000001", "completed")},
	    .drop = "{\"id\":\"d\",\"limit_per_buyer\":1,\"skus\":[{\"id\":\"s\",\"stock\":3,\"free\":1,\"held\":0,"
		    "\"sold\":2}]}",
	    .statistics = "{\"requests\":3,\"granted\":2,\"refused\":{\"sold_out\":1}}",
	};
}

static bool asks_for(struct text request, const char *path)
{
	char line[256];
	int size = snprintf(line, sizeof line, "GET %s HTTP/1.1\r\n", path);
	return request.size > (size_t)size && memcmp(request.at, line, (size_t)size) == 0;
}

static void tell(void *context, struct text request, struct tiny_answer *ret)
{
	const struct truth *truth = context;
	char page[2048];
	if (asks_for(request, "/v1/drops/d/orders?limit=1000")) {
		snprintf(page, sizeof page, "{\"orders\":[%s],\"as_of\":\"x\"}", truth->first_page);
		tiny_say(ret, 200, "Link: </v1/drops/d/orders?limit=1000&cursor=2>; rel=\"next\"\r\n", page);
	} else if (asks_for(request, "/v1/drops/d/orders?limit=1000&cursor=2")) {
		snprintf(page, sizeof page, "{\"orders\":[%s],\"as_of\":\"x\"}", truth->second_page);
		tiny_say(ret, 200, "", page);
	} else if (asks_for(request, "/v1/orders/" A) && truth->ledger[0]) {
		tiny_say(ret, 200, "", truth->ledger[0]);
	} else if (asks_for(request, "/v1/orders/" B) && truth->ledger[1]) {
		tiny_say(ret, 200, "", truth->ledger[1]);
	} else if (asks_for(request, "/v1/drops/d")) {
		tiny_say(ret, 200, "", truth->drop);
	} else if (asks_for(request, "/v1/drops/d/stats")) {
		tiny_say(ret, 200, "", truth->statistics);
	} else {
		tiny_say(ret, 404, "", "{\"code\":\"not_found\"}");
	}
}

static struct crowd_answer told_yes(const char *order)
{
	struct crowd_answer answer = {.status = 201, .code = 0, .tries = 1, .order_status = "completed"};
	snprintf(answer.order, sizeof answer.order, "%s", order);
	return answer;
}

static struct crowd_check check_against(const struct truth *truth, bool alone)
{
	struct crowd_answer answers[4] = {
	    told_yes(A), told_yes(B), {.status = 409, .code = 1, .tries = 1}, {.status = 0, .code = 2, .tries = 1}};
	struct crowd_result crowd = {.claims = 4,
	                             .buyers = 4,
	                             .run = "r",
	                             .answers = answers,
	                             .codes = {"granted", "sold_out", "no_answer"},
	                             .code_count = 3,
	                             .granted = 2,
	                             .refused = 1};
	const struct crowd_result *crowds = &crowd;
	struct drop_figures before = {.limit = 1};
	struct told_list told = {0};
	struct crowd_check check = {.count = 77};
	struct fetch fetch;
	struct tiny_server *server = tiny_server_start(tell, (void *)(uintptr_t)truth);
	fetch_init(&fetch, "127.0.0.1", tiny_server_port(server), "k");
	assert_int_equal(told_add(&told, &crowd, &error), 0);
	int code = crowd_check(&(struct check_plan){.fetch = &fetch,
	                                            .drop = "d",
	                                            .told = &told,
	                                            .crowds = &crowds,
	                                            .crowd_count = 1,
	                                            .before = &before,
	                                            .alone = alone,
	                                            .statistics_ms = 150,
	                                            .uninterrupted = true},
	                       &check, &error);
	fetch_fini(&fetch);
	tiny_server_stop(server);
	told_fini(&told);
	if (code)
		check = (struct crowd_check){.count = 0, .holds = false};
	return check;
}

static void assert_differs(const struct truth *truth, const char *what)
{
	struct crowd_check check = check_against(truth, true);
	assert_false(check.holds);
	for (uint32_t i = 0; i < check.count; i++)
		if (strstr(check.line[i].what, what) && !check.line[i].holds)
			return;
	fail_msg("the difference was not seen in: %s", what);
}

static void the_truth_holds(void **state)
{
	struct truth truth = the_truth();
	struct crowd_check check = check_against(&truth, true);
	for (uint32_t i = 0; i < check.count; i++)
		if (!check.line[i].holds)
			fail_msg("%s: %s", check.line[i].what, check.line[i].found);
	assert_true(check.holds);
	assert_int_equal(check.count, 6);
}

static void a_win_that_is_not_in_the_list(void **state)
{
	struct truth truth = the_truth();
	truth.second_page = "";
	assert_differs(&truth, "told yes");
}

static void a_win_under_another_name(void **state)
{
	struct truth truth = the_truth();
	truth.second_page = ORDER(A, "r-00000003", "completed");
	assert_differs(&truth, "told yes");
}

static void a_win_with_another_status(void **state)
{
	struct truth truth = the_truth();
	truth.second_page = ORDER(A, "r-00000000", "canceled");
	assert_differs(&truth, "told yes");
}

static void a_ledger_that_knows_nothing_of_it(void **state)
{
	struct truth truth = the_truth();
	truth.ledger[1] = NULL;
	assert_differs(&truth, "ledger");
}

static void a_loser_who_holds_something(void **state)
{
	struct truth truth = the_truth();
	truth.first_page = ORDER(C, "r-00000002", "completed") "," ORDER(B, "r-00000001", "completed");
	assert_differs(&truth, "told no");
}

static void somebody_who_never_heard_may_hold_something(void **state)
{
	struct truth truth = the_truth();
	truth.first_page = ORDER(C, "r-00000003", "completed") "," ORDER(B, "r-00000001", "completed");
	truth.drop = "{\"limit_per_buyer\":1,\"skus\":[{\"id\":\"s\",\"stock\":3,\"free\":0,\"held\":0,\"sold\":3}]}";
	truth.statistics = "{\"requests\":4,\"granted\":3,\"refused\":{\"sold_out\":1}}";
	assert_true(check_against(&truth, false).holds);
}

static void a_stranger_in_a_sale_of_our_own(void **state)
{
	struct truth truth = the_truth();
	truth.first_page = ORDER(C, "stranger", "completed") "," ORDER(B, "r-00000001", "completed");
	truth.drop = "{\"limit_per_buyer\":1,\"skus\":[{\"id\":\"s\",\"stock\":3,\"free\":0,\"held\":0,\"sold\":3}]}";
	truth.statistics = "{\"requests\":4,\"granted\":3,\"refused\":{\"sold_out\":1}}";
	assert_differs(&truth, "told no");
	assert_true(check_against(&truth, false).holds);
}

static void a_buyer_above_the_limit(void **state)
{
	struct truth truth = the_truth();
	truth.first_page = ORDER(C, "r-00000001", "pending") "," ORDER(B, "r-00000001", "completed");
	assert_differs(&truth, "limit");
}

static void units_that_do_not_add_up(void **state)
{
	struct truth truth = the_truth();
	truth.drop = "{\"limit_per_buyer\":1,\"skus\":[{\"id\":\"s\",\"stock\":3,\"free\":2,\"held\":0,\"sold\":2}]}";
	assert_differs(&truth, "no unit");
	truth.drop = "{\"limit_per_buyer\":1,\"skus\":[{\"id\":\"s\",\"stock\":3,\"free\":0,\"held\":0,\"sold\":3}]}";
	assert_differs(&truth, "no unit");
}

static void statistics_that_count_otherwise(void **state)
{
	struct truth truth = the_truth();
	truth.statistics = "{\"requests\":3,\"granted\":1,\"refused\":{\"sold_out\":1}}";
	assert_differs(&truth, "statistics");
	truth.statistics = "{\"requests\":3,\"granted\":2,\"refused\":{}}";
	assert_differs(&truth, "statistics");
}

static void what_is_no_list_is_a_fault(void **state)
{
	struct truth truth = the_truth();
	truth.first_page = "{\"id\":\"" A "\"}";
	assert_int_equal(check_against(&truth, true).count, 0);
	assert_int_equal(error.code, FAULT_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_truth_holds),
	    cmocka_unit_test(a_win_that_is_not_in_the_list),
	    cmocka_unit_test(a_win_under_another_name),
	    cmocka_unit_test(a_win_with_another_status),
	    cmocka_unit_test(a_ledger_that_knows_nothing_of_it),
	    cmocka_unit_test(a_loser_who_holds_something),
	    cmocka_unit_test(somebody_who_never_heard_may_hold_something),
	    cmocka_unit_test(a_stranger_in_a_sale_of_our_own),
	    cmocka_unit_test(a_buyer_above_the_limit),
	    cmocka_unit_test(units_that_do_not_add_up),
	    cmocka_unit_test(statistics_that_count_otherwise),
	    cmocka_unit_test(what_is_no_list_is_a_fault),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
