#include "play.h"

#include <stdlib.h>

#include "base/must.h"

static struct command_scratch scratch;

struct play *play_prepare(void)
{
	struct play *play = calloc(1, sizeof *play);
	must(play);
	play->limits = (struct core_limits){.drops = 16, .skus = 64, .orders = 4096, .lines = 1024, .api_keys = 8};
	play->options = (struct ledger_options){.limits = play->limits,
	                                        .waiting_max = 256,
	                                        .claim_timeout_ms = 5000,
	                                        .record_size_max = RECORD_SIZE_MAX,
	                                        .program = TEXT("dibs test"),
	                                        .digest_key = {7, 7, 7}};
	play->records = calloc(PLAY_RECORDS_MAX, sizeof *play->records);
	must(play->records);
	play->now.ms = PLAY_START_MS;
	play->room = LOG_ROOM_ALL;
	play->append_max = UINT32_MAX;
	return play;
}

void play_begin(struct play *play)
{
	struct error error;
	play->options.limits = play->limits;
	must(core_new(&play->limits, &play->core, &error) == 0);
	must(views_new(play->limits.drops, play->limits.skus, play->limits.api_keys, &play->views, &error) == 0);
	for (uint32_t i = 0; i < play->record_count; i++) {
		struct command command;
		struct outcome outcome;
		play_decode(play, i, &command);
		must(core_apply(play->core, play->records[i].sequence, play->records[i].time, &command, &outcome,
		                &error) == 0);
	}
	must(ledger_new(play->core, &play->options, &play->ledger, &error) == 0);
	ledger_publish(play->ledger, core_sequence(play->core), play->views);
}

struct play *play_open(void)
{
	struct play *play = play_prepare();
	play_begin(play);
	play_round(play);
	must(ledger_is_ready(play->ledger));
	return play;
}

static void end(struct play *play)
{
	ledger_free(play->ledger);
	views_free(play->views);
	core_free(play->core);
}

static void forget_records(struct play *play, uint32_t from)
{
	for (uint32_t i = from; i < play->record_count; i++)
		free(play->records[i].bytes);
	play->record_count = from;
}

void play_close(struct play *play)
{
	end(play);
	forget_records(play, 0);
	for (uint32_t i = 0; i < play->ask_count; i++)
		free(play->asks[i]);
	free(play->records);
	free(play);
}

void play_restart(struct play *play)
{
	end(play);
	uint32_t kept = 0;
	while (kept < play->record_count && play->records[kept].sequence <= play->durable)
		kept++;
	forget_records(play, kept);
	play->echoed = kept;
	play->submitted = NULL;
	play->options.digest_key[0]++;
	play_begin(play);
}

/* ---- asks ---- */

static void submit(struct play *play, struct ask *ask)
{
	ask->next = NULL;
	if (play->submitted)
		play->submitted_last->next = ask;
	else
		play->submitted = ask;
	play->submitted_last = ask;
}

struct ask *play_ask(struct play *play, enum ask_kind kind)
{
	must(play->ask_count < PLAY_RECORDS_MAX);
	struct ask *ask = calloc(1, sizeof *ask);
	must(ask);
	ask->kind = kind;
	ask->actor = TEXT("test");
	play->asks[play->ask_count++] = ask;
	submit(play, ask);
	return ask;
}

struct ask *play_claim(struct play *play, const char *drop, const char *buyer, const char *key, uint32_t quantity)
{
	struct ask *ask = play_ask(play, ASK_CLAIM);
	ask->drop = text_of(drop);
	ask->buyer = text_of(buyer);
	ask->key = key ? text_of(key) : TEXT_NONE;
	ask->line_count = 1;
	ask->line[0].quantity = quantity;
	return ask;
}

struct ask *play_of_order(struct play *play, enum ask_kind kind, uint64_t order)
{
	struct ask *ask = play_ask(play, kind);
	ask->order = order;
	if (kind == ASK_CONFIRM)
		ask->payment_ref = TEXT("pay-1");
	return ask;
}

void play_again(struct play *play, struct ask *ask)
{
	for (uint32_t i = 0; i < play->released_count; i++)
		if (play->released[i] == ask)
			play->released[i] = NULL;
	submit(play, ask);
}

void play_drop_of(struct play *play, const struct drop_spec *spec, bool open)
{
	struct ask *create = play_ask(play, ASK_DROP_CREATE);
	create->spec = spec;
	play_round(play);
	must(play_has(play, create) && create->answer.verdict == VERDICT_DONE);
	if (!open)
		return;
	struct ask *opened = play_ask(play, ASK_DROP_OPEN);
	opened->drop = spec->id;
	play_round(play);
	must(play_has(play, opened) && opened->answer.verdict == VERDICT_DONE);
}

void play_drop(struct play *play, const char *id, uint32_t stock, uint32_t limit, uint32_t hold_seconds)
{
	struct sku_spec sku = {.id = TEXT("one"), .stock = stock, .price = 100};
	struct drop_spec spec = {.id = text_of(id),
	                         .title = TEXT("A play"),
	                         .currency = TEXT("EUR"),
	                         .limit_per_buyer = limit,
	                         .hold_seconds = hold_seconds,
	                         .keep_seconds = 60,
	                         .opens_at = WALL_NEVER,
	                         .closes_at = {WALL_MAX_MS},
	                         .sku_count = 1,
	                         .skus = &sku};
	play_drop_of(play, &spec, true);
}

/* ---- steps ---- */

static void take_append(struct play *play, const struct ledger_append *append)
{
	must(play->record_count < PLAY_RECORDS_MAX);
	struct play_record *record = &play->records[play->record_count];
	uint64_t last = play->record_count ? play->records[play->record_count - 1].sequence : 0;
	struct wall_ms last_time =
	    play->record_count ? play->records[play->record_count - 1].time : (struct wall_ms){0};
	record->sequence = last + 1;
	record->time = wall_before(play->now, last_time) ? last_time : play->now;
	record->bytes = malloc(append->size);
	must(record->bytes);
	memcpy(record->bytes, append->bytes, append->size);
	record->size = append->size;
	play->record_count++;
}

static void take_released(struct play *play, struct ask *released)
{
	for (struct ask *ask = released; ask; ask = ask->next) {
		must(ask->answer.basis <= play->durable);
		must(play->released_count < PLAY_RECORDS_MAX);
		play->released[play->released_count++] = ask;
	}
}

static void take_appends(struct play *play, const struct ledger_output *output)
{
	uint32_t count = output->append_count < play->append_max ? output->append_count : play->append_max;
	play->appended = count;
	for (uint32_t i = 0; i < count; i++)
		take_append(play, &output->appends[i]);
	if (count == output->append_count)
		return;
	struct ledger_output untaken;
	ledger_unappended(play->ledger, count, &untaken);
	must(untaken.append_count == 0);
	take_released(play, untaken.released);
}

void play_step(struct play *play)
{
	static struct log_record echoes[PLAY_RECORDS_MAX];
	struct error error = {0};
	uint32_t count = 0;
	while (!play->hold_echoes && play->echoed < play->record_count) {
		const struct play_record *record = &play->records[play->echoed++];
		echoes[count++] = (struct log_record){record->sequence, record->time, record->bytes, record->size};
	}
	struct ledger_input input = {.asks = play->submitted,
	                             .echoes = echoes,
	                             .echo_count = count,
	                             .durable = play->durable,
	                             .now = play->now,
	                             .room = play->room,
	                             .draining = play->draining};
	struct ledger_output output;
	play->submitted = NULL;
	must(ledger_step(play->ledger, &input, &output, &error) == 0);
	take_released(play, output.released);
	take_appends(play, &output);
	ledger_publish(play->ledger, play->durable, play->views);
	must(core_check_step(play->core, &error) == 0);
}

void play_round(struct play *play)
{
	do {
		play_step(play);
	} while (play->appended || (!play->hold_echoes && play->echoed < play->record_count));
	if (play->hold_durable || play->record_count == 0)
		return;
	play->durable = play->records[play->record_count - 1].sequence;
	play_step(play);
	must(play->appended == 0);
}

/* ---- looking ---- */

bool play_has(const struct play *play, const struct ask *ask)
{
	for (uint32_t i = 0; i < play->released_count; i++)
		if (play->released[i] == ask)
			return true;
	return false;
}

void play_decode(const struct play *play, uint32_t index, struct command *ret)
{
	struct error error;
	const struct play_record *record = &play->records[index];
	must(command_decode(record->bytes, record->size, &scratch, ret, &error) == 0);
}

uint32_t play_count(const struct play *play, enum command_kind kind)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < play->record_count; i++)
		count += play->records[i].bytes[0] == kind;
	return count;
}

uint32_t play_free_shown(const struct play *play, const char *drop)
{
	uint32_t number;
	struct drop_view view;
	struct sku_view sku;
	must(views_drop_find(play->views, text_of(drop), &number));
	must(views_drop(play->views, number, play->now, &view, 0, 1, &sku));
	return sku.stock - sku.held - sku.sold;
}
