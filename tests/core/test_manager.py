"""Plugins enter by one door, and a failure stays its plugin's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, List

import pytest

from accsyn_plugins.cli.hosts import list_hosts
from accsyn_plugins.config import Settings
from accsyn_plugins.hookspecs import hookimpl
from accsyn_plugins.manager import build_manager, collect, notify
from accsyn_plugins.manifest import HostEntry, Manifest, ManifestError, load_manifest, manifest_path
from accsyn_plugins.model import Host, JobState

EMPTY = Manifest("test", "test", "0")
JOB = JobState("1", "n", "done")


class Hears:
    def __init__(self, heard: List[str], name: str) -> None:
        self.heard, self.name = heard, name

    @hookimpl
    def job_changed(self, job: JobState) -> None:
        self.heard.append(f"{self.name}: {job.status}")

    @hookimpl
    def describe_host(self) -> Host:
        return Host(self.name, "app", usable=True)


class Breaks:
    @hookimpl
    def job_changed(self, job: JobState, settings: Settings) -> None:
        raise ZeroDivisionError

    @hookimpl
    def describe_host(self) -> Host:
        raise ZeroDivisionError


class Silent:
    @hookimpl
    def describe_host(self) -> None:
        return None


def test_one_that_breaks_is_logged_and_the_others_are_told_and_asked(caplog: pytest.LogCaptureFixture) -> None:
    heard: List[str] = []
    manager = build_manager(EMPTY, entry_points=False)
    for name, plugin in (
        ("one", Hears(heard, "one")),
        ("bad", Breaks()),
        ("two", Hears(heard, "two")),
        ("no", Silent()),
    ):
        manager.register(plugin, name=name)
    notify(manager, "job_changed", job=JOB, settings=Settings())
    assert heard == ["two: done", "one: done"]
    assert [host.name for host in collect(manager, "describe_host", settings=Settings())] == ["two", "one"]
    assert "Plugin bad failed in job_changed" in caplog.text


def test_the_list_of_hosts_names_those_that_break_or_could_not_be_loaded() -> None:
    manager = build_manager(Manifest("t", "t", "0", hosts=(HostEntry("gone", "app", "gone"),)), entry_points=False)
    for name, plugin in (("bad", Breaks()), ("good", Hears([], "good")), ("no", Silent())):
        manager.register(plugin, name=name)
    rows = {row["name"]: (row["usable"], row["found"], row["reason"]) for row in list_hosts(manager, Settings())}
    assert rows == {
        "gone": (False, "not loaded", "No module named 'gone'"),
        "bad": (False, "registered by a program", "It failed: ZeroDivisionError"),
        "good": (True, "registered by a program", ""),
    }


def test_two_managers_know_nothing_of_each_other() -> None:
    one, other = build_manager(EMPTY, entry_points=False), build_manager(EMPTY, entry_points=False)
    one.register(Silent(), name="only here")
    assert not other.has_plugin("only here")


def test_the_built_in_adapters_come_from_the_manifest() -> None:
    manager = build_manager(entry_points=False)
    assert manager.failures == []
    assert {entry.name for entry in load_manifest().hosts} < set(manager.origins)


def make_distribution(folder: Path, name: str, source: str) -> None:
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[accsyn_plugins]\n{name} = {name}\n", encoding="utf-8")


HOOK = "from accsyn_plugins.hookspecs import hookimpl\n"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (f"{HOOK}@hookimpl\ndef find_taks(tracker): ...\n", "unknown hook 'find_taks'"),
        (f"{HOOK}@hookimpl\ndef find_task(trackr): ...\n", "find_task"),
        ("import no_such_module_anywhere\n", "No module named 'no_such_module_anywhere'"),
        ("raise RuntimeError\n", "RuntimeError"),
    ],
)
def test_an_installed_plugin_that_does_not_fit_is_left_out_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, reason: str
) -> None:
    make_distribution(tmp_path, "third_party_bad", source)
    make_distribution(tmp_path, "third_party_good", f"{HOOK}@hookimpl\ndef find_task(tracker): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("third_party_bad", "third_party_good"):
        sys.modules.pop(name, None)
    manager = build_manager(EMPTY)
    mine = [failure for failure in manager.failures if failure.plugin == "third_party_bad"]
    assert [reason in failure.reason for failure in mine] == [True]
    assert manager.origins["third_party_good"] == "installed (third_party_good)"
    assert not manager.has_plugin("third_party_bad")
    assert manager.hook.find_task(tracker="x", task="y", settings=Settings()) is None


def test_a_built_in_adapter_that_cannot_be_loaded_does_not_stop_the_rest() -> None:
    hosts = (
        HostEntry("gone", "app", "accsyn_hosts.apps.gone"),
        HostEntry("generic", "app", "accsyn_hosts.apps.generic"),
    )
    manager = build_manager(Manifest("t", "t", "0", hosts=hosts), entry_points=False)
    assert [failure.plugin for failure in manager.failures] == ["gone"]
    assert "generic" in manager.origins


def test_the_manifest_is_found_in_the_wheel_before_the_checkout(tmp_path: Path) -> None:
    package = tmp_path / "accsyn_plugins"
    package.mkdir()
    (tmp_path / "plugin.toml").write_text("", encoding="utf-8")
    assert manifest_path(package) == tmp_path / "plugin.toml"
    (package / "plugin.toml").write_text("", encoding="utf-8")
    assert manifest_path(package) == package / "plugin.toml"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "No such file"),
        ("id = ", "nvalid value"),
        ('id = "x"', "it has no name"),
        ('id="x"\nname="x"\nversion="1"\nhost=[{a=1}]', "a"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path, text: Any, reason: str) -> None:
    path = tmp_path / "plugin.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError) as caught:
        load_manifest(path)
    assert reason in caught.value.message
    assert str(path) in caught.value.message


def test_importing_the_package_loads_nothing_heavy_and_its_face_is_whole() -> None:
    code = (
        "import sys, accsyn_plugins as a, accsyn_plugins.errors\n"
        "heavy = {'requests', 'pluggy', 'click', 'rich', 'openpyxl', 'fileseq'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert all(getattr(a, name) for name in a.__all__)\n"
        "assert sorted(a.__all__) == sorted(a.HOMES)\n"
        "try: a.nonsense\n"
        "except AttributeError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "module 'accsyn_plugins' has no attribute 'nonsense'\n"
