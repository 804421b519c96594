"""Without a line between them: how fast this machine itself can send, and what an unchanged or a very large tree costs."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import peers
from tests.benchmarks.cells import GB, KB, TREE
from tests.benchmarks.engine import EngineCourse
from tests.benchmarks.line import Line, Wan
from tests.benchmarks.loads import Load, check
from tests.benchmarks.options import Options
from tests.benchmarks.peers import Course, Passage
from tests.benchmarks.sites import Sites

PATIENCE_S = 1800.0
RSYNC, RCLONE, CP = "rsync -e ssh", "rclone over sftp", "cp"


@dataclass(frozen=True)
class Loopback:
    """A load that is moved on this machine, and what it is compared with."""

    load: Load
    to_reach: dict[str, float]  # peer -> how many times as fast as it
    courses: tuple[str, ...] = ()  # none: all
    runs: int = 0  # none: as many as asked for

    @property
    def name(self) -> str:
        return f"loopback, {self.load.name}"


LOOPBACKS = (
    Loopback(Load(1, 4 * GB), {RSYNC: 3.0, RCLONE: 2.0}),
    Loopback(Load(20_000, 20 * KB), {RSYNC: 3.0, RCLONE: 2.0}),
    Loopback(Load(1_000_000, 100), {}, courses=("engine", RSYNC), runs=1),
)


def measure(row: Loopback, options: Options) -> dict[str, Any]:
    """Every course in turn, as often as asked for; the median counts."""
    load = row.load.scaled(options.scale)
    source = options.stock.get(load, 0)
    times: dict[str, list[float]] = {}
    with _courses(options) as (engine, courses):
        chosen = {name: course for name, course in courses.items() if not row.courses or name in row.courses}
        for _ in range(row.runs or options.runs):
            for name, course in chosen.items():
                passage = _moved(row.name, name, course, source, options.top / "out")
                if passage:
                    times.setdefault(name, []).append(passage.seconds)
        usage = engine.usage
    results = [_summary(name, seconds, load.bytes) for name, seconds in times.items()]
    return {"name": row.name, "bytes": load.bytes, "results": results, "usage": usage, **_ratios(row, times)}


def _moved(what: str, name: str, course: Course, source: Path, out: Path) -> Passage | None:
    shutil.rmtree(out, ignore_errors=True)
    os.sync()  # so that nobody pays for what another has left to be written
    print(f"{what}: {name} ...", file=sys.stderr)
    passage = course(source, out / source.name, PATIENCE_S)
    if passage:
        check(source, out / source.name)
    shutil.rmtree(out, ignore_errors=True)
    return passage


@contextmanager
def _courses(options: Options) -> Iterator[tuple[EngineCourse, dict[str, Course]]]:
    with EngineCourse(options.top / "w", options.stock.folder) as engine:
        courses: dict[str, Course] = {"engine": partial(_by_engine, engine)}
        if not options.peers:
            yield engine, courses
            return
        with peers.on_loopback(options.top / "ssh") as others:
            yield engine, courses | others
    shutil.rmtree(options.top / "w")


def _by_engine(engine: EngineCourse, source: Path, destination: Path, seconds: float) -> Passage:
    passage = engine.move(source, seconds)
    destination.parent.mkdir(parents=True, exist_ok=True)
    engine.landing(source).rename(destination)
    return passage


def _summary(name: str, seconds: list[float], size: int) -> dict[str, Any]:
    middle = statistics.median(seconds)
    return {
        "name": name,
        "seconds": [round(value, 3) for value in seconds],
        "median_s": round(middle, 3),
        "mb_per_s": round(size / 1e6 / middle, 1),
    }


def _ratios(row: Loopback, times: dict[str, list[float]]) -> dict[str, Any]:
    """How many times as fast as each peer, and whether that is what is to be reached."""
    middles = {name: statistics.median(seconds) for name, seconds in times.items()}
    ratios = {name: round(seconds / middles["engine"], 2) for name, seconds in middles.items() if name != "engine"}
    met = {name: ratios[name] >= times_faster for name, times_faster in row.to_reach.items() if name in ratios}
    return {"times_as_fast_as": ratios, "to_reach": row.to_reach, "met": met}


# --- a tree that has not changed --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Again:
    """The same tree a second time."""

    line: Line | None
    most: float  # times rsync's time
    load: Load = TREE

    @property
    def name(self) -> str:
        return f"{self.line.name if self.line else 'loopback'}, unchanged {self.load.name} again"


AGAINS = (Again(Line(1000, 100, 0.1), 0.5), Again(None, 3.0))


def measure_again(row: Again, options: Options) -> dict[str, Any]:
    """The destination is a copy with its times; then the engine and rsync find out that there is nothing to do."""
    load = row.load.scaled(options.scale)
    source = options.stock.get(load, 0)
    times: dict[str, list[float]] = {"engine": [], RSYNC: []}
    if row.line is None:
        with _courses(options) as (engine, courses):
            _copy(source, engine.landing(source))
            for _ in range(options.runs):
                times["engine"].append(engine.move(source, PATIENCE_S).seconds)
                _rsync_again(courses, source, engine.landing(source), times)
    else:
        with Wan(row.line) as wan, Sites(options.top / "w", options.stock.folder, wan) as sites:
            _copy(source, sites.landing(source))
            with peers.on_line(options.top / "ssh", options.stock.folder, wan, is_tree=True) as others:
                for _ in range(options.runs):
                    times["engine"].append(sites.move(source, load.bytes, seconds=PATIENCE_S).seconds)
                    _rsync_again(others, source, sites.landing(source), times)
        shutil.rmtree(options.top / "w")
    results = [_summary(name, seconds, load.bytes) for name, seconds in times.items() if seconds]
    answer = {
        "name": row.name,
        "files": load.files,
        "results": results,
        "to_reach": {f"at most, times {RSYNC}": row.most},
    }
    if times[RSYNC]:
        ratio = statistics.median(times["engine"]) / statistics.median(times[RSYNC])
        answer |= {"times_the_time_of_rsync": round(ratio, 2), "met": ratio <= row.most}
    if row.line:
        answer["line"] = asdict(row.line)
    return answer


def _copy(source: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    peers.cp(source, destination, PATIENCE_S)


def _rsync_again(courses: dict[str, Course], source: Path, destination: Path, times: dict[str, list[float]]) -> None:
    if RSYNC in courses and (passage := courses[RSYNC](source, destination, PATIENCE_S)):
        times[RSYNC].append(passage.seconds)
