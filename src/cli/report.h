/* report: what a crowd was told and how long it waited, as text for people and as JSON for programs.
 *
 * Units    nanoseconds inside; seconds in JSON.
 * Memory   report_new() takes three histograms and a few rows; report_free() gives them back. The writers write into
 *          the caller's buf.
 * Faults   FAULT_MEMORY.
 */
#ifndef DIBS_CLI_REPORT_H
#define DIBS_CLI_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/crowd.h"
#include "cli/histogram.h"

#define REPORT_ROWS_MAX 64 /* of a histogram or a series: two screens at most */

struct style {
	bool colour;  /* a terminal, and NO_COLOR is not set */
	bool unicode; /* the locale's character set is UTF-8 */
};
struct style style_of(FILE *file);
/* The escape to begin (`code` as in ESC [ code m) or to end (NULL) a colour; "" without colour. */
const char *style_begin(struct style style, const char *code, char room[16]);
const char *style_end(struct style style);

struct report_code {
	const char *code;
	uint16_t status;
	uint32_t count;
};

struct report_row {
	uint64_t from_ns, below_ns;
	uint64_t count, granted;
};

struct report {
	const struct crowd_result *result;
	const struct arrivals *arrivals;
	struct histogram wait;    /* from the moment a buyer meant to ask to the answer */
	struct histogram service; /* from the sending to the answer */
	struct histogram late;    /* from the moment to the sending: the crowd's own lateness */
	struct report_code code[CROWD_CODES_MAX + 1];
	uint32_t code_count;
	struct report_row wait_row[REPORT_ROWS_MAX], second[REPORT_ROWS_MAX];
	uint32_t wait_rows, seconds;
};

/* result and arrivals stay the caller's and must outlive the report. */
int report_new(const struct crowd_result *result, const struct arrivals *arrivals, struct report **ret,
               struct error *error);
void report_free(struct report *report);

void report_text(const struct report *report, struct style style, struct buf *out);
/* One JSON object, without a line end. */
void report_json(const struct report *report, struct buf *out);

/* "12,345" and "1.24 ms": for everyone who writes for people. */
#define FIGURE_SIZE 32
const char *figure_count(uint64_t count, char room[FIGURE_SIZE]);
const char *figure_time(uint64_t ns, char room[FIGURE_SIZE]);

#endif
