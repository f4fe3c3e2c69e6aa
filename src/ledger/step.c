/* The step: echoes are applied, then what waited and what is new is considered, then what is durable leaves.
 *
 * Of every ask the ledger decides one of three things (enum fate): it is answered from the state, it is appended and
 * its echo will tell, or it has to wait for the next step. Nothing here reads a clock or touches a log.
 */
#include "ledger/state.h"

#include <stdlib.h>

#include "base/must.h"

enum fate { FATE_ANSWERED, FATE_APPEND, FATE_WAIT };

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
	       tally_init(&ledger->tally, options->limits.drops) &&
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
	recent_fini(&ledger->recent);
	release_fini(&ledger->release);
	flight_fini(&ledger->flight);
	free(ledger->bytes);
	free(ledger->appends);
	free(ledger);
}

/* ---- appends ---- */

/* False: this step's appends are full; the next step's are not. */
static bool append(struct ledger *ledger, struct command *command)
{
	if (ledger->append_count == APPENDS_MAX || ledger->size >= APPEND_BYTES)
		return false;
	command->incarnation = ledger->incarnation;
	command->counter = ledger->counter + 1;
	uint8_t *at = ledger->bytes + ledger->size;
	int size = command_encode(command, at, RECORD_SIZE_MAX);
	/* What stands in the log must be readable for ever: whoever asks with unsound texts has a bug, found here. */
	struct command again;
	must(size > 0 && command_decode(at, (size_t)size, &ledger->scratch, &again, NULL) == 0);
	ledger->counter++;
	ledger->size += (size_t)size;
	ledger->appends[ledger->append_count++] =
	    (struct ledger_append){at, (size_t)size, command->kind == COMMAND_CLAIM};
	return true;
}

static void append_hello(struct ledger *ledger)
{
	struct command hello = {.kind = COMMAND_HELLO, .hello.program = ledger->options.program};
	memcpy(hello.hello.digest_key, ledger->options.digest_key, DIGEST_KEY_SIZE);
	ledger->hello_sent = append(ledger, &hello);
}

static void append_tick(struct ledger *ledger)
{
	if (ledger->tick && wall_before(ledger->tick_latest, ledger->now))
		ledger->tick = 0;
	if (ledger->tick || !core_is_due(ledger->core, ledger->now))
		return;
	struct command tick = {.kind = COMMAND_TICK};
	if (append(ledger, &tick)) {
		ledger->tick = ledger->counter;
		ledger->tick_latest.ms = ledger->now.ms + ledger->options.claim_timeout_ms;
	}
}

static void append_check(struct ledger *ledger)
{
	struct command check = {.kind = COMMAND_CHECK};
	core_last_check(ledger->core, &check.check.sequence, &check.check.hash);
	if (check.check.sequence > ledger->checked && append(ledger, &check))
		ledger->checked = check.check.sequence;
}

static void append_counts(struct ledger *ledger)
{
	struct command counts;
	while (ledger->append_count < APPENDS_MAX && ledger->size < APPEND_BYTES &&
	       tally_next(&ledger->tally, ledger->now, ledger->draining, &counts))
		must(append(ledger, &counts));
}

static void append_own(struct ledger *ledger)
{
	if (ledger->room < LOG_ROOM_RESERVE)
		return;
	if (!ledger->hello_sent)
		append_hello(ledger);
	if (ledger->incarnation == 0)
		return;
	append_tick(ledger);
	append_check(ledger);
	append_counts(ledger);
}

/* ---- answers ---- */

static void answer(struct ledger *ledger, struct ask *ask)
{
	release_put(&ledger->release, ask, &ledger->out);
}

/* An answer that says nothing about the state: it need not wait. */
static enum fate answer_at_once(struct ledger *ledger, struct ask *ask, enum verdict verdict)
{
	ask->answer.verdict = verdict;
	ask->answer.basis = 0;
	answer(ledger, ask);
	return FATE_ANSWERED;
}

static enum fate answer_decided(struct ledger *ledger, struct ask *ask, const struct command *command,
                                const struct outcome *outcome)
{
	answer_outcome(ledger, ask, command, outcome);
	if (ask->kind == ASK_CLAIM)
		tally_add(&ledger->tally, outcome->drop, outcome->verdict, 1, ledger->now);
	answer(ledger, ask);
	return FATE_ANSWERED;
}

/* ---- considering: claims ---- */

/* The order is as the log says it is, not only as the clock does: an expiry that is due has had its turn. */
static bool order_is_settled(const struct ledger *ledger, uint64_t order)
{
	struct order_view now, then;
	if (!core_order_view(ledger->core, order, ledger->now, &now))
		return true;
	must(core_order_view(ledger->core, order, core_time(ledger->core), &then));
	return now.status == then.status || ledger->room < LOG_ROOM_RESERVE;
}

static enum fate answer_replay(struct ledger *ledger, struct ask *ask, const struct command *command,
                               struct outcome *outcome)
{
	struct order_view order;
	if (!order_is_settled(ledger, outcome->order))
		return FATE_WAIT;
	must(core_order_view(ledger->core, outcome->order, ledger->now, &order));
	uint64_t basis = answer_order_basis(ledger, &order);
	if (basis > outcome->basis)
		outcome->basis = basis;
	return answer_decided(ledger, ask, command, outcome);
}

/* Orders of this drop have left the core: the key may belong to one of them, and then it wins over every refusal. */
static bool store_is_to_be_asked(const struct ledger *ledger, const struct ask *ask, const struct command *command)
{
	if (command->key.size == 0 || command->claim.drop == NO_DROP)
		return false;
	uint64_t last_left = ledger->changes.last_left[command->claim.drop];
	if (last_left == 0)
		return false;
	return !ask->store_asked || (ask->store_position && ask->store_position < last_left);
}

static enum fate answer_ask_store(struct ledger *ledger, struct ask *ask, const struct command *command)
{
	ask->answer.verdict = VERDICT_ASK_STORE;
	ask->answer.drop = command->claim.drop;
	ask->answer.left = true;
	ask->answer.basis = ask->store_position = ledger->changes.last_left[command->claim.drop];
	answer(ledger, ask);
	return FATE_ANSWERED;
}

static enum fate answer_not_eligible(struct ledger *ledger, struct ask *ask, const struct command *command,
                                     struct outcome *outcome)
{
	outcome->verdict = VERDICT_NOT_ELIGIBLE;
	return answer_decided(ledger, ask, command, outcome);
}

/* Later claims of this drop wait behind it. */
static enum fate wait_for_units(struct ledger *ledger, const struct command *command)
{
	ledger->flight.drops[command->claim.drop].blocked = ledger->step;
	return FATE_WAIT;
}

/* The state would grant it: is there anything against writing it into the log? */
static enum fate consider_grant(struct ledger *ledger, struct ask *ask, const struct command *command,
                                struct outcome *outcome)
{
	const struct flight_drop *drop = &ledger->flight.drops[command->claim.drop];
	if (ask->not_eligible)
		return answer_not_eligible(ledger, ask, command, outcome);
	if (ledger->room < LOG_ROOM_ALL)
		return answer_at_once(ledger, ask, VERDICT_LOG_UNAVAILABLE);
	if (!core_has_room(ledger->core, command, ledger->flight.claims, &ask->answer.setting))
		return answer_at_once(ledger, ask, VERDICT_OVERLOADED);
	ask->answer.setting = NULL;
	if (ledger->options.eligibility && !ask->eligible)
		return answer_at_once(ledger, ask, VERDICT_CHECK_FIRST);
	if (drop->blocked == ledger->step || !flight_fits(&ledger->flight, ledger->core, command))
		return wait_for_units(ledger, command);
	return FATE_APPEND;
}

static enum fate consider_claim(struct ledger *ledger, struct ask *ask, const struct command *command)
{
	struct outcome outcome;
	core_decide(ledger->core, ledger->now, command, &outcome);
	if (outcome.verdict == VERDICT_REPLAYED)
		return answer_replay(ledger, ask, command, &outcome);
	if (outcome.verdict == VERDICT_KEY_REUSED)
		return answer_decided(ledger, ask, command, &outcome);
	if (store_is_to_be_asked(ledger, ask, command))
		return answer_ask_store(ledger, ask, command);
	if (outcome.verdict == VERDICT_GRANTED)
		return consider_grant(ledger, ask, command, &outcome);
	if (outcome.certain)
		return answer_decided(ledger, ask, command, &outcome);
	/* Units may come back with the TICK that is on its way. */
	if (ledger->room < LOG_ROOM_RESERVE)
		return answer_at_once(ledger, ask, VERDICT_LOG_UNAVAILABLE);
	return wait_for_units(ledger, command);
}

/* ---- considering: orders, administration ---- */

static enum fate answer_unknown_order(struct ledger *ledger, struct ask *ask, bool left)
{
	ask->answer.verdict = VERDICT_UNKNOWN_ORDER;
	ask->answer.left = left && ask->order <= core_sequence(ledger->core);
	ask->answer.basis = core_sequence(ledger->core);
	answer(ledger, ask);
	return FATE_ANSWERED;
}

static enum fate consider_reading(struct ledger *ledger, struct ask *ask)
{
	struct order_view order;
	if (!core_order_view(ledger->core, ask->order, ledger->now, &order))
		return answer_unknown_order(ledger, ask, true);
	if (!answer_is_owner(ledger, ask, &order))
		return answer_unknown_order(ledger, ask, false);
	if (!order_is_settled(ledger, ask->order))
		return FATE_WAIT;
	ask->answer.verdict = VERDICT_FOUND;
	ask->answer.basis = answer_order_basis(ledger, &order);
	must(answer_order(ledger, ask, ask->order));
	answer(ledger, ask);
	return FATE_ANSWERED;
}

static bool is_others_order(const struct ledger *ledger, const struct ask *ask)
{
	struct order_view order;
	bool of_order = ask->kind == ASK_CONFIRM || ask->kind == ASK_CANCEL;
	return of_order && core_order_view(ledger->core, ask->order, ledger->now, &order) &&
	       !answer_is_owner(ledger, ask, &order);
}

/* One administrative record is in flight at a time: each is decided on the state that the one before has left. */
static bool waits_for_admin(const struct ledger *ledger, const struct ask *ask)
{
	return ask->kind > ASK_ORDER && ledger->flight.admins > 0;
}

static enum fate consider_other(struct ledger *ledger, struct ask *ask, const struct command *command)
{
	struct outcome outcome;
	if (is_others_order(ledger, ask))
		return answer_unknown_order(ledger, ask, false);
	if (waits_for_admin(ledger, ask))
		return FATE_WAIT;
	core_decide(ledger->core, ledger->now, command, &outcome);
	if (outcome.certain || outcome.verdict == VERDICT_SAME)
		return answer_decided(ledger, ask, command, &outcome);
	if (ledger->room < LOG_ROOM_RESERVE)
		return answer_at_once(ledger, ask, VERDICT_LOG_UNAVAILABLE);
	if (!core_has_room(ledger->core, command, 0, &ask->answer.setting))
		return answer_at_once(ledger, ask, VERDICT_OVERLOADED);
	ask->answer.setting = NULL;
	return FATE_APPEND;
}

/* ---- considering ---- */

/* Takes one of waiting_max's places; false: there is none. */
static bool take_place(struct ledger *ledger, struct ask *ask)
{
	if (!ask->counted && ledger->waiting >= ledger->options.waiting_max)
		return false;
	ledger->waiting += !ask->counted;
	ask->counted = true;
	return true;
}

static void wait_in_queue(struct ledger *ledger, struct ask *ask)
{
	if (ledger->draining || !take_place(ledger, ask))
		answer_at_once(ledger, ask, VERDICT_OVERLOADED);
	else
		ask_list_put(&ledger->queue, ask);
}

static void append_ask(struct ledger *ledger, struct ask *ask, struct command *command)
{
	if (!take_place(ledger, ask)) {
		answer_at_once(ledger, ask, VERDICT_OVERLOADED);
		return;
	}
	if (!append(ledger, command)) {
		if (ask->kind == ASK_CLAIM)
			wait_for_units(ledger, command);
		wait_in_queue(ledger, ask);
		return;
	}
	ask->counter = ledger->counter;
	ask->latest.ms = ledger->now.ms + ledger->options.claim_timeout_ms;
	flight_put(&ledger->flight, ask, command);
}

static void consider(struct ledger *ledger, struct ask *ask, struct command *command)
{
	enum fate fate;
	if (ledger->incarnation == 0)
		fate = FATE_WAIT;
	else if (ask->kind == ASK_ORDER)
		fate = consider_reading(ledger, ask);
	else if (ask->kind == ASK_CLAIM)
		fate = consider_claim(ledger, ask, command);
	else
		fate = consider_other(ledger, ask, command);
	if (fate == FATE_WAIT)
		wait_in_queue(ledger, ask);
	else if (fate == FATE_APPEND)
		append_ask(ledger, ask, command);
}

/* A list in its order, some at a time, so that what the later ones need is fetched while the first are decided. */
static void consider_all(struct ledger *ledger, struct ask_list *list)
{
	struct ask *asks[WINDOW];
	while (list->first) {
		uint32_t count = 0;
		for (; count < WINDOW && list->first; count++) {
			asks[count] = ask_list_take(list);
			if (command_of_ask(ledger, asks[count], &ledger->window[count]))
				core_prefetch(ledger->core, &ledger->window[count]);
		}
		for (uint32_t i = 0; i < count; i++)
			consider(ledger, asks[i], &ledger->window[i]);
	}
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
	answer_decided(ledger, first, command, outcome);
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
	while ((ask = ledger->flight.asks.first) && wall_before(ask->latest, ledger->now)) {
		struct command command;
		command_of_ask(ledger, ask, &command);
		flight_take(&ledger->flight, &command);
		answer_at_once(ledger, ask, VERDICT_UNKNOWN_OUTCOME);
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

static void untake_own(struct ledger *ledger, const struct command *command)
{
	if (command->kind == COMMAND_HELLO)
		ledger->hello_sent = false;
	if (command->kind == COMMAND_TICK)
		ledger->tick = 0;
	if (command->kind == COMMAND_CHECK)
		ledger->checked = command->check.sequence - 1;
	for (uint32_t i = 0; command->kind == COMMAND_COUNTS && i < command->counts.count; i++)
		tally_add(&ledger->tally, command->counts.drop, command->counts.of[i].verdict,
		          command->counts.of[i].count, ledger->now);
}

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
		answer_at_once(ledger, ask, VERDICT_OVERLOADED);
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
