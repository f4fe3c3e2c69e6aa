/* addresses: how many connections each client address has; for net_limits.connections_per_address.
 *
 * One table for all loops under one lock: it is taken when a connection opens and closes, and only when there is such
 * a bound. Open addressing with linear probing; the hash is keyed, so that nobody can choose addresses that collide.
 *
 * Memory   sized at start for net_limits.connections addresses.
 * Thread   any.
 */
#ifndef DIBS_NET_ADDRESSES_H
#define DIBS_NET_ADDRESSES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct addresses;

struct addresses *addresses_new(uint32_t connections, uint32_t per_address); /* NULL: no memory */
void addresses_free(struct addresses *addresses);
/* False: this address has as many as it may have. IPv4 is mapped into IPv6. */
bool addresses_take(struct addresses *addresses, const struct in6_addr *address);
void addresses_give(struct addresses *addresses, const struct in6_addr *address);

#endif
