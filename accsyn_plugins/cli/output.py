"""How commands speak: tables and a bar for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TransferSpeedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from accsyn_plugins.actions.plan import Plan, Progress
from accsyn_plugins.model import as_json as value_as_json

SHOWN = 20  # files or sequences in a table before the rest is counted


class Voice:
    """Draws progress and prints the answer; a context, since a bar must be taken down again."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.console = Console(stderr=True, highlight=False)
        self._bar: Bar | None = None
        self._line: TaskID | None = None
        self._said = ""

    def __enter__(self) -> Voice:  # noqa: PYI034 - nobody derives from it
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def progress(self, event: Progress) -> None:
        """Tell one step: a JSON line, a bar once bytes move, else a line when the sentence is new."""
        if self.as_json:
            say_line({"event": "progress", **value_as_json(event)})
        elif event.total >= 0 and event.stage in {"running", "done"}:
            self._draw(event)
        elif event.sentence != self._said:
            self.console.print(f"  {escape(event.sentence)}")
        self._said = event.sentence

    def _draw(self, event: Progress) -> None:
        if self._bar is None:
            columns = (TextColumn("  {task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
            self._bar = Bar(*columns, console=self.console)
            self._line = self._bar.add_task("", total=None)
            self._bar.start()
        if self._line is not None:
            self._bar.update(
                self._line, description=escape(event.sentence), total=max(event.total, 1), completed=event.done
            )


def say_line(facts: Mapping[str, Any]) -> None:
    """One JSON line on stderr."""
    sys.stderr.write(json.dumps(facts, ensure_ascii=False) + "\n")
    sys.stderr.flush()


def say_error(code: str, message: str, *, as_json: bool) -> None:
    """One sentence on stderr, or {code, message}."""
    if as_json:
        say_line({"code": code, "message": message})
    else:
        sys.stderr.write(message + "\n")


def say_answer(facts: Mapping[str, Any]) -> None:
    """The one object on stdout."""
    sys.stdout.write(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")


def show_plan(plan: Plan) -> None:
    """Print a plan as tables on stdout."""
    console = Console(highlight=False)
    console.print(_facts(plan))
    if plan.access:
        console.print(_access(plan))
    console.print(_files(plan))
    for verdict in plan.warnings:
        console.print(f"[yellow]Warning[/] {escape(verdict.path)}: {escape(verdict.sentence)}")
    for verdict in plan.refusals:
        console.print(f"[red]Refused[/] {escape(verdict.path)}: {escape(verdict.sentence)}")
    if plan.refusals:
        console.print("[red]This would be refused; nothing would be sent.[/]")
    elif plan.changes_nothing:
        console.print("Everything is there already; nothing would be changed.")


def _facts(plan: Plan) -> Table:
    table = Table(title=f"Plan: {plan.action.replace('_', ' ')} {escape(plan.task.id)}", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    share = f"{plan.share.code} at {plan.share.path} ({plan.share.state})"
    account = "would be invited" if plan.invite else "has an account"
    rows = (
        ("Project", plan.task.project),
        ("Recipient", f"{plan.recipient} ({account})" if plan.action == "send_to_vendor" else plan.recipient),
        ("Share", share),
        ("Destination", _common([transfer.destination for transfer in plan.transfers])),
        ("Size", f"{decimal(plan.size)} in {len(plan.files)} files"),
        ("Job", f"{plan.job.name} ({plan.job.state}{', ' + plan.job.status if plan.job.status else ''})"),
        ("Comment", plan.comment),
        ("Status", plan.status),
        ("Left where it is", f"{len(plan.inputs)} inputs" if plan.inputs else ""),
    )
    for name, text in rows:
        if text:
            table.add_row(name, escape(text))
    return table


def _common(places: Sequence[str]) -> str:
    """The folder that holds all the places, with its party."""
    columns = zip(*(place.split("/") for place in places))
    same = [column[0] for column in takewhile(lambda column: len(set(column)) == 1, columns)]
    return places[0] if len(places) == 1 else "/".join(same) + "/"


def _access(plan: Plan) -> Table:
    table = Table(title=f"Access to {escape(plan.share.code)}")
    for title in ("Path", "Read", "Write", "State"):
        table.add_column(title, overflow="fold")
    for access in plan.access:
        marks = ("yes" if access.read else "-", "yes" if access.write else "-")
        table.add_row(escape(access.path or "/"), *marks, access.state)
    return table


def _files(plan: Plan) -> Table:
    table = Table(title="Files")
    table.add_column("Name", overflow="fold")
    table.add_column("Files", justify="right")
    table.add_column("Size", justify="right")
    for sequence in plan.sequences[:SHOWN]:
        table.add_row(escape(sequence.name), str(sequence.files), decimal(sequence.size))
    rest = plan.sequences[SHOWN:]
    if rest:
        count, size = sum(s.files for s in rest), sum(s.size for s in rest)
        table.add_row(f"... and {len(rest)} more", str(count), decimal(size))
    return table
