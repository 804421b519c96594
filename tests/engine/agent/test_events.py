"""The event stream's bytes, and what is done about a proxy that keeps them to itself."""

from __future__ import annotations

import pytest

from accsyn_engine.agent.engine import Engine
from accsyn_engine.agent.errors import UnreachableError, WrongKeyError
from accsyn_engine.agent.events import Event, Events, Parser
from accsyn_engine.agent.options import AgentOptions
from tests.engine.agent.conftest import CLOCK

BYTES = (
    ': open\n\nid: 1\nevent: request\ndata: {"name":"Übersicht"}\n\n: keep\n\n'
    'id: 2\r\nevent: hook.run\r\ndata: {"a":\r\ndata: 1}\r\n\r\nid: 3\nevent: x\n\n'
).encode()
EVENTS = [Event(1, "request", {"name": "Übersicht"}), Event(2, "hook.run", {"a": 1})]


@pytest.mark.parametrize("cut", range(len(BYTES) + 1))
def test_events_do_not_depend_on_where_the_bytes_are_cut(cut):
    parser = Parser()
    assert [*parser.feed(BYTES[:cut]), *parser.feed(BYTES[cut:])] == EVENTS


@pytest.mark.parametrize(
    "raw", [b"data: {}\n\n", b"id: x\nevent: a\ndata: {}\n\n", b"id: 1\nevent: a\ndata: {\n\n", b"data: \xff\n"]
)
def test_what_is_no_event_is_an_error(raw):
    with pytest.raises((ValueError, KeyError)):
        list(Parser().feed(raw))


def test_a_line_without_end_is_an_error(monkeypatch):
    monkeypatch.setattr("accsyn_engine.agent.events.LINE_LIMIT", 1000)
    with pytest.raises(ValueError, match="without end"):
        list(Parser().feed(b"x" * 1001))


@pytest.fixture
def engine(small_engine, tmp_path):
    engine = Engine(AgentOptions(server=small_engine.url, user="a@b.c", key="good-key", data=tmp_path))
    yield engine
    engine.close()


def test_a_stream_that_says_nothing_is_given_up_for_long_polls(small_engine, engine):
    small_engine.streams = "silent"
    small_engine.emit("c", "request", {"a": 1})
    events = Events(engine, CLOCK, silence_s=0.3)
    taken: list[Event] = []
    opened: list[int] = []
    assert events.follow("c", taken.append, opened=lambda: opened.append(1)) is False
    assert (taken, opened) == ([], [])
    assert events.follow("c", taken.append, opened=lambda: opened.append(1)) is True
    assert (taken, opened) == ([Event(1, "request", {"a": 1})], [1])
    assert events.cursor == 1


def test_an_engine_that_is_away_and_a_wrong_key_are_told_apart(small_engine, engine, tmp_path):
    stranger = Engine(AgentOptions(server=small_engine.url, user="a@b.c", key="bad", data=tmp_path))
    with pytest.raises(WrongKeyError):
        stranger.get("events", {"client": "c", "after": 0, "wait": 0})
    stranger.close()
    small_engine.down()
    with pytest.raises(UnreachableError, match="Connection refused"):
        engine.get("events", {"client": "c", "after": 0, "wait": 0})
