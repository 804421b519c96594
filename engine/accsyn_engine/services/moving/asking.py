"""Questions to agents: a row with a deadline, an event, an answer."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, insert, select

from accsyn_engine.services.context import Context, Work
from accsyn_engine.services.errors import AgentRefusedError, NobodyAnswersError
from accsyn_engine.services.moving import events
from accsyn_engine.store.schema import agent_request, client, volume_server

TOLD_MS = 24 * 3600 * 1000  # how long an agent that is away may take over something nobody waits for


def servers_of(work: Work, volume_id: str, site_id: str | None = None) -> list[Row[Any]]:
    """Read the agents that serve a volume at a site (None: the main one) and are not disabled.

    Those that are online come first, then the one seen last.
    """
    rows = work.connection.execute(
        select(client)
        .join(volume_server, volume_server.c.client_id == client.c.id)
        .where(volume_server.c.volume_id == volume_id, volume_server.c.site_id == site_id, client.c.enabled)
        .order_by(client.c.last_checkin.desc(), client.c.id)
    ).all()
    return sorted(rows, key=lambda row: row.status != "online")


def tell(work: Work, volume: Row[Any], operation: str, data: dict[str, Any]) -> None:
    """Have a volume's server do something that nobody waits for; dropped when the volume has none."""
    servers = servers_of(work, volume.id)
    if servers:
        put(work, servers[0].id, operation, data, TOLD_MS)


def put(work: Work, client_id: str, operation: str, data: dict[str, Any], timeout_ms: int) -> str:
    """Write a question down and tell the agent; gives the question's id."""
    request = work.context.ids.entity()
    work.connection.execute(
        insert(agent_request).values(
            id=request,
            client_id=client_id,
            operation=operation,
            data=data,
            state="asked",
            deadline=work.now + timeout_ms,
            created=work.now,
        )
    )
    events.emit(work, client_id, "request", {"request": request, "operation": operation, "data": data})
    return request


def topic(id: str) -> str:
    """The bell's topic for one question or hook run."""
    return f"answer:{id}"


def ask(context: Context, volume: Row[Any], operation: str, data: dict[str, Any]) -> Any:
    """Ask the server of a volume and wait for its answer.

    Raises NobodyAnswersError at once when none is online, else at the deadline; AgentRefusedError when it says no.
    """
    timeout_s = context.config.answer_timeout_s
    until = context.clock.monotonic() + timeout_s  # from before the agent can have heard of it
    with context.changing() as work:
        server = next((row for row in servers_of(work, volume.id) if row.status == "online"), None)
        if server is None:
            raise NobodyAnswersError(server=f"of the volume {volume.code}", why="it is offline")
        request = put(work, server.id, operation, data, timeout_s * 1000)
    return _wait(context, request, str(server.code), timeout_s, until)


def ask_agent(context: Context, agent: Row[Any], operation: str, data: dict[str, Any]) -> Any:
    """Ask one agent and wait for its answer; raises NobodyAnswersError at the deadline, AgentRefusedError at a no."""
    timeout_s = context.config.answer_timeout_s
    until = context.clock.monotonic() + timeout_s  # from before the agent can have heard of it
    with context.changing() as work:
        request = put(work, agent.id, operation, data, timeout_s * 1000)
    return _wait(context, request, str(agent.code), timeout_s, until)


def _wait(context: Context, request: str, server: str, timeout_s: float, until: float) -> Any:
    try:
        while True:
            seen = context.bell.count(topic(request))
            with context.reading() as work:
                row = work.connection.execute(select(agent_request).where(agent_request.c.id == request)).first()
            if row is not None and row.state == "answered":
                return row.answer
            if row is not None and row.state == "refused":
                raise AgentRefusedError(message=row.answer["message"], reason=row.answer["code"])
            left = until - context.clock.monotonic()
            if row is None or left <= 0:
                raise NobodyAnswersError(server=server, why=f"no answer in {timeout_s:g} s")
            # A second at most: another replica of the engine may have taken the answer, and it rings its own bell.
            context.bell.wait(topic(request), seen, min(left, 1.0))
    finally:
        context.bell.forget(topic(request))
