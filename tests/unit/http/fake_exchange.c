#include "fake_exchange.h"

#include <strings.h>

#include "base/must.h"

void fake_headers(struct fake_exchange *fake, const char *lines)
{
	uint32_t count = 0;
	while (*lines) {
		const char *colon = strchr(lines, ':'), *end = strchr(lines, '\n');
		must(colon && end && count < FAKE_HEADERS_MAX);
		fake->headers[count].name = (struct text){lines, (size_t)(colon - lines)};
		fake->headers[count].value = (struct text){colon + 2, (size_t)(end - colon - 2)};
		lines = end + 1;
		count++;
	}
	fake->exchange.headers = fake->headers;
	fake->exchange.header_count = count;
}

bool header_is(struct text name, struct text lower_case)
{
	return name.size == lower_case.size && strncasecmp(name.at, lower_case.at, name.size) == 0;
}

struct text exchange_header(const struct exchange *exchange, struct text name)
{
	for (uint32_t i = 0; i < exchange->header_count; i++)
		if (header_is(exchange->headers[i].name, name))
			return exchange->headers[i].value;
	return TEXT_NONE;
}
