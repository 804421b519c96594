"""The states of deliveries and requests, and every move between them; what is not in the table is not possible."""

from __future__ import annotations

from enum import StrEnum

from accsyn_engine.jobs.states import MoveRefusedError

DELIVERY, REQUEST = 7, 8  # types of the job family, as accsyn's API numbers them
KINDS = {"delivery": DELIVERY, "request": REQUEST}
NAMES = {number: name for name, number in KINDS.items()}

HOUR_MS = 3600 * 1000
INIT_MS = 8 * HOUR_MS  # how long one may be put together
OPEN_MS = 30 * 24 * HOUR_MS  # how long its files can be fetched unless told otherwise
KEPT_MS = 4 * HOUR_MS  # how long its files stay after its end


class DeliveryStatus(StrEnum):
    """Where a delivery or request stands."""

    INIT = "init"  # being put together
    PENDING = "pending"  # submitted, and files of it are still on their way
    WAITING = "waiting"  # its recipients were told and may act
    DONE = "done"
    ABORTED = "aborted"


class DeliveryMove(StrEnum):
    """What happens to one."""

    SUBMIT = "submit"  # user
    OPEN = "open"  # engine: everything is in place
    END = "end"  # user, or the day it expires
    ABORT = "abort"  # user, or never submitted


_ALIVE = frozenset({DeliveryStatus.INIT, DeliveryStatus.PENDING, DeliveryStatus.WAITING})
OVER = frozenset({DeliveryStatus.DONE, DeliveryStatus.ABORTED})

MOVES: dict[DeliveryMove, tuple[frozenset[DeliveryStatus], DeliveryStatus]] = {
    DeliveryMove.SUBMIT: (frozenset({DeliveryStatus.INIT}), DeliveryStatus.PENDING),
    DeliveryMove.OPEN: (frozenset({DeliveryStatus.PENDING}), DeliveryStatus.WAITING),
    DeliveryMove.END: (_ALIVE, DeliveryStatus.DONE),
    DeliveryMove.ABORT: (_ALIVE, DeliveryStatus.ABORTED),
}

# What a script writes into `status`, and the move it asks for.
WRITABLE: dict[str, DeliveryMove] = {
    "pending": DeliveryMove.SUBMIT,
    "waiting": DeliveryMove.SUBMIT,
    "done": DeliveryMove.END,
    "aborted": DeliveryMove.ABORT,
}


def after(status: str, move: DeliveryMove, *, name: str) -> DeliveryStatus:
    """Give the status after a move; raises MoveRefusedError."""
    allowed, target = MOVES[move]
    if DeliveryStatus(status) not in allowed:
        raise MoveRefusedError(job=name, status=status, wanted=target.value)
    return target
