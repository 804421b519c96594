from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import pytest

from accsyn_engine.transfer.errors import PeerLost
from accsyn_engine.transfer.meeting.connection import Connection
from accsyn_engine.transfer.receiving.arrival import Arrival, partial_name
from accsyn_engine.transfer.receiving.receiver import receive
from accsyn_engine.transfer.sending.sender import send
from accsyn_engine.transfer.work import Control, Item
from accsyn_engine.wire.manifest import Entry, Kind
from tests.engine.transfer.ends import CLOCK, JOB, Ends, Side, bytes_of, connected, cut, move, partials, tree

LARGE = 24_000_000


class CutAt(Control):
    """Breaks the connection once so many bytes have come over the line."""

    def __init__(self, moved: int, connection: Connection, bytes_per_s: int | None = None) -> None:
        super().__init__(bytes_per_s)
        self.moved = moved
        self.connection = connection

    def report(self, **numbers: Any) -> None:
        super().report(**numbers)
        if numbers.get("moved", 0) >= self.moved:
            cut(self.connection.session, *self.connection.bulk)


def broken_off(source: Path, target: Path, who: str, moved: int) -> Ends:
    sending, receiving = connected()
    control = CutAt(moved, sending if who == "sender" else receiving, 30_000_000)
    sent, received = (control, Control()) if who == "sender" else (Control(30_000_000), control)
    items = [Item(1, source, "")]
    return Ends(
        Side(lambda: send(sending, items, sent, job=JOB, clock=CLOCK)),
        Side(lambda: receive(receiving, lambda task: Item(task, target, "copy"), received, job=JOB, clock=CLOCK)),
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "large").write_bytes(bytes_of(LARGE))
    for number in range(50):
        (folder / f"small{number}").write_bytes(bytes_of(5000, number))
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("who", ["sender", "receiver"])
def test_a_transfer_cut_off_again_and_again_goes_on_where_it_was(source: Path, target: Path, who: str) -> None:
    moved = cuts = 0
    for _ in range(20):
        sender, receiver = broken_off(source, target, who, 4_000_000).join()
        landed = {name: content for name, content in tree(target).items() if ".accsyn-" not in name}
        assert all(landed[name] == tree(source)[name.removeprefix("copy/")] for name in landed)
        if receiver.error is None:
            moved += receiver.result.progress.moved
            break
        assert isinstance(receiver.error, PeerLost)
        assert isinstance(sender.error, PeerLost)
        cuts += 1
    assert cuts >= 2
    assert moved < LARGE * 0.9  # the last try had little left to do
    sent, received = move(source, target)
    assert received.progress.moved == 0
    assert tree(target / "copy") == tree(source)
    assert not partials(target)
    assert sent.receipt == received.receipt


def leave_partial(source: Path, target: Path, content: bytes, ranges: list[tuple[int, int]], job: str = JOB) -> Path:
    """Leave what a killed receiver leaves of `large`: content, then the journal."""
    facts = (source / "large").stat()
    entry = Entry(Kind.FILE, 1, b"large", facts.st_size, facts.st_mtime_ns)
    (target / "copy").mkdir(exist_ok=True)
    partial = target / "copy" / partial_name(job, "copy/large", entry)
    journal = b"".join(struct.pack(">QQ", *piece) for piece in ranges)
    partial.write_bytes(content + bytes(facts.st_size - len(content)) + journal)
    return partial


def test_only_what_the_journal_does_not_hold_is_moved(source: Path, target: Path) -> None:
    leave_partial(source, target, bytes_of(LARGE), [(0, 10_000_000), (12_000_000, 20_000_000)])
    _, received = move(source, target)
    assert received.progress.moved == 2_000_000 + 4_000_000 + 50 * 5000
    assert tree(target / "copy") == tree(source)


def test_a_partial_that_holds_all_of_it_is_only_checked(source: Path, target: Path) -> None:
    leave_partial(source, target, bytes_of(LARGE), [(0, LARGE)])
    _, received = move(source, target)
    assert received.progress.moved == 50 * 5000
    assert tree(target / "copy") == tree(source)


def test_a_journal_that_lies_costs_a_second_transfer_and_no_more(source: Path, target: Path) -> None:
    wrong = bytearray(bytes_of(LARGE))
    wrong[5_000_000] ^= 1
    leave_partial(source, target, bytes(wrong), [(0, 20_000_000)])
    sent, received = move(source, target)
    assert sent.failures == received.failures == ()
    assert tree(target / "copy") == tree(source)
    assert received.progress.moved == 4_000_000 + LARGE + 50 * 5000
    assert received.progress.acked == received.progress.size


@pytest.mark.parametrize("ranges", [[(5, 5)], [(0, LARGE + 1)], [(9, 3)], []])
def test_a_journal_that_cannot_be_is_not_believed(source: Path, target: Path, ranges: list[tuple[int, int]]) -> None:
    leave_partial(source, target, b"", ranges)
    _, received = move(source, target)
    assert received.progress.moved == received.progress.size
    assert tree(target / "copy") == tree(source)


def test_what_an_earlier_version_of_the_file_left_is_swept(source: Path, target: Path) -> None:
    old = leave_partial(source, target, b"old", [(0, 3)])
    other_job = leave_partial(source, target, b"x", [(0, 1)], job="another")
    (source / "large").write_bytes(bytes_of(LARGE, 7))
    os.utime(source / "large", ns=(1, 1))
    move(source, target)
    assert not old.exists()
    assert other_job.exists()
    assert tree(source)["large"] == tree(target / "copy")["large"]


def test_a_partial_that_is_a_link_is_not_written_through(source: Path, target: Path) -> None:
    victim = target / "victim"
    victim.write_bytes(b"precious")
    partial = leave_partial(source, target, b"", [])
    partial.unlink()
    partial.symlink_to(victim)
    move(source, target)
    assert victim.read_bytes() == b"precious"


def test_a_partial_in_use_by_another_transfer_is_left_alone(source: Path, target: Path) -> None:
    import fcntl  # POSIX only, like the lock it stands for

    partial = leave_partial(source, target, b"", [(0, 3)])
    with partial.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(PeerLost, match="still ending"):
            move(source, target)
    move(source, target)


def test_partial_names_are_short_and_differ_by_job_path_and_version() -> None:
    entry = Entry(Kind.FILE, 1, b"a", 1, 2)
    names = {
        partial_name("job", "a", entry),
        partial_name("other", "a", entry),
        partial_name("job", "b", entry),
        partial_name("job", "a", Entry(Kind.FILE, 1, b"a", 2, 2)),
        partial_name("job", "a", Entry(Kind.FILE, 1, b"a", 1, 3)),
    }
    assert len(names) == 5
    assert max(len(name) for name in names) < 64
    assert Arrival(0, entry, 5).end == 6
