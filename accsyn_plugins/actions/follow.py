"""Watch a job until it is over, telling how far it is."""

from __future__ import annotations

from accsyn_plugins.actions.plan import ACTIVE, Context, JobFailedError, Progress, Report, read_job
from accsyn_plugins.manager import notify
from accsyn_plugins.model import JobState
from accsyn_plugins.transport import UnreachableError

LOOK_EVERY_S = 0.5
PATIENCE_S = 120.0  # how long an engine may be away; its transfers go on without it


def follow(context: Context, job: JobState, report: Report) -> JobState:
    """Wait for the end; raises JobFailedError with the job's sentence unless it is done."""
    told, away_since = "", -1.0
    while True:
        if job.status != told:
            told = job.status
            notify(context.manager, "job_changed", job=job, settings=context.settings)
        report(_progress(job))
        if job.status not in ACTIVE:
            break
        context.clock.sleep(LOOK_EVERY_S)
        job, away_since = _look(context, job, away_since, report)
    if job.status != "done":
        raise JobFailedError(job=job.name, state=job.status, reason=job.reason or "the engine gives no reason.")
    return job


def _look(context: Context, job: JobState, away_since: float, report: Report) -> tuple[JobState, float]:
    try:
        return read_job(context, job.id), -1.0
    except UnreachableError as error:
        now = context.clock.monotonic()
        away_since = now if away_since < 0 else away_since
        if now - away_since > PATIENCE_S:
            raise
        report(Progress("waiting", error.message))
        return job, away_since


def _progress(job: JobState) -> Progress:
    done = job.done or int(max(job.size, 0) * job.progress / 100)
    sentence = f"{job.name}: {job.status}"
    if job.files:
        sentence += f", {job.files_done} of {job.files} files"
    if job.reason and job.status != "done":
        sentence += f". {job.reason}"
    return Progress(job.status, sentence, done, job.size, job.speed)
