"""The agent API over real connections: streams with a cursor, long polls, and what a stop does to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from tests.engine.cli.engines import Running, init, serving


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("engine")
    with serving(folder / "e", init(folder), "--no-agent") as running:
        yield running


def hello(engine: Running, boot: str) -> dict[str, Any]:
    """The server agent has started once more; what an older start was told is not told again."""
    words = {
        "instance": "alpha",
        "boot": boot,
        "hostname": "alpha",
        "os": "linux",
        "version": "0",
        "role": "server",
        "maps": [],
        "downloads": False,
        "volumes": ["production"],
        "advertise": ["127.0.0.1"],
    }
    answer: dict[str, Any] = engine.call("POST", "/api/agent/hello", json.dumps(words).encode()).json()
    assert "message" not in answer, answer
    return answer


def ask(engine: Running) -> Any:
    """Make an event for the server agent: somebody wants to know whether a file is there."""
    return engine.event("GET", "workspace/file", data={"op": "exists", "path": "proj002"})


@contextmanager
def stream(engine: Running, client: str, after: int) -> Iterator[Iterator[str]]:
    url = f"{engine.url}/api/agent/events?client={client}&after={after}"
    headers = {**engine.headers(), "Accept": "text/event-stream"}
    with requests.get(url, headers=headers, verify=engine.ca, stream=True, timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines(chunk_size=1, decode_unicode=True)
        assert next(lines) == ": open"
        yield lines


def is_ours(event: dict[str, Any]) -> bool:
    """The engine has wishes of its own: the admin's home wants to be made."""
    return bool(event["data"].get("operation") == "exists")


def next_event(lines: Iterator[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if name in {"id", "event", "data"}:
            found[name] = json.loads(value) if name == "data" else value
        elif not line and found:
            if is_ours(found):
                return found
            found = {}
    raise AssertionError("the stream ended")


def answer(engine: Running, request: str, **words: Any) -> None:
    engine.call("POST", f"/api/agent/requests/{request}", json.dumps(words).encode())


def test_a_question_travels_over_the_stream_and_its_answer_back(engine: Running) -> None:
    me = hello(engine, "stream")
    with stream(engine, me["client"], me["cursor"]) as lines, asking(engine) as asked:
        event = next_event(lines)
        assert (event["event"], event["data"]["operation"]) == ("request", "exists")
        answer(engine, event["data"]["request"], answer=True)
        assert asked() == {"result": True}


@contextmanager
def asking(engine: Running) -> Iterator[Any]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(ask, engine)
        yield future.result


def test_a_stream_goes_on_after_the_cursor_it_names(engine: Running) -> None:
    me = hello(engine, "cursor")
    with asking(engine) as asked:
        with stream(engine, me["client"], me["cursor"]) as lines:
            first = next_event(lines)
        with stream(engine, me["client"], me["cursor"]) as lines:
            assert next_event(lines) == first, "not acknowledged, so told again"
            answer(engine, first["data"]["request"], answer=False)
        assert asked() == {"result": False}


def test_a_long_poll_gives_what_is_there(engine: Running) -> None:
    me = hello(engine, "poll")
    path = f"/api/agent/events?client={me['client']}&after={me['cursor']}"
    assert engine.call("GET", f"{path}&wait=0").json() == {"events": []}
    with asking(engine) as asked:
        event = next(filter(is_ours, engine.call("GET", f"{path}&wait=20").json()["events"]))
        assert set(event) == {"seq", "kind", "data"}
        answer(engine, event["data"]["request"], error={"code": "no", "message": "The disk is on fire."})
        assert "on fire" in asked()["message"]


def test_an_agent_hears_only_its_own_events(engine: Running) -> None:
    assert engine.call("GET", f"/api/agent/events?client={'0' * 24}&wait=0").status_code >= 400


def test_a_stop_ends_open_streams_at_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("engine")
    with serving(folder / "e", init(folder), "--no-agent") as running:
        me = hello(running, "stop")
        with stream(running, me["client"], me["cursor"]) as lines:
            running.process.terminate()
            assert [line for line in lines if line] == []
        assert running.process.wait(10) == 0
