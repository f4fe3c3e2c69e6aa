#include "follow/projector.h"

#include <stdlib.h>

#include "base/must.h"
#include "follow/batch.h"
#include "follow/fold.h"

struct projector {
	struct core *core;
	struct store *store;
	struct batch batch;
	uint32_t orders;
	uint32_t drops_put; /* drops have numbers from 0 in the order of their creation: those below are rows */
	uint64_t whole_from;
	struct fold *fold;
};

/* ---- what the core says has changed ---- */

static void put_new_drops(struct projector *self, struct wall_ms now)
{
	for (; self->drops_put < core_drop_count(self->core); self->drops_put++) {
		struct drop_view view;
		core_drop_view(self->core, self->drops_put, now, &view);
		batch_put_drop(&self->batch,
		               &(struct store_drop){.drop = view.number, .id = view.id, .created_at = view.created_at});
	}
}

static void order_row(const struct core *core, const struct order_view *view, struct text buyer, struct text key,
                      struct store_order *ret)
{
	*ret = (struct store_order){.sequence = view->sequence,
	                            .drop = view->drop,
	                            .buyer = buyer,
	                            .key = key,
	                            .status = view->status,
	                            .position = view->position,
	                            .created_at = view->created_at,
	                            .hold_until = view->hold_until,
	                            .ended_at = view->ended_at,
	                            .line_count = view->line_count};
	for (uint32_t i = 0; i < view->line_count; i++) {
		struct sku_view sku;
		core_sku_view(core, view->drop, view->line[i].sku, &sku);
		ret->line[i].sku = sku.id;
		ret->line[i].quantity = view->line[i].quantity;
	}
}

static void granted(struct projector *self, const struct order_view *view, const struct command *command)
{
	struct store_order row;
	must(command && command->kind == COMMAND_CLAIM);
	order_row(self->core, view, command->claim.buyer, command->key, &row);
	batch_put_order(&self->batch, &row);
	self->orders++;
}

/* Which order it is for need not be in the core any more. */
static void paid_late(struct projector *self, enum order_change change, uint64_t order, uint64_t sequence,
                      struct wall_ms time, const struct command *command)
{
	must(command && command->kind == COMMAND_CONFIRM);
	const struct store_refund payment = {
	    .sequence = sequence, .order = order, .payment_ref = command->order.payment_ref, .time = time};
	if (change == CHANGE_REFUND_DUE)
		batch_put_refund(&self->batch, &payment);
	else
		batch_put_payment(&self->batch, &payment);
}

/* An order that was sold at once was completed when it was granted; its payment comes later and counts no more. */
static void count(struct projector *self, enum order_change change, const struct order_view *view, struct wall_ms time)
{
	bool sold_at_once = view->hold_until.ms == WALL_NEVER.ms;
	if (sold_at_once && change == CHANGE_COMPLETED)
		return;
	struct store_second *second = batch_second(&self->batch, view->drop, time);
	if (!second)
		return;
	second->granted += change == CHANGE_GRANTED;
	second->completed += change == CHANGE_COMPLETED || (sold_at_once && change == CHANGE_GRANTED);
	second->canceled += change == CHANGE_CANCELED;
	second->expired += change == CHANGE_EXPIRED;
}

static enum order_status status_after(enum order_change change)
{
	return change == CHANGE_COMPLETED  ? ORDER_COMPLETED
	       : change == CHANGE_CANCELED ? ORDER_CANCELED
	                                   : ORDER_EXPIRED;
}

static void order_changed(void *context, enum order_change change, uint64_t order, uint64_t sequence,
                          struct wall_ms time, const struct command *command)
{
	struct projector *self = context;
	struct order_view view;
	struct text payment_ref = TEXT_NONE;
	if (change == CHANGE_LEFT)
		return; /* it stays in the store */
	if (change == CHANGE_REFUND_DUE || change == CHANGE_PAID_LATER) {
		paid_late(self, change, order, sequence, time, command);
		return;
	}
	must(core_order_view(self->core, order, time, &view));
	count(self, change, &view, time);
	if (change == CHANGE_GRANTED) {
		granted(self, &view, command);
		return;
	}
	if (change == CHANGE_COMPLETED && command && command->kind == COMMAND_CONFIRM)
		payment_ref = command->order.payment_ref;
	batch_end_order(&self->batch, order, status_after(change), view.ended_at, payment_ref);
}

static void add_refusals(struct store_second *second, const struct verdict_count *refusal)
{
	uint32_t at = 0;
	while (at < second->refusal_count && second->refusal[at].verdict != refusal->verdict)
		at++;
	must(at < COUNTS_MAX);
	if (at == second->refusal_count)
		second->refusal[second->refusal_count++] = (struct verdict_count){.verdict = refusal->verdict};
	second->refusal[at].count += refusal->count;
}

/* Refusals stand in the second of the record that counts them. */
static void drop_changed(void *context, uint32_t drop, uint64_t sequence, struct wall_ms time,
                         const struct command *command)
{
	struct projector *self = context;
	put_new_drops(self, time);
	if (!command || command->kind != COMMAND_COUNTS)
		return;
	struct store_second *second = batch_second(&self->batch, drop, time);
	for (uint32_t i = 0; second && i < command->counts.count; i++)
		add_refusals(second, &command->counts.of[i]);
}

/* ---- the projector ---- */

int projector_new(struct core *core, struct store *store, uint32_t drops_max, struct projector **ret,
                  struct error *error)
{
	struct projector *self = calloc(1, sizeof *self);
	if (!self)
		return error_set(error, FAULT_MEMORY, "follow: no memory");
	int rc = batch_init(&self->batch, drops_max, error);
	if (rc == 0)
		rc = fold_new(core, &self->fold, error);
	if (rc < 0) {
		projector_free(self);
		return rc;
	}
	self->core = core;
	self->store = store;
	self->drops_put = core_drop_count(core);
	core_listen(core, &(struct core_listener){
			      .context = self, .order_changed = order_changed, .drop_changed = drop_changed});
	*ret = self;
	return 0;
}

void projector_free(struct projector *projector)
{
	if (!projector)
		return;
	fold_free(projector->fold);
	batch_fini(&projector->batch);
	core_free(projector->core);
	free(projector);
}

int projector_apply(struct projector *self, const struct log_record *record, struct error *error)
{
	return fold_push(self->fold, record, error);
}

int projector_settle(struct projector *self, struct error *error)
{
	int rc = fold_drain(self->fold, error);
	if (rc == 0 && self->batch.failed)
		rc = error_set(error, FAULT_MEMORY, "follow: no memory for %u rows", self->batch.change_count);
	return rc;
}

uint32_t projector_waiting(const struct projector *projector)
{
	return projector->batch.change_count;
}

uint32_t projector_orders(const struct projector *projector)
{
	return projector->orders;
}

const struct core *projector_core(const struct projector *projector)
{
	return projector->core;
}

int projector_write(struct projector *self, struct error *error)
{
	struct batch_end end = {.position = core_sequence(self->core),
	                        .as_of = core_time(self->core),
	                        .hash = core_hash(self->core),
	                        .whole_from = self->whole_from};
	int rc = batch_write(&self->batch, self->store, &end, error);
	if (rc < 0)
		return rc;
	batch_clear(&self->batch);
	self->orders = 0;
	self->whole_from = 0;
	return 0;
}

int projector_seed(struct projector *self, struct error *error)
{
	struct wall_ms now = core_time(self->core);
	struct order_view view;
	struct store_order row;
	self->drops_put = 0;
	put_new_drops(self, now);
	for (uint64_t sequence = 1; sequence <= core_sequence(self->core) && !self->batch.failed; sequence++) {
		if (!core_order_view(self->core, sequence, now, &view))
			continue;
		order_row(self->core, &view, TEXT_NONE, TEXT_NONE, &row);
		batch_put_order(&self->batch, &row);
	}
	if (self->batch.failed)
		return error_set(error, FAULT_MEMORY, "follow: no memory for the core's %u orders",
		                 core_order_count(self->core));
	self->whole_from = core_sequence(self->core) + 1;
	return 0;
}
