"""Reading: drops in public, lists by page, never older than what the reader has been told; statistics; the description."""

import json
import threading
import time

import httpx
import pytest

from asking import admin, all_pages, buyer, metrics, nobody, problem, shop


@pytest.fixture(scope="module")
def sale(shared):
    """A drop with 25 orders: ten canceled, five completed, ten pending; in the order of their claims."""
    drop = shared.drop("listed", stock=100)
    orders = [shared.claim(drop, f"buyer-{i}", client=shop(shared)).json()["id"] for i in range(25)]
    for order in orders[:10]:
        assert shop(shared).post(f"/v1/orders/{order}/cancel").status_code == 200
    for order in orders[10:15]:
        answer = shop(shared).post(f"/v1/orders/{order}/confirm", json={"payment_ref": "p"})
    return drop, orders, answer.headers["dibs-position"]


# ---- drops, in public ----


def test_a_drop_as_anybody_sees_it(shared, sale):
    drop, _, _ = sale
    said = nobody(shared).get(f"/v1/drops/{drop}").json()
    assert {"id", "title", "state", "currency", "limit_per_buyer", "hold_seconds", "opens_at", "closes_at", "skus",
            "server_time"} <= said.keys()
    assert said["skus"] == [{"id": "unit", "price": 1000, "stock": 100, "free": 85, "held": 10, "sold": 5}]
    assert said["granted"] == 25


def test_an_etag_saves_the_body_until_something_changes(shared):
    drop = shared.drop(stock=2)
    client = nobody(shared)
    for path in (f"/v1/drops/{drop}", "/v1/drops?limit=1000"):
        first = client.get(path)
        tag = {"If-None-Match": first.headers["etag"]}
        same = client.get(path, headers=tag)
        assert same.status_code == 304 and same.content == b"" and same.headers["etag"] == first.headers["etag"]
        assert client.get(path, headers={"If-None-Match": f'"x", {first.headers["etag"]}'}).status_code == 304
        assert client.get(path, headers={"If-None-Match": '"x"'}).status_code == 200
        assert shared.claim(drop, f"buyer-{len(path)}").status_code == 201
        changed = client.get(path, headers=tag)
        assert changed.status_code == 200 and changed.headers["etag"] != first.headers["etag"]


def test_an_etag_changes_when_the_clock_opens_the_drop(shared):
    from test_time_and_state import in_seconds, wait_for

    drop = shared.drop(stock=1, opens_at=in_seconds(0.5))
    client = nobody(shared)
    first = client.get(f"/v1/drops/{drop}")
    assert first.json()["state"] == "scheduled"
    tag = {"If-None-Match": first.headers["etag"]}
    wait_for(lambda: client.get(f"/v1/drops/{drop}", headers=tag).status_code == 200)


def test_head_is_get_without_a_body(shared, sale):
    drop, _, _ = sale
    client = nobody(shared)
    get, head = client.get(f"/v1/drops/{drop}"), client.head(f"/v1/drops/{drop}")
    assert head.status_code == 200 and head.content == b""
    assert head.headers["etag"] == get.headers["etag"]
    assert head.headers["content-length"] == get.headers["content-length"]


def test_the_list_of_drops_in_pages(shared):
    made = [shared.drop(stock=1, open=False) for _ in range(5)]
    pages = all_pages(nobody(shared), "/v1/drops?limit=2")
    found = [drop["id"] for page in pages for drop in page.json()["drops"]]
    assert [drop for drop in found if drop in made] == made
    assert len(found) == len(set(found))
    assert all(len(page.json()["drops"]) == 2 for page in pages[:-1])
    assert found == [drop["id"] for drop in nobody(shared).get("/v1/drops?limit=1000").json()["drops"]]


# ---- pages ----


@pytest.mark.parametrize("limit", [1, 7, 24, 25, 26, 1000])
def test_every_order_once_newest_first_whatever_the_page(shared, sale, limit):
    drop, orders, position = sale
    client = shop(shared)
    first = client.get(f"/v1/drops/{drop}/orders?limit={limit}", headers={"Dibs-Position": position})
    pages = [first] + (all_pages(client, first.links["next"]["url"]) if "next" in first.links else [])
    assert [order["id"] for page in pages for order in page.json()["orders"]] == orders[::-1]
    assert all(("next" in page.json()) == ("next" in page.links) for page in pages)
    assert all(page.json()["as_of"] for page in pages)
    assert len(pages) == -(-25 // limit)


def test_pages_stay_whole_while_orders_come_in(shared):
    drop = shared.drop(stock=100)
    old = [shared.claim(drop, f"a{i}", client=shop(shared)) for i in range(10)]
    page = shop(shared).get(f"/v1/drops/{drop}/orders?limit=4",
                            headers={"Dibs-Position": old[-1].headers["dibs-position"]})
    for i in range(5):
        shared.claim(drop, f"b{i}", client=shop(shared))
    rest = all_pages(shop(shared), page.links["next"]["url"])
    found = [order["id"] for one in [page, *rest] for order in one.json()["orders"]]
    assert found == [order.json()["id"] for order in old][::-1]


@pytest.mark.parametrize("status, count", [("pending", 10), ("completed", 5), ("canceled", 10), ("expired", 0)])
def test_orders_by_status(shared, sale, status, count):
    drop, _, position = sale
    said = shop(shared).get(f"/v1/drops/{drop}/orders?status={status}&limit=3", headers={"Dibs-Position": position})
    pages = [said] + (all_pages(shop(shared), said.links["next"]["url"]) if "next" in said.links else [])
    orders = [order for page in pages for order in page.json()["orders"]]
    assert len(orders) == count and all(order["status"] == status for order in orders)


def test_a_buyers_orders_of_a_drop(shared, sale):
    drop, orders, position = sale
    at = {"Dibs-Position": position}
    said = shop(shared).get(f"/v1/drops/{drop}/buyers/buyer-3/orders", headers=at).json()["orders"]
    assert [order["id"] for order in said] == [orders[3]] and said[0]["status"] == "canceled"
    assert shop(shared).get(f"/v1/drops/{drop}/buyers/nobody/orders", headers=at).json()["orders"] == []


def test_questions_about_pages_that_make_no_sense(shared, sale):
    drop, _, position = sale
    client = shop(shared)
    at = {"Dibs-Position": position}
    path = f"/v1/drops/{drop}/orders"
    cursor = client.get(path + "?limit=1", headers=at).json()["next"]
    for query, field in (("limit=0", "limit"), ("limit=1001", "limit"), ("limit=-1", "limit"), ("limit=x", "limit"),
                         ("limit=1&limit=2", "limit"), ("status=paid", "status"), ("status=", "status"),
                         ("page=2", "page"), ("cursor=", "cursor"), ("cursor=AAAA", "cursor"),
                         (f"cursor={cursor[:-1]}", "cursor"), (f"cursor=B{cursor[1:]}", "cursor")):
        problem(client.get(f"{path}?{query}"), 400, "invalid", field)
    # a cursor belongs to its list
    other = shared.drop(stock=1)
    problem(client.get(f"/v1/drops/{other}/orders?cursor={cursor}"), 400, "invalid", "cursor")
    problem(nobody(shared).get(f"/v1/drops?cursor={cursor}"), 400, "invalid", "cursor")


# ---- never older ----


def test_a_list_is_never_older_than_the_answer_that_the_reader_has(shared):
    drop = shared.drop(stock=200)
    client = shop(shared)
    for i in range(100):
        claimed = shared.claim(drop, f"buyer-{i}", client=client)
        listed = client.get(f"/v1/drops/{drop}/orders?limit=1",
                            headers={"Dibs-Position": claimed.headers["dibs-position"]})
        assert listed.json()["orders"][0]["id"] == claimed.json()["id"]
        assert sequence(listed) >= sequence(claimed)
        seen = client.get(f"/v1/drops/{drop}").json()
        assert seen["granted"] == i + 1


def sequence(answer):
    return int(answer.headers["dibs-position"].split("-")[1])


def test_an_order_is_never_older_under_a_crowd(shared):
    """While others claim: what was confirmed is seen confirmed, at once and by anybody."""
    drop = shared.drop(stock=10000, limit_per_buyer=None)
    stop = threading.Event()

    def crowd():
        with httpx.Client(verify=False, timeout=30) as client:
            while not stop.is_set():
                assert shared.claim(drop, "crowd", client=client).status_code in (201, 409)

    threads = [threading.Thread(target=crowd) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for i in range(30):
            order = shared.claim(drop, f"anna-{i}", client=shop(shared)).json()["id"]
            paid = shop(shared).post(f"/v1/orders/{order}/confirm", json={"payment_ref": "p"})
            assert paid.status_code == 200
            now = shop(shared).get(f"/v1/orders/{order}", headers={"Dibs-Position": paid.headers["dibs-position"]})
            assert now.json() == paid.json()
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_position_that_nobody_gave(shared, sale):
    drop, _, position = sale
    client = shop(shared)
    for wrong in ("1", "x-1", "0-", "0-x", "7-1", "0-1-1", "-1", "0-99999999999999999999"):
        problem(client.get(f"/v1/drops/{drop}/orders", headers={"Dibs-Position": wrong}), 400, "invalid",
                "Dibs-Position")
    ahead = {"Dibs-Position": "0-999999999"}
    problem(client.get(f"/v1/drops/{drop}", headers=ahead), 503, "overloaded")
    begun = time.monotonic()
    problem(client.get(f"/v1/drops/{drop}/orders", headers=ahead), 503, "overloaded")
    assert time.monotonic() - begun < 10


def test_every_answer_that_has_one_carries_its_position(shared, sale):
    drop, orders, _ = sale
    client = shop(shared)
    for path in ("/v1/drops", f"/v1/drops/{drop}", f"/v1/drops/{drop}/orders", f"/v1/drops/{drop}/stats",
                 f"/v1/orders/{orders[0]}"):
        assert sequence(client.get(path)) > 0
    assert sequence(shared.claim(drop, "buyer-20")) > 0  # refused: limit_reached


# ---- statistics ----


def test_statistics_add_up(shared):
    from test_time_and_state import wait_for

    drop = shared.drop(stock=3, hold_seconds=600)
    orders = [shared.claim(drop, f"buyer-{i}", client=shop(shared)).json()["id"] for i in range(3)]
    shop(shared).post(f"/v1/orders/{orders[0]}/confirm", json={"payment_ref": "p"})
    shop(shared).post(f"/v1/orders/{orders[1]}/cancel")
    shared.claim(drop, "buyer-9")
    for _ in range(4):
        problem(shared.claim(drop, "late", client=shop(shared)), 409, "all_held")
    problem(shared.claim(drop, "buyer-9"), 409, "limit_reached")

    def counted():
        said = shop(shared).get(f"/v1/drops/{drop}/stats").json()
        return said if sum(said["refused"].values()) == 5 else None

    said = wait_for(counted)  # refusals are counted at most once a second
    assert said["refused"] == {"all_held": 4, "limit_reached": 1}
    assert (said["requests"], said["granted"]) == (9, 4)
    assert (said["stock"], said["held"], said["sold"], said["free"]) == (3, 2, 1, 0)

    def series():
        rows = shop(shared).get(f"/v1/drops/{drop}/stats").json()["series"]
        return rows if sum(sum(row["refused"].values()) for row in rows) == 5 else None

    rows = wait_for(series)
    assert sum(row["granted"] for row in rows) == 4
    assert sum(row["completed"] for row in rows) == sum(row["canceled"] for row in rows) == 1
    assert rows == sorted(rows, key=lambda row: row["time"])
    later = shop(shared).get(f"/v1/drops/{drop}/stats?from=2999-01-01T00:00:00Z").json()
    assert later["series"] == [] and later["granted"] == 4
    one = shop(shared).get(f"/v1/drops/{drop}/stats?limit=1")
    assert len(one.json()["series"]) == 1
    if len(rows) > 1:
        rest = all_pages(shop(shared), one.links["next"]["url"])
        assert one.json()["series"] + [row for page in rest for row in page.json()["series"]] == rows


def test_questions_about_statistics_that_make_no_sense(shared, sale):
    drop, _, _ = sale
    for query, field in (("limit=0", "limit"), ("limit=3601", "limit"), ("from=yesterday", "from"), ("to=1", "query")):
        problem(shop(shared).get(f"/v1/drops/{drop}/stats?{query}"), 400, "invalid", field)


# ---- metrics ----


def test_metrics_count_what_was_asked(server):
    drop = server.drop(stock=1)
    before = metrics(server)
    assert server.claim(drop, "anna").status_code == 201
    for i in range(3):
        problem(server.claim(drop, f"b{i}"), 409, "all_held")
    problem(httpx.get(server.url + "/nowhere"), 404, "not_found")
    after = metrics(server)

    def grew(name):
        return after.get(name, 0) - before.get(name, 0)

    assert grew('dibs_requests_total{route="claim_for_buyer",status="201"}') == 1
    assert grew('dibs_requests_total{route="claim_for_buyer",status="409"}') == 3
    assert grew('dibs_requests_total{route="none",status="404"}') == 1
    assert grew('dibs_verdicts_total{verdict="granted"}') == 1
    assert grew('dibs_verdicts_total{verdict="all_held"}') == 3
    assert grew('dibs_request_duration_seconds_count{route="claim_for_buyer"}') == 4
    assert after['dibs_request_duration_seconds_bucket{route="claim_for_buyer",le="+Inf"}'] == 4
    assert after["dibs_ledger_orders"] == after["dibs_ledger_pending"] == 1
    assert after["dibs_ready"] == 1 and after["dibs_connections"] >= 1
    assert after["dibs_log_durable"] <= after["dibs_log_sequence"]
    for name in ("dibs_log_batch_records", "dibs_log_sync_seconds", "dibs_log_write_seconds"):
        assert after[name + "_count"] > 0 and after[name + "_sum"] > 0
    for name in ("dibs_store_position", "dibs_store_lag_records", "dibs_pool_jobs", "dibs_loop_lag_seconds_max",
                 "dibs_ledger_waiting", "dibs_http_bad_requests_total"):
        assert after[name] >= 0


def test_metrics_are_what_prometheus_reads(shared):
    """Every sample has its HELP and TYPE above it, and histograms rise to +Inf, which is their count."""
    answer = httpx.get(shared.url + "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    typed, buckets = {}, {}
    for line in answer.text.splitlines():
        if line.startswith("# TYPE"):
            _, _, name, kind = line.split(" ")
            assert name not in typed
            typed[name] = kind
        elif not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            base = name.split("{")[0]
            family = next(one for one in (base, base.rsplit("_", 1)[0]) if one in typed)
            assert typed[family] in ("counter", "gauge", "histogram")
            assert float(value) >= 0
            if base.endswith("_bucket"):
                labels = name.split('le="')[0]
                assert float(value) >= buckets.get(labels, 0)
                buckets[labels] = float(value)
    assert len(typed) > 30


# ---- the description ----


def test_the_description_is_openapi_and_its_references_lead_somewhere(shared):
    answer = httpx.get(shared.url + "/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    said = answer.json()
    assert said["openapi"].startswith("3.1")
    schemas = said["components"]["schemas"]

    def walk(node):
        if isinstance(node, dict):
            if "$ref" in node:
                assert node["$ref"].rsplit("/", 1)[1] in schemas
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk(said)
    names = [operation["operationId"] for operations in said["paths"].values() for operation in operations.values()]
    assert len(names) == len(set(names)) >= 28


def test_what_is_described_is_there_and_what_is_there_is_described(shared):
    said = httpx.get(shared.url + "/openapi.json").json()
    methods = {"get", "post", "put", "delete"}
    for path, operations in said["paths"].items():
        filled = path.replace("{drop}", "absent").replace("{buyer}", "b").replace("{order}", "o").replace("{key}", "k")
        for method in methods:
            answer = httpx.request(method, shared.url + filled)
            assert (answer.status_code == 405) == (method not in operations), (method, path)
        allowed = httpx.request("PATCH", shared.url + filled).headers["allow"].split(", ")
        assert {one.lower() for one in allowed} - {"head"} == set(operations)


def test_answers_have_the_fields_that_are_described(shared, sale):
    drop, orders, _ = sale
    schemas = httpx.get(shared.url + "/openapi.json").json()["components"]["schemas"]
    client = shop(shared)

    def holds(value, name):
        assert set(schemas[name]["required"]) <= value.keys() <= schemas[name]["properties"].keys(), name

    holds(client.get(f"/v1/orders/{orders[0]}").json(), "Order")
    holds(client.get(f"/v1/drops/{drop}").json(), "Drop")
    holds(client.get(f"/v1/drops/{drop}").json()["skus"][0], "Sku")
    holds(client.get("/v1/drops?limit=1").json(), "Drops")
    holds(client.get(f"/v1/drops/{drop}/orders?limit=1").json(), "Orders")
    holds(client.get(f"/v1/drops/{drop}/stats").json(), "Stats")
    holds(client.get(f"/v1/drops/{drop}/stats").json()["series"][0], "Second")
    holds(admin(shared).get("/v1/keys").json()["keys"][0], "Key")
    holds(client.get("/v1/rules").json(), "RuleSets")
    holds(client.get("/readyz").json(), "Status")
    holds(client.get("/v1/drops/absent").json(), "Problem")


# ---- health, request ids ----


def test_ready_and_alive(shared):
    client = nobody(shared)
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json()["status"] == "ready"


def test_a_request_id_is_kept_when_it_is_sane(shared):
    client = nobody(shared)
    assert client.get("/livez", headers={"X-Request-Id": "shop-1.2_3"}).headers["x-request-id"] == "shop-1.2_3"
    problem_of = client.get("/nowhere", headers={"X-Request-Id": "abc"})
    assert problem(problem_of, 404, "not_found")["request_id"] == "abc"
    for wrong in ("", "a b", "x" * 65, 'a"b', "a/b"):
        made = client.get("/livez", headers={"X-Request-Id": wrong}).headers["x-request-id"]
        assert made != wrong and made.startswith("r") and len(made) == 17
    ids = {client.get("/livez").headers["x-request-id"] for _ in range(50)}
    assert len(ids) == 50


def test_the_rules_in_force(shared):
    assert shop(shared).get("/v1/rules").json() == {"rules": 1, "known": 1}
    problem(admin(shared).post("/v1/rules"), 409, "wrong_state")
    problem(admin(shared).post("/v1/rules", json={"rules": 2}), 409, "wrong_state")
