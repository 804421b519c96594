"""What commands print: one JSON object or a table on standard output, errors on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click

from accsyn_plugins.errors import AccsynError

Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(command: Command) -> Command:
    """`--json`, the same for every command."""
    option = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
    return option(command)


def print_error(error: AccsynError, *, as_json: bool) -> None:
    """One sentence, or {code, message} as one line of JSON, on standard error."""
    if as_json:
        click.echo(json.dumps(error.as_json(), ensure_ascii=False), err=True)
    else:
        click.echo(error.message, err=True)


def print_answer(answer: Mapping[str, Any], sentence: str, *, as_json: bool) -> None:
    """One object for programs, or one sentence for people."""
    click.echo(json.dumps(answer, ensure_ascii=False) if as_json else sentence)
    sys.stdout.flush()


def print_rows(
    name: str, rows: Sequence[Mapping[str, Any]], columns: Iterable[str], *, as_json: bool, empty: str
) -> None:
    """A list of entities: under its name for programs, as a table for people."""
    if as_json:
        print_answer({name: list(rows)}, "", as_json=True)
        return
    if not rows:
        click.echo(empty)
        return
    _print_table(rows, list(columns))


def _print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    from rich.console import Console  # costs a tenth of a second that --help need not wait for
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.removesuffix("_hr"), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    console = Console(soft_wrap=not sys.stdout.isatty(), markup=False, highlight=False)
    console.print(table)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list() | dict():
            return json.dumps(value, ensure_ascii=False)
    return str(value)
