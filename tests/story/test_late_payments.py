"""Payments for orders that have left the core: each is recorded once, and answered as it would have been before."""

import threading
import time

import httpx

from asking import metrics, problem, shop


def confirm(server, order, ref):
    return shop(server).post(f"/v1/orders/{order}/confirm", json={"payment_ref": ref})


def order_that_left(server, hold_seconds):
    drop = server.drop(stock=5, limit_per_buyer=None, hold_seconds=hold_seconds, keep_seconds=1)
    order = server.claim(drop, "anna").json()["id"]
    end = time.monotonic() + 15
    while metrics(server)["dibs_ledger_orders"] > 0:
        assert time.monotonic() < end, "the order does not leave"
        time.sleep(0.02)
    return order


def test_a_late_payment_that_is_repeated_is_written_once(server):
    """The story: each repetition of a payment for an order that had left was a record and a refund of its own."""
    order = order_that_left(server, hold_seconds=1)
    problem(confirm(server, order, "late"), 409, "refund_due")
    before = metrics(server)["dibs_log_sequence"]
    problem(confirm(server, order, "late"), 409, "refund_due")
    assert metrics(server)["dibs_log_sequence"] == before
    problem(confirm(server, order, "later"), 409, "refund_due")  # another payment is another refund
    assert metrics(server)["dibs_log_sequence"] > before


def test_the_first_payment_of_an_order_sold_at_once_may_come_after_it_has_left(server):
    """The story: it was answered refund_due and recorded as one, though the same payment a second sooner was taken."""
    order = order_that_left(server, hold_seconds=0)
    before = shop(server).get(f"/v1/orders/{order}").json()
    paid = confirm(server, order, "pay-1")
    assert paid.status_code == 200, paid.text
    assert paid.json() == before
    said = metrics(server)["dibs_log_sequence"]
    assert confirm(server, order, "pay-1").json() == paid.json()
    assert metrics(server)["dibs_log_sequence"] == said
    problem(confirm(server, order, "pay-2"), 409, "refund_due")
    server.stop()
    server.audit()
    server.start()
    assert confirm(server, order, "pay-1").json() == paid.json()


def test_of_two_first_payments_at_once_one_is_to_be_refunded(server):
    order = order_that_left(server, hold_seconds=0)
    barrier, answers = threading.Barrier(8), {}

    def pay(ref):
        with httpx.Client(base_url=server.url, verify=False, timeout=30,
                          headers={"Authorization": f"Bearer {server.shop_key()}"}) as client:
            client.get("/livez")  # connected
            barrier.wait()
            answers[ref] = client.post(f"/v1/orders/{order}/confirm", json={"payment_ref": ref})

    server.shop_key()
    threads = [threading.Thread(target=pay, args=(f"pay-{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [ref for ref, answer in answers.items() if answer.status_code == 200]
    assert len(taken) == 1, answers
    for ref, answer in answers.items():
        if ref != taken[0]:
            problem(answer, 409, "refund_due")
        assert confirm(server, order, ref).status_code == answer.status_code
    server.stop()
    server.audit()
