"""Who may do what: credentials, roles, owners; and that a refusal gives no hint of what exists."""

import base64
import json
import time

import pytest

from asking import admin, asking_as, buyer, nobody, problem, shop

ABSENT = "o_0000000000000"


@pytest.fixture(scope="module")
def sale(shared):
    """A drop in which anna and ben hold one order each."""
    drop = shared.drop("who", stock=10)
    orders = {name: shared.claim(drop, name).json()["id"] for name in ("anna", "ben")}
    return drop, orders


def ways(drop, order):
    """Every request behind a credential, and who may make it."""
    reads, shops, admins = {"viewer", "shop", "admin"}, {"shop", "admin"}, {"admin"}
    return [
        ("POST", f"/v1/drops/{drop}/orders", {"buyer"}),
        ("POST", f"/v1/drops/{drop}/buyers/carl/orders", shops),
        ("GET", f"/v1/orders/{order}", reads | {"buyer"}),
        ("POST", f"/v1/orders/{order}/confirm", shops),
        ("POST", f"/v1/orders/{order}/cancel", shops | {"buyer"}),
        ("GET", f"/v1/drops/{drop}/orders", reads),
        ("GET", f"/v1/drops/{drop}/buyers/anna/orders", reads),
        ("GET", "/v1/me/orders", {"buyer"}),
        ("GET", f"/v1/drops/{drop}/stats", reads),
        ("PUT", f"/v1/drops/{drop}", admins),
        ("POST", f"/v1/drops/{drop}/open", admins),
        ("POST", f"/v1/drops/{drop}/pause", admins),
        ("POST", f"/v1/drops/{drop}/resume", admins),
        ("POST", f"/v1/drops/{drop}/close", admins),
        ("POST", f"/v1/drops/{drop}/closing", admins),
        ("POST", f"/v1/drops/{drop}/restock", admins),
        ("POST", f"/v1/drops/{drop}/archive", admins),
        ("GET", "/v1/keys", admins),
        ("POST", "/v1/keys", admins),
        ("DELETE", "/v1/keys/k_none", admins),
        ("GET", "/v1/rules", reads),
        ("POST", "/v1/rules", admins),
    ]


def as_role(server, role):
    if role == "buyer":
        return buyer(server, "somebody")
    return admin(server) if role == "admin" else asking_as(server, server.key(role))


@pytest.mark.parametrize("role", ["buyer", "viewer", "shop", "admin"])
def test_the_matrix_of_roles(shared, role):
    """On what is not there: who may ask hears 404 or 400, who may not hears 403 and no more."""
    client = as_role(shared, role)
    for method, path, may in ways("absent", ABSENT):
        # a body that is wrong: so that who may ask changes nothing
        answer = client.request(method, path, content=b"{" if method in ("PUT", "POST") else None)
        if role not in may:
            problem(answer, 403, "forbidden")
        else:
            assert answer.status_code in (200, 400, 404), (method, path, answer.text)


@pytest.mark.parametrize("role", ["buyer", "viewer", "shop"])
def test_a_refused_role_hears_the_same_of_what_is_and_what_is_not(shared, sale, role):
    drop, orders = sale
    client = as_role(shared, role)
    for (method, there, may), (_, absent, _) in zip(ways(drop, orders["anna"]), ways("absent", ABSENT)):
        if role in may:
            continue
        first, second = client.request(method, there), client.request(method, absent)
        assert first.status_code == second.status_code == 403
        drop_id = lambda answer: {**answer.json(), "request_id": None}
        assert drop_id(first) == drop_id(second)
        assert "dibs-position" not in first.headers


def test_without_a_credential_everything_is_401(shared, sale):
    drop, orders = sale
    client = nobody(shared)
    for method, path, _ in ways(drop, orders["anna"]):
        problem(client.request(method, path), 401, "unauthorized")


def test_what_is_public_asks_nobody(shared, sale):
    drop, _ = sale
    client = nobody(shared)
    for path in ("/v1/drops", f"/v1/drops/{drop}", "/livez", "/readyz", "/metrics", "/openapi.json"):
        assert client.get(path).status_code == 200
    assert client.get("/v1/drops", headers={"Authorization": "Bearer nonsense"}).status_code == 200


# ---- owners ----


def test_anothers_order_is_not_there(shared, sale):
    drop, orders = sale
    anna = buyer(shared, "anna")
    assert anna.get(f"/v1/orders/{orders['anna']}").json()["buyer"] == "anna"
    for answer in (anna.get(f"/v1/orders/{orders['ben']}"), anna.post(f"/v1/orders/{orders['ben']}/cancel"),
                   anna.get(f"/v1/orders/{ABSENT}"), anna.get("/v1/orders/o_00000000ZZZZZ")):
        problem(answer, 404, "unknown_order")
    assert shop(shared).get(f"/v1/orders/{orders['ben']}").json()["status"] == "pending"


def test_a_buyer_never_confirms_not_even_its_own(shared, sale):
    _, orders = sale
    body = {"payment_ref": "p-1"}
    problem(buyer(shared, "anna").post(f"/v1/orders/{orders['anna']}/confirm", json=body), 403, "forbidden")
    problem(buyer(shared, "anna").post(f"/v1/orders/{orders['ben']}/confirm", json=body), 403, "forbidden")


def test_a_shop_claims_only_for_a_buyer(shared, sale):
    drop, _ = sale
    problem(shop(shared).post(f"/v1/drops/{drop}/orders"), 403, "forbidden")
    assert shop(shared).post(f"/v1/drops/{drop}/buyers/dora/orders").json()["buyer"] == "dora"


def test_a_buyers_own_list_is_its_own(shared, sale):
    drop, orders = sale
    answer = buyer(shared, "anna").get("/v1/me/orders", headers={"Dibs-Position": position(shared, orders["ben"])})
    assert [order["id"] for order in answer.json()["orders"]] == [orders["anna"]]


def position(server, order):
    return shop(server).get(f"/v1/orders/{order}").headers["dibs-position"]


# ---- what is not known ----


def test_what_does_not_exist(shared, sale):
    drop, _ = sale
    client = shop(shared)
    problem(client.post("/v1/drops/absent/buyers/anna/orders"), 404, "unknown_drop")
    problem(client.post("/v1/drops/ABSENT/buyers/anna/orders"), 404, "unknown_drop")
    problem(client.post(f"/v1/drops/{drop}/buyers/x/orders", json={"sku": "xl"}), 404, "unknown_sku")
    problem(client.get("/v1/drops/absent"), 404, "unknown_drop")
    problem(client.get("/v1/drops/absent/orders"), 404, "unknown_drop")
    problem(client.get("/v1/drops/absent/buyers/anna/orders"), 404, "unknown_drop")
    problem(client.get("/v1/drops/absent/stats"), 404, "unknown_drop")
    for order in (ABSENT, "o_1", "x", "o_zzzzzzzzzzzzz", "o_3ZZZZZZZZZZZZ", "O_0000000000001", "o_000000000000U"):
        problem(client.get(f"/v1/orders/{order}"), 404, "unknown_order")
        problem(client.post(f"/v1/orders/{order}/confirm", json={"payment_ref": "p"}), 404, "unknown_order")
        problem(client.post(f"/v1/orders/{order}/cancel"), 404, "unknown_order")
    for change in ("open", "pause", "resume", "close", "archive"):
        problem(admin(shared).post(f"/v1/drops/absent/{change}"), 404, "unknown_drop")
    problem(admin(shared).delete("/v1/keys/k_absent"), 404, "unknown_key")


def test_paths_and_methods_that_are_not_there(shared):
    client = admin(shared)
    for path in ("/", "/v1", "/v2/drops", "/v1/drops/", "/v1//drops", "/livez/", "/v1/orders", "/v1/drops/a/b/c/d/e/f"):
        problem(client.get(path), 404, "not_found")
    for method, path, allowed in (("POST", "/v1/drops", "GET, HEAD"), ("DELETE", "/v1/drops/a", "GET, HEAD, PUT"),
                                  ("PATCH", "/v1/keys", "GET, HEAD, POST"), ("OPTIONS", "/livez", "GET, HEAD"),
                                  ("GET", "/v1/orders/o_1/cancel", "POST")):
        answer = client.request(method, path)
        problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == allowed


# ---- tokens ----


def forged(server, **header):
    kid = sorted((server.data / "tokens").glob("*.key"))[0].stem
    return server.token("anna", header={"alg": "HS256", "typ": "JWT", "kid": kid, **header})


def unsigned(server):
    head, body, _ = forged(server, alg="none").split(".")
    return f"{head}.{body}."


def changed_payload(server):
    head, body, signature = server.token("anna").split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    body = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "ben"}).encode()).decode().rstrip("=")
    return f"{head}.{body}.{signature}"


BAD_TOKENS = {
    "empty": lambda server: "x",
    "expired": lambda server: server.token("anna", ttl=-1),
    "expired_this_second": lambda server: server.token("anna", ttl=0),
    "not_valid_yet": lambda server: server.token("anna", nbf=int(time.time()) + 600),
    "signed_by_somebody_else": lambda server: server.token("anna", secret=b"x" * 32),
    "signed_with_nothing": lambda server: server.token("anna", secret=b""),
    "another_buyer_written_in": changed_payload,
    "without_signature": unsigned,
    "signature_cut_off": lambda server: server.token("anna").rsplit(".", 1)[0],
    "signature_cut_short": lambda server: server.token("anna")[:-1],
    "one_byte_more": lambda server: server.token("anna") + "A",
    "two_parts_more": lambda server: server.token("anna") + ".a.b",
    "alg_none": lambda server: forged(server, alg="none"),
    "alg_None": lambda server: forged(server, alg="None"),
    "alg_HS512": lambda server: forged(server, alg="HS512"),
    "alg_RS256": lambda server: forged(server, alg="RS256"),
    "alg_missing": lambda server: forged(server, alg=None),
    "kid_unknown": lambda server: server.token("anna", kid="other", secret=b"x" * 32),
    "kid_a_path": lambda server: forged(server, kid="../admin"),
    "kid_missing": lambda server: server.token("anna", header={"alg": "HS256"}),
    "crit_that_is_not_understood": lambda server: forged(server, crit=["b64"], b64=False),
    "aud_of_another": lambda server: server.token("anna", aud="somewhere"),
    "aud_missing": lambda server: server.token("anna", aud=None),
    "exp_missing": lambda server: server.token("anna", exp=None),
    "exp_a_text": lambda server: server.token("anna", exp="2030-01-01"),
    "sub_missing": lambda server: server.token(None),
    "sub_empty": lambda server: server.token(""),
    "sub_with_a_blank": lambda server: server.token("an na"),
    "sub_of_65": lambda server: server.token("x" * 65),
    "sub_a_number": lambda server: server.token(7),
    "huge": lambda server: server.token("anna", filler="x" * 4000),
    "of_dots": lambda server: "." * 100,
    "an_api_key_that_is_none": lambda server: "dibs_admin_" + "0" * 40,
    "an_api_key_with_one_wrong": lambda server: server.admin_key[:-1] + ("0" if server.admin_key[-1] != "0" else "1"),
    "an_api_key_cut_short": lambda server: server.admin_key[:-1],
    "an_api_key_in_capitals": lambda server: server.admin_key.upper(),
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_a_credential_that_is(shared, sale, name):
    _, orders = sale
    client = asking_as(shared, BAD_TOKENS[name](shared))
    problem(client.get(f"/v1/orders/{orders['anna']}"), 401, "unauthorized")
    problem(client.get("/v1/orders/" + ABSENT), 401, "unauthorized")


def test_another_scheme_or_two_credentials(shared, sale):
    client = nobody(shared)
    key = shared.admin_key
    for headers in ([("Authorization", f"Basic {key}")], [("Authorization", key)], [("Authorization", "Bearer")],
                    [("Authorization", f"Bearer {key}"), ("Authorization", f"Bearer {key}")],
                    [("Authorization", f"Bearer {key} {key}")]):
        problem(client.get("/v1/keys", headers=headers), 401, "unauthorized")


def test_a_good_token_in_several_ways(shared, sale):
    _, orders = sale
    for token in (shared.token("anna"), shared.token("anna", aud=["elsewhere", "dibs"]),
                  shared.token("anna", nbf=int(time.time()) - 5, iat=1, name="Anna")):
        assert shared.client(token).get(f"/v1/orders/{orders['anna']}").status_code == 200
    lower = shared.client("", headers={"Authorization": f"bearer {shared.token('anna')}"})
    assert lower.get(f"/v1/orders/{orders['anna']}").status_code == 200


def test_a_token_that_was_good_a_moment_ago_expires_on_an_open_connection(shared, sale):
    _, orders = sale
    client = shared.client(shared.token("anna", ttl=2))
    assert client.get(f"/v1/orders/{orders['anna']}").status_code == 200
    time.sleep(2.1)
    problem(client.get(f"/v1/orders/{orders['anna']}"), 401, "unauthorized")


# ---- API keys ----


def test_a_key_from_its_making_to_its_end(shared):
    client = admin(shared)
    made = client.post("/v1/keys", json={"role": "shop", "name": "till 3"})
    assert made.status_code == 201, made.text
    key = made.json()
    assert key["key"].startswith("dibs_shop_") and key["role"] == "shop" and not key["revoked"]
    listed = {one["id"]: one for one in client.get("/v1/keys").json()["keys"]}
    assert "key" not in listed[key["id"]] and listed[key["id"]]["name"] == "till 3"

    till = asking_as(shared, key["key"])
    assert till.get("/v1/rules").status_code == 200
    assert client.delete(f"/v1/keys/{key['id']}").json()["revoked"] is True
    problem(till.get("/v1/rules"), 401, "unauthorized")
    assert client.delete(f"/v1/keys/{key['id']}").status_code == 200


def test_the_text_of_a_key_is_shown_once(shared):
    client = admin(shared)
    ask = lambda: client.post("/v1/keys", json={"role": "viewer"}, headers={"Idempotency-Key": "once"})
    first, second = ask(), ask()
    assert first.status_code == 201 and "key" in first.json()
    assert second.status_code == 200 and "key" not in second.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert second.json()["id"] == first.json()["id"]
    problem(client.post("/v1/keys", json={"role": "shop"}, headers={"Idempotency-Key": "once"}), 422, "key_reused")


def test_a_key_does_not_revoke_itself(shared):
    client = admin(shared)
    own = client.get("/v1/keys").json()["keys"][0]
    assert own["role"] == "admin"
    problem(client.delete(f"/v1/keys/{own['id']}"), 409, "wrong_state")
    assert client.get("/v1/keys").status_code == 200


def test_a_key_of_a_role_that_is_none(shared):
    for body, field in (({"role": "root"}, "role"), ({"role": "none"}, "role"), ({}, "role"),
                        ({"role": "shop", "name": "x" * 65}, "name"), ({"role": "shop", "key": "mine"}, "key")):
        problem(admin(shared).post("/v1/keys", json=body), 400, "invalid", field)


def test_no_key_outlives_its_revocation_by_a_restart(server):
    key = server.client().post("/v1/keys", json={"role": "viewer"}).json()
    assert server.client().delete(f"/v1/keys/{key['id']}").status_code == 200
    server.kill9()
    server.restart()
    problem(server.client(key["key"]).get("/v1/rules"), 401, "unauthorized")


def test_nothing_secret_is_ever_logged(make_server):
    server = make_server("--access-log", "--log-level", "debug")
    drop = server.drop(stock=5)
    token = server.token("very-personal-buyer")
    assert server.client(token).post(f"/v1/drops/{drop}/orders").status_code == 201
    assert server.claim(drop, "another-personal-buyer", key="secret-idempotency-key").status_code == 201
    problem(server.client(token[:-1]).get("/v1/me/orders"), 401, "unauthorized")
    shop_key = server.shop_key()
    server.stop()
    lines = json.dumps(server.lines)
    asked = [line for line in server.lines if line.get("event") == "request"]
    assert {line["route"] for line in asked} >= {"claim", "claim_for_buyer", "list_my_orders", "put_drop"}
    assert all(line["request_id"] and line["status"] and line["took_us"] >= 0 for line in asked)
    for secret in (server.admin_key, shop_key, token, token.split(".")[2], "very-personal-buyer",
                   "another-personal-buyer", "secret-idempotency-key"):
        assert secret not in lines
