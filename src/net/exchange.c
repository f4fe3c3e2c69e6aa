#include "net/exchange.h"

#include "base/must.h"
#include "net/connection.h"
#include "net/http1.h"
#include "net/loop.h"

#define TURN_ALIGN 16
#define TURN_GROW_START 1024 /* an unfinished head or body of unknown size begins with so much room */

static size_t turn_align(size_t size)
{
	return (size + TURN_ALIGN - 1) & ~(size_t)(TURN_ALIGN - 1);
}

struct turn *turn_new(struct connection *connection)
{
	struct net_loop *loop = connection->loop;
	struct chunk *chunk = chunk_take_for_request(&loop->pool, sizeof(struct turn));
	if (!chunk)
		return NULL;
	struct turn *turn = (struct turn *)(void *)chunk->bytes;
	chunk->used = (uint32_t)turn_align(sizeof *turn);
	*turn = (struct turn){
	    .connection = connection,
	    .own = chunk,
	    .chunks = chunk,
	    .exchange = {.peer = {connection->peer, connection->peer_size},
	                 .loop = loop->number,
	                 .on = loop,
	                 .connection_user = connection->user},
	};
	return turn;
}

void turn_free(struct turn *turn)
{
	struct chunk_pool *pool = &turn->connection->loop->pool;
	output_fini(pool, &turn->answer);
	chunk_give_all(pool, turn->chunks);
}

void *turn_alloc(struct turn *turn, size_t size)
{
	struct chunk *chunk = turn->chunks;
	if (size > UINT32_MAX / 2)
		return NULL;
	size = turn_align(size);
	if (chunk->capacity - chunk->used < size) {
		chunk = chunk_take_for_request(&turn->connection->loop->pool, size);
		if (!chunk)
			return NULL;
		/* A chunk that is made to measure is full at once: the one in use stays in front. */
		struct chunk **place = size > CHUNK_BYTES ? &turn->chunks->next : &turn->chunks;
		chunk->next = *place;
		*place = chunk;
	}
	char *at = chunk->bytes + chunk->used;
	chunk->used += (uint32_t)size;
	return at;
}

bool turn_grow(struct turn *turn, char **at, size_t size, size_t more, size_t *capacity, size_t max)
{
	size_t want = size + more;
	must(want <= max);
	if (want <= *capacity)
		return true;
	size_t room = *capacity ? *capacity * 2 : TURN_GROW_START;
	room = room < want ? want : room > max ? max : room;
	char *moved = turn_alloc(turn, room);
	if (!moved)
		return false;
	if (size)
		memcpy(moved, *at, size);
	*at = moved;
	*capacity = room;
	return true;
}

bool header_is(struct text name, struct text lower_case)
{
	if (name.size != lower_case.size)
		return false;
	for (size_t i = 0; i < name.size; i++) {
		char c = name.at[i];
		if (c >= 'A' && c <= 'Z')
			c = (char)(c | 0x20);
		if (c != lower_case.at[i])
			return false;
	}
	return true;
}

struct text exchange_header(const struct exchange *exchange, struct text name)
{
	for (uint32_t i = 0; i < exchange->header_count; i++)
		if (header_is(exchange->headers[i].name, name))
			return exchange->headers[i].value;
	return TEXT_NONE;
}

void *exchange_take(struct exchange *exchange, size_t size)
{
	return turn_alloc((struct turn *)exchange, size);
}

void *exchange_alloc(struct exchange *exchange, size_t size)
{
	void *at = exchange_take(exchange, size);
	return at ? memset(at, 0, size) : NULL;
}

/* Says "Connection: close" with the last answer there will be while the server drains. */
static bool turn_is_last(const struct turn *turn)
{
	const struct connection *c = turn->connection;
	return turn->last || (c->loop->draining && c->last == turn && !c->incoming && !c->rest);
}

void exchange_reply(struct exchange *exchange, int status, struct text header_lines, struct text body)
{
	struct turn *turn = (struct turn *)exchange;
	struct connection *c = turn->connection;
	must(!turn->answered);
	turn->answered = true;
	if (exchange->gone) {
		connection_forget(c, turn);
		return;
	}
	if (turn_is_last(turn))
		turn->last = c->closing = true;
	if (!http1_reply(turn, c->first == turn ? &c->output : &turn->answer, status, header_lines, body))
		c->broken = true;
	connection_answered(c);
}
