"""The engine's web application: the accsyn protocol in both families, the agent API, and JSON whatever goes wrong."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from accsyn_engine.api import agents, events, feed, openapi
from accsyn_engine.api.auth import LOCAL, check_workspace, device, identify
from accsyn_engine.api.bodies import MIB, answer, raw_answer, read_body, read_object
from accsyn_engine.api.errors import BadFieldError, EngineFaultError, UnknownPathError, WrongMethodError
from accsyn_engine.api.parts import Parts, parts_of
from accsyn_engine.api.protocol import Envelope, Family, encode, error_answer, read_envelope, read_json, read_query
from accsyn_engine.api.words import role_word
from accsyn_engine.services.context import Caller, Context
from accsyn_engine.services.errors import TooManyWrongKeysError
from accsyn_engine.services.people import accounts
from accsyn_plugins.errors import AccsynError

log = logging.getLogger(__name__)

BODY_LIMIT = 64 * MIB
LOGIN_LIMIT = MIB
AT_ONCE = 16 * 1024  # bytes; an event up to this size is read sooner than handed to another thread
LOOKUP_WORD = "J3PKTtDvolDMBtTy6AFGA"  # what official clients ask for, since 3.0, to find a workspace's host
QUERY_METHODS = frozenset({"GET", "DELETE"})  # the envelope stands behind the question mark


def build_app(context: Context, *, url: str | None = None) -> Starlette:
    """The application; `url` is where it can be reached, told to clients that look the workspace up."""
    app = Starlette(
        routes=[*_accsyn_routes(), *agents.routes(), *feed.routes(), *openapi.routes()],
        exception_handlers={
            AccsynError: _refuse,
            HTTPException: _refuse_http,
            Exception: _fail,
        },
    )
    app.state.parts = Parts(context)
    app.state.url = url or context.config.url
    return app


def as_local_admin(app: ASGIApp) -> ASGIApp:
    """The same application for whoever owns the data folder: the control socket and in-process calls."""

    async def local(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, LOCAL: True}, receive, send)

    return local


def _accsyn_routes() -> list[Route]:
    v1, v3 = Family.V1.value, Family.V3.value
    return [
        Route(f"{v1}/registry/organization/domain", look_up_domain, methods=["PUT"]),
        Route(f"{v3}/{LOOKUP_WORD}", look_up_host, methods=["GET"]),
        Route(f"{v3}/workspace/{LOOKUP_WORD}", look_up_host, methods=["PUT"]),
        Route(f"{v1}/user/login/auth", log_in_v1, methods=["PUT"]),
        Route(f"{v3}/api/login", log_in_v3, methods=["PUT"]),
        *(Route(f"{family.value}/event", event, methods=["GET", "POST", "PUT", "DELETE"]) for family in Family),
    ]


async def look_up_domain(request: Request) -> Response:
    """1.x and 2.x: does this workspace live here?"""
    wanted = await read_object(request, LOGIN_LIMIT)
    context = parts_of(request).context
    _check_named(context, wanted.get("organization"))
    return answer({"domain": context.config.workspace})


async def look_up_host(request: Request) -> Response:
    """3.x: which host and port serve this workspace?"""
    if request.method == "GET":
        wanted = read_query(request.scope["query_string"])
    else:
        wanted = await read_object(request, LOGIN_LIMIT)
    _check_named(parts_of(request).context, wanted.get("ident") if isinstance(wanted, dict) else None)
    url = urlsplit(request.app.state.url)
    place = {"hostname": url.hostname, "port": url.port or 443}
    return answer({"result": place, **place})


def _check_named(context: Context, workspace: Any) -> None:
    if not workspace:
        raise BadFieldError(field="ident", kind="the workspace's code")
    check_workspace(context, workspace)


async def log_in_v1(request: Request) -> Response:
    """1.x and 2.x: a key for a session key."""
    parts = parts_of(request)
    caller = await identify(request, parts.context, parts.threads)
    wanted = await read_object(request, LOGIN_LIMIT)
    reuse = wanted.get("session_key_reuse")
    if reuse is not None and not isinstance(reuse, str):
        raise BadFieldError(field="session_key_reuse", kind="text")
    key = await parts.threads.run(accounts.session, parts.context, caller, reuse)
    return answer({"session_key": key, "clearance": role_word(Family.V1, caller.role), "id": caller.user_id})


async def log_in_v3(request: Request) -> Response:
    """3.x: nothing is kept; every call carries the key."""
    parts = parts_of(request)
    caller = await identify(request, parts.context, parts.threads)
    wanted = await read_object(request, LOGIN_LIMIT)
    session = wanted.get("session_id")
    who = {"id": caller.user_id, "role": role_word(Family.V3, caller.role)}
    return answer(
        {"result": {**who, "session_id": session if isinstance(session, str) else parts.context.ids.entity()}}
    )


async def event(request: Request) -> Response:
    """Everything after the login."""
    parts = parts_of(request)
    caller = await identify(request, parts.context, parts.threads)
    raw = request.scope["query_string"] if request.method in QUERY_METHODS else await read_body(request, BODY_LIMIT)
    family = Family.V1 if request.url.path.startswith(Family.V1.value) else Family.V3
    if len(raw) <= AT_ONCE:
        envelope = _read(family, request.method, raw, device(request))
    else:
        envelope = await parts.threads.run(_read, family, request.method, raw, device(request))
    check_workspace(parts.context, envelope.workspace)
    carry_out = parts.threads.wait if events.row_of(envelope).waits else parts.threads.run
    return raw_answer(await carry_out(_carry_out, parts.context, caller, envelope))


def _read(family: Family, method: str, raw: bytes, device: str) -> Envelope:
    document = read_query(raw) if method in QUERY_METHODS else read_json(raw)
    return read_envelope(family, method, document, device=device)


def _carry_out(context: Context, caller: Caller, envelope: Envelope) -> bytes:
    return encode(events.carry_out(context, caller, envelope))


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, AccsynError)  # noqa: S101  # Starlette's handlers are typed for any exception
    refused = answer(error_answer(error), error.status)
    if isinstance(error, TooManyWrongKeysError):
        refused.headers["Retry-After"] = str(error.facts["seconds"])
    return refused


async def _refuse_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # as above
    if error.status_code == WrongMethodError.status:
        allowed = (error.headers or {}).get("Allow", "another method")
        return await _refuse(request, WrongMethodError(path=request.url.path, method=request.method, allowed=allowed))
    return await _refuse(request, UnknownPathError(path=request.url.path[:200]))


async def _fail(request: Request, error: Exception) -> Response:
    reference = parts_of(request).context.ids.entity()[:8]
    log.error("Fault %s in %s %s", reference, request.method, request.url.path, exc_info=error)
    return await _refuse(request, EngineFaultError(reference=reference))
