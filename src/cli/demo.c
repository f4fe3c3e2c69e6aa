/* dibs demo: a sale from start to end on a throw-away data directory, watched, then audited. */
#include "cli/demo.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>

#include "cli/crowd_commands.h"
#include "cli/numbers.h"

#define EXIT_BROKEN 1
#define EXIT_USAGE 2
#define BUYERS_USUAL 10000
#define STOCK_USUAL 100
#define BUYERS_MAX 1000000 /* more would not be a demo; dibs rehearse takes ten times as many */
#define STOCK_MAX 1000000

const char demo_help[] =
    "usage: dibs demo [--buyers N] [--stock N] [--keep]\n"
    "\n"
    "A sale from start to end on this machine, over real sockets, in a throw-away folder: a crowd falls upon a few\n"
    "units; then another sale, with payment, in the middle of which the server is killed; then the audit.\n"
    "\n"
    "  --buyers N   so many people in the first act (10000)\n"
    "  --stock N    so many units for them (100)\n"
    "  --keep       leave the folder behind, and say where it is\n"
    "  -h, --help   this\n"
    "\n"
    "Exit status: 0 every promise was kept, 1 one was not or the demo could not be run, 2 wrong usage.\n"
    "\n"
    "  dibs demo\n"
    "  dibs demo --buyers 1000 --stock 5\n";

volatile sig_atomic_t demo_interrupted;

static void on_interrupt(int signal)
{
	demo_interrupted = signal;
}

void demo_say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	fflush(stdout);
}

void demo_say_head(const struct demo *demo, const char *act, const char *title)
{
	char room[16];
	demo_say("\n%s%s%s  %s\n\n", style_begin(demo->style, "1", room), act, style_end(demo->style), title);
}

void demo_say_kept(struct demo *demo, bool kept, const char *format, ...)
{
	char room[16], text[256];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	demo_say("    %s%s%s %s\n", style_begin(demo->style, kept ? "32" : "31", room), kept ? "yes" : "NO ",
	         style_end(demo->style), text);
	demo->kept = demo->kept && kept;
}

static void say_prologue(const struct demo *demo)
{
	char buyers[FIGURE_SIZE], stock[FIGURE_SIZE];
	demo_say_head(demo, "dibs demo", "a sale from start to end, on this machine");
	demo_say("  %s people, %s units. The server is this same program, in a process of its own,\n",
	         figure_count(demo->buyers, buyers), figure_count(demo->stock, stock));
	demo_say("  with its log on this disk: %s\n\n", demo->server.data);
	demo_say("  What is promised: no unit is sold twice, nobody gets more than their share, what was\n"
	         "  answered stays true after a crash, first come is first served - and everybody is answered.\n");
}

static int act_three(struct demo *demo, struct error *error)
{
	demo_say_head(demo, "ACT THREE", "the books");
	demo_say("  The server is stopped. Another process reads its log from the first record on, works out\n"
	         "  every sale again, checks each promise at every step, and compares the read model row by row.\n\n");
	if (demo->server.process) {
		int code = demo_server_stop(&demo->server, error);
		if (code)
			return code;
	}
	int status = demo_server_audit(&demo->server, error);
	if (status < 0)
		return status;
	demo_say("\n");
	demo_say_kept(demo, status == 0, "dibs audit: exit status %d", status);
	return 0;
}

static void say_epilogue(const struct demo *demo, uint64_t took_ns)
{
	char figure[FIGURE_SIZE], room[16];
	demo_say("\n  %s%s%s It took %s.\n", style_begin(demo->style, demo->kept ? "1;32" : "1;31", room),
	         demo->kept ? "Every promise was kept." : "A promise was broken: see NO above.", style_end(demo->style),
	         figure_time(took_ns, figure));
	if (demo->keep)
		demo_say("  The folder is kept: %s\n", demo->server.folder);
	else
		demo_say("  The folder is gone again. Your own sale: dibs serve --help\n");
	demo_say("\n");
}

static int play(struct demo *demo, struct error *error)
{
	struct mono_ns began = clock_mono();
	say_prologue(demo);
	int code = demo_act_one(demo, error);
	if (code == 0)
		code = demo_act_two(demo, error);
	if (code == 0)
		code = act_three(demo, error);
	if (code == 0)
		say_epilogue(demo, clock_mono().ns - began.ns);
	return code;
}

/* ---- arguments ---- */

static int usage(const char *what, const char *value)
{
	fprintf(stderr, "dibs demo: %s%s (dibs demo --help)\n", what, value);
	return EXIT_USAGE;
}

static int take_arguments(struct demo *demo, bool *ret_help, int argc, char **argv)
{
	static const struct option flags[] = {{"buyers", required_argument, NULL, 'b'},
	                                      {"stock", required_argument, NULL, 's'},
	                                      {"keep", no_argument, NULL, 'k'},
	                                      {"help", no_argument, NULL, 'h'},
	                                      {NULL, 0, NULL, 0}};
	uint64_t buyers = BUYERS_USUAL, stock = STOCK_USUAL;
	int flag;
	optind = 0;
	opterr = 0;
	while ((flag = getopt_long(argc, argv, ":h", flags, NULL)) != -1) {
		if (flag == '?')
			return usage("unknown: ", argv[optind - 1]);
		if (flag == ':')
			return usage("a value is missing behind ", argv[optind - 1]);
		if (flag == 'b' && !number_parse(optarg, 1, BUYERS_MAX, &buyers))
			return usage("--buyers is 1 to 1000000, not ", optarg);
		if (flag == 's' && !number_parse(optarg, 1, STOCK_MAX, &stock))
			return usage("--stock is 1 to 1000000, not ", optarg);
		demo->keep = demo->keep || flag == 'k';
		*ret_help = *ret_help || flag == 'h';
	}
	if (optind < argc)
		return usage("too much: ", argv[optind]);
	demo->buyers = (uint32_t)buyers;
	demo->stock = (uint32_t)stock;
	return 0;
}

static void heed_signals(void (*handler)(int signal))
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = handler};
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &action, NULL);
}

int demo_main(int argc, char **argv)
{
	struct demo demo = {.kept = true, .style = style_of(stdout)};
	struct error error = {0};
	bool help = false;
	int code = take_arguments(&demo, &help, argc, argv);
	if (code)
		return code;
	if (help)
		return fputs(demo_help, stdout) < 0 ? EXIT_BROKEN : 0;
	heed_signals(on_interrupt);
	code = demo_server_init(&demo.server, &error);
	if (code == 0)
		code = play(&demo, &error);
	fetch_fini(&demo.fetch);
	demo_server_fini(&demo.server, demo.keep);
	heed_signals(SIG_DFL);
	if (demo_interrupted)
		fprintf(stderr, "\ndibs demo: interrupted; everything is cleared away\n");
	else if (code < 0)
		fprintf(stderr, "dibs demo: %s\n", error.text);
	return code < 0 || demo_interrupted || !demo.kept ? EXIT_BROKEN : 0;
}
