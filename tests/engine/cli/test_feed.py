"""The event stream over a real connection, and the iterator of our own client."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import pytest
import requests

from accsyn_plugins.client import LoginError, RefusedError, Session
from tests.engine.cli.engines import ADMIN, Running, init, serving


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("engine")
    with serving(folder / "e", init(folder), "--no-agent") as running:
        yield running


@pytest.fixture
def session(engine: Running) -> Iterator[Session]:
    with Session("geoscan", ADMIN, engine.key, engine.url, ca=engine.ca) as session:
        yield session


@contextmanager
def stream(engine: Running, query: str = "", **headers: str) -> Iterator[Iterator[dict[str, Any]]]:
    url = f"{engine.url}/api/events?{query}"
    with requests.get(url, headers={**engine.headers(), **headers}, verify=engine.ca, stream=True, timeout=30) as said:
        assert said.headers["content-type"].startswith("text/event-stream"), said.content
        yield events(said.iter_lines(chunk_size=1, decode_unicode=True))


def events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    found: dict[str, Any] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if name in {"id", "event", "data"}:
            found[name] = json.loads(value) if name == "data" else value
        elif not line and found:
            yield found
            found = {}


def test_a_stream_begins_now_and_tells_what_happens(engine: Running, session: Session) -> None:
    session.create("queue", {"name": "before"})
    with stream(engine) as told:
        assert next(told)["event"] == "open"
        made = session.create("queue", {"name": "after"})
        event = next(told)
        assert (event["event"], event["data"]["event"]) == ("event", "queue.create")
        assert event["data"]["entity"] == f"queue:{made['id']}"
        assert event["id"] == event["data"]["id"]


def test_a_stream_goes_on_behind_the_last_event_a_client_has(engine: Running, session: Session) -> None:
    with stream(engine) as told:
        cursor = next(told)["id"]
    first, second = (session.create("queue", {"name": name})["id"] for name in ("one", "two"))
    with stream(engine, **{"Last-Event-ID": cursor}) as told:
        event = next(told)
        assert event["data"]["entity"] == f"queue:{first}"
    with stream(engine, f"after={event['id']}") as told:
        assert next(told)["data"]["entity"] == f"queue:{second}"


def test_progress_is_told_when_it_is_asked_for(engine: Running) -> None:
    with stream(engine, "progress=true") as told:
        next(told)
        assert next(told) == {"event": "progress", "data": []}


def test_a_key_that_is_taken_away_ends_the_stream(engine: Running, session: Session) -> None:
    vendor = session.create("user", {"code": "leaver@gda.com"})
    key = engine.event("PUT", "user/key", data={"user": "leaver@gda.com"})["api_key"]
    with Session("geoscan", "leaver@gda.com", key, engine.url, ca=engine.ca) as other:
        headers = other._headers()
    with stream(engine, **headers) as told:
        next(told)
        session.update("user", vendor["id"], {"status": "disabled"})
        last = [event for event in told if event["event"] != "event"][-1]
        assert last["event"] == "refused"
        assert "disabled" in last["data"]["message"]


def test_our_client_offers_the_events_as_an_iterator_that_can_be_resumed(session: Session) -> None:
    start = where_the_log_ends(session)
    made = [session.create("queue", {"name": f"line {number}"})["id"] for number in range(3)]
    first = list(islice(session.events(start), 2))
    (third,) = islice(session.events(first[-1]["id"]), 1)
    assert [event["entity"] for event in (*first, third)] == [f"queue:{queue}" for queue in made]


def where_the_log_ends(session: Session) -> str:
    """The id of an event made for it."""
    made = session.create("queue", {"name": "start"})["id"]
    return str(next(event["id"] for event in session.events("0-0") if event["entity"] == f"queue:{made}"))


@pytest.mark.parametrize("query", ["after=x", "wait=soon", "wait=-1", "progress=maybe", "after=%00"])
def test_nonsense_gets_a_sentence(engine: Running, query: str) -> None:
    answer = engine.call("GET", f"/api/events?{query}")
    assert answer.status_code == 400
    assert re.search("must be|no cursor", answer.json()["message"])


def test_a_stranger_hears_nothing(engine: Running) -> None:
    with (
        Session("geoscan", ADMIN, "wrong", engine.url, ca=engine.ca) as session,
        pytest.raises((LoginError, RefusedError)),
    ):
        next(session.events())
