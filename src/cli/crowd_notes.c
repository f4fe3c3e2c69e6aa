/* What each claim of a crowd was told. */
#include "cli/crowd_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

#define AGAIN_NS UINT64_C(100000000) /* an impatient buyer asks again after a tenth of a second */

static uint8_t code_index(struct crowd_result *result, struct text code)
{
	if (code.size >= CROWD_CODE_SIZE)
		code.size = CROWD_CODE_SIZE - 1;
	for (uint32_t i = 0; i < result->code_count; i++)
		if (text_is(text_of(result->codes[i]), code))
			return (uint8_t)i;
	if (result->code_count == CROWD_CODES_MAX)
		return CROWD_CODES_MAX - 1;
	if (result->code_count == CROWD_CODES_MAX - 1)
		code = TEXT("other");
	memcpy(result->codes[result->code_count], code.at, code.size);
	result->codes[result->code_count][code.size] = '\0';
	return (uint8_t)result->code_count++;
}

const char *crowd_code(const struct crowd_result *result, const struct crowd_answer *answer)
{
	return answer->code < result->code_count ? result->codes[answer->code] : "not_asked";
}

void crowd_settle(struct crowd *crowd, uint32_t claim, uint16_t status, struct text code)
{
	struct crowd_result *result = crowd->result;
	struct crowd_answer *answer = &result->answers[claim];
	answer->status = status;
	answer->code = code_index(result, code);
	answer->told_ns = clock_mono().ns - crowd->start_ns;
	if (crowd_was_granted(answer))
		result->granted++;
	else if (status == 409)
		result->refused++;
	else
		result->failed++;
	if (status)
		result->elapsed_ns = answer->told_ns;
	crowd->settled++;
}

uint64_t crowd_patience_ends_ns(const struct crowd *crowd)
{
	return crowd->start_ns + crowd->result->answers[crowd->plan->claims - 1].due_ns +
	       (uint64_t)crowd->plan->patience_ms * 1000000u;
}

void crowd_outcome_unknown(struct crowd *crowd, uint32_t claim, uint16_t status, struct text code)
{
	uint64_t again_ns = clock_mono().ns + AGAIN_NS;
	if (!crowd->plan->retry || crowd->ending || again_ns > crowd_patience_ends_ns(crowd)) {
		crowd_settle(crowd, claim, status, code);
		return;
	}
	must(crowd->again_count < crowd->plan->claims);
	crowd->result->answers[claim].again_ns = again_ns - crowd->start_ns;
	crowd->again[(crowd->again_head + crowd->again_count++) % crowd->plan->claims] = claim;
}

static void note_position(struct crowd *crowd, struct text text)
{
	const char *dash = text.size ? memchr(text.at, '-', text.size) : NULL;
	uint64_t log, sequence;
	if (!dash || !text_to_u64((struct text){text.at, (size_t)(dash - text.at)}, 255, &log) ||
	    !text_to_u64((struct text){dash + 1, (size_t)(text.at + text.size - dash - 1)}, UINT64_MAX, &sequence))
		return;
	if (crowd->result->position[0] && sequence <= crowd->position)
		return;
	crowd->position = sequence;
	crowd->position_log = log;
	crowd->result->position[0] = '0'; /* formatted at the end */
}

static void copy_text(char *out, size_t capacity, struct text text)
{
	size_t size = text.size < capacity ? text.size : capacity - 1;
	if (size)
		memcpy(out, text.at, size);
	out[size] = '\0';
}

static struct text code_of(const struct reply *reply, char room[CROWD_CODE_SIZE])
{
	if (reply->status >= 200 && reply->status < 300)
		return reply_header(reply, REPLY_REPLAYED).size ? TEXT("replayed") : TEXT("granted");
	struct text code = reply_member(reply, "code");
	if (code.size)
		return code;
	snprintf(room, CROWD_CODE_SIZE, "http_%d", reply->status);
	return text_of(room);
}

void crowd_take_answer(struct crowd *crowd, uint32_t claim, const struct reply *reply)
{
	struct crowd_answer *answer = &crowd->result->answers[claim];
	char room[CROWD_CODE_SIZE];
	struct text code = code_of(reply, room);
	note_position(crowd, reply_header(reply, REPLY_POSITION));
	if (reply->status == 503 || reply->status == 429) {
		crowd_outcome_unknown(crowd, claim, (uint16_t)reply->status, code);
		return;
	}
	if (reply->status < 300) {
		copy_text(answer->order, sizeof answer->order, reply_member(reply, "id"));
		copy_text(answer->order_status, sizeof answer->order_status, reply_member(reply, "status"));
		answer->replayed = reply_header(reply, REPLY_REPLAYED).size > 0;
	}
	crowd_settle(crowd, claim, (uint16_t)reply->status, code);
}

void crowd_result_free(struct crowd_result *result)
{
	if (result)
		free(result->answers);
	free(result);
}
