/* serve: dibs serve, from the first line on stderr to the exit status. */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log_line.h"
#include "base/must.h"
#include "cli/subcommands.h"
#include "cli/wiring.h"

static void block(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, set, NULL);
}

/* The log is safe at every moment, so that leaving in the middle of a start or a stop loses nothing acknowledged. */
static _Noreturn void leave_at_once(int signal_number)
{
	_exit(128 + signal_number);
}

/* A thread of its own waits for signals: while the main one starts, which may take minutes, it cannot. */
struct watch {
	sigset_t signals;
	_Atomic bool ready; /* clients may have heard so: from here on a stop is graceful */
	_Atomic int stop_signal;
	sem_t stop;
};

static struct watch watch;

static int await_signal(void)
{
	int signal_number;
	must(sigwait(&watch.signals, &signal_number) == 0);
	return signal_number;
}

/* During a start the first signal ends the process at once; afterwards the second one does. */
static void *watch_main(void *context)
{
	int signal_number = await_signal();
	if (!atomic_load(&watch.ready))
		leave_at_once(signal_number);
	atomic_store(&watch.stop_signal, signal_number);
	sem_post(&watch.stop);
	leave_at_once(await_signal());
}

static int watch_start(struct error *error)
{
	pthread_t thread;
	block(&watch.signals);
	sem_init(&watch.stop, 0, 0);
	if (pthread_create(&thread, NULL, watch_main, NULL) != 0)
		return error_set(error, FAULT_MEMORY, "the thread that waits for signals does not start");
	pthread_setname_np(thread, "signals");
	pthread_detach(thread);
	return 0;
}

static void watch_ready(void)
{
	atomic_store(&watch.ready, true);
}

static int watch_wait(void)
{
	while (sem_wait(&watch.stop) != 0)
		;
	return atomic_load(&watch.stop_signal);
}

static void put_next(struct buf *out, const char *what, const struct settings *settings, uint16_t port)
{
	buf_printf(out, "dibs %s --data %s", what, setting_text(settings, SETTING_DATA));
	if (port != 8080)
		buf_printf(out, " --server http://127.0.0.1:%u", port);
	buf_put(out, "", 1);
}

/* The first start: what was made, and what one may want to do next. */
static void tell_made(const struct wiring *wiring, const struct settings *settings)
{
	const struct wiring_made *made = wiring_made(wiring);
	const char *data = setting_text(settings, SETTING_DATA);
	struct buf first = {0}, second = {0};
	if (!made->admin_key)
		return;
	put_next(&first, "drop create first --sku unit=10 --limit 1 --open", settings, wiring_port(wiring));
	put_next(&second, "orders claim first alice", settings, wiring_port(wiring));
	if (first.failed || second.failed)
		return;
	if (isatty(STDERR_FILENO))
		fprintf(stderr,
		        "made   %s/admin.key, the key of the first operator%s\n"
		        "next   %s\n"
		        "then   %s\n",
		        data, made->token_secret ? ", and a secret for buyer tokens" : "", first.at, second.at);
	else
		log_line(LOG_INFO, "made", LOG_TEXT("data", data), LOG_TEXT("admin_key", "admin.key"),
		         LOG_TEXT("token_secret", made->token_secret ? "main.key" : ""), LOG_TEXT("next", first.at),
		         LOG_TEXT("then", second.at));
	buf_fini(&first);
	buf_fini(&second);
}

/* A start that failed: threads may run already over what was opened, so nothing is taken down. */
static _Noreturn void leave(const struct error *error)
{
	fprintf(stderr, "dibs serve: %s\n", error->text);
	_exit(error_exit_status(error->code));
}

SUBCOMMAND(serve_run)
{
	static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR};
	const struct settings *settings = &invocation->settings;
	struct wiring *wiring;
	int rc = settings_fit(settings, error);
	if (rc < 0)
		return rc;
	log_level_set(levels[setting_number(settings, SETTING_LOG_LEVEL)]);
	umask(0077); /* what a data directory holds is its owner's alone */
	rc = watch_start(error);
	if (rc < 0)
		return rc;
	rc = wiring_open(settings, watch_ready, &wiring, error);
	if (rc < 0)
		leave(error);
	tell_made(wiring, settings);
	log_line(LOG_INFO, "serving", LOG_NUMBER("port", wiring_port(wiring)), LOG_TEXT("version", DIBS_VERSION));
	log_line(LOG_INFO, "stopping", LOG_NUMBER("signal", watch_wait()));
	wiring_stop(wiring);
	log_line(LOG_INFO, "stopped", LOG_TEXT("version", DIBS_VERSION));
	return 0;
}
