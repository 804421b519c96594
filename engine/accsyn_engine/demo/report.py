"""The demo's last page: every file, both hashes, how long each way took, and whether all of it is true."""

from __future__ import annotations

import os
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from accsyn_engine.demo.evidence import Leg, Pair
from accsyn_engine.demo.story import Telling

SHOWN = 4  # of many small files in one folder, so many are listed
HASH = 8  # digits of a hash that are shown to people; --json has all


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
        console.print()
        console.print(_table(leg))
    console.print("\n[bold]The sheet[/]")
    for name in ("assignee", "status", "comment", "version", "path"):
        console.print(f"[dim]{name:>9}[/]  {telling.row.get(name) or '-'}", soft_wrap=True)
    console.print()
    if telling.is_true:
        console.print(f"[bold green]Everything is where it belongs, byte for byte,[/] after {seconds:.1f} s.")
    else:
        console.print("[bold red]Something differs:[/] a row marked ✗, the sheet, or the hook did not run once.")


def _table(leg: Leg) -> Table:
    top = os.path.commonpath([pair.path for pair in leg.pairs]) if leg.pairs else ""
    facts = f"{len(leg.pairs)} files, {leg.size / 1e6:.1f} MB in {leg.seconds:.2f} s = {leg.mb_per_s:.0f} MB/s"
    title = f"[bold]{leg.name}[/]: {facts}\n[dim]{top}/[/]"
    table = Table(title=title, title_justify="left", title_style="", box=None, pad_edge=False, header_style="dim")
    table.add_column("file", overflow="fold")
    table.add_column("bytes", justify="right")
    table.add_column("source", style="dim")
    table.add_column("landed", style="dim")
    table.add_column("")
    hidden = 0
    shown: dict[str, int] = {}
    for pair in leg.pairs:
        folder = pair.path.rpartition("/")[0]
        shown[folder] = shown.get(folder, 0) + 1
        if pair.is_same and shown[folder] > SHOWN:
            hidden += 1
        else:
            table.add_row(*_row(pair, top))
    if hidden:
        table.add_row(f"[dim]... and {hidden} more, all the same[/]")
    return table


def _row(pair: Pair, top: str) -> tuple[str, ...]:
    mark = "[green]✓[/]" if pair.is_same else "[red]✗[/]"
    name = escape(pair.path.removeprefix(f"{top}/"))
    return name, f"{pair.size:,}", pair.source[:HASH] or "-", pair.destination[:HASH] or "-", mark
