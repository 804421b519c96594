"""What this agent has measured on the lines to others, kept so that the next transfer starts near its speed.

A memory and nothing more: a file that is gone or broken costs a few round trips of the next transfer.
"""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import asdict
from pathlib import Path

from accsyn_engine.transfer.work import KnownLine
from accsyn_engine.wire.rate import Known

MOST = 1000  # lines; the one used longest ago is forgotten


class Lines:
    """The lines by the other agent's id."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known = _read(path)

    def to(self, other: str) -> KnownLine:
        """What is known of one line, and where to put what is learned of it."""
        return KnownLine(self._known.get(other), lambda known: self._learn(other, known))

    def _learn(self, other: str, known: Known) -> None:
        with self._lock:
            self._known.pop(other, None)
            self._known[other] = known
            while len(self._known) > MOST:
                del self._known[next(iter(self._known))]
            with contextlib.suppress(OSError):
                fresh = self._path.with_suffix(".new")
                fresh.write_text(json.dumps({name: asdict(line) for name, line in self._known.items()}))
                fresh.replace(self._path)


def _read(path: Path) -> dict[str, Known]:
    try:
        return {name: Known(**line) for name, line in json.loads(path.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
