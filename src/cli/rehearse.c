/* dibs rehearse: a crowd against a running server, a report, and the check of what it was told. */
#include "cli/crowd_commands.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/buyer_tokens.h"
#include "cli/crowd.h"
#include "cli/crowd_check.h"
#include "cli/crowd_watch.h"
#include "cli/key_file.h"
#include "cli/numbers.h"
#include "cli/report.h"

#define EXIT_DIFFERS 1
#define EXIT_USAGE 2
#define CONNECTIONS_USUAL 256 /* more than a server needs to be busy, fewer than it would notice */
#define ANSWER_MS_USUAL 10000 /* a server's own time-out for a claim */
#define PATIENCE_MS_USUAL 20000

const char rehearse_help[] =
    "usage: dibs rehearse --drop ID --buyers N [--rate R | --burst] [options]\n"
    "\n"
    "A crowd against a running server. Every claim has its moment, fixed before the start, and its waiting is\n"
    "counted from that moment, however busy server and client are. At the end: what they were told, how long they\n"
    "waited, and whether the server's log and store say the same.\n"
    "\n"
    "The buyers are invented, the orders are real: rehearse with a drop that is made for it.\n"
    "\n"
    "  --server URL       http://127.0.0.1:8080, or DIBS_SERVER\n"
    "  --drop ID          the drop that they want\n"
    "  --sku ID           which of its SKUs; needed when there are several\n"
    "  --quantity N       so many each (1)\n"
    "  --buyers N         so many different buyers\n"
    "  --rate R           claims a second; they come as people do, by chance\n"
    "  --even             … or in even steps\n"
    "  --ramp T           the rate grows from nothing to R in this time, as in 5s\n"
    "  --burst            all at once, each over a connection of their own\n"
    "  --duration T       goes on for this long; buyers then ask more than once\n"
    "  --connections C    keep-alive connections (256; with --burst one each)\n"
    "  --retry            who gets no answer, or 503, asks again with the same key\n"
    "  --timeout T        so long they wait for an answer (10s)\n"
    "  --seed N           the same seed, the same moments (1)\n"
    "  --run NAME         beginning of the buyers' names and keys; a new one each time when not given\n"
    "  --key-file FILE    API key to claim with (shop or admin), or DIBS_KEY_FILE\n"
    "  --data DIR         … or the admin key of this data directory (dibs-data)\n"
    "  --no-check         only the crowd and its report\n"
    "  --json             report and check as one JSON object on stdout\n"
    "  --quiet            no progress on stderr\n"
    "  -h, --help         this\n"
    "\n"
    "Exit status: 0 the check holds, 1 something differs or nobody was answered, 2 wrong usage.\n"
    "\n"
    "  dibs rehearse --drop spring-sale --buyers 50000 --rate 5000\n"
    "  dibs rehearse --drop spring-sale --buyers 10000 --burst --json\n";

struct rehearsal {
	const char *url, *drop, *sku, *key_file, *data, *run, *tokens, *audience;
	uint64_t quantity, buyers, connections, seed, duration_ns, ramp_ns, timeout_ns;
	double rate;
	bool burst, even, retry, check, json, quiet, help;
	char host[FETCH_HOST_SIZE];
	uint16_t port;
	char run_made[RUN_SIZE_MAX + 1];
	char bearer[FETCH_BEARER_SIZE];
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
	interrupted = signal;
}

/* ---- arguments ---- */

enum flag {
	FLAG_SERVER = 256,
	FLAG_DROP,
	FLAG_SKU,
	FLAG_QUANTITY,
	FLAG_BUYERS,
	FLAG_RATE,
	FLAG_EVEN,
	FLAG_RAMP,
	FLAG_BURST,
	FLAG_DURATION,
	FLAG_CONNECTIONS,
	FLAG_RETRY,
	FLAG_TIMEOUT,
	FLAG_SEED,
	FLAG_RUN,
	FLAG_KEY_FILE,
	FLAG_DATA,
	FLAG_TOKENS,
	FLAG_AUDIENCE,
	FLAG_CHECK,
	FLAG_NO_CHECK,
	FLAG_JSON,
	FLAG_QUIET
};

static const struct option flags[] = {{"server", required_argument, NULL, FLAG_SERVER},
                                      {"drop", required_argument, NULL, FLAG_DROP},
                                      {"sku", required_argument, NULL, FLAG_SKU},
                                      {"quantity", required_argument, NULL, FLAG_QUANTITY},
                                      {"buyers", required_argument, NULL, FLAG_BUYERS},
                                      {"rate", required_argument, NULL, FLAG_RATE},
                                      {"even", no_argument, NULL, FLAG_EVEN},
                                      {"ramp", required_argument, NULL, FLAG_RAMP},
                                      {"burst", no_argument, NULL, FLAG_BURST},
                                      {"duration", required_argument, NULL, FLAG_DURATION},
                                      {"connections", required_argument, NULL, FLAG_CONNECTIONS},
                                      {"retry", no_argument, NULL, FLAG_RETRY},
                                      {"timeout", required_argument, NULL, FLAG_TIMEOUT},
                                      {"seed", required_argument, NULL, FLAG_SEED},
                                      {"run", required_argument, NULL, FLAG_RUN},
                                      {"key-file", required_argument, NULL, FLAG_KEY_FILE},
                                      {"data", required_argument, NULL, FLAG_DATA},
                                      {"tokens", required_argument, NULL, FLAG_TOKENS},
                                      {"audience", required_argument, NULL, FLAG_AUDIENCE},
                                      {"check", no_argument, NULL, FLAG_CHECK},
                                      {"no-check", no_argument, NULL, FLAG_NO_CHECK},
                                      {"json", no_argument, NULL, FLAG_JSON},
                                      {"quiet", no_argument, NULL, FLAG_QUIET},
                                      {"help", no_argument, NULL, 'h'},
                                      {NULL, 0, NULL, 0}};

static bool take_number(struct rehearsal *rehearsal, int flag, const char *value)
{
	switch (flag) {
	case FLAG_QUANTITY:
		return number_parse(value, 1, INT32_MAX, &rehearsal->quantity);
	case FLAG_BUYERS:
		return number_parse(value, 1, CROWD_CLAIMS_MAX, &rehearsal->buyers);
	case FLAG_CONNECTIONS:
		return number_parse(value, 1, CROWD_CONNECTIONS_MAX, &rehearsal->connections);
	case FLAG_SEED:
		return number_parse(value, 0, UINT64_MAX, &rehearsal->seed);
	case FLAG_RATE:
		return rate_parse(value, &rehearsal->rate);
	case FLAG_RAMP:
		return span_parse(value, &rehearsal->ramp_ns);
	case FLAG_DURATION:
		return span_parse(value, &rehearsal->duration_ns) && rehearsal->duration_ns > 0;
	default:
		return span_parse(value, &rehearsal->timeout_ns) && rehearsal->timeout_ns >= 1000000;
	}
}

static bool take_text(struct rehearsal *rehearsal, int flag, const char *value)
{
	const char **place = flag == FLAG_SERVER     ? &rehearsal->url
	                     : flag == FLAG_DROP     ? &rehearsal->drop
	                     : flag == FLAG_SKU      ? &rehearsal->sku
	                     : flag == FLAG_RUN      ? &rehearsal->run
	                     : flag == FLAG_KEY_FILE ? &rehearsal->key_file
	                     : flag == FLAG_DATA     ? &rehearsal->data
	                     : flag == FLAG_TOKENS   ? &rehearsal->tokens
	                     : flag == FLAG_AUDIENCE ? &rehearsal->audience
	                                             : NULL;
	if (place)
		*place = value;
	return place != NULL;
}

static bool take_switch(struct rehearsal *rehearsal, int flag)
{
	switch (flag) {
	case FLAG_EVEN:
		return rehearsal->even = true;
	case FLAG_BURST:
		return rehearsal->burst = true;
	case FLAG_RETRY:
		return rehearsal->retry = true;
	case FLAG_CHECK:
		return rehearsal->check = true;
	case FLAG_NO_CHECK:
		rehearsal->check = false;
		return true;
	case FLAG_JSON:
		return rehearsal->json = true;
	case FLAG_QUIET:
		return rehearsal->quiet = true;
	case 'h':
		return rehearsal->help = true;
	default:
		return false;
	}
}

static int usage(const char *what, const char *value)
{
	fprintf(stderr, "dibs rehearse: %s%s (dibs rehearse --help)\n", what, value);
	return EXIT_USAGE;
}

static int check_arguments(const struct rehearsal *rehearsal)
{
	if (!rehearsal->drop)
		return usage("which drop? ", "--drop ID");
	if (rehearsal->buyers == 0)
		return usage("how many? ", "--buyers N");
	if (rehearsal->burst == (rehearsal->rate > 0))
		return usage("either --rate R or --burst", rehearsal->burst ? ", not both" : "");
	if (rehearsal->burst && (rehearsal->duration_ns || rehearsal->ramp_ns || rehearsal->even))
		return usage("a burst has no --duration, --ramp or --even", "");
	return 0;
}

static int take_arguments(struct rehearsal *rehearsal, int argc, char **argv)
{
	int flag;
	optind = 0;
	opterr = 0;
	while ((flag = getopt_long(argc, argv, ":h", flags, NULL)) != -1) {
		if (flag == '?')
			return usage("unknown: ", argv[optind - 1]);
		if (flag == ':')
			return usage("a value is missing behind ", argv[optind - 1]);
		if (take_switch(rehearsal, flag) || take_text(rehearsal, flag, optarg))
			continue;
		if (!take_number(rehearsal, flag, optarg))
			return usage("not a value for this flag: ", optarg);
	}
	if (optind < argc)
		return usage("too much: ", argv[optind]);
	return rehearsal->help ? 0 : check_arguments(rehearsal);
}

/* ---- the rehearsal ---- */

/* A name of its own for every run: time in base 36, with a letter before it. */
static void make_run(char out[RUN_SIZE_MAX + 1])
{
	uint64_t number = (uint64_t)clock_wall().ms * 1000 + (uint64_t)getpid() % 1000;
	char *at = out;
	*at++ = 'r';
	for (; number; number /= 36)
		*at++ = "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36];
	*at = '\0';
}

static uint64_t claims_of(const struct rehearsal *rehearsal)
{
	if (!rehearsal->duration_ns)
		return rehearsal->buyers;
	double seconds = (double)rehearsal->duration_ns / 1e9 - (double)rehearsal->ramp_ns / 2e9;
	double claims = seconds > 0 ? rehearsal->rate * seconds : 0;
	if (claims > CROWD_CLAIMS_MAX)
		return (uint64_t)CROWD_CLAIMS_MAX + 1; /* refused by the crowd, which names the bound */
	return claims < 1 ? 1 : (uint64_t)claims;
}

static uint32_t connections_of(const struct rehearsal *rehearsal, uint64_t claims)
{
	uint64_t possible = crowd_connections_possible();
	uint64_t wanted = rehearsal->connections ? rehearsal->connections
	                  : rehearsal->burst     ? claims
	                                         : CONNECTIONS_USUAL;
	if (rehearsal->connections)
		return (uint32_t)wanted;
	if (wanted > claims)
		wanted = claims;
	return (uint32_t)(wanted < possible ? wanted : possible);
}

static struct crowd_plan plan_of(struct rehearsal *rehearsal, struct crowd_watch *watch)
{
	uint64_t claims = claims_of(rehearsal);
	uint64_t buyers = rehearsal->buyers < claims ? rehearsal->buyers : claims;
	return (struct crowd_plan){
	    .host = rehearsal->host,
	    .port = rehearsal->port,
	    .request = {.drop = rehearsal->drop,
	                .sku = rehearsal->sku,
	                .quantity = (uint32_t)rehearsal->quantity,
	                .run = rehearsal->run,
	                .buyers = (uint32_t)buyers,
	                .bearer = rehearsal->bearer},
	    .claims = (uint32_t)claims,
	    .connections = connections_of(rehearsal, claims),
	    .arrivals = {.kind = rehearsal->burst  ? ARRIVE_AT_ONCE
	                         : rehearsal->even ? ARRIVE_EVENLY
	                                           : ARRIVE_BY_CHANCE,
	                 .rate = rehearsal->rate,
	                 .ramp_ns = rehearsal->ramp_ns,
	                 .seed = rehearsal->seed},
	    .retry = rehearsal->retry,
	    .answer_ms = (uint32_t)(rehearsal->timeout_ns / 1000000),
	    .patience_ms = PATIENCE_MS_USUAL + (uint32_t)(rehearsal->timeout_ns / 1000000),
	    .progress = crowd_watch_show,
	    .progress_context = watch,
	    .stop = &interrupted,
	};
}

/* A quantity needs a SKU's name in the request; a drop's only SKU has one. */
static int name_the_sku(struct rehearsal *rehearsal, const struct drop_figures *figures, struct error *error)
{
	if (rehearsal->sku)
		return 0;
	if (!figures->only_sku[0])
		return error_set(error, FAULT_INVALID, "%s has several SKUs: which one? --sku ID", rehearsal->drop);
	if (rehearsal->quantity > 1)
		rehearsal->sku = figures->only_sku;
	return 0;
}

static int run_check(const struct rehearsal *rehearsal, struct fetch *fetch, const struct crowd_result *result,
                     const struct drop_figures *before, struct crowd_check *ret, struct error *error)
{
	struct told_list told = {0};
	snprintf(fetch->position, sizeof fetch->position, "%s", result->position);
	int code = told_add(&told, result, error);
	if (code == 0)
		code = crowd_check(&(struct check_plan){.fetch = fetch,
		                                        .drop = rehearsal->drop,
		                                        .told = &told,
		                                        .crowds = &result,
		                                        .crowd_count = 1,
		                                        .before = before,
		                                        .uninterrupted = true},
		                   ret, error);
	told_fini(&told);
	return code;
}

static int print(const struct rehearsal *rehearsal, const struct report *report, const struct crowd_check *check)
{
	struct buf out = {0};
	struct style style = style_of(stdout);
	if (rehearsal->json) {
		buf_str(&out, "{\"report\":");
		report_json(report, &out);
		if (check) {
			buf_str(&out, ",\"check\":");
			crowd_check_json(check, &out);
		}
		buf_str(&out, "}");
	} else {
		report_text(report, style, &out);
		if (check)
			crowd_check_text(check, style, &out);
	}
	buf_str(&out, rehearsal->json ? "\n" : "");
	bool written = !out.failed && fwrite(out.at, 1, out.size, stdout) == out.size && fflush(stdout) == 0;
	buf_fini(&out);
	return written ? 0 : -1;
}

/* Report and check, once the crowd has gone home. */
static int conclude(const struct rehearsal *rehearsal, struct fetch *fetch, const struct crowd_plan *plan,
                    const struct crowd_result *result, const struct drop_figures *before, struct error *error)
{
	struct report *report;
	struct crowd_check check = {.holds = true};
	int code = report_new(result, &plan->arrivals, &report, error);
	if (code)
		return code;
	if (rehearsal->check)
		code = run_check(rehearsal, fetch, result, before, &check, error);
	if (print(rehearsal, report, rehearsal->check && code == 0 ? &check : NULL) < 0 && code == 0)
		code = error_set(error, FAULT_BUSY, "the report could not be written");
	report_free(report);
	if (code)
		return code;
	return check.holds && result->granted + result->refused > 0 ? 0 : EXIT_DIFFERS;
}

/* The crowd itself: tokens first, when the buyers ask for themselves. */
static int run_crowd(struct rehearsal *rehearsal, struct crowd_plan *plan, struct crowd_result **ret,
                     struct error *error)
{
	struct crowd_watch watch;
	struct buyer_tokens tokens = {0};
	int code = 0;
	*plan = plan_of(rehearsal, &watch);
	if (rehearsal->tokens) {
		code = buyer_tokens_make(rehearsal->tokens, rehearsal->audience, rehearsal->run, plan->request.buyers,
		                         &tokens, error);
		plan->request.bearer = NULL;
		plan->request.tokens = tokens.of;
	}
	if (code == 0) {
		crowd_watch_init(&watch, rehearsal->quiet);
		code = crowd_run(plan, ret, error);
		crowd_watch_end(&watch);
	}
	buyer_tokens_fini(&tokens);
	return code;
}

static int rehearse(struct rehearsal *rehearsal, struct error *error)
{
	struct fetch fetch;
	struct drop_figures before;
	struct crowd_result *result = NULL;
	struct crowd_plan plan;
	const char *named = rehearsal->sku; /* by the user; NULL: the drop's only one, whose name lives in `before` */
	fetch_init(&fetch, rehearsal->host, rehearsal->port, rehearsal->bearer);
	int code = 0;
	if (rehearsal->check)
		code = drop_figures_read(&fetch, rehearsal->drop, &before, error);
	if (code == 0 && rehearsal->check)
		code = name_the_sku(rehearsal, &before, error);
	if (code == 0)
		code = run_crowd(rehearsal, &plan, &result, error);
	if (code == 0)
		code = conclude(rehearsal, &fetch, &plan, result, &before, error);
	rehearsal->sku = named;
	crowd_result_free(result);
	fetch_fini(&fetch);
	return code;
}

static int prepare(struct rehearsal *rehearsal, struct error *error)
{
	int code = server_url_parse(rehearsal->url, rehearsal->host, &rehearsal->port, error);
	if (code == 0)
		code = key_file_find(rehearsal->key_file, rehearsal->data, rehearsal->bearer, sizeof rehearsal->bearer,
		                     error);
	if (!rehearsal->run) {
		make_run(rehearsal->run_made);
		rehearsal->run = rehearsal->run_made;
	}
	return code;
}

int rehearse_main(int argc, char **argv)
{
	struct rehearsal rehearsal = {.url = getenv("DIBS_SERVER"),
	                              .quantity = 1,
	                              .seed = 1,
	                              .audience = "dibs",
	                              .timeout_ns = ANSWER_MS_USUAL * UINT64_C(1000000),
	                              .check = true};
	struct error error = {0};
	struct sigaction stop = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND}, before;
	int code = take_arguments(&rehearsal, argc, argv);
	if (code)
		return code;
	if (rehearsal.help)
		return fputs(rehearse_help, stdout) < 0 ? EXIT_DIFFERS : 0;
	if (!rehearsal.url)
		rehearsal.url = "http://127.0.0.1:8080";
	sigaction(SIGINT, &stop, &before); /* the first one sends the crowd home, the second one ends us */
	code = prepare(&rehearsal, &error);
	if (code == 0)
		code = rehearse(&rehearsal, &error);
	sigaction(SIGINT, &before, NULL);
	if (code < 0)
		fprintf(stderr, "dibs rehearse: %s\n", error.text);
	return code < 0 ? error_exit_status(code) : code;
}
