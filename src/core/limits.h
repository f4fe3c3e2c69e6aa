/* limits: every bound of the rules in one place, each with its reason. DESIGN §4 and §5.4 give the figures. */
#ifndef DIBS_CORE_LIMITS_H
#define DIBS_CORE_LIMITS_H

#include <stdint.h>

#define BUYER_SIZE_MAX 64       /* fits every id scheme in use (UUID, ULID, e-mail hash) and one cache line */
#define KEY_SIZE_MAX 64         /* an idempotency key: a UUID with a prefix */
#define PAYMENT_REF_SIZE_MAX 64 /* a provider's transaction id */
#define ACTOR_SIZE_MAX 64       /* the id of the API key that asked, or "buyer" */
#define ID_SIZE_MAX 64          /* a drop or a SKU; fits a path segment and a label */
#define TITLE_SIZE_MAX 200      /* bytes of UTF-8; one line on a page */
#define NAME_SIZE_MAX 64        /* what an operator calls an API key */

#define QUANTITY_MAX INT32_C(2147483647) /* stock and quantity: below 2^31, so that sums of two fit 32 unsigned bits */
#define PRICE_MAX INT64_C(1000000000000) /* minor units; sums over 16 lines of 2^31 are checked, not assumed */
#define LINES_MAX 16             /* SKUs in one claim: a shopping basket, and a bound on the work of one record */
#define SKUS_MAX 256             /* SKUs of a drop with an end */
#define SKUS_ALWAYS_ON_MAX 65536 /* SKUs of always-on goods: a catalogue */
#define ORDERS_PER_BUYER_MAX 32  /* of one drop, ended ones included: bounds the walk along a buyer's orders */
#define ORDERS_PER_BUYER_ALWAYS_ON_MAX 1024
#define LIMIT_MAX QUANTITY_MAX
#define HOLD_SECONDS_MAX 2592000   /* 30 days, so that a hold in ms fits 32 bits */
#define KEEP_SECONDS_DEFAULT 86400 /* a day for retries with the same key */
#define KEEP_SECONDS_MIN 1         /* an ended order outlives its batch: two claims of one key in it must meet it */
#define KEEP_SECONDS_MAX 31536000  /* a year */

#define EXPIRIES_PER_RECORD 256 /* due orders that expire before a record: bounded steps, DESIGN §5.2 */
#define LEAVES_PER_RECORD 256   /* ended orders that leave the core before a record: the same bound */
#define CHECK_EVERY 4096        /* records between two CHECKs, DESIGN §5.1 */
#define INCARNATIONS_MAX 256    /* writers that are remembered, DESIGN §5.3 */
#define ADMIN_KEYS_MAX 4096     /* administrative idempotency keys that are remembered, the oldest forgotten first */
#define RULES_KNOWN 1           /* the newest rule set that this program knows */

#define RECORD_SIZE_MAX (6 * 1024 * 1024) /* always-on goods with 65,536 SKUs of the longest ids are one record */

_Static_assert((int64_t)HOLD_SECONDS_MAX * 1000 <= UINT32_MAX,
               "an order keeps its end as ms since its creation, in 32 bits");
_Static_assert(SKUS_ALWAYS_ON_MAX *(ID_SIZE_MAX + 13) + 4096 <= RECORD_SIZE_MAX, "a record holds its SKUs");

#endif
