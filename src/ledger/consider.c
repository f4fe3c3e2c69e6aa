/* Considering: what becomes of an ask.
 *
 * One of three things (enum fate): it is answered from the state, it is appended and its echo will tell, or it has to
 * wait for the next step. Claims are decided in the order of their arrival; of one drop, none overtakes another that
 * waits for units (P7).
 */
#include "base/must.h"
#include "ledger/state.h"

enum fate { FATE_ANSWERED, FATE_APPEND, FATE_WAIT };

/* ---- answers ---- */

void answer(struct ledger *ledger, struct ask *ask)
{
	release_put(&ledger->release, ask, &ledger->out);
}

void answer_unread(struct ledger *ledger, struct ask *ask, enum verdict verdict)
{
	ask->answer.verdict = verdict;
	ask->answer.basis = 0;
	answer(ledger, ask);
}

void answer_outcome(struct ledger *ledger, struct ask *ask, const struct command *command,
                    const struct outcome *outcome)
{
	answer_fill(ledger, ask, command, outcome);
	if (ask->kind == ASK_CLAIM)
		tally_add(&ledger->tally, outcome->drop, outcome->verdict, 1, ledger->now);
	answer(ledger, ask);
}

static enum fate answer_at_once(struct ledger *ledger, struct ask *ask, enum verdict verdict)
{
	answer_unread(ledger, ask, verdict);
	return FATE_ANSWERED;
}

static enum fate answer_decided(struct ledger *ledger, struct ask *ask, const struct command *command,
                                const struct outcome *outcome)
{
	answer_outcome(ledger, ask, command, outcome);
	return FATE_ANSWERED;
}

/* ---- considering: claims ---- */

/* Is the order as the clock says also by the log's time? If not, the TICK that will say so is on its way. */
static bool log_has_caught_up(const struct ledger *ledger, uint64_t order)
{
	struct order_view now, then;
	if (!core_order_view(ledger->core, order, ledger->now, &now))
		return true;
	must(core_order_view(ledger->core, order, core_time(ledger->core), &then));
	return now.status == then.status;
}

/* May the order be told? Without room no TICK can come, and then the clock has to do. */
static bool order_is_settled(const struct ledger *ledger, uint64_t order)
{
	return log_has_caught_up(ledger, order) || ledger->room < LOG_ROOM_RESERVE;
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

/* The key may belong to an order that has left the core, and then it wins over every refusal. */
static bool store_is_to_be_asked(const struct ledger *ledger, const struct ask *ask, const struct command *command)
{
	if (!core_may_have_left(ledger->core, command))
		return false;
	/* What was granted before the store answered, it knew: only a later order can have come and gone since. */
	return !ask->store_asked ||
	       (ask->store_position && ask->store_position < ledger->changes.newest_left[command->claim.drop]);
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
	uint32_t may_come = ledger->flight.claims + ledger->lost_claims;
	if (ask->not_eligible)
		return answer_not_eligible(ledger, ask, command, outcome);
	if (ledger->room < LOG_ROOM_ALL)
		return answer_at_once(ledger, ask, VERDICT_LOG_UNAVAILABLE);
	if (!core_has_room(ledger->core, command, may_come, &ask->answer.setting))
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

/* Past the deadline a cancellation will be refused, but no refusal is certain before the log says so. A confirmation
 * is no refusal: it is recorded whatever the order has become, and its record itself ends the hold if that is due. */
static bool waits_for_tick(const struct ledger *ledger, const struct ask *ask)
{
	return ask->kind == ASK_CANCEL && !log_has_caught_up(ledger, ask->order);
}

/* What was read of an order past its deadline, before its turn, rests on more than the last record of its drop. */
static void rest_on_order(const struct ledger *ledger, const struct ask *ask, struct outcome *outcome)
{
	struct order_view order;
	bool of_order = ask->kind == ASK_CONFIRM || ask->kind == ASK_CANCEL;
	if (!of_order || !core_order_view(ledger->core, ask->order, ledger->now, &order))
		return;
	uint64_t basis = answer_order_basis(ledger, &order);
	if (basis > outcome->basis)
		outcome->basis = basis;
}

/* This very payment was recorded as one to be refunded: saying so again rests on that record. */
static bool is_recorded(const struct ledger *ledger, const struct command *command, struct outcome *outcome)
{
	if (command->kind != COMMAND_CONFIRM || outcome->verdict != VERDICT_REFUND_DUE)
		return false;
	uint64_t sequence =
	    refunds_find(&ledger->refunds, command->order.order, core_digest(ledger->core, command->order.payment_ref));
	if (sequence > outcome->basis)
		outcome->basis = sequence;
	return sequence != 0;
}

static enum fate consider_other(struct ledger *ledger, struct ask *ask, const struct command *command)
{
	struct outcome outcome;
	if (is_others_order(ledger, ask))
		return answer_unknown_order(ledger, ask, false);
	if (waits_for_admin(ledger, ask))
		return FATE_WAIT;
	if (waits_for_tick(ledger, ask))
		return ledger->room < LOG_ROOM_RESERVE ? answer_at_once(ledger, ask, VERDICT_LOG_UNAVAILABLE)
		                                       : FATE_WAIT;
	core_decide(ledger->core, ledger->now, command, &outcome);
	if (outcome.certain || outcome.verdict == VERDICT_SAME || is_recorded(ledger, command, &outcome)) {
		rest_on_order(ledger, ask, &outcome);
		return answer_decided(ledger, ask, command, &outcome);
	}
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

static void answer_no_place(struct ledger *ledger, struct ask *ask)
{
	ask->answer.setting = "waiting-max";
	answer_unread(ledger, ask, VERDICT_OVERLOADED);
}

static void wait_in_queue(struct ledger *ledger, struct ask *ask)
{
	if (ledger->draining)
		answer_unread(ledger, ask, VERDICT_OVERLOADED);
	else if (!take_place(ledger, ask))
		answer_no_place(ledger, ask);
	else
		ask_list_put(&ledger->queue, ask);
}

static void append_ask(struct ledger *ledger, struct ask *ask, struct command *command)
{
	if (!take_place(ledger, ask)) {
		answer_no_place(ledger, ask);
		return;
	}
	switch (append_record(ledger, command)) {
	case APPEND_TAKEN:
		ask->counter = ledger->counter;
		ask->latest.ms = ledger->now.ms + ledger->options.claim_timeout_ms;
		flight_put(&ledger->flight, ask, command);
		break;
	case APPEND_FULL:
		if (ask->kind == ASK_CLAIM)
			wait_for_units(ledger, command);
		wait_in_queue(ledger, ask);
		break;
	case APPEND_TOO_LARGE:
		ask->answer.record_size_max = ledger->options.record_size_max;
		answer_unread(ledger, ask, VERDICT_TOO_LARGE);
		break;
	}
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

void consider_all(struct ledger *ledger, struct ask_list *list)
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
