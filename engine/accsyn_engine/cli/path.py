"""`path`: what the line to somebody can carry."""

from __future__ import annotations

from typing import Any

import click

from accsyn_engine.cli.connection import Engine, connected
from accsyn_engine.cli.output import json_option, print_answer, print_rows
from accsyn_engine.cli.speeds import line_text, speed_text
from accsyn_engine.transfer.work import SHORT_S

COLUMNS = ("source", "target", "transport", "min_rtt_s", "loss", "capacity", "measured")


@click.command()
@click.argument("target")
@click.option("--from", "source", metavar="AGENT", help="Where the line begins; else the studio's server.")
@click.option("--seconds", type=click.IntRange(1, 30), default=5, show_default=True, help="How long to measure.")
@click.option("--last", is_flag=True, help="Measure nothing; show what the last transfers found out.")
@connected
@json_option
def path(engine: Engine, *, target: str, source: str | None, seconds: int, last: bool, as_json: bool) -> None:
    """Measure the line to an agent of TARGET, a user's address or an agent's name."""
    if last:
        rows = engine.result("GET", "path/find", {"target": target})
        print_rows("paths", rows, COLUMNS, as_json=as_json, empty="Nothing has been sent there yet; measure it.")
        return
    wanted = {"target": target, "source": source, "seconds": seconds}
    found = engine.result("PUT", "path/measure", {name: value for name, value in wanted.items() if value is not None})
    print_answer({"path": found}, sentence(found), as_json=as_json)


def sentence(found: dict[str, Any]) -> str:
    """What was measured, for people; `found` is the engine's answer."""
    carried = found["capacity"] if found["capacity"] is not None else found.get("goodput")
    capacity = speed_text(carried) if carried is not None else "unknown"
    return "\n".join(
        (
            f"{found['source']} -> {found['target']}: {line_text(found | {'capacity': None})}",
            f"  capacity {capacity}; {_of_udp(found)}",
        )
    )


def _of_udp(found: dict[str, Any]) -> str:
    if found["udp"]:
        return "UDP gets through"
    if (found.get("rtt_s") or SHORT_S) < SHORT_S:
        return "TCP is used, since the line is short"
    return "UDP does not get through, TCP is used"
