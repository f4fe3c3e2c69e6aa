#include "cli/audit_findings.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
	const char *name, *title, *what; /* what: a check of which there are `checked` */
} promises[PROMISE_COUNT] = {
    [PROMISE_1] = {"P1", "never oversold", "SKU counts after a change"},
    [PROMISE_2] = {"P2", "never twice", "grants against the buyer's limit"},
    [PROMISE_3] = {"P3", "acknowledged means durable", "records behind checksum and hash chain"},
    [PROMISE_4] = {"P4", "the same key, the same order", "claims with a key"},
    [PROMISE_5] = {"P5", "nothing leaks", "units held, ended, given back"},
    [PROMISE_6] = {"P6", "replay is exact", "CHECK records, snapshots and states"},
    [PROMISE_7] = {"P7", "first come, first served", "places, openings and refusals"},
    [PROMISE_READ_MODEL] = {"read model", "it says what the log says", "orders and totals"},
};

#define NUMBER(x) ((unsigned long long)(x))

void findings_failed(struct findings *findings, enum promise promise, uint64_t sequence, const char *format, ...)
{
	struct finding *finding = &findings->of[promise];
	va_list args;
	if (finding->failed++)
		return;
	int size = snprintf(finding->first, sizeof finding->first, "record %llu: ", NUMBER(sequence));
	va_start(args, format);
	vsnprintf(finding->first + size, sizeof finding->first - (size_t)size, format, args);
	va_end(args);
}

void findings_core_fault(struct findings *findings, uint64_t sequence, const struct error *error)
{
	enum promise promise = PROMISE_6;
	if (error->text[0] == 'P' && error->text[1] >= '1' && error->text[1] <= '7')
		promise = (enum promise)(error->text[1] - '1');
	findings_checked(findings, promise);
	findings_failed(findings, promise, sequence, "%s", error->text);
}

bool findings_hold(const struct findings *findings)
{
	for (int i = 0; i < PROMISE_COUNT; i++)
		if (findings->of[i].failed)
			return false;
	return *findings->stopped == 0;
}

/* ---- for people ---- */

static const char *holds_word(const struct findings *findings, int promise)
{
	const struct finding *finding = &findings->of[promise];
	if (finding->failed)
		return "BROKEN";
	if (promise == PROMISE_READ_MODEL && !findings->store_there)
		return "(none)";
	return "holds";
}

static void print_promise(struct buf *out, const struct findings *findings, int promise, bool color)
{
	const struct finding *finding = &findings->of[promise];
	const char *on = !color ? "" : finding->failed ? "\033[31m" : "\033[32m";
	buf_printf(out, "%-10s %-29s %s%-7s%s %12llu %s\n", promises[promise].name, promises[promise].title, on,
	           holds_word(findings, promise), color ? "\033[0m" : "", NUMBER(finding->checked),
	           promises[promise].what);
	if (finding->failed)
		buf_printf(out, "           %llu times; first at %s\n", NUMBER(finding->failed), finding->first);
}

static void print_scope(struct buf *out, const struct findings *findings, const char *data)
{
	if (findings->base)
		buf_printf(out, "%s: from the snapshot of record %llu on, so it proves from record %llu to %llu\n",
		           data, NUMBER(findings->base), NUMBER(findings->base + 1), NUMBER(findings->last));
	else
		buf_printf(out, "%s: from the beginning to record %llu\n", data, NUMBER(findings->last));
	if (findings->archived)
		buf_printf(out, "(what was before is archived)\n");
	buf_printf(out, "%llu records, %llu drops, %llu orders; the whole state was checked %llu times\n\n",
	           NUMBER(findings->records), NUMBER(findings->drops), NUMBER(findings->orders),
	           NUMBER(findings->full_checks));
}

void findings_print(struct buf *out, const struct findings *findings, const char *data, bool color)
{
	print_scope(out, findings, data);
	for (int i = 0; i < PROMISE_COUNT; i++)
		print_promise(out, findings, i, color);
	buf_str(out, "\n");
	if (findings->torn_tail)
		buf_printf(out, "a batch that was never acknowledged is torn, at %s; it counts for nothing\n",
		           findings->torn_where);
	if (findings->store_there)
		buf_printf(out, "the read model stands at record %llu\n", NUMBER(findings->store_position));
	if (*findings->stopped)
		buf_printf(out, "the fold stopped: %s\n", findings->stopped);
	buf_str(out, findings_hold(findings) ? "every promise holds\n" : "NOT every promise holds\n");
}

/* ---- for programs ---- */

static void print_promise_json(struct buf *out, const struct findings *findings, int promise)
{
	const struct finding *finding = &findings->of[promise];
	buf_str(out, promise ? "," : "");
	buf_printf(out, "{\"promise\":\"%s\",\"title\":\"%s\",\"checked\":%llu,\"failed\":%llu,\"holds\":%s,\"first\":",
	           promises[promise].name, promises[promise].title, NUMBER(finding->checked), NUMBER(finding->failed),
	           finding->failed ? "false" : "true");
	if (finding->failed)
		buf_json(out, text_is_utf8(text_of(finding->first)) ? text_of(finding->first) : TEXT("(not UTF-8)"));
	else
		buf_str(out, "null");
	buf_str(out, "}");
}

void findings_print_json(struct buf *out, const struct findings *findings)
{
	buf_printf(out,
	           "{\"holds\":%s,\"from\":%llu,\"to\":%llu,\"records\":%llu,\"drops\":%llu,\"orders\":%llu,"
	           "\"snapshots\":%llu,\"torn_tail\":%s,\"archived\":%s,\"read_model\":",
	           findings_hold(findings) ? "true" : "false", NUMBER(findings->base + 1), NUMBER(findings->last),
	           NUMBER(findings->records), NUMBER(findings->drops), NUMBER(findings->orders),
	           NUMBER(findings->snapshots), findings->torn_tail ? "true" : "false",
	           findings->archived ? "true" : "false");
	if (findings->store_there)
		buf_printf(out, "{\"position\":%llu,\"orders\":%llu}", NUMBER(findings->store_position),
		           NUMBER(findings->store_rows));
	else
		buf_str(out, "null");
	buf_str(out, ",\"stopped\":");
	if (*findings->stopped)
		buf_json(out, text_of(findings->stopped));
	else
		buf_str(out, "null");
	buf_str(out, ",\"promises\":[");
	for (int i = 0; i < PROMISE_COUNT; i++)
		print_promise_json(out, findings, i);
	buf_str(out, "]}\n");
}
