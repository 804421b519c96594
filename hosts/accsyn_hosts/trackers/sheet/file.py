"""The sheet's file: read when it has settled, changed under a lock by compare and swap."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from accsyn_hosts.trackers.sheet.delimited import DelimitedGrid, UnfinishedError
from accsyn_hosts.trackers.sheet.errors import (
    SheetBusyError,
    SheetContentError,
    SheetHalfWrittenError,
    SheetKindError,
    SheetMissingError,
    SheetOpenError,
    SheetWriteError,
)
from accsyn_hosts.trackers.sheet.grid import Grid
from accsyn_hosts.trackers.sheet.lock import hold, refuse_if_open
from accsyn_hosts.trackers.sheet.swap import swap
from accsyn_hosts.trackers.sheet.workbook import WorkbookGrid, WouldLoseError
from accsyn_plugins.clock import Clock

SETTLE_S = 0.2  # a file untouched for so long is taken to be saved
PATIENCE_S = 5.0
ATTEMPTS = 10

Edit = Callable[[Grid], bool]


class SheetFile:
    """One sheet on disk."""

    def __init__(self, path: str, clock: Clock) -> None:
        self.path = Path(os.path.realpath(path))
        self._clock = clock
        if self.path.suffix.lower() not in {".csv", ".tsv", ".txt", ".xlsx", ".xlsm"}:
            raise SheetKindError(sheet=self.path)

    def read(self) -> Grid:
        """The sheet as it is saved; raises a SheetError when it is open, half written or keeps changing."""
        refuse_if_open(self.path)
        return self._parse(self._settled())

    def change(self, edit: Edit) -> bool:
        """Apply `edit` to the newest content; it says whether it changed something.

        When somebody saves the sheet in the meantime, theirs stays and `edit` is applied to it.
        """
        with hold(self.path, self._clock):
            for _ in range(ATTEMPTS):
                refuse_if_open(self.path)
                base = self._settled()
                grid = self._parse(base)
                if not edit(grid):
                    return False
                content = self._content(grid)
                if self._bytes() != base:
                    continue
                displaced = self._swap(content)
                if displaced == base:
                    return True
                self._put_back(displaced, content)
            raise SheetBusyError(sheet=self.path, reason="somebody saves it again and again")

    def _put_back(self, theirs: bytes, ours: bytes) -> None:
        """Undo a swap that hit what somebody saved in that very moment.

        Should yet another save have come in between, both are kept: the newer one beside the sheet.
        """
        newer = self._swap(theirs)
        if newer != ours:
            beside = self.path.with_name(f"{self.path.stem}.conflict{self.path.suffix}")
            beside.write_bytes(newer)

    def _swap(self, content: bytes) -> bytes:
        try:
            return swap(self.path, content)
        except PermissionError as error:  # Excel on Windows holds the file itself
            raise SheetOpenError(sheet=self.path, who="another program", lock="its lock file") from error
        except OSError as error:
            raise SheetWriteError(sheet=self.path, reason=error.strerror) from error

    def _settled(self) -> bytes:
        """The content once nobody has written for a moment."""
        deadline = self._clock.monotonic() + PATIENCE_S
        while True:
            before = self._identity()
            if self._clock.now_ms() - before[2] // 1_000_000 < SETTLE_S * 1000:
                self._clock.sleep(SETTLE_S)
            content = self._bytes()
            if self._identity() == before:
                return content
            if self._clock.monotonic() > deadline:
                raise SheetBusyError(sheet=self.path, reason="it is being written all the time")

    def _identity(self) -> tuple[int, int, int]:
        try:
            found = self.path.stat()
        except OSError as error:
            raise SheetMissingError(sheet=self.path, reason=error.strerror) from error
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _bytes(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise SheetMissingError(sheet=self.path, reason=error.strerror) from error

    def _parse(self, content: bytes) -> Grid:
        suffix = self.path.suffix.lower()
        try:
            if suffix in {".xlsx", ".xlsm"}:
                return WorkbookGrid(content, macros=suffix == ".xlsm")
            return DelimitedGrid(content)
        except UnfinishedError as error:
            raise SheetHalfWrittenError(sheet=self.path, reason=error) from error

    def _content(self, grid: Grid) -> bytes:
        try:
            return grid.content()
        except WouldLoseError as error:
            raise SheetContentError(sheet=self.path, what=error) from error
