/* json: request bodies and token parts, read strictly into structs by a table of fields. jansson is seen here only.
 *
 * A shape says which fields an object may have: names, kinds, bounds, and where the value goes. What the table does not
 * name is refused, and so is a duplicate. The OpenAPI description is made from the same tables.
 *
 * Memory   values are written into the caller's struct, texts and lists into its memory (struct shape_memory); nothing
 *          of the parser survives the call. Fields that are absent, or null where null is allowed, leave the struct as
 *          the caller set it: so defaults are what it held before.
 * Answers  true; or false with a fault that names the field. The struct may then be half written.
 * Bounds   depth (JSON_DEPTH_MAX), and those of each field. Texts are valid UTF-8 without NUL.
 * Thread   any.
 */
#ifndef DIBS_HTTP_JSON_H
#define DIBS_HTTP_JSON_H

#include "base/text.h"
#include "base/time.h"

enum field_kind {
	FIELD_TEXT,    /* struct text; min and max count its bytes */
	FIELD_INTEGER, /* int64_t in min..max */
	FIELD_TIME,    /* struct wall_ms, from RFC 3339 */
	FIELD_BOOL,    /* bool */
	FIELD_LIST,    /* struct shape_list of `of`; min and max count its members */
	FIELD_TEXTS,   /* struct shape_list of struct text: a list of texts, or one text */
	FIELD_NEVER,   /* may not be there */
};

struct shape;

struct field {
	const char *name;
	enum field_kind kind;
	size_t offset; /* of the value in the struct */
	bool required, nullable;
	int64_t min, max;
	bool (*is)(struct text text); /* a text's form, beyond its size; may be NULL */
	const char *pattern;          /* the same, for the description; may be NULL */
	const struct shape *of;       /* LIST */
	const char *says;             /* for the description */
	const char *preset;           /* what it is when absent, as JSON, for the description; may be NULL */
};

struct shape {
	const char *name; /* in the description */
	const struct field *fields;
	size_t field_count;
	size_t size;         /* of the struct */
	bool open;           /* other fields are allowed, and passed over */
	const void *initial; /* what a list's member is before it is read: its defaults; NULL: zeros */
};

struct shape_list {
	void *at;
	uint32_t count;
};

struct shape_memory {
	void *(*take)(void *context, size_t size); /* NULL: there is none */
	void *context;
};

struct shape_fault {
	int status;       /* 400, or 503 when there was no memory */
	const char *code; /* "malformed", "invalid", "overloaded" */
	char field[160];  /* "lines[2].quantity"; empty: none */
	char detail[200];
};

bool shape_read(const struct shape *shape, struct text body, const struct shape_memory *memory, void *into,
                struct shape_fault *ret_fault);

/* Is this a JSON document at all? For tests of what dibs writes. */
bool json_is_document(struct text text);

#endif
