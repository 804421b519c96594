"""What of the API is our own is documented, and holds what the document says, whoever calls with whatever."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, Response
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.routing import Route

from accsyn_engine.api.app import build_app
from accsyn_engine.api.openapi import document
from accsyn_engine.services.context import Caller
from accsyn_engine.services.people import accounts, users
from tests.engine.api.servers import listening
from tests.engine.services.world import World, make_engine, open_world

DOCUMENT = json.loads(document())
schema = schemathesis.openapi.from_dict(DOCUMENT)
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@dataclass(frozen=True)
class Studio:
    """An engine with a running transfer, and the key of one caller of each role."""

    world: World
    port: int
    keys: dict[str, tuple[str, str]]  # by role: address and key
    mine: dict[str, str]  # jennifer's: client, transfer
    foreign: frozenset[str]  # ids that jennifer may not see

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def headers(self, role: str) -> dict[str, str]:
        pair = ":".join(base64.b64encode(word.encode()).decode() for word in self.keys[role])
        return {"Authorization": f"basic {pair}", "X-Accsyn-Workspace": "geoscan"}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    world = open_world(make_engine(tmp_path_factory.mktemp("openapi") / "engine"))
    world.share()
    stranger = users.create(world.context, world.admin, {"code": "stranger@gda.com"})
    other = Caller(stranger["id"], stranger["code"], "standard")
    alpha, station = world.alpha(), world.workstation()
    world.send()
    world.tick()
    [offer] = station.hear("transfer.offer")
    people = {"admin": world.admin, "employee": world.workflow, "standard": world.jennifer}
    keys = {
        role: (who.code, accounts.key(world.context, world.admin, who.code)["api_key"]) for role, who in people.items()
    }
    with listening(build_app(world.context)) as port:
        mine = {"client": station.id, "transfer": offer["transfer"], "boot": station.boot}
        yield Studio(world, port, keys, mine, frozenset({world.admin.user_id, other.user_id, world.workflow.user_id}))
    del alpha
    world.context.database.close()


def test_every_route_of_our_own_is_documented_and_nothing_else(tmp_path: Path) -> None:
    world = open_world(make_engine(tmp_path / "engine"))
    app = build_app(world.context)
    routes = [route for route in app.routes if isinstance(route, Route)]
    assert len(routes) == len(app.routes)
    ours = {
        (route.path, method)
        for route in routes
        if not route.path.startswith(("/api/v1.0", "/api/v3"))
        for method in (route.methods or set()) - {"HEAD"}
    }
    world.context.database.close()
    assert ours == {(path, method.upper()) for path, item in DOCUMENT["paths"].items() for method in item}


@pytest.mark.parametrize("role", ["admin", "employee", "standard"])
@schema.parametrize()
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_any_call_gets_a_documented_answer(case: Case[Any], studio: Studio, role: str) -> None:
    answer = _call(case, studio, role)
    if role == "standard":
        assert [foreign for foreign in studio.foreign if foreign in answer.text] == []


def _call(case: Case[Any], studio: Studio, role: str) -> Response:
    _aim(case, studio)
    return case.call_and_validate(base_url=studio.url, headers=studio.headers(role), checks=CHECKS)


def _aim(case: Case[Any], studio: Studio) -> None:
    """Point half of the calls at what is there, and never open a stream, which would not end."""
    if case.path.endswith("/events"):
        case.query = {**_object(case.query), "wait": 0}
    if isinstance(case.body, dict) and len(str(case.body)) % 2:
        case.body = {**case.body, "client": studio.mine["client"], "boot": studio.mine["boot"]}
        if "transfers" in case.path:
            case.path_parameters = {"id": studio.mine["transfer"]}
    if case.method == "GET" and len(str(case.query)) % 2:
        case.query = {**_object(case.query), "client": studio.mine["client"]}


def _object(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


@pytest.mark.parametrize("path", sorted(set(DOCUMENT["paths"]) - {"/api/openapi.json"}))
def test_nobody_is_answered_without_a_key(studio: Studio, path: str) -> None:
    for method in DOCUMENT["paths"][path]:
        answer = requests.request(method, studio.url + path.replace("{id}", "0" * 24), timeout=10)
        assert answer.status_code == 401, path
