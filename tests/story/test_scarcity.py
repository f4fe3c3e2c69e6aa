"""Out of file descriptors, of pool entries, of memory: that request fails clearly, the others go on."""

import re
import resource
import socket
import time

import httpx
import pytest

from asking import admin, metrics, problem, shop, units


def raw(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def ask(connection, path="/livez"):
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: story\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        more = connection.recv(65536)
        if not more:
            break
        answer += more
    return int(answer.split(b" ")[1]) if answer else None


def limit(server, what, value):
    """Sets a limit of the running server; returns what it was."""
    return resource.prlimit(server.process.pid, what, (value, resource.prlimit(server.process.pid, what)[1]))


def open_files(server):
    import os

    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def test_out_of_file_descriptors(server):
    drop = server.drop(stock=3)
    key = server.shop_key()
    kept = raw(server)
    assert ask(kept) == 200
    before = limit(server, resource.RLIMIT_NOFILE, open_files(server) + 4)
    crowd = [raw(server) for _ in range(50)]
    time.sleep(0.3)
    # whoever is in goes on, claims and all
    for _ in range(3):
        assert ask(kept) == 200
    claim = (f"POST /v1/drops/{drop}/buyers/anna/orders HTTP/1.1\r\nHost: story\r\n"
             f"Authorization: Bearer {key}\r\nContent-Length: 0\r\n\r\n")
    kept.sendall(claim.encode())
    assert kept.recv(65536).startswith(b"HTTP/1.1 201")
    # it does not spin meanwhile
    ticks = cpu_ticks(server)
    time.sleep(1)
    assert cpu_ticks(server) - ticks < 50
    for connection in crowd:
        connection.close()
    limit(server, resource.RLIMIT_NOFILE, before[0])
    time.sleep(0.5)
    assert ask(raw(server)) == 200
    assert server.claim(drop, "ben").status_code == 201


def cpu_ticks(server):
    with open(f"/proc/{server.process.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def full(answer, setting):
    body = problem(answer, 503, "overloaded")
    assert body["setting"] == setting and setting in body["detail"]


def test_out_of_orders(make_server):
    server = make_server("--orders-max", 5)
    drop = server.drop(stock=100)
    orders = [server.claim(drop, f"b{i}").json()["id"] for i in range(5)]
    before = metrics(server)["dibs_log_sequence"]
    full(server.claim(drop, "late"), "orders-max")
    assert metrics(server)["dibs_log_sequence"] == before
    # those that have one go on
    assert server.claim(drop, "b0").json()["code"] == "limit_reached"
    client = server.client(server.shop_key())
    assert client.post(f"/v1/orders/{orders[0]}/confirm", json={"payment_ref": "p"}).status_code == 200
    assert client.post(f"/v1/orders/{orders[1]}/cancel").status_code == 200
    assert client.get(f"/v1/orders/{orders[2]}").status_code == 200
    assert units(server, drop)["unit"]["free"] == 96


def test_out_of_drops_of_skus_and_of_keys(make_server):
    server = make_server("--drops-max", 2, "--skus-max", 4, "--api-keys-max", 2)
    client = server.client()
    put = lambda id, skus: client.put(f"/v1/drops/{id}", json={"skus": [{"id": f"s{i}", "stock": 1}
                                                                         for i in range(skus)]})
    assert put("one", 3).status_code == 201
    full(put("two", 2), "skus-max")
    assert put("two", 1).status_code == 201
    full(put("three", 1), "drops-max")
    assert put("one", 3).status_code == 200
    assert client.post("/v1/keys", json={"role": "shop"}).status_code == 201
    full(client.post("/v1/keys", json={"role": "shop"}), "api-keys-max")
    assert client.get("/v1/drops").status_code == 200


def test_a_catalogue_that_no_record_holds(make_server):
    server = make_server("--segment-size", "1MiB", "--batch-bytes", "1MiB")
    client = server.client()
    skus = [{"id": f"{i:064}", "stock": 1} for i in range(4000)]
    before = metrics(server)["dibs_log_sequence"]
    said = problem(client.put("/v1/drops/all", json={"skus": skus}), 413, "too_large")
    assert re.search(r"takes \d{5,} bytes", said["detail"])
    assert metrics(server)["dibs_log_sequence"] == before
    assert client.put("/v1/drops/some", json={"skus": skus[:200]}).status_code == 201


def test_out_of_order_lines(make_server):
    server = make_server("--lines-max", 20)  # a claim's sixteen are to fit, however many it asks for
    drop = server.drop(skus=[{"id": "a", "stock": 9}, {"id": "b", "stock": 9}], limit_per_buyer=None)
    both = [{"sku": "a"}, {"sku": "b"}]
    codes = [server.claim(drop, f"b{i}", lines=both).status_code for i in range(6)]
    assert codes[0] == 201 and codes[-1] == 503 and codes == sorted(codes)
    full(server.claim(drop, "dora", lines=both), "lines-max")
    assert server.claim(drop, "carl", sku="a").status_code == 201


def test_too_many_connections(make_server):
    server = make_server("--connections", 10)
    server.shop_key()
    held = [raw(server) for _ in range(30)]
    time.sleep(0.3)
    answers = []
    for connection in held:
        try:
            answers.append(ask(connection))
        except OSError:
            answers.append(None)
    assert answers.count(200) >= 5
    assert set(answers) <= {200, 503, None}
    assert answers.count(503) + answers.count(None) >= 20
    for connection in held:
        connection.close()
    time.sleep(0.3)
    assert ask(raw(server)) == 200
    assert metrics(server)["dibs_connections_refused_total"] >= 20


def address_space(server):
    with open(f"/proc/{server.process.pid}/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def test_out_of_memory_for_a_request(make_server):
    """Large bodies arrive at once with no memory to hold them all: those are refused or dropped, the rest goes on."""
    size = 8 << 20
    server = make_server("--body-bytes", "16MiB")
    drop = server.drop(stock=3)
    key = server.shop_key()
    server.claim(drop, "warm")
    kept = raw(server)
    assert ask(kept) == 200
    before = limit(server, resource.RLIMIT_AS, address_space(server) + 3 * size)
    body = b'{"sku":"' + b"x" * (size - 10) + b'"}'
    head = (f"POST /v1/drops/{drop}/buyers/b/orders HTTP/1.1\r\nHost: story\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    heavy = [raw(server) for _ in range(20)]
    for connection in heavy:
        connection.settimeout(2)
        try:
            connection.sendall(head + body[:-1])
        except OSError:
            pass
    for _ in range(3):
        assert ask(kept) == 200
    codes = []
    for connection in heavy:
        try:
            connection.sendall(body[-1:])
        except OSError:
            pass  # it may have been answered before
        try:
            codes.append(connection.recv(4096)[9:12])
        except OSError:
            codes.append(b"")
        connection.close()
    assert set(codes) <= {b"400", b"503", b""}, codes
    assert b"503" in codes
    limit(server, resource.RLIMIT_AS, before[0])
    assert server.process.poll() is None
    assert ask(kept) == 200
    assert server.claim(drop, "anna").status_code == 201
