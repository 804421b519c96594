"""The figures of the API, as one JSON object on standard output.

    python -m tests.benchmarks.api [--database sqlite] [--only lists] [--active 100000] [--finished 1000000] [--tasks 1000000]
        [--keep DIR] [--out FILE]

Each section is measured on an engine whose database was filled directly, in bulk. `--keep` leaves the filled databases in
a folder and takes them from there the next time.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.__main__ import machine
from tests.benchmarks.api import calls, lists, package
from tests.benchmarks.api.databases import Databases, databases
from tests.benchmarks.api.studio import Size, Studio, make_studio, opened

SMALL, CALLED = Size(active=500, finished=500), Size(active=2000, finished=2000)
SECTIONS = ("lists", "package", "calls")


@contextmanager
def studio(kept: Databases, name: str, size: Size) -> Iterator[Studio]:
    """A filled engine: the one that was kept, or a new one."""
    folder = kept.top / f"{kept.kind}-{name}-{size.active}-{size.finished}"
    if not folder.exists():
        print(f"filling {folder.name}", file=sys.stderr)
        make_studio(folder, size, kept.url(folder.name))
    with opened(folder, size) as found:
        yield found


def compared(small: dict[str, Any], big: dict[str, Any]) -> dict[str, Any]:
    """Put the figures of both sizes side by side."""
    return {
        name: {"few": small[name], "many": row, "times": round(row["p95_ms"] / small[name]["p95_ms"], 2)}
        for name, row in big.items()
    }


def measure(kept: Databases, given: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Measure what was asked for, section by section."""
    if "lists" in given.only:
        with studio(kept, "lists", SMALL) as few:
            small = lists.measure(few)
        with studio(kept, "lists", Size(given.active, given.finished)) as full:
            yield "lists", compared(small, lists.measure(full))
    if "calls" in given.only:
        with studio(kept, "calls", CALLED) as full:
            yield "calls", calls.measure(full)
    if "package" in given.only:
        yield "package", _package(kept, given.tasks)


def _package(kept: Databases, tasks: int) -> dict[str, Any]:
    """A new engine each time: what is made is what is measured."""
    name = f"{kept.kind}-package-{uuid.uuid4().hex[:8]}"
    try:
        return package.measure(kept.top / name, kept.url(name), tasks)
    finally:
        shutil.rmtree(kept.top / name, ignore_errors=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.api", description=__doc__)
    parser.add_argument("--database", action="append", choices=["sqlite", "postgresql"])
    parser.add_argument("--only", action="append", choices=SECTIONS)
    parser.add_argument("--active", type=int, default=100_000)
    parser.add_argument("--finished", type=int, default=1_000_000)
    parser.add_argument("--tasks", type=int, default=1_000_000, help="of the job that is made through the API")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--out", type=Path, default=Path("build/bench/api.json"), help="written after each section")
    given = parser.parse_args()
    given.only = given.only or list(SECTIONS)
    return given


def main() -> None:
    given = arguments()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory(prefix="bench-") as top:
        for kind in given.database or ["sqlite", "postgresql"]:
            with databases(kind, given.keep or Path(top)) as kept:
                for section, found in measure(kept, given):
                    report.setdefault(kind, {})[section] = found
                    given.out.write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
