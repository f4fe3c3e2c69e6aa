/* The engine of crowd.h on libuv: a pool of visitors, each a connection that carries one claim at a time. */
#include "cli/crowd_inside.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"

#define SEND_AT_ONCE 64 /* claims sent before answers are looked at again */
#define OPENING_MAX 256 /* connections in the making: below every usual listen backlog */
#define OPENING_TIME_NS UINT64_C(10000000000)
#define ALARM_GRAIN_NS UINT64_C(50000) /* claims due this close together leave together: far below what is measured */
#define TICK_MS 10

static uint64_t now_ns(void)
{
	return clock_mono().ns;
}

static uint64_t thread_ns(void)
{
	struct timespec used;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

static void open_more(struct crowd *crowd)
{
	uint64_t now = now_ns();
	while (!crowd->ending && crowd->opening_count < OPENING_MAX) {
		struct visitor *visitor = TAILQ_FIRST(&crowd->away);
		if (!visitor || visitor->since_ns > now)
			return;
		visitor_open(visitor);
	}
}

static void ask_first(struct crowd *crowd, uint64_t now)
{
	uint32_t claim = crowd->next++;
	struct crowd_answer *answer = &crowd->result->answers[claim];
	answer->sent_ns = now - crowd->start_ns;
	crowd->result->asked++;
	if (answer->due_ns + crowd->start_ns <= crowd->stalled_ns)
		crowd->result->limits.waited++;
	visitor_ask(TAILQ_FIRST(&crowd->idle), claim, now);
}

static void ask_again(struct crowd *crowd, uint64_t now)
{
	uint32_t claim = crowd->again[crowd->again_head];
	crowd->again_head = (crowd->again_head + 1) % crowd->plan->claims;
	crowd->again_count--;
	crowd->result->retries++;
	visitor_ask(TAILQ_FIRST(&crowd->idle), claim, now);
}

static uint64_t next_due_ns(const struct crowd *crowd)
{
	if (crowd->next == crowd->plan->claims)
		return CROWD_NEVER;
	return crowd->start_ns + crowd->result->answers[crowd->next].due_ns;
}

static uint64_t next_again_ns(const struct crowd *crowd)
{
	if (crowd->again_count == 0)
		return CROWD_NEVER;
	return crowd->start_ns + crowd->result->answers[crowd->again[crowd->again_head]].again_ns;
}

static void alarm_set(struct crowd *crowd, uint64_t at_ns)
{
	if (crowd->alarm_ns && crowd->alarm_ns <= at_ns)
		return; /* it rings soon enough, and is set anew then */
	struct itimerspec when = {.it_value = {(time_t)(at_ns / 1000000000u), (long)(at_ns % 1000000000u)}};
	must(timerfd_settime(crowd->alarm_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0);
	crowd->alarm_ns = at_ns;
}

static void on_hurry(uv_idle_t *idle)
{
	/* its being active makes the loop poll without waiting; the sending is done in on_check */
}

/* What comes next: at once, at a moment, or when somebody is free again. */
static void wait_for_next(struct crowd *crowd, uint64_t now)
{
	uint64_t due = next_due_ns(crowd), again = next_again_ns(crowd);
	uint64_t at = due < again ? due : again;
	bool free = !TAILQ_EMPTY(&crowd->idle);
	if (free && at <= now) {
		uv_idle_start(&crowd->hurry, on_hurry);
		return;
	}
	uv_idle_stop(&crowd->hurry);
	if (free && at != CROWD_NEVER)
		alarm_set(crowd, at > now + ALARM_GRAIN_NS ? at : now + ALARM_GRAIN_NS);
}

static void send_due(struct crowd *crowd)
{
	uint64_t now = now_ns();
	for (int i = 0; i < SEND_AT_ONCE && !TAILQ_EMPTY(&crowd->idle); i++) {
		if (next_again_ns(crowd) <= now)
			ask_again(crowd, now);
		else if (next_due_ns(crowd) <= now)
			ask_first(crowd, now);
		else
			break;
		now = now_ns();
	}
	if (TAILQ_EMPTY(&crowd->idle))
		crowd->stalled_ns = now;
	wait_for_next(crowd, now);
}

static void on_alarm(uv_poll_t *poll, int status, int events)
{
	struct crowd *crowd = poll->data;
	uint64_t times;
	crowd->alarm_ns = 0;
	if (read(crowd->alarm_fd, &times, sizeof times) < 0)
		return; /* set anew meanwhile: it will ring again */
}

static void close_handle(uv_handle_t *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void go_home(struct crowd *crowd)
{
	if (crowd->ending)
		return;
	crowd->ending = true;
	crowd->result->limits.busy_ns = thread_ns() - crowd->busy_from_ns;
	for (uint32_t i = 0; i < crowd->plan->connections; i++) {
		bool busy = crowd->all[i].state == VISITOR_BUSY;
		visitor_close(&crowd->all[i]);
		if (busy)
			crowd_settle(crowd, crowd->all[i].claim, 0, TEXT("no_answer"));
	}
	for (; crowd->again_count; crowd->again_count--) {
		crowd_settle(crowd, crowd->again[crowd->again_head], 0, TEXT("no_answer"));
		crowd->again_head = (crowd->again_head + 1) % crowd->plan->claims;
	}
	close_handle((uv_handle_t *)&crowd->check);
	close_handle((uv_handle_t *)&crowd->hurry);
	close_handle((uv_handle_t *)&crowd->tick);
	close_handle((uv_handle_t *)&crowd->alarm);
}

static void start(struct crowd *crowd)
{
	uint64_t now = now_ns();
	crowd->started = true;
	crowd->start_ns = now;
	crowd->busy_from_ns = thread_ns();
	crowd->result->opened_ns = now - crowd->begun_ns;
	crowd->result->started_at = clock_wall();
}

static void give_up_opening(struct crowd *crowd)
{
	crowd->code = error_set(crowd->error, FAULT_FULL, "only %u of %u connections could be opened in %u s%s%s",
	                        crowd->open_count, crowd->plan->connections, (unsigned)(OPENING_TIME_NS / 1000000000u),
	                        crowd->open_fault ? ": " : "", crowd->open_fault ? uv_strerror(crowd->open_fault) : "");
	go_home(crowd);
}

static void nobody_there(struct crowd *crowd)
{
	crowd->code = error_set(crowd->error, FAULT_NOT_FOUND, "nobody answers at %s: %s", crowd->host,
	                        uv_strerror(crowd->open_fault));
	go_home(crowd);
}

static void on_check(uv_check_t *check)
{
	struct crowd *crowd = check->data;
	if (!crowd->started) {
		open_more(crowd);
		if (crowd->open_count == crowd->plan->connections)
			start(crowd);
		else if (crowd->open_fault == UV_ECONNREFUSED && crowd->open_count == 0)
			nobody_there(crowd);
	}
	if (crowd->started && !crowd->ending)
		send_due(crowd);
	if (crowd->settled == crowd->plan->claims)
		go_home(crowd);
}

static void lose_the_silent(struct crowd *crowd, uint64_t now)
{
	uint64_t patience = (uint64_t)crowd->plan->answer_ms * 1000000u;
	struct visitor *visitor;
	while ((visitor = TAILQ_FIRST(&crowd->busy)) && now > visitor->since_ns + patience)
		visitor_lost(visitor, "no_answer");
}

static void tell_progress(struct crowd *crowd, uint64_t now)
{
	const struct crowd_result *result = crowd->result;
	struct crowd_progress progress = {
	    .claims = crowd->plan->claims,
	    .asked = result->asked,
	    .told = crowd->settled,
	    .granted = result->granted,
	    .refused = result->refused,
	    .failed = result->failed,
	    .on_their_way = result->asked - crowd->settled,
	    .connections = crowd->open_count,
	    .elapsed_ns = crowd->started ? now - crowd->start_ns + 1 : 0,
	};
	if (crowd->plan->progress)
		crowd->plan->progress(crowd->plan->progress_context, &progress);
}

static void on_tick(uv_timer_t *timer)
{
	struct crowd *crowd = timer->data;
	uint64_t now = now_ns();
	tell_progress(crowd, now);
	if (crowd->plan->stop && *crowd->plan->stop) {
		crowd->result->stopped = true;
		go_home(crowd);
	} else if (!crowd->started && now > crowd->begun_ns + OPENING_TIME_NS) {
		give_up_opening(crowd);
	} else if (crowd->started) {
		lose_the_silent(crowd, now);
		open_more(crowd);
		if (now > crowd_patience_ends_ns(crowd))
			go_home(crowd);
	}
}

static int resolve(struct crowd *crowd, struct error *error)
{
	const struct crowd_plan *plan = crowd->plan;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	char port[8];
	snprintf(port, sizeof port, "%u", plan->port);
	int code = getaddrinfo(plan->host, port, &hints, &found);
	if (code)
		return error_set(error, FAULT_NOT_FOUND, "%s: %s", plan->host, gai_strerror(code));
	memcpy(&crowd->server, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	snprintf(crowd->host, sizeof crowd->host, strchr(plan->host, ':') ? "[%s]:%u" : "%s:%u", plan->host,
	         plan->port);
	return 0;
}

static int check_plan(const struct crowd_plan *plan, struct error *error)
{
	if (plan->claims == 0 || plan->claims > CROWD_CLAIMS_MAX)
		return error_set(error, FAULT_INVALID, "claims: 1 to %d", CROWD_CLAIMS_MAX);
	if (plan->request.buyers > plan->claims)
		return error_set(error, FAULT_INVALID, "buyers: %u claims are too few for %u buyers", plan->claims,
		                 plan->request.buyers);
	uint32_t possible = crowd_connections_possible();
	if (plan->connections == 0 || plan->connections > possible)
		return error_set(error, FAULT_FULL, "connections: 1 to %u here (ulimit -n bounds them)", possible);
	return 0;
}

static int take_memory(struct crowd *crowd, struct error *error)
{
	const struct crowd_plan *plan = crowd->plan;
	struct crowd_result *result = crowd->result;
	uint64_t *due_ns = malloc(plan->claims * sizeof *due_ns);
	result->answers = calloc(plan->claims, sizeof *result->answers);
	crowd->all = calloc(plan->connections, sizeof *crowd->all);
	crowd->again = plan->retry ? calloc(plan->claims, sizeof *crowd->again) : NULL;
	if (!due_ns || !result->answers || !crowd->all || (plan->retry && !crowd->again)) {
		free(due_ns);
		return error_set(error, FAULT_MEMORY, "no memory for a crowd of %u claims", plan->claims);
	}
	arrivals_fill(&plan->arrivals, due_ns, plan->claims);
	for (uint32_t i = 0; i < plan->claims; i++)
		result->answers[i] = (struct crowd_answer){.due_ns = due_ns[i],
		                                           .sent_ns = CROWD_NEVER,
		                                           .told_ns = CROWD_NEVER,
		                                           .again_ns = CROWD_NEVER,
		                                           .code = UINT8_MAX};
	free(due_ns);
	return 0;
}

static void init_visitors(struct crowd *crowd)
{
	TAILQ_INIT(&crowd->away);
	TAILQ_INIT(&crowd->idle);
	TAILQ_INIT(&crowd->busy);
	for (uint32_t i = 0; i < crowd->plan->connections; i++) {
		crowd->all[i].crowd = crowd;
		TAILQ_INSERT_TAIL(&crowd->away, &crowd->all[i], in);
	}
}

static int open_loop(struct crowd *crowd, struct error *error)
{
	crowd->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (crowd->alarm_fd < 0)
		return error_set(error, FAULT_FULL, "no timer: %s", strerror(errno));
	if (uv_loop_init(&crowd->loop) < 0) {
		close(crowd->alarm_fd);
		return error_set(error, FAULT_FULL, "no event loop: %s", strerror(errno));
	}
	must(uv_check_init(&crowd->loop, &crowd->check) == 0);
	must(uv_idle_init(&crowd->loop, &crowd->hurry) == 0);
	must(uv_timer_init(&crowd->loop, &crowd->tick) == 0);
	must(uv_poll_init(&crowd->loop, &crowd->alarm, crowd->alarm_fd) == 0);
	crowd->check.data = crowd->tick.data = crowd->alarm.data = crowd;
	must(uv_check_start(&crowd->check, on_check) == 0);
	must(uv_timer_start(&crowd->tick, on_tick, 0, TICK_MS) == 0);
	must(uv_poll_start(&crowd->alarm, UV_READABLE, on_alarm) == 0);
	return 0;
}

static int run_loop(struct crowd *crowd, struct error *error)
{
	int code = open_loop(crowd, error);
	if (code)
		return code;
	crowd->begun_ns = now_ns();
	init_visitors(crowd);
	uv_run(&crowd->loop, UV_RUN_DEFAULT);
	must(uv_loop_close(&crowd->loop) == 0);
	close(crowd->alarm_fd);
	if (crowd->result->position[0])
		snprintf(crowd->result->position, sizeof crowd->result->position, "%llu-%llu",
		         (unsigned long long)crowd->position_log, (unsigned long long)crowd->position);
	return crowd->code;
}

static int prepare(struct crowd *crowd, struct error *error)
{
	struct claim_request_options request = crowd->plan->request;
	int code = check_plan(crowd->plan, error);
	if (code == 0)
		code = resolve(crowd, error);
	if (code)
		return code;
	if (!request.host)
		request.host = crowd->host;
	code = claim_request_prepare(&crowd->request, &request, error);
	if (code)
		return code;
	return take_memory(crowd, error);
}

static void crowd_free(struct crowd *crowd)
{
	claim_request_fini(&crowd->request);
	free(crowd->all);
	free(crowd->again);
	free(crowd);
}

int crowd_run(const struct crowd_plan *plan, struct crowd_result **ret, struct error *error)
{
	struct crowd *crowd = calloc(1, sizeof *crowd);
	struct crowd_result *result = calloc(1, sizeof *result);
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	if (!crowd || !result) {
		free(crowd);
		free(result);
		return error_set(error, FAULT_MEMORY, "no memory for a crowd");
	}
	*result = (struct crowd_result){.claims = plan->claims,
	                                .buyers = plan->request.buyers,
	                                .connections = plan->connections,
	                                .run = plan->request.run};
	*crowd = (struct crowd){.plan = plan, .result = result, .error = error};
	sigaction(SIGPIPE, &ignore, &before); /* a lost connection is an answer, not the end of us */
	int code = prepare(crowd, error);
	if (code == 0)
		code = run_loop(crowd, error);
	sigaction(SIGPIPE, &before, NULL);
	crowd_free(crowd);
	if (code)
		crowd_result_free(result);
	else
		*ret = result;
	return code;
}

uint32_t crowd_connections_possible(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return 0;
	if (files.rlim_cur < files.rlim_max) {
		struct rlimit raised = {files.rlim_max, files.rlim_max};
		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			files = raised;
	}
	if (files.rlim_cur <= CROWD_SPARE_FILES)
		return 0;
	rlim_t possible = files.rlim_cur - CROWD_SPARE_FILES;
	return possible < CROWD_CONNECTIONS_MAX ? (uint32_t)possible : CROWD_CONNECTIONS_MAX;
}
