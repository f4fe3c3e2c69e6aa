/* list: rings of links that live in what they link. A link is its own ring when it is in none. */
#ifndef DIBS_NET_LIST_H
#define DIBS_NET_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link {
	struct link *previous, *next;
};

#define LINK_OWNER(link_, type, member) ((type *)(void *)((char *)(link_)-offsetof(type, member)))

static inline void link_init(struct link *link)
{
	link->previous = link->next = link;
}

/* As a question to a ring's head: nothing is in it. To a member: it is in no ring. */
static inline bool link_is_alone(const struct link *link)
{
	return link->next == link;
}

static inline void link_append(struct link *ring, struct link *link)
{
	link->previous = ring->previous;
	link->next = ring;
	ring->previous->next = link;
	ring->previous = link;
}

static inline void link_remove(struct link *link)
{
	link->previous->next = link->next;
	link->next->previous = link->previous;
	link_init(link);
}

/* Moves all members of one ring to another one, which is empty. */
static inline void link_move_all(struct link *from, struct link *to)
{
	link_init(to);
	if (link_is_alone(from))
		return;
	*to = *from;
	to->previous->next = to;
	to->next->previous = to;
	link_init(from);
}

#endif
