"""What agents ask and report; every verb may be repeated, because an answer may be lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, insert, or_, select
from sqlalchemy import update as alter

from accsyn_engine.services import audit
from accsyn_engine.services.access import share_lists
from accsyn_engine.services.context import Caller, Context, Work
from accsyn_engine.services.errors import BadValueError, ForbiddenError, NotFoundError
from accsyn_engine.services.moving import attempts, transfers
from accsyn_engine.services.moving import events as told
from accsyn_engine.services.moving.asking import topic
from accsyn_engine.services.moving.dispatch import has_progressed
from accsyn_engine.services.permissions import reads, waits, writes
from accsyn_engine.services.records import sites
from accsyn_engine.services.records.fields import choice, flag, text, texts
from accsyn_engine.services.records.rows import by_id, share_by, workspace_row
from accsyn_engine.services.scripts import hook_input, hook_phase
from accsyn_engine.services.scripts.hook_ends import end_run, start_run
from accsyn_engine.services.work import outcomes
from accsyn_engine.store.schema import agent_request, client, client_event, hook_run, transfer, user

ROLES = {"app": 0, "server": 1, "client": 2, "browser": 3}  # what an agent says it is: the type it has
SERVER = 1
AT_ONCE = 500  # agents a statement
CHECKIN_MS = 5_000  # a check-in is written down at most this often
CLOSED_MS = 25_000  # an agent whose stream closed is offline 20 s later: so much older is its check-in made


@writes("agent.hello")
def hello(work: Work, caller: Caller, data: dict[str, Any]) -> dict[str, Any]:
    """Meet an agent that has started, or that has lost us: note what it is, end what an older start left."""
    role = choice(data, ("role",), {name: name for name in ROLES}, default="client")
    if role == "server" and not caller.is_admin:
        raise ForbiddenError(who=caller.code, what="run an agent with the role server")
    boot = _required(data, "boot")
    row = _known(work, caller, _required(data, "instance"))
    is_new_start = row is None or row.boot != boot
    client_id = _write(work, caller, row, data, role=role, boot=boot)
    if row is not None and is_new_start:
        _end_older(work, row, boot)
    if role == "server":
        _serve(work, client_id, data)
    transfers.wake(work, client_id)
    transfers.wake(work, caller.user_id)
    cursor = _cursor(work, client_id, is_new_start=is_new_start)
    if is_new_start:
        _tell_again(work, client_id)
    workspace = workspace_row(work)
    return {
        "client": client_id,
        "cursor": cursor,
        "user": {"id": caller.user_id, "code": caller.code, "role": caller.role},
        "workspace": {"id": workspace.id, "code": workspace.code, "name": workspace.name},
        "lease_s": transfers.LEASE_MS // 1000,
        "time_ms": work.now,
    }


def _required(data: dict[str, Any], name: str) -> str:
    value = text(data, name, longest=64)
    if not value:
        raise BadValueError(what=f'"{name}" is missing.')
    return value


def _known(work: Work, caller: Caller, instance: str) -> Row[Any] | None:
    return work.connection.execute(
        select(client).where(client.c.user_id == caller.user_id, client.c.instance == instance).with_for_update()
    ).first()


def _write(work: Work, caller: Caller, row: Row[Any] | None, data: dict[str, Any], *, role: str, boot: str) -> str:
    site_id = _site(work, caller, row, is_server=role == "server")
    values = {
        "code": text(data, "hostname", longest=254) or "unnamed",
        "type": ROLES[role],
        "roles": roles_of(ROLES[role], site_id),
        "site_id": site_id,
        "host_ident": text(data, "host_ident", longest=64) or "",
        "username": text(data, "username", longest=254) or "",
        "boot": boot,
        "status": "online",
        "os": text(data, "os", longest=64) or "",
        "version": text(data, "version", longest=64) or "",
        "address": caller.address[:64],
        "maps": _maps(data),
        "downloads": flag(data, "downloads", default=False),
        "advertise": texts(data, "advertise", most=64)[:16],
        "last_checkin": work.now,
    }
    if row is not None:
        work.connection.execute(alter(client).where(client.c.id == row.id).values(modified=work.now, **values))
        return str(row.id)
    new = work.context.ids.entity()
    identity = {"id": new, "user_id": caller.user_id, "instance": data["instance"], "metadata": {}}
    work.connection.execute(insert(client).values(created=work.now, creator=caller.code, **identity, **values))
    told_of = {"code": values["code"], "role": role}
    audit.record(work, caller, "client.registered", "client", new, about=("user", caller.user_id), **told_of)
    return new


def _site(work: Work, caller: Caller, row: Row[Any] | None, *, is_server: bool) -> str | None:
    """A server stays at the site it was given; everybody else is where they call from."""
    if is_server and row is not None:
        return None if row.site_id is None else str(row.site_id)
    return sites.main_as_none(sites.of_address(work, caller.address))


def roles_of(type_: int, site_id: str | None) -> str:
    """What a client is there for, as the accsyn protocol lists it."""
    if type_ != SERVER:
        return ""
    return "storage" if site_id is None else "storage,site"


def _maps(data: dict[str, Any]) -> list[dict[str, Any]]:
    maps = data.get("maps") or []
    if not isinstance(maps, list) or not all(isinstance(entry, dict) and _is_code(entry) for entry in maps):
        raise BadValueError(what='"maps" must be a list of objects with "code", "read" and "write".')
    names = ("code", "read", "write", "path")
    return [{name: entry[name] for name in names if entry.get(name) is not None} for entry in maps[:1000]]


def _is_code(entry: dict[str, Any]) -> bool:
    return isinstance(entry.get("code"), str) and bool(entry["code"])


def _end_older(work: Work, row: Row[Any], boot: str) -> None:
    """An older start of this agent cannot go on: its attempts are lost, its hooks' outcomes unknown."""
    sides = or_(
        (transfer.c.sender_id == row.id) & (transfer.c.sender_boot != boot),
        (transfer.c.receiver_id == row.id) & (transfer.c.receiver_boot != boot),
    )
    running = select(transfer).where(sides, transfer.c.lease_until.is_not(None))
    for attempt in work.connection.execute(running).all():
        reason = f"The agent on {row.code} was restarted."
        transfers.end(work, attempt, "lost", "agent-restarted", reason)
        for other in {attempt.sender_id, attempt.receiver_id} - {row.id}:
            told.emit(work, other, "transfer.stop", {"transfer": attempt.id, "reason": reason})
        outcomes.lost(work, attempt.job_id, has_progressed=has_progressed(work, attempt), reason=reason)
    started = select(hook_run).where(
        hook_run.c.client_id == row.id, hook_run.c.state == "started", hook_run.c.boot != boot
    )
    for run in work.connection.execute(started).all():
        ended = {"state": "unknown", "ended": work.now, "error": "The agent was restarted while the hook ran."}
        work.connection.execute(alter(hook_run).where(hook_run.c.id == run.id).values(ended))
        hook_phase.unknown(work, run)
        work.ring(topic(run.id))


def _serve(work: Work, client_id: str, data: dict[str, Any]) -> None:
    """Note which volumes a server serves; a volume the workspace does not have is an error of its configuration."""
    for code in texts(data, "volumes"):
        volume = share_by(work, code, kinds=("volume",))
        if volume is None:
            raise NotFoundError(kind="volume", name=str(code))
        share_lists.serve(work, volume.id, client_id)


def _cursor(work: Work, client_id: str, *, is_new_start: bool) -> int:
    """After which number to listen: a new start hears nothing that was meant for an older one."""
    if is_new_start:
        told.forget(work, client_id, None)
    oldest = work.connection.execute(
        select(client_event.c.seq).where(client_event.c.client_id == client_id).order_by(client_event.c.seq).limit(1)
    ).scalar()
    if oldest is not None:
        return int(oldest) - 1
    return int(work.connection.execute(select(client.c.event_seq).where(client.c.id == client_id)).scalar_one())


def _tell_again(work: Work, client_id: str) -> None:
    """Hooks that have not started and questions that still wait come again; transfers are dispatched anew."""
    for run in hook_phase.queued_for(work, client_id):
        hook_phase.announce(work, client_id, run.id)
    waiting = (
        agent_request.c.client_id == client_id,
        agent_request.c.state == "asked",
        agent_request.c.deadline > work.now,
    )
    for row in work.connection.execute(select(agent_request).where(*waiting)).all():
        asked = {"request": row.id, "operation": row.operation, "data": row.data}
        told.emit(work, client_id, "request", asked)


@waits("agent.events")
def events(
    context: Context, caller: Caller, client: str, after: int, *, limit: int = 500, acknowledged: int | None = None
) -> list[dict[str, Any]]:
    """Give an agent what follows `after`, and forget what it has acknowledged (`after`, unless told otherwise).

    On a stream the two differ: what was written to a connection has not arrived yet.
    """
    dealt_with = after if acknowledged is None else acknowledged
    with context.reading() as work:
        _own(work, caller, client)
        found = told.after(work, client, after, limit)
        shown = [(seq, kind, _filled(work, kind, data)) for seq, kind, data in found]
        has_old = told.has_before(work, client, dealt_with)
    over = [seq for seq, _, data in shown if data is None]
    if has_old or over:
        with context.changing() as work:
            told.forget(work, client, dealt_with)
            told.drop(work, client, over)
    return [{"seq": seq, "kind": kind, "data": data} for seq, kind, data in shown if data is not None]


def _filled(work: Work, kind: str, data: dict[str, Any]) -> dict[str, Any] | None:
    return hook_input.event(work, data) if kind == "hook.run" else data


def seen(context: Context, clients: Sequence[str]) -> frozenset[str]:
    """Note that all these agents are there, in one transaction; gives those that are still welcome."""
    welcome: set[str] = set()
    with context.changing() as work:
        for start in range(0, len(clients), AT_ONCE):
            welcome |= _seen(work, clients[start : start + AT_ONCE])
    return frozenset(welcome)


def _seen(work: Work, clients: Sequence[str]) -> set[str]:
    enters = select(user.c.id).where(user.c.status == "enabled", user.c.active)
    rows = work.connection.execute(
        select(client).where(client.c.id.in_(clients), client.c.user_id.in_(enters)).order_by(client.c.id)
    ).all()
    there = client.c.id.in_([row.id for row in rows if row.status == "online"])
    work.connection.execute(alter(client).where(there).values(last_checkin=work.now))
    for row in rows:
        if row.status != "online":
            _note(work, row, work.now)
    return {row.id for row in rows}


def last_events(context: Context, clients: Sequence[str]) -> dict[str, int]:
    """The number of the last event each of these agents has been given."""
    found: dict[str, int] = {}
    with context.reading() as work:
        for start in range(0, len(clients), AT_ONCE):
            chosen = client.c.id.in_(clients[start : start + AT_ONCE])
            found |= {
                row.id: row.event_seq
                for row in work.connection.execute(select(client.c.id, client.c.event_seq).where(chosen))
            }
    return found


@waits("agent.checkin")
def checkin(context: Context, caller: Caller, client: str, closed: bool = False) -> None:
    """Note that an agent is there, or that its stream has just closed."""
    with context.reading() as work:
        row = _own(work, caller, client)
        at = work.now - CLOSED_MS if closed else work.now
        is_fresh = not closed and row.status != "offline" and row.last_checkin > work.now - CHECKIN_MS
    if is_fresh:
        return
    with context.changing() as work:
        _note(work, row, at)


def _note(work: Work, row: Row[Any], at: int) -> None:
    values = {"last_checkin": at, "status": "online"}
    work.connection.execute(alter(client).where(client.c.id == row.id, client.c.boot == row.boot).values(values))
    if row.status == "offline":
        transfers.wake(work, row.id)
        transfers.wake(work, row.user_id)


@writes("agent.accept")
def accept(work: Work, caller: Caller, transfer_id: str, data: dict[str, Any]) -> dict[str, Any]:
    """The connecting side is ready; the listening one is told whom to expect, and where from."""
    row = _own(work, caller, data.get("client"), data.get("boot"))
    if caller.address and caller.address != row.address:  # a laptop that moved, or a line with a new address
        work.connection.execute(alter(client).where(client.c.id == row.id).values(address=caller.address[:64]))
        row = _own(work, caller, row.id)
    return attempts.accept(work, row, transfer_id, data)


@writes("agent.listening")
def listening(work: Work, caller: Caller, transfer_id: str, data: dict[str, Any]) -> dict[str, Any]:
    """The listening side has its port open; the connecting one is told where."""
    return attempts.listening(work, _own(work, caller, data.get("client"), data.get("boot")), transfer_id, data)


@reads("agent.tasks")
def tasks(
    work: Work, caller: Caller, transfer_id: str, client: str, *, after: int = -1, limit: int = 1000
) -> dict[str, Any]:
    """A page of what a transfer moves, with where each item lies and lands."""
    return attempts.tasks(work, _own(work, caller, client), transfer_id, after, min(max(limit, 1), 1000))


@waits("agent.progress")
def progress(context: Context, caller: Caller, transfer_id: str, data: dict[str, Any]) -> dict[str, Any]:
    """Renew the lease; the receiver's numbers become the job's. At most one transaction a second for each transfer."""
    with context.reading() as work:
        row = _own(work, caller, data.get("client"), data.get("boot"))
        attempt = attempts.require(work, row, transfer_id)
        answer = attempts.standing(work, attempt)
        is_due = attempts.is_due(work, row, attempt, data)
    if is_due:
        with context.changing() as work:
            attempts.renew(work, row, transfer_id, data)
    return answer


@writes("agent.end")
def end(work: Work, caller: Caller, transfer_id: str, data: dict[str, Any]) -> dict[str, Any]:
    """One side says how an attempt ended."""
    return attempts.end(work, _own(work, caller, data.get("client"), data.get("boot")), transfer_id, data)


@writes("agent.hook_start")
def hook_start(work: Work, caller: Caller, run: str, data: dict[str, Any]) -> dict[str, Any]:
    """Commit that a hook script is about to be started; `proceed` false: do not."""
    return {"proceed": start_run(work, _own(work, caller, data.get("client"), data.get("boot")), run)}


@writes("agent.hook_end")
def hook_end(work: Work, caller: Caller, run: str, data: dict[str, Any]) -> dict[str, Any]:
    """A hook script has ended."""
    return {"state": end_run(work, _own(work, caller, data.get("client"), data.get("boot")), run, data)}


@writes("agent.answer")
def answer(work: Work, caller: Caller, request: str, data: dict[str, Any]) -> dict[str, Any]:
    """The answer to a question, or a refusal; a late one does no harm."""
    row = by_id(work, agent_request, request)
    if row is None:
        return {"state": "over"}
    _own(work, caller, row.client_id)
    if row.state == "asked":
        error = data.get("error")
        refusal = (
            {"code": str(error.get("code")), "message": str(error.get("message"))} if isinstance(error, dict) else None
        )
        values = (
            {"state": "refused", "answer": refusal} if refusal else {"state": "answered", "answer": data.get("answer")}
        )
        work.connection.execute(alter(agent_request).where(agent_request.c.id == request).values(values))
        work.ring(topic(request))
    return {"state": "answered"}


def _own(work: Work, caller: Caller, client_id: Any, boot: Any = None) -> Row[Any]:
    """The caller's own agent, while they may enter; raises NotFoundError, or StaleAgentError for an older start."""
    row = work.connection.execute(
        select(client)
        .join(user, user.c.id == client.c.user_id)
        .where(
            client.c.id == str(client_id or ""), user.c.id == caller.user_id, user.c.status == "enabled", user.c.active
        )
    ).first()
    if row is None:
        raise NotFoundError(kind="client", name=str(client_id or ""))
    if boot is not None and row.boot != boot:
        raise attempts.stale(row)
    return row
