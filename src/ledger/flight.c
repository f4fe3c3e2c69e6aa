#include "ledger/flight.h"

#include <stdlib.h>

#include "base/must.h"

bool flight_init(struct flight *flight, const struct core_limits *limits)
{
	*flight = (struct flight){0};
	flight->drops = calloc(limits->drops, sizeof *flight->drops);
	flight->units = calloc(limits->skus, sizeof *flight->units);
	return flight->drops && flight->units;
}

void flight_fini(struct flight *flight)
{
	free(flight->drops);
	free(flight->units);
}

void flight_learn(struct flight *flight, const struct core *core)
{
	uint32_t count = core_drop_count(core);
	for (; flight->drop_count < count; flight->drop_count++) {
		struct drop_view view;
		core_drop_view(core, flight->drop_count, core_time(core), &view);
		flight->drops[flight->drop_count] =
		    (struct flight_drop){.first_sku = flight->sku_count, .sku_count = view.sku_count};
		flight->sku_count += view.sku_count;
	}
}

static uint32_t *units_of(const struct flight *flight, const struct command *claim, uint32_t line)
{
	const struct flight_drop *drop = &flight->drops[claim->claim.drop];
	must(claim->claim.line[line].sku < drop->sku_count);
	return &flight->units[drop->first_sku + claim->claim.line[line].sku];
}

bool flight_fits(const struct flight *flight, const struct core *core, const struct command *claim)
{
	for (uint32_t i = 0; i < claim->claim.line_count; i++) {
		struct sku_view sku;
		core_sku_view(core, claim->claim.drop, claim->claim.line[i].sku, &sku);
		uint64_t wanted = (uint64_t)*units_of(flight, claim, i) + claim->claim.line[i].quantity;
		if (wanted > sku.stock - sku.held - sku.sold)
			return false;
	}
	return true;
}

static bool is_admin(const struct command *command)
{
	return command->kind != COMMAND_CLAIM && command->kind != COMMAND_CONFIRM && command->kind != COMMAND_CANCEL;
}

void flight_put(struct flight *flight, struct ask *ask, const struct command *command)
{
	ask_list_put(&flight->asks, ask);
	flight->admins += is_admin(command);
	if (command->kind != COMMAND_CLAIM)
		return;
	flight->claims++;
	for (uint32_t i = 0; i < command->claim.line_count; i++)
		*units_of(flight, command, i) += command->claim.line[i].quantity;
}

void flight_forget(struct flight *flight, const struct command *command)
{
	flight->admins -= is_admin(command);
	if (command->kind != COMMAND_CLAIM)
		return;
	flight->claims--;
	for (uint32_t i = 0; i < command->claim.line_count; i++)
		*units_of(flight, command, i) -= command->claim.line[i].quantity;
}

struct ask *flight_overtaken(const struct flight *flight, uint64_t counter)
{
	struct ask *first = flight->asks.first;
	return first && first->counter < counter ? first : NULL;
}

struct ask *flight_take(struct flight *flight, const struct command *command)
{
	flight_forget(flight, command);
	return ask_list_take(&flight->asks);
}

struct ask *flight_take_from(struct flight *flight, uint64_t counter)
{
	struct ask *before = NULL, *ask = flight->asks.first;
	while (ask && ask->counter < counter) {
		before = ask;
		ask = ask->next;
	}
	if (before) {
		before->next = NULL;
		flight->asks.last = before;
	} else {
		flight->asks.first = NULL;
	}
	return ask;
}
