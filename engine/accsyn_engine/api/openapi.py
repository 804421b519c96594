"""GET /api/openapi.json: what of this API is the engine's own, for tools and people; it holds nothing secret."""

from __future__ import annotations

from importlib import resources

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accsyn_engine.api.bodies import raw_answer


def document() -> bytes:
    """The OpenAPI document, JSON."""
    return resources.files("accsyn_engine").joinpath("api", "openapi.json").read_bytes()


def routes() -> list[Route]:
    """The route of the document."""
    body = document()

    async def openapi(_request: Request) -> Response:
        return raw_answer(body)

    return [Route("/api/openapi.json", openapi, methods=["GET"])]
