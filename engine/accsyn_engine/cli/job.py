"""`job`: what moves, what waits, what failed and why."""

from __future__ import annotations

from typing import Any

import click

from accsyn_engine.cli.connection import Engine, connected
from accsyn_engine.cli.output import json_option, print_answer, print_rows
from accsyn_engine.cli.speeds import line_text

COLUMNS = ("id", "name", "user_hr", "status", "progress", "size", "source_hr", "destination_hr")


@click.group()
def job() -> None:
    """List, show, pause, resume, retry and abort jobs."""


@job.command("list")
@click.option("--finished", is_flag=True, help="Those that are done or aborted.")
@click.option("--archived", is_flag=True, help="Those that were deleted.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option("--skip", type=click.IntRange(0), default=0)
@connected
@json_option
def list_jobs(engine: Engine, *, finished: bool, archived: bool, limit: int, skip: int, as_json: bool) -> None:
    """Show jobs."""
    rows = engine.find("job", finished=finished, archived=archived, limit=limit, skip=skip)
    print_rows("jobs", rows, COLUMNS, as_json=as_json, empty="There are no such jobs.")


@job.command()
@click.argument("name")
@connected
@json_option
def show(engine: Engine, name: str, as_json: bool) -> None:
    """Show one job, by id or code, with its tasks."""
    known = _job(engine, name)
    tasks = engine.result("GET", "task/find", {"parent": known["id"]})
    print_answer({"job": known, "tasks": tasks}, _portrait(known, tasks), as_json=as_json)


def _job(engine: Engine, name: str) -> dict[str, Any]:
    return engine.one("job", name, single_entity_query=True)


def _portrait(known: dict[str, Any], tasks: list[dict[str, Any]]) -> str:
    lines = [f"{known['name']} ({known['id']}): {known['status']}, {known.get('progress', 0)} %"]
    lines += [f"  {known.get('source_hr')} -> {known.get('destination_hr')}, {known.get('size')} bytes"]
    lines += [f"  {known[field]}" for field in ("status_reason", "error") if known.get(field)]
    lines += [f"  {line_text(known['line'])}"] if known.get("line") and line_text(known["line"]) else []
    for task in tasks:
        source, destination = task.get("source") or {}, task.get("destination") or {}
        lines.append(f"  {task['uri']}: {task['status']}  {source.get('path')} -> {destination.get('path')}")
    return "\n".join(lines)


def _command(name: str, status: str, done: str, explained: str) -> None:
    @job.command(name, help=explained)
    @click.argument("name")
    @connected
    @json_option
    def change(engine: Engine, name: str, as_json: bool) -> None:
        known = _job(engine, name)
        changed = engine.result("PUT", "job/edit", {"status": status}, id=known["id"])[0]
        print_answer({"job": changed}, f"{known['name']} {done}.", as_json=as_json)


for row in (
    ("pause", "paused", "is paused", "Hold a job; what has arrived is kept."),
    ("resume", "waiting", "goes on", "Let a paused job go on."),
    ("retry", "waiting", "is tried again", "Try a failed job again, from where it failed."),
    ("abort", "aborted", "is aborted", "End a job for good."),
):
    _command(*row)
