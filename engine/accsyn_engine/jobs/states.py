"""The states of jobs and tasks and every move between them, as tables; what is not in a table is not possible.

Who asks is part of the table: a user pauses, aborts, resumes or forces; the engine starts, loses, fails and finishes.
"""

from __future__ import annotations

from enum import StrEnum

from accsyn_plugins.errors import AccsynError


class Status(StrEnum):
    """Where a transfer job stands."""

    INIT = "init"
    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    FAILED = "failed"
    ABORTED = "aborted"
    DONE = "done"


class Phase(StrEnum):
    """What a job is at. A retry starts in the phase where the job stands."""

    SUBMIT = "submit"  # the hooks that come before everything else
    MEASURE = "measure"  # the source's agent is asked how big it is; nothing waits for the answer
    TRANSFER = "transfer"
    HOOK = "hook"  # the hooks that come after the last file


BEFORE_TRANSFER = frozenset({Phase.SUBMIT, Phase.MEASURE})


class Move(StrEnum):
    """What happens to a job."""

    ACCEPT = "accept"  # engine: what comes before the transfer is over
    START = "start"  # engine: an attempt begins
    LOSE = "lose"  # engine: the attempt broke off, another will follow
    FAIL = "fail"  # engine
    FINISH = "finish"  # engine: everything is in place and every hook has run
    PAUSE = "pause"  # user
    RESUME = "resume"  # user: also retries and revives
    ABORT = "abort"  # user
    FORCE = "force"  # user: call it done


_ANY = frozenset(Status)
_LIVE = frozenset({Status.INIT, Status.WAITING, Status.RUNNING, Status.FAILED})

JOB_MOVES: dict[Move, tuple[frozenset[Status], Status]] = {
    Move.ACCEPT: (frozenset({Status.INIT, Status.WAITING}), Status.WAITING),
    Move.START: (frozenset({Status.INIT, Status.WAITING}), Status.RUNNING),
    Move.LOSE: (frozenset({Status.RUNNING, Status.WAITING}), Status.WAITING),
    Move.FAIL: (frozenset({Status.INIT, Status.WAITING, Status.RUNNING, Status.PAUSED}), Status.FAILED),
    Move.FINISH: (frozenset({Status.WAITING, Status.RUNNING}), Status.DONE),
    Move.PAUSE: (_LIVE | {Status.PAUSED}, Status.PAUSED),
    Move.RESUME: (_ANY, Status.WAITING),
    Move.ABORT: (_LIVE | {Status.PAUSED, Status.ABORTED}, Status.ABORTED),
    Move.FORCE: (_ANY, Status.DONE),
}

# What a script writes into `status`, and the move it asks for.
WRITABLE: dict[str, Move] = {
    "paused": Move.PAUSE,
    "waiting": Move.RESUME,
    "queued": Move.RESUME,
    "resume": Move.RESUME,
    "retry": Move.RESUME,
    "aborted": Move.ABORT,
    "done": Move.FORCE,
}

FINISHED = frozenset({Status.DONE, Status.ABORTED})


class MoveRefusedError(AccsynError):
    """A move that the table does not have."""

    code = "job-state"
    status = 409
    sentence = 'The job "{job}" is {status}, so it cannot be changed to {wanted}; look at its status again.'


def after(status: str, move: Move, *, job: str) -> Status:
    """Give the status after a move; raises MoveRefusedError."""
    allowed, target = JOB_MOVES[move]
    if Status(status) not in allowed:
        raise MoveRefusedError(job=job, status=status, wanted=target.value)
    return target


class TaskStatus(StrEnum):
    """Where one task of a job stands."""

    PENDING = "pending"  # shown while the receiver must choose a folder, never stored
    QUEUED = "queued"
    EXECUTING = (
        "executing"  # shown while the job runs, never stored: a job of a million tasks starts and pauses at once
    )
    FAILED = "failed"
    ONHOLD = "onhold"
    EXCLUDED = "excluded"
    DONE = "done"


# What a script may write; `queued` on a failed or finished task is a retry.
TASK_WRITABLE = frozenset(
    {TaskStatus.QUEUED, TaskStatus.ONHOLD, TaskStatus.EXCLUDED, TaskStatus.FAILED, TaskStatus.DONE}
)
# What the next transfer takes along, and what is under way while the job runs.
TASK_WANTED = (TaskStatus.QUEUED,)
# What a retry of the job queues again.
TASK_RETRIED = (TaskStatus.FAILED,)
