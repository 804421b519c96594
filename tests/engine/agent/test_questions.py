"""What the engine asks about files, answered from a real folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from accsyn_engine.agent import listing
from tests.engine.agent.conftest import Running, SmallEngine, until


@dataclass(frozen=True)
class Asking:
    small: SmallEngine
    agent: Running
    volume: Path

    def __call__(self, operation: str, path: str, **data: Any) -> Any:
        return self.small.ask(self.agent.client, operation, root={"volume": "production"}, path=path, **data)


@pytest.fixture
def ask(small_engine, start, tmp_path: Path):
    volume = tmp_path / "volume"
    (volume / "proj002" / "data").mkdir(parents=True)
    (volume / "proj002" / "empty").mkdir()
    (volume / "proj002" / "data" / "a.exr").write_bytes(b"12345")
    (volume / "proj002" / "data" / "b.txt").write_bytes(b"123")
    (volume / "proj002" / "Übersicht 1.txt").write_bytes(b"1")
    os.utime(volume / "proj002" / "Übersicht 1.txt", (1_700_000_000, 1_700_000_000))
    agent = start("alpha", role="server", volumes={"production": str(volume)})

    return Asking(small_engine, agent, volume)


def names(entries: list[dict[str, Any]]) -> list[Any]:
    return [(entry["filename"], names(entry["files"])) if "files" in entry else entry["filename"] for entry in entries]


def test_ls_lists_one_folder(ask):
    entries = ask("ls", "proj002")
    assert names(entries) == ["data", "empty", "Übersicht 1.txt"]
    assert [entry["type"] for entry in entries] == [0, 0, 1]
    assert entries[2] | {"size": 1} == {
        "filename": "Übersicht 1.txt",
        "type": 1,
        "size": 1,
        "modified": "2023-11-14T22:13:20",
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"recursive": True}, [("data", ["a.exr", "b.txt"]), ("empty", []), "Übersicht 1.txt"]),
        ({"recursive": True, "maxdepth": 1}, ["data", "empty", "Übersicht 1.txt"]),
        ({"files_only": True}, ["Übersicht 1.txt"]),
        ({"directories_only": True}, ["data", "empty"]),
        ({"recursive": True, "files_only": True}, [("data", ["a.exr", "b.txt"]), "Übersicht 1.txt"]),
        ({"recursive": True, "include": "*.EXR"}, [("data", ["a.exr"])]),
        ({"recursive": True, "exclude": ["*.txt", "empty"]}, [("data", ["a.exr"])]),
        ({"recursive": True, "exclude": "*.txt", "include": "b.*"}, [("data", ["b.txt"])]),
        ({"exclude": "re('^(data|empty)$')"}, ["Übersicht 1.txt"]),
    ],
)
def test_ls_shows_what_is_asked_for(ask, options, expected):
    assert names(ask("ls", "proj002", **options)) == expected


def test_ls_gives_sizes_of_folders_only_when_asked(ask):
    assert ask("ls", "proj002")[0]["size"] == 0
    assert ask("ls", "proj002", getsize=True)[0]["size"] == 8


def test_ls_of_a_file_lists_the_file(ask):
    assert names(ask("ls", "proj002/data/a.exr")) == ["a.exr"]


def test_ls_of_too_much_is_a_sentence(ask, monkeypatch):
    monkeypatch.setattr(listing, "MOST_ENTRIES", 3)
    answer = ask("ls", "", recursive=True)
    assert answer["code"] == "too-many-entries"
    assert "give maxdepth" in answer["message"]


def test_ls_that_takes_too_long_is_a_sentence(ask, monkeypatch):
    monkeypatch.setattr(listing, "LONGEST_S", -1)
    assert ask("ls", "")["code"] == "too-long"


@pytest.mark.parametrize("options", [{"maxdepth": "x"}, {"maxdepth": 0}, {"include": 7}, {"exclude": "re('(a+)+')"}])
def test_ls_with_options_that_make_no_sense_is_a_sentence(ask, options):
    assert ask("ls", "proj002", recursive=True, **options)["code"] == "bad-request"


def test_a_name_of_broken_bytes_is_shown(ask):
    try:
        (ask.volume / "proj002" / "data" / os.fsdecode(b"\xff.dat")).write_bytes(b"")
    except OSError:
        return  # this file system has no such names
    assert "\ufffd.dat" in names(ask("ls", "proj002/data"))


def test_getsize_and_exists(ask):
    assert ask("getsize", "proj002/data/a.exr") == 5
    assert ask("getsize", "proj002") == 9
    assert ask("exists", "proj002/data") is True
    assert ask("exists", "proj002/nothing") is False
    assert ask("getsize", "proj002/nothing")["code"] == "not-found"


def test_a_sequence_is_listed_measured_and_looked_for(ask):
    shot = ask.volume / "proj002" / "shot"
    shot.mkdir()
    for name in ("a.0001.exr", "a.0002.exr", "a.0004.exr", "a.1.exr", "b.0001.exr"):
        (shot / name).write_bytes(b"12")
    whole, part = "proj002/shot/a.%04d.exr", "proj002/shot/a.%04d.exr[1-2]"
    assert names(ask("ls", whole, sequence=True)) == ["a.0001.exr", "a.0002.exr", "a.0004.exr"]
    assert [ask("getsize", path, sequence=True) for path in (whole, part)] == [6, 4]
    gap = "proj002/shot/a.%04d.exr[1-5]"
    assert [ask("exists", path, sequence=True) for path in (whole, part, gap)] == [True, True, False]
    assert "frames are missing: 3, 5" in ask("getsize", gap, sequence=True)["message"]
    assert ask("exists", "proj002/shot/c.%04d.exr", sequence=True) is False
    assert ask("ls", "proj002/shot/c.%04d.exr", sequence=True)["code"] == "not-found"
    assert ask("ls", whole)["code"] == "not-found"


def test_a_name_with_a_counter_that_is_there_as_written_is_one_file(ask):
    for name in ("x.##.txt", "x.01.txt"):
        (ask.volume / name).write_bytes(b"1")
    assert names(ask("ls", "x.##.txt", sequence=True)) == ["x.##.txt"]


def test_a_size_counts_only_the_names_asked_for(ask):
    assert ask("getsize", "proj002", include="*.exr") == 5
    assert ask("getsize", "proj002", exclude=["*.exr"]) == 4


def test_a_folder_that_is_there_is_not_made_again(ask):
    assert "already" in ask("mkdir", "proj002/data")["message"]


def test_folders_and_files_are_made_renamed_moved_and_deleted(ask):
    assert ask("mkdir", "proj002/new/deep") is True
    assert ask("rename", "proj002/new/deep", to="proj002/new/deeper") is True
    assert ask("move", "proj002/data/a.exr", to="proj002/new/deeper/a.exr") is True
    assert (ask.volume / "proj002" / "new" / "deeper" / "a.exr").read_bytes() == b"12345"
    refused = ask("delete", "proj002/new")
    assert "proj002/new" in refused["message"]
    assert ask("delete", "proj002/new", force=True) is True
    assert not (ask.volume / "proj002" / "new").exists()


@pytest.mark.parametrize(
    ("operation", "path", "data"),
    [
        ("rename", "proj002/data", {"to": "proj003/data"}),
        ("rename", "proj002/data", {}),
        ("move", "proj002/data", {"to": "x", "to_root": {"volume": "other"}}),
        ("format", "proj002", {}),
        ("ls", "../..", {}),
        ("ls", "/etc", {}),
        ("delete", "", {"force": True}),
        ("move", "proj002", {"to": "proj002/data/inside"}),
    ],
)
def test_what_must_not_be_done_is_refused_with_a_sentence_and_nothing_changes(ask, operation, path, data):
    before = sorted(ask.volume.rglob("*"))
    answer = ask(operation, path, **data)
    assert answer["message"]
    assert sorted(ask.volume.rglob("*")) == before


def test_a_link_is_not_followed(ask, tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("topsecret")
    (ask.volume / "link").symlink_to(tmp_path / "secret")
    assert ask("ls", "link")[0]["size"] == 0
    assert ask("getsize", "link/key")["code"] == "path-refused"
    assert ask("delete", "link", force=True) is True
    assert (tmp_path / "secret" / "key").exists()


def test_a_volume_that_is_not_mounted_is_a_sentence_not_an_empty_folder(ask):
    ask.volume.rename(ask.volume.parent / "elsewhere")
    assert ask("mkdir", "x")["code"] == "missing-folder"
    assert not ask.volume.exists()


def test_a_question_that_comes_twice_is_answered_once(ask, small_engine):
    event = {
        "request": "again",
        "operation": "delete",
        "data": {"root": {"volume": "production"}, "path": "proj002/data/a.exr"},
    }
    small_engine.emit(ask.agent.client, "request", event)
    small_engine.wait_for("requests/again")
    (ask.volume / "proj002" / "data" / "a.exr").write_bytes(b"new")
    small_engine.emit(ask.agent.client, "request", event)
    assert ask("exists", "proj002/data/a.exr") is True
    assert len(small_engine.posted("requests/again")) == 1


def test_another_volume_than_the_served_one_is_a_sentence(ask, small_engine):
    answer = small_engine.ask(ask.agent.client, "ls", root={"volume": "archive"}, path="")
    assert answer["code"] == "missing-volume"
    assert until(lambda: small_engine.ask(ask.agent.client, "ls", root={"moon": 1}, path=""))["code"] == "bad-request"
