/* starting: what clients hear between the binding of the port and the end of the fold. */
#ifndef DIBS_CLI_STARTING_H
#define DIBS_CLI_STARTING_H

#include "net/net.h"

/* /livez: 200. Everything else: 503 with Retry-After. */
void starting_handle(struct exchange *exchange);
void starting_refuse(int status, const char *code, const char *detail, struct buf *header_lines, struct buf *body);

#endif
