"""Keys on a drop from which orders have left the core: an old key gets its old order, a new one its verdict at once.

The story: of a key that the core did not know, the read model was asked, through 256 places; so on a drop that had once
lost an order, a crowd with keys of its own heard "overloaded", but for the first 256.
"""

import collections
import socket
import time

from asking import metrics

CONNECTIONS, EACH = 24, 60  # 1,440 at once; one connection may have 64 under way


def leave(server):
    end = time.monotonic() + 20
    while metrics(server)["dibs_ledger_orders"] > 0:
        assert time.monotonic() < end, "the orders do not leave"
        time.sleep(0.02)


def request(server, drop, buyer, key):
    return (f"POST /v1/drops/{drop}/buyers/{buyer}/orders HTTP/1.1\r\nHost: shop\r\n"
            f"Authorization: Bearer {server.shop_key()}\r\nIdempotency-Key: {key}\r\nContent-Length: 0\r\n\r\n").encode()


def statuses(one, count):
    """The statuses of so many answers on this connection."""
    with one.makefile("rb") as answers:
        for _ in range(count):
            status = int(answers.readline().split()[1])
            headers = dict(line.lower().split(b": ") for line in iter(answers.readline, b"\r\n"))
            answers.read(int(headers[b"content-length"]))
            yield status


def crowd(server, drop, name):
    """Many claims at once, each with a key of its own; returns how often each status was the answer."""
    connections = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(CONNECTIONS)]
    for number, one in enumerate(connections):
        one.sendall(b"".join(request(server, drop, f"{name}-{number}-{i}", f"{name}-{number}-{i}") for i in range(EACH)))
    counted = collections.Counter()
    for one in connections:
        counted.update(statuses(one, EACH))
        one.close()
    return counted


def sale(server, stock):
    return server.drop(stock=stock, limit_per_buyer=None, hold_seconds=0, keep_seconds=1)


def assert_old_keys_get_their_orders(server, drop, orders):
    for buyer, order in orders.items():
        again = server.claim(drop, buyer, key="k")
        assert again.status_code == 201, again.text
        assert again.headers["idempotency-replayed"] == "true"
        assert again.json() == order


def test_a_crowd_with_new_keys_is_answered_though_orders_have_left(server):
    drop = sale(server, stock=1020)
    orders = {f"old-{i}": server.claim(drop, f"old-{i}", key="k").json() for i in range(20)}
    leave(server)
    assert metrics(server)["dibs_ledger_left"] == 20
    assert crowd(server, drop, "new") == {201: 1000, 409: CONNECTIONS * EACH - 1000}
    assert_old_keys_get_their_orders(server, drop, orders)
    other = server.claim(drop, "old-1", key="k", quantity=2)  # the key of an order that has left, on another body
    assert other.status_code == 422 and other.json()["code"] == "key_reused"
    leave(server)
    server.kill9()  # what has left is folded again …
    server.start()
    assert_old_keys_get_their_orders(server, drop, orders)
    server.restart()  # … or stands in the snapshot
    assert metrics(server)["dibs_ledger_left"] == 1020
    assert_old_keys_get_their_orders(server, drop, orders)
    assert crowd(server, drop, "late") == {409: CONNECTIONS * EACH}
    server.stop()
    server.audit()


def test_of_an_archived_drop_too_the_old_keys_are_known_and_the_new_ones_answered(server):
    drop = server.drop(stock=50, limit_per_buyer=1, hold_seconds=0)
    orders = {f"old-{i}": server.claim(drop, f"old-{i}", key="k").json() for i in range(20)}
    admin = server.client()
    for verb in ("close", "archive"):
        assert admin.post(f"/v1/drops/{drop}/{verb}").status_code == 200
    leave(server)
    assert_old_keys_get_their_orders(server, drop, orders)
    assert crowd(server, drop, "new") == {409: CONNECTIONS * EACH}
