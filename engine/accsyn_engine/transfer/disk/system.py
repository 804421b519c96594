"""Chooses the operating system's part of the one door."""

from __future__ import annotations

import sys
from pathlib import Path

from accsyn_engine.transfer.disk.tree import Tree

if sys.platform == "win32":
    from accsyn_engine.transfer.disk.windows import WindowsTree as _SystemTree
    from accsyn_engine.transfer.disk.windows import (
        allow_open_files,
        can_sync_all,
        lock,
        pread,
        pwrite,
        set_mtime,
        sync,
        sync_all,
    )
else:
    from accsyn_engine.transfer.disk.posix import PosixTree as _SystemTree
    from accsyn_engine.transfer.disk.posix import (
        allow_open_files,
        can_sync_all,
        lock,
        pread,
        pwrite,
        set_mtime,
        sync,
        sync_all,
    )

__all__ = ["allow_open_files", "can_sync_all", "lock", "open_tree", "pread", "pwrite", "set_mtime", "sync", "sync_all"]


def open_tree(path: Path) -> Tree:
    """Hold `path`, an existing folder, in the strictest way this machine has."""
    return _SystemTree(path)
