"""A read model that was rebuilt from a snapshot does not know what was before: then nobody is told what is not known.

The story: orders leave the core, their segments are archived, store.db is deleted. The same key once got a second order,
and the payment for an order of that time answered 404 and was recorded nowhere.
"""

import glob
import os
import time


def forget_the_beginning(server):
    """A few starts archive the first segments; then the read model goes."""
    for _ in range(4):
        server.restart()
        assert server.claim("steps", f"walker-{time.monotonic_ns()}").status_code == 201
        time.sleep(0.3)
    server.stop()
    assert glob.glob(f"{server.data}/archive/*.seg")
    for name in glob.glob(f"{server.data}/store.db*"):
        os.remove(name)
    server.start()


def test_a_key_of_a_time_that_the_read_model_does_not_know_gets_no_second_order(server):
    server.drop("steps", stock=100, limit_per_buyer=None, hold_seconds=0, keep_seconds=1)
    server.drop("holds", stock=100, limit_per_buyer=None, hold_seconds=1, keep_seconds=1)
    first = server.claim("steps", "anna", key="k1")
    expired = server.claim("holds", "anna", key="p1")
    assert (first.status_code, expired.status_code) == (201, 201)
    time.sleep(3.5)
    forget_the_beginning(server)
    time.sleep(1)
    again = server.claim("steps", "anna", key="k1")
    assert again.status_code == 503 and again.json()["code"] == "unknown_outcome"
    shop = server.client(server.shop_key())
    paid = shop.post(f"/v1/orders/{expired.json()['id']}/confirm", json={"payment_ref": "late"})
    assert paid.status_code == 409 and paid.json()["code"] == "refund_due"
    server.drop("later", stock=5, limit_per_buyer=None, hold_seconds=0, keep_seconds=1)
    assert server.claim("later", "anna", key="k1").status_code == 201
