"""What a run of the benchmarks is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.loads import Stock


@dataclass(frozen=True)
class Options:
    """How often, how big, and where."""

    top: Path  # a folder in memory, gone at the end
    runs: int = 3
    scale: float = (
        1.0  # of the bytes of one file, of the number of files of a tree; below 1 it is a quick look, not a figure
    )
    peers: bool = True
    patience_s: float = 600.0  # for one transfer of ours; then what had arrived counts
    peer_patience_s: float = 30.0  # for one peer

    @property
    def stock(self) -> Stock:
        return Stock(self.top / "volume")
