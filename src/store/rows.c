#include "store/rows.h"

#include "base/crc32c.h"
#include "base/must.h"

static size_t put_number(char *at, uint32_t number)
{
	char digits[10];
	size_t count = 0;
	do
		digits[count++] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	for (size_t i = 0; i < count; i++)
		at[i] = digits[count - 1 - i];
	return count;
}

size_t row_lines_format(const struct store_order *order, char out[ROW_LINES_SIZE_MAX])
{
	size_t size = 0;
	must(order->line_count <= LINES_MAX);
	for (uint32_t i = 0; i < order->line_count; i++) {
		struct text sku = order->line[i].sku;
		must(sku.size <= ID_SIZE_MAX);
		if (i > 0)
			out[size++] = ' ';
		memcpy(out + size, sku.at, sku.size);
		size += sku.size;
		out[size++] = ':';
		size += put_number(out + size, order->line[i].quantity);
	}
	return size;
}

/* Cuts the text up to the sign off its front; all of it when the sign does not come. */
static struct text cut(struct text *text, char sign)
{
	const char *end = memchr(text->at, sign, text->size);
	struct text front = {text->at, end ? (size_t)(end - text->at) : text->size};
	size_t gone = end ? front.size + 1 : front.size;
	text->at += gone;
	text->size -= gone;
	return front;
}

int row_lines_parse(struct text text, struct store_order *ret, struct error *error)
{
	uint32_t count = 0;
	while (text.size > 0) {
		struct text quantity = cut(&text, ' ');
		struct text sku = cut(&quantity, ':');
		uint64_t number;
		if (count == LINES_MAX || sku.size == 0 || !text_to_u64(quantity, QUANTITY_MAX, &number))
			return error_set(error, FAULT_DAMAGED, "store: an order's lines are not as they were written");
		ret->line[count].sku = sku;
		ret->line[count].quantity = (uint32_t)number;
		count++;
	}
	ret->line_count = count;
	return 0;
}

int32_t row_buyer_hash(struct text buyer)
{
	return (int32_t)crc32c(0, buyer.at, buyer.size);
}
