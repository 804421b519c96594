from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from accsyn_engine.transfer.disk import posix
from accsyn_engine.transfer.disk.files import FILE, FOLDER, LINK, OTHER, Root
from accsyn_engine.transfer.errors import AlreadyThere, FileRefused, NotFound, PathRefused, TransferError


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def share(tmp_path: Path) -> Path:
    folder = tmp_path / "share"
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/b/file.txt").write_text("hello")
    (folder / "a/second").write_text("22")
    (folder / "empty").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("secret")
    (folder / "link-out").symlink_to(tmp_path / "outside")
    (folder / "file-link").symlink_to(folder / "a/second")
    os.mkfifo(folder / "fifo")
    return folder


@pytest.fixture(params=["openat2", "walk"])
def root(request: pytest.FixtureRequest, share: Path) -> Iterator[Root]:
    opener = {"openat2": posix.open_beneath, "walk": posix.open_by_walk}[request.param]
    with contextlib.suppress(OSError), Root(share, posix.PosixTree(share, opener)) as root:
        yield root
        return
    pytest.skip("this kernel has no openat2")


def test_the_machines_own_way_works(share: Path) -> None:
    with Root(share) as root:
        assert root.size("") == 7


def test_a_folder_lists_its_names_in_order_with_what_they_are(root: Root) -> None:
    listed = {stat.path: (stat.kind, stat.size) for stat in root.list("")}
    assert listed == {
        "a": (FOLDER, 0),
        "empty": (FOLDER, 0),
        "fifo": (OTHER, 0),
        "file-link": (LINK, 0),
        "link-out": (LINK, 0),
    }
    assert list(listed) == sorted(listed)
    assert [stat.name for stat in root.list("a/b")] == ["file.txt"]


def test_a_walk_yields_files_empty_folders_and_what_cannot_be_sent(root: Root) -> None:
    walked = [(stat.path, stat.kind) for stat in root.walk("")]
    assert walked == [
        ("a/b/file.txt", FILE),
        ("a/second", FILE),
        ("empty", FOLDER),
        ("fifo", OTHER),
        ("file-link", LINK),
        ("link-out", LINK),
    ]
    assert [stat.path for stat in root.walk("a/second")] == ["a/second"]


def test_partial_files_are_not_listed(root: Root, share: Path) -> None:
    (share / "a/.accsyn-1-2.part").write_bytes(b"")
    assert [stat.name for stat in root.list("a")] == ["b", "second"]
    assert root.hidden("a") == [".accsyn-1-2.part"]


@pytest.mark.parametrize("path", ["../outside", "/etc", "a/../../outside", "a//b", "./a", "a\0", "link-out/secret"])
@pytest.mark.parametrize(
    "operation",
    [
        lambda root, path: root.stat(path),
        lambda root, path: root.list(path),
        lambda root, path: root.open_read(path),
        lambda root, path: root.open_partial(path),
        lambda root, path: root.mkdir(path + "/x"),
        lambda root, path: root.delete(path, force=True),
        lambda root, path: root.move("a/second", path),
        lambda root, path: root.move(path, "stolen"),
        lambda root, path: root.size(path),
        lambda root, path: root.settle(path, [("secret", "gone")]),
    ],
)
def test_no_operation_leaves_the_share(
    root: Root, share: Path, path: str, operation: Callable[[Root, str], object]
) -> None:
    with pytest.raises(TransferError):
        operation(root, path)
    assert (share.parent / "outside/secret").read_text() == "secret"
    assert names_in(share.parent / "outside") == ["secret"]


@pytest.mark.parametrize("path", ["file-link", "fifo", "a", "link-out", ""])
def test_only_plain_files_are_opened_and_nothing_hangs(root: Root, path: str) -> None:
    with pytest.raises(TransferError):
        root.open_read(path)


def test_a_plain_file_is_read(root: Root) -> None:
    fd = root.open_read("a/b/file.txt")
    assert os.read(fd, 10) == b"hello"
    os.close(fd)


def test_a_missing_path_is_named(root: Root) -> None:
    with pytest.raises(NotFound, match="a/none does not exist"):
        root.stat("a/none")
    assert not root.exists("a/none")
    assert not root.exists("a/second/none")
    assert root.exists("")


def test_folders_are_made_with_those_above_them(root: Root, share: Path) -> None:
    root.mkdir("x/y/z")
    root.mkdir("x/y/z")
    assert (share / "x/y/z").is_dir()
    with pytest.raises(AlreadyThere):
        root.mkdir("x/y", exist_ok=False)
    with pytest.raises(AlreadyThere):
        root.mkdir("a/second")


def test_a_move_makes_its_folders_and_replaces_nothing(root: Root, share: Path) -> None:
    root.move("a/second", "new/place/third")
    assert (share / "new/place/third").read_text() == "22"
    with pytest.raises(AlreadyThere):
        root.move("a", "new")
    with pytest.raises(PathRefused, match="inside"):
        root.move("new", "new/place/deeper")
    with pytest.raises(NotFound):
        root.move("none", "some")


def test_a_rename_stays_in_its_folder(root: Root, share: Path) -> None:
    root.rename("a/second", "third")
    assert (share / "a/third").exists()
    for name in ("", "x/y", ".."):
        with pytest.raises(PathRefused):
            root.rename("a/third", name)


def test_a_full_folder_is_deleted_with_force_only(root: Root, share: Path) -> None:
    with pytest.raises(FileRefused, match="not empty"):
        root.delete("a")
    root.delete("a", force=True)
    root.delete("link-out")
    assert names_in(share) == ["empty", "fifo", "file-link"]
    assert (share.parent / "outside/secret").exists()
    with pytest.raises(FileRefused, match="never deleted"):
        root.delete("", force=True)


def test_names_that_are_no_text_are_handled(root: Root, share: Path) -> None:
    name = os.fsdecode(b"\xff\xfe")
    (share / name).write_bytes(b"x")
    assert name in [stat.name for stat in root.list("")]
    assert root.size(name) == 1
    root.delete(name)


def test_an_unreadable_folder_is_reported_not_skipped(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    with Root(tmp_path) as root:
        stats = root.walk("")
        (tmp_path / "deep").rename(tmp_path / "gone")
        assert [(stat.kind, bool(stat.detail)) for stat in stats][-1][0] in {FOLDER, OTHER}


def test_a_root_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        Root(tmp_path / "nowhere")


def test_this_disk_tells_names_apart_and_the_probe_is_gone(root: Root, share: Path) -> None:
    assert not root.ignores_case()
    assert not [name for name in names_in(share) if name.startswith(".accsyn")]


def test_a_folder_swapped_for_a_link_meanwhile_lets_nobody_out(root: Root, share: Path) -> None:
    flip, aside = share / "flip", share / "aside"
    flip.mkdir()
    (flip / "secret").write_text("harmless")
    is_over = threading.Event()

    def swap() -> None:
        while not is_over.is_set():
            flip.rename(aside)
            flip.symlink_to(share.parent / "outside")
            flip.unlink()
            aside.rename(flip)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(2000):
            with contextlib.suppress(TransferError):
                fd = root.open_read("flip/secret")
                content = os.read(fd, 20)
                os.close(fd)
                assert content == b"harmless"
    finally:
        is_over.set()
        thread.join()
