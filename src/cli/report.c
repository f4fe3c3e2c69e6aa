#include "cli/report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BAR_WIDTH 40 /* characters: a row fits in 72 columns */

static bool env_says_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);
		if (value && *value)
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return false;
}

struct style style_of(FILE *file)
{
	const char *no_color = getenv("NO_COLOR");
	bool wanted = !no_color || !*no_color;
	return (struct style){.colour = wanted && isatty(fileno(file)), .unicode = env_says_utf8()};
}

const char *style_begin(struct style style, const char *code, char room[16])
{
	if (!style.colour)
		return "";
	snprintf(room, 16, "\033[%sm", code);
	return room;
}

const char *style_end(struct style style)
{
	return style.colour ? "\033[0m" : "";
}

const char *figure_count(uint64_t count, char room[FIGURE_SIZE])
{
	char *at = room + FIGURE_SIZE - 1;
	int digits = 0;
	*at = '\0';
	do {
		if (digits && digits % 3 == 0)
			*--at = ',';
		*--at = (char)('0' + count % 10);
		count /= 10;
		digits++;
	} while (count);
	return at;
}

/* Three figures that count, and a unit. */
const char *figure_time(uint64_t ns, char room[FIGURE_SIZE])
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
	int unit = ns < 999500 ? 0 : ns < 999500000 ? 1 : 2;
	double value = (double)ns / units[unit].ns;
	snprintf(room, FIGURE_SIZE, "%.*f %s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, units[unit].name);
	return room;
}

/* An edge of a row: a round number, "20 ms". */
static const char *figure_edge(uint64_t ns, char room[FIGURE_SIZE])
{
	if (ns == 0)
		snprintf(room, FIGURE_SIZE, "0");
	else if (ns < 1000000)
		snprintf(room, FIGURE_SIZE, "%g us", (double)ns / 1e3);
	else if (ns < 1000000000)
		snprintf(room, FIGURE_SIZE, "%g ms", (double)ns / 1e6);
	else
		snprintf(room, FIGURE_SIZE, "%g s", (double)ns / 1e9);
	return room;
}

/* ---- adding up ---- */

static struct report_code *code_row(struct report *report, const char *code, uint16_t status)
{
	for (uint32_t i = 0; i < report->code_count; i++)
		if (report->code[i].status == status && strcmp(report->code[i].code, code) == 0)
			return &report->code[i];
	if (report->code_count == CROWD_CODES_MAX + 1)
		return &report->code[CROWD_CODES_MAX];
	report->code[report->code_count] = (struct report_code){.code = code, .status = status};
	return &report->code[report->code_count++];
}

static int by_status_and_count(const void *left, const void *right)
{
	const struct report_code *a = left, *b = right;
	if (a->status != b->status)
		return a->status < b->status ? -1 : 1;
	return a->count == b->count ? 0 : a->count > b->count ? -1 : 1;
}

static void add_answer(struct report *report, const struct crowd_answer *answer)
{
	code_row(report, crowd_code(report->result, answer), answer->status)->count++;
	if (answer->sent_ns == CROWD_NEVER)
		return;
	histogram_add(&report->late, answer->sent_ns - answer->due_ns);
	if (answer->status == 0)
		return;
	histogram_add(&report->wait, answer->told_ns - answer->due_ns);
	histogram_add(&report->service, answer->told_ns - answer->sent_ns);
}

/* 1, 2, 5, 10, 20, 50 … times 1 µs: the edges of the rows. */
static uint64_t edge(unsigned n)
{
	static const uint64_t steps[] = {1, 2, 5};
	uint64_t value = 1000;
	for (unsigned i = 0; i < n / 3; i++)
		value *= 10;
	return value * steps[n % 3];
}

static void fill_wait_rows(struct report *report)
{
	unsigned n = 0;
	if (report->wait.count == 0)
		return;
	while (edge(n + 1) <= report->wait.min_ns)
		n++;
	for (; report->wait_rows < REPORT_ROWS_MAX; n++) {
		struct report_row *row = &report->wait_row[report->wait_rows++];
		row->from_ns = n == 0 ? 0 : edge(n);
		row->below_ns = edge(n + 1);
		if (row->below_ns > report->wait.max_ns)
			row->below_ns = UINT64_MAX; /* the slowest is in here, to the width of a bucket */
		row->count = histogram_between(&report->wait, row->from_ns, row->below_ns);
		if (row->below_ns == UINT64_MAX) {
			row->below_ns = edge(n + 1);
			return;
		}
	}
}

/* The narrowest of 1, 2, 5, 10 … ms that makes at most 20 rows. */
static uint64_t series_width(uint64_t elapsed_ns)
{
	unsigned n = 9; /* 1 ms */
	while (elapsed_ns / edge(n) >= 20)
		n++;
	return edge(n);
}

static void fill_series(struct report *report)
{
	const struct crowd_result *result = report->result;
	uint64_t width = series_width(result->elapsed_ns);
	report->seconds = result->elapsed_ns ? (uint32_t)(result->elapsed_ns / width) + 1 : 0;
	for (uint32_t i = 0; i < report->seconds; i++) {
		report->second[i].from_ns = i * width;
		report->second[i].below_ns = (i + 1) * width;
	}
	for (uint32_t i = 0; i < result->claims; i++) {
		const struct crowd_answer *answer = &result->answers[i];
		if (answer->status == 0)
			continue;
		struct report_row *row = &report->second[answer->told_ns / width];
		row->count++;
		row->granted += crowd_was_granted(answer);
	}
}

int report_new(const struct crowd_result *result, const struct arrivals *arrivals, struct report **ret,
               struct error *error)
{
	struct report *report = calloc(1, sizeof *report);
	if (!report)
		return error_set(error, FAULT_MEMORY, "no memory for a report");
	report->result = result;
	report->arrivals = arrivals;
	histogram_init(&report->wait);
	histogram_init(&report->service);
	histogram_init(&report->late);
	for (uint32_t i = 0; i < result->claims; i++)
		add_answer(report, &result->answers[i]);
	qsort(report->code, report->code_count, sizeof *report->code, by_status_and_count);
	fill_wait_rows(report);
	fill_series(report);
	*ret = report;
	return 0;
}

void report_free(struct report *report)
{
	free(report);
}

/* ---- for people ---- */

static void put_bar(struct buf *out, struct style style, uint64_t count, uint64_t most)
{
	static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	uint64_t width = most ? (count * BAR_WIDTH * 8 + most - 1) / most : 0;
	for (uint64_t i = 0; i < width / 8; i++)
		buf_str(out, style.unicode ? "█" : "#");
	if (style.unicode)
		buf_str(out, eighths[width % 8]);
	else if (width % 8 >= 4 || (count && width < 8))
		buf_str(out, width < 8 ? "." : "#");
}

static uint64_t most_of(const struct report_row *rows, uint32_t count)
{
	uint64_t most = 0;
	for (uint32_t i = 0; i < count; i++)
		if (rows[i].count > most)
			most = rows[i].count;
	return most;
}

static void put_intention(const struct report *report, struct buf *out)
{
	const struct arrivals *arrivals = report->arrivals;
	char a[FIGURE_SIZE], b[FIGURE_SIZE], c[FIGURE_SIZE];
	buf_printf(out, "  %s buyers, %s claims, ", figure_count(report->result->buyers, a),
	           figure_count(report->result->claims, b));
	if (arrivals->kind == ARRIVE_AT_ONCE)
		buf_str(out, "all at once");
	else
		buf_printf(out, "%s a second %s", figure_count((uint64_t)arrivals->rate, c),
		           arrivals->kind == ARRIVE_EVENLY ? "evenly" : "as people come");
	buf_printf(out, ", over %s connections\n", figure_count(report->result->connections, c));
}

static const char *colour_of(uint16_t status)
{
	if (status >= 200 && status < 300)
		return "32";
	return status == 409 ? "33" : "31";
}

static void put_answers(const struct report *report, struct style style, struct buf *out)
{
	char figure[FIGURE_SIZE], room[16];
	buf_str(out, "\n  what they were told\n");
	for (uint32_t i = 0; i < report->code_count; i++) {
		const struct report_code *row = &report->code[i];
		char status[8] = "  -";
		if (row->status)
			snprintf(status, sizeof status, "%3u", row->status);
		buf_printf(out, "    %s%-20s%s %s %12s %6.2f %%\n", style_begin(style, colour_of(row->status), room),
		           row->code, style_end(style), status, figure_count(row->count, figure),
		           100.0 * row->count / report->result->claims);
	}
	if (report->result->retries || report->result->reconnects) {
		buf_printf(out, "    asked again, with the same key: %s times; ",
		           figure_count(report->result->retries, figure));
		buf_printf(out, "connections lost: %s\n", figure_count(report->result->reconnects, figure));
	}
}

static void put_quantiles(const struct histogram *histogram, struct buf *out)
{
	static const struct {
		const char *name;
		double share;
	} columns[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"slowest", 1}};
	char figure[FIGURE_SIZE];
	buf_str(out, "   ");
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
		buf_printf(out, " %s %s%s", columns[i].name,
		           figure_time(histogram_quantile(histogram, columns[i].share), figure), i < 4 ? "  " : "\n");
}

static void put_waits(const struct report *report, struct style style, struct buf *out)
{
	uint64_t most = most_of(report->wait_row, report->wait_rows);
	char from[FIGURE_SIZE], below[FIGURE_SIZE], figure[FIGURE_SIZE];
	buf_str(out, "\n  how long they waited, from the moment they meant to ask\n");
	put_quantiles(&report->wait, out);
	for (uint32_t i = 0; i < report->wait_rows; i++) {
		const struct report_row *row = &report->wait_row[i];
		buf_printf(out, "    %8s - %8s ", figure_edge(row->from_ns, from), figure_edge(row->below_ns, below));
		put_bar(out, style, row->count, most);
		buf_printf(out, " %s\n", figure_count(row->count, figure));
	}
}

static void put_series(const struct report *report, struct style style, struct buf *out)
{
	uint64_t most = most_of(report->second, report->seconds);
	char from[FIGURE_SIZE], figure[FIGURE_SIZE];
	buf_str(out, "\n  answers a second, over time\n");
	for (uint32_t i = 0; i < report->seconds; i++) {
		const struct report_row *row = &report->second[i];
		double seconds = (double)(row->below_ns - row->from_ns) / 1e9;
		buf_printf(out, "    from %8s       ", figure_edge(row->from_ns, from));
		put_bar(out, style, row->count, most);
		buf_printf(out, " %s\n", figure_count((uint64_t)((double)row->count / seconds), figure));
	}
}

static void put_own_limits(const struct report *report, struct buf *out)
{
	const struct crowd_limits *limits = &report->result->limits;
	char a[FIGURE_SIZE], b[FIGURE_SIZE], c[FIGURE_SIZE];
	buf_printf(out, "\n  the crowd's own limits: sent late by p50 %s, p99 %s, at most %s;\n",
	           figure_time(histogram_quantile(&report->late, 0.5), a),
	           figure_time(histogram_quantile(&report->late, 0.99), b), figure_time(report->late.max_ns, c));
	buf_printf(out, "    busy for %s", figure_time(limits->busy_ns, a));
	buf_printf(out, " of %s; claims that waited for a free connection: %s\n",
	           figure_time(report->result->elapsed_ns, b), figure_count(limits->waited, c));
}

void report_text(const struct report *report, struct style style, struct buf *out)
{
	put_intention(report, out);
	put_answers(report, style, out);
	if (report->wait.count) {
		put_waits(report, style, out);
		put_series(report, style, out);
	}
	put_own_limits(report, out);
}

/* ---- for programs ---- */

static void put_seconds(struct buf *out, const char *name, uint64_t ns)
{
	buf_printf(out, "\"%s\":%llu.%09llu", name, (unsigned long long)(ns / 1000000000u),
	           (unsigned long long)(ns % 1000000000u));
}

static void put_quantile_object(struct buf *out, const char *name, const struct histogram *histogram)
{
	static const struct {
		const char *name;
		double share;
	} members[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};
	buf_printf(out, ",\"%s\":{\"count\":%llu", name, (unsigned long long)histogram->count);
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		buf_str(out, ",");
		put_seconds(out, members[i].name, histogram_quantile(histogram, members[i].share));
	}
	buf_str(out, ",");
	put_seconds(out, "mean", histogram_mean(histogram));
	buf_str(out, "}");
}

static void put_code_rows(const struct report *report, struct buf *out)
{
	buf_str(out, ",\"answers\":[");
	for (uint32_t i = 0; i < report->code_count; i++) {
		const struct report_code *row = &report->code[i];
		buf_printf(out, "%s{\"code\":", i ? "," : "");
		buf_json(out, text_of(row->code));
		buf_printf(out, ",\"status\":%u,\"count\":%u}", row->status, row->count);
	}
	buf_str(out, "]");
}

static void put_rows(struct buf *out, const char *name, const struct report_row *rows, uint32_t count, bool granted)
{
	buf_printf(out, ",\"%s\":[", name);
	for (uint32_t i = 0; i < count; i++) {
		buf_str(out, i ? ",{" : "{");
		put_seconds(out, "from_s", rows[i].from_ns);
		buf_str(out, ",");
		put_seconds(out, "below_s", rows[i].below_ns);
		buf_printf(out, ",\"count\":%llu", (unsigned long long)rows[i].count);
		if (granted)
			buf_printf(out, ",\"granted\":%llu", (unsigned long long)rows[i].granted);
		buf_str(out, "}");
	}
	buf_str(out, "]");
}

static void put_counts(const struct crowd_result *result, struct buf *out)
{
	buf_printf(out, "\"buyers\":%u,\"claims\":%u,\"connections\":%u,\"asked\":%u,\"granted\":%u,\"refused\":%u",
	           result->buyers, result->claims, result->connections, result->asked, result->granted,
	           result->refused);
	buf_printf(out, ",\"failed\":%u,\"retries\":%u,\"reconnects\":%u,\"stopped\":%s", result->failed,
	           result->retries, result->reconnects, result->stopped ? "true" : "false");
}

void report_json(const struct report *report, struct buf *out)
{
	const struct crowd_result *result = report->result;
	char time[RFC3339_SIZE];
	buf_str(out, "{");
	put_counts(result, out);
	rfc3339_format(result->started_at, time);
	buf_printf(out, ",\"started_at\":\"%s\",", time);
	put_seconds(out, "opened_s", result->opened_ns);
	buf_str(out, ",");
	put_seconds(out, "elapsed_s", result->elapsed_ns);
	put_code_rows(report, out);
	put_quantile_object(out, "latency_s", &report->wait);
	put_quantile_object(out, "service_s", &report->service);
	put_rows(out, "histogram", report->wait_row, report->wait_rows, false);
	put_rows(out, "series", report->second, report->seconds, true);
	buf_str(out, ",\"own_limits\":{");
	put_seconds(out, "busy_s", result->limits.busy_ns);
	buf_printf(out, ",\"waited\":%u", result->limits.waited);
	put_quantile_object(out, "late_s", &report->late);
	buf_str(out, "}}");
}
