#include "ledger/round.h"

#include <stdlib.h>

#include "base/must.h"

#define ECHO_BYTES (512 * 1024) /* of one step; one record of any size fits behind it */

bool round_init(struct round *round, struct ledger *ledger, struct views *views, struct log *log)
{
	*round = (struct round){.ledger = ledger, .views = views, .log = log, .echoes_max = ROUND_ECHOES_MAX};
	round->echoes = calloc(ROUND_ECHOES_MAX, sizeof *round->echoes);
	round->echo_bytes = malloc(ECHO_BYTES + RECORD_SIZE_MAX);
	return round->echoes && round->echo_bytes;
}

void round_fini(struct round *round)
{
	free(round->echoes);
	free(round->echo_bytes);
}

/* Echoes live only until the next one is asked for: they are copied. Returns how many, or a fault. */
static int take_echoes(struct round *round, struct error *error)
{
	uint32_t count = 0;
	size_t size = 0;
	while (count < round->echoes_max && size < ECHO_BYTES) {
		struct log_record *echo = &round->echoes[count];
		int code = log_echo(round->log, echo, error);
		if (code < 0)
			return code;
		if (code == 0)
			break;
		must(echo->size <= RECORD_SIZE_MAX);
		memcpy(round->echo_bytes + size, echo->bytes, echo->size);
		echo->bytes = round->echo_bytes + size;
		size += echo->size;
		count++;
	}
	return (int)count;
}

/* Appends what the step asks for. Returns 0 or the log's final fault. */
static int append_all(struct round *round, struct ledger_output *output, struct wall_ms now, struct ask_list *ret,
                      struct error *error)
{
	uint32_t taken = 0;
	for (; taken < output->append_count; taken++) {
		const struct ledger_append *append = &output->appends[taken];
		int code = log_append(round->log, now, append->bytes, append->size, error);
		if (code == FAULT_BUSY || code == FAULT_NO_SPACE)
			break;
		if (code)
			return code;
	}
	if (taken)
		log_flush(round->log);
	round->log_is_busy = taken < output->append_count;
	if (!round->log_is_busy)
		return 0;
	struct ledger_output untaken;
	ledger_unappended(round->ledger, taken, &untaken);
	ask_list_add(ret, untaken.released);
	output->append_count = taken;
	return 0;
}

int round_step(struct round *round, struct ask *asks, struct wall_ms now, bool draining, struct ask_list *ret,
               struct error *error)
{
	int echo_count = take_echoes(round, error);
	if (echo_count < 0)
		return echo_count;
	uint64_t durable = log_durable(round->log);
	struct ledger_input input = {.asks = asks,
	                             .echoes = round->echoes,
	                             .echo_count = (uint32_t)echo_count,
	                             .durable = durable,
	                             .now = now,
	                             .room = log_room(round->log),
	                             .draining = draining};
	struct ledger_output output;
	int code = ledger_step(round->ledger, &input, &output, error);
	if (code)
		return code;
	ask_list_add(ret, output.released);
	code = append_all(round, &output, now, ret, error);
	if (code)
		return code;
	ledger_publish(round->ledger, durable, round->views);
	return output.append_count > 0 || echo_count > 0;
}

int round_clock(const struct core *core, struct wall_ms wall, bool behind, struct wall_ms *ret, struct error *error)
{
	struct wall_ms last = core_time(core);
	if (wall_before(wall, last) && !behind)
		return error_set(
		    error, FAULT_CLOCK,
		    "the clock is %lld ms behind the last record; set it right, or start with clock-behind",
		    (long long)(last.ms - wall.ms));
	*ret = wall_before(wall, last) ? last : wall;
	return 0;
}
