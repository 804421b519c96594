"""Real transfers between two real agents, matched by the small engine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.engine.agent.conftest import CLOCK, SmallEngine, until


class Match:
    """Brings two agents together as the engine does: offer, listen, connect."""

    def __init__(
        self, small: SmallEngine, sender: Any, receiver: Any, *, listener: str = "sender", job: str = ""
    ) -> None:
        self.small = small
        self.sender = sender
        self.receiver = receiver
        self.listener = listener
        self.job = job
        self.compare = "time"
        small.reacts = self.react

    def roles(self) -> tuple[tuple[Any, str], tuple[Any, str]]:
        sides = (self.sender, "sender"), (self.receiver, "receiver")
        return sides if self.listener == "sender" else sides[::-1]

    def begin(self, transfer: str) -> None:
        connector, role = self.roles()[1]
        self.small.emit(connector.client, "transfer.offer", self.words(transfer, role))

    def words(self, transfer: str, role: str) -> dict[str, Any]:
        words = {"transfer": transfer, "job": self.job or f"job-of-{transfer}", "role": role, "streams": 1}
        return words | {"compare": self.compare, "limit": self.small.progress_answer.get("limit")}

    def react(self, path: str, body: dict[str, Any]) -> None:
        kind, _, rest = path.partition("/")
        transfer, _, what = rest.partition("/")
        (listener, listens), (connector, connects) = self.roles()
        certificate = {"peer_certificate": body.get("certificate")}
        if (kind, what) == ("transfers", "accept"):
            words = self.words(transfer, listens) | certificate | {"peer_addresses": ["127.0.0.1"]}
            self.small.emit(listener.client, "transfer.listen", words)
        elif (kind, what) == ("transfers", "listening"):
            ports = {name: body[name] for name in ("addresses", "port", "datagrams")}
            words = self.words(transfer, connects) | certificate | ports
            self.small.emit(connector.client, "transfer.connect", words)

    def ends(self, transfer: str) -> list[dict[str, Any]]:
        return self.small.wait_for(f"transfers/{transfer}/end", 2)


@pytest.fixture
def match(small_engine, start, tmp_path, free_ports) -> Match:
    for folder in ("volume", "mapped"):
        (tmp_path / folder).mkdir()
    sender = start("alpha", role="server", volumes={"production": str(tmp_path / "volume")}, ports=free_ports)
    receiver = start(
        "gda", maps={"production": str(tmp_path / "mapped")}, download=str(tmp_path / "in"), ports=free_ports
    )
    return Match(small_engine, sender, receiver)


@pytest.fixture
def free_ports(worker_id: str) -> tuple[int, int]:
    number = int(worker_id.removeprefix("gw") or 0) if worker_id != "master" else 0
    return 46200 + 40 * number, 46239 + 40 * number


def task(seq: int, path: str, **roots: Any) -> dict[str, Any]:
    source, destination = roots.get("source", {"volume": "production"}), roots.get("destination", {"map": "production"})
    return {
        "seq": seq,
        "id": f"task{seq}",
        "source": {"root": source, "path": roots.get("source_path", path)},
        "destination": {"root": destination, "path": roots.get("destination_path", path)},
    }


def fill(folder: Path, count: int, size: int = 2000) -> dict[str, bytes]:
    made = {}
    for number in range(count):
        file = folder / f"sub {number % 3}" / f"dätei {number}.dat"
        file.parent.mkdir(parents=True, exist_ok=True)
        made[file.relative_to(folder).as_posix()] = content = os.urandom(size)
        file.write_bytes(content)
    return made


def read(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("listener", ["sender", "receiver"])
def test_a_folder_arrives_whichever_side_opens_the_port(match, small_engine, tmp_path, listener):
    match.listener = listener
    sent = fill(tmp_path / "volume" / "proj002" / "data", 40)
    small_engine.tasks = [task(0, "proj002/data")]
    match.begin("t1")
    for end in match.ends("t1"):
        assert (end["outcome"], end["error"], end["failures"]) == ("done", None, [])
        assert end["progress"]["files_done"] == 40
        assert end["receipt"]
    first, second = match.ends("t1")
    assert first["receipt"] == second["receipt"]
    assert read(tmp_path / "mapped" / "proj002" / "data") == sent
    until(lambda: "received 40 files, 80.0 kB of job job-of-t1 into " in match.receiver.log)


@pytest.mark.parametrize("listener", ["sender", "receiver"])
def test_a_job_that_compares_by_content_sends_what_differs_and_only_sets_the_time_of_the_rest(
    match, small_engine, tmp_path, listener
):
    match.listener, match.compare = listener, "content"
    sent = fill(tmp_path / "volume" / "data", 30)
    small_engine.tasks = [task(0, "data")]
    for name, content in sent.items():
        there = tmp_path / "mapped" / "data" / name
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(content)
        os.utime(there, ns=(1, 1))
    wrong = tmp_path / "mapped" / "data" / next(iter(sent))
    wrong.write_bytes(bytes(2000))
    times = (tmp_path / "volume" / "data" / next(iter(sent))).stat().st_mtime_ns
    os.utime(wrong, ns=(times, times))
    match.begin("t1")
    for end in match.ends("t1"):
        assert (end["outcome"], end["error"], end["failures"]) == ("done", None, [])
        assert end["progress"]["moved"] == 2000
    assert read(tmp_path / "mapped" / "data") == sent
    for name in sent:
        ours, theirs = (tmp_path / side / "data" / name for side in ("mapped", "volume"))
        assert ours.stat().st_mtime_ns == theirs.stat().st_mtime_ns


def test_both_sides_report_progress_and_the_engines_limit_holds(match, small_engine, tmp_path):
    small_engine.progress_answer = {"state": "running", "limit": 3_000_000, "reason": ""}
    (tmp_path / "volume" / "big").write_bytes(os.urandom(6_000_000))
    small_engine.tasks = [task(0, "big")]
    before = CLOCK.monotonic()
    match.begin("t1")
    assert {end["outcome"] for end in match.ends("t1")} == {"done"}
    assert CLOCK.monotonic() - before > 1.0
    reports = small_engine.posted("transfers/t1/progress")
    assert {report["client"] for report in reports} == {match.sender.client, match.receiver.client}
    assert any(report["speed"] > 0 for report in reports)
    assert max(report["size"] for report in reports) == 6_000_000


@pytest.mark.parametrize("by", ["event", "answer"])
def test_the_engine_stops_a_transfer_at_both_ends(match, small_engine, tmp_path, by):
    small_engine.progress_answer = {"state": "running", "limit": 100_000, "reason": ""}
    (tmp_path / "volume" / "big").write_bytes(os.urandom(6_000_000))
    small_engine.tasks = [task(0, "big")]
    match.begin("t1")
    small_engine.wait_for("transfers/t1/progress")
    if by == "event":
        for agent in (match.sender, match.receiver):
            small_engine.emit(agent.client, "transfer.stop", {"transfer": "t1", "reason": "andrea paused the job."})
    else:
        small_engine.progress_answer = {"state": "stopped", "limit": None, "reason": "andrea paused the job."}
    ends = match.ends("t1")
    # The one that hears of it from the other side and not from the engine cannot know that it is for good.
    assert "stopped" in {end["outcome"] for end in ends} <= {"stopped", "lost"}
    assert {end["error"]["message"] for end in ends} == {"andrea paused the job."}
    assert not (tmp_path / "mapped" / "big").exists()


def test_a_transfer_goes_on_while_the_engine_is_away_and_its_end_is_told_later(match, small_engine, tmp_path):
    small_engine.progress_answer = {"state": "running", "limit": 4_000_000, "reason": ""}
    (tmp_path / "volume" / "big").write_bytes(content := os.urandom(5_000_000))
    small_engine.tasks = [task(0, "big")]
    match.begin("t1")
    until(lambda: any(report["acked"] for report in small_engine.posted("transfers/t1/progress")))
    small_engine.down()
    until((tmp_path / "mapped" / "big").exists)
    assert not small_engine.posted("transfers/t1/end")
    small_engine.up()
    assert {end["outcome"] for end in match.ends("t1")} == {"done"}
    assert (tmp_path / "mapped" / "big").read_bytes() == content


def test_an_agent_that_ends_says_that_its_transfer_is_lost_and_so_does_the_other(match, small_engine, tmp_path):
    small_engine.progress_answer = {"state": "running", "limit": 100_000, "reason": ""}
    (tmp_path / "volume" / "big").write_bytes(os.urandom(6_000_000))
    small_engine.tasks = [task(0, "big")]
    match.begin("t1")
    small_engine.wait_for("transfers/t1/progress")
    assert match.receiver.end() == 0
    assert {end["outcome"] for end in match.ends("t1")} == {"lost"}


def test_an_event_that_comes_twice_does_nothing_twice(match, small_engine, tmp_path):
    fill(tmp_path / "volume" / "data", 3)
    small_engine.tasks = [task(0, "data")]
    match.begin("t1")
    match.begin("t1")
    match.ends("t1")
    match.begin("t1")
    for event in small_engine.events[match.sender.client] + small_engine.events[match.receiver.client]:
        client = match.sender.client if event in small_engine.events[match.sender.client] else match.receiver.client
        small_engine.emit(client, event["kind"], event["data"])
    (tmp_path / "volume" / "other").write_bytes(b"x")
    small_engine.tasks = [task(0, "other")]
    match.begin("t2")
    match.ends("t2")
    assert len(small_engine.posted("transfers/t1/accept")) == 1
    assert len(small_engine.posted("transfers/t1/end")) == 2


def test_thirty_transfers_at_once_arrive_through_one_port(match, small_engine, tmp_path):
    small_engine.progress_answer = {"state": "running", "limit": 100_000, "reason": ""}  # so that all run together
    names = [f"t{number:02}" for number in range(30)]
    sent = {name: fill(tmp_path / "volume" / name, 5, size=20_000) for name in names}
    small_engine.tasks_of = {name: [task(0, name)] for name in names}
    for name in names:
        match.begin(name)
    until(lambda: all(small_engine.posted(f"transfers/{name}/progress") for name in names))
    small_engine.progress_answer = {"state": "running", "limit": None, "reason": ""}
    for name in names:
        assert [end["outcome"] for end in match.ends(name)] == ["done", "done"]
    assert len({body["port"] for path, body in small_engine.posts if path.endswith("/listening")}) == 1
    for name in names:
        assert read(tmp_path / "mapped" / name) == sent[name]


def test_what_belongs_to_no_map_lands_in_the_download_folder_and_local_paths_are_sent(match, small_engine, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "brief.txt").write_bytes(b"hello")
    local = str(tmp_path / "elsewhere" / "brief.txt")
    small_engine.tasks = [
        task(
            3, "", source={"local": True}, source_path=local, destination={"download": True}, destination_path="a/b.txt"
        ),
        task(
            7,
            "",
            source={"local": True},
            source_path=local,
            destination={"local": True},
            destination_path=f"{tmp_path}/new/c.txt",
        ),
    ]
    match.begin("t1")
    assert [end["outcome"] for end in match.ends("t1")] == ["done", "done"]
    assert (tmp_path / "in" / "a" / "b.txt").read_bytes() == b"hello"
    assert (tmp_path / "new" / "c.txt").read_bytes() == b"hello"


def test_a_volume_without_a_folder_fails_the_job_with_a_sentence_at_both_ends(match, small_engine, tmp_path):
    (tmp_path / "volume" / "file").write_bytes(b"x")
    small_engine.tasks = [task(0, "file", destination={"map": "archive-2"})]
    match.begin("t1")
    for end in match.ends("t1"):
        assert end["outcome"] == "failed"
        assert end["error"]["code"] == "missing-map"
        assert (
            "set ACCSYN_ARCHIVE_2_PATH or start the agent there with --map archive-2=FOLDER" in end["error"]["message"]
        )


def test_a_source_that_is_not_there_fails_its_task_only(match, small_engine, tmp_path):
    (tmp_path / "volume" / "file").write_bytes(b"x")
    small_engine.tasks = [task(0, "file"), task(1, "gone")]
    match.begin("t1")
    for end in match.ends("t1"):
        assert end["outcome"] == "failed"
        assert [(failure["task"], failure["code"]) for failure in end["failures"]] == [(1, "source-missing")]
    assert (tmp_path / "mapped" / "file").read_bytes() == b"x"


def test_many_tasks_are_read_in_pages(match, small_engine, tmp_path):
    for number in range(2001):
        (tmp_path / "volume" / f"{number}").write_bytes(b"%d" % number)
    small_engine.tasks = [task(number, f"{number}") for number in range(2001)]
    match.begin("t1")
    assert [end["outcome"] for end in match.ends("t1")] == ["done", "done"]
    assert len(read(tmp_path / "mapped")) == 2001
    pages = [query for path, query in small_engine.gets if path.endswith("/tasks")]
    assert len(pages) <= 8
    assert {query["limit"] for query in pages} == {"1000"}


def test_ports_that_are_all_taken_are_a_sentence_and_tried_again(match, small_engine, start, tmp_path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        match.sender = start(
            "beta", role="server", volumes={"production": str(tmp_path / "volume")}, ports=(port, port)
        )
        match.begin("t1")
        end = small_engine.wait_for("transfers/t1/end")[0]
    assert (end["outcome"], end["error"]["code"]) == ("lost", "ports-busy")


def test_a_limit_of_zero_holds_the_bytes_and_the_next_one_lets_them_go(match, small_engine, tmp_path):
    small_engine.progress_answer = {"state": "running", "limit": 0, "reason": ""}
    (tmp_path / "volume" / "a.raw").write_bytes(os.urandom(3_000_000))
    small_engine.tasks = [task(0, "a.raw")]
    match.begin("t1")
    reports = small_engine.wait_for("transfers/t1/progress", 8)
    assert all(report["moved"] == 0 for report in reports)
    small_engine.progress_answer = {"state": "running", "limit": None, "reason": ""}
    assert [end["outcome"] for end in match.ends("t1")] == ["done", "done"]
    assert all("rate" in report for report in reports)
