"""Runs a hook script: JSON in, optional JSON out, a time limit, its output captured, every failure a sentence.

Nothing here raises: whatever happens to the script is in the HookResult. What the result means for a job is decided by
the engine.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accsyn_engine.clock import Clock, SystemClock
from accsyn_engine.hooks.command import fill, find_program, split_command
from accsyn_engine.hooks.environment import hook_environment
from accsyn_engine.hooks.errors import (
    AnswerUnreadableError,
    ExitCodeError,
    HookError,
    NoAnswerError,
    NotStartedError,
    SignalError,
    StoppedError,
    TimeLimitError,
)
from accsyn_engine.hooks.output import last_line
from accsyn_engine.hooks.process import HookProcess
from accsyn_engine.hooks.trust import check, refuse_shell

TIMEOUT_S = 300.0
ANSWER_LIMIT = 16 * 1024 * 1024  # bytes; an answer lists files, it does not carry them
_WINDOWS = sys.platform == "win32"


@dataclass(frozen=True)
class HookResult:
    """What became of one run.

    `exit_code` is None when the process never started or was killed by us, minus the signal's number when another
    signal ended it; `error` is None exactly when the hook did what was asked.
    """

    exit_code: int | None
    output: str
    code: str | None = None  # stable code of the error
    error: str | None = None  # the sentence
    answer: Any = None

    @property
    def was_stopped(self) -> bool:
        """Says whether it was killed because the agent ends: then nobody knows how far it came."""
        return self.code == StoppedError.code


@dataclass(frozen=True)
class Hook:
    """One run that is asked for: the command as the setting has it, its input, and the key of its effect."""

    command: str
    data: Any
    key: str
    timeout_s: float = TIMEOUT_S
    want_answer: bool = False


def run_hook(
    command: str,
    data: Any,
    *,
    timeout_s: float = TIMEOUT_S,
    key: str,
    want_answer: bool = False,
    interpreter: str = sys.executable,
    environment: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> HookResult:
    """Run `command` with `data` as its JSON input and wait for its end, `timeout_s` seconds at most.

    `key` reaches the script as ACCSYN_HOOK_KEY and is the same whenever the same effect is tried again. `stopping` is
    asked ten times a second and ends the script early when it says yes.
    """
    hook = Hook(command=command, data=data, key=key, timeout_s=timeout_s, want_answer=want_answer)
    passed = hook_environment(os.environ if environment is None else environment, key=key, interpreter=interpreter)
    run = _Run(hook, interpreter=interpreter, environment=passed, clock=clock or SystemClock(), stopping=stopping)
    try:
        # ignore_cleanup_errors: a child still writing there must not turn a good run into a failed one.
        with tempfile.TemporaryDirectory(prefix="accsyn-hook-", ignore_cleanup_errors=True) as folder:
            return run.inside(Path(folder))
    except OSError as error:
        return _failed(NotStartedError(command=shown(command), why=_reason(error)))


def check_command(
    command: str, *, interpreter: str = sys.executable, environment: Mapping[str, str] | None = None
) -> None:
    """Look at a command without running it; raises HookError when it would not be run here."""
    passed = hook_environment(os.environ if environment is None else environment, key="", interpreter=interpreter)
    words = split_command(command, windows=_WINDOWS)
    trusted_words(words, command=shown(command), interpreter=interpreter, environment=passed)


def trusted_words(words: list[str], *, command: str, interpreter: str, environment: Mapping[str, str]) -> list[str]:
    """The words with the program as a path, once no shell is involved and nobody else can change the script."""
    refuse_shell(words, command=command)
    found = find_program(words, command=command, interpreter=interpreter, environment=environment)
    check(found, command=command, interpreter=interpreter)
    return found


def shown(command: str) -> str:
    """The command as sentences name it: one line, at most 200 characters."""
    line = " ".join(command.split())
    return line if len(line) <= 200 else line[:197] + "..."


class _Run:
    """One run inside its private folder."""

    def __init__(
        self,
        hook: Hook,
        *,
        interpreter: str,
        environment: Mapping[str, str],
        clock: Clock,
        stopping: Callable[[], bool],
    ) -> None:
        self._hook = hook
        self._name = shown(hook.command)
        self._interpreter = interpreter
        self._environment = environment
        self._clock = clock
        self._stopping = stopping

    def inside(self, folder: Path) -> HookResult:
        asked, answered = folder / "input.json", folder / "output.json"
        # ASCII with escapes is UTF-8 that also those scripts read right which open the file in the machine's code page.
        asked.write_bytes(json.dumps(self._hook.data, indent=1).encode("ascii"))
        try:
            words = self._words(asked, answered)
            process = self._started(words, folder)
        except HookError as error:
            return _failed(error)
        return self._watched(process, answered)

    def _words(self, asked: Path, answered: Path) -> list[str]:
        words = split_command(self._hook.command, windows=_WINDOWS)
        filled = fill(words, input_path=str(asked), output_path=str(answered))
        return trusted_words(filled, command=self._name, interpreter=self._interpreter, environment=self._environment)

    def _started(self, words: list[str], folder: Path) -> HookProcess:
        try:
            return HookProcess(words, environment=self._environment, folder=folder, clock=self._clock)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the command
            raise NotStartedError(command=self._name, why=_reason(error)) from error

    def _watched(self, process: HookProcess, answered: Path) -> HookResult:
        code = process.wait(timeout_s=self._hook.timeout_s, stopping=self._stopping)
        if code is None:
            stopped = self._stopping()
            process.kill()
            return _failed(self._cut_short(stopped), output=process.output.text())
        output = process.output.text()
        try:
            self._check_exit(code, output)
            answer = _read_answer(answered, self._name) if self._hook.want_answer else None
        except HookError as error:
            return _failed(error, exit_code=code, output=output)
        return HookResult(exit_code=code, output=output, answer=answer)

    def _cut_short(self, stopped: bool) -> HookError:
        if stopped:
            return StoppedError(command=self._name)
        return TimeLimitError(command=self._name, timeout_s=self._hook.timeout_s)

    def _check_exit(self, code: int, output: str) -> None:
        if code < 0:
            raise SignalError(command=self._name, number=-code, name=_signal_name(-code))
        if code:
            line = last_line(output)
            raise ExitCodeError(command=self._name, exit_code=code, last_line=f" ({line})" if line else "")


def _read_answer(path: Path, command: str) -> Any:
    try:
        with path.open("rb") as stream:
            raw = stream.read(ANSWER_LIMIT + 1)
    except OSError as error:
        raise NoAnswerError(command=command) from error
    if len(raw) > ANSWER_LIMIT:
        raise AnswerUnreadableError(command=command, why=f"it is longer than {ANSWER_LIMIT} bytes")
    if not raw.strip():
        raise NoAnswerError(command=command)
    try:
        return json.loads(raw.decode("utf-8-sig"))  # editors and scripts on Windows begin with a byte order mark
    except (ValueError, RecursionError) as error:
        raise AnswerUnreadableError(command=command, why=str(error)) from error


def _failed(error: HookError, *, exit_code: int | None = None, output: str = "") -> HookResult:
    return HookResult(exit_code=exit_code, output=output, code=error.code, error=error.message)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def _reason(error: Exception) -> str:
    """The system's words without the path of our temporary folder."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
