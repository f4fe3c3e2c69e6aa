/* ask_list: asks in a row, by their own `next`. Whoever holds the list holds the asks. */
#ifndef DIBS_LEDGER_ASK_LIST_H
#define DIBS_LEDGER_ASK_LIST_H

#include "ledger/ask.h"

struct ask_list {
	struct ask *first, *last;
};

static inline void ask_list_put(struct ask_list *list, struct ask *ask)
{
	ask->next = NULL;
	if (list->first)
		list->last->next = ask;
	else
		list->first = ask;
	list->last = ask;
}

static inline struct ask *ask_list_take(struct ask_list *list)
{
	struct ask *ask = list->first;
	if (ask)
		list->first = ask->next;
	return ask;
}

/* All of `more` behind the list; `more` is empty then. */
static inline void ask_list_join(struct ask_list *list, struct ask_list *more)
{
	if (!more->first)
		return;
	if (list->first)
		list->last->next = more->first;
	else
		list->first = more->first;
	list->last = more->last;
	more->first = NULL;
}

/* A list by `next` without a known end, put behind. */
static inline void ask_list_add(struct ask_list *list, struct ask *more)
{
	while (more) {
		struct ask *next = more->next;
		ask_list_put(list, more);
		more = next;
	}
}

#endif
