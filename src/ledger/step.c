/* The step: echoes are applied, then what waited and what is new is considered, then what is durable leaves.
 *
 * Nothing here reads a clock or touches a log. What becomes of an ask: consider.c; what the ledger writes: append.c.
 */
#include "ledger/state.h"

#include <stdlib.h>

#include "base/must.h"

/* ---- new, free ---- */

static void set_options(struct ledger *ledger, const struct ledger_options *options)
{
	ledger->options = *options;
	must(options->program.size <= sizeof ledger->program);
	memcpy(ledger->program, options->program.at, options->program.size);
	ledger->options.program.at = ledger->program;
}

static bool take_memory(struct ledger *ledger)
{
	const struct ledger_options *options = &ledger->options;
	ledger->appends = calloc(APPENDS_MAX, sizeof *ledger->appends);
	ledger->bytes = malloc(APPEND_BYTES + RECORD_SIZE_MAX);
	return ledger->appends && ledger->bytes && flight_init(&ledger->flight, &options->limits) &&
	       release_init(&ledger->release, options->waiting_max) && recent_init(&ledger->recent) &&
	       refunds_init(&ledger->refunds) && tally_init(&ledger->tally, options->limits.drops) &&
	       changes_init(&ledger->changes, ledger->core, &options->limits);
}

int ledger_new(struct core *core, const struct ledger_options *options, struct ledger **ret, struct error *error)
{
	if (core_drop_count(core) > options->limits.drops || core_api_key_count(core) > options->limits.api_keys)
		return error_set(error, FAULT_INVALID, "the ledger's limits are smaller than its core's");
	struct ledger *ledger = calloc(1, sizeof *ledger);
	if (!ledger)
		return error_set(error, FAULT_MEMORY, "no memory for the ledger");
	ledger->core = core;
	set_options(ledger, options);
	if (!take_memory(ledger)) {
		ledger_free(ledger);
		return error_set(error, FAULT_MEMORY,
		                 "no memory for the ledger; lower waiting-max, drops-max or skus-max");
	}
	flight_learn(&ledger->flight, core);
	ledger->release.until = core_sequence(core);
	*ret = ledger;
	return 0;
}

void ledger_free(struct ledger *ledger)
{
	if (!ledger)
		return;
	changes_fini(&ledger->changes);
	tally_fini(&ledger->tally);
	refunds_fini(&ledger->refunds);
	recent_fini(&ledger->recent);
	release_fini(&ledger->release);
	flight_fini(&ledger->flight);
	free(ledger->bytes);
	free(ledger->appends);
	free(ledger);
}

static struct ask_list take_new(struct ask *asks)
{
	struct ask_list list = {asks, NULL};
	for (struct ask *ask = asks; ask; ask = ask->next) {
		answer_begin(ask);
		ask->counted = false;
		if (!ask->store_asked)
			ask->store_position = 0;
		list.last = ask;
	}
	return list;
}

/* ---- echoes ---- */

/* A later record of ours has come: this one never will, or in vain. */
static void answer_overtaken(struct ledger *ledger, uint64_t counter)
{
	struct ask *ask;
	while ((ask = flight_overtaken(&ledger->flight, counter))) {
		struct command command;
		command_of_ask(ledger, ask, &command);
		flight_take(&ledger->flight, &command);
		ask->answer.verdict = VERDICT_STALE;
		ask->answer.basis = core_sequence(ledger->core);
		answer(ledger, ask);
	}
}

/* The echo of a record of ours: its ask has its answer. What was logged rests on its own place in the log. */
static void settle(struct ledger *ledger, const struct command *command, struct outcome *outcome)
{
	if (ledger->tick && ledger->tick <= command->counter)
		ledger->tick = 0;
	answer_overtaken(ledger, command->counter);
	struct ask *first = ledger->flight.asks.first;
	if (!first || first->counter != command->counter)
		return;
	flight_take(&ledger->flight, command);
	outcome->basis = core_sequence(ledger->core);
	answer_outcome(ledger, first, command, outcome);
}

static void hear_hello(struct ledger *ledger, const struct command *command)
{
	if (ledger->incarnation || !ledger->hello_sent ||
	    memcmp(command->hello.digest_key, ledger->options.digest_key, DIGEST_KEY_SIZE) != 0)
		return;
	ledger->incarnation = core_sequence(ledger->core);
}

static void hear(struct ledger *ledger, const struct command *command, struct outcome *outcome)
{
	if (command->kind == COMMAND_HELLO)
		hear_hello(ledger, command);
	else if (command->kind == COMMAND_DROP_CREATE)
		flight_learn(&ledger->flight, ledger->core);
	else if (command->kind == COMMAND_CHECK && command->check.sequence > ledger->checked)
		ledger->checked = command->check.sequence;
	else if (command->kind == COMMAND_CLAIM && outcome->verdict == VERDICT_GRANTED)
		recent_put(&ledger->recent, core_sequence(ledger->core), command->claim.buyer);
	else if (command->kind == COMMAND_CONFIRM && outcome->verdict == VERDICT_REFUND_DUE)
		refunds_put(&ledger->refunds, command->order.order,
		            core_digest(ledger->core, command->order.payment_ref), core_sequence(ledger->core));
	if (command->kind != COMMAND_HELLO && command->incarnation == ledger->incarnation)
		settle(ledger, command, outcome);
}

static int apply_one(struct ledger *ledger, const struct log_record *record, const struct command *command,
                     struct error *error)
{
	struct outcome outcome;
	int code = core_apply(ledger->core, record->sequence, record->time, command, &outcome, error);
	if (code)
		return code;
	if (wall_before(ledger->now, record->time))
		ledger->now = record->time;
	changes_end(&ledger->changes, record->sequence, command, &outcome);
	hear(ledger, command, &outcome);
	return 0;
}

/* Decodes up to a window of records, and asks for the memory that they will touch. A record that creates a drop stands
 * alone, since it needs all of the scratch. Returns how many, or a fault. */
static int decode_some(struct ledger *ledger, const struct log_record *records, uint32_t count, struct error *error)
{
	int some = 0;
	for (; some < WINDOW && (uint32_t)some < count; some++) {
		const struct log_record *record = &records[some];
		bool creates = record->size && record->bytes[0] == COMMAND_DROP_CREATE;
		if (creates && some)
			return some;
		struct command *command = &ledger->window[some];
		int code = command_decode(record->bytes, record->size, &ledger->scratch, command, error);
		if (code)
			return code;
		core_prefetch(ledger->core, command);
		if (creates)
			return 1;
	}
	return some;
}

static int hear_echoes(struct ledger *ledger, const struct ledger_input *input, struct error *error)
{
	for (uint32_t at = 0; at < input->echo_count;) {
		int some = decode_some(ledger, &input->echoes[at], input->echo_count - at, error);
		if (some < 0)
			return some;
		for (int i = 0; i < some; i++) {
			int code = apply_one(ledger, &input->echoes[at++], &ledger->window[i], error);
			if (code)
				return code;
		}
	}
	return 0;
}

/* ---- the step ---- */

/* No echo came in time: whether it stands in the log is not known, and the asker is told so. */
static void answer_lost(struct ledger *ledger)
{
	struct ask *ask;
	if (wall_before(ledger->lost_latest, core_time(ledger->core)))
		ledger->lost_claims = 0; /* whatever comes of them now comes too late */
	while ((ask = ledger->flight.asks.first) && wall_before(ask->latest, ledger->now)) {
		struct command command;
		command_of_ask(ledger, ask, &command);
		flight_take(&ledger->flight, &command);
		ledger->lost_claims += command.kind == COMMAND_CLAIM;
		ledger->lost_latest = ask->latest;
		answer_unread(ledger, ask, VERDICT_UNKNOWN_OUTCOME);
	}
}

static void begin_step(struct ledger *ledger, const struct ledger_input *input)
{
	struct wall_ms time = core_time(ledger->core);
	ledger->now = wall_before(input->now, time) ? time : input->now;
	ledger->room = input->room;
	ledger->draining = input->draining;
	ledger->shown = changes_shown(&ledger->changes, input->durable);
	ledger->append_count = 0;
	ledger->size = 0;
	ledger->step++;
}

static void see_ready(struct ledger *ledger)
{
	if (ledger->ready || ledger->incarnation == 0)
		return;
	if (ledger->ready_at == 0 && !core_is_due(ledger->core, ledger->now))
		ledger->ready_at = core_sequence(ledger->core);
	ledger->ready = ledger->ready_at && ledger->shown >= ledger->ready_at;
}

/* What has left takes no place any more. */
static struct ask *take_out(struct ledger *ledger)
{
	struct ask *released = ledger->out.first;
	for (struct ask *ask = released; ask; ask = ask->next)
		ledger->waiting -= ask->counted;
	ledger->out.first = NULL;
	return released;
}

int ledger_step(struct ledger *ledger, const struct ledger_input *input, struct ledger_output *ret, struct error *error)
{
	begin_step(ledger, input);
	int code = hear_echoes(ledger, input, error);
	if (code)
		return code;
	ledger->shown = changes_shown(&ledger->changes, input->durable);
	release_until(&ledger->release, ledger->shown, &ledger->out);
	answer_lost(ledger);
	append_own(ledger);
	struct ask_list waited = ledger->queue, new = take_new(input->asks);
	ledger->queue.first = NULL;
	consider_all(ledger, &waited);
	consider_all(ledger, &new);
	see_ready(ledger);
	*ret = (struct ledger_output){
	    .appends = ledger->appends, .append_count = ledger->append_count, .released = take_out(ledger)};
	return 0;
}

/* ---- what the log did not take ---- */

static uint64_t untake_appends(struct ledger *ledger, uint32_t taken)
{
	uint64_t first = UINT64_MAX;
	for (uint32_t i = taken; i < ledger->append_count; i++) {
		struct command command;
		must(command_decode(ledger->appends[i].bytes, ledger->appends[i].size, &ledger->scratch, &command,
		                    NULL) == 0);
		if (command.counter < first)
			first = command.counter;
		untake_own(ledger, &command);
	}
	return first;
}

void ledger_unappended(struct ledger *ledger, uint32_t taken, struct ledger_output *ret)
{
	uint64_t first = untake_appends(ledger, taken);
	struct ask_list untaken = {.first = flight_take_from(&ledger->flight, first)};
	for (struct ask *ask; (ask = ask_list_take(&untaken));) {
		struct command command;
		command_of_ask(ledger, ask, &command);
		flight_forget(&ledger->flight, &command);
		answer_unread(ledger, ask, VERDICT_OVERLOADED);
	}
	ledger->append_count = taken < ledger->append_count ? taken : ledger->append_count;
	*ret = (struct ledger_output){.appends = ledger->appends, .released = take_out(ledger)};
}

/* ---- questions ---- */

bool ledger_is_ready(const struct ledger *ledger)
{
	return ledger->ready;
}

bool ledger_is_idle(const struct ledger *ledger)
{
	bool counted = ledger->draining && tally_due(&ledger->tally).ms != WALL_NEVER.ms;
	return !ledger->queue.first && !ledger->flight.asks.first && ledger->release.count == 0 &&
	       !(counted && ledger->room >= LOG_ROOM_RESERVE);
}

static struct wall_ms earlier(struct wall_ms a, struct wall_ms b)
{
	return wall_before(a, b) ? a : b;
}

struct wall_ms ledger_next_wake(const struct ledger *ledger)
{
	struct wall_ms wake = WALL_NEVER;
	if (ledger->flight.asks.first)
		wake = earlier(wake, (struct wall_ms){ledger->flight.asks.first->latest.ms + 1});
	/* Without room nothing can be written; the log tells when there is some again. */
	if (ledger->room < LOG_ROOM_RESERVE || ledger->incarnation == 0)
		return wake;
	wake = earlier(wake, tally_due(&ledger->tally));
	return earlier(wake, ledger->tick ? (struct wall_ms){ledger->tick_latest.ms + 1} : core_next_due(ledger->core));
}

uint32_t ledger_waiting(const struct ledger *ledger)
{
	return ledger->waiting;
}

void ledger_publish(struct ledger *ledger, uint64_t durable, struct views *views)
{
	changes_publish(&ledger->changes, durable, views);
}
