"""A receiver that compares what lies there by its content and not by size and time of change."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from accsyn_engine.transfer.meeting import link
from accsyn_engine.transfer.meeting.connection import Connection
from accsyn_engine.transfer.receiving.receiver import receive
from accsyn_engine.transfer.sending.sender import send
from accsyn_engine.transfer.work import Control, Item, Outcome
from accsyn_engine.wire import messages
from accsyn_engine.wire.messages import (
    HEAD_SIZE,
    Accept,
    Alike,
    Digests,
    Event,
    Held,
    ManifestEnd,
    Offer,
    Repair,
    Wants,
)
from tests.engine.transfer.ends import CLOCK, JOB, Ends, Side, bytes_of, connected, move, partials, start, tree
from tests.engine.transfer.test_hostile import Script, file, page, refused

LARGE = 3 * HEAD_SIZE + 77
OLD = 1_000_000_000_000_000_000  # ns


def fill(folder: Path) -> Path:
    """Small files in two folders, large ones, and an empty one."""
    (folder / "sub").mkdir(parents=True)
    for number in range(300):
        (folder / f"{number:03d}").write_bytes(bytes_of(500 + number, number))
    for number in range(40):
        (folder / f"sub/{number:03d}").write_bytes(bytes_of(2000, number))
    (folder / "at the border").write_bytes(bytes_of(HEAD_SIZE, 1))
    for name in ("large", "sub/larger"):
        (folder / name).write_bytes(bytes_of(LARGE, len(name)))
    (folder / "empty").write_bytes(b"")
    return folder


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def age(folder: Path) -> None:
    for path in files(folder):
        os.utime(path, ns=(OLD, OLD))


def spoil(path: Path, at: int) -> None:
    """Change a byte and nothing that can be seen without reading."""
    facts, content = path.stat(), bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def bytes_read() -> int:
    """What this process has read from files so far."""
    text = Path("/proc/self/io").read_text()
    return int(dict(line.split(": ") for line in text.splitlines())["rchar"])


@pytest.fixture(autouse=True)
def short_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script does not hang up when it is told to."""
    monkeypatch.setattr(link, "FAREWELL_S", 0.05)


@pytest.fixture
def sent(tmp_path: Path) -> tuple[Path, Path]:
    """A folder and where it was sent to already."""
    source, target = fill(tmp_path / "source"), tmp_path / "target"
    target.mkdir()
    move(source, target)
    return source, target


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("sender_listens", [True, False])
def test_content_that_is_there_is_not_sent_again_and_gets_the_senders_time(
    sent: tuple[Path, Path], fresh: bool, sender_listens: bool
) -> None:
    source, target = sent
    age(target)
    inodes = [path.stat().st_ino for path in files(target) if path.name != "empty"]
    mine, theirs = move(source, target, by_content=True, fresh=fresh, sender_listens=sender_listens)
    assert theirs.progress.moved == 0
    assert theirs.progress.acked == theirs.progress.size == mine.progress.size
    assert theirs.progress.files_done == len(files(source))
    assert tree(target / "copy") == tree(source)
    assert [path.stat().st_ino for path in files(target) if path.name != "empty"] == inodes
    assert not partials(target)
    assert mine.receipt == theirs.receipt


def test_without_it_another_time_is_enough_to_send_and_the_same_one_to_believe(sent: tuple[Path, Path]) -> None:
    source, target = sent
    spoil(target / "copy/large", LARGE - 1)
    os.utime(target / "copy/sub/larger", ns=(OLD, OLD))
    _, theirs = move(source, target)
    assert theirs.progress.moved == LARGE
    assert (target / "copy/large").read_bytes() != (source / "large").read_bytes()


@pytest.mark.parametrize(
    ("name", "at"),
    [("007", 3), ("sub/001", 1999), ("at the border", HEAD_SIZE - 1), ("large", 0), ("large", LARGE - 1)],
)
def test_other_content_of_the_same_size_and_time_is_sent(sent: tuple[Path, Path], name: str, at: int) -> None:
    source, target = sent
    spoil(target / "copy" / name, at)
    mine, theirs = move(source, target, by_content=True)
    assert theirs.progress.moved == (source / name).stat().st_size
    assert theirs.progress.acked == theirs.progress.size
    assert tree(target / "copy") == tree(source)
    assert mine.failures == theirs.failures == ()
    assert mine.receipt == theirs.receipt


def test_everything_being_other_content_is_sent_as_if_nothing_were_there(sent: tuple[Path, Path]) -> None:
    source, target = sent
    for path in files(target):
        if path.name != "empty":
            spoil(path, 0)
    mine, theirs = move(source, target, by_content=True)
    assert theirs.progress.moved == mine.progress.size
    assert tree(target / "copy") == tree(source)


def test_another_size_and_what_is_not_there_are_sent_beside_what_is_kept(sent: tuple[Path, Path]) -> None:
    source, target = sent
    (target / "copy/large").write_bytes(b"short")
    (target / "copy/001").unlink()
    os.utime(target / "copy/002", ns=(OLD, OLD))
    _, theirs = move(source, target, by_content=True)
    assert theirs.progress.moved == LARGE + 501
    assert tree(target / "copy") == tree(source)


def test_a_folder_that_was_never_there_arrives_whole(tmp_path: Path) -> None:
    source, target = fill(tmp_path / "source"), tmp_path / "target"
    target.mkdir()
    _, theirs = move(source, target, by_content=True)
    assert theirs.progress.moved == theirs.progress.size
    assert tree(target / "copy") == tree(source)


def hint(head: bytes) -> int:
    return blake3(head).digest()[0]


def test_a_file_that_was_cut_off_goes_on_where_it_was_though_an_old_one_lies_there(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "large").write_bytes(bytes_of(24_000_000))
    move(source, target)
    (source / "large").write_bytes(bytes_of(24_000_000, 7))
    near, far = connected()
    control = StopAt(8_000_000)
    Ends(
        Side(lambda: send(near, [Item(1, source, "")], Control(30_000_000), job=JOB, clock=CLOCK, by_content=True)),
        Side(lambda: receive(far, copy_in(target), control, job=JOB, clock=CLOCK, by_content=True)),
    ).join()
    assert partials(target)
    _, theirs = move(source, target, by_content=True)
    assert 0 < theirs.progress.moved < 17_000_000
    assert tree(target / "copy") == tree(source)


class StopAt(Control):
    """Ends the transfer once so many bytes have come."""

    def __init__(self, moved: int) -> None:
        super().__init__()
        self.moved = moved

    def report(self, **numbers: Any) -> None:
        super().report(**numbers)
        if numbers.get("moved", 0) >= self.moved:
            self.stop("user", "Enough.")


def copy_in(target: Path) -> Callable[[int], Item]:
    return lambda task: Item(task, target, "copy")


def test_a_source_that_cannot_be_read_fails_and_what_lies_there_stays(sent: tuple[Path, Path]) -> None:
    source, target = sent
    there = (target / "copy/large").read_bytes()

    def items() -> Iterator[Item]:
        yield Item(1, source, "large")
        (source / "large").unlink()  # after it was listed, before it was asked for

    mine, theirs = start(items(), lambda task: Item(task, target, "copy/large"), by_content=True).outcomes()
    assert [failure.code for failure in mine.failures] == [failure.code for failure in theirs.failures]
    assert [failure.code for failure in mine.failures] == ["source-missing"]
    assert (target / "copy/large").read_bytes() == there


def test_a_link_of_the_same_name_is_neither_followed_nor_compared(sent: tuple[Path, Path], tmp_path: Path) -> None:
    source, target = sent
    outside = tmp_path / "outside"
    outside.write_bytes((source / "large").read_bytes())
    (target / "copy/large").unlink()
    (target / "copy/large").symlink_to(outside)
    mine, theirs = move(source, target, by_content=True)
    assert [failure.code for failure in theirs.failures] == ["destination-refused"]
    assert [failure.path for failure in mine.failures] == ["large"]
    assert outside.stat().st_mtime_ns != (source / "large").stat().st_mtime_ns


def test_a_sender_told_of_it_too_late_has_begun_and_ends_well_all_the_same(sent: tuple[Path, Path]) -> None:
    """The setting came between the engine's words to the two agents."""
    source, target = sent
    spoil(target / "copy/large", 0)
    near, far = connected()
    near.rtt = 0.02  # on a short line nothing is sent before the answer
    mine, theirs = Ends(
        Side(lambda: send(near, [Item(1, source, "")], Control(), job=JOB, clock=CLOCK, fresh=True)),
        Side(lambda: receive(far, copy_in(target), Control(), job=JOB, clock=CLOCK, by_content=True)),
    ).outcomes()
    assert tree(target / "copy") == tree(source)
    assert mine.failures == theirs.failures == ()
    assert mine.receipt == theirs.receipt


# Peers that lie.


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[tuple[Script, Side]]:
    """A scripted sender, and a real receiver that compares; it has "a" with the content "here"."""
    near, far = connected()
    (tmp_path / "a").write_bytes(b"here")
    side = Side(lambda: receive(near, places(tmp_path), Control(), job=JOB, clock=CLOCK, by_content=True, fresh=True))
    script = Script(far)
    script.say(Offer(JOB))
    assert script.until(Accept) == Accept(JOB, fresh=False)  # so that nothing comes before it was compared
    yield script, side
    far.close()
    side.join()


def places(folder: Path) -> Callable[[int], Item]:
    return lambda task: Item(task, folder, "")


def test_the_receiver_says_one_byte_of_what_it_has(sender: tuple[Script, Side]) -> None:
    script, _ = sender
    script.say(page(file(b"a"), file(b"b")))
    assert script.until(Held) == Held(((0, hint(b"here")),))
    assert script.until(Wants) == Wants(0, b"\0", ((4, 8),))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([Alike(((1, bytes(32)),))], "not there"),
        ([Alike(((7, bytes(32)),))], "not listed"),
        ([Digests(((0, bytes(32)),)), Alike(((0, bytes(32)),))], "second digest"),
    ],
)
def test_a_lie_about_what_is_alike_ends_the_session(sender: tuple[Script, Side], said: list[Event], why: str) -> None:
    script, side = sender
    script.say(page(file(b"a"), file(b"b")))
    script.until(Wants)
    script.say(*said)
    refused(side, why)


def test_a_digest_that_only_claims_to_be_alike_keeps_nothing(sender: tuple[Script, Side], tmp_path: Path) -> None:
    script, _ = sender
    script.say(page(file(b"a")), ManifestEnd(1, 1, 4))
    script.until(Wants)
    script.say(Alike(((0, blake3(b"four").digest()),)))
    assert script.until(Repair) == Repair(0)
    script.feed(0, b"four")
    script.say(Digests(((0, blake3(b"four").digest()),)))
    while script.until(messages.Ack) != messages.Ack(4, 4, 1, 1):
        pass
    assert (tmp_path / "a").read_bytes() == b"four"


def test_a_file_that_changes_after_it_was_compared_is_sent(sender: tuple[Script, Side], tmp_path: Path) -> None:
    script, _ = sender
    script.say(page(file(b"a")))
    script.until(Wants)
    (tmp_path / "a").write_bytes(b"gone")
    script.say(Alike(((0, blake3(b"here").digest()),)))
    assert script.until(Repair) == Repair(0)


def test_alike_means_nothing_to_a_receiver_that_does_not_compare(tmp_path: Path) -> None:
    near, far = connected()
    side = Side(lambda: receive(near, places(tmp_path), Control(), job=JOB, clock=CLOCK))
    script = Script(far)
    script.say(Offer(JOB), page(file(b"a")), Alike(((0, bytes(32)),)))
    refused(side, "not to be compared")
    far.close()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([Held(((2, 0),))], "no file of the page"),
        ([Held(((0, 0),)), Wants(0, b"\0", ((0, 4),))], "wants a part"),
        ([Wants(0, b"\0", ()), Held(((0, 0),))], "not listed"),
    ],
)
def test_a_comparison_that_does_not_fit_ends_the_session(tmp_path: Path, said: list[Event], why: str) -> None:
    side, script, far = scripted_receiver(tmp_path, fresh=False)
    script.say(*said)
    refused(side, why)
    far.close()


def test_who_said_that_nothing_is_there_compares_nothing(tmp_path: Path) -> None:
    side, script, far = scripted_receiver(tmp_path, fresh=True)
    script.say(Held(((0, 0),)))
    refused(side, "said was not there")
    far.close()


def test_a_sender_that_is_told_of_the_comparison_sends_nothing_before_the_answer_though_the_job_is_new(
    tmp_path: Path,
) -> None:
    (tmp_path / "a").write_bytes(b"four")
    near, far = connected()
    near.rtt = 0.02  # a line that is not short
    items, control = [Item(1, tmp_path, "a")], Control()
    side = Side(lambda: send(near, items, control, job=JOB, clock=CLOCK, fresh=True, by_content=True))
    script = Script(far)
    script.until(ManifestEnd)
    script.say(Accept(JOB, fresh=False), Held(((0, hint(b"four")),)), Wants(0, b"\0", ()))
    assert script.until(Alike) == Alike(((0, blake3(b"four").digest()),))
    far.close()
    side.join()


def test_a_file_that_begins_otherwise_is_sent_while_it_is_read_for_the_first_time(tmp_path: Path) -> None:
    content = bytes_of(LARGE)
    side, script, far = scripted_receiver(tmp_path, fresh=False, content=content)
    before = bytes_read()
    script.say(Held(((0, hint(content[:HEAD_SIZE]) ^ 1),)), Wants(0, b"\0", ()))
    assert script.until(Digests) == Digests(((0, blake3(content).digest()),))
    assert LARGE <= bytes_read() - before < LARGE + HEAD_SIZE // 2
    far.close()
    side.join()


def scripted_receiver(tmp_path: Path, *, fresh: bool, content: bytes = b"four") -> tuple[Side, Script, Connection]:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_bytes(content)
    near, far = connected()
    near.rtt = 0.02  # what is fresh is sent at once only on a line that is not short
    side: Side = Side(lambda: sent_by(near, source))
    script = Script(far)
    script.say(Accept(JOB, fresh=fresh))
    script.until(ManifestEnd)
    return side, script, far


def sent_by(near: Connection, source: Path) -> Outcome:
    return send(near, [Item(1, source, "")], Control(), job=JOB, clock=CLOCK)
