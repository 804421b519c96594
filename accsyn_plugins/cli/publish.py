"""`accsyn-plugins publish`: the action "publish back" from a project file."""

from __future__ import annotations

import click

from accsyn_plugins.actions import publish as action
from accsyn_plugins.cli.options import open_context, with_settings
from accsyn_plugins.cli.output import Voice, say_answer, show_plan
from accsyn_plugins.config import Settings


@click.command()
@click.argument("project_file", metavar="PROJECT_FILE")
@click.option("--task", default="", help="the task, when the project file does not say it")
@click.option("--comment", default="", help="what the studio should read beside the task")
@click.option("--status", default="", help="the status to ask for, instead of the studio's usual one")
@click.option("--dry-run", is_flag=True, help="print the plan and change nothing")
@with_settings
def publish(
    project_file: str, task: str, comment: str, status: str, *, dry_run: bool, settings: Settings, as_json: bool
) -> int:
    """Send the result in PROJECT_FILE, with all it depends on, back to the studio."""
    with open_context(settings) as context, Voice(as_json=as_json) as voice:
        plan = action.plan(context, project_file, task=task, comment=comment, status=status)
        if dry_run:
            if as_json:
                say_answer({"dry_run": True, "plan": plan.as_json(), "outcome": None})
            else:
                show_plan(plan)
            return 0
        outcome = action.execute(plan, context, voice.progress)
    if as_json:
        say_answer({"dry_run": False, "plan": None, "outcome": outcome.as_json()})
    else:
        click.echo(
            f"{plan.task.id}: {len(plan.files)} files are at {outcome.plan.destination} (job {outcome.job.name})."
        )
    return 0
