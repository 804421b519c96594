"""Programs that the demo and the system tests start: each with a log, and none of them outlives the run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from accsyn_engine.clock import Clock
from accsyn_plugins.errors import AccsynError

LOOK_S = 0.02  # how often a log is looked at
END_S = 20.0  # a server ends its agent first, and the agent its transfers


class ProgramFailedError(AccsynError):
    """A program of the demo ended with an error."""

    code = "program-failed"
    sentence = "{name} ended with exit code {exit_code}: {output}"


class ProgramSilentError(AccsynError):
    """A program of the demo did not say what was waited for."""

    code = "program-silent"
    sentence = 'Waited {seconds:g} s for {name} to say "{words}"; it said: {output}'


def program(name: str) -> str:
    """The path of one of our two programs, beside the interpreter that runs now."""
    return str(Path(sys.executable).with_name(name))


@dataclass
class Child:
    """A running program; what it prints goes to `log`, which outlives it."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    begin: int  # where its own lines begin: a program that is started again goes on in the same log
    clock: Clock = field(repr=False)

    @property
    def output(self) -> str:
        return self.log.read_bytes()[self.begin :].decode("utf-8", "replace")

    def wait_for(self, words: str, *, seconds: float) -> re.Match[str]:
        """Wait until the log has a match of the regular expression `words`.

        Raises ProgramFailedError when the program ends before, ProgramSilentError after `seconds`.
        """
        deadline = self.clock.monotonic() + seconds
        while True:
            has_ended = self.process.poll() is not None
            found = re.search(words, self.output)
            if found:
                return found
            if has_ended:
                raise ProgramFailedError(name=self.name, exit_code=self.process.returncode, output=self._tail())
            if self.clock.monotonic() > deadline:
                raise ProgramSilentError(name=self.name, words=words, seconds=seconds, output=self._tail())
            self.clock.sleep(LOOK_S)

    def finish(self, *, seconds: float) -> None:
        """Wait for the end; raises ProgramFailedError unless the exit code is 0."""
        try:
            exit_code = self.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise ProgramSilentError(name=self.name, words="done", seconds=seconds, output=self._tail()) from error
        if exit_code:
            raise ProgramFailedError(name=self.name, exit_code=exit_code, output=self._tail())

    def kill(self) -> None:
        """End it as a power cut would: no chance to tidy up."""
        self.process.kill()
        self.process.wait()

    def stop(self, *, seconds: float = END_S) -> int:
        """Ask it to end, make it end after `seconds`; gives the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode

    def _tail(self) -> str:
        lines = self.output.strip().splitlines()
        return "\n".join(lines[-12:]) or "nothing"


class Children:
    """All programs of one run; leaving the context ends every one of them."""

    def __init__(self, logs: Path, clock: Clock) -> None:
        self._logs = logs
        self._clock = clock
        self._children: list[Child] = []

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Child:
        """Start `command` in `folder`; its standard input is empty and its output goes to LOGS/NAME.log."""
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)  # some print keys
        log = self._logs / f"{name}.log"
        begin = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            process = subprocess.Popen(
                list(command),
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C ends the story first, and the story ends its programs in order
            )
        child = Child(name, process, log, begin, self._clock)
        self._children.append(child)
        return child

    def logs(self) -> dict[str, str]:
        """What every program has printed so far."""
        return {child.log.name: child.log.read_text("utf-8", "replace") for child in self._children}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in reversed(self._children):
            child.stop()
            _end_group(child.process.pid)


def _end_group(leader: int) -> None:
    # What a program left behind in its own process group, a hook script say.
    if hasattr(os, "killpg"):
        try:
            os.killpg(leader, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return
