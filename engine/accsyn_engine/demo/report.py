"""The demo's last page: every file, both hashes, how long each way took, and whether all of it is true."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from accsyn_engine.demo.evidence import Leg, Pair
from accsyn_engine.demo.story import Telling

SHOWN = 4  # of many small files in one folder, so many are listed
HASH = 12  # digits of a hash that are shown to people; --json has all


def as_json(telling: Telling, seconds: float) -> dict[str, Any]:
    """Everything, for programs: schema demo in the engine's schemas."""
    return {
        "ok": telling.is_true,
        "seconds": round(seconds, 3),
        "hook_runs": telling.hook_runs,
        "sheet": telling.row,
        "legs": [_leg_json(leg) for leg in telling.legs],
    }


def _leg_json(leg: Leg) -> dict[str, Any]:
    return {
        "name": leg.name,
        "ok": leg.is_whole,
        "seconds": round(leg.seconds, 3),
        "bytes": leg.size,
        "mb_per_s": round(leg.mb_per_s, 1),
        "files": [
            {
                "path": pair.path,
                "size": pair.size,
                "source": pair.source,
                "destination": pair.destination,
                "same": pair.is_same,
            }
            for pair in leg.pairs
        ],
    }


def show(console: Console, telling: Telling, seconds: float) -> None:
    """Print the tables and the verdict."""
    for leg in telling.legs:
        console.print(_table(leg))
    facts = ("assignee", "status", "comment", "version", "path")
    sheet = "   ".join(f"[dim]{name}[/] {telling.row[name]}" for name in facts if telling.row.get(name))
    console.print(f"\nThe sheet:  {sheet}")
    if telling.is_true:
        console.print(f"[bold green]Everything is where it belongs, byte for byte,[/] after {seconds:.1f} s.")
    else:
        console.print("[bold red]Something differs;[/] see the rows marked ✗ and the sheet.")


def _table(leg: Leg) -> Table:
    title = f"{leg.name}: {len(leg.pairs)} files, {leg.size / 1e6:.1f} MB in {leg.seconds:.2f} s"
    table = Table(title=f"{title} = {leg.mb_per_s:.0f} MB/s", title_justify="left", title_style="bold", box=None)
    table.add_column("file", overflow="fold")
    table.add_column("bytes", justify="right")
    table.add_column("at the source", style="dim")
    table.add_column("where it landed", style="dim")
    table.add_column("")
    hidden = 0
    shown: dict[str, int] = {}
    for pair in leg.pairs:
        folder = pair.path.rpartition("/")[0]
        shown[folder] = shown.get(folder, 0) + 1
        if pair.is_same and shown[folder] > SHOWN:
            hidden += 1
        else:
            table.add_row(*_row(pair))
    if hidden:
        table.add_row(f"[dim]... and {hidden} more, all the same[/]")
    return table


def _row(pair: Pair) -> tuple[str, ...]:
    mark = "[green]✓[/]" if pair.is_same else "[red]✗[/]"
    return pair.path, f"{pair.size:,}", pair.source[:HASH] or "-", pair.destination[:HASH] or "-", mark
