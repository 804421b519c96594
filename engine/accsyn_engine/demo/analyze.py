"""The vendor's analysis program of the demo: reads a survey, cleans it, exports figures. Runs on its own.

    python analyze.py DATASET_FOLDER RESULT_FOLDER PROJECT TASK

It knows nothing of accsyn. What matters is what such programs leave behind: results in several folders, and a project
file that lists what it depends on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

BLOCK = 4 << 20
NOTHING_CAME_BACK = b"\xff"
KEEP_EVERY = 4


@dataclass(frozen=True)
class Figures:
    """What is exported of one file: its samples, how many were lost, and the mean of those that were kept."""

    name: str
    samples: int
    lost: int
    kept: int
    total: int

    def line(self) -> str:
        mean = self.total / self.kept if self.kept else 0.0
        return f"{self.name}\t{self.samples}\t{self.lost}\t{self.kept}\t{mean:.4f}\n"


def blocks(path: Path) -> Iterator[bytes]:
    """Read a file in bounded memory."""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block


def clean(path: Path, name: str, cleaned: BinaryIO) -> Figures:
    """Append the samples of `path` that are kept to `cleaned`."""
    samples = lost = kept = total = 0
    for block in blocks(path):
        good = block.translate(None, NOTHING_CAME_BACK)
        thinned = good[::KEEP_EVERY]
        cleaned.write(thinned)
        samples, lost = samples + len(block), lost + len(block) - len(good)
        kept, total = kept + len(thinned), total + sum(thinned[::KEEP_EVERY]) * KEEP_EVERY
    return Figures(name, samples, lost, kept, total)


def analyze(dataset: Path, result: Path, project: str, task: str) -> Path:
    """Write the three results below `result`; gives the project file."""
    name = f"{project}_{task}"
    exported = result / "output" / f"{name}_exported.dat"
    exported.parent.mkdir(parents=True, exist_ok=True)
    inputs = sorted(path for path in dataset.rglob("*") if path.is_file())
    with (result / "cleaned_set.dat").open("wb") as cleaned, exported.open("w", encoding="utf-8") as export:
        for path in inputs:
            export.write(clean(path, path.relative_to(dataset).as_posix(), cleaned).line())
    document = result / f"{name}.analyze"
    content = {
        "app": "analyze",
        "project": project,
        "task": task,
        "inputs": [str(path) for path in inputs],
        "dependencies": ["cleaned_set.dat", f"output/{exported.name}"],
    }
    document.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return document


if __name__ == "__main__":
    print(analyze(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:5]))  # noqa: T201 - its answer
