#include "http/token.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/digest.h"
#include "http/base64url.h"
#include "http/json.h"

#define SIGNATURE_SIZE 32

struct token_key {
	char kid[65];
	EVP_MAC_CTX *mac; /* keyed; begun anew for every token */
};

struct token_keys {
	uint32_t count;
	struct token_key key[TOKEN_KEYS_MAX];
};

/* ---- secrets ---- */

static bool kid_is(struct text kid)
{
	if (kid.size == 0 || kid.size > 64 || kid.at[0] == '.')
		return false;
	for (size_t i = 0; i < kid.size; i++) {
		char c = kid.at[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '.' &&
		    c != '_' && c != '-')
			return false;
	}
	return true;
}

static EVP_MAC_CTX *mac_new(const uint8_t *secret, size_t size)
{
	char digest[] = "SHA256";
	OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	                           OSSL_PARAM_construct_end()};
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *mac = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
	EVP_MAC_free(hmac);
	if (mac && !EVP_MAC_init(mac, secret, size, parameters)) {
		EVP_MAC_CTX_free(mac);
		return NULL;
	}
	return mac;
}

static int read_secret(const char *path, uint8_t *out, size_t *ret_size, struct error *error)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return error_set(error, FAULT_IO, "%s: %s", path, strerror(errno));
	size_t size = fread(out, 1, TOKEN_SECRET_MAX + 1, file);
	bool failed = ferror(file) != 0;
	fclose(file);
	if (failed)
		return error_set(error, FAULT_IO, "%s: cannot be read", path);
	while (size && (out[size - 1] == '\n' || out[size - 1] == '\r'))
		size--;
	if (size < TOKEN_SECRET_MIN || size > TOKEN_SECRET_MAX)
		return error_set(error, FAULT_CONFIG, "%s: a token secret has %d to %d bytes", path, TOKEN_SECRET_MIN,
		                 TOKEN_SECRET_MAX);
	*ret_size = size;
	return 0;
}

static int add_key(struct token_keys *keys, const char *folder, const char *name, size_t kid_size, struct error *error)
{
	uint8_t secret[TOKEN_SECRET_MAX + 1];
	char path[4096];
	size_t size = 0;
	struct token_key *key = &keys->key[keys->count];
	if (keys->count == TOKEN_KEYS_MAX)
		return error_set(error, FAULT_CONFIG, "%s: more than %d token secrets", folder, TOKEN_KEYS_MAX);
	if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
		return error_set(error, FAULT_CONFIG, "%s: the path is too long", folder);
	int fault = read_secret(path, secret, &size, error);
	if (fault)
		return fault;
	key->mac = mac_new(secret, size);
	OPENSSL_cleanse(secret, sizeof secret);
	if (!key->mac)
		return error_set(error, FAULT_MEMORY, "no memory for the token secret %s", name);
	memcpy(key->kid, name, kid_size);
	keys->count++;
	return 0;
}

static int add_folder(struct token_keys *keys, const char *folder, DIR *listing, struct error *error)
{
	struct dirent *entry;
	while ((entry = readdir(listing))) {
		size_t size = strlen(entry->d_name);
		if (size <= 4 || strcmp(entry->d_name + size - 4, ".key") != 0 ||
		    !kid_is((struct text){entry->d_name, size - 4}))
			continue;
		int fault = add_key(keys, folder, entry->d_name, size - 4, error);
		if (fault)
			return fault;
	}
	return 0;
}

int token_keys_load(const char *folder, struct token_keys **ret, struct error *error)
{
	struct token_keys *keys = calloc(1, sizeof *keys);
	int fault = 0;
	if (!keys)
		return error_set(error, FAULT_MEMORY, "no memory for token secrets");
	DIR *listing = folder ? opendir(folder) : NULL;
	if (listing) {
		fault = add_folder(keys, folder, listing, error);
		closedir(listing);
	} else if (folder && errno != ENOENT) {
		fault = error_set(error, FAULT_IO, "%s: %s", folder, strerror(errno));
	}
	if (fault) {
		token_keys_free(keys);
		return fault;
	}
	*ret = keys;
	return 0;
}

void token_keys_free(struct token_keys *keys)
{
	if (!keys)
		return;
	for (uint32_t i = 0; i < keys->count; i++)
		EVP_MAC_CTX_free(keys->key[i].mac);
	free(keys);
}

static const struct token_key *key_find(const struct token_keys *keys, struct text kid)
{
	for (uint32_t i = 0; i < keys->count; i++)
		if (text_is(text_of(keys->key[i].kid), kid))
			return &keys->key[i];
	return NULL;
}

static bool sign(const struct token_key *key, struct text text, uint8_t out[SIGNATURE_SIZE])
{
	size_t size = 0;
	return EVP_MAC_init(key->mac, NULL, 0, NULL) &&
	       EVP_MAC_update(key->mac, (const unsigned char *)text.at, text.size) &&
	       EVP_MAC_final(key->mac, out, &size, SIGNATURE_SIZE) && size == SIGNATURE_SIZE;
}

/* ---- the two JSON parts ---- */

struct token_header {
	struct text alg, kid;
};

static const struct field header_fields[] = {
    {.name = "alg", .kind = FIELD_TEXT, .offset = offsetof(struct token_header, alg), .required = true, .max = 64},
    {.name = "kid", .kind = FIELD_TEXT, .offset = offsetof(struct token_header, kid), .required = true, .max = 64},
    {.name = "crit", .kind = FIELD_NEVER},
};
static const struct shape header_shape = {
    .fields = header_fields, .field_count = 3, .size = sizeof(struct token_header), .open = true};

struct token_payload {
	struct text subject;
	struct shape_list audiences;
	int64_t expires_s, begins_s;
};

static const struct field payload_fields[] = {
    {.name = "sub",
     .kind = FIELD_TEXT,
     .offset = offsetof(struct token_payload, subject),
     .required = true,
     .min = 1,
     .max = TOKEN_SUBJECT_SIZE_MAX},
    {.name = "aud",
     .kind = FIELD_TEXTS,
     .offset = offsetof(struct token_payload, audiences),
     .required = true,
     .min = 1,
     .max = TOKEN_AUDIENCES_MAX},
    {.name = "exp",
     .kind = FIELD_INTEGER,
     .offset = offsetof(struct token_payload, expires_s),
     .required = true,
     .max = INT64_MAX},
    {.name = "nbf", .kind = FIELD_INTEGER, .offset = offsetof(struct token_payload, begins_s), .max = INT64_MAX},
};
static const struct shape payload_shape = {
    .fields = payload_fields, .field_count = 4, .size = sizeof(struct token_payload), .open = true};

/* What a part's texts are copied to: no larger than the token, and lists of a few. */
struct part_memory {
	size_t used;
	_Alignas(16) char bytes[TOKEN_SIZE_MAX + 512];
};

static void *part_take(void *context, size_t size)
{
	struct part_memory *memory = context;
	size_t from = (memory->used + 15) & ~(size_t)15;
	if (from > sizeof memory->bytes || sizeof memory->bytes - from < size)
		return NULL;
	memory->used = from + size;
	return memory->bytes + from;
}

static bool read_part(const struct shape *shape, struct text part, struct part_memory *memory, void *into)
{
	char json[TOKEN_SIZE_MAX];
	size_t size;
	struct shape_fault fault;
	const struct shape_memory taken = {part_take, memory};
	if (!base64url_decode(part, (uint8_t *)json, sizeof json, &size))
		return false;
	return shape_read(shape, (struct text){json, size}, &taken, into, &fault);
}

static bool text_cut(struct text *rest, struct text *ret)
{
	const char *dot = rest->size ? memchr(rest->at, '.', rest->size) : NULL;
	if (!dot)
		return false;
	*ret = (struct text){rest->at, (size_t)(dot - rest->at)};
	*rest = (struct text){dot + 1, rest->size - ret->size - 1};
	return true;
}

static bool signature_is(const struct token_key *key, struct text signed_text, struct text signature)
{
	uint8_t ours[SIGNATURE_SIZE], theirs[SIGNATURE_SIZE];
	size_t size;
	if (!base64url_decode(signature, theirs, sizeof theirs, &size) || size != SIGNATURE_SIZE)
		return false;
	return sign(key, signed_text, ours) && secret_is(ours, theirs, SIGNATURE_SIZE);
}

static bool audience_is(const struct token_payload *payload, struct text audience)
{
	const struct text *named = payload->audiences.at;
	for (uint32_t i = 0; i < payload->audiences.count; i++)
		if (text_is(named[i], audience))
			return true;
	return false;
}

static enum token_answer check_payload(struct text part, struct text audience, int64_t now_s, struct token *ret)
{
	struct part_memory memory = {.used = 0};
	struct token_payload payload = {.begins_s = 0};
	if (!read_part(&payload_shape, part, &memory, &payload))
		return TOKEN_BAD;
	if (!text_is_visible(payload.subject, TOKEN_SUBJECT_SIZE_MAX) || !audience_is(&payload, audience))
		return TOKEN_BAD;
	if (payload.expires_s <= now_s)
		return TOKEN_EXPIRED;
	if (payload.begins_s > now_s)
		return TOKEN_EARLY;
	memcpy(ret->subject, payload.subject.at, payload.subject.size);
	ret->subject_size = (uint8_t)payload.subject.size;
	ret->expires_s = payload.expires_s;
	return TOKEN_GOOD;
}

enum token_answer token_verify(const struct token_keys *keys, struct text audience, struct text text, int64_t now_s,
                               struct token *ret)
{
	struct part_memory memory = {.used = 0};
	struct token_header header = {0};
	struct text rest = text, header_part, payload_part;
	if (text.size > TOKEN_SIZE_MAX || !text_cut(&rest, &header_part) || !text_cut(&rest, &payload_part))
		return TOKEN_BAD;
	if (!read_part(&header_shape, header_part, &memory, &header) || !text_is(header.alg, TEXT("HS256")))
		return TOKEN_BAD;
	const struct token_key *key = key_find(keys, header.kid);
	struct text signed_text = {text.at, header_part.size + 1 + payload_part.size};
	if (!key || !signature_is(key, signed_text, rest))
		return TOKEN_BAD;
	return check_payload(payload_part, audience, now_s, ret);
}

/* ---- making one ---- */

static void put_part(struct buf *out, const struct buf *json)
{
	base64url_encode(out, json->at, json->size);
}

int token_sign(const struct token_keys *keys, struct text kid, struct text audience, struct text subject,
               int64_t expires_s, struct buf *ret, struct error *error)
{
	const struct token_key *key = key_find(keys, kid);
	struct buf json = {0}, token = {0};
	uint8_t signature[SIGNATURE_SIZE];
	if (!key)
		return error_set(error, FAULT_NOT_FOUND, "there is no token secret of kid \"%.*s\"", (int)kid.size,
		                 kid.at);
	if (!text_is_visible(subject, TOKEN_SUBJECT_SIZE_MAX))
		return error_set(error, FAULT_INVALID, "buyer: 1 to %d visible ASCII bytes", TOKEN_SUBJECT_SIZE_MAX);
	buf_str(&json, "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":");
	buf_json(&json, kid);
	buf_str(&json, "}");
	put_part(&token, &json);
	buf_clear(&json);
	buf_str(&json, "{\"sub\":");
	buf_json(&json, subject);
	buf_str(&json, ",\"aud\":");
	buf_json(&json, audience);
	buf_printf(&json, ",\"exp\":%lld}", (long long)expires_s);
	buf_put(&token, ".", 1);
	put_part(&token, &json);
	bool good = !json.failed && !token.failed && sign(key, buf_as_text(&token), signature);
	buf_put(&token, ".", 1);
	base64url_encode(&token, signature, sizeof signature);
	if (good)
		buf_text(ret, buf_as_text(&token));
	good = good && !token.failed && !ret->failed;
	buf_fini(&json);
	buf_fini(&token);
	return good ? 0 : error_set(error, FAULT_MEMORY, "no memory for a token");
}
