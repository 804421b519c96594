"""Who calls: the two families' Authorization headers, read by hand because neither is the "basic" of the RFC.

Keys are compared by the use case through their keyed digest, so how long an answer takes tells nothing about them. What
comes over the control socket, or from within the process that holds the data folder, is the workspace's admin.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

from starlette.requests import Request

from accsyn_engine.api.errors import BadCredentialsHeaderError, WrongWorkspaceError
from accsyn_engine.api.threads import Threads
from accsyn_engine.services.context import Caller, Context
from accsyn_engine.services.errors import SessionExpiredError, WrongCredentialsError
from accsyn_engine.services.people import accounts, throttle

LOCAL = "accsyn.local"  # set in the ASGI scope by the control socket and by in-process calls
DEVICE_LIMIT = 254  # characters that are kept of a device header


class Proof(Enum):
    """What the secret is."""

    API_KEY = "api_key"
    SESSION_KEY = "session_key"


@dataclass(frozen=True)
class Credentials:
    """What a header claims."""

    username: str
    secret: str
    proof: Proof
    workspace: str | None = None


def read_authorization(header: str | None) -> Credentials:
    """Take an Authorization header apart; raises BadCredentialsHeaderError."""
    scheme, _, rest = (header or "").strip().partition(" ")
    match scheme.lower():
        case "":
            raise BadCredentialsHeaderError(what="missing")
        case "basic":
            return _two_halves(rest.strip())
        case "ascredentials":
            return _json(rest.strip(), Proof.API_KEY)
        case "assession":
            return _json(rest.strip(), Proof.SESSION_KEY)
    raise BadCredentialsHeaderError(what=f'of the unknown scheme "{scheme[:32]}"')


def _two_halves(text: str) -> Credentials:
    user, colon, key = text.partition(":")
    if not colon:
        raise BadCredentialsHeaderError(what="not two base64 texts with a colon between them")
    return Credentials(_decode(user), _decode(key), Proof.API_KEY)


def _json(text: str, proof: Proof) -> Credentials:
    try:
        claims = json.loads(_decode(text))
    except ValueError as error:  # the old clients format this text by hand: a quote in a key breaks it
        raise BadCredentialsHeaderError(what="not base64 of JSON") from error
    if not isinstance(claims, dict):
        raise BadCredentialsHeaderError(what="not base64 of a JSON object")
    if proof is Proof.API_KEY and "api_key" not in claims and "pwd" in claims:
        raise BadCredentialsHeaderError(what="a password, and this engine takes API keys")
    return Credentials(
        _claim(claims, "username"), _claim(claims, proof.value), proof, claims.get("domain") or claims.get("workspace")
    )


def _claim(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    if isinstance(value, str):
        return value
    raise BadCredentialsHeaderError(what=f'without "{name}"')


def _decode(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise BadCredentialsHeaderError(what="not base64") from error


def device(request: Request) -> str:
    """What the client says it is, in either family's header."""
    return (request.headers.get("x-accsyn-device") or request.headers.get("asdevice") or "")[:DEVICE_LIMIT]


def address(request: Request) -> str:
    """Where the connection comes from; empty on the control socket."""
    return request.client.host if request.client else ""


async def identify(request: Request, context: Context, threads: Threads) -> Caller:
    """Prove who calls.

    Raises BadCredentialsHeaderError, WrongWorkspaceError, WrongCredentialsError, SessionExpiredError or
    TooManyWrongKeysError.
    """
    if request.scope.get(LOCAL) and "authorization" not in request.headers:
        return await threads.run(accounts.local_admin, context)
    claimed = read_authorization(request.headers.get("authorization"))
    check_workspace(context, request.headers.get("x-accsyn-workspace") or claimed.workspace)
    place, machine = address(request), device(request)
    proof = (claimed.proof.value, claimed.username, context.keys.digest(claimed.secret), place, machine)
    moment = {"now": context.clock.now_ms(), "changes": context.database.changes}
    known = context.callers.find(proof, **moment)
    if known is not None:
        return known
    check = accounts.authenticate_key if claimed.proof is Proof.API_KEY else accounts.authenticate_session
    try:
        caller = await threads.run(check, context, claimed.username, claimed.secret, address=place, device=machine)
    except (WrongCredentialsError, SessionExpiredError):
        await asyncio.sleep(await threads.run(throttle.note, context, claimed.username, place))
        raise
    context.callers.keep(proof, caller, **moment)
    return caller


def check_workspace(context: Context, named: Any) -> None:
    """Refuse a call that means another workspace; one that names none means the one that is here."""
    if named and (not isinstance(named, str) or named.lower() != context.config.workspace.lower()):
        raise WrongWorkspaceError(workspace=named)
