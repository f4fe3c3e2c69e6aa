/* The acts of `dibs demo`.
 *
 *   one   everybody at once, sold at once: exactly the stock is given away
 *   two   a hold until it is paid, an eligibility check that refuses one in ten, and the server killed in the middle:
 *
 *         crowd ─ granted ─┬─ half of them pay ─────────────► sold
 *               ▲          ├─ a fifth cancels ──► free again ─► second crowd ─ pay ─► sold
 *             kill -9      └─ the others wait ──► expire ─────► third crowd ── pay ─► sold
 */
#include "cli/demo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/crowd_watch.h"

#define STORED_NS UINT64_C(8000000000) /* so long an expiry may take beyond the hold before something is wrong */
#define ANSWER_MS 5000
#define PATIENCE_MS 10000

/* Act two, in seconds: the kill comes at about 0.05, the last buyer at 1.2, the holds end from 3.0 on. */
#define HELD_STOCK 100
#define HOLD_SECONDS 3
#define HELD_BUYERS 1200
#define HELD_RATE 1000
#define HELD_CONNECTIONS 300
#define LATER_BUYERS 400 /* of the second and third crowd: enough for what came back, with one in ten refused */
#define KILL_AFTER 40    /* grants: in the middle of the stock */

/* Nothing is archived, so that the audit begins at the first record. */
static const char *const plain[] = {"--archive=false", NULL};
/* With this seed the first hundred checks refuse about as many as all of them do. */
static const char *const with_eligibility[] = {"--archive=false", "--eligibility=simulated", "--eligibility-percent=10",
                                               "--eligibility-seed=3", NULL};

static int stop_if_interrupted(struct error *error)
{
	return demo_interrupted ? error_set(error, FAULT_BUSY, "interrupted") : 0;
}

static int start_server(struct demo *demo, const char *const *flags, struct error *error)
{
	int code = demo_server_start(&demo->server, flags, error);
	if (code)
		return code;
	fetch_fini(&demo->fetch);
	fetch_init(&demo->fetch, "127.0.0.1", demo->server.port, demo->server.key);
	return 0;
}

static int make_drop(struct demo *demo, const char *drop, const char *title, uint32_t stock, int hold_seconds,
                     struct error *error)
{
	struct buf body = {0};
	char path[128], key[64];
	snprintf(path, sizeof path, "/v1/drops/%s", drop);
	snprintf(key, sizeof key, "demo-%s", drop);
	buf_printf(&body,
	           "{\"title\":\"%s\",\"skus\":[{\"id\":\"one-size\",\"stock\":%u,\"price\":12900}],"
	           "\"currency\":\"EUR\",\"limit_per_buyer\":1,\"hold_seconds\":%d}",
	           title, stock, hold_seconds);
	int code = body.failed ? error_set(error, FAULT_MEMORY, "no memory for a drop")
	                       : fetch_done(&demo->fetch, "PUT", path, buf_as_text(&body), key, error);
	buf_fini(&body);
	if (code < 0)
		return code;
	snprintf(path, sizeof path, "/v1/drops/%s/open", drop);
	snprintf(key, sizeof key, "demo-open-%s", drop);
	code = fetch_done(&demo->fetch, "POST", path, TEXT_NONE, key, error);
	return code < 0 ? code : 0;
}

static struct crowd_plan plan_of(const struct demo *demo, const char *drop, const char *run, uint32_t buyers,
                                 uint32_t connections)
{
	return (struct crowd_plan){
	    .host = "127.0.0.1",
	    .port = demo->server.port,
	    .request = {.drop = drop, .run = run, .buyers = buyers, .bearer = demo->server.key},
	    .claims = buyers,
	    .connections = connections,
	    .arrivals = {.kind = ARRIVE_AT_ONCE},
	    .answer_ms = ANSWER_MS,
	    .patience_ms = PATIENCE_MS,
	    .stop = &demo_interrupted,
	};
}

static int say_report(const struct demo *demo, const struct crowd_plan *plan, const struct crowd_result *result,
                      struct error *error)
{
	struct report *report;
	struct buf out = {0};
	int code = report_new(result, &plan->arrivals, &report, error);
	if (code)
		return code;
	report_text(report, demo->style, &out);
	demo_say("%.*s", (int)out.size, out.at);
	buf_fini(&out);
	report_free(report);
	return 0;
}

static int say_check(struct demo *demo, struct check_plan *plan, struct error *error)
{
	struct crowd_check check;
	struct buf out = {0};
	plan->fetch = &demo->fetch;
	int code = crowd_check(plan, &check, error);
	if (code)
		return code;
	crowd_check_text(&check, demo->style, &out);
	demo_say("%.*s", (int)out.size, out.at);
	buf_fini(&out);
	demo->kept = demo->kept && check.holds;
	return 0;
}

/* ---- act one ---- */

static int check_act_one(struct demo *demo, const struct crowd_result *result, const struct drop_figures *before,
                         struct error *error)
{
	struct told_list told = {0};
	uint32_t expected = demo->stock < demo->buyers ? demo->stock : demo->buyers;
	int code = told_add(&told, result, error);
	snprintf(demo->fetch.position, sizeof demo->fetch.position, "%s", result->position);
	if (code == 0)
		code = say_check(demo,
		                 &(struct check_plan){.drop = "act-one",
		                                      .told = &told,
		                                      .crowds = &result,
		                                      .crowd_count = 1,
		                                      .before = before,
		                                      .alone = true,
		                                      .uninterrupted = true},
		                 error);
	told_fini(&told);
	if (code)
		return code;
	demo_say_kept(demo, result->granted == expected, "exactly %u got one: %u did", expected, result->granted);
	demo_say_kept(demo, result->granted + result->refused == result->claims,
	              "everybody was answered: %u of %u, in %.3f s", result->granted + result->refused, result->claims,
	              (double)result->elapsed_ns / 1e9);
	return 0;
}

static int crowd_of_act_one(struct demo *demo, const struct drop_figures *before, struct error *error)
{
	uint32_t possible = crowd_connections_possible();
	uint32_t connections = demo->buyers < possible ? demo->buyers : possible;
	struct crowd_plan plan = plan_of(demo, "act-one", "first", demo->buyers, connections);
	struct crowd_result *result = NULL;
	struct crowd_watch watch;
	crowd_watch_init(&watch, false);
	plan.progress = crowd_watch_show;
	plan.progress_context = &watch;
	int code = crowd_run(&plan, &result, error);
	crowd_watch_end(&watch);
	if (code == 0)
		code = stop_if_interrupted(error);
	if (code == 0)
		code = say_report(demo, &plan, result, error);
	if (code == 0)
		code = check_act_one(demo, result, before, error);
	crowd_result_free(result);
	return code;
}

int demo_act_one(struct demo *demo, struct error *error)
{
	struct drop_figures before;
	char buyers[FIGURE_SIZE], stock[FIGURE_SIZE];
	demo_say_head(demo, "ACT ONE", "the doors open");
	demo_say("  %s buyers stand at the door, each with a connection; %s unit%s, one each, sold at once.\n"
	         "  All of them ask in the same moment.\n\n",
	         figure_count(demo->buyers, buyers), figure_count(demo->stock, stock), demo->stock == 1 ? "" : "s");
	int code = start_server(demo, plain, error);
	if (code == 0)
		code = make_drop(demo, "act-one", "Act one: sold at once", demo->stock, 0, error);
	if (code == 0)
		code = drop_figures_read(&demo->fetch, "act-one", &before, error);
	if (code == 0)
		code = crowd_of_act_one(demo, &before, error);
	return code;
}

/* ---- act two: the kill ---- */

struct killing {
	struct demo *demo;
	struct crowd_watch watch;
	uint64_t killed_ns; /* since the crowd's start; 0: not yet */
	int code;
	struct error error;
};

/* Forty people have been told yes; others are being answered right now. */
static void kill_in_the_middle(void *context, const struct crowd_progress *now)
{
	struct killing *killing = context;
	struct demo *demo = killing->demo;
	crowd_watch_show(&killing->watch, now);
	if (killing->killed_ns || now->granted < KILL_AFTER)
		return;
	killing->killed_ns = now->elapsed_ns;
	demo_server_kill(&demo->server);
	killing->code = demo_server_spawn(&demo->server, with_eligibility, &killing->error);
}

static uint64_t back_after_ns(const struct crowd_result *result, uint64_t killed_ns)
{
	uint64_t first = CROWD_NEVER;
	for (uint32_t i = 0; i < result->claims; i++) {
		const struct crowd_answer *answer = &result->answers[i];
		if (answer->status && answer->told_ns > killed_ns && answer->told_ns < first)
			first = answer->told_ns;
	}
	return first == CROWD_NEVER ? 0 : first - killed_ns;
}

/* Everyone who had been told yes before the kill: does it still hold? */
static int check_survivors(struct demo *demo, const struct crowd_result *result, uint64_t killed_ns,
                           struct error *error)
{
	uint32_t before = 0, still = 0;
	for (uint32_t i = 0; i < result->claims; i++) {
		const struct crowd_answer *answer = &result->answers[i];
		struct book_order order;
		char buyer[CLAIM_BUYER_SIZE + 1];
		if (!crowd_was_granted(answer) || answer->told_ns > killed_ns)
			continue;
		int found = order_read(&demo->fetch, answer->order, &order, error);
		if (found < 0)
			return found;
		buyer[claim_buyer_write(result->run, i, buyer)] = '\0';
		before++;
		still += found && strcmp(order.buyer, buyer) == 0 && strcmp(order.status, "canceled") != 0;
	}
	demo_say("\n  the crash\n");
	demo_say_kept(demo, still == before && before > 0,
	              "%u had been told yes when it was killed; after the restart all is as told for %u", before,
	              still);
	return 0;
}

static int crowd_with_kill(struct demo *demo, struct crowd_result **ret, struct error *error)
{
	struct killing killing = {.demo = demo};
	struct crowd_plan plan = plan_of(demo, "act-two", "second", HELD_BUYERS, HELD_CONNECTIONS);
	struct crowd_result *result = NULL;
	char figure[FIGURE_SIZE];
	crowd_watch_init(&killing.watch, false);
	plan.arrivals = (struct arrivals){.kind = ARRIVE_EVENLY, .rate = HELD_RATE};
	plan.retry = true;
	plan.progress = kill_in_the_middle;
	plan.progress_context = &killing;
	int code = crowd_run(&plan, &result, error);
	crowd_watch_end(&killing.watch);
	if (code == 0)
		code = stop_if_interrupted(error);
	if (code == 0 && killing.code)
		code = error_set(error, killing.code, "%s", killing.error.text);
	if (code == 0)
		code = say_report(demo, &plan, result, error);
	if (code == 0)
		code = check_survivors(demo, result, killing.killed_ns, error);
	if (code) {
		crowd_result_free(result);
		return code;
	}
	demo_say("        it was killed %s after the start and answered again %s later; %u asked again, same key\n",
	         figure_time(killing.killed_ns, figure),
	         figure_time(back_after_ns(result, killing.killed_ns), (char[FIGURE_SIZE]){0}), result->retries);
	*ret = result;
	return 0;
}

/* ---- act two: what becomes of an order ---- */

/* Pays or cancels; what had expired before (a slow machine) is noted as that. */
static int end_order(struct demo *demo, struct told *told, const char *verb, const char *body, const char *status,
                     struct error *error)
{
	char path[128], key[64];
	snprintf(path, sizeof path, "/v1/orders/%s/%s", told->order, verb);
	snprintf(key, sizeof key, "demo-%s-%s", verb, told->order);
	int answer = fetch_call(&demo->fetch, "POST", path, text_of(body), key, error);
	if (answer < 0)
		return answer;
	if (answer != 200 && answer != 409)
		return error_set(error, FAULT_INVALID, "POST %s: the server answers %d", path, answer);
	snprintf(told->status, sizeof told->status, "%s", answer == 200 ? status : "expired");
	told->may_have_expired = false;
	return 0;
}

static int pay(struct demo *demo, struct told *told, struct error *error)
{
	char body[64];
	snprintf(body, sizeof body, "{\"payment_ref\":\"pay-%s\"}", told->order);
	return end_order(demo, told, "confirm", body, "completed", error);
}

/* Of ten: five pay, two cancel, three forget about it. */
static int part_ways(struct demo *demo, struct told_list *told, uint32_t counts[3], struct error *error)
{
	int code = 0;
	for (size_t i = 0; i < told->count && code == 0; i++) {
		struct told *one = &told->at[i];
		int way = i % 10 < 5 ? 0 : i % 10 < 7 ? 1 : 2;
		counts[way]++;
		if (way == 0)
			code = pay(demo, one, error);
		else if (way == 1)
			code = end_order(demo, one, "cancel", "", "canceled", error);
		else
			snprintf(one->status, sizeof one->status, "expired");
	}
	return code;
}

/* Another crowd for what came back; those who get one pay. */
static int sell_again(struct demo *demo, const char *run, int64_t units, struct told_list *told,
                      struct crowd_result **ret, struct error *error)
{
	struct crowd_plan plan = plan_of(demo, "act-two", run, LATER_BUYERS, LATER_BUYERS);
	size_t from = told->count;
	int code = crowd_run(&plan, ret, error);
	if (code == 0)
		code = stop_if_interrupted(error);
	if (code == 0)
		code = told_add(told, *ret, error);
	for (size_t i = from; i < told->count && code == 0; i++)
		code = pay(demo, &told->at[i], error);
	if (code == 0)
		demo_say_kept(demo, (*ret)->granted == units, "%lld units came back; %u of %u others got one, and paid",
		              (long long)units, (*ret)->granted, LATER_BUYERS);
	return code;
}

static int wait_for_expiry(struct demo *demo, struct drop_figures *ret, struct error *error)
{
	struct timespec pause = {.tv_nsec = 20000000};
	uint64_t until = clock_mono().ns + HOLD_SECONDS * UINT64_C(1000000000) + STORED_NS;
	int code;
	while ((code = drop_figures_read(&demo->fetch, "act-two", ret, error)) == 0 && ret->held > 0) {
		code = stop_if_interrupted(error);
		if (code)
			return code;
		if (clock_mono().ns > until)
			return error_set(error, FAULT_BUSY, "%lld units are still held, though their time is over",
			                 (long long)ret->held);
		nanosleep(&pause, NULL);
	}
	return code;
}

static int crowds_of_act_two(struct demo *demo, struct crowd_result *crowds[3], struct told_list *told,
                             struct error *error)
{
	struct drop_figures figures;
	uint32_t counts[3] = {0};
	int code = crowd_with_kill(demo, &crowds[0], error);
	if (code == 0)
		code = told_add(told, crowds[0], error);
	if (code == 0)
		code = part_ways(demo, told, counts, error);
	if (code == 0)
		code = drop_figures_read(&demo->fetch, "act-two", &figures, error);
	if (code)
		return code;
	demo_say("\n  afterwards\n        %u paid, %u canceled, %u just never paid\n", counts[0], counts[1], counts[2]);
	code = sell_again(demo, "third", figures.free, told, &crowds[1], error);
	if (code == 0)
		code = wait_for_expiry(demo, &figures, error);
	if (code == 0)
		code = sell_again(demo, "fourth", figures.free, told, &crowds[2], error);
	return code;
}

static int check_act_two(struct demo *demo, struct crowd_result *crowds[3], struct told_list *told,
                         const struct drop_figures *before, struct error *error)
{
	const struct crowd_result *all[3] = {crowds[0], crowds[1], crowds[2]};
	struct drop_figures figures;
	int code = drop_figures_read(&demo->fetch, "act-two", &figures, error);
	if (code)
		return code;
	demo_say_kept(demo, figures.sold == HELD_STOCK && figures.held == 0 && figures.free == 0,
	              "in the end all %d are paid for: sold %lld, held %lld, free %lld", HELD_STOCK,
	              (long long)figures.sold, (long long)figures.held, (long long)figures.free);
	return say_check(
	    demo,
	    &(struct check_plan){
		.drop = "act-two", .told = told, .crowds = all, .crowd_count = 3, .before = before, .alone = true},
	    error);
}

static int play_act_two(struct demo *demo, struct error *error)
{
	struct crowd_result *crowds[3] = {NULL};
	struct told_list told = {0};
	struct drop_figures before;
	int code = drop_figures_read(&demo->fetch, "act-two", &before, error);
	if (code == 0)
		code = crowds_of_act_two(demo, crowds, &told, error);
	if (code == 0)
		code = check_act_two(demo, crowds, &told, &before, error);
	for (int i = 0; i < 3; i++)
		crowd_result_free(crowds[i]);
	told_fini(&told);
	return code;
}

int demo_act_two(struct demo *demo, struct error *error)
{
	demo_say_head(demo, "ACT TWO", "pulling the plug");
	demo_say("  The same server, started again on the same folder. %d tickets, held for %d seconds until they are\n"
	         "  paid; a check (simulated) turns one buyer in ten away. %d buyers come at %d a second.\n"
	         "  When %d have got one, the server is killed: kill -9. Then it is started again.\n\n",
	         HELD_STOCK, HOLD_SECONDS, HELD_BUYERS, HELD_RATE, KILL_AFTER);
	int code = demo_server_stop(&demo->server, error);
	if (code == 0)
		code = start_server(demo, with_eligibility, error);
	if (code == 0)
		code = make_drop(demo, "act-two", "Act two: held until paid", HELD_STOCK, HOLD_SECONDS, error);
	return code == 0 ? play_act_two(demo, error) : code;
}
