/* limits: every bound of this room in one place, each with its reason. */
#ifndef DIBS_HTTP_LIMITS_H
#define DIBS_HTTP_LIMITS_H

#define PATH_SEGMENTS_MAX 8       /* the deepest route has five */
#define PATH_PARAMETERS_MAX 3     /* {drop} and {buyer}, and one to spare */
#define PATH_DECODED_MAX 512      /* two ids of 64 bytes, each byte escaped, twice over */
#define QUERY_PARAMETERS_MAX 8    /* the longest list has four */
#define QUERY_VALUE_MAX 256       /* a cursor is some forty bytes */
#define TOKEN_SIZE_MAX 2048       /* a buyer token has two to four hundred bytes; verifying costs by the byte */
#define TOKEN_SUBJECT_SIZE_MAX 64 /* a buyer: core/limits.h BUYER_SIZE_MAX */
#define TOKEN_KEYS_MAX 64         /* secrets in use at once: rotation needs two, a few shops some more */
#define TOKEN_SECRET_MIN 32       /* RFC 7518 §3.2: as long as the hash, 256 bits */
#define TOKEN_SECRET_MAX 1024     /* more adds nothing: HMAC hashes it down */
#define TOKEN_AUDIENCES_MAX 8     /* names in one `aud` */
#define API_KEY_SIZE_MAX 128      /* "dibs_viewer_" and 43 characters, and room to grow */
#define AUTH_REMEMBERED 4096      /* verified Authorization texts a loop remembers: some 450 KiB */
#define JSON_DEPTH_MAX 8          /* the deepest body has three levels */
#define REQUEST_ID_SIZE_MAX 64    /* a UUID with a prefix */
#define IDEMPOTENCY_KEY_MAX 64    /* core/limits.h KEY_SIZE_MAX */

#endif
