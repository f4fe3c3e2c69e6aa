#include "cli/order_book.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/time.h"
#include "cli/json_view.h"

#define PAGE_TRIES_S 30 /* so long the read model may lag behind a burst before the reader gives up */
#define PATH_SIZE 512

static bool copy_string(char *out, size_t capacity, struct text value)
{
	if (value.size < 2 || value.at[0] != '"' || value.size - 2 >= capacity || memchr(value.at, '\\', value.size))
		return false;
	memcpy(out, value.at + 1, value.size - 2);
	out[value.size - 2] = '\0';
	return true;
}

static int64_t integer_or(struct text object, const char *name, int64_t standard)
{
	int64_t value;
	return json_integer(json_member(object, name), &value) ? value : standard;
}

static bool read_order(struct text object, struct book_order *ret)
{
	struct book_order order = {.units = 0};
	struct text lines = json_member(object, "lines"), line;
	size_t at = 0;
	if (!copy_string(order.order, sizeof order.order, json_member(object, "id")) ||
	    !copy_string(order.status, sizeof order.status, json_member(object, "status")) ||
	    !copy_string(order.buyer, sizeof order.buyer, json_member(object, "buyer")))
		return false;
	while (json_next(lines, &at, &line)) {
		int64_t quantity = integer_or(line, "quantity", 0);
		if (quantity < 1)
			return false;
		order.units += (uint64_t)quantity;
	}
	*ret = order;
	return order.units > 0;
}

static int book_add(struct order_book *book, const struct book_order *order, struct error *error)
{
	if (book->count == book->capacity) {
		size_t capacity = book->capacity ? book->capacity * 2 : 1024;
		struct book_order *grown = reallocarray(book->orders, capacity, sizeof *grown);
		if (!grown)
			return error_set(error, FAULT_MEMORY, "no memory for %zu orders", capacity);
		book->orders = grown;
		book->capacity = capacity;
	}
	book->orders[book->count++] = *order;
	return 0;
}

static int add_page(struct order_book *book, struct text page, struct error *error)
{
	struct text orders = json_member(page, "orders"), object;
	size_t at = 0;
	int code = 0;
	if (orders.size == 0)
		return error_set(error, FAULT_INVALID, "the server's list of orders has no orders in it: %.*s",
		                 (int)(page.size < 100 ? page.size : 100), page.at);
	while (code == 0 && json_next(orders, &at, &object)) {
		struct book_order order;
		if (!read_order(object, &order))
			return error_set(error, FAULT_INVALID, "an order that is none: %.*s",
			                 (int)(object.size < 200 ? object.size : 200), object.at);
		code = book_add(book, &order, error);
	}
	return code;
}

/* A list may have to wait until the read model is where the crowd was; the server says 503 meanwhile. */
static int get_patiently(struct fetch *fetch, const char *path, struct error *error)
{
	uint64_t until = clock_mono().ns + PAGE_TRIES_S * UINT64_C(1000000000);
	struct timespec pause = {.tv_nsec = 100000000};
	int status;
	while ((status = fetch_call(fetch, "GET", path, TEXT_NONE, NULL, error)) == 503 && clock_mono().ns < until)
		nanosleep(&pause, NULL);
	if (status < 0 || status == 200)
		return status;
	return error_set(error, FAULT_BUSY, "GET %s: the server answers %d", path, status);
}

static int by_order(const void *left, const void *right)
{
	const struct book_order *a = left, *b = right;
	return strcmp(a->order, b->order);
}

static int read_pages(struct fetch *fetch, const char *drop, struct order_book *book, struct error *error)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof path, "/v1/drops/%s/orders?limit=1000", drop);
	while (path[0]) {
		int status = get_patiently(fetch, path, error);
		if (status < 0)
			return status;
		int code = add_page(book, buf_as_text(&fetch->body), error);
		if (code)
			return code;
		struct text next = fetch_next(fetch);
		if (next.size >= sizeof path)
			return error_set(error, FAULT_INVALID, "a cursor of %zu bytes", next.size);
		snprintf(path, sizeof path, "%.*s", (int)next.size, next.size ? next.at : "");
	}
	return 0;
}

int order_book_read(struct fetch *fetch, const char *drop, struct order_book *ret, struct error *error)
{
	struct order_book book = {0};
	int code = read_pages(fetch, drop, &book, error);
	if (code) {
		order_book_fini(&book);
		return code;
	}
	if (book.count)
		qsort(book.orders, book.count, sizeof *book.orders, by_order);
	*ret = book;
	return 0;
}

void order_book_fini(struct order_book *book)
{
	free(book->orders);
	*book = (struct order_book){0};
}

const struct book_order *order_book_find(const struct order_book *book, const char *order)
{
	struct book_order wanted = {.units = 0};
	if (book->count == 0 || strlen(order) >= sizeof wanted.order)
		return NULL;
	strcpy(wanted.order, order);
	return bsearch(&wanted, book->orders, book->count, sizeof *book->orders, by_order);
}

int order_read(struct fetch *fetch, const char *order, struct book_order *ret, struct error *error)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof path, "/v1/orders/%s", order);
	int status = fetch_call(fetch, "GET", path, TEXT_NONE, NULL, error);
	if (status < 0 || status == 404)
		return status < 0 ? status : 0;
	if (status != 200 || !read_order(buf_as_text(&fetch->body), ret))
		return error_set(error, FAULT_INVALID, "GET %s: the server answers %d, and no order", path, status);
	return 1;
}

/* ---- figures ---- */

static void add_units(struct drop_figures *figures, struct text sku)
{
	figures->stock += integer_or(sku, "stock", 0);
	figures->free += integer_or(sku, "free", 0);
	figures->held += integer_or(sku, "held", 0);
	figures->sold += integer_or(sku, "sold", 0);
}

static int read_units(struct fetch *fetch, const char *drop, struct drop_figures *ret, struct error *error)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof path, "/v1/drops/%s", drop);
	int status = fetch_done(fetch, "GET", path, TEXT_NONE, NULL, error);
	if (status < 0)
		return status;
	struct text object = buf_as_text(&fetch->body), skus = json_member(object, "skus"), sku;
	size_t at = 0, count = 0;
	for (; json_next(skus, &at, &sku); count++) {
		add_units(ret, sku);
		copy_string(ret->only_sku, sizeof ret->only_sku, json_member(sku, "id"));
	}
	if (count == 0)
		return error_set(error, FAULT_INVALID, "GET %s: no SKUs in it", path);
	if (count > 1)
		ret->only_sku[0] = '\0';
	ret->limit = integer_or(object, "limit_per_buyer", -1);
	return 0;
}

/* "refused": {"sold_out": 9900, …}: known reasons are asked for by name, so that nothing has to be taken apart. */
static void read_refusals(struct text refused, struct drop_figures *ret)
{
	static const char *const codes[] = {
#define V(name, number, status, code, sentence) code,
#include "core/verdict.def"
#undef V
	};
	for (size_t i = 0; i < sizeof codes / sizeof *codes && ret->refusal_count < BOOK_CODES_MAX; i++) {
		int64_t count = codes[i][0] ? integer_or(refused, codes[i], -1) : -1;
		if (count < 0 || drop_figures_refused(ret, codes[i]) > 0)
			continue;
		snprintf(ret->refusal[ret->refusal_count].code, BOOK_CODE_SIZE, "%s", codes[i]);
		ret->refusal[ret->refusal_count++].count = count;
	}
}

static int read_statistics(struct fetch *fetch, const char *drop, struct drop_figures *ret, struct error *error)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof path, "/v1/drops/%s/stats", drop);
	int status = get_patiently(fetch, path, error);
	if (status < 0)
		return status;
	struct text object = buf_as_text(&fetch->body);
	ret->requests = integer_or(object, "requests", -1);
	ret->granted = integer_or(object, "granted", -1);
	if (ret->requests < 0 || ret->granted < 0)
		return error_set(error, FAULT_INVALID, "GET %s: no statistics in it", path);
	read_refusals(json_member(object, "refused"), ret);
	return 0;
}

int drop_figures_read(struct fetch *fetch, const char *drop, struct drop_figures *ret, struct error *error)
{
	struct drop_figures figures = {.limit = -1};
	int code = read_units(fetch, drop, &figures, error);
	if (code == 0)
		code = read_statistics(fetch, drop, &figures, error);
	if (code == 0)
		*ret = figures;
	return code;
}

int64_t drop_figures_refused(const struct drop_figures *figures, const char *code)
{
	for (uint32_t i = 0; i < figures->refusal_count; i++)
		if (strcmp(figures->refusal[i].code, code) == 0)
			return figures->refusal[i].count;
	return 0;
}
