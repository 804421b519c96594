"""One hook process: started in a group of its own, watched, and killed with all its children when its time is up.

A child that a hook leaves running in the background after ending normally is left alone, but no longer listened to.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from accsyn_engine.clock import Clock
from accsyn_engine.hooks.output import Output

POLL_S = 0.1
GRACE_S = 2.0  # between being asked to end and being killed
DRAIN_S = 1.0  # for output still in the pipe when the process has ended
CHUNK = 64 * 1024


class HookProcess:
    """A started hook and what it has printed so far."""

    def __init__(self, words: Sequence[str], *, environment: Mapping[str, str], folder: Path, clock: Clock) -> None:
        self.output = Output()
        self._clock = clock
        self._process = _start(words, environment, folder)
        self._reader = threading.Thread(target=self._read, name="hook-output", daemon=True)
        self._reader.start()

    def wait(self, *, timeout_s: float, stopping: Callable[[], bool]) -> int | None:
        """Wait for the end; None when it was not to be had within `timeout_s` or before `stopping`."""
        deadline = self._clock.monotonic() + timeout_s
        while (code := self._poll(POLL_S)) is None:
            if stopping() or self._clock.monotonic() >= deadline:
                return None
        self._reader.join(DRAIN_S)
        return code

    def kill(self) -> None:
        """End the process and all its children: asked first, killed after a moment."""
        _signal_group(self._process, hard=False)
        self._poll(GRACE_S)
        _signal_group(self._process, hard=True)
        self._process.wait()
        self._reader.join(DRAIN_S)

    def _poll(self, seconds: float) -> int | None:
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def _read(self) -> None:
        pipe = self._process.stdout
        if pipe is None:
            return
        with pipe, contextlib.suppress(OSError, ValueError):
            while chunk := os.read(pipe.fileno(), CHUNK):
                self.output.add(chunk)


if sys.platform == "win32":

    def _start(words: Sequence[str], environment: Mapping[str, str], folder: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            list(words),
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW,
        )

    def _signal_group(process: subprocess.Popen[bytes], *, hard: bool) -> None:
        # Windows has no signal for a tree; taskkill walks it.
        if hard:
            subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False)

else:

    def _start(words: Sequence[str], environment: Mapping[str, str], folder: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            list(words),
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _signal_group(process: subprocess.Popen[bytes], *, hard: bool) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL if hard else signal.SIGTERM)
