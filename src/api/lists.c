/* lists: orders by drop and by buyer, newest first, from the read model. */
#include "api/page.h"
#include "api/render.h"
#include "api/routes.h"

const char *const list_query[] = {"cursor", "limit", "status", NULL};
#define QUERY_STATUS 2

struct list_job {
	struct job job;
	struct store_page page;
	struct page_request request;
	size_t terms_size;
	char terms[ID_SIZE_MAX + 1 + BUYER_SIZE_MAX]; /* whose list: drop, blank, buyer; neither has any blank */
	uint32_t count;
	uint64_t last; /* sequence of the last row that is shown */
	bool more;
	uint64_t position;
	struct wall_ms as_of;
};

/* One row more is asked for than shown: it says that there is a next page. */
static void list_row(void *context, const struct store_order *order)
{
	struct list_job *job = context;
	if (job->count == job->request.limit) {
		job->more = true;
		return;
	}
	if (job->count++)
		buf_put(&job->job.body, ",", 1);
	render_order(&job->job.body, job->job.call->api->options.log_number, order);
	job->last = order->sequence;
}

static void list_work(struct job *base)
{
	struct list_job *job = (struct list_job *)base;
	struct store *store = base->call->api->options.store;
	base->fault = store->ops->position(store, &job->position, &job->as_of, &base->error);
	if (base->fault >= 0)
		base->fault = store->ops->orders(store, &job->page, list_row, job, &base->error);
}

static void list_done(struct job *base)
{
	struct list_job *job = (struct list_job *)base;
	struct call *call = base->call;
	struct buf *body = call_body(call);
	buf_str(body, "{\"orders\":[");
	buf_text(body, buf_as_text(&base->body));
	buf_put(body, "]", 1);
	if (job->more)
		page_next(call, body, CURSOR_ORDERS, (struct text){job->terms, job->terms_size}, job->last);
	buf_str(body, ",\"as_of\":");
	render_time(body, job->as_of);
	buf_put(body, "}", 1);
	call_position(call, job->position);
	call_reply(call, 200);
}

static bool read_status(struct call *call, struct text status, int *ret)
{
	enum order_status parsed;
	*ret = -1;
	if (!status.at)
		return true;
	if (!order_status_parse(status, &parsed)) {
		call_invalid(call, "status", "One of pending, completed, canceled, expired.");
		return false;
	}
	*ret = (int)parsed;
	return true;
}

static void set_terms(struct list_job *job, struct text drop, struct text buyer)
{
	memcpy(job->terms, drop.at, drop.size);
	job->terms[drop.size] = ' ';
	memcpy(job->terms + drop.size + 1, buyer.at, buyer.size);
	job->terms_size = drop.size + 1 + buyer.size;
}

/* drop, buyer: within their bounds, or empty for all. */
static void list(struct call *call, struct text drop, struct text buyer)
{
	struct list_job *job = call_alloc(call, sizeof *job);
	if (!job)
		return;
	set_terms(job, drop, buyer);
	if (!call_read_position(call, &job->job.position) ||
	    !page_read(call, list_query, CURSOR_ORDERS, (struct text){job->terms, job->terms_size}, &job->request) ||
	    !read_status(call, job->request.query.value[QUERY_STATUS], &job->page.status))
		return;
	job->page.drop = drop;
	job->page.buyer = buyer;
	job->page.before = job->request.place;
	job->page.limit = job->request.limit + 1;
	job->job.work = list_work;
	job->job.done = list_done;
	call_read(call, &job->job);
}

static bool drop_is_known(struct call *call)
{
	uint32_t drop;
	if (text_is_id(call->match.parameter[0]) && views_drop_find(call->api->views, call->match.parameter[0], &drop))
		return true;
	call_refuse(call, "unknown_drop", "There is no such drop.");
	return false;
}

void orders_of_drop(struct call *call)
{
	if (drop_is_known(call))
		list(call, call->match.parameter[0], TEXT(""));
}

void orders_of_buyer(struct call *call)
{
	if (!text_is_visible(call->match.parameter[1], BUYER_SIZE_MAX))
		call_invalid(call, "buyer", "A buyer has 1 to 64 visible ASCII bytes.");
	else if (drop_is_known(call))
		list(call, call->match.parameter[0], call->match.parameter[1]);
}

void orders_of_me(struct call *call)
{
	list(call, TEXT(""), principal_name(&call->principal));
}
