#include "api/routes.h"

#define ROUTE(method_, pattern_) .route = {METHOD_##method_, pattern_}
#define ALL_ROLES (MAY_VIEWER | MAY_SHOP | MAY_ADMIN)

#define CLAIM_PROBLEMS \
	"malformed invalid too_large unsupported_media_type unknown_drop unknown_sku key_reused limit_reached " \
	"too_many_orders not_open paused closed all_held sold_out not_eligible log_unavailable unknown_outcome"
#define CHANGE_PROBLEMS "malformed invalid unsupported_media_type log_unavailable unknown_outcome"
#define DROP_PROBLEMS "unknown_drop wrong_state key_reused " CHANGE_PROBLEMS

/* What is asked most often stands first. */
const struct api_route api_routes[] = {
    {ROUTE(POST, "/v1/drops/{drop}/buyers/{buyer}/orders"), .name = "claim_for_buyer", .may = MAY_SHOP | MAY_ADMIN,
     .handle = claim_by_shop, .body = &claim_shape, .body_optional = true, .takes_key = true, .done = "201",
     .answer = "Order", .problems = CLAIM_PROBLEMS, .says = "Claim for one of the shop's buyers"},
    {ROUTE(POST, "/v1/drops/{drop}/orders"), .name = "claim", .may = MAY_BUYER, .handle = claim_by_buyer,
     .body = &claim_shape, .body_optional = true, .takes_key = true, .done = "201", .answer = "Order",
     .problems = CLAIM_PROBLEMS, .says = "Claim units of a drop"},
    {ROUTE(GET, "/v1/drops/{drop}"), .name = "get_drop", .may = MAY_ANYONE, .handle = drop_get, .done = "200 304",
     .answer = "Drop", .problems = "invalid unknown_drop", .says = "A drop as it is now"},
    {ROUTE(GET, "/v1/orders/{order}"), .name = "get_order", .may = MAY_BUYER | ALL_ROLES, .handle = order_get,
     .done = "200", .answer = "Order", .problems = "invalid unknown_order", .says = "An order as it is now"},
    {ROUTE(POST, "/v1/orders/{order}/confirm"), .name = "confirm_order", .may = MAY_SHOP | MAY_ADMIN,
     .handle = order_confirm_ask, .body = &confirm_shape, .takes_key = true, .done = "200", .answer = "Order",
     .problems = "unknown_order refund_due wrong_state key_reused " CHANGE_PROBLEMS, .says = "The order was paid"},
    {ROUTE(POST, "/v1/orders/{order}/cancel"), .name = "cancel_order", .may = MAY_BUYER | MAY_SHOP | MAY_ADMIN,
     .handle = order_cancel_ask, .takes_key = true, .done = "200", .answer = "Order",
     .problems = "unknown_order wrong_state key_reused " CHANGE_PROBLEMS, .says = "Give the units back"},
    {ROUTE(GET, "/v1/drops"), .name = "list_drops", .may = MAY_ANYONE, .handle = drops_list, .query = drop_list_query,
     .done = "200 304", .answer = "Drops", .problems = "invalid", .says = "All drops, in the order of their creation"},
    {ROUTE(GET, "/v1/me/orders"), .name = "list_my_orders", .may = MAY_BUYER, .handle = orders_of_me,
     .query = list_query, .done = "200", .answer = "Orders", .problems = "invalid",
     .says = "The buyer's own orders, newest first"},
    {ROUTE(GET, "/v1/drops/{drop}/orders"), .name = "list_orders", .may = ALL_ROLES, .handle = orders_of_drop,
     .query = list_query, .done = "200", .answer = "Orders", .problems = "invalid unknown_drop",
     .says = "A drop's orders, newest first"},
    {ROUTE(GET, "/v1/drops/{drop}/buyers/{buyer}/orders"), .name = "list_orders_of_buyer", .may = ALL_ROLES,
     .handle = orders_of_buyer, .query = list_query, .done = "200", .answer = "Orders",
     .problems = "invalid unknown_drop", .says = "A buyer's orders of a drop, newest first"},
    {ROUTE(GET, "/v1/drops/{drop}/stats"), .name = "get_stats", .may = ALL_ROLES, .handle = drop_stats,
     .query = stats_query, .done = "200", .answer = "Stats", .problems = "invalid unknown_drop",
     .says = "A drop in numbers, with a series per second"},
    {ROUTE(PUT, "/v1/drops/{drop}"), .name = "put_drop", .may = MAY_ADMIN, .handle = drop_put, .body = &drop_shape,
     .takes_key = true, .done = "200 201", .answer = "Drop", .problems = "exists too_large " CHANGE_PROBLEMS,
     .says = "Found a drop"},
    {ROUTE(POST, "/v1/drops/{drop}/open"), .name = "open_drop", .may = MAY_ADMIN, .handle = drop_open,
     .takes_key = true, .done = "200", .answer = "Drop", .problems = DROP_PROBLEMS, .says = "Open by hand, now"},
    {ROUTE(POST, "/v1/drops/{drop}/pause"), .name = "pause_drop", .may = MAY_ADMIN, .handle = drop_pause,
     .takes_key = true, .done = "200", .answer = "Drop", .problems = DROP_PROBLEMS,
     .says = "Refuse claims for a while; payment and cancellation go on"},
    {ROUTE(POST, "/v1/drops/{drop}/resume"), .name = "resume_drop", .may = MAY_ADMIN, .handle = drop_resume,
     .takes_key = true, .done = "200", .answer = "Drop", .problems = DROP_PROBLEMS, .says = "Go on after a pause"},
    {ROUTE(POST, "/v1/drops/{drop}/close"), .name = "close_drop", .may = MAY_ADMIN, .handle = drop_close,
     .takes_key = true, .done = "200", .answer = "Drop", .problems = DROP_PROBLEMS, .says = "Close for good"},
    {ROUTE(POST, "/v1/drops/{drop}/closing"), .name = "set_closing", .may = MAY_ADMIN, .handle = drop_closing,
     .body = &closing_shape, .takes_key = true, .done = "200", .answer = "Drop", .problems = DROP_PROBLEMS,
     .says = "Set the time it closes"},
    {ROUTE(POST, "/v1/drops/{drop}/restock"), .name = "restock_drop", .may = MAY_ADMIN, .handle = drop_restock,
     .body = &restock_shape, .takes_key = true, .needs_key = true, .done = "200", .answer = "Drop",
     .problems = "unknown_sku " DROP_PROBLEMS, .says = "More units of a SKU, or fewer"},
    {ROUTE(POST, "/v1/drops/{drop}/archive"), .name = "archive_drop", .may = MAY_ADMIN, .handle = drop_archive,
     .takes_key = true, .done = "200", .answer = "Drop", .problems = DROP_PROBLEMS,
     .says = "Put a closed drop away; its orders stay in the read model"},
    {ROUTE(GET, "/v1/keys"), .name = "list_keys", .may = MAY_ADMIN, .handle = keys_list, .done = "200",
     .answer = "Keys", .problems = "", .says = "All API keys, revoked ones included"},
    {ROUTE(POST, "/v1/keys"), .name = "create_key", .may = MAY_ADMIN, .handle = key_create, .body = &key_shape,
     .takes_key = true, .done = "200 201", .answer = "Key", .problems = "exists key_reused " CHANGE_PROBLEMS,
     .says = "Make an API key; its text is shown this once"},
    {ROUTE(DELETE, "/v1/keys/{key}"), .name = "revoke_key", .may = MAY_ADMIN, .handle = key_revoke, .takes_key = true,
     .done = "200", .answer = "Key", .problems = "unknown_key wrong_state key_reused " CHANGE_PROBLEMS,
     .says = "Revoke an API key, for good"},
    {ROUTE(GET, "/v1/rules"), .name = "get_rules", .may = ALL_ROLES, .handle = rules_get, .done = "200",
     .answer = "RuleSets", .problems = "", .says = "The rule set that verdicts follow"},
    {ROUTE(POST, "/v1/rules"), .name = "upgrade_rules", .may = MAY_ADMIN, .handle = rules_upgrade, .body = &rules_shape,
     .body_optional = true, .takes_key = true, .done = "200", .answer = "RuleSets",
     .problems = "wrong_state " CHANGE_PROBLEMS, .says = "Go to a newer rule set"},
    {ROUTE(GET, "/livez"), .name = "livez", .may = MAY_ANYONE, .handle = livez, .done = "200", .answer = "Status",
     .problems = "", .says = "The process answers"},
    {ROUTE(GET, "/readyz"), .name = "readyz", .may = MAY_ANYONE, .handle = readyz, .done = "200", .answer = "Status",
     .problems = "not_ready", .says = "It has caught up and is not stopping"},
    {ROUTE(GET, "/metrics"), .name = "metrics", .may = MAY_ANYONE, .handle = metrics_page, .done = "200",
     .problems = "", .says = "Prometheus text"},
    {ROUTE(GET, "/openapi.json"), .name = "openapi", .may = MAY_ANYONE, .handle = openapi_page, .done = "200",
     .answer = "Description", .problems = "", .says = "This description"},
};

const uint32_t api_route_count = sizeof api_routes / sizeof api_routes[0];

_Static_assert(sizeof api_routes / sizeof api_routes[0] <= ROUTES_MAX, "the counters have room for every route");
