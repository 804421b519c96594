"""What every running transfer may move, kept for a moment: each of hundreds of reports a second asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

KEPT_MS = 250  # a change is heard with a report that comes later than this, so well within 2 s

Division = Mapping[str, int | None]


@dataclass
class Pace:
    """The last division; one for the process, used by all its threads."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _at: int = 0
    _seen: int = 0
    _division: Division = field(default_factory=dict)

    def of(self, transfer: str, now: int, seen: int, divide: Callable[[], Division]) -> int | None:
        """Give a transfer's bytes a second at `now` (ms).

        Divided anew when the last time is too long ago, did not know this transfer, or was before the change `seen`
        counts.
        """
        with self._lock:
            # Below zero the clock was set back; waiting for it to come round again could take hours.
            is_fresh = 0 <= now - self._at < KEPT_MS and seen == self._seen
            if not is_fresh or transfer not in self._division:
                self._division = divide()
                self._at, self._seen = now, seen
            return self._division.get(transfer)
