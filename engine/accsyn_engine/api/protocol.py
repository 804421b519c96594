"""The two wire families of the accsyn protocol: bytes to events, results to answers.

Nothing here knows a use case, a socket or a route. Clients send no content type and put the whole envelope, percent
encoded, behind the question mark of GET and DELETE, so the bytes are taken as they come.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import unquote_to_bytes

from accsyn_engine.api.errors import BadEnvelopeError, BadFieldError
from accsyn_plugins.errors import AccsynError

UNPACKED_LIMIT = 256 * 1024 * 1024  # bytes of JSON that a compressed `data` may grow to
UNREAD = ("audience", "created", "hostname", "ident", "session")  # words of the envelope that nothing depends on
EID_LIMIT = 64  # characters; longer ones are no client's and would not fit the table of answered calls


class Family(Enum):
    """Which generation of clients speaks; the value is the base of its addresses."""

    V1 = "/api/v1.0"
    V3 = "/api/v3"


@dataclass(frozen=True)
class Envelope:
    """One event as the client meant it, whatever way it was packed."""

    family: Family
    method: str
    uri: str
    data: Any = None
    query: str | None = None
    id: str | None = None
    eid: str | None = None
    workspace: str | None = None
    client_version: tuple[int, ...] = ()


def read_query(raw: bytes) -> Any:
    """The JSON that stands percent-encoded behind the question mark; an empty one is an empty object."""
    return read_json(unquote_to_bytes(raw)) if raw else {}


def read_json(raw: bytes) -> Any:
    """Parse JSON strictly (UTF-8, no NaN); raises BadEnvelopeError."""
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise BadEnvelopeError(why="it is not UTF-8") from error
    except RecursionError as error:
        raise BadEnvelopeError(why="it is nested too deeply") from error
    except ValueError as error:
        raise BadEnvelopeError(why=f"it is not JSON ({error})") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def read_envelope(family: Family, method: str, document: Any, *, device: str = "") -> Envelope:
    """Take an event's document apart; raises BadEnvelopeError or BadFieldError."""
    if not isinstance(document, dict):
        raise BadEnvelopeError(why="it is no JSON object")
    uri = document.get("uri")
    if not isinstance(uri, str) or not uri.strip("/ "):
        raise BadFieldError(field="uri", kind="an entity type and an operation, like user/find")
    for field in UNREAD:
        _text(document, field)
    return Envelope(
        family=family,
        method=method,
        uri=uri.strip("/ ").lower(),
        data=unpack(document["gz_data"]) if "gz_data" in document else document.get("data"),
        query=_text(document, "query"),
        id=_id(document),
        eid=_eid(document),
        workspace=_text(document, "workspace") or _text(document, "domain"),
        client_version=client_version(device),
    )


def unpack(packed: Any) -> Any:
    """`gz_data`: base64 of gzip of JSON; what would grow past the limit is refused before it does."""
    if not isinstance(packed, str):
        raise BadFieldError(field="gz_data", kind="base64 text")
    try:
        inflate = zlib.decompressobj(wbits=31)
        plain = inflate.decompress(base64.b64decode(packed, validate=True), UNPACKED_LIMIT)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise BadEnvelopeError(why=f"gz_data cannot be unpacked ({error})") from error
    if not inflate.eof:
        raise BadEnvelopeError(why="gz_data is cut short, or unpacks to more than this engine takes")
    return read_json(plain)


def _text(document: dict[str, Any], field: str) -> str | None:
    value = document.get(field)
    if value is None or isinstance(value, str):
        return value
    raise BadFieldError(field=field, kind="text")


def _id(document: dict[str, Any]) -> str | None:
    named = _text(document, "id")
    return None if named is None else named.removeprefix("ObjectId:").strip()


def _eid(document: dict[str, Any]) -> str | None:
    eid = _text(document, "eid")
    if eid is not None and len(eid) > EID_LIMIT:
        raise BadFieldError(field="eid", kind=f"at most {EID_LIMIT} characters")
    return eid or None


def client_version(device: str) -> tuple[int, ...]:
    """The numbers in `PythonAPI v1.2.4-2 @ linux host(posix)`; empty for anything else."""
    found = re.match(r"PythonAPI v(\d+)\.(\d+)\.(\d+)", device)
    return tuple(int(number) for number in found.groups()) if found else ()


def error_answer(error: AccsynError) -> dict[str, Any]:
    """An error as every client reads it: never a null message, and the mark that makes old clients log in again."""
    answer: dict[str, Any] = {"message": error.message or error.code, "code": error.code}
    if error.code == "session-expired":
        answer["session_expired"] = True
    return answer


def encode(answer: Any) -> bytes:
    """The bytes of an answer."""
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
