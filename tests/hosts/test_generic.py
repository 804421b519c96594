"""The generic application: a JSON project file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, List

import pytest

from accsyn_hosts.apps.generic import ProjectFileError
from accsyn_plugins.manager import PluginManager
from accsyn_plugins.testing import AppCase, AppContract, make_settings


def save(folder: Path, dependencies: List[Path]) -> Path:
    """Half of the paths relative, half absolute."""
    path = folder / "proj002_DATASET_001_1203.analyze"
    names = [str(file.relative_to(folder)) if n % 2 else str(file) for n, file in enumerate(dependencies)]
    facts = {"project": "proj002", "task": "DATASET_001_1203", "dependencies": names}
    path.write_text(json.dumps(facts), encoding="utf-8")
    return path


class TestGeneric(AppContract):
    @pytest.fixture
    def case(self, manager: PluginManager) -> AppCase:
        def damage(document: Path) -> None:
            document.write_bytes(document.read_bytes()[:20])

        return AppCase("generic", manager, make_settings({}), save, damage)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "it is no JSON"),
        (b"[]", "it holds no JSON object"),
        (b'{"dependencies": "a"}', "`dependencies` is no list of paths"),
        (b'{"inputs": [1]}', "`inputs` is no list of paths"),
        (b'{"dependencies": [""]}', "`dependencies` is no list of paths"),
        (b"\xff\xfe\xff", "it is no JSON"),
        (None, "No such file"),
    ],
)
def test_a_project_file_that_is_none_gets_a_sentence(
    manager: PluginManager, tmp_path: Path, content: Any, words: str
) -> None:
    path = tmp_path / "a.analyze"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ProjectFileError) as caught:
        manager.hook.collect_scene(document=str(path), settings=make_settings({}))
    assert words in caught.value.message
    assert "save it again in the application" in caught.value.message


def test_inputs_are_told_apart_from_what_is_published(manager: PluginManager, tmp_path: Path) -> None:
    path = tmp_path / "a.analyze"
    facts = {"project": "p", "task": "t", "dependencies": ["out.dat"], "inputs": ["../in.dat"], "version": "v007"}
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(facts).encode())
    scene = manager.hook.collect_scene(document=str(path), settings=make_settings({}))
    assert scene.dependencies == (str(path), str(tmp_path / "out.dat"))
    assert scene.inputs == (str(tmp_path / "../in.dat"),)
    assert scene.version == "v007"


def test_absolute_paths_are_turned_to_this_machines_and_relative_ones_stay(
    manager: PluginManager, tmp_path: Path
) -> None:
    path = tmp_path / "a.analyze"
    facts = {"project": "å", "dependencies": [r"E:\WORK\proj002\out.dat", "rel.dat"], "inputs": ["/else/x"], "own": 1}
    path.write_text(json.dumps(facts), encoding="utf-8")
    roots = [("E:/WORK", "/volume")]
    content = manager.hook.remap_document(document=path, roots=roots, settings=make_settings({}))
    assert json.loads(content) == {**facts, "dependencies": ["/volume/proj002/out.dat", "rel.dat"]}
    assert manager.hook.remap_document(document=path, roots=[], settings=make_settings({})) is None
    assert manager.hook.remap_document(document=tmp_path / "a.dat", roots=roots, settings=make_settings({})) is None
