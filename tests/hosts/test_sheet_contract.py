"""The sheet, in every dialect, is a tracker as the core expects one."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict

import pytest

from accsyn_plugins.manager import PluginManager
from accsyn_plugins.testing import TrackerCase, TrackerContract
from tests.hosts.sheets import CsvSheet, XlsxSheet, make_case

SHEETS: Dict[str, Callable[[Path], object]] = {
    "comma": lambda folder: CsvSheet(folder / "tasks.csv"),
    "semicolon with byte order mark": lambda folder: CsvSheet(folder / "tasks.csv", ";", "utf-8-sig"),
    "tabs in UTF-16": lambda folder: CsvSheet(folder / "tasks.tsv", "\t", "utf-16"),
    "workbook": lambda folder: XlsxSheet(folder / "tasks.xlsx"),
}


class TestSheet(TrackerContract):
    @pytest.fixture(params=SHEETS)
    def case(self, request: pytest.FixtureRequest, tmp_path: Path, manager: PluginManager) -> TrackerCase:
        sheet = SHEETS[request.param](tmp_path)
        assert isinstance(sheet, (CsvSheet, XlsxSheet))
        return make_case(sheet, manager)
