"""Who was recognised a moment ago: looked up again after a second, and after any change that was made here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

REMEMBERED_MS = 1000  # after so long a change made by another replica is heeded
MOST = 10_000

Known = TypeVar("Known")


@dataclass
class Remembered(Generic[Known]):
    """What proofs led to. `changes` counts the transactions of this process; `now` is in milliseconds."""

    _entries: dict[tuple[str, ...], tuple[Known, int, int]] = field(default_factory=dict, repr=False)

    def find(self, proof: tuple[str, ...], *, now: int, changes: int) -> Known | None:
        """Give what this proof led to, unless that may have changed since."""
        known, until, then = self._entries.get(proof, (None, 0, 0))
        return known if then == changes and now < until else None

    def keep(self, proof: tuple[str, ...], known: Known, *, now: int, changes: int) -> None:
        """Remember what a proof led to; both counts were taken before it was looked up."""
        if len(self._entries) >= MOST:
            self._entries.clear()
        self._entries[proof] = (known, now + REMEMBERED_MS, changes)
