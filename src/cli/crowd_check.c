#include "cli/crowd_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/must.h"

#define HEARD_MAX (CROWD_CODES_MAX * CHECK_CROWDS_MAX)

int told_add(struct told_list *list, const struct crowd_result *result, struct error *error)
{
	size_t capacity = list->count + result->granted;
	if (capacity > list->capacity) {
		struct told *grown = reallocarray(list->at, capacity, sizeof *grown);
		if (!grown)
			return error_set(error, FAULT_MEMORY, "no memory for %zu orders", capacity);
		list->at = grown;
		list->capacity = capacity;
	}
	for (uint32_t i = 0; i < result->claims; i++) {
		const struct crowd_answer *answer = &result->answers[i];
		if (!crowd_was_granted(answer))
			continue;
		struct told *told = &list->at[list->count++];
		*told = (struct told){.may_have_expired = strcmp(answer->order_status, "pending") == 0};
		size_t size = claim_buyer_write(result->run, i % result->buyers, told->buyer);
		told->buyer[size] = '\0';
		memcpy(told->order, answer->order, sizeof told->order);
		memcpy(told->status, answer->order_status, sizeof told->status);
	}
	return 0;
}

void told_fini(struct told_list *list)
{
	free(list->at);
	*list = (struct told_list){0};
}

static int by_buyer(const void *left, const void *right)
{
	const struct told *a = left, *b = right;
	return strcmp(a->buyer, b->buyer);
}

static bool told_has(const struct told_list *list, const char *buyer)
{
	struct told wanted = {.may_have_expired = false};
	snprintf(wanted.buyer, sizeof wanted.buyer, "%s", buyer);
	return list->count && bsearch(&wanted, list->at, list->count, sizeof *list->at, by_buyer);
}

/* ---- lines ---- */

static void __attribute__((format(printf, 4, 5)))
add_line(struct crowd_check *check, const char *what, bool holds, const char *format, ...)
{
	must(check->count < CHECK_LINES_MAX);
	struct check_line *line = &check->line[check->count++];
	va_list args;
	*line = (struct check_line){.what = what, .holds = holds};
	va_start(args, format);
	vsnprintf(line->found, sizeof line->found, format, args);
	va_end(args);
	check->holds = check->holds && holds;
}

static bool same(const struct told *told, const struct book_order *order)
{
	if (strcmp(told->buyer, order->buyer) != 0)
		return false;
	return strcmp(told->status, order->status) == 0 ||
	       (told->may_have_expired && strcmp(order->status, "expired") == 0);
}

static void check_winners(struct crowd_check *check, const struct told_list *told, const struct order_book *book)
{
	static const char what[] = "whoever was told yes is in the store's list, as told";
	for (size_t i = 0; i < told->count; i++) {
		const struct told *one = &told->at[i];
		const struct book_order *order = order_book_find(book, one->order);
		if (order && same(one, order))
			continue;
		add_line(check, what, false, "%s was told %s (%s); the list has %s%s%s%s", one->buyer, one->order,
		         one->status, order ? order->buyer : "no such order", order ? " (" : "",
		         order ? order->status : "", order ? ")" : "");
		return;
	}
	add_line(check, what, true, "%zu orders, each found", told->count);
}

static int check_ledger(struct crowd_check *check, struct fetch *fetch, const struct told_list *told,
                        struct error *error)
{
	static const char what[] = "the ledger, asked order by order, says the same";
	size_t step = told->count / CHECK_LOOK_UPS_MAX + 1, asked = 0;
	for (size_t i = 0; i < told->count; i += step, asked++) {
		const struct told *one = &told->at[i];
		struct book_order order;
		int found = order_read(fetch, one->order, &order, error);
		if (found < 0)
			return found;
		if (found && same(one, &order))
			continue;
		add_line(check, what, false, "%s was told %s (%s); the ledger has %s (%s)", one->buyer, one->order,
		         one->status, found ? order.buyer : "nothing", found ? order.status : "-");
		return 0;
	}
	add_line(check, what, true, "%zu asked", asked);
	return 0;
}

/* Nobody knows what became of a claim without an answer, or with one that says so. */
static bool is_open_question(const struct crowd_answer *answer)
{
	return answer->tries > 0 && (answer->status == 0 || answer->status >= 500);
}

struct someone {
	const struct crowd_result *crowd;
	uint32_t buyer;
};

/* Which buyer of which crowd is it? False: somebody else. */
static bool who_is(const struct check_plan *plan, const char *buyer, struct someone *ret)
{
	for (size_t i = 0; i < plan->crowd_count; i++) {
		const struct crowd_result *crowd = plan->crowds[i];
		size_t size = strlen(crowd->run);
		if (strncmp(buyer, crowd->run, size) != 0 || buyer[size] != '-' ||
		    strlen(buyer + size + 1) != CLAIM_NUMBER_SIZE)
			continue;
		*ret = (struct someone){crowd, (uint32_t)strtoul(buyer + size + 1, NULL, 10)};
		return ret->buyer < crowd->buyers;
	}
	return false;
}

static bool has_open_question(const struct someone *someone)
{
	for (uint32_t i = someone->buyer; i < someone->crowd->claims; i += someone->crowd->buyers)
		if (is_open_question(&someone->crowd->answers[i]))
			return true;
	return false;
}

static void check_losers(struct crowd_check *check, const struct check_plan *plan, const struct order_book *book)
{
	static const char what[] = "whoever was told no is not in it";
	size_t unheard = 0, others = 0;
	for (size_t i = 0; i < book->count; i++) {
		const struct book_order *order = &book->orders[i];
		struct someone someone;
		if (!who_is(plan, order->buyer, &someone)) {
			others++;
			continue;
		}
		if (told_has(plan->told, order->buyer))
			continue;
		if (!has_open_question(&someone)) {
			add_line(check, what, false, "%s holds %s (%s) and was told no", order->buyer, order->order,
			         order->status);
			return;
		}
		unheard++;
	}
	add_line(check, what, !plan->alone || others == 0,
	         "%zu orders listed; %zu of buyers who never heard their answer; %zu of somebody else", book->count,
	         unheard, others);
}

static bool is_live(const struct book_order *order)
{
	return strcmp(order->status, "pending") == 0 || strcmp(order->status, "completed") == 0;
}

static int by_book_buyer(const void *left, const void *right)
{
	const struct book_order *a = left, *b = right;
	return strcmp(a->buyer, b->buyer);
}

/* Sorts the book by buyer: it is not looked into by order any more. */
static void check_limit(struct crowd_check *check, struct order_book *book, int64_t limit)
{
	static const char what[] = "no buyer has more than the limit";
	uint64_t most = 0, units = 0;
	const char *who = "nobody";
	if (book->count)
		qsort(book->orders, book->count, sizeof *book->orders, by_book_buyer);
	for (size_t i = 0; i < book->count; i++) {
		if (i == 0 || strcmp(book->orders[i].buyer, book->orders[i - 1].buyer) != 0)
			units = 0;
		units += is_live(&book->orders[i]) ? book->orders[i].units : 0;
		if (units > most) {
			most = units;
			who = book->orders[i].buyer;
		}
	}
	if (limit < 0)
		add_line(check, what, true, "there is none; the most is %llu", (unsigned long long)most);
	else
		add_line(check, what, most <= (uint64_t)limit, "%lld each; the most is %llu (%s)", (long long)limit,
		         (unsigned long long)most, who);
}

static void check_units(struct crowd_check *check, const struct order_book *book, const struct drop_figures *now)
{
	uint64_t live = 0;
	for (size_t i = 0; i < book->count; i++)
		live += is_live(&book->orders[i]) ? book->orders[i].units : 0;
	add_line(check, "no unit was given twice, none is lost",
	         now->free >= 0 && now->free + now->held + now->sold == now->stock &&
	             live == (uint64_t)(now->held + now->sold),
	         "stock %lld = free %lld + held %lld + sold %lld; listed %llu", (long long)now->stock,
	         (long long)now->free, (long long)now->held, (long long)now->sold, (unsigned long long)live);
}

struct heard {
	const char *code;
	int64_t count;
};

static struct heard *heard_row(struct heard rows[HEARD_MAX], size_t *count, const char *code)
{
	for (size_t i = 0; i < *count; i++)
		if (strcmp(rows[i].code, code) == 0)
			return &rows[i];
	must(*count < HEARD_MAX);
	rows[*count] = (struct heard){code, 0};
	return &rows[(*count)++];
}

static void add_heard(struct heard rows[HEARD_MAX], size_t *count, const struct crowd_result *crowd)
{
	int64_t by_code[CROWD_CODES_MAX] = {0};
	for (uint32_t i = 0; i < crowd->claims; i++)
		if (crowd->answers[i].status == 409)
			by_code[crowd->answers[i].code]++;
	for (uint32_t i = 0; i < crowd->code_count; i++)
		if (by_code[i])
			heard_row(rows, count, crowd->codes[i])->count += by_code[i];
}

/* Equal when nobody else asked and no question was repeated; else at least as many. */
static bool agree(const struct check_plan *plan, int64_t counted, int64_t told, bool exact)
{
	return plan->alone && exact ? counted == told : counted >= told;
}

static bool nothing_repeated(const struct check_plan *plan)
{
	for (size_t i = 0; i < plan->crowd_count; i++)
		if (plan->crowds[i]->retries || plan->crowds[i]->failed)
			return false;
	return true;
}

/* The first reason whose counts do not agree; NULL: all do. */
static const char *refusals_differ(const struct check_plan *plan, const struct drop_figures *now, int64_t *ret_counted,
                                   int64_t *ret_heard)
{
	struct heard rows[HEARD_MAX];
	size_t count = 0;
	bool exact = nothing_repeated(plan);
	for (size_t i = 0; i < plan->crowd_count; i++)
		add_heard(rows, &count, plan->crowds[i]);
	for (size_t i = 0; i < count; i++) {
		*ret_counted =
		    drop_figures_refused(now, rows[i].code) - drop_figures_refused(plan->before, rows[i].code);
		*ret_heard = rows[i].count;
		if (!agree(plan, *ret_counted, *ret_heard, exact))
			return rows[i].code;
	}
	return NULL;
}

static int check_statistics(struct crowd_check *check, const struct check_plan *plan, struct drop_figures *now,
                            struct error *error)
{
	static const char what[] = "the statistics say the same";
	uint32_t patience_ms = plan->statistics_ms ? plan->statistics_ms : CHECK_STATISTICS_MS;
	uint64_t until = clock_mono().ns + patience_ms * UINT64_C(1000000);
	struct timespec pause = {.tv_nsec = 100000000};
	int64_t counted = 0, told = 0;
	const char *differs = plan->uninterrupted ? refusals_differ(plan, now, &counted, &told) : NULL;
	while (differs && clock_mono().ns < until) {
		nanosleep(&pause, NULL);
		int code = drop_figures_read(plan->fetch, plan->drop, now, error);
		if (code)
			return code;
		differs = refusals_differ(plan, now, &counted, &told);
	}
	int64_t granted = now->granted - plan->before->granted;
	bool exact = nothing_repeated(plan);
	if (differs)
		add_line(check, what, false, "%s: counted %lld, told %lld", differs, (long long)counted,
		         (long long)told);
	else
		add_line(check, what, agree(plan, granted, (int64_t)plan->told->count, exact),
		         "granted %lld, told %zu%s", (long long)granted, plan->told->count,
		         plan->uninterrupted ? "; every reason for refusal agrees" : "");
	return 0;
}

int crowd_check(const struct check_plan *plan, struct crowd_check *ret, struct error *error)
{
	struct crowd_check check = {.holds = true};
	must(plan->crowd_count <= CHECK_CROWDS_MAX);
	struct order_book book = {0};
	struct drop_figures now;
	int code = order_book_read(plan->fetch, plan->drop, &book, error);
	if (code == 0)
		code = drop_figures_read(plan->fetch, plan->drop, &now, error);
	if (code == 0) {
		if (plan->told->count)
			qsort(plan->told->at, plan->told->count, sizeof *plan->told->at, by_buyer);
		check_winners(&check, plan->told, &book);
		code = check_ledger(&check, plan->fetch, plan->told, error);
	}
	if (code == 0) {
		check_losers(&check, plan, &book);
		check_limit(&check, &book, now.limit);
		check_units(&check, &book, &now);
		code = check_statistics(&check, plan, &now, error);
	}
	order_book_fini(&book);
	if (code == 0)
		*ret = check;
	return code;
}

void crowd_check_text(const struct crowd_check *check, struct style style, struct buf *out)
{
	char room[16];
	buf_str(out, "\n  what the log and the store say\n");
	for (uint32_t i = 0; i < check->count; i++) {
		const struct check_line *line = &check->line[i];
		buf_printf(out, "    %s%s%s %s: %s\n", style_begin(style, line->holds ? "32" : "31", room),
		           line->holds ? "yes" : "NO ", style_end(style), line->what, line->found);
	}
}

void crowd_check_json(const struct crowd_check *check, struct buf *out)
{
	buf_printf(out, "{\"holds\":%s,\"lines\":[", check->holds ? "true" : "false");
	for (uint32_t i = 0; i < check->count; i++) {
		const struct check_line *line = &check->line[i];
		buf_printf(out, "%s{\"what\":", i ? "," : "");
		buf_json(out, text_of(line->what));
		buf_printf(out, ",\"holds\":%s,\"found\":", line->holds ? "true" : "false");
		buf_json(out, text_of(line->found));
		buf_str(out, "}");
	}
	buf_str(out, "]}");
}
