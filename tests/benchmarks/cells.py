"""The cells of the table: a line, a load, and what is to be reached there. Each is measured on a new and on a known line."""

from __future__ import annotations

import shutil
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks import peers
from tests.benchmarks.line import Line, Wan, allowed
from tests.benchmarks.loads import Load, check
from tests.benchmarks.options import Options
from tests.benchmarks.sites import Moved, Sites, TransferFailedError

GB, MB, KB = 10**9, 10**6, 10**3
CONTACTS = {"first": 10, "known": 5}  # round trips that finding a line may cost, and that going back to a known one may
PATIENCE = 4  # times the allowed time, and at least 60 s; then what arrived counts


@dataclass(frozen=True)
class Cell:
    """One row of the table."""

    line: Line
    load: Load
    share: float  # of the line's limit, to be reached
    blocks_udp: bool = False
    allows_bbr: bool | None = None  # None: as the machine has it
    beats_peers: bool = False  # instead of a share: more than every TCP peer in the run

    @property
    def name(self) -> str:
        text = f"{self.line.name}, {self.load.name}"
        if self.blocks_udp:
            text += ", UDP blocked"
        if self.allows_bbr is not None:
            text += ", bbr allowed" if self.allows_bbr else ", bbr not allowed"
        return text

    @property
    def algorithms(self) -> str | None:
        if self.allows_bbr is None:
            return None
        return "reno cubic bbr" if self.allows_bbr else "reno cubic"


FILE_4G, FILE_1G, FILE_500M, FILE_256M = Load(1, 4 * GB), Load(1, GB), Load(1, 500 * MB), Load(1, 256 * MB)
TREE = Load(100_000, 20 * KB)

CELLS = (
    *(Cell(Line(1000, rtt, loss), FILE_4G, 0.95) for rtt, loss in ((20, 0), (100, 0.1), (200, 1), (200, 2))),
    *(Cell(Line(1000, rtt, loss), FILE_4G, 0.95) for rtt, loss in ((300, 3), (200, 10))),
    Cell(Line(1000, 1000, 5), FILE_4G, 0.90),
    *(Cell(Line(155, rtt, loss), FILE_500M, 0.95) for rtt, loss in ((10, 0.1), (90, 1), (150, 2), (200, 2))),
    Cell(Line(155, 550, 5), FILE_500M, 0.90),
    *(Cell(Line(1000, rtt, loss), FILE_256M, 0.95) for rtt, loss in ((100, 0.1), (200, 1))),
    *(Cell(Line(1000, rtt, loss), TREE, 0.80) for rtt, loss in ((100, 0.1), (200, 1))),
    Cell(Line(1000, 200, 1), FILE_1G, 0.80, blocks_udp=True, allows_bbr=True),
    Cell(Line(1000, 200, 1), FILE_1G, 0.80, blocks_udp=True, allows_bbr=False, beats_peers=True),
)


Tries = dict[str, list[Moved | str]]  # first or known -> what came of each run; a text is why one failed


def measure(cell: Cell, options: Options) -> dict[str, Any]:
    """All runs of a cell, and its peers once, on the line of the last run."""
    load = cell.load.scaled(options.scale)
    tries: Tries = {"first": [], "known": []}
    beside: list[dict[str, Any]] = []
    with allowed(cell.algorithms):
        for run in range(options.runs):
            with line_of(cell) as wan:
                _both(cell, load, wan, tries, options)
                if options.peers and run == options.runs - 1:
                    beside = _peers(cell, load, wan, options)
    results = [_summary(cell, load, contact, tries[contact]) for contact in tries]
    if cell.beats_peers:
        best = max((peer["mbit_per_s"] for peer in beside), default=0.0)
        results = [result | {"met": result["mbit_per_s"] > best} for result in results]
    return {
        "name": cell.name,
        "line": asdict(cell.line),
        "load": {"name": load.name, "bytes": load.bytes},
        "limit_mbit_s": round(cell.line.limit_mbit, 1),
        "to_reach": "more than every TCP peer" if cell.beats_peers else cell.share,
        "results": results,
        "peers": beside,
    }


@contextmanager
def line_of(cell: Cell) -> Iterator[Wan]:
    with Wan(cell.line) as wan:
        if cell.blocks_udp:
            wan.block_udp()
        yield wan


def _both(cell: Cell, load: Load, wan: Wan, tries: Tries, options: Options) -> None:
    """A line never met, and then again with other files."""
    folder = options.top / "w"
    with Sites(folder, options.stock.folder, wan) as sites:
        for number, (contact, round_trips) in enumerate(CONTACTS.items()):
            allowed_s = cell.line.allowed_s(load.bytes, cell.share, round_trips)
            patience = min(max(60.0, PATIENCE * allowed_s), options.patience_s)
            moved = _one(sites, options.stock.get(load, number), load.bytes, patience)
            tries[contact].append(moved)
            print(f"{cell.name}: {contact}: {moved}", file=sys.stderr)
    shutil.rmtree(folder)


def _one(sites: Sites, source: Path, size: int, patience: float) -> Moved | str:
    try:
        moved = sites.move(source, size, seconds=patience)
    except TransferFailedError as error:
        return str(error)
    if moved.is_whole:
        check(source, sites.landing(source))
    shutil.rmtree(sites.landing(source), ignore_errors=True)
    return moved


def _summary(cell: Cell, load: Load, contact: str, tries: list[Moved | str]) -> dict[str, Any]:
    """The median run decides; one that failed or was not waited for decides against."""
    whole = sorted((moved for moved in tries if isinstance(moved, Moved)), key=lambda moved: moved.mbit_per_s)
    allowed_s = cell.line.allowed_s(load.bytes, cell.share, CONTACTS[contact])
    row: dict[str, Any] = {"contact": contact, "allowed_s": round(allowed_s, 3), "met": False, "mbit_per_s": 0.0}
    if whole:
        middle = statistics.median(moved.mbit_per_s for moved in whole)
        seconds = statistics.median(moved.seconds for moved in whole)
        is_whole = all(moved.is_whole for moved in whole) and len(whole) == len(tries)
        row |= {
            "median_s": round(seconds, 3),
            "mbit_per_s": round(middle, 1),
            "share_of_limit": round(middle / cell.line.limit_mbit, 3),
            "met": is_whole and seconds <= allowed_s,
        }
    row["runs"] = [moved.row if isinstance(moved, Moved) else {"failed": moved} for moved in tries]
    return row


def _peers(cell: Cell, load: Load, wan: Wan, options: Options) -> list[dict[str, Any]]:
    """The same files by the programs that everybody has."""
    source, out = options.stock.get(load, 0), options.top / "peers"
    rows = []
    with peers.on_line(options.top / "servers", options.stock.folder, wan, is_tree=load.files > 1) as courses:
        for name, course in courses.items():
            shutil.rmtree(out, ignore_errors=True)
            passage = course(source, out / source.name, options.peer_patience_s)
            if passage is None:
                continue
            rows.append({"name": name, **passage.row})
            print(f"{cell.name}: {name}: {passage.mbit_per_s:.0f} Mbit/s", file=sys.stderr)
    shutil.rmtree(out, ignore_errors=True)
    return rows
