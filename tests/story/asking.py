"""How stories ask, and what every answer is held against: each status and code that is met must be in /openapi.json."""

import re

import httpx


class Description:
    """/openapi.json of a server, to look up what an operation may answer."""

    def __init__(self, url):
        self.document = _plain.get(url + "/openapi.json").json()
        self.paths = [(re.compile("^" + re.sub(r"\{[^}]+\}", "[^/]+", path) + "$"), operations)
                      for path, operations in self.document["paths"].items()]

    def operation(self, method, path):
        # a path without parameters stands before one with: /v1/drops before /v1/{…}
        for pattern, operations in sorted(self.paths, key=lambda one: one[0].pattern.count("[")):
            if pattern.match(path) and method.lower() in operations:
                return operations[method.lower()]
        return None

    def check(self, answer):
        method = "GET" if answer.request.method == "HEAD" else answer.request.method
        operation = self.operation(method, answer.request.url.raw_path.decode().split("?")[0])
        if operation is None:
            assert answer.status_code in (400, 404, 405), answer
            return
        said = operation["responses"].get(str(answer.status_code))
        assert said, f"{method} {answer.request.url.path}: {answer.status_code} is not described"
        if answer.status_code >= 400 and answer.request.method != "HEAD":
            answer.read()
            assert f"`{answer.json()['code']}`" in said["description"], (answer.text, said["description"])


_descriptions = {}
_clients = {}  # making one costs more than many requests
_plain = httpx.Client(timeout=30, verify=False)


def described(server, client):
    """The client, from now on held against its server's description."""
    if server.url not in _descriptions:
        _descriptions[server.url] = Description(server.url)
    client.event_hooks = {"response": [_descriptions[server.url].check]}
    return client


def asking_as(server, credential):
    """A client with this credential, made once for a server, held against its description."""
    place = (server.url, str(server.data), credential)
    if place not in _clients:
        _clients[place] = described(server, server.client(credential))
    return _clients[place]


def admin(server):
    return asking_as(server, server.admin_key)


def shop(server):
    return asking_as(server, server.shop_key())


def buyer(server, name):
    return asking_as(server, server.token(name, ttl=86400, iat=0, exp=4102444800))


def nobody(server):
    return asking_as(server, "")


def problem(answer, status, code, field=None):
    """Holds the answer to be this problem, whole; returns it parsed."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert said["code"] == code, said
    assert said["status"] == status
    assert said["type"] and said["title"] and said["detail"]
    assert said["request_id"] == answer.headers["x-request-id"]
    assert said.get("field") == field, said
    if status in (429, 503):
        assert int(answer.headers["retry-after"]) >= 1
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
    return said


def metrics(server):
    """/metrics as {'name{labels}': number}."""
    text = _plain.get(server.url + "/metrics").text
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in text.splitlines() if line and not line.startswith("#")}


def units(server, drop):
    """The drop's SKUs by id."""
    return {sku["id"]: sku for sku in _plain.get(f"{server.url}/v1/drops/{drop}").json()["skus"]}


def all_pages(client, path):
    """Follows Link: rel="next" to the end; returns the pages."""
    pages = []
    while path:
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        pages.append(answer)
        path = answer.links.get("next", {}).get("url")
    return pages
