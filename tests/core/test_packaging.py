"""The two distributions, the manifest and the tool set-up stay in step."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ["accsyn_plugins", "hosts", "engine", "hooks", "tests"]


def read(name: str) -> Dict[str, Any]:
    with (ROOT / name).open("rb") as file:
        return dict(tomllib.load(file))


CORE, ENGINE, MANIFEST = (
    read("pyproject.toml")["project"],
    read("engine/pyproject.toml")["project"],
    read("plugin.toml"),
)


def test_both_distributions_and_the_manifest_carry_one_version() -> None:
    assert CORE["version"] == ENGINE["version"] == MANIFEST["version"]


def test_the_engine_asks_for_exactly_the_core_of_its_own_version() -> None:
    assert f"{CORE['name']}=={CORE['version']}" in ENGINE["dependencies"]


def test_the_manifest_names_the_distribution() -> None:
    assert MANIFEST["id"] == CORE["name"]


@pytest.mark.parametrize("entry", MANIFEST["action"] + MANIFEST["host"], ids=lambda entry: entry["name"])
def test_every_module_of_the_manifest_exists(entry: Dict[str, str]) -> None:
    relative = entry["module"].replace(".", "/")
    places = [ROOT, ROOT / "hosts"]
    assert any((p / f"{relative}.py").is_file() or (p / relative / "__init__.py").is_file() for p in places)


@pytest.mark.parametrize("hook", MANIFEST["hook"], ids=lambda hook: hook["event"])
def test_every_hook_script_of_the_manifest_exists(hook: Dict[str, str]) -> None:
    assert (ROOT / hook["script"]).is_file()


def test_a_bare_pyside2_is_never_asked_for() -> None:
    wanted = {re.split(r"[=<>; ]", line)[0]: line for line in CORE["optional-dependencies"]["qt"]}
    assert wanted["PySide2"] == "PySide2==5.15.2.1; python_version < '3.11'"
    assert wanted["PySide6-Essentials"] == "PySide6-Essentials; python_version >= '3.11'"


def test_the_runtime_set_brings_no_test_tool() -> None:
    names = {re.split(r"[\[=<>; ]", line)[0].lower() for line in CORE["dependencies"] + ENGINE["dependencies"]}
    assert not names & {"pytest", "mypy", "ruff", "hypothesis", "psutil", "fastapi", "pydantic", "torch"}


def pinned() -> Dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {re.split(r"==", line)[0].lower(): line for line in lines if line and not line.startswith("#")}


def test_every_dependency_is_pinned_and_no_pin_carries_an_address() -> None:
    names = [re.split(r"[\[=<>; ]", line)[0].lower() for line in CORE["dependencies"] + ENGINE["dependencies"]]
    assert [name for name in names if name not in pinned() and name != CORE["name"]] == []
    assert [line for line in pinned().values() if "://" in line or "@" in line or "==" not in line] == []


def test_only_known_names_lie_at_the_top() -> None:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("this is no git checkout")
    top = {line.split("/")[0] for line in listing.stdout.splitlines()}
    files = {"plugin.toml", "pyproject.toml", "Makefile", "constraints.txt", "LICENSE", ".gitignore", ".ci"}
    pages = {"README.md", "ARCHITECTURE.md", "DECISIONS.md", "CONTRIBUTING.md", "CHANGELOG.md"}
    assert top <= {*FOLDERS, *files, *pages}


def test_modules_stay_short_enough_to_be_read_at_once() -> None:
    sources = [path for folder in FOLDERS[:4] for path in (ROOT / folder).rglob("*.py")]
    assert sources
    read = [path for path in sources if path.parent.name != "versions"]  # what migrations record is not read but kept
    assert [str(path.relative_to(ROOT)) for path in read if path.read_text("utf-8").count("\n") > 500] == []
