/* mailbox: answered asks from the ledger to one loop, as one list that is taken whole.
 *
 * No size, so it is never full: what lies in it are the asker's own asks. The ledger takes back what was not fetched
 * yet, puts the new ones behind it and leaves all of it again; a loop that looks in between finds nothing, and is woken
 * right after.
 *
 * Thread   mailbox_put: the ledger's. mailbox_take: the loop's.
 */
#ifndef DIBS_LEDGER_MAILBOX_H
#define DIBS_LEDGER_MAILBOX_H

#include <stdatomic.h>

#include "ledger/ask_list.h"

struct mailbox {
	_Alignas(64) struct ask *_Atomic first;
	struct ask *last; /* the ledger's: of what it left there */
};

static inline void mailbox_put(struct mailbox *mailbox, struct ask_list *list)
{
	if (!list->first)
		return;
	struct ask_list all = {atomic_exchange_explicit(&mailbox->first, NULL, memory_order_acq_rel), mailbox->last};
	ask_list_join(&all, list);
	mailbox->last = all.last;
	atomic_store_explicit(&mailbox->first, all.first, memory_order_release);
}

static inline struct ask *mailbox_take(struct mailbox *mailbox)
{
	/* A look first: an exchange takes the line from the ledger even when there is nothing. */
	if (!atomic_load_explicit(&mailbox->first, memory_order_relaxed))
		return NULL;
	return atomic_exchange_explicit(&mailbox->first, NULL, memory_order_acq_rel);
}

#endif
