"""What the agent says: plain sentences with the time, on stderr and in DATA/agent.log, which is kept small."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

from accsyn_engine.clock import Clock, iso

FILE = "agent.log"
SIZE = 4 * 1024 * 1024  # bytes of one log file
KEPT = 4  # older ones


class _Quiet(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say nothing: a closed terminal must not stop transfers."""


class _QuietFile(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say nothing: a full disk must not stop transfers."""


class Log:
    """Says things to whoever runs the agent; any thread may."""

    def __init__(self, clock: Clock, *, folder: Path | None = None, stream: TextIO | None = None) -> None:
        self._clock = clock
        self._people = _Quiet(stream or sys.stderr)
        self._file: _QuietFile | None = None
        if folder is not None:
            self._file = _QuietFile(folder / FILE, maxBytes=SIZE, backupCount=KEPT, encoding="utf-8", delay=True)

    def say(self, sentence: str) -> None:
        """One line for people."""
        record = logging.makeLogRecord({"msg": self._line(sentence)})
        self._people.handle(record)
        if (file := self._file) is not None:
            file.handle(record)

    def fault(self, sentence: str, error: BaseException) -> None:
        """A bug of ours: one line for people, the trace for those who mend it, in the file only."""
        self.say(sentence)
        if (file := self._file) is not None:
            facts = (type(error), error, error.__traceback__)
            file.handle(logging.makeLogRecord({"msg": self._line("details:"), "exc_info": facts}))

    def close(self) -> None:
        """Close the file; what a straggler says after that is for people only, and opens it no more."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _line(self, sentence: str) -> str:
        # A name of a file may hold a line break; a log line is one line.
        clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in sentence)
        return f"{iso(self._clock.now_ms())}Z {clean}"


def files_text(count: int) -> str:
    """`1 file`, `412 files`."""
    return f"{count} file" if count == 1 else f"{count} files"


def bytes_text(count: float) -> str:
    """A size as people read it, decimal units: `201 MB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def list_text(names: Iterable[str]) -> str:
    """Names with commas, or `nothing`."""
    return ", ".join(sorted(names)) or "nothing"
