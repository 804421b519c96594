"""One picture of a run: each cell's goodput as a share of what its line can carry, beside the peers'."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

OURS = {"first": ("engine, new line", "#1b5e9e"), "known": ("engine, known line", "#6aa9df")}
PEERS = {
    "rsync -e ssh": "#b0413e",
    "rclone over sftp": "#d98c3f",
    "aria2c x16": "#8a8a3a",
    "raw TCP x16 (iperf3)": "#7a7a7a",
}
HEIGHT, BAR = 0.16, 0.14  # inches a bar takes; its share of a row


def draw(report: dict[str, Any], path: Path) -> None:
    """Write the picture; without matplotlib or without cells there is none."""
    cells = [row for row in report.get("cells", []) if "results" in row]
    if not cells:
        return
    try:
        import matplotlib as mpl
    except ImportError:
        print("There is no plot: matplotlib is not installed (dependency group bench).", file=sys.stderr)
        return
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    series = len(OURS) + len(PEERS)
    figure, axes = plt.subplots(figsize=(11, 1.5 + len(cells) * (series + 2) * HEIGHT), layout="constrained")
    for number, cell in enumerate(cells):
        _row(axes, number, cell)
    axes.set_yticks(range(len(cells)), [cell["name"] for cell in cells])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15)
    axes.set_xlabel("share of the line's limit, rate x (1 - loss) x 0.952")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(*_legend(axes), loc="outside lower center", ncols=4, fontsize=8)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _row(axes: Any, number: int, cell: dict[str, Any]) -> None:
    limit = cell["limit_mbit_s"]
    bars = [(*OURS[result["contact"]], result["mbit_per_s"]) for result in cell["results"]]
    bars += [(peer["name"], PEERS.get(peer["name"], "#999999"), peer["mbit_per_s"]) for peer in cell["peers"]]
    for place, (label, colour, speed) in enumerate(bars):
        height = number + (place - (len(bars) - 1) / 2) * BAR
        axes.barh(height, speed / limit, BAR * 0.9, color=colour, label=label)
        axes.text(speed / limit + 0.005, height, f"{speed:.3g} Mbit/s", va="center", fontsize=6)
    if isinstance(cell["to_reach"], float):
        axes.plot([cell["to_reach"]] * 2, [number - 0.45, number + 0.45], color="black", lw=1, label="to reach")


def _legend(axes: Any) -> tuple[list[Any], list[str]]:
    """Each name once."""
    handles, labels = axes.get_legend_handles_labels()
    named = dict(zip(reversed(labels), reversed(handles), strict=True))
    return list(reversed(named.values())), list(reversed(named))
