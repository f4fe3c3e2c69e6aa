/* keys: API keys, made, listed, revoked. The text of one leaves the house once; the log keeps its hash. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/render.h"
#include "api/routes.h"

#define KEY_BYTES 20   /* 160 random bits: nobody guesses one */
#define KEY_ID_BYTES 8 /* an id only has to differ from the others */
#define KEY_ID_SIZE (2 + 2 * KEY_ID_BYTES)
#define KEY_TEXT_SIZE (sizeof "dibs_viewer_" + 2 * KEY_BYTES)

struct key_body {
	struct text role, name;
};

static bool role_is(struct text text)
{
	enum role role;
	return role_parse(text, &role) && role != ROLE_NONE;
}

static bool name_is(struct text text)
{
	for (size_t i = 0; i < text.size; i++)
		if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
			return false;
	return true;
}

static const struct field key_fields[] = {
    {.name = "role",
     .kind = FIELD_TEXT,
     .offset = offsetof(struct key_body, role),
     .required = true,
     .min = 1,
     .max = 16,
     .is = role_is,
     .pattern = "admin|shop|viewer"},
    {.name = "name",
     .kind = FIELD_TEXT,
     .offset = offsetof(struct key_body, name),
     .min = 1,
     .max = NAME_SIZE_MAX,
     .is = name_is,
     .pattern = "[^\\u0000-\\u001f\\u007f]+",
     .says = "What its operator calls it; without it, the role."},
};
const struct shape key_shape = {
    .name = "NewKey", .fields = key_fields, .field_count = 2, .size = sizeof(struct key_body)};

/* ---- rendering ---- */

static void render_key_head(struct buf *out, struct text id, struct text name, enum role role)
{
	buf_str(out, "{\"id\":");
	buf_json(out, id);
	buf_str(out, ",\"role\":\"");
	buf_str(out, role_name(role));
	buf_str(out, "\",\"name\":");
	buf_json(out, name);
}

static void render_key(struct buf *out, const struct api_key_view *key)
{
	render_key_head(out, key->id, key->name, key->role);
	buf_str(out, ",\"created_at\":");
	render_time(out, key->created_at);
	buf_str(out, key->revoked ? ",\"revoked\":true}" : ",\"revoked\":false}");
}

/* All of them, in the caller's hands; NULL: no memory. */
static struct api_key_view *all_keys(const struct views *views, uint32_t *ret_count)
{
	struct api_key_view *keys = NULL;
	for (uint32_t room = 64;; room *= 2) {
		struct api_key_view *more = realloc(keys, room * sizeof *keys);
		if (!more) {
			free(keys);
			return NULL;
		}
		keys = more;
		*ret_count = views_api_keys(views, keys, room);
		if (*ret_count < room)
			return keys;
	}
}

static const struct api_key_view *key_with_id(const struct api_key_view *keys, uint32_t count, struct text id)
{
	for (uint32_t i = 0; i < count; i++)
		if (text_is(keys[i].id, id))
			return &keys[i];
	return NULL;
}

static void refuse_memory(struct call *call)
{
	call_refuse(call, "overloaded", "No memory for this request now.");
}

void keys_list(struct call *call)
{
	uint32_t count;
	uint64_t position = views_position(call->api->views);
	struct api_key_view *keys = all_keys(call->api->views, &count);
	if (!keys) {
		refuse_memory(call);
		return;
	}
	struct buf *body = call_body(call);
	buf_str(body, "{\"keys\":[");
	for (uint32_t i = 0; i < count; i++) {
		if (i)
			buf_put(body, ",", 1);
		render_key(body, &keys[i]);
	}
	buf_str(body, "]}");
	free(keys);
	call_position(call, position);
	call_reply(call, 200);
}

/* The key as it stands, without its text. */
static void reply_key(struct call *call, struct text id)
{
	uint32_t count;
	struct api_key_view *keys = all_keys(call->api->views, &count);
	if (!keys) {
		refuse_memory(call);
		return;
	}
	const struct api_key_view *key = key_with_id(keys, count, id);
	if (key) {
		render_key(call_body(call), key);
		call_reply(call, 200);
	} else {
		call_refuse(call, "unknown_key", "There is no such API key.");
	}
	free(keys);
}

/* ---- making ---- */

struct new_key {
	char id[KEY_ID_SIZE];
	char text[KEY_TEXT_SIZE];
	size_t text_size;
};

static void put_hex(char *out, const uint8_t *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < size; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
}

/* With an Idempotency-Key the id follows from it, so that the answer to a repetition can name the key of then. */
static void make_id(struct text idempotency_key, char out[KEY_ID_SIZE])
{
	uint8_t bytes[BLAKE_SIZE];
	if (idempotency_key.size)
		blake2b256(bytes, idempotency_key.at, idempotency_key.size);
	else
		random_bytes(bytes, sizeof bytes);
	memcpy(out, "k_", 2);
	put_hex(out + 2, bytes, KEY_ID_BYTES);
}

static void make_text(enum role role, struct new_key *key)
{
	uint8_t random[KEY_BYTES];
	int head = snprintf(key->text, sizeof key->text, "dibs_%s_", role_name(role));
	random_bytes(random, sizeof random);
	put_hex(key->text + head, random, sizeof random);
	key->text_size = (size_t)head + 2 * sizeof random;
}

static void key_created(struct call *call, struct ask *ask)
{
	const struct new_key *key = (const struct new_key *)ask->key_id.at; /* its first member */
	if (ask->answer.verdict == VERDICT_SAME) {
		call_header(call, "Idempotency-Replayed", TEXT("true"));
		reply_key(call, ask->key_id);
		return;
	}
	if (verdict_row(ask->answer.verdict)->status >= 300) {
		call_refusal(call, ask);
		return;
	}
	struct buf *body = call_body(call);
	render_key_head(body, ask->key_id, ask->key_name, ask->key_role);
	buf_str(body, ",\"key\":");
	buf_json(body, (struct text){key->text, key->text_size});
	buf_str(body, ",\"created_at\":");
	render_time(body, call->now);
	buf_str(body, ",\"revoked\":false}");
	call_reply(call, 201);
}

void key_create(struct call *call)
{
	struct key_body body = {.name = TEXT_NONE};
	struct ask *ask = call_ask(call, ASK_KEY_CREATE, key_created);
	if (!ask || !call_read_key(call, false, &ask->key) || !call_read_body(call, &key_shape, &body))
		return;
	struct new_key *key = call_alloc(call, sizeof *key);
	if (!key)
		return;
	role_parse(body.role, &ask->key_role); /* its form was checked */
	make_id(ask->key, key->id);
	make_text(ask->key_role, key);
	ask->key_id = (struct text){key->id, KEY_ID_SIZE};
	ask->key_name = body.name.size ? body.name : body.role;
	blake2b256(ask->key_hash, key->text, key->text_size);
	call_submit(call);
}

/* ---- revoking ---- */

static void key_revoked(struct call *call, struct ask *ask)
{
	if (verdict_row(ask->answer.verdict)->status < 300)
		reply_key(call, ask->key_id);
	else
		call_refusal(call, ask);
}

void key_revoke(struct call *call)
{
	struct ask *ask = call_ask(call, ASK_KEY_REVOKE, key_revoked);
	if (!ask || !call_read_key(call, false, &ask->key) || !call_read_nothing(call))
		return;
	ask->key_id = call->match.parameter[0];
	if (!text_is_id(ask->key_id))
		call_refuse(call, "unknown_key", "There is no such API key.");
	else if (text_is(ask->key_id, principal_name(&call->principal)))
		call_refuse(call, "wrong_state", "A key does not revoke itself: so there is always one left that can.");
	else
		call_submit(call);
}
