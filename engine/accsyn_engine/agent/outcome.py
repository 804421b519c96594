"""How a transfer ended, as the engine is told it. Pure: from results and errors to words of the agent API."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from accsyn_engine.transfer.work import Failure, Outcome, Progress
from accsyn_plugins.errors import AccsynError

DONE, FAILED, LOST, STOPPED = "done", "failed", "lost", "stopped"

BY_ENGINE = "job-stopped"  # reason of a stop that the engine ordered
BY_AGENT = "agent-stopped"  # reason of a stop because this agent ends

# What passes by itself: the engine starts a new transfer, which resumes. Everything else fails the job at once.
OUTCOMES: dict[str, str] = {
    "peer-lost": LOST,
    "peer-refused": LOST,
    "peer-unreachable": LOST,
    "ports-busy": LOST,
    "engine-away": LOST,
    BY_AGENT: LOST,
    "transfer-stopped": LOST,  # the other side was stopped and knows why; if the engine did it, this report is too late
    BY_ENGINE: STOPPED,
}
FAILURES_TOLD = 1000


def ended_well(outcome: Outcome) -> dict[str, Any]:
    """A session that was carried to its end; files that did not get through make it failed."""
    return {
        "outcome": FAILED if outcome.failures else DONE,
        "error": None,
        "failures": [_failure(failure) for failure in outcome.failures[:FAILURES_TOLD]],
        "progress": numbers(outcome.progress),
        "receipt": outcome.receipt,
    }


def ended_by(error: AccsynError, progress: Progress) -> dict[str, Any]:
    """A session that broke off. A stop carries the reason why the side that stopped it did so."""
    code = str(error.facts.get("reason", error.code))
    return {
        "outcome": OUTCOMES.get(code, FAILED),
        "error": {"code": code, "message": _clean(error.message)},
        "failures": [],
        "progress": numbers(progress),
        "receipt": None,
    }


def numbers(progress: Progress, speed: int | None = None) -> dict[str, Any]:
    """What every report says of how far it is, and of the line once that is known; `speed` in bytes a second."""
    line = (
        {}
        if progress.line is None
        else {"line": asdict(progress.line if speed is None else replace(progress.line, goodput=speed))}
    )
    return line | {
        "size": progress.size,
        "acked": progress.acked,
        "moved": progress.moved,
        "files": progress.files,
        "files_done": progress.files_done,
    }


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "task": failure.task,
        "path": _clean(failure.path),
        "code": failure.code,
        "message": _clean(failure.message),
    }


def _clean(text: str) -> str:
    """No broken bytes of a file's name: they cannot be stored as text."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
