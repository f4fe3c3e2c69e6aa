"""Payments for orders that have left the core: each is recorded once, and answered as it would have been before."""

import time

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
