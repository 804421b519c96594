"""Who may write the sheet: our own programs one after the other, and none while a person has it open."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from accsyn_hosts.trackers.sheet.errors import SheetBusyError, SheetOpenError, SheetWriteError
from accsyn_plugins.clock import Clock

if sys.platform == "win32":
    import msvcrt

    def _try_lock(stream: IO[bytes]) -> None:
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(stream: IO[bytes]) -> None:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


# what each program leaves beside a file it has open
OPEN_MARKS = (("~${name}", "Excel"), (".~lock.{name}#", "LibreOffice"), (".~{name}", "WPS Office"))
PATIENCE_S = 30.0
LOOK_EVERY_S = 0.05


def refuse_if_open(path: Path) -> None:
    """Raise SheetOpenError when an office program has the sheet open."""
    for pattern, program in OPEN_MARKS:
        mark = path.with_name(pattern.format(name=path.name))
        if mark.exists():
            raise SheetOpenError(sheet=path, who=_who(mark, program), lock=mark)


@contextlib.contextmanager
def hold(path: Path, clock: Clock) -> Iterator[None]:
    """Keep our other programs from writing meanwhile; the lock goes with the process, even a killed one."""
    lock = path.with_name(f".{path.name}.accsyn-lock")
    deadline = clock.monotonic() + PATIENCE_S
    try:
        stream = lock.open("ab")
    except OSError as error:
        raise SheetWriteError(sheet=path, reason=error.strerror) from error
    with stream:
        while True:
            try:
                _try_lock(stream)
                break
            except OSError as error:
                if clock.monotonic() > deadline:
                    raise SheetBusyError(sheet=path, reason="another program of ours is writing it") from error
                clock.sleep(LOOK_EVERY_S)
        yield


def _who(mark: Path, program: str) -> str:
    """LibreOffice writes the person's name first, then others, with commas."""
    if program != "LibreOffice":
        return program
    with contextlib.suppress(OSError, UnicodeDecodeError):
        name = mark.read_text(encoding="utf-8").split(",")[0].strip()
        return f"{program} by {name}" if name else program
    return program
