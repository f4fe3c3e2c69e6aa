/* What a claim looks like on the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cli/claim_request.h"

static char out[CLAIM_REQUEST_SIZE_MAX];
static struct error error;

static struct claim_request_options options(void)
{
	return (struct claim_request_options){
	    .host = "127.0.0.1:8080", .drop = "spring", .run = "r1", .buyers = 100, .bearer = "dibs_shop_x"};
}

static void assert_written(const struct claim_request_options *options, uint32_t claim, const char *expected)
{
	struct claim_request request;
	assert_int_equal(claim_request_prepare(&request, options, &error), 0);
	size_t size = claim_request_write(&request, claim, out);
	assert_int_equal(size, strlen(expected));
	assert_memory_equal(out, expected, size);
	claim_request_fini(&request);
}

static void a_shop_claims_for_its_buyers(void **state)
{
	struct claim_request_options shop = options();
	assert_written(
	    &shop, 142,
	    "POST /v1/drops/spring/buyers/r1-00000042/orders HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
	    "Authorization: Bearer dibs_shop_x\r\nIdempotency-Key: r1-k00000142\r\nContent-Length: 0\r\n\r\n");
}

static void a_sku_and_quantity_are_named_in_the_body(void **state)
{
	struct claim_request_options sized = options();
	sized.sku = "42-eu";
	sized.quantity = 2;
	assert_written(&sized, 0,
	               "POST /v1/drops/spring/buyers/r1-00000000/orders HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
	               "Authorization: Bearer dibs_shop_x\r\nIdempotency-Key: r1-k00000000\r\n"
	               "Content-Type: application/json\r\nContent-Length: 28\r\n\r\n"
	               "{\"sku\":\"42-eu\",\"quantity\":2}");
}

static void buyers_claim_for_themselves_with_tokens(void **state)
{
	struct text tokens[2] = {TEXT("aaa.bbb.ccc"), TEXT("ddd.eee.f")};
	struct claim_request_options own = options();
	own.bearer = NULL;
	own.tokens = tokens;
	own.buyers = 2;
	assert_written(&own, 1,
	               "POST /v1/drops/spring/orders HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
	               "Authorization: Bearer ddd.eee.f\r\nIdempotency-Key: r1-k00000001\r\nContent-Length: 0\r\n\r\n");
}

static void assert_refused(const struct claim_request_options *options)
{
	struct claim_request request = {.options = {.drop = "untouched"}};
	assert_int_equal(claim_request_prepare(&request, options, &error), FAULT_INVALID);
	assert_string_equal(request.options.drop, "untouched");
	assert_int_equal(error.code, FAULT_INVALID);
}

static void what_would_break_the_request_is_refused(void **state)
{
	struct claim_request_options wrong = options();
	wrong.drop = "spring sale";
	assert_refused(&wrong);
	wrong = options();
	wrong.sku = "a/b";
	assert_refused(&wrong);
	wrong = options();
	wrong.bearer = "key\r\nX: y";
	assert_refused(&wrong);
	wrong = options();
	wrong.bearer = NULL;
	assert_refused(&wrong);
	wrong = options();
	wrong.buyers = 0;
	assert_refused(&wrong);
	wrong = options();
	wrong.run = "";
	assert_refused(&wrong);
}

static void a_run_is_up_to_sixteen_characters(void **state)
{
	struct claim_request_options named = options();
	struct claim_request request;
	named.run = "abcdefghijklmn16";
	assert_int_equal(claim_request_prepare(&request, &named, &error), 0);
	claim_request_fini(&request);
	named.run = "abcdefghijklmno17";
	assert_refused(&named);
}

static void a_request_is_up_to_four_kilobytes(void **state)
{
	static char bytes[CLAIM_REQUEST_SIZE_MAX + 1];
	struct text token = {bytes, 1};
	struct claim_request_options own = options();
	struct claim_request request;
	memset(bytes, 't', sizeof bytes);
	own.bearer = NULL;
	own.tokens = &token;
	own.buyers = 1;
	assert_int_equal(claim_request_prepare(&request, &own, &error), 0);
	/* A key of the longest run has room, whatever this run's name is: the bound leaves that much unused. */
	size_t unused = CLAIM_BUYER_SIZE + 1 - (strlen("r1-k") + CLAIM_NUMBER_SIZE);
	size_t most = CLAIM_REQUEST_SIZE_MAX - unused - (claim_request_write(&request, 0, out) - 1);
	claim_request_fini(&request);
	token.size = most;
	assert_int_equal(claim_request_prepare(&request, &own, &error), 0);
	assert_int_equal(claim_request_write(&request, 0, out), CLAIM_REQUEST_SIZE_MAX - unused);
	claim_request_fini(&request);
	token.size = most + 1;
	assert_refused(&own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_shop_claims_for_its_buyers),
	    cmocka_unit_test(a_sku_and_quantity_are_named_in_the_body),
	    cmocka_unit_test(buyers_claim_for_themselves_with_tokens),
	    cmocka_unit_test(what_would_break_the_request_is_refused),
	    cmocka_unit_test(a_run_is_up_to_sixteen_characters),
	    cmocka_unit_test(a_request_is_up_to_four_kilobytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
