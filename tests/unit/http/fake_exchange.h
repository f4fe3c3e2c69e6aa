/* fake_exchange: a request in memory, with what of net's interface http reads it by. A double of net for unit tests. */
#ifndef TEST_FAKE_EXCHANGE_H
#define TEST_FAKE_EXCHANGE_H

#include "net/net.h"

#define FAKE_HEADERS_MAX 8

struct fake_exchange {
	struct exchange exchange;
	struct header headers[FAKE_HEADERS_MAX];
};

/* "Name: value" lines, each ended by \n. */
void fake_headers(struct fake_exchange *fake, const char *lines);

#endif
