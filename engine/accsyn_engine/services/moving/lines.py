"""What the ends of a transfer tell of the line between them: read with bounds, joined, shown, and kept by pair.

The sender knows round trips, loss, capacity and what it sent twice; the receiver knows what arrives and whether its
disk keeps up. A number that makes no sense counts as not told: it must not end a transfer that goes well.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from accsyn_engine.clock import iso
from accsyn_engine.services.context import Work
from accsyn_engine.store.schema import line, transfer

TRANSPORTS = frozenset({"udp", "tcp"})
LIMITERS = frozenset({"line", "sender-disk", "receiver-disk", "cap", "cpu"})
MOST = 2**53  # bytes, and bytes a second: what JSON's numbers hold exactly
MOST_STREAMS = 1000
LONGEST_S = 3600.0

Data = dict[str, Any]


def read(told: object) -> Data | None:
    """Take what a report says under `line`; None when it says nothing."""
    if not isinstance(told, dict):
        return None
    return {
        "transport": _word(told.get("transport"), TRANSPORTS),
        "streams": _whole(told.get("streams"), MOST_STREAMS),
        "rtt_s": _number(told.get("rtt_s"), LONGEST_S),
        "min_rtt_s": _number(told.get("min_rtt_s"), LONGEST_S),
        "capacity": _whole(told.get("capacity"), MOST),
        "loss": _number(told.get("loss"), 1.0),
        "retransmitted": _whole(told.get("retransmitted"), MOST) or 0,
        "goodput": _whole(told.get("goodput"), MOST),
        "limited_by": _word(told.get("limited_by"), LIMITERS),
    }


def _word(value: object, allowed: frozenset[str]) -> str | None:
    return value if isinstance(value, str) and value in allowed else None


def _number(value: object, most: float) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= most else None  # type: ignore[operator, arg-type]  # is_number


def _whole(value: object, most: int) -> int | None:
    number = _number(value, most)
    return None if number is None else int(number)


def values(row: Row[Any], numbers: Data, now: int, *, is_receiver: bool, speed: int | None = None) -> Data:
    """Give the columns of an attempt that a report changes; none when the sender says nothing of the line.

    `speed` is the receiver's, in bytes a second. What is not known any more stays as it was.
    """
    told = read(numbers.get("line"))
    if told is None and not is_receiver:
        return {}
    side = "receiver_line" if is_receiver else "sender_line"
    fresh = (told or {}) | {"at": now}
    if is_receiver:
        fresh |= {
            "goodput": fresh.get("goodput") if speed is None else speed,
            "moved": _whole(numbers.get("moved"), MOST),
        }
    known = {name: value for name, value in (getattr(row, side) or {}).items() if fresh.get(name) is None}
    return {side: fresh | known}


def joined(sender: Data | None, receiver: Data | None, *, is_running: bool) -> Data | None:
    """Join what both ends told; None when there is nothing to show.

    Goodput is of this moment, so only a transfer that runs has one.
    """
    if sender is None and receiver is None:
        return None
    sender, receiver = sender or {}, receiver or {}
    again, moved = sender.get("retransmitted", 0), receiver.get("moved") or 0
    names = ("transport", "streams", "rtt_s", "min_rtt_s", "capacity", "loss")
    held_by_receiver = receiver.get("limited_by") == "receiver-disk"
    return {name: sender.get(name) for name in names} | {
        "retransmitted": again,
        "retransmitted_share": again / (moved + again) if again else 0.0,
        "goodput": receiver.get("goodput") if is_running else None,
        "limited_by": "receiver-disk" if held_by_receiver else sender.get("limited_by"),
        "measured": iso(max(side["at"] for side in (sender, receiver) if side)),
    }


def remember(work: Work, transfer_id: str) -> None:
    """Keep what a transfer found out about the line, one row for each pair of agents and direction."""
    row = work.connection.execute(select(transfer).where(transfer.c.id == transfer_id)).one()
    told = row.sender_line
    if told is None or told.get("transport") is None or (told["capacity"] is None and told["min_rtt_s"] is None):
        return
    known = of_pair(work, row.sender_id, row.receiver_id)
    pair = line.c.sender_id == row.sender_id, line.c.receiver_id == row.receiver_id
    found = {
        "transport": told["transport"],
        "rtt_us": _scaled(told["min_rtt_s"] if told["min_rtt_s"] is not None else told["rtt_s"]),
        "capacity": _capacity(told, known),
        "loss_ppm": _scaled(told["loss"]),
        "measured": told["at"],
    }
    changed = update(line).where(*pair).values(found)
    if work.connection.execute(changed).rowcount:
        return
    try:
        with work.connection.begin_nested():
            work.connection.execute(insert(line).values(sender_id=row.sender_id, receiver_id=row.receiver_id, **found))
    except IntegrityError:  # another transfer of the same pair ended at this moment
        work.connection.execute(changed)


def _scaled(value: float | None) -> int | None:
    return None if value is None else round(value * 1_000_000)


def _capacity(told: Data, known: Row[Any] | None) -> int | None:
    """What was held back by something else than the line only says: at least so much."""
    now: int | None = told["capacity"]
    before: int | None = None if known is None else known.capacity
    if now is None or before is None:
        return before if now is None else now
    return now if told["limited_by"] == "line" else max(now, before)


def of_pair(work: Work, sender_id: str, receiver_id: str) -> Row[Any] | None:
    """Read what is known of the line from one agent to another."""
    pair = line.c.sender_id == sender_id, line.c.receiver_id == receiver_id
    return work.connection.execute(select(line).where(*pair)).first()


def shown(row: Row[Any]) -> Data:
    """Show a kept line in the units of the others: seconds, shares, bytes a second."""
    return {
        "transport": row.transport,
        "min_rtt_s": None if row.rtt_us is None else row.rtt_us / 1_000_000,
        "capacity": row.capacity,
        "loss": None if row.loss_ppm is None else row.loss_ppm / 1_000_000,
        "measured": iso(row.measured),
    }
