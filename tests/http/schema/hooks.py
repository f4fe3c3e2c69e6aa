"""What schemathesis is told about dibs: who asks, ids that exist, and what a schema cannot say.

The driver is ../schema.py; it hands credentials and ids over in the environment.
"""

import json
import os
import re
import zlib

import schemathesis

ADMIN, BUYER = os.environ["DIBS_TEST_KEY"], os.environ["DIBS_TEST_TOKEN"]
KNOWN = json.loads(os.environ["DIBS_TEST_KNOWN"])  # parameter -> ids that exist

POSITION = re.compile(r"[0-9]{1,3}-[0-9]{1,20}\Z")

# Refusals of well-formed requests by a rule that JSON Schema has no words for: (operation, or "" for any; field).
BEYOND_SCHEMA = {
    ("", "cursor"): "it is opaque, and only one that a list gave is good",
    ("", "Dibs-Position"): "it names this server's log",
    ("claim", "lines"): "either lines, or sku and quantity; no SKU twice",
    ("claim_for_buyer", "lines"): "either lines, or sku and quantity; no SKU twice",
    ("put_drop", "title"): "its bound is in bytes, a schema's in characters",
    ("create_key", "name"): "its bound is in bytes, a schema's in characters",
    ("put_drop", "currency"): "needed when a SKU has a price",
    ("put_drop", "limit_per_buyer"): "always-on goods have none",
    ("put_drop", "opens_at"): "a time that dibs can keep, before closes_at",
    ("put_drop", "closes_at"): "after opens_at; always-on goods have none",
    ("set_closing", "closes_at"): "after opens_at, and not in the past",
    ("get_stats", "from"): "a time that dibs can keep: years before 1970 are none",
    ("put_drop", "skus"): "no SKU twice, and 256 at most but for always-on goods",
    ("restock_drop", "quantity"): "not none",
}


@schemathesis.auth(refresh_interval=None)
class ByRole:
    """The credential that the operation's roles ask for: none, a buyer's or the operator's."""

    def get(self, case, ctx):
        roles = case.operation.definition.raw.get("x-roles", [])
        if not roles:
            return ""
        return BUYER if roles == ["buyer"] else ADMIN

    def set(self, case, data, ctx):
        if data:
            case.headers["Authorization"] = f"Bearer {data}"


def is_well_formed(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


@schemathesis.hook
def before_call(context, case, kwargs):
    """Half of the well-formed requests are about something that is there. Nobody asks for a position of the future: the
    server would wait two seconds for it, and then rightly say 503."""
    if POSITION.match(str((case.headers or {}).get("Dibs-Position", ""))):
        case.headers["Dibs-Position"] = "0-1"
    if not is_well_formed(case) or not case.path_parameters:
        return
    for name, known in KNOWN.items():
        value = case.path_parameters.get(name)
        if value is not None and known:
            dice = zlib.crc32(str(value).encode())
            if dice % 2:
                case.path_parameters[name] = known[dice // 2 % len(known)]


def has_point(value):
    """1.0 is an integer to JSON Schema; dibs wants integers written as such."""
    if isinstance(value, dict):
        return any(map(has_point, value.values()))
    if isinstance(value, list):
        return any(map(has_point, value))
    return isinstance(value, float)


def operation_of(case):
    return case.operation.definition.raw["operationId"]


@schemathesis.check
def well_formed_is_not_refused_for_its_form(ctx, response, case):
    """400 for what the description allows is a fault of the description, or of the server."""
    if not is_well_formed(case) or response.status_code != 400 or has_point(case.body):
        return
    said = response.json()
    field = said.get("field", "").split(".")[0].split("[")[0]
    operation = operation_of(case)
    if said["code"] == "invalid" and ((operation, field) in BEYOND_SCHEMA or ("", field) in BEYOND_SCHEMA):
        return
    raise AssertionError(f"{operation} refuses what its description allows: {response.text}")


@schemathesis.check
def problems_are_of_the_described_codes(ctx, response, case):
    """Every code stands in the description of its status."""
    if response.status_code < 400 or case.method.upper() == "HEAD":
        return
    described = case.operation.definition.raw["responses"].get(str(response.status_code))
    if described is None:
        return  # status_code_conformance says so
    code = response.json()["code"]
    if f"`{code}`" not in described["description"]:
        raise AssertionError(f"{operation_of(case)} answers {response.status_code} {code}, which is not described")
