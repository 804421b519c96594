from __future__ import annotations

import pytest

from accsyn_hosts.trackers.sheet import file as sheet_file
from accsyn_plugins.manager import PluginManager, build_manager


@pytest.fixture(scope="session")
def manager() -> PluginManager:
    return build_manager(entry_points=False)


@pytest.fixture(autouse=True)
def _settle_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of these tests are whole once written; how the sheet waits for others has its own test."""
    monkeypatch.setattr(sheet_file, "SETTLE_S", 0.0)
