"""Manifest entries, and the root hash over what became of each."""

from __future__ import annotations

import enum
import struct
from typing import NamedTuple

from blake3 import blake3

EMPTY_DIGEST: bytes = blake3(b"").digest()
_ENTRY = struct.Struct(">BBIQqH")  # outcome, kind, task, size, mtime_ns, length of the path


class Kind(enum.IntEnum):
    """What an entry is; OTHER cannot be sent (link, device, unreadable) and is followed by a Failed."""

    FILE = 1
    FOLDER = 2
    OTHER = 3


class Outcome(enum.IntEnum):
    """What became of an entry. PRESENT: size and time were the same, its content was not read."""

    OPEN = 0
    LANDED = 1
    PRESENT = 2
    FAILED = 3


class Entry(NamedTuple):
    """One name below the item of `task`; `path` is "" for the item itself, `mtime` in ns since 1970."""

    kind: Kind
    task: int
    path: bytes
    size: int
    mtime: int


class Root:
    """The hash both ends sign: over every entry in manifest order, with outcome and content."""

    def __init__(self) -> None:
        self._hash = blake3(b"accsyn manifest 1\n")

    def add(self, entry: Entry, outcome: Outcome, digest: bytes) -> None:
        """Take the next entry; `digest` counts only where the content was read."""
        known = digest if outcome is Outcome.LANDED else bytes(len(EMPTY_DIGEST))
        head = _ENTRY.pack(outcome, entry.kind, entry.task, entry.size, entry.mtime, len(entry.path))
        self._hash.update(head + entry.path + known)

    def copy(self) -> Root:
        """One that goes on from here without changing this one."""
        other = Root()
        other._hash = self._hash.copy()
        return other

    def digest(self) -> bytes:
        value: bytes = self._hash.digest()
        return value
