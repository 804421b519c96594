"""What the server says to calls that are wrong in themselves: JSON, one sentence, on every path."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.engine.cli.engines import Running, init, serving


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("engine")
    with serving(folder / "e", init(folder), "--no-agent") as running:
        yield running


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "unknown-path"),
        ("GET", "/api/v3/nothing", 404, "unknown-path"),
        ("POST", "/api/v2/event", 404, "unknown-path"),
        ("PATCH", "/api/v3/event", 405, "wrong-method"),
        ("POST", "/api/v3/api/login", 405, "wrong-method"),
        ("GET", "/api/v3/event?%7B", 400, "bad-envelope"),
        ("GET", "/api/v3/event?[]", 400, "bad-envelope"),
        ("GET", "/api/v3/event?%7B%7D", 400, "bad-field"),
        ("GET", "/api/v3/event?%7B%22uri%22%3A%22user/fly%22%7D", 404, "unknown-event"),
        ("GET", "/api/agent/events?client=x&after=soon", 400, "bad-field"),
        ("GET", "/api/agent/events", 400, "bad-field"),
    ],
)
def test_a_wrong_call_is_answered_as_json(engine: Running, method: str, path: str, status: int, code: str) -> None:
    answer = engine.call(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b'{"uri": "user/create", "data": "text"}'])
def test_a_body_that_is_no_event_gets_a_sentence(engine: Running, body: bytes) -> None:
    answer = engine.call("POST", "/api/v3/event", body)
    assert answer.status_code == 400
    assert answer.json()["message"]


@pytest.mark.parametrize("path", ["/api/v3/event?%7B%7D", "/api/v1.0/event?%7B%7D", "/api/agent/events?client=x"])
def test_nothing_is_answered_without_credentials(engine: Running, path: str) -> None:
    answer = engine.call("GET", path, Authorization="")
    assert (answer.status_code, answer.json()["code"]) == (401, "bad-authorization")


def test_credentials_are_asked_for_before_the_body_is_read(engine: Running) -> None:
    head = b"POST /api/v3/event HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 60000000\r\n\r\n"
    status, answer = engine.raw(head)
    assert (status, answer["code"]) == (b"HTTP/1.1 401 Unauthorized", "bad-authorization")


def test_another_workspace_is_refused(engine: Running) -> None:
    assert engine.call("PUT", "/api/v3/api/login", b"{}", X_Accsyn_Workspace="acme").json()["code"] == "wrong-workspace"
    assert engine.event("GET", "user/find", workspace="acme")["code"] == "wrong-workspace"


def test_a_body_above_the_limit_gets_a_sentence_not_a_broken_connection(engine: Running) -> None:
    answer = engine.call("PUT", "/api/v3/api/login", b" " * 1_500_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


def test_bytes_that_are_no_http_are_answered_as_json(engine: Running) -> None:
    status, answer = engine.raw(b"hello there\r\n\r\n")
    assert status.startswith(b"HTTP/1.1 400")
    assert "message" in answer


def test_a_request_line_of_three_mebibytes_is_taken(engine: Running) -> None:
    envelope = quote(json.dumps({"uri": "user/find", "data": {"attributes": ["x" * 1_000_000] * 3}}))
    assert engine.call("GET", f"/api/v3/event?{envelope}").status_code == 200


def test_compressed_data_counts_like_plain_data(engine: Running) -> None:
    data = {"code": "packed@geoscan.org", "role": "employee"}
    packed = base64.b64encode(gzip.compress(json.dumps(data).encode())).decode()
    assert engine.event("POST", "user/create", gz_data=packed)["result"][0]["code"] == "packed@geoscan.org"


def test_an_answer_never_has_a_message_beside_its_result(engine: Running) -> None:
    assert set(engine.event("GET", "user/find")) == {"result"}
    assert set(engine.event("GET", "entitytypes")) == {"result"}


def test_a_key_is_not_kept_for_a_repeated_call(engine: Running) -> None:
    first = engine.event("PUT", "user/key", eid="one", data={})
    again = engine.event("PUT", "user/key", eid="one", data={})
    assert first["api_key"] != again["api_key"]


def test_a_forwarded_address_is_not_believed(engine: Running) -> None:
    forged = {**engine.headers(), "X-Forwarded-For": "203.0.113.9"}
    engine.event("POST", "queue/create", data={"code": "audited", "priority": 3}, headers=forged)
    rows = engine.event("GET", "log/find", data={"entitytype": "queue"})["result"]
    assert rows
    assert "203.0.113.9" not in json.dumps(rows)


def test_guessing_keys_is_refused_for_a_while_and_the_right_key_still_opens(engine: Running) -> None:
    wrong = engine.headers("victim@gda.com", "guess")
    said = [engine.call("GET", "/api/v3/event?%7B%22uri%22:%22user/find%22%7D", None, **wrong) for _ in range(22)]
    assert [answer.status_code for answer in said] == [401] * 20 + [429] * 2
    assert 0 < int(said[-1].headers["Retry-After"]) <= 300
    assert "wait" in said[-1].json()["message"]
    assert "result" in engine.event("GET", "user/find")
