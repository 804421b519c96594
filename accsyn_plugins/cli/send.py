"""`accsyn-plugins send`: the action "send to vendor" by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import click

from accsyn_plugins.actions import send as action
from accsyn_plugins.actions.plan import Context, Plan
from accsyn_plugins.cli.options import open_context, with_settings
from accsyn_plugins.cli.output import Voice, say_answer, say_error, show_plan
from accsyn_plugins.config import Settings
from accsyn_plugins.errors import AccsynError


@dataclass
class Answer:
    """What `--json` prints: plans of a dry run, or outcomes, and the tasks that failed."""

    dry_run: bool
    plans: list[dict[str, Any]] = field(default_factory=list)
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, str]] = field(default_factory=list)


@click.command()
@click.argument("tasks", nargs=-1, required=True, metavar="TASK...")
@click.option("--tracker", required=True, help="name of the tracker, e.g. sheet")
@click.option("--to", default="", metavar="EMAIL", help="the vendor, instead of the task's assignee")
@click.option("--dry-run", is_flag=True, help="print the plan and change nothing")
@click.option("--wait", is_flag=True, help="until the package has landed at the vendor")
@with_settings
def send(
    tasks: tuple[str, ...], tracker: str, to: str, *, dry_run: bool, wait: bool, settings: Settings, as_json: bool
) -> int:
    """Send the files of each TASK to the vendor it is assigned to."""
    answer = Answer(dry_run)
    with open_context(settings) as context, Voice(as_json=as_json) as voice:
        for task in tasks:
            try:
                plan = action.plan(context, tracker, task, to=to)
                if dry_run:
                    answer.plans.append(plan.as_json())
                    if not as_json:
                        show_plan(plan)
                else:
                    _carry_out(plan, context, voice, answer, wait=wait)
            except AccsynError as error:
                answer.errors.append({"task": task, **error.as_json()})
                say_error(error.code, error.message, as_json=as_json)
    if as_json:
        say_answer(vars(answer))
    return 1 if answer.errors else 0


def _carry_out(plan: Plan, context: Context, voice: Voice, answer: Answer, *, wait: bool) -> None:
    outcome = action.execute(plan, context, voice.progress, wait=wait)
    answer.outcomes.append(outcome.as_json())
    if not voice.as_json:
        made = ", ".join(outcome.made) or "nothing; it was there already"
        click.echo(f"{plan.task.id} -> {plan.recipient}: job {outcome.job.name} is {outcome.job.status}. Made: {made}.")
