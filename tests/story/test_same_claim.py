"""The same claim again and again, at once and later: one order, and everybody hears of that one."""

import threading
import time

import httpx
import pytest

from asking import admin, buyer, metrics, problem, shop, units

CROWD = 50


def at_once(count, ask):
    """Runs ask(i) in so many threads that start together; returns the answers in order."""
    barrier = threading.Barrier(count)
    answers = [None] * count

    def one(i):
        with httpx.Client(timeout=60, verify=False) as client:
            barrier.wait()
            answers[i] = ask(client, i)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def post(server, drop, name, key=None, **body):
    headers = {"Authorization": f"Bearer {server.shop_key()}"}
    if key:
        headers["Idempotency-Key"] = key
    content = {"json": body} if body else {}
    return lambda client, i: client.post(f"{server.url}/v1/drops/{drop}/buyers/{name}/orders", headers=headers, **content)


def test_the_same_key_in_parallel_fifty_times(shared):
    drop = shared.drop(stock=100, limit_per_buyer=None)
    answers = at_once(CROWD, post(shared, drop, "anna", key="k-1"))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == CROWD - 1
    assert units(shared, drop)["unit"]["held"] == 1


def test_the_same_buyer_without_a_key_in_parallel_fifty_times(shared):
    drop = shared.drop(stock=100, limit_per_buyer=1)
    answers = at_once(CROWD, post(shared, drop, "anna"))
    won = [answer for answer in answers if answer.status_code == 201]
    assert len(won) == 1
    for answer in answers:
        if answer is not won[0]:
            assert problem(answer, 409, "limit_reached")["order"] == won[0].json()["id"]
    assert units(shared, drop)["unit"]["held"] == 1


def test_fifty_buyers_for_ten_units(shared):
    drop = shared.drop(stock=10)
    ask = lambda client, i: post(shared, drop, f"buyer-{i}")(client, i)
    answers = at_once(CROWD, ask)
    won = [answer.json() for answer in answers if answer.status_code == 201]
    assert sorted(order["position"] for order in won) == list(range(1, 11))
    for answer in answers:
        if answer.status_code != 201:
            problem(answer, 409, "all_held")
    assert units(shared, drop)["unit"] == {"id": "unit", "price": 1000, "stock": 10, "free": 0, "held": 10, "sold": 0}


def test_fifty_buyers_with_a_key_each_asked_twice_at_once(shared):
    drop = shared.drop(stock=25)
    ask = lambda client, i: post(shared, drop, f"buyer-{i // 2}", key=f"key-{i // 2}")(client, i)
    answers = at_once(CROWD, ask)
    assert {answer.status_code for answer in answers} == {201}
    for first, second in zip(answers[::2], answers[1::2]):
        assert first.text == second.text
    assert units(shared, drop)["unit"]["free"] == 0


def test_a_key_with_another_body(shared):
    drop = shared.drop(skus=[{"id": "a", "stock": 5}, {"id": "b", "stock": 5}], limit_per_buyer=None)
    first = shared.claim(drop, "anna", key="k", sku="a")
    assert first.status_code == 201
    for body in ({"sku": "b"}, {"sku": "a", "quantity": 2}, {"lines": [{"sku": "a"}, {"sku": "b"}]}):
        problem(shared.claim(drop, "anna", key="k", **body), 422, "key_reused")
    assert shared.claim(drop, "anna", key="k", lines=[{"sku": "a", "quantity": 1}]).json() == first.json()


def test_a_key_belongs_to_its_buyer_and_its_drop(shared):
    one, other = shared.drop(stock=5), shared.drop(stock=5)
    orders = {shared.claim(drop, name, key="k").json()["id"] for drop in (one, other) for name in ("anna", "ben")}
    assert len(orders) == 4


def test_quoted_or_bare_it_is_the_same_key(shared):
    drop = shared.drop(stock=5, limit_per_buyer=None)
    assert shared.claim(drop, "anna", key="k").json() == shared.claim(drop, "anna", key='"k"').json()


def test_a_replay_shows_the_order_as_it_is_now(shared):
    drop = shared.drop(stock=5)
    first = shared.claim(drop, "anna", key="k")
    order = first.json()["id"]
    assert first.headers["location"] == f"/v1/orders/{order}"
    assert shop(shared).post(f"/v1/orders/{order}/confirm", json={"payment_ref": "p"}).status_code == 200
    again = shared.claim(drop, "anna", key="k")
    assert again.status_code == 201 and again.headers["idempotency-replayed"] == "true"
    assert again.json() == {**first.json(), "status": "completed", "ended_at": again.json()["ended_at"]}


@pytest.mark.parametrize("change", ["pause", "close"])
def test_a_key_is_known_whatever_has_become_of_the_drop(shared, change):
    drop = shared.drop(stock=1)
    first = shared.claim(drop, "anna", key="k")
    assert admin(shared).post(f"/v1/drops/{drop}/{change}").status_code == 200
    assert shared.claim(drop, "anna", key="k").json() == first.json()
    problem(shared.claim(drop, "ben", key="k"), 409, {"pause": "paused", "close": "closed"}[change])


def test_a_refused_key_is_not_remembered(shared):
    drop = shared.drop(stock=1)
    order = shared.claim(drop, "anna").json()["id"]
    problem(shared.claim(drop, "ben", key="k"), 409, "all_held")
    assert shop(shared).post(f"/v1/orders/{order}/cancel").status_code == 200
    answer = shared.claim(drop, "ben", key="k")
    assert answer.status_code == 201 and "idempotency-replayed" not in answer.headers


def test_a_buyer_claims_with_a_token(shared):
    drop = shared.drop(stock=1)
    client = buyer(shared, "token-anna")
    answer = client.post(f"/v1/drops/{drop}/orders", headers={"Idempotency-Key": "k"})
    assert answer.status_code == 201 and answer.json()["buyer"] == "token-anna"
    # the shop's claim for the same buyer with the same key is the same claim
    assert shared.claim(drop, "token-anna", key="k").json() == answer.json()


def test_the_longest_ids_come_through_unharmed(shared):
    name, key, sku, drop = "!" + "~" * 63, "k" * 64, "s" * 64, "d" * 64
    shared.drop(id=drop, skus=[{"id": sku, "stock": 1}])
    answer = shared.claim(drop, name.replace("~", "%7E").replace("!", "%21"), key=key, sku=sku)
    assert answer.status_code == 201, answer.text
    assert answer.json()["buyer"] == name
    assert buyer(shared, name).get(f"/v1/orders/{answer.json()['id']}").json() == answer.json()


# ---- after it has left the ledger ----


def wait_until_left(server, order):
    """An order that has ended leaves the ledger after its drop's keep time; then the read model has it."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        server.drop(stock=1)  # time in the log moves with its records
        if metrics(server)["dibs_ledger_orders"] == 0:
            return
        time.sleep(0.1)
    raise AssertionError("the order stays in the ledger")


def test_a_replay_after_the_order_has_left_the_ledger(server):
    drop = server.drop(stock=3, hold_seconds=60, keep_seconds=1, limit_per_buyer=None)
    first = server.claim(drop, "anna", key="k", sku="unit", quantity=2)
    order = first.json()["id"]
    assert server.client().post(f"/v1/orders/{order}/cancel").status_code == 200
    wait_until_left(server, order)

    again = server.claim(drop, "anna", key="k", sku="unit", quantity=2)
    assert again.status_code == 201 and again.headers["idempotency-replayed"] == "true"
    assert again.json()["id"] == order and again.json()["status"] == "canceled"
    problem(server.claim(drop, "anna", key="k", sku="unit", quantity=1), 422, "key_reused")
    # another key, and the same key of another buyer, are new claims
    assert server.claim(drop, "anna", key="k-2").json()["id"] != order
    assert server.claim(drop, "ben", key="k").json()["id"] != order


def test_an_order_that_has_left_the_ledger_is_still_answered(server):
    drop = server.drop(stock=3, keep_seconds=1, limit_per_buyer=None)
    ids = {}
    for name, end in (("anna", "cancel"), ("ben", "confirm")):
        ids[name] = server.claim(drop, name).json()["id"]
        body = {"json": {"payment_ref": "p-1"}} if end == "confirm" else {}
        assert server.client().post(f"/v1/orders/{ids[name]}/{end}", **body).status_code == 200
    wait_until_left(server, ids["ben"])

    client = server.client(server.shop_key())
    assert client.get(f"/v1/orders/{ids['anna']}").json()["status"] == "canceled"
    assert client.get(f"/v1/orders/{ids['ben']}").json()["buyer"] == "ben"
    assert buyer(server, "anna").get(f"/v1/orders/{ids['anna']}").json()["status"] == "canceled"
    problem(buyer(server, "anna").get(f"/v1/orders/{ids['ben']}"), 404, "unknown_order")
    problem(buyer(server, "anna").post(f"/v1/orders/{ids['ben']}/cancel"), 404, "unknown_order")
    assert client.post(f"/v1/orders/{ids['anna']}/cancel").json()["status"] == "canceled"
    problem(client.post(f"/v1/orders/{ids['ben']}/cancel"), 409, "wrong_state")
    assert client.post(f"/v1/orders/{ids['ben']}/confirm", json={"payment_ref": "p-1"}).json()["status"] == "completed"
    problem(client.post(f"/v1/orders/{ids['anna']}/confirm", json={"payment_ref": "p-2"}), 409, "refund_due")
