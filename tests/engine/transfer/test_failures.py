from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from accsyn_engine.transfer.errors import DiskFull, ProtocolBroken
from accsyn_engine.transfer.work import Control, Failure, Item
from tests.engine.transfer.ends import bytes_of, move, partials, start, tree


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "good").write_bytes(b"good")
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def codes(failures: tuple[Failure, ...]) -> dict[str, str]:
    return {failure.path.rpartition("/")[2]: failure.code for failure in failures}


def test_links_and_special_files_are_named_and_the_rest_goes_on(source: Path, target: Path) -> None:
    (source / "link").symlink_to("/etc/passwd")
    (source / "folder-link").symlink_to("/etc")
    os.mkfifo(source / "fifo")
    sent, received = move(source, target)
    wanted = dict.fromkeys(("link", "folder-link", "fifo"), "source-refused")
    assert codes(sent.failures) == codes(received.failures) == wanted
    assert "a link" in next(failure.message for failure in sent.failures if failure.path == "link")
    assert list(tree(target / "copy")) == ["good"]
    assert sent.tasks_done == received.tasks_done == ()
    assert sent.receipt == received.receipt
    assert sent.receipt is not None
    assert sent.receipt["failed"] == 3


def test_a_source_that_is_not_there_is_a_failure_of_its_task(source: Path, target: Path) -> None:
    items = [Item(1, source, "missing/folder"), Item(2, source, "good")]
    sent, received = start(items, lambda task: Item(task, target, f"to/{task}")).outcomes()
    assert [(failure.task, failure.code) for failure in sent.failures] == [(1, "source-missing")]
    assert "missing/folder" in sent.failures[0].message
    assert received.failures[0].message == sent.failures[0].message
    assert sent.tasks_done == received.tasks_done == (2,)


def test_a_sequence_sends_its_frames_and_names_those_that_lack(source: Path, target: Path) -> None:
    folder = source / "shot"
    folder.mkdir()
    for name in ("a.0009.exr", "a.0010.exr", "a.0012.exr", "a.0013.exr", "a.9.exr", "other"):
        (folder / name).write_bytes(name.encode())
    (folder / "b.1").symlink_to("other")
    items = [
        Item(1, source, "shot/a.%04d.exr[9-12]", is_sequence=True),
        Item(2, source, "shot/a.####.exr", is_sequence=True),
        Item(3, source, "shot/b.%d", is_sequence=True),
        Item(4, source, "shot/c.%d", is_sequence=True),
        Item(5, source, "shot/other", is_sequence=True),
    ]
    sent, received = start(items, lambda task: Item(task, target, f"to/{task}")).outcomes()
    assert sorted(tree(target / "to")) == [
        *(f"1/a.{frame:04}.exr" for frame in (9, 10, 12)),
        *(f"2/a.{frame:04}.exr" for frame in (9, 10, 12, 13)),
        "5/other",
    ]
    assert sent.tasks_done == received.tasks_done == (2, 5)
    said = {failure.task: failure.message for failure in sent.failures}
    assert "frames are missing: 11." in said[1]
    assert "b.1" in said[3]
    assert "shot/c.%d is not there" in said[4]


def between(source: Path, change: Path, how: str) -> Iterator[Item]:
    """Items whose walk lets `change` be seen as it was, and changes it before it can be read."""
    yield Item(1, source, change.name)
    content = change.read_bytes()
    match how:
        case "deleted":
            change.unlink()
        case "grown":
            change.write_bytes(content + b"more")
        case "shrunk":
            change.write_bytes(content[:-1])
        case "touched":
            os.utime(change, ns=(1, 1))
        case "fifo":
            change.unlink()
            os.mkfifo(change)
    yield Item(2, source, "good")


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("deleted", "source-missing"),
        ("grown", "source-changed"),
        ("shrunk", "source-changed"),
        ("touched", "source-changed"),
        ("fifo", "file-refused"),
    ],
)
def test_a_source_that_changes_after_the_walk_fails_alone(source: Path, target: Path, how: str, code: str) -> None:
    change = source / "change"
    change.write_bytes(bytes_of(3_000_000))
    sent, received = start(between(source, change, how), lambda task: Item(task, target, str(task))).outcomes()
    assert codes(sent.failures) == {"change": code}
    assert [failure.code for failure in received.failures] == [code]
    assert list(tree(target)) == ["2"]


class Rewriter(Control):
    """Changes a file once some of it has arrived."""

    def __init__(self, path: Path, how: str) -> None:
        super().__init__(16_000_000)
        self.path = path
        self.how = how
        self.is_done = False

    def report(self, **numbers: int) -> None:
        super().report(**numbers)
        if numbers.get("acked", 0) > 0 and not self.is_done:
            self.is_done = True
            size = self.path.stat().st_size
            if self.how == "truncated":
                os.truncate(self.path, size // 2)
            else:
                with self.path.open("r+b") as file:
                    file.seek(size - 10)
                    file.write(b"changed")


@pytest.mark.parametrize("how", ["truncated", "overwritten"])
def test_a_source_that_changes_while_it_is_sent_is_never_a_success(source: Path, target: Path, how: str) -> None:
    change = source / "change"
    change.write_bytes(bytes_of(14_000_000))
    sent, received = move(source, target, sender_control=Rewriter(change, how))
    assert codes(sent.failures) == codes(received.failures) == {"change": "source-changed"}
    assert "change" in sent.failures[0].message
    assert list(tree(target / "copy")) == ["good"]
    assert not partials(target)


def test_a_folder_or_link_in_the_place_of_a_file_is_not_replaced(source: Path, target: Path) -> None:
    (target / "copy/good/inside").mkdir(parents=True)
    (source / "second").write_bytes(b"2")
    (target / "copy/second").symlink_to("/etc/hosts")
    (source / "sub").mkdir()
    (source / "sub/file").write_bytes(b"3")
    (target / "elsewhere").mkdir()
    (target / "copy/sub").symlink_to(target / "elsewhere")
    sent, received = move(source, target)
    wanted = dict.fromkeys(("good", "second", "file"), "destination-refused")
    assert codes(sent.failures) == codes(received.failures) == wanted
    assert (target / "copy/good/inside").is_dir()
    assert (target / "copy/second").is_symlink()
    assert not list((target / "elsewhere").iterdir())


def test_names_that_the_target_takes_for_one_are_found_before_a_byte_moves(source: Path, target: Path) -> None:
    for name in ("Readme", "README", "e\u0301", "\u00e9"):
        (source / name).write_bytes(name.encode())
    sent, received = move(source, target, folds=lambda _: True)
    assert (
        codes(sent.failures)
        == codes(received.failures)
        == {"Readme": "destination-refused", "\u00e9": "destination-refused"}
    )
    assert set(tree(target / "copy")) == {"good", "README", "e\u0301"}


def test_two_tasks_for_one_name_do_not_mix(source: Path, target: Path) -> None:
    (source / "other").write_bytes(b"other")
    items = [Item(1, source, "good"), Item(2, source, "other")]
    sent, received = start(items, lambda task: Item(task, target, "same"), streams=1).outcomes()
    assert (target / "same").read_bytes() in {b"good", b"other"}
    assert [failure.code for failure in sent.failures] == [failure.code for failure in received.failures]


def test_a_task_that_was_not_announced_ends_the_session(source: Path, target: Path) -> None:
    places = {1: Item(1, target, "copy")}
    sender, receiver = start([Item(9, source, "")], places.__getitem__).join()
    assert isinstance(receiver.error, ProtocolBroken)
    assert sender.error is not None
    assert not list(target.iterdir())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    if os.system(f"mount -t tmpfs -o size=4m none '{folder}' 2>/dev/null") != 0:
        pytest.skip("needs root: mounts a disk of 4 MB")
    yield folder
    os.system(f"umount '{folder}'")


def test_what_cannot_fit_is_refused_before_the_first_byte(source: Path, small_disk: Path) -> None:
    (source / "large").write_bytes(bytes_of(6_000_000))
    ends = start([Item(1, source, "")], lambda task: Item(task, small_disk, "copy"))
    sender, receiver = ends.join()
    for side in (sender, receiver):
        assert isinstance(side.error, DiskFull)
        assert "needs 6000004 bytes, has " in side.error.message
    assert not [name for name in tree(small_disk) if not name.startswith("copy")]


def test_a_disk_that_fills_up_meanwhile_leaves_nothing_half(source: Path, small_disk: Path) -> None:
    (source / "large").write_bytes(bytes_of(3_500_000))
    filler = small_disk / "filler"

    class Filler(Control):
        def report(self, **numbers: int) -> None:
            super().report(**numbers)
            if numbers.get("acked", 0) > 0 and not filler.exists():
                filler.write_bytes(bytes(2_000_000))

    ends = start(
        [Item(1, source, "large")],
        lambda task: Item(task, small_disk, "large"),
        sender_control=Control(4_000_000),
        receiver_control=Filler(),
    )
    sender, receiver = ends.join()
    assert isinstance(receiver.error, DiskFull)
    assert isinstance(sender.error, DiskFull)
    assert not (small_disk / "large").exists()
    filler.unlink()
    start([Item(1, source, "large")], lambda task: Item(task, small_disk, "large")).outcomes()
    assert (small_disk / "large").read_bytes() == bytes_of(3_500_000)


class Squatter(Control):
    """Makes a folder in the place of a file while that is on its way."""

    def __init__(self, place: Path) -> None:
        super().__init__()
        self.place = place

    def report(self, **numbers: int) -> None:
        super().report(**numbers)
        if numbers.get("acked", 0) > 0:
            self.place.mkdir(exist_ok=True)


def test_a_name_taken_by_a_folder_meanwhile_fails_alone(source: Path, target: Path) -> None:
    (source / "large").write_bytes(bytes_of(8_000_000))
    sent, received = move(
        source,
        target,
        sender_control=Control(16_000_000),
        receiver_control=Squatter(target / "copy/large"),
    )
    assert codes(sent.failures) == codes(received.failures) == {"large": "destination-refused"}
    assert (target / "copy/good").read_bytes() == b"good"
    assert not partials(target)
