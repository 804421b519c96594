"""Who was recognised a moment ago: a key is looked up again after a second, and after any change made here."""

from __future__ import annotations

from dataclasses import dataclass, field

from accsyn_engine.services.context import Caller, Context

REMEMBERED_MS = 1000  # another replica's change is heeded after so long
MOST = 10_000


@dataclass(frozen=True)
class _Entry:
    caller: Caller
    until: int
    changes: int


@dataclass
class Remembered:
    """Callers by what proved them."""

    _entries: dict[tuple[str, str], _Entry] = field(default_factory=dict)

    def find(self, context: Context, proof: tuple[str, str]) -> Caller | None:
        """Give the caller this proof led to, unless that may have changed."""
        entry = self._entries.get(proof)
        if entry is None or entry.changes != context.database.changes or entry.until <= context.clock.now_ms():
            return None
        return entry.caller

    def keep(self, context: Context, proof: tuple[str, str], caller: Caller, changes: int) -> None:
        """Remember a caller who was looked up when the database had seen so many `changes`."""
        if len(self._entries) >= MOST:
            self._entries.clear()
        self._entries[proof] = _Entry(caller, context.clock.now_ms() + REMEMBERED_MS, changes)
