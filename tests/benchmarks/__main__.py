"""`make bench`: the README's figures, as one JSON object on standard output.

    python -m tests.benchmarks [--runs 3] [--scale 1.0] [--dir DIR] [--only NAME]

Loopback throughput of a real job of the engine beside `rsync -e ssh` and `cp`, in the same run, on the same files, each
measured several times in turn; the median counts. `--scale 0.1` is a quick look, not a figure.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks import peers
from tests.benchmarks.engine import EngineCourse
from tests.system.world import write_file

GB, KB = 1_000_000_000, 1_000


@dataclass(frozen=True)
class Load:
    """A tree of files that is moved."""

    name: str
    files: int
    size: int

    def make(self, folder: Path, scale: float) -> int:
        """Write it; gives its bytes. A big load is a bigger file, a small load is fewer files."""
        files, size = (1, int(self.size * scale)) if self.files == 1 else (max(int(self.files * scale), 10), self.size)
        for number in range(files):
            write_file(folder / f"{number // 1000:03d}" / f"file {number:05d}.dat", size, seed=number)
        return files * size


LOADS = (Load("one file of 2 GB", 1, 2 * GB), Load("10,000 files of 20 KB", 10_000, 20 * KB))
Course = Callable[[Path, Path], float]  # moves a folder to a new folder; gives seconds


def measure(load: Load, courses: dict[str, Course], volume: Path, out: Path, options: Any) -> dict[str, Any]:
    source = volume / load.name
    size = load.make(source, options.scale)
    times: dict[str, list[float]] = {name: [] for name in courses}
    for _ in range(options.runs):
        for name, course in courses.items():
            destination = out / name / load.name
            shutil.rmtree(destination, ignore_errors=True)
            os.sync()  # so that nobody pays for what another has left to be written
            print(f"{load.name}: {name} ...", file=sys.stderr)
            times[name].append(course(source, destination))
            check(source, destination)
            shutil.rmtree(destination)
    shutil.rmtree(source)
    return {"name": load.name, "bytes": size, "results": [summary(name, runs, size) for name, runs in times.items()]}


def check(source: Path, destination: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file() and path.stat().st_size != (destination / path.relative_to(source)).stat().st_size:
            sys.exit(f"{destination / path.relative_to(source)} did not arrive whole")


def summary(name: str, seconds: list[float], size: int) -> dict[str, Any]:
    middle = statistics.median(seconds)
    return {
        "name": name,
        "seconds": [round(value, 3) for value in seconds],
        "median_s": round(middle, 3),
        "mb_per_s": round(size / 1e6 / middle, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--dir", type=Path, help="a folder on the disk to be measured; else the temporary folder")
    parser.add_argument("--only", help="words of the load's name")
    options = parser.parse_args()
    loads = [load for load in LOADS if not options.only or options.only in load.name]
    with ExitStack() as stack:
        top = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="accsyn-bench-", dir=options.dir)))
        engine = stack.enter_context(EngineCourse(top / "w"))
        courses: dict[str, Course] = {"engine": engine.move, "cp": peers.cp, "cp, then sync": peers.cp_synced}
        courses.update(stack.enter_context(peers.rsync_over_ssh(top / "ssh")))
        found = [measure(load, courses, engine.volume, engine.vendor_volume, options) for load in loads]
    machine = {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    note = "engine: submitted to done, TLS 1.3, every file hashed at both ends and fsynced; cp and rsync leave that to the kernel"
    print(json.dumps({"machine": machine, "runs": options.runs, "scale": options.scale, "note": note, "loads": found}))


if __name__ == "__main__":
    main()
