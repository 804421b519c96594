"""The agent's conversation with an engine: greeting, events, outages, ends."""

from __future__ import annotations

import re
import threading

import pytest

from accsyn_engine.agent import AgentOptions, holder_of, run
from accsyn_engine.agent.errors import OptionsError
from tests.engine.agent.conftest import CLOCK, until


def test_the_greeting_says_who_it_is_and_what_it_has(small_engine, start, tmp_path):
    (tmp_path / "production").mkdir()
    maps = {"production": str(tmp_path / "production"), "my_archive": str(tmp_path)}
    start(maps=maps, readable=("My-Archive",), download=str(tmp_path / "in"), advertise=("10.1.2.3",))
    hello = small_engine.posted("hello")[0]
    assert re.fullmatch(r"[0-9a-f]{24}", hello["instance"])
    assert re.fullmatch(r"[0-9a-f]{24}", hello["boot"])
    assert hello["role"] == "client"
    assert hello["maps"] == [
        {"code": "production", "read": False, "write": True, "path": str(tmp_path / "production")},
        {"code": "my_archive", "read": True, "write": True, "path": str(tmp_path)},
    ]
    assert hello["downloads"] is True
    assert hello["volumes"] == []
    assert hello["advertise"] == ["10.1.2.3"]
    assert hello["os"] in {"linux", "darwin", "windows"}


def test_an_agent_is_the_same_instance_at_every_start_and_another_boot(small_engine, start):
    assert start().end() == 0
    assert start().end() == 0
    first, second = small_engine.posted("hello")
    assert first["instance"] == second["instance"]
    assert first["boot"] != second["boot"]


def test_two_agents_never_share_a_folder(start, capfd):
    first = start()
    assert start(greets=False).code() == 1
    assert "give this one a folder of its own with --data" in capfd.readouterr().err
    holder = holder_of(first.options.data)
    assert holder is not None
    assert holder.server == first.options.server
    first.end()
    assert holder_of(first.options.data) is None


def test_a_wrong_key_is_one_sentence_and_the_end(small_engine, start, capfd):
    agent = start(key="bad-key", greets=False)
    assert agent.code() == 1
    assert capfd.readouterr().err.count("does not accept the API key of gda@gda.com") == 1


def test_a_key_that_is_taken_away_ends_a_running_agent(small_engine, start):
    agent = start()
    small_engine.key = "another"
    small_engine.down()
    small_engine.up()
    assert agent.code() == 1
    assert "does not accept the API key" in agent.log


def test_a_refused_greeting_is_the_engines_sentence_and_the_end(small_engine, start, capfd):
    small_engine.hello_error = (
        403,
        {"code": "forbidden", "message": "gda@gda.com may not serve a volume; ask an admin."},
    )
    assert start(greets=False).code() == 1
    assert "gda@gda.com may not serve a volume; ask an admin." in capfd.readouterr().err


def test_an_engine_that_is_away_is_waited_for_and_named_once(small_engine, start, tmp_path):
    small_engine.down()
    agent = start(greets=False)
    until(lambda: "is not reachable" in agent.log)
    CLOCKED.wait(1.5)
    small_engine.up()
    small_engine.wait_for("hello")
    until(lambda: "is reachable again" in agent.log)
    assert agent.log.count("is not reachable") == 1
    assert re.search(rf"engine at {small_engine.url} is not reachable \(.+\); trying again in \d+ s\n", agent.log)


def test_an_agent_greets_again_after_an_outage_and_misses_no_event(small_engine, start, tmp_path):
    agent = start(download=str(tmp_path))
    assert small_engine.ask(agent.client, "exists", root={"download": True}, path="") is True
    small_engine.down()
    small_engine.emit(
        agent.client,
        "request",
        {"request": "meanwhile", "operation": "exists", "data": {"root": {"download": True}, "path": "no"}},
    )
    until(lambda: "is not reachable" in agent.log)
    small_engine.up()
    assert small_engine.wait_for("requests/meanwhile") == [
        {"client": agent.client, "boot": boot_of(small_engine), "answer": False}
    ]
    until(lambda: len(small_engine.posted("hello")) == 2)
    assert len({hello["boot"] for hello in small_engine.posted("hello")}) == 1


@pytest.mark.parametrize("streams", ["cut", "refused"])
def test_events_arrive_once_each_over_streams_that_break_and_over_long_polls(small_engine, start, tmp_path, streams):
    small_engine.streams = streams
    agent = start(download=str(tmp_path))
    for number in range(5):
        assert small_engine.ask(agent.client, "exists", root={"download": True}, path=f"{number}") is False
    answers = [path for path, _ in small_engine.posts if path.startswith("requests/")]
    assert len(answers) == len(set(answers)) == 5
    assert any("wait" in query for _, query in small_engine.gets) == (streams == "refused")


def test_an_unknown_event_and_a_broken_one_do_not_end_the_agent(small_engine, start, tmp_path):
    agent = start(download=str(tmp_path))
    small_engine.emit(agent.client, "from.the.future", {})
    small_engine.emit(agent.client, "transfer.offer", {"no": "transfer"})
    small_engine.emit(agent.client, "hook.run", {})
    assert small_engine.ask(agent.client, "exists", root={"download": True}, path="") is True
    assert "the engine said from.the.future, which this agent does not know" in agent.log
    assert "the event transfer.offer could not be understood" in agent.log


def test_stopping_ends_it_at_once_though_a_stream_is_open(start):
    agent = start()
    before = CLOCK.monotonic()
    assert agent.end() == 0
    assert CLOCK.monotonic() - before < 2


@pytest.mark.parametrize(
    "server", ["", "engine.geoscan.org", "http://engine.geoscan.org:8443", "ftp://x", "https://", "https://x:99999"]
)
def test_an_address_that_is_none_or_unencrypted_is_refused(server, tmp_path):
    with pytest.raises(OptionsError, match="write https://NAME:PORT"):
        AgentOptions(server=server, user="a@b.c", key="k", data=tmp_path)


def test_a_data_folder_that_cannot_be_made_is_a_sentence(small_engine, tmp_path, capfd):
    (tmp_path / "file").write_text("")
    options = AgentOptions(server=small_engine.url, user="a@b.c", key="k", data=tmp_path / "file" / "data")
    assert run(options) == 1
    assert "cannot be used for the agent's data" in capfd.readouterr().err


def test_the_key_is_in_no_log_and_no_representation(small_engine, start, tmp_path):
    agent = start()
    agent.end()
    assert "good-key" not in agent.log
    assert "good-key" not in repr(agent.options)


def boot_of(small_engine) -> str:
    return str(small_engine.posted("hello")[0]["boot"])


CLOCKED = threading.Event()
