"""Bodies in and out: read with a limit, without asking for a content type; always answered as JSON."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from accsyn_engine.api.errors import BadEnvelopeError, TooLargeError
from accsyn_engine.api.protocol import encode, read_json

MIB = 1024 * 1024


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body; raises TooLargeError.

    What is too large is still read, up to twice the limit, and thrown away: a client that is cut off while it sends
    sees a broken connection instead of the sentence.
    """
    body = bytearray()
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received <= limit:
            body += chunk
        elif received > 2 * limit:
            break
    if received > limit:
        raise TooLargeError(limit_mib=limit // MIB or 1)
    return bytes(body)


async def read_object(request: Request, limit: int) -> dict[str, Any]:
    """The body as one JSON object; an empty one is an empty object."""
    body = await read_body(request, limit)
    document = read_json(body) if body.strip() else {}
    if isinstance(document, dict):
        return document
    raise BadEnvelopeError(why="it is no JSON object")


def answer(document: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return raw_answer(encode(document), status)


def raw_answer(body: bytes, status: int = 200) -> Response:
    """A JSON answer that is encoded already."""
    return Response(body, status_code=status, media_type="application/json", headers={"Cache-Control": "no-store"})
