"""The course of one attempt as its two agents report it: accepted, listening, running, ended."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select
from sqlalchemy import update as alter

from accsyn_engine.jobs.states import TASK_WANTED, Status
from accsyn_engine.services.context import Work
from accsyn_engine.services.errors import BadValueError, NotFoundError, StaleAgentError
from accsyn_engine.services.moving import events, limits, lines, probing, transfers
from accsyn_engine.services.moving.comparing import compare_of
from accsyn_engine.services.moving.transfers import LEASE_MS
from accsyn_engine.services.records.fields import texts
from accsyn_engine.services.records.rows import by_id
from accsyn_engine.services.work import outcomes
from accsyn_engine.store.schema import client, job, share, task, transfer

OUTCOMES = frozenset({"done", "failed", "lost", "stopped"})
RECEIVER_WRITES_MS = 800  # the receiver's numbers are written this long after the last renewal ...
SENDER_WRITES_MS = 4_000  # ... the sender only keeps the lease up while the receiver is silent,
LINE_WRITES_MS = 2_000  # but what it tells of the line is written this often


def stale(row: Row[Any]) -> StaleAgentError:
    """The error for an agent that was started again since."""
    return StaleAgentError(what=f"The agent on {row.code} was started again; this older start of it must end.")


def require(work: Work, machine: Row[Any], transfer_id: str, *, lock: bool = False) -> Row[Any]:
    """Read an attempt this agent has a part in; raises NotFoundError or StaleAgentError."""
    row = by_id(work, transfer, transfer_id, lock=lock)
    if row is None or machine.id not in {row.sender_id, row.receiver_id}:
        raise NotFoundError(kind="transfer", name=transfer_id)
    boots = {(row.sender_id, row.sender_boot), (row.receiver_id, row.receiver_boot)}
    if (machine.id, machine.boot) not in boots:
        raise stale(machine)
    return row


def standing(work: Work, row: Row[Any]) -> dict[str, Any]:
    """What an agent is answered: whether to go on, and its limit in bytes a second: None without, 0 to hold still."""
    if row.state == "ended":
        return {"state": "stopped", "limit": None, "reason": row.error or "The transfer has ended."}
    return {"state": "running", "limit": limits.limit_of(work, row.id), "reason": None}


def _set(work: Work, row: Row[Any], **values: Any) -> None:
    work.connection.execute(alter(transfer).where(transfer.c.id == row.id).values(**values))


def _handshake(work: Work, machine: Row[Any], transfer_id: str, *, side: str) -> Row[Any]:
    """The attempt, held to the side that may speak now."""
    row = require(work, machine, transfer_id, lock=True)
    listener = row.receiver_id if row.listener == "receiver" else row.sender_id
    if (machine.id == listener) != (side == "listener"):
        raise StaleAgentError(what=f"The agent on {machine.code} is not the {side} of this transfer.")
    return row


def accept(work: Work, machine: Row[Any], transfer_id: str, data: dict[str, Any]) -> dict[str, Any]:
    """Keep the connector's certificate and tell the listener."""
    row = _handshake(work, machine, transfer_id, side="connector")
    if row.state != "offered":
        return standing(work, row)
    certificate = _certificate(data)
    lease = work.now + transfers.HANDSHAKE_MS
    _set(work, row, state="accepted", connector_certificate=certificate, lease_until=lease)
    addresses = list(dict.fromkeys([machine.address, *machine.advertise]))
    told = {
        **_named(work, row),
        "role": row.listener,
        "peer_certificate": certificate,
        "peer_addresses": [address for address in addresses if address],
        "fresh": row.attempt == 1,
        "other": machine.id,
    }
    listener = row.receiver_id if row.listener == "receiver" else row.sender_id
    events.emit(work, listener, "transfer.listen", told)
    return {"state": "running", "limit": None, "reason": None}


def listening(work: Work, machine: Row[Any], transfer_id: str, data: dict[str, Any]) -> dict[str, Any]:
    """Keep the listener's certificate and port and tell the connector."""
    row = _handshake(work, machine, transfer_id, side="listener")
    if row.state != "accepted":
        return standing(work, row)
    certificate, port = _certificate(data), data.get("port")
    if not isinstance(port, int) or not 0 < port < 65536:
        raise BadValueError(what=f'"port" must be a port number, not {port!r:.60}.')
    datagrams = data.get("datagrams", 0)
    if not isinstance(datagrams, int) or not 0 <= datagrams < 65536:
        raise BadValueError(what=f'"datagrams" must be a UDP port, or 0 for none, not {datagrams!r:.60}.')
    addresses = texts(data, "addresses", most=64) or [*machine.advertise, machine.address]
    lease = work.now + transfers.HANDSHAKE_MS
    changed = {"listener_certificate": certificate, "addresses": addresses, "port": port, "lease_until": lease}
    _set(work, row, state="listening", **changed)
    told = {
        **_named(work, row),
        "role": "sender" if row.listener == "receiver" else "receiver",
        "peer_certificate": certificate,
        "addresses": addresses,
        "port": port,
        "datagrams": datagrams,
    }
    connector = row.sender_id if row.listener == "receiver" else row.receiver_id
    events.emit(work, connector, "transfer.connect", told)
    return {"state": "running", "limit": None, "reason": None}


def _named(work: Work, row: Row[Any]) -> dict[str, Any]:
    """What every event about an attempt says; where a job's id stands otherwise, a probe has its own."""
    limit = standing(work, row)["limit"]  # with the event, so that not a byte goes before it is known
    named = {"transfer": row.id, "job": row.job_id or row.id, "streams": row.streams, "limit": limit}
    parent = by_id(work, job, row.job_id) if row.job_id else None
    if parent is not None:
        named |= {"job_name": parent.name, "compare": compare_of(work, parent)}
    return named if row.probe is None else named | {"probe": row.probe}


def _certificate(data: dict[str, Any]) -> str:
    certificate = data.get("certificate")
    if not isinstance(certificate, str) or "BEGIN CERTIFICATE" not in certificate or len(certificate) > 10_000:
        raise BadValueError(what='"certificate" must be one certificate in PEM.')
    return certificate


def tasks(work: Work, machine: Row[Any], transfer_id: str, after: int, limit: int) -> dict[str, Any]:
    """A page of the attempt's tasks; `more` says whether to ask for the next."""
    row = require(work, machine, transfer_id)
    page = work.connection.execute(
        select(task.c.seq, task.c.id, task.c.source, task.c.destination)
        .where(task.c.job_id == row.job_id, task.c.seq > after, task.c.status.in_(TASK_WANTED))
        .order_by(task.c.seq)
        .limit(limit + 1)
    ).all()
    codes = {found.id: found.code for found in work.connection.execute(select(share.c.id, share.c.code))}
    receiver = by_id(work, client, row.receiver_id)
    mapped = {entry["code"].lower() for entry in (receiver.maps if receiver else []) if entry.get("write")}
    shown = [
        {
            "seq": entry.seq,
            "id": entry.id,
            "source": _rooted(entry.source, codes, mapped=frozenset()),
            "destination": _rooted(entry.destination, codes, mapped=mapped),
        }
        for entry in page[:limit]
    ]
    return {"tasks": shown, "more": len(page) > limit}


def _rooted(side: dict[str, Any], codes: dict[str, str], *, mapped: set[str] | frozenset[str]) -> dict[str, Any]:
    """Say where an item lies the way an agent understands: below a volume, a map, the downloads, or its own disk.

    What goes to a machine that maps the volume lands there, mirrored; a relative path is for the others.
    """
    kind, volume = side["kind"], codes.get(side.get("v") or "", "")
    more = {"sequence": True} if side.get("sequence") else {}
    if kind == "volume":
        return {"root": {"volume": volume}, "path": side["rel"]} | more
    if kind == "map" or (kind == "relative" and volume and volume.lower() in mapped):
        return {"root": {"map": volume}, "path": side["rel"]} | more
    if kind == "relative":
        return {"root": {"download": True}, "path": side["path"]}
    return {"root": {"local": True}, "path": side["path"]} | more


def is_due(work: Work, machine: Row[Any], row: Row[Any], data: dict[str, Any]) -> bool:
    """Whether a report is worth a transaction."""
    if row.lease_until is None:
        return False
    if row.state != "running":
        return True
    if machine.id != row.receiver_id and data.get("line") is not None:
        told_at = row.sender_line["at"] if row.sender_line else 0
        return not 0 <= work.now - told_at < LINE_WRITES_MS
    since = work.now - (row.lease_until - LEASE_MS)
    # Below zero: no report gave this lease, but an engine that came back; the first report since is news.
    return not 0 <= since < (RECEIVER_WRITES_MS if machine.id == row.receiver_id else SENDER_WRITES_MS)


def renew(work: Work, machine: Row[Any], transfer_id: str, data: dict[str, Any]) -> None:
    """Keep an attempt alive and write down how far it is."""
    row = require(work, machine, transfer_id, lock=True)
    if row.lease_until is None:
        return
    is_receiver, speed = machine.id == row.receiver_id, max(0, _count(data, "speed"))
    told = lines.values(row, data, work.now, is_receiver=is_receiver, speed=speed)
    if is_receiver:
        told["rate"] = _count(data, "rate") if "rate" in data else speed
        _write_numbers(work, row, data, speed=speed)
    _set(work, row, state="running", lease_until=work.now + LEASE_MS, **told)


def _write_numbers(work: Work, row: Row[Any], numbers: dict[str, Any], *, speed: int) -> None:
    work.connection.execute(
        alter(job)
        .where(job.c.id == row.job_id)
        .values(
            size=_count(numbers, "size"),
            bytes_done=_count(numbers, "acked"),
            bytes_moved=row.moved_before + _count(numbers, "moved"),
            files=_count(numbers, "files"),
            files_done=_count(numbers, "files_done"),
            speed=speed,
        )
    )


def _count(numbers: dict[str, Any], name: str) -> int:
    value = numbers.get(name)
    # JSON as Python reads it has NaN, which differs from itself, and Infinity.
    return int(min(max(value, -1), 2**62)) if isinstance(value, (int, float)) and value == value else 0  # noqa: PLR0124 - asks for NaN


def end(work: Work, machine: Row[Any], transfer_id: str, data: dict[str, Any]) -> dict[str, Any]:
    """Take one side's word for how it ended; the receiver's `done` is what ends an attempt well."""
    outcome = data.get("outcome")
    if not isinstance(outcome, str) or outcome not in OUTCOMES:
        raise BadValueError(what=f'"outcome" must be one of {", ".join(sorted(OUTCOMES))}, not {outcome!r:.60}.')
    row = require(work, machine, transfer_id, lock=True)
    is_receiver = machine.id == row.receiver_id
    row = _with_last_line(work, row, data, is_receiver=is_receiver)
    if row.job_id is None:
        return probing.ended(work, row, str(outcome), data, is_receiver=is_receiver, machine=machine.code)
    if row.state == "ended" and not _corrects(work, row, outcome, is_receiver=is_receiver):
        return {"state": "ended"}
    failures = _failures(data)
    error = data.get("error") if isinstance(data.get("error"), dict) else None
    is_carried = outcome == "done" or (failures and error is None)
    if is_carried and not is_receiver:
        _set(work, row, failures=failures, lease_until=work.now + LEASE_MS)
        return {"state": "running"}
    if is_receiver and isinstance(data.get("progress"), dict):
        _write_numbers(work, row, data["progress"], speed=-1)
    if is_carried:
        _carried(work, row, failures, data)
    else:
        _broken(work, row, str(outcome), error or {}, machine)
    return {"state": "ended"}


def _with_last_line(work: Work, row: Row[Any], data: dict[str, Any], *, is_receiver: bool) -> Row[Any]:
    """Keep what an end last found out about the line; the attempt may be over already."""
    numbers = data.get("progress")
    if not isinstance(numbers, dict) or numbers.get("line") is None:
        return row
    _set(work, row, **lines.values(row, numbers, work.now, is_receiver=is_receiver))
    if row.state == "ended":
        lines.remember(work, row.id)
    return by_id(work, transfer, row.id) or row


def _corrects(work: Work, row: Row[Any], outcome: str, *, is_receiver: bool) -> bool:
    """Whether a late word about a lost attempt is news: it was finished after all, or it cannot be repeated."""
    is_news = outcome == "failed" or (outcome == "done" and is_receiver)
    parent = by_id(work, job, row.job_id, lock=True)
    is_waiting = parent is not None and parent.status == Status.WAITING and parent.phase == "transfer"
    return row.outcome == "lost" and is_news and is_waiting and parent is not None and parent.attempts == row.attempt


def _failures(data: dict[str, Any]) -> list[dict[str, Any]]:
    failures = data.get("failures") or []
    if not isinstance(failures, list) or not all(isinstance(failure, dict) for failure in failures):
        raise BadValueError(what='"failures" must be a list of objects.')
    return failures


def _carried(work: Work, row: Row[Any], failures: list[dict[str, Any]], data: dict[str, Any]) -> None:
    known = {(failure.get("task"), failure.get("path")) for failure in failures}
    others = [failure for failure in row.failures or [] if (failure.get("task"), failure.get("path")) not in known]
    every = failures + others
    transfers.end(work, row, "failed" if every else "done")
    parent = by_id(work, job, row.job_id, lock=True)
    if parent is None or parent.status not in {Status.RUNNING, Status.WAITING}:
        return
    outcomes.finished(work, parent, every, data.get("receipt"))


def _broken(work: Work, row: Row[Any], outcome: str, error: dict[str, Any], machine: Row[Any]) -> None:
    code = str(error.get("code") or "transfer-failed")
    sentence = str(error.get("message") or f"The transfer broke off on {machine.code}.")
    has_moved = work.connection.execute(select(job.c.bytes_moved).where(job.c.id == row.job_id)).scalar_one()
    transfers.end(work, row, outcome, code, sentence)
    for other in {row.sender_id, row.receiver_id} - {machine.id}:
        events.emit(work, other, "transfer.stop", {"transfer": row.id, "reason": sentence})
    parent = by_id(work, job, row.job_id, lock=True)
    if parent is None:
        return
    if outcome == "failed":
        outcomes.failed(work, parent, code, sentence)
    else:
        outcomes.lost(work, row.job_id, has_progressed=has_moved > row.moved_before, reason=sentence)
