from __future__ import annotations

import contextlib
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from accsyn_engine.transfer.errors import PeerLost, ProtocolBroken, TransferError
from accsyn_engine.transfer.meeting import link
from accsyn_engine.transfer.meeting.channel import Channel
from accsyn_engine.transfer.meeting.connection import Connection
from accsyn_engine.transfer.receiving.receiver import receive
from accsyn_engine.transfer.sending.sender import send
from accsyn_engine.transfer.work import Control, Item
from accsyn_engine.wire import codec, messages
from accsyn_engine.wire.manifest import Entry, Kind
from accsyn_engine.wire.messages import (
    Accept,
    Ack,
    Block,
    Digests,
    Event,
    Finish,
    Manifest,
    ManifestEnd,
    Offer,
    Repair,
    Wants,
)
from tests.engine.transfer.ends import CLOCK, JOB, Side, connected, tree


class Script:
    """A peer that writes whatever bytes it likes."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def say(self, *events: Event) -> None:
        self._write(self.connection.session, b"".join(codec.encode(event) for event in events))

    def feed(self, position: int, payload: bytes) -> None:
        self._write(self.connection.bulk[0], codec.encode(Block(position, memoryview(payload))))

    def _write(self, channel: Channel, data: bytes) -> None:
        with contextlib.suppress(OSError):  # turned away already
            channel.socket.sendall(data)

    def until(self, kind: type[Event]) -> Event:
        while not isinstance(event := self.connection.session.expect(), kind):
            pass
        return event


@pytest.fixture(autouse=True)
def short_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script does not hang up when it is told to."""
    monkeypatch.setattr(link, "FAREWELL_S", 0.05)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "share/target"
    folder.mkdir(parents=True)
    (tmp_path / "canary").write_bytes(b"outside")
    (tmp_path / "share/canary").write_bytes(b"beside")
    return folder


@pytest.fixture
def sender(target: Path) -> Iterator[tuple[Script, Side]]:
    """A scripted sender that has offered, and the real receiver it talks to."""
    near, far = connected()
    places = {1: Item(1, target.parent, "target")}
    side = Side(lambda: receive(near, places.__getitem__, Control(), job=JOB, clock=CLOCK))
    script = Script(far)
    script.say(Offer(JOB))
    script.until(Accept)
    yield script, side
    far.close()
    side.join()


def file(path: bytes, size: int = 4, task: int = 1) -> Entry:
    return Entry(Kind.FILE, task, path, size, 5)


def page(*entries: Entry, number: int = 0, first: int = 0, position: int = 0) -> Manifest:
    return Manifest(number, first, position, entries)


def refused(side: Side, why: str) -> None:
    side.join()
    assert isinstance(side.error, ProtocolBroken)
    assert why in side.error.message


@pytest.mark.parametrize("path", [b"../canary", b"/etc/passwd", b"a/../../canary", b"a\0b", b"a//b", b"."])
def test_a_name_that_leaves_the_destination_ends_the_session(
    sender: tuple[Script, Side], target: Path, path: bytes
) -> None:
    script, side = sender
    script.say(page(file(path)))
    refused(side, "a name was refused")
    assert tree(target.parent) == {"canary": tree(target.parent)["canary"], "target": None}
    assert (target.parent.parent / "canary").read_bytes() == b"outside"


def test_a_task_that_was_not_announced_ends_the_session(sender: tuple[Script, Side]) -> None:
    script, side = sender
    script.say(page(file(b"a", task=2)))
    refused(side, "not announced")


@pytest.mark.parametrize(
    "wrong",
    [
        page(file(b"b"), number=2, first=1, position=4),
        page(file(b"b"), number=1, first=2, position=4),
        page(file(b"b"), number=1, first=1, position=5),
        page(number=1, first=1, position=4),
    ],
)
def test_pages_out_of_order_end_the_session(sender: tuple[Script, Side], wrong: Manifest) -> None:
    script, side = sender
    script.say(page(file(b"a")), wrong)
    refused(side, "out of its order")


def test_content_that_was_not_listed_ends_the_session(sender: tuple[Script, Side], target: Path) -> None:
    script, side = sender
    script.say(page(file(b"a")), ManifestEnd(1, 1, 4))
    script.feed(0, b"fourand more")
    refused(side, "beyond the end")
    assert not (target / "a").exists()


def test_a_wrong_digest_lands_nothing(sender: tuple[Script, Side], target: Path) -> None:
    script, _ = sender
    script.say(page(file(b"a")))
    script.until(Wants)
    script.feed(0, b"four")
    script.say(Digests(((0, bytes(32)),)))
    assert script.until(Repair) == Repair(0)
    script.feed(0, b"four")
    script.say(Digests(((0, bytes(32)),)))
    failed = script.until(messages.Failed)
    assert isinstance(failed, messages.Failed)
    assert failed.code == "content-differs"
    assert not (target / "a").exists()


def test_sending_everything_twice_changes_nothing(sender: tuple[Script, Side], target: Path) -> None:
    script, _ = sender
    script.say(page(file(b"a"), file(b"b")))
    for _ in range(3):
        script.feed(0, b"fourfive")
    script.say(Digests(((0, blake3(b"four").digest()), (1, blake3(b"five").digest()))))
    while not isinstance(ack := script.until(Ack), Ack) or ack.done < 2:
        pass
    script.feed(0, b"xxxxxxxx")
    assert (target / "a").read_bytes() == b"four"
    assert (target / "b").read_bytes() == b"five"


def test_an_early_finish_is_signed_only_once_everything_is_settled(sender: tuple[Script, Side]) -> None:
    script, side = sender
    script.say(page(file(b"a")), ManifestEnd(1, 1, 4), Finish(bytes(32), 1, 4, 0, b""))
    script.feed(0, b"four")
    script.until(messages.Ack)
    assert side.outcome is None
    script.say(Digests(((0, blake3(b"four").digest()),)), Finish(bytes(32), 1, 4, 0, b""))
    side.join()
    assert isinstance(side.error, TransferError)
    assert side.error.code == "receipt-invalid"


def test_another_root_than_ours_gets_no_receipt(sender: tuple[Script, Side]) -> None:
    script, side = sender
    finish = Finish(bytes(32), 0, 0, 0, b"")
    script.say(ManifestEnd(0, 0, 0), finish, finish)
    side.join()
    assert isinstance(side.error, TransferError)
    assert side.error.code == "receipt-invalid"


def test_a_root_that_fits_without_a_signature_gets_no_receipt(sender: tuple[Script, Side]) -> None:
    script, side = sender
    root = blake3(b"accsyn manifest 1\n").digest()
    script.say(ManifestEnd(0, 0, 0), Finish(root, 0, 0, 0, b"forged"))
    side.join()
    assert isinstance(side.error, TransferError)
    assert side.error.code == "receipt-invalid"


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([ManifestEnd(0, 1, 0)], "sums"),
        ([ManifestEnd(1, 0, 0)], "sums"),
        ([page(file(b"a")), Digests(((7, bytes(32)),))], "not listed"),
        ([page(file(b"a")), Digests(((0, bytes(32)), (0, bytes(32))))], "second digest"),
        ([page(Entry(Kind.FOLDER, 1, b"d", 0, 0), file(b"a")), messages.Failed(9, "x", "y")], "not listed"),
        ([Accept(JOB, fresh=False)], "while"),
        ([Offer(JOB)], "while"),
    ],
)
def test_what_does_not_fit_ends_the_session(sender: tuple[Script, Side], events: list[Event], why: str) -> None:
    script, side = sender
    script.say(*events)
    refused(side, why)


@pytest.mark.parametrize("length", [1 << 20 | 1 << 18, (1 << 32) - 1])
def test_an_impossible_length_ends_the_session_before_it_is_filled(sender: tuple[Script, Side], length: int) -> None:
    script, side = sender
    script.connection.session.socket.sendall(struct.pack(">IB", length, messages.NUMBERS[Manifest]))
    refused(side, "too long")


def test_another_job_is_refused(target: Path) -> None:
    near, far = connected()
    side = Side(lambda: receive(near, lambda task: Item(task, target, ""), Control(), job=JOB, clock=CLOCK))
    script = Script(far)
    script.say(Offer("ee" * 12))
    refused(side, "another job")
    far.close()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[tuple[Script, Side]]:
    """A scripted receiver that has accepted and got the first page, and the real sender it talks to."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_bytes(b"four")
    (source / "b").write_bytes(b"five")
    near, far = connected()
    side = Side(lambda: send(near, [Item(1, source, "")], Control(), job=JOB, clock=CLOCK))
    script = Script(far)
    script.say(Accept(JOB, fresh=False))
    script.until(ManifestEnd)
    yield script, side
    far.close()
    side.join()


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([Wants(1, b"\0", ())], "not asked"),
        ([Wants(0, b"\0", ()), Wants(1, b"\0", ())], "not asked"),
        ([Wants(0, b"\0\0", ())], "wrong length"),
        ([Wants(0, b"\0", ((0, 9),))], "outside of the page"),
        ([Ack(0, 0, 0, 1)], "does not know"),
        ([Wants(0, b"\0", ((0, 8),)), Ack(0, 0, 9, 99)], "does not know"),
        ([Repair(0)], "not sent"),
        ([Repair(5)], "not open"),
        ([messages.Failed(5, "x", "y")], "not open"),
        ([messages.Receipt(b"")], "while"),
        ([Accept(JOB, fresh=False)], "while"),
    ],
)
def test_answers_that_do_not_fit_end_the_session(receiver: tuple[Script, Side], events: list[Event], why: str) -> None:
    script, side = receiver
    script.say(*events)
    refused(side, why)


def test_a_receipt_that_is_not_signed_by_the_peer_is_no_receipt(receiver: tuple[Script, Side]) -> None:
    script, side = receiver
    script.say(Wants(0, b"\3", ()), Ack(8, 0, 2, 2))
    script.until(Finish)
    script.say(messages.Receipt(b"forged"))
    side.join()
    assert isinstance(side.error, TransferError)
    assert side.error.code == "receipt-invalid"


def test_a_receiver_that_takes_no_blocks_holds_the_sender_in_bounded_memory(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with (source / "large").open("wb") as file:
        file.truncate(1 << 30)
    threads = threading.active_count()  # other tests of this process may have some that are just ending
    near, far = connected()
    control = Control()
    side = Side(lambda: send(near, [Item(1, source, "")], control, job=JOB, clock=CLOCK))
    script = Script(far)
    script.say(Accept(JOB, fresh=True))
    script.until(ManifestEnd)
    assert threading.active_count() - threads < 20
    control.stop("user", "Enough.")
    side.join()
    assert side.error is not None
    far.close()


def test_a_session_that_ends_without_a_word_is_lost(receiver: tuple[Script, Side]) -> None:
    script, side = receiver
    script.connection.close()
    side.join()
    assert isinstance(side.error, PeerLost)
