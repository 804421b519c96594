"""`accsyn-plugins watch`: send each task as soon as it is assigned."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from threading import Event
from typing import Any

import click

from accsyn_plugins.actions.watch import Failed, Look, Memory, TrackerUnknownError, Watcher
from accsyn_plugins.cli.options import open_context, with_settings
from accsyn_plugins.cli.output import Voice, say_answer, say_error
from accsyn_plugins.config import SettingMissingError, Settings
from accsyn_plugins.errors import AccsynError
from accsyn_plugins.model import as_json as value_as_json

INTERVAL_S = 2.0
BACK_OFF_S = 30.0  # the longest pause while the tracker or the engine is away
FATAL = (TrackerUnknownError, SettingMissingError)  # waiting does not mend these


@click.command()
@click.option("--tracker", required=True, help="name of the tracker, e.g. sheet")
@click.option("--once", is_flag=True, help="look once, retry what failed before, and end")
@click.option("--interval", default=INTERVAL_S, type=click.FloatRange(min=0.1), help="seconds between two looks")
@with_settings
def watch(tracker: str, *, once: bool, interval: float, settings: Settings, as_json: bool) -> int:
    """Wait for tasks to be assigned in the tracker, and send them."""
    over = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    total: list[Look] = []
    with open_context(settings) as context, Voice(as_json=as_json) as voice:
        memory = Memory.open(settings.state_folder() / f"watch-{tracker}.json")
        watcher = Watcher(context, tracker, memory, voice.progress, is_over=over.is_set)
        if once:
            total.append(_tell(watcher.look(retry_now=True), as_json=as_json))
        else:
            _go_on(watcher, over, interval, total, as_json=as_json)
    failed = [one for look in total for one in look.failed]
    if as_json:
        sent = [outcome.as_json() for look in total for outcome in look.sent]
        say_answer({"tracker": tracker, "looks": len(total), "sent": sent, "failed": _failures(failed)})
    return 1 if once and failed else 0


def _go_on(watcher: Watcher, over: Event, interval: float, total: list[Look], *, as_json: bool) -> None:
    """Look again and again; what cannot be worked with is said once and waited for, longer each time."""
    said, pause = "", interval
    while not over.is_set():
        try:
            look = _tell(watcher.look(), as_json=as_json)
            if look.sent or look.failed or not total:
                total.append(look)
            said, pause = "", interval
        except FATAL:
            raise
        except AccsynError as error:
            if error.message != said:
                say_error(error.code, error.message, as_json=as_json)
            said, pause = error.message, min(pause * 2, BACK_OFF_S)
        over.wait(pause)


def _tell(look: Look, *, as_json: bool) -> Look:
    for failed in look.failed:
        say_error(failed.code, failed.message, as_json=as_json)
    if not as_json:
        for outcome in look.sent:
            click.echo(f"{outcome.plan.task.id} -> {outcome.plan.recipient}: job {outcome.job.name}")
    return look


def _failures(failed: Iterable[Failed]) -> list[dict[str, Any]]:
    return [{"task": value_as_json(one.task), "code": one.code, "message": one.message} for one in failed]
