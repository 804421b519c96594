"""`hook`: scripts that the server agent runs when something happens."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import click

from accsyn_engine.cli.connection import Engine, connected
from accsyn_engine.cli.output import json_option, print_answer, print_rows
from accsyn_plugins.errors import AccsynError


class HookDataError(AccsynError):
    """--input is no JSON object."""

    code = "bad-hook-data"
    sentence = '"{file}" cannot be used as a hook\'s input ({why}); give a file with one JSON object.'


class HookFailedError(AccsynError):
    """A tried hook did not end well."""

    code = "hook-failed"
    sentence = "The hook {hook} {state}: {why}"


@click.group()
def hook() -> None:
    """Set, try and look at hooks."""


@hook.command("set")
@click.argument("name")
@click.argument("command")
@click.option("--os", "system", type=click.Choice(["linux", "windows", "mac"]), help="Only where the server runs this.")
@click.option("--idempotent", is_flag=True, help="Safe to run again by itself when nobody knows how a run ended.")
@connected
@json_option
def set_hook(engine: Engine, *, name: str, command: str, system: str | None, idempotent: bool, as_json: bool) -> None:
    """Run COMMAND at NAME (as in job-post-done-server); ${PATH_JSON_INPUT} in it is the file with the facts."""
    setting = _setting(name)
    value: dict[str, Any] = {"entitytype": "workspace", "name": setting, "value": command}
    engine.result("PUT", "setting", {**value, "os": system} if system else value)
    flag = {"entitytype": "workspace", "name": f"{setting}-idempotent", "value": "true" if idempotent else "false"}
    engine.result("PUT", "setting", flag)
    answer = {"hook": name, "command": command, "os": system, "idempotent": idempotent}
    print_answer(answer, f"{name} runs: {command}", as_json=as_json)


def _setting(name: str) -> str:
    """The name under which the engine knows it for a hook and refuses it when there is no such hook."""
    return name if name.startswith(("hook-", "job-")) else f"hook-{name}"


@hook.command()
@click.argument("name")
@connected
@json_option
def clear(engine: Engine, name: str, as_json: bool) -> None:
    """Run nothing at NAME any more."""
    for setting in (_setting(name), f"{_setting(name)}-idempotent"):
        engine.result("DELETE", "setting", {"entitytype": "workspace", "name": setting})
    print_answer({"hook": name, "command": None}, f"{name} runs nothing.", as_json=as_json)


@hook.command()
@click.argument("name")
@click.option("--input", "file", type=click.Path(path_type=Path), help="A JSON file to hand in; else an example.")
@connected
@json_option
def test(engine: Engine, name: str, file: Path | None, as_json: bool) -> None:
    """Run the hook once, on the server, and show what came of it."""
    data = {**_example(name), "hook": name} if file is None else _read(file)
    run = engine.result("PUT", "hook/test", {"hook": name, "data": data})[0]
    if run.get("state") != "done":
        raise HookFailedError(hook=name, state=run.get("state"), why=run.get("error") or "it gave no reason")
    sentence = f"{name} ended with exit code {run.get('exit_code')}.\n{run.get('output') or ''}".rstrip()
    print_answer({"run": run}, sentence, as_json=as_json)


def _example(name: str) -> dict[str, Any]:
    """The example that stands in the schema of this hook's input."""
    schema = "publish-input.json" if "pre-publish" in name else "hook-input.json"
    text = resources.files("accsyn_engine").joinpath("schemas", schema).read_text(encoding="utf-8")
    example: dict[str, Any] = json.loads(text)["examples"][0]
    return example


def _read(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HookDataError(file=file, why=error) from error
    if not isinstance(document, dict):
        raise HookDataError(file=file, why="it holds no object")
    return document


@hook.command()
@click.argument("job", required=False)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@connected
@json_option
def runs(engine: Engine, job: str | None, limit: int, as_json: bool) -> None:
    """Show the latest runs, of one JOB or of all."""
    data: dict[str, Any] = {"limit": limit}
    if job:
        data["job"] = engine.one("job", job, single_entity_query=True)["id"]
    rows = engine.result("GET", "hook/runs", data)
    columns = ("id", "hook", "job", "attempt", "state", "exit_code", "started", "ended", "error")
    print_rows("runs", rows, columns, as_json=as_json, empty="No hook has run.")
