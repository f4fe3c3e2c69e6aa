/* What the ledger writes: records of its asks, and its own, HELLO, TICK, CHECK, COUNTS. */
#include "base/must.h"
#include "ledger/state.h"

enum append append_record(struct ledger *ledger, struct command *command)
{
	if (ledger->append_count == APPENDS_MAX || ledger->size >= APPEND_BYTES)
		return APPEND_FULL;
	command->incarnation = ledger->incarnation;
	command->counter = ledger->counter + 1;
	uint8_t *at = ledger->bytes + ledger->size;
	int size = command_encode(command, at, RECORD_SIZE_MAX);
	/* What stands in the log must be readable for ever: whoever asks with unsound texts has a bug, found here. */
	struct command again;
	must(size > 0 && command_decode(at, (size_t)size, &ledger->scratch, &again, NULL) == 0);
	if ((size_t)size > ledger->options.record_size_max)
		return APPEND_TOO_LARGE;
	ledger->counter++;
	ledger->size += (size_t)size;
	ledger->appends[ledger->append_count++] =
	    (struct ledger_append){at, (size_t)size, command->kind == COMMAND_CLAIM};
	return APPEND_TAKEN;
}

/* What the ledger writes by itself is small. False: this step's appends are full. */
static bool append_small(struct ledger *ledger, struct command *command)
{
	enum append append = append_record(ledger, command);
	must(append != APPEND_TOO_LARGE);
	return append == APPEND_TAKEN;
}

static void append_hello(struct ledger *ledger)
{
	struct command hello = {.kind = COMMAND_HELLO, .hello.program = ledger->options.program};
	memcpy(hello.hello.digest_key, ledger->options.digest_key, DIGEST_KEY_SIZE);
	ledger->hello_sent = append_small(ledger, &hello);
}

static void append_tick(struct ledger *ledger)
{
	if (ledger->tick && wall_before(ledger->tick_latest, ledger->now))
		ledger->tick = 0;
	bool hides_claims = ledger->lost_claims && wall_before(ledger->lost_latest, ledger->now);
	if (ledger->tick || !(hides_claims || core_is_due(ledger->core, ledger->now)))
		return;
	struct command tick = {.kind = COMMAND_TICK};
	if (append_small(ledger, &tick)) {
		ledger->tick = ledger->counter;
		ledger->tick_latest.ms = ledger->now.ms + ledger->options.claim_timeout_ms;
	}
}

static void append_check(struct ledger *ledger)
{
	struct command check = {.kind = COMMAND_CHECK};
	core_last_check(ledger->core, &check.check.sequence, &check.check.hash);
	if (check.check.sequence > ledger->checked && append_small(ledger, &check))
		ledger->checked = check.check.sequence;
}

static void append_counts(struct ledger *ledger)
{
	struct command counts;
	while (ledger->append_count < APPENDS_MAX && ledger->size < APPEND_BYTES &&
	       tally_next(&ledger->tally, ledger->now, ledger->draining, &counts))
		must(append_small(ledger, &counts));
}

void append_own(struct ledger *ledger)
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

void untake_own(struct ledger *ledger, const struct command *command)
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
