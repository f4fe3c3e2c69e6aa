#include "net/addresses.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/must.h"

struct slot {
	struct in6_addr address;
	uint32_t count; /* 0: free */
};

struct addresses {
	pthread_mutex_t lock;
	uint8_t key[DIGEST_KEY_SIZE];
	uint32_t mask, per_address;
	struct slot slot[];
};

/* At most half full, so that a free slot is near. */
static uint32_t slots_for(uint32_t connections)
{
	uint32_t slots = 64;
	while (slots / 2 < connections && slots < UINT32_C(1) << 31)
		slots *= 2;
	return slots;
}

struct addresses *addresses_new(uint32_t connections, uint32_t per_address)
{
	uint32_t slots = slots_for(connections);
	struct addresses *addresses = calloc(1, sizeof *addresses + (size_t)slots * sizeof addresses->slot[0]);
	if (!addresses)
		return NULL;
	pthread_mutex_init(&addresses->lock, NULL);
	digest_init();
	random_bytes(addresses->key, sizeof addresses->key);
	addresses->mask = slots - 1;
	addresses->per_address = per_address;
	return addresses;
}

void addresses_free(struct addresses *addresses)
{
	if (!addresses)
		return;
	pthread_mutex_destroy(&addresses->lock);
	free(addresses);
}

static uint32_t home_of(const struct addresses *addresses, const struct in6_addr *address)
{
	return (uint32_t)digest128(addresses->key, address, sizeof *address).a & addresses->mask;
}

/* The address's slot, or the free one where it would go. */
static uint32_t slot_of(const struct addresses *addresses, const struct in6_addr *address)
{
	uint32_t at = home_of(addresses, address);
	while (addresses->slot[at].count && memcmp(&addresses->slot[at].address, address, sizeof *address) != 0)
		at = (at + 1) & addresses->mask;
	return at;
}

bool addresses_take(struct addresses *addresses, const struct in6_addr *address)
{
	pthread_mutex_lock(&addresses->lock);
	struct slot *slot = &addresses->slot[slot_of(addresses, address)];
	bool taken = slot->count < addresses->per_address;
	if (taken) {
		slot->address = *address;
		slot->count++;
	}
	pthread_mutex_unlock(&addresses->lock);
	return taken;
}

/* Closes the gap at `at`: what stands behind it and may stand there moves up, so that no search stops too early. */
static void slot_free(struct addresses *addresses, uint32_t at)
{
	uint32_t next = at;
	for (;;) {
		next = (next + 1) & addresses->mask;
		if (!addresses->slot[next].count)
			break;
		uint32_t home = home_of(addresses, &addresses->slot[next].address);
		if (((next - home) & addresses->mask) < ((next - at) & addresses->mask))
			continue;
		addresses->slot[at] = addresses->slot[next];
		at = next;
	}
	addresses->slot[at].count = 0;
}

void addresses_give(struct addresses *addresses, const struct in6_addr *address)
{
	pthread_mutex_lock(&addresses->lock);
	uint32_t at = slot_of(addresses, address);
	must(addresses->slot[at].count > 0);
	if (--addresses->slot[at].count == 0)
		slot_free(addresses, at);
	pthread_mutex_unlock(&addresses->lock);
}
