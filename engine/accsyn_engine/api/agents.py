"""/api/agent/*: what an agent asks and reports, each call one use case."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from accsyn_engine.api.auth import identify
from accsyn_engine.api.bodies import answer, read_object
from accsyn_engine.api.errors import BadFieldError
from accsyn_engine.api.parts import Parts, parts_of
from accsyn_engine.api.stream import Stream
from accsyn_engine.services.context import Caller
from accsyn_engine.services.moving import agents

REPORT_LIMIT = 16 * 1024 * 1024  # bytes; a report names every file that failed
WAIT_LIMIT_S = 60.0
LARGEST = 2**53  # of a whole number: what every JSON reader takes

Endpoint = Callable[[Request], Awaitable[Response]]


def routes() -> list[Route]:
    """The routes of the agent API."""
    reports: dict[str, Callable[..., Any]] = {
        "transfers/{id}/accept": agents.accept,
        "transfers/{id}/listening": agents.listening,
        "transfers/{id}/progress": agents.progress,
        "transfers/{id}/end": agents.end,
        "hooks/{id}/start": agents.hook_start,
        "hooks/{id}/end": agents.hook_end,
        "requests/{id}": agents.answer,
    }
    return [
        Route("/api/agent/hello", hello, methods=["POST"]),
        Route("/api/agent/events", events, methods=["GET"]),
        Route("/api/agent/transfers/{id}/tasks", tasks, methods=["GET"]),
        *(Route(f"/api/agent/{path}", _report(use_case), methods=["POST"]) for path, use_case in reports.items()),
    ]


async def _caller(request: Request) -> tuple[Parts, Caller]:
    parts = parts_of(request)
    return parts, await identify(request, parts.context, parts.threads)


async def hello(request: Request) -> Response:
    """An agent has started."""
    parts, caller = await _caller(request)
    data = await read_object(request, REPORT_LIMIT)
    return answer(await parts.threads.run(agents.hello, parts.context, caller, data))


def _report(use_case: Callable[..., Any]) -> Endpoint:
    async def report(request: Request) -> Response:
        parts, caller = await _caller(request)
        data = await read_object(request, REPORT_LIMIT)
        return answer(await parts.threads.run(use_case, parts.context, caller, request.path_params["id"], data))

    return report


async def tasks(request: Request) -> Response:
    """A page of a transfer's tasks."""
    parts, caller = await _caller(request)
    page = await parts.threads.run(
        agents.tasks,
        parts.context,
        caller,
        request.path_params["id"],
        _text(request, "client"),
        after=_number(request, "after", -1),
        limit=_number(request, "limit", 1000),
    )
    return answer(page)


async def events(request: Request) -> Response:
    """What an agent is told: a stream, or one long poll when it names how long to wait."""
    parts, caller = await _caller(request)
    client = _text(request, "client")
    after = _number(request, "after", _number_of(request.headers.get("last-event-id"), "Last-Event-ID", 0))
    await parts.threads.run(agents.checkin, parts.context, caller, client)  # refuses a stranger before the stream opens
    stream = Stream(parts.context, parts.threads, caller, client, after)
    if "wait" in request.query_params:
        wait_s = min(float(_number(request, "wait", 0)), WAIT_LIMIT_S)
        return answer({"events": await stream.poll(parts.streams, wait_s)})
    return StreamingResponse(
        stream.follow(parts.streams),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _text(request: Request, name: str) -> str:
    value = request.query_params.get(name)
    if not value:
        raise BadFieldError(field=name, kind="text, and not empty")
    return value


def _number(request: Request, name: str, default: int) -> int:
    return _number_of(request.query_params.get(name), name, default)


def _number_of(text: str | None, name: str, default: int) -> int:
    if text is None:
        return default
    try:
        number = int(text)
    except ValueError as error:
        raise BadFieldError(field=name, kind="a whole number") from error
    if abs(number) > LARGEST:
        raise BadFieldError(field=name, kind="a whole number that a computer can count to")
    return number
