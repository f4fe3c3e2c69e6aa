#include "ledger/refunds.h"

#include <stdlib.h>

bool refunds_init(struct refunds *refunds)
{
	refunds->rows = calloc(REFUNDS_MAX, sizeof *refunds->rows);
	return refunds->rows != NULL;
}

void refunds_fini(struct refunds *refunds)
{
	free(refunds->rows);
	refunds->rows = NULL;
}

static struct refund *row_of(const struct refunds *refunds, uint64_t order, struct digest128 payment)
{
	return &refunds->rows[(payment.a ^ order) & (REFUNDS_MAX - 1)];
}

void refunds_put(struct refunds *refunds, uint64_t order, struct digest128 payment, uint64_t sequence)
{
	*row_of(refunds, order, payment) = (struct refund){order, payment, sequence};
}

uint64_t refunds_find(const struct refunds *refunds, uint64_t order, struct digest128 payment)
{
	const struct refund *row = row_of(refunds, order, payment);
	return row->order == order && digest128_is(row->payment, payment) ? row->sequence : 0;
}
