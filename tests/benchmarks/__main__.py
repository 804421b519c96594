"""`make bench`: every figure of the data plane, as one JSON object on standard output, and a plot of it.

    python -m tests.benchmarks [--only WORDS] [--scale 1.0] [--runs 3] [--no-peers] [--out DIR] [--list]

Real jobs of the engine, beside the programs that everybody has, in the same run, on the same files. Lines are emulated,
which needs root, a C compiler and iproute2; without them the rest is measured. `--scale 0.1` is a quick look, not a figure.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import cells, faults, line, loopback, neighbours, plot
from tests.benchmarks.options import Options

NOTE = (
    "A transfer over a line: from the first packet between the agents (stamped by the kernel) to the receiver's word that "
    "everything is verified and signed (the time its log was written); on loopback: from the submission to done. The "
    "engine encrypts, hashes every file at both ends and fsyncs it; the peers leave the last two out unless they say so."
)


END = threading.Event()  # somebody asked for it


@dataclass(frozen=True)
class Bench:
    """Something that is measured by name."""

    section: str
    name: str
    measure: Callable[[Options], dict[str, Any]]
    on_line: bool = True


def benches() -> list[Bench]:
    found = [Bench("loopback", row.name, partial(loopback.measure, row), on_line=False) for row in loopback.LOOPBACKS]
    found += [Bench("cells", cell.name, partial(cells.measure, cell)) for cell in cells.CELLS]
    for row in loopback.AGAINS:
        found.append(Bench("again", row.name, partial(loopback.measure_again, row), on_line=row.line is not None))
    found += [Bench("neighbours", row.name, partial(neighbours.measure, row)) for row in neighbours.NEIGHBOURS]
    found += [Bench("faults", fault.name, partial(faults.measure, fault)) for fault in faults.FAULTS]
    return found


def chosen(words: list[str]) -> list[Bench]:
    """Those whose section and name have one of the given words; those that cannot be measured here are left out."""
    wanted = [
        bench for bench in benches() if not words or any(word in f"{bench.section}: {bench.name}" for word in words)
    ]
    reason = line.why_not()
    if reason and any(bench.on_line for bench in wanted):
        print(f"What needs an emulated line is left out: {reason}.", file=sys.stderr)
        return [bench for bench in wanted if not bench.on_line]
    return wanted


def machine() -> dict[str, Any]:
    algorithms = line.ALLOWED.read_text().strip() if line.ALLOWED.exists() else ""
    return {
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "tcp_allowed_congestion_control": algorithms,
    }


def run(wanted: list[Bench], options: Options, out: Path) -> dict[str, Any]:
    """Measure; what has been measured is written after each, so that an interruption loses only the one under way."""
    report: dict[str, Any] = {"machine": machine(), "runs": options.runs, "scale": options.scale, "note": NOTE}
    for bench in wanted:
        print(f"{bench.section}: {bench.name}", file=sys.stderr)
        try:
            row = bench.measure(options)
        except Exception as error:  # one that fails must not cost the others
            if END.is_set():
                raise  # an error on the way out
            print(f"{bench.name} failed: {error!r}", file=sys.stderr)
            row = {"name": bench.name, "failed": repr(error)}
        report.setdefault(bench.section, []).append(row)
        (out / "bench.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    return report


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="WORDS", help="part of a name; may be repeated")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--patience", type=float, default=600.0, metavar="SECONDS", help="for one transfer of ours")
    parser.add_argument("--peer-patience", type=float, default=30.0, metavar="SECONDS", help="for one peer on a line")
    parser.add_argument("--dir", type=Path, help="where the files lie; else in memory")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="for bench.json and bench.png")
    parser.add_argument("--list", action="store_true", help="only the names")
    return parser.parse_args()


def end(number: int, _: object) -> None:
    """Leave by way of every context, so that lines and processes go; a second signal waits for the first one's work."""
    if not END.is_set():
        END.set()
        sys.exit(128 + number)


def main() -> None:
    given = arguments()
    wanted = chosen(given.only)
    if given.list:
        print("\n".join(f"{bench.section}: {bench.name}" for bench in wanted))
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    given.out.mkdir(parents=True, exist_ok=True)
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=given.dir or (memory if memory.exists() else None)) as top:
        options = Options(Path(top), given.runs, given.scale, not given.no_peers, given.patience, given.peer_patience)
        report = run(wanted, options, given.out)
    plot.draw(report, given.out / "bench.png")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
