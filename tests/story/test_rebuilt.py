"""A read model that was deleted is rebuilt, also from archived segments. If they are gone too, it begins at a snapshot and
does not know what was before: then nobody is told what is not known.

The story: orders leave the core, their segments are archived, store.db is deleted. The same key once got a second order,
and the payment for an order of that time answered 404 and was recorded nowhere.
"""

import glob
import os
import shutil
import sqlite3
import time


def archive_the_beginning(server):
    """A few starts archive the first segments; returns the archive, the server stopped."""
    for _ in range(4):
        server.restart()
        assert server.claim("steps", f"walker-{time.monotonic_ns()}").status_code == 201
        time.sleep(0.3)
    server.stop()
    archived = sorted(glob.glob(f"{server.data}/archive/*.seg"))
    assert archived
    return archived


def delete_the_read_model(server):
    for name in glob.glob(f"{server.data}/store.db*"):
        os.remove(name)


def rows_of(server):
    """Every table but the marks, which move on with each start."""
    with sqlite3.connect(f"file:{server.data}/store.db?mode=ro", uri=True) as store:
        tables = [name for name, in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert {"orders", "buyer_orders", "refunds", "seconds", "drops", "marks"} <= set(tables)
        rows = {name: sorted(store.execute(f"SELECT * FROM {name}")) for name in tables if name != "marks"}
        assert "whole_from" not in dict(store.execute("SELECT name, value FROM marks"))
    store.close()
    return rows


def some_history(server):
    """Orders of all ends, with keys and payments, most of which leave the core."""
    server.drop("steps", stock=100, limit_per_buyer=None, hold_seconds=0, keep_seconds=1)
    server.drop("holds", stock=3, limit_per_buyer=None, hold_seconds=1, keep_seconds=1)
    shop = server.client(server.shop_key())
    first = server.claim("steps", "anna", key="k1").json()
    paid, canceled, expired = [server.claim("holds", buyer, key="p1").json() for buyer in ("anna", "bert", "carl")]
    assert server.claim("holds", "dora").status_code == 409
    assert shop.post(f"/v1/orders/{paid['id']}/confirm", json={"payment_ref": "pay-1"}).status_code == 200
    assert shop.post(f"/v1/orders/{canceled['id']}/cancel").status_code == 200
    time.sleep(3.5)
    assert shop.post(f"/v1/orders/{expired['id']}/confirm", json={"payment_ref": "late"}).status_code == 409
    return first, paid, canceled, expired


def test_a_deleted_read_model_is_rebuilt_from_the_archive_row_by_row(server):
    orders = some_history(server)
    archived = archive_the_beginning(server)
    rows = rows_of(server)
    assert len(rows["orders"]) == 8
    shutil.copy(archived[-1], server.data / "log")  # as a backup may be put back: in both folders
    delete_the_read_model(server)
    server.start()
    shop = server.client(server.shop_key())
    for order in orders:
        told = shop.get(f"/v1/orders/{order['id']}")
        assert (told.status_code, told.json()["buyer"]) == (200, order["buyer"])
    again = server.claim("steps", "anna", key="k1")
    assert (again.status_code, again.json()) == (201, orders[0])
    assert shop.post(f"/v1/orders/{orders[2]['id']}/cancel").status_code == 200  # the same again
    server.stop()
    assert rows_of(server) == rows
    server.audit()


def forget_the_beginning(server):
    os.remove(archive_the_beginning(server)[0])
    delete_the_read_model(server)
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
