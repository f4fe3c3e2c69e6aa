"""Bodies that are not as they have to be: 400 or 413 with code and field, and nothing of it reaches the ledger."""

import json

import pytest

from asking import admin, metrics, problem, shop

JSON = {"Content-Type": "application/json"}
HUGE = 10 ** 30

CLAIMS = {
    "not_json": (b"quantity=1", "malformed", None),
    "cut_off": (b'{"quantity":1', "malformed", None),
    "something_behind": (b'{"quantity":1}{}', "malformed", None),
    "a_list": (b"[]", "malformed", None),
    "a_number": (b"7", "malformed", None),
    "a_comment": (b'{"quantity":1/* one */}', "malformed", None),
    "a_trailing_comma": (b'{"quantity":1,}', "malformed", None),
    "single_quotes": (b"{'quantity':1}", "malformed", None),
    "bad_utf8": (b'{"sku":"\xff\xfe"}', "malformed", None),
    "overlong_utf8": (b'{"sku":"\xc0\xaf"}', "malformed", None),
    "a_lone_surrogate": (b'{"sku":"\\ud800"}', "malformed", None),
    "a_nul": (b'{"sku":"a\\u0000b"}', "malformed", None),
    "utf16": ('{"quantity":1}'.encode("utf-16"), "malformed", None),
    "a_byte_order_mark": (b'\xef\xbb\xbf{"quantity":1}', "malformed", None),
    "a_duplicate_field": (b'{"quantity":1,"quantity":1}', "invalid", "quantity"),
    "a_duplicate_field_in_a_line": (b'{"lines":[{"sku":"unit","sku":"unit"}]}', "invalid", "sku"),
    "an_unknown_field": (b'{"quantity":1,"price":0}', "invalid", "price"),
    "an_unknown_field_in_a_line": (b'{"lines":[{"sku":"unit","free":true}]}', "invalid", "lines[0].free"),
    "a_text_for_a_number": (b'{"quantity":"1"}', "invalid", "quantity"),
    "a_fraction": (b'{"quantity":1.5}', "invalid", "quantity"),
    "a_whole_fraction": (b'{"quantity":1.0}', "invalid", "quantity"),
    "an_exponent": (b'{"quantity":1e0}', "invalid", "quantity"),
    "true": (b'{"quantity":true}', "invalid", "quantity"),
    "null": (b'{"quantity":null}', "invalid", "quantity"),
    "a_number_for_a_text": (b'{"sku":1}', "invalid", "sku"),
    "zero": (b'{"quantity":0}', "invalid", "quantity"),
    "negative": (b'{"quantity":-1}', "invalid", "quantity"),
    "one_too_many_for_31_bits": (b'{"quantity":2147483648}', "invalid", "quantity"),
    "beyond_32_bits": (b'{"quantity":4294967297}', "invalid", "quantity"),
    "beyond_63_bits": (b'{"quantity":9223372036854775808}', "invalid", "quantity"),
    "wraps_64_bits_to_one": (b'{"quantity":18446744073709551617}', "invalid", "quantity"),
    "beyond_everything": (b'{"quantity":%d}' % HUGE, "invalid", "quantity"),
    "beyond_floating_point": (b'{"quantity":1e999}', "invalid", "quantity"),
    "in_a_line": (b'{"lines":[{"sku":"unit"},{"sku":"b","quantity":-5}]}', "invalid", "lines[1].quantity"),
    "an_upper_case_sku": (b'{"sku":"UNIT"}', "invalid", "sku"),
    "an_empty_sku": (b'{"sku":""}', "invalid", "sku"),
    "a_sku_of_65": (b'{"sku":"%s"}' % (b"a" * 65), "invalid", "sku"),
    "no_lines": (b'{"lines":[]}', "invalid", "lines"),
    "seventeen_lines": (json.dumps({"lines": [{"sku": f"s{i}"} for i in range(17)]}).encode(), "invalid", "lines"),
    "a_sku_twice": (b'{"lines":[{"sku":"unit"},{"sku":"unit"}]}', "invalid", "lines"),
    "lines_beside_a_quantity": (b'{"lines":[{"sku":"unit"}],"quantity":1}', "invalid", "lines"),
    "a_line_without_sku": (b'{"lines":[{"quantity":1}]}', "invalid", "lines[0].sku"),
    "nested_beyond_measure": (b"[" * 100000, "malformed", None),
}


@pytest.fixture(scope="module")
def drop(shared):
    return shared.drop("bodies", stock=5)


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_with(shared, drop, name):
    body, code, field = CLAIMS[name]
    client = shop(shared)
    before = metrics(shared)
    problem(client.post(f"/v1/drops/{drop}/buyers/anna/orders", content=body, headers=JSON), 400, code, field)
    after = metrics(shared)
    for name in ("dibs_ledger_asks_total", "dibs_log_sequence"):
        assert after[name] == before[name]


def new_drop(**more):
    return {"skus": [{"id": "m", "stock": 1}], **more}


def without(body, name):
    return {key: value for key, value in body.items() if key != name}


DROPS = {
    "no_skus": (without(new_drop(), "skus"), "skus"),
    "an_empty_list": (new_drop(skus=[]), "skus"),
    "257_skus_and_a_limit": (new_drop(skus=[{"id": f"s{i}", "stock": 1} for i in range(257)], limit_per_buyer=1),
                             "skus"),
    "a_sku_twice": (new_drop(skus=[{"id": "a", "stock": 1}, {"id": "b", "stock": 1}, {"id": "a", "stock": 1}]),
                    "skus[2].id"),
    "no_stock": (new_drop(skus=[{"id": "a"}]), "skus[0].stock"),
    "a_negative_stock": (new_drop(skus=[{"id": "a", "stock": -1}]), "skus[0].stock"),
    "a_stock_of_31_bits_and_one": (new_drop(skus=[{"id": "a", "stock": 2 ** 31}]), "skus[0].stock"),
    "a_negative_price": (new_drop(skus=[{"id": "a", "stock": 1, "price": -1}], currency="EUR"), "skus[0].price"),
    "a_price_beyond_measure": (new_drop(skus=[{"id": "a", "stock": 1, "price": 10 ** 12 + 1}], currency="EUR"),
                               "skus[0].price"),
    "a_price_without_currency": (new_drop(skus=[{"id": "a", "stock": 1, "price": 1}]), "currency"),
    "a_currency_of_two": (new_drop(currency="EU"), "currency"),
    "a_currency_in_small_letters": (new_drop(currency="eur"), "currency"),
    "an_empty_title": (new_drop(title=""), "title"),
    "a_title_of_201_bytes": (new_drop(title="x" * 201), "title"),
    "a_title_with_a_line_end": (new_drop(title="a\nb"), "title"),
    "a_limit_of_none": (new_drop(limit_per_buyer=0), "limit_per_buyer"),
    "a_limit_beyond_measure": (new_drop(limit_per_buyer=2 ** 31), "limit_per_buyer"),
    "a_negative_hold": (new_drop(hold_seconds=-1), "hold_seconds"),
    "a_hold_of_a_month_and_a_second": (new_drop(hold_seconds=2592001), "hold_seconds"),
    "a_time_without_zone": (new_drop(opens_at="2030-01-01T00:00:00"), "opens_at"),
    "a_time_that_is_none": (new_drop(opens_at="2030-02-30T00:00:00Z"), "opens_at"),
    "a_time_as_number": (new_drop(opens_at=1900000000), "opens_at"),
    "closing_before_opening": (new_drop(opens_at="2030-01-02T00:00:00Z", closes_at="2030-01-01T00:00:00Z"),
                               "closes_at"),
    "closing_at_opening": (new_drop(opens_at="2030-01-01T00:00:00Z", closes_at="2030-01-01T00:00:00Z"),
                           "closes_at"),
    "always_on_with_an_end": (new_drop(always_on=True, closes_at="2030-01-01T00:00:00Z"), "closes_at"),
    "an_unknown_field": (new_drop(colour="red"), "colour"),
}


@pytest.mark.parametrize("name", DROPS)
def test_a_drop_with(shared, name):
    body, field = DROPS[name]
    client = admin(shared)
    before = metrics(shared)["dibs_ledger_asks_total"]
    problem(client.put("/v1/drops/never", json=body), 400, "invalid", field)
    assert metrics(shared)["dibs_ledger_asks_total"] == before
    problem(client.get("/v1/drops/never"), 404, "unknown_drop")


@pytest.mark.parametrize("id", ["UPPER", "-a", ".a", "a b", "ä", "a" * 65, "a%2fb"])
def test_a_drop_whose_id_is_none(shared, id):
    problem(admin(shared).put(f"/v1/drops/{id}", json=new_drop()), 400, "invalid", "drop")


def test_bounds_at_their_edge_are_taken(shared):
    client = admin(shared)
    body = {"title": "x" * 200, "limit_per_buyer": 2 ** 31 - 1, "hold_seconds": 2592000, "currency": "EUR",
            "skus": [{"id": f"s{i}" if i else "a" * 64, "stock": 2 ** 31 - 1, "price": 10 ** 12} for i in range(256)]}
    answer = client.put("/v1/drops/" + "e" * 64, json=body)
    assert answer.status_code == 201, answer.text
    assert len(answer.json()["skus"]) == 256


def test_restock_by_nothing_or_without_a_key(shared, drop):
    client = admin(shared)
    path = f"/v1/drops/{drop}/restock"
    key = {"Idempotency-Key": "edge"}
    problem(client.post(path, json={"sku": "unit", "quantity": 1}), 400, "invalid", "Idempotency-Key")
    problem(client.post(path, json={"sku": "unit", "quantity": 0}, headers=key), 400, "invalid", "quantity")
    problem(client.post(path, json={"quantity": 1}, headers=key), 400, "invalid", "sku")
    problem(client.post(path, json={"sku": "unit", "quantity": -(2 ** 31)}, headers=key), 400, "invalid", "quantity")
    problem(client.post(path, json={"sku": "none", "quantity": 1}, headers=key), 404, "unknown_sku")


@pytest.mark.parametrize("key", ["", '""', '"', "a b", "x" * 65, '"' + "x" * 65 + '"', '"a', '"a"b"'])
def test_an_idempotency_key_that_is_none(shared, drop, key):
    problem(shop(shared).post(f"/v1/drops/{drop}/buyers/anna/orders", headers={"Idempotency-Key": key}), 400, "invalid",
            "Idempotency-Key")


def test_a_body_that_is_not_json_by_its_own_word(shared, drop):
    path = f"/v1/drops/{drop}/buyers/anna/orders"
    for type in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"):
        problem(shop(shared).post(path, content=b'{"quantity":1}', headers={"Content-Type": type}), 415,
                "unsupported_media_type")


def test_a_body_too_large(shared, drop):
    answer = shop(shared).post(f"/v1/drops/{drop}/buyers/anna/orders", content=b" " * (2 ** 20 + 1), headers=JSON)
    problem(answer, 413, "too_large")


def test_a_body_where_none_belongs(shared, drop):
    client = admin(shared)
    problem(client.post(f"/v1/drops/{drop}/pause", json={"why": "tea"}), 400, "invalid", "why")
    assert client.post(f"/v1/drops/{drop}/pause", json={}).status_code == 200
    assert client.post(f"/v1/drops/{drop}/resume").status_code == 200


def test_a_payment_reference_that_is_none(shared, drop):
    path = "/v1/orders/o_0000000000001/confirm"
    client = shop(shared)
    problem(client.post(path), 400, "malformed")
    problem(client.post(path, json={}), 400, "invalid", "payment_ref")
    for wrong in ("", "a b", "x" * 65, "ä", 7, None):
        problem(client.post(path, json={"payment_ref": wrong}), 400, "invalid", "payment_ref")


def test_an_empty_body_means_one_of_the_only_sku(shared):
    one = shared.drop(stock=2, limit_per_buyer=None)
    two = shared.drop(skus=[{"id": "a", "stock": 1}, {"id": "b", "stock": 1}])
    client = shop(shared)
    for content in (b"", b"{}"):
        answer = client.post(f"/v1/drops/{one}/buyers/anna/orders", content=content, headers=JSON)
        assert answer.status_code == 201, answer.text
        assert answer.json()["lines"] == [{"sku": "unit", "quantity": 1}]
    problem(client.post(f"/v1/drops/{two}/buyers/anna/orders"), 404, "unknown_sku")


def test_a_buyer_that_is_none(shared, drop):
    for wrong in ("a%20b", "%C3%A4", "x" * 65):
        problem(shop(shared).post(f"/v1/drops/{drop}/buyers/{wrong}/orders"), 400, "invalid", "buyer")
    problem(shop(shared).post(f"/v1/drops/{drop}/buyers/a%00b/orders"), 400, "malformed")
