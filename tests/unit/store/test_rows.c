#include "conform.h"

#include "store/rows.h"

static void assert_lines(const struct store_order *order, const char *expected)
{
	char text[ROW_LINES_SIZE_MAX];
	size_t size = row_lines_format(order, text);
	assert_int_equal(size, strlen(expected));
	assert_memory_equal(text, expected, size);
}

static void lines_are_written_as_text(void **state)
{
	struct store_order order = {.line_count = 1, .line = {{TEXT("stalls"), 1}}};
	assert_lines(&order, "stalls:1");
	order.line_count = 2;
	order.line[1].sku = TEXT("box.2");
	order.line[1].quantity = QUANTITY_MAX;
	assert_lines(&order, "stalls:1 box.2:2147483647");
	order.line_count = 0;
	assert_lines(&order, "");
}

static void the_longest_lines_fit(void **state)
{
	char id[ID_SIZE_MAX], text[ROW_LINES_SIZE_MAX];
	struct store_order order = {.line_count = LINES_MAX}, back;
	struct error error;
	memset(id, 'z', sizeof id);
	for (uint32_t i = 0; i < LINES_MAX; i++) {
		order.line[i].sku = (struct text){id, sizeof id};
		order.line[i].quantity = QUANTITY_MAX;
	}
	size_t size = row_lines_format(&order, text);
	assert_int_equal(size, ROW_LINES_SIZE_MAX - 1); /* no blank behind the last one */
	must_do(row_lines_parse((struct text){text, size}, &back, &error), &error);
	assert_int_equal(back.line_count, LINES_MAX);
	assert_true(text_is(back.line[LINES_MAX - 1].sku, order.line[LINES_MAX - 1].sku));
	assert_int_equal(back.line[LINES_MAX - 1].quantity, QUANTITY_MAX);
}

static void what_nobody_wrote_is_damage(void **state)
{
	static const char *const wrong[] = {"stalls",
	                                    "stalls:",
	                                    ":1",
	                                    "stalls:x",
	                                    "stalls:1  b:2",
	                                    "stalls:-1",
	                                    "stalls:2147483648",
	                                    " stalls:1",
	                                    "stalls:01",
	                                    "a:1:2",
	                                    "stalls:99999999999999999999"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct store_order order = {.line_count = 7};
		struct error error;
		assert_int_equal(row_lines_parse(text_of(wrong[i]), &order, &error), FAULT_DAMAGED);
		assert_int_equal(order.line_count, 7);
	}
}

static void one_line_too_many_is_damage(void **state)
{
	char text[256] = "";
	struct store_order order;
	struct error error;
	for (int i = 0; i < LINES_MAX; i++)
		strcat(text, i ? " a:1" : "a:1");
	assert_int_equal(row_lines_parse(text_of(text), &order, &error), 0);
	assert_int_equal(order.line_count, LINES_MAX);
	strcat(text, " a:1");
	assert_int_equal(row_lines_parse(text_of(text), &order, &error), FAULT_DAMAGED);
}

static void a_buyers_hash_is_its_crc32c(void **state)
{
	assert_int_equal((uint32_t)row_buyer_hash(TEXT("123456789")), 0xe3069283); /* RFC 3720's check value */
	assert_int_equal(row_buyer_hash(TEXT("buyer-259214b786")), row_buyer_hash(TEXT("buyer-a60ac2d3a3")));
}

int main(void)
{
	const struct CMUnitTest plays[] = {
	    cmocka_unit_test(lines_are_written_as_text),   cmocka_unit_test(the_longest_lines_fit),
	    cmocka_unit_test(what_nobody_wrote_is_damage), cmocka_unit_test(one_line_too_many_is_damage),
	    cmocka_unit_test(a_buyers_hash_is_its_crc32c),
	};
	return cmocka_run_group_tests(plays, NULL, NULL);
}
