from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from accsyn_engine.transfer.errors import ReceiptInvalid
from accsyn_engine.transfer.receipt import verify_receipt
from accsyn_engine.transfer.work import Item
from tests.engine.transfer.ends import bytes_of, move, partials, start, tree


def fill(folder: Path) -> Path:
    """Large and small, deep and empty, with names that are no ASCII, no UTF-8, and as long as they may be."""
    (folder / "deep/er/still").mkdir(parents=True)
    (folder / "empty folder/inner").mkdir(parents=True)
    (folder / "large.bin").write_bytes(bytes_of(5_000_003))
    (folder / "empty").write_bytes(b"")
    (folder / "deep/er/still/näme with spaces – 日本.txt").write_text("hello")
    (folder / ("n" * 255)).write_bytes(b"long")
    (folder / os.fsdecode(b"not-utf8-\xff\xfe")).write_bytes(b"bytes")
    for number in range(300):
        (folder / f"deep/frame.{number:04d}.exr").write_bytes(bytes_of(1000 + number, number))
    os.utime(folder / "large.bin", ns=(1, 1_234_567_890_123_456_789))
    return folder


@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("sender_listens", [True, False])
def test_a_folder_arrives_with_its_contents_and_times(
    tmp_path: Path, streams: int, fresh: bool, sender_listens: bool
) -> None:
    source, target = fill(tmp_path / "source"), tmp_path / "target"
    target.mkdir()
    sent, received = move(source, target, streams=streams, fresh=fresh, sender_listens=sender_listens)
    assert tree(target / "copy") == tree(source)
    assert not partials(target)
    assert sent.failures == received.failures == ()
    assert sent.tasks_done == received.tasks_done == (1,)
    assert replace(sent.progress, line=None) == replace(received.progress, line=None)
    assert received.progress.acked == received.progress.size == received.progress.moved
    assert received.progress.files_done == received.progress.files == 305


def test_both_ends_hold_the_same_receipt_and_it_verifies(tmp_path: Path) -> None:
    source, target = fill(tmp_path / "source"), tmp_path / "target"
    target.mkdir()
    sent, received = move(source, target)
    assert sent.receipt is not None
    assert sent.receipt == received.receipt
    verify_receipt(sent.receipt)
    assert sent.receipt["files"] == 305
    with pytest.raises(ReceiptInvalid):
        verify_receipt({**sent.receipt, "files": 306})
    with pytest.raises(ReceiptInvalid):
        verify_receipt({**sent.receipt, "receiver": sent.receipt["sender"] | {"signature": "AAAA"}})
    with pytest.raises(ReceiptInvalid):
        verify_receipt({name: value for name, value in sent.receipt.items() if name != "sender"})


def test_what_is_there_already_is_not_moved_again(tmp_path: Path) -> None:
    source, target = fill(tmp_path / "source"), tmp_path / "target"
    target.mkdir()
    move(source, target)
    (source / "empty").write_bytes(b"no longer")
    sent, received = move(source, target, fresh=True)
    assert received.progress.moved <= sent.progress.size
    _, received = move(source, target)
    assert received.progress.moved == 0
    assert received.progress.acked == received.progress.size
    assert tree(target / "copy") == tree(source)


def test_every_second_file_being_there_already_holds_nothing_up(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    for number in range(500):
        (source / f"{number:03d}").write_bytes(bytes_of(100, number))
    move(source, target)
    for path in sorted((target / "copy").iterdir())[::2]:
        path.unlink()
    _, received = move(source, target)
    assert received.progress.moved == 250 * 100
    assert tree(target / "copy") == tree(source)


def test_a_changed_file_replaces_the_old_one(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "a").write_bytes(b"old")
    move(source, target)
    (source / "a").write_bytes(b"newer")
    move(source, target)
    assert (target / "copy/a").read_bytes() == b"newer"


def test_single_files_of_several_tasks_land_where_each_task_says(tmp_path: Path) -> None:
    source, first, second = tmp_path / "source", tmp_path / "one", tmp_path / "two"
    for folder in (source / "in", first, second):
        folder.mkdir(parents=True)
    (source / "in/a.txt").write_text("a")
    (source / "in/b.txt").write_text("b")
    places = {3: Item(3, first, "x/renamed.txt"), 4: Item(4, second, "b.txt")}
    items = [Item(3, source, "in/a.txt"), Item(4, source, "in/b.txt")]
    sent, received = start(items, places.__getitem__).outcomes()
    assert (first / "x/renamed.txt").read_text() == "a"
    assert (second / "b.txt").read_text() == "b"
    assert sent.tasks_done == received.tasks_done == (3, 4)


def test_nothing_to_send_ends_with_a_receipt_over_nothing(tmp_path: Path) -> None:
    sent, received = start([], lambda task: Item(task, tmp_path, "")).outcomes()
    assert sent.receipt == received.receipt
    assert sent.receipt is not None
    assert sent.receipt["files"] == 0
