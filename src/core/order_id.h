/* order_id: "o_" and 13 Crockford base-32 digits of log (8 bits) and sequence (56 bits).
 *
 * It says where in which log the order was granted, and nothing about the buyer. Lower case is read too, and I, L, O
 * as 1, 1, 0 (Crockford); it is written in upper case.
 */
#ifndef DIBS_CORE_ORDER_ID_H
#define DIBS_CORE_ORDER_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define ORDER_ID_SIZE 15 /* without an end */
#define SEQUENCE_MAX ((UINT64_C(1) << 56) - 1)

void order_id_format(uint8_t log, uint64_t sequence, char out[ORDER_ID_SIZE]);
bool order_id_parse(struct text text, uint8_t *ret_log, uint64_t *ret_sequence);

#endif
