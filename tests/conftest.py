"""What holds for every test: no skip goes unseen.

With ACCSYN_FULL=1 (`make test FULL=1`) each skip must stand in `skips.txt`, and each line there must still skip something.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SKIPS = Path(__file__).with_name("skips.txt")


@dataclass(frozen=True)
class Allowed:
    """One line of the list: which tests may be skipped, and words that their reason must contain."""

    line: str
    pattern: str
    reason: str

    def covers(self, nodeid: str) -> bool:
        parts = (re.escape(part) for part in self.pattern.split("*"))
        return re.fullmatch(".*".join(parts), nodeid) is not None

    def forgives(self, nodeid: str, reason: str) -> bool:
        return self.covers(nodeid) and self.reason in reason


def read_allowed(text: str) -> list[Allowed]:
    """Read the list; a line without a reason is an error, since the reason is the point of it."""
    allowed = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        pattern, _, reason = line.partition(" -- ")
        if not reason.strip():
            raise ValueError(f"tests/skips.txt: {line!r} gives no reason; write: PATTERN -- REASON")
        allowed.append(Allowed(line, pattern.strip(), reason.strip()))
    return allowed


@dataclass(eq=False)  # plugins are kept in sets
class SkipRule:
    """Compares what was skipped with the list, at the end of the run."""

    allowed: list[Allowed]
    is_whole_suite: bool
    ran: set[str] = field(default_factory=set)
    skipped: dict[str, str] = field(default_factory=dict)

    def complaints(self) -> list[str]:
        unlisted = [
            f"{nodeid} was skipped and is not on tests/skips.txt: {reason}"
            for nodeid, reason in sorted(self.skipped.items())
            if not any(line.forgives(nodeid, reason) for line in self.allowed)
        ]
        return unlisted + [
            f"tests/skips.txt: this line skips nothing any more; remove it: {entry.line}"
            for entry in self.allowed
            if self._is_stale(entry)
        ]

    def _is_stale(self, entry: Allowed) -> bool:
        if any(entry.forgives(nodeid, reason) for nodeid, reason in self.skipped.items()):
            return False
        return self.is_whole_suite or any(entry.covers(nodeid) for nodeid in self.ran)

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped:
            self.skipped[report.nodeid] = _reason(report)
        elif report.when == "call":
            self.ran.add(report.nodeid)

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.skipped[report.nodeid] = _reason(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) and self.complaints():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: Any, exitstatus: int) -> None:
        if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return  # nothing was run to the end, so nothing is known
        for index, complaint in enumerate(self.complaints()):
            if index == 0:
                terminalreporter.section("skips that are not allowed", sep="=", red=True)
            terminalreporter.write_line(complaint)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    if hasattr(report, "wasxfail"):
        return f"expected to fail: {report.wasxfail}"
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


def _is_whole_suite(config: pytest.Config) -> bool:
    narrowed = any(config.getoption(name, default=None) for name in ("keyword", "markexpr", "deselect", "ignore", "lf"))
    return not narrowed and list(config.args) == list(config.getini("testpaths"))


def pytest_configure(config: pytest.Config) -> None:
    is_worker = hasattr(config, "workerinput")
    if os.environ.get("ACCSYN_FULL") and not is_worker:
        allowed = read_allowed(SKIPS.read_text(encoding="utf-8"))
        config.pluginmanager.register(SkipRule(allowed, _is_whole_suite(config)), "accsyn-skip-rule")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith("tests/system/"):
            item.add_marker(pytest.mark.system)
