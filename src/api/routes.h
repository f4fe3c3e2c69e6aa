/* routes: the one table of what can be asked. The router, /metrics' labels and /openapi.json are made from it. */
#ifndef DIBS_API_ROUTES_H
#define DIBS_API_ROUTES_H

#include "api/call.h"

enum {
	MAY_BUYER = 1 << CALLER_BUYER,
	MAY_VIEWER = 1 << CALLER_VIEWER,
	MAY_SHOP = 1 << CALLER_SHOP,
	MAY_ADMIN = 1 << CALLER_ADMIN,
	MAY_ANYONE = 0, /* public: nobody is asked who he is */
};

struct api_route {
	struct route route;
	const char *name; /* operationId, and the label in metrics */
	uint32_t may;
	void (*handle)(struct call *call);
	const struct shape *body; /* NULL: none */
	bool body_optional;
	bool takes_key, needs_key; /* Idempotency-Key */
	const char *const *query;  /* names, NULL at the end; NULL: none */
	const char *done;          /* statuses of success, "200 201" */
	const char *answer;        /* schema of those; NULL: none */
	const char *problems;      /* codes beyond those that any route may answer, between blanks */
	const char *says;
};

#define ROUTES_MAX 40 /* room in the counters of every loop */

extern const struct api_route api_routes[];
extern const uint32_t api_route_count;

/* drops.c */
void drop_put(struct call *call);
void drop_get(struct call *call);
void drops_list(struct call *call);
void drop_open(struct call *call);
void drop_pause(struct call *call);
void drop_resume(struct call *call);
void drop_close(struct call *call);
void drop_closing(struct call *call);
void drop_restock(struct call *call);
void drop_archive(struct call *call);
extern const struct shape drop_shape, closing_shape, restock_shape;
/* claims.c */
void claim_by_buyer(struct call *call);
void claim_by_shop(struct call *call);
extern const struct shape claim_shape;
/* orders.c */
void order_get(struct call *call);
void order_confirm_ask(struct call *call);
void order_cancel_ask(struct call *call);
extern const struct shape confirm_shape;
/* lists.c */
void orders_of_drop(struct call *call);
void orders_of_buyer(struct call *call);
void orders_of_me(struct call *call);
extern const char *const list_query[], *const drop_list_query[];
/* stats.c */
void drop_stats(struct call *call);
extern const char *const stats_query[];
/* keys.c */
void keys_list(struct call *call);
void key_create(struct call *call);
void key_revoke(struct call *call);
extern const struct shape key_shape;
/* rules.c */
void rules_get(struct call *call);
void rules_upgrade(struct call *call);
extern const struct shape rules_shape;
/* health.c, metrics_page.c, openapi.c */
void livez(struct call *call);
void readyz(struct call *call);
void metrics_page(struct call *call);
void openapi_page(struct call *call);

#endif
