#include "core/order_id.h"

#define DIGITS 13

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void order_id_format(uint8_t log, uint64_t sequence, char out[ORDER_ID_SIZE])
{
	uint64_t value = (uint64_t)log << 56 | (sequence & SEQUENCE_MAX);
	out[0] = 'o';
	out[1] = '_';
	for (int i = DIGITS - 1; i >= 0; i--) {
		out[2 + i] = alphabet[value & 31];
		value >>= 5;
	}
}

static int digit_value(char c)
{
	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	if (c == 'O')
		return 0;
	if (c == 'I' || c == 'L')
		return 1;
	for (int i = 0; i < 32; i++)
		if (alphabet[i] == c)
			return i;
	return -1;
}

bool order_id_parse(struct text text, uint8_t *ret_log, uint64_t *ret_sequence)
{
	uint64_t value = 0;
	if (text.size != ORDER_ID_SIZE || text.at[0] != 'o' || text.at[1] != '_')
		return false;
	for (int i = 0; i < DIGITS; i++) {
		int digit = digit_value(text.at[2 + i]);
		if (digit < 0 || (i == 0 && digit > 15)) /* 13 digits are 65 bits: the first has only four */
			return false;
		value = value << 5 | (uint64_t)digit;
	}
	if ((value & SEQUENCE_MAX) == 0)
		return false;
	*ret_log = (uint8_t)(value >> 56);
	*ret_sequence = value & SEQUENCE_MAX;
	return true;
}
