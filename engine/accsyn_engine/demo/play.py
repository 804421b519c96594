"""The folder, the screen and the exit code around the story."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from rich.console import Console

import accsyn_plugins
from accsyn_engine.clock import Clock, SystemClock
from accsyn_engine.demo import report
from accsyn_engine.demo.dataset import Shape
from accsyn_engine.demo.places import Places
from accsyn_engine.demo.processes import Children
from accsyn_engine.demo.story import Story, Telling
from accsyn_plugins.errors import AccsynError


class FolderNotEmptyError(AccsynError):
    """The demo writes only where nothing is."""

    code = "folder-not-empty"
    status = 409
    sentence = 'The folder "{folder}" is not empty; name another one with --dir.'


def run(folder: Path | None = None, keep: bool = False, as_json: bool = False, *, hooks: Path | None = None) -> int:
    """Send 200 MB to a vendor, let her work on it, take the result back, compare every byte; gives the exit code.

    Starts an engine, two agents, the tracker's watcher and an analysis program as real processes, and ends them all.
    `folder` must be empty or new; without one a temporary folder is used. It goes at the end unless `keep`.
    """
    clock = SystemClock()
    console = Console(stderr=as_json, highlight=False)
    begun = clock.monotonic()
    with _folder(folder, keep=keep) as top, _gentle_end():
        telling = _play(top, hooks or _checkout_hooks(), clock, console)
        seconds = clock.monotonic() - begun
        if as_json:
            print(json.dumps(report.as_json(telling, seconds), ensure_ascii=False))  # noqa: T201 - its answer
        else:
            report.show(console, telling, seconds)
        if keep:
            console.print(f"Files and logs are in {top}")
    return 0 if telling.is_true else 1


def _play(top: Path, hooks: Path, clock: Clock, console: Console) -> Telling:
    @contextmanager
    def step(sentence: str) -> Iterator[None]:
        begun = clock.monotonic()
        with console.status(sentence):
            yield
        console.print(f"[green]✓[/] {sentence} [dim]{clock.monotonic() - begun:.1f} s[/]")

    places = Places(top)
    with Children(places.logs, clock) as children:
        return Story(places, children, clock, hooks=hooks, shape=Shape()).tell(step)


@contextmanager
def _folder(given: Path | None, *, keep: bool) -> Iterator[Path]:
    if given is not None and given.is_dir() and any(given.iterdir()):
        raise FolderNotEmptyError(folder=given)
    if given is None:
        top = Path(tempfile.mkdtemp(prefix="accsyn-demo-"))
    else:
        top = given.absolute()
        top.mkdir(parents=True, exist_ok=True)
    try:
        yield top
    finally:
        if not keep:
            shutil.rmtree(top, ignore_errors=True)


@contextmanager
def _gentle_end() -> Iterator[None]:
    """Let SIGTERM end the story as Ctrl-C does, so that its programs end with it."""

    def leave(number: int, _frame: object) -> NoReturn:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _checkout_hooks() -> Path:
    return Path(accsyn_plugins.__file__).resolve().parents[1] / "hooks"
