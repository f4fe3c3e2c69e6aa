"""A drop's life: before, at and after its opening; paused, closed; holds that end; stock that comes and goes."""

import datetime
import subprocess
import threading
import time

import httpx
import pytest

from asking import admin, buyer, metrics, problem, shop, units


def in_seconds(seconds):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def change(server, drop, what, **body):
    return admin(server).post(f"/v1/drops/{drop}/{what}", json=body)


def state(server, drop):
    return admin(server).get(f"/v1/drops/{drop}").json()["state"]


def wait_for(check, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        said = check()
        if said:
            return said
        time.sleep(0.02)
    raise AssertionError("it did not come to pass")


# ---- opening ----


def test_before_opening_by_hand(shared):
    drop = shared.drop(stock=1, open=False)
    said = problem(shared.claim(drop, "anna"), 409, "not_open")
    assert "opens_at" not in said
    assert change(shared, drop, "open").json()["state"] == "open"
    assert shared.claim(drop, "anna").status_code == 201


def test_before_the_hour_the_refusal_says_when(shared):
    opens_at = in_seconds(3600)
    drop = shared.drop(stock=1, opens_at=opens_at)
    assert problem(shared.claim(drop, "anna"), 409, "not_open")["opens_at"] == opens_at
    assert state(shared, drop) == "scheduled"


def test_at_the_opening_instant(shared):
    """Hammered from before the hour on: whoever is granted is so at or after it, and asking before gains nothing."""
    opens_at = in_seconds(0.6)
    drop = shared.drop(stock=1000, opens_at=opens_at, limit_per_buyer=None)
    refused = granted = 0
    headers = {"Authorization": f"Bearer {shared.shop_key()}"}
    with httpx.Client(base_url=shared.url, headers=headers, verify=False) as client:
        while granted < 20:
            answer = client.post(f"/v1/drops/{drop}/buyers/anna{refused + granted}/orders")
            if answer.status_code == 201:
                granted += 1
                assert parse(answer.json()["created_at"]) >= parse(opens_at)
                assert answer.json()["position"] == granted
            else:
                refused += 1
                assert granted == 0, "a drop that has opened is open"
                assert answer.json()["code"] == "not_open"
    assert refused > 0
    assert state(shared, drop) == "open"


def test_opened_by_hand_before_its_hour(shared):
    drop = shared.drop(stock=1, opens_at=in_seconds(3600))
    assert change(shared, drop, "open").json()["state"] == "open"
    assert shared.claim(drop, "anna").status_code == 201


# ---- paused and closed ----


def test_paused_stops_claims_and_nothing_else(shared):
    drop = shared.drop(stock=5)
    paid, given_back = (shared.claim(drop, name).json()["id"] for name in ("anna", "ben"))
    assert change(shared, drop, "pause").json()["state"] == "paused"
    problem(shared.claim(drop, "carl"), 409, "paused")
    assert shop(shared).post(f"/v1/orders/{paid}/confirm", json={"payment_ref": "p"}).json()["status"] == "completed"
    assert shop(shared).post(f"/v1/orders/{given_back}/cancel").json()["status"] == "canceled"
    assert change(shared, drop, "pause").status_code == 200
    assert change(shared, drop, "resume").json()["state"] == "open"
    assert shared.claim(drop, "carl").status_code == 201


def test_closed_is_for_good_but_payments_go_on(shared):
    drop = shared.drop(stock=5)
    order = shared.claim(drop, "anna").json()["id"]
    assert change(shared, drop, "close").json()["state"] == "closed"
    problem(shared.claim(drop, "ben"), 409, "closed")
    for what in ("open", "pause", "resume"):
        problem(change(shared, drop, what), 409, "wrong_state")
    assert change(shared, drop, "close").status_code == 200
    problem(change(shared, drop, "archive"), 409, "wrong_state")  # anna still holds
    assert shop(shared).post(f"/v1/orders/{order}/confirm", json={"payment_ref": "p"}).status_code == 200
    assert change(shared, drop, "archive").json()["state"] == "archived"


def test_closing_by_the_clock(shared):
    closes_at = in_seconds(0.5)
    drop = shared.drop(stock=1000, closes_at=closes_at, limit_per_buyer=None)
    headers = {"Authorization": f"Bearer {shared.shop_key()}"}
    closed = granted = 0
    with httpx.Client(base_url=shared.url, headers=headers, verify=False) as client:
        while closed < 10:
            answer = client.post(f"/v1/drops/{drop}/buyers/anna{granted}/orders")
            if answer.status_code == 201:
                assert closed == 0 and parse(answer.json()["created_at"]) < parse(closes_at)
                granted += 1
            else:
                assert answer.json()["code"] == "closed"
                closed += 1
    assert granted > 0 and state(shared, drop) == "closed"


def test_the_closing_time_can_be_moved(shared):
    drop = shared.drop(stock=5, closes_at=in_seconds(3600))
    later = in_seconds(7200)
    assert change(shared, drop, "closing", closes_at=later).json()["closes_at"] == later
    assert change(shared, drop, "closing", closes_at=None).json()["closes_at"] is None
    assert change(shared, drop, "closing", closes_at=in_seconds(-1)).json()["state"] == "closed"
    problem(shared.claim(drop, "anna"), 409, "closed")
    problem(change(shared, drop, "closing", closes_at=later), 409, "wrong_state")


# ---- founding ----


def test_the_same_drop_again_and_another_under_its_id(shared):
    client = admin(shared)
    body = {"skus": [{"id": "m", "stock": 1, "price": 5}], "currency": "EUR"}
    first = client.put("/v1/drops/founded", json=body)
    assert first.status_code == 201 and first.json()["title"] == "founded" and first.json()["hold_seconds"] == 600
    assert first.json()["limit_per_buyer"] is None
    again = client.put("/v1/drops/founded", json=dict(reversed(body.items())))
    assert again.status_code == 200 and again.json()["created_at"] == first.json()["created_at"]
    # defaults written out are the same
    assert client.put("/v1/drops/founded", json={**body, "hold_seconds": 600, "title": "founded"}).status_code == 200
    problem(client.put("/v1/drops/founded", json={**body, "hold_seconds": 601}), 409, "exists")
    problem(client.put("/v1/drops/founded", json={**body, "currency": "USD"}), 409, "exists")


def test_an_archived_drops_id_is_never_used_again(shared):
    drop = shared.drop(stock=1)
    for what in ("close", "archive"):
        assert change(shared, drop, what).status_code == 200
    problem(admin(shared).put(f"/v1/drops/{drop}", json={"skus": [{"id": "other", "stock": 1}]}), 409, "exists")
    problem(shared.claim(drop, "anna"), 409, "closed")


# ---- holds ----


def test_a_hold_that_is_not_paid_ends_and_its_unit_comes_back(shared):
    drop = shared.drop(stock=1, hold_seconds=1)
    order = shared.claim(drop, "anna").json()
    said = shared.claim(drop, "ben")
    problem(said, 409, "all_held")
    assert 1 <= int(said.headers["retry-after"]) <= 2
    wait_for(lambda: units(shared, drop)["unit"]["free"] == 1)
    now = shop(shared).get(f"/v1/orders/{order['id']}").json()
    assert now["status"] == "expired" and now["ended_at"] >= order["hold_until"]
    assert shared.claim(drop, "ben").status_code == 201


def test_a_unit_comes_back_to_who_asks_though_nobody_else_moves_time(shared):
    drop = shared.drop(stock=1, hold_seconds=1)
    until = parse(shared.claim(drop, "anna").json()["hold_until"])
    time.sleep(max(0.0, until - time.time()) + 0.002)
    assert shared.claim(drop, "ben").status_code == 201


def test_confirmation_after_expiry_is_recorded_and_to_be_refunded(shared):
    drop = shared.drop(stock=1, hold_seconds=1)
    order = shared.claim(drop, "anna").json()["id"]
    wait_for(lambda: units(shared, drop)["unit"]["free"] == 1)
    before = metrics(shared)["dibs_log_sequence"]
    assert problem(confirm(shared, order, "late"), 409, "refund_due")["order"] == order
    assert metrics(shared)["dibs_log_sequence"] > before
    assert shop(shared).get(f"/v1/orders/{order}").json()["status"] == "expired"
    assert units(shared, drop)["unit"]["free"] == 1


def confirm(server, order, ref):
    return shop(server).post(f"/v1/orders/{order}/confirm", json={"payment_ref": ref})


def test_confirmations_around_the_very_millisecond_of_expiry(shared):
    """Fifty holds with one deadline each, confirmed around it: in time or too late, and never both."""
    drop = shared.drop(stock=50, hold_seconds=1)
    orders = [shared.claim(drop, f"buyer-{i}").json() for i in range(50)]
    answers = {}

    def one(i):
        with httpx.Client(base_url=shared.url, verify=False, timeout=30,
                          headers={"Authorization": f"Bearer {shared.shop_key()}"}) as client:
            client.get("/livez")  # connected
            time.sleep(max(0.0, parse(orders[i]["hold_until"]) - time.time() + (i - 25) * 0.0004))
            answers[i] = client.post(f"/v1/orders/{orders[i]['id']}/confirm", json={"payment_ref": f"p-{i}"})

    threads = [threading.Thread(target=one, args=(i,)) for i in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: units(shared, drop)["unit"]["held"] == 0)
    completed = 0
    for i, order in enumerate(orders):
        now = shop(shared).get(f"/v1/orders/{order['id']}").json()
        if answers[i].status_code == 200:
            assert now["status"] == "completed" and now["ended_at"] < order["hold_until"]
            completed += 1
        else:
            problem(answers[i], 409, "refund_due")
            assert now["status"] == "expired"
    assert units(shared, drop)["unit"] == {"id": "unit", "price": 1000, "stock": 50, "free": 50 - completed, "held": 0,
                                           "sold": completed}


def test_cancel_twice_and_confirm_twice(shared):
    drop = shared.drop(stock=2)
    canceled, paid = (shared.claim(drop, name).json()["id"] for name in ("anna", "ben"))
    first = shop(shared).post(f"/v1/orders/{canceled}/cancel")
    second = shop(shared).post(f"/v1/orders/{canceled}/cancel")
    assert first.status_code == second.status_code == 200 and first.json() == second.json()
    assert confirm(shared, paid, "p-1").json() == confirm(shared, paid, "p-1").json()
    problem(confirm(shared, paid, "p-2"), 409, "refund_due")
    problem(confirm(shared, canceled, "p-3"), 409, "refund_due")
    problem(shop(shared).post(f"/v1/orders/{paid}/cancel"), 409, "wrong_state")
    assert units(shared, drop)["unit"]["free"] == 1 and units(shared, drop)["unit"]["sold"] == 1


def test_a_buyer_gives_its_own_back(shared):
    drop = shared.drop(stock=1)
    order = shared.claim(drop, "anna").json()["id"]
    assert buyer(shared, "anna").post(f"/v1/orders/{order}/cancel").json()["status"] == "canceled"
    assert shared.claim(drop, "anna").status_code == 201  # a canceled order counts for no limit


def test_an_instant_drop_sells_at_once(shared):
    drop = shared.drop(stock=1, hold_seconds=0)
    order = shared.claim(drop, "anna").json()
    assert order["status"] == "completed" and order["hold_until"] is None
    problem(shared.claim(drop, "ben"), 409, "sold_out")
    problem(shop(shared).post(f"/v1/orders/{order['id']}/cancel"), 409, "wrong_state")
    assert confirm(shared, order["id"], "p").status_code == 200


# ---- stock ----


def restock(server, drop, quantity, key, sku="unit"):
    return admin(server).post(f"/v1/drops/{drop}/restock", json={"sku": sku, "quantity": quantity},
                              headers={"Idempotency-Key": key})


def test_restock_while_sold_out(shared):
    drop = shared.drop(stock=1, hold_seconds=0)
    assert shared.claim(drop, "anna").status_code == 201
    problem(shared.claim(drop, "ben"), 409, "sold_out")
    assert restock(shared, drop, 2, "more").json()["skus"][0]["free"] == 2
    assert shared.claim(drop, "ben").status_code == 201
    assert shared.claim(drop, "carl").status_code == 201
    problem(shared.claim(drop, "dora"), 409, "sold_out")


def test_restock_twice_with_one_key_is_once(shared):
    drop = shared.drop(stock=1)
    assert restock(shared, drop, 5, "k").json()["skus"][0]["stock"] == 6
    assert restock(shared, drop, 5, "k").json()["skus"][0]["stock"] == 6
    problem(restock(shared, drop, 4, "k"), 422, "key_reused")
    assert restock(shared, drop, 5, "k-2").json()["skus"][0]["stock"] == 11


def test_restock_down_to_what_is_held_and_sold_and_no_further(shared):
    drop = shared.drop(stock=10)
    paid = shared.claim(drop, "anna").json()["id"]
    confirm(shared, paid, "p")
    shared.claim(drop, "ben")
    problem(restock(shared, drop, -9, "a"), 409, "wrong_state")
    assert restock(shared, drop, -8, "b").json()["skus"][0] == {"id": "unit", "price": 1000, "stock": 2, "free": 0,
                                                                 "held": 1, "sold": 1}
    problem(shared.claim(drop, "carl"), 409, "all_held")
    problem(restock(shared, drop, 2 ** 31 - 1, "c"), 409, "wrong_state")


# ---- several SKUs ----


def test_all_or_nothing_and_the_sold_out_one_is_named(shared):
    drop = shared.drop(skus=[{"id": "a", "stock": 2}, {"id": "b", "stock": 1}, {"id": "c", "stock": 0}],
                       limit_per_buyer=None)
    both = [{"sku": "a", "quantity": 1}, {"sku": "b", "quantity": 1}]
    order = shared.claim(drop, "anna", lines=both)
    assert order.status_code == 201 and order.json()["lines"] == both
    assert problem(shared.claim(drop, "ben", lines=both), 409, "all_held")["sku"] == "b"
    assert problem(shared.claim(drop, "ben", lines=both + [{"sku": "c"}]), 409, "sold_out")["sku"] == "c"
    assert problem(shared.claim(drop, "ben", lines=[{"sku": "a", "quantity": 3}]), 409, "sold_out")["sku"] == "a"
    problem(shared.claim(drop, "ben", lines=[{"sku": "a"}, {"sku": "x"}]), 404, "unknown_sku")
    assert units(shared, drop)["a"]["free"] == 1


def test_the_limit_counts_units_over_all_skus(shared):
    drop = shared.drop(skus=[{"id": "a", "stock": 9}, {"id": "b", "stock": 9}], limit_per_buyer=3)
    first = shared.claim(drop, "anna", lines=[{"sku": "a", "quantity": 1}, {"sku": "b", "quantity": 1}]).json()["id"]
    assert problem(shared.claim(drop, "anna", sku="a", quantity=2), 409, "limit_reached")["order"] == first
    assert shared.claim(drop, "anna", sku="b", quantity=1).status_code == 201
    problem(shared.claim(drop, "ben", sku="b", quantity=4), 409, "limit_reached")


def test_a_buyers_orders_are_bounded_ended_ones_included(shared):
    drop = shared.drop(stock=100, limit_per_buyer=100)
    for _ in range(32):
        order = shared.claim(drop, "anna", client=shop(shared)).json()["id"]
        shop(shared).post(f"/v1/orders/{order}/cancel")
    problem(shared.claim(drop, "anna"), 409, "too_many_orders")
    assert shared.claim(drop, "ben").status_code == 201


# ---- the clock ----


CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
/* The wall clock, as many seconds off as the file says; the monotonic one as it is. */
int clock_gettime(clockid_t clock, struct timespec *ret)
{
	static int (*real)(clockid_t, struct timespec *);
	long shift = 0;
	if (!real)
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	int code = real(clock, ret);
	if (clock != CLOCK_REALTIME || code)
		return code;
	FILE *file = fopen(getenv("STORY_CLOCK"), "re");
	if (file && fscanf(file, "%ld", &shift) == 1)
		ret->tv_sec += shift;
	if (file)
		fclose(file);
	return 0;
}
"""


@pytest.fixture
def clock(tmp_path, monkeypatch):
    """A function that sets the clock of servers started from now on so many seconds off."""
    source, library, offset = tmp_path / "clock.c", tmp_path / "clock.so", tmp_path / "offset"
    source.write_text(CLOCK)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    offset.write_text("0")
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("STORY_CLOCK", str(offset))
    monkeypatch.setenv("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=0")

    def set_off(seconds):
        offset.with_suffix(".new").write_text(str(seconds))
        offset.with_suffix(".new").rename(offset)

    return set_off


def test_the_clock_set_back_and_forth_while_it_runs(clock, make_server):
    server = make_server()
    drop = server.drop(stock=5, hold_seconds=60, limit_per_buyer=None)
    first = server.claim(drop, "anna").json()
    for seconds in (-7200, 7200, -86400, 30):
        clock(seconds)
        now = server.claim(drop, "anna")
        assert now.status_code == 201
        assert 0 <= parse(now.json()["created_at"]) - parse(first["created_at"]) < 30
    assert units(server, drop)["unit"]["held"] == 5  # no hold has ended for it
    clock(0)


def test_a_clock_behind_the_last_record_refuses_to_start(clock, make_server):
    server = make_server()
    drop = server.drop(stock=2)
    order = server.claim(drop, "anna").json()
    server.kill9()
    clock(-3600)
    with pytest.raises(RuntimeError) as refused:
        server.restart()
    assert "clock" in str(refused.value)
    server.restart("--clock-behind")
    later = server.claim(drop, "ben").json()
    assert parse(later["created_at"]) >= parse(order["created_at"])
    server.stop()
    clock(0)
    server.restart()
    assert server.client().get(f"/v1/orders/{order['id']}").json()["status"] == "pending"


def test_holds_that_fell_due_while_it_was_down_have_ended_before_it_is_ready(clock, make_server):
    server = make_server()
    drop = server.drop(stock=1, hold_seconds=60)
    order = server.claim(drop, "anna").json()["id"]
    server.kill9()
    clock(61)
    server.restart()
    assert units(server, drop)["unit"]["free"] == 1
    assert server.client().get(f"/v1/orders/{order}").json()["status"] == "expired"
    assert server.claim(drop, "ben").status_code == 201
