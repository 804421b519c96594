"""Whatever is wrong with a call, its caller gets a sentence, and the database stays as it was."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import pytest
import requests
from sqlalchemy import Column, Table, select

from accsyn_engine.api.app import build_app
from accsyn_engine.services.access import acls
from accsyn_engine.services.context import Find
from accsyn_engine.services.people import accounts
from accsyn_engine.services.work import queues
from accsyn_engine.store.schema import metadata
from tests.engine.api.corpus import Bad, Names, everything
from tests.engine.api.servers import listening
from tests.engine.services.world import DATASET, World, make_engine, open_world

AT_ONCE = 25  # calls between two looks at the database
UNMINDED = {"login_failure", "session_key", "answered"}  # what a refused call may well write


@dataclass(frozen=True)
class Studio:
    """An engine with something of everything, and a key of each role."""

    world: World
    url: str
    names: Names
    headers: dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    world = open_world(make_engine(tmp_path_factory.mktemp("corpus") / "engine"))
    share, station = world.share(), world.workstation()
    job = world.send()
    people = {"admin": world.admin, "employee": world.workflow, "standard": world.jennifer}
    keys = {
        role: (who.code, accounts.key(world.context, world.admin, who.code)["api_key"]) for role, who in people.items()
    }
    names = Names(
        user=world.jennifer.user_id,
        share=share["id"],
        acl=acls.find(world.context, world.admin, Find(limit=1))[0]["id"],
        job=job["id"],
        task=world.tasks(job)[0]["id"],
        queue=queues.create(world.context, world.admin, {"name": "night shift"})["id"],
        client=station.id,
        volume_path=f"share=proj002-outsourcing/{DATASET}",
    )
    with listening(build_app(world.context)) as port:
        headers = {
            role: {"Authorization": basic(*pair), "X-Accsyn-Workspace": "geoscan"} for role, pair in keys.items()
        }
        yield Studio(world, f"http://127.0.0.1:{port}", names, headers)
    world.context.database.close()


def basic(user: str, key: str) -> str:
    return "basic " + ":".join(base64.b64encode(word.encode()).decode() for word in (user, key))


def dump(world: World) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with world.context.reading() as work:
        return {
            table.name: sorted(tuple(map(repr, row)) for row in work.connection.execute(select(*columns(table))))
            for table in metadata.sorted_tables
            if table.name not in UNMINDED
        }


def columns(table: Table) -> list[Column[object]]:
    return [column for column in table.columns if column.name not in {"last_used", "last_checkin", "logged_in"}]


def test_the_corpus_has_at_least_two_thousand_calls(studio: Studio) -> None:
    assert len(list(everything(studio.names))) >= 2000


@pytest.mark.parametrize("role", ["admin", "employee", "standard"])
def test_every_call_of_the_corpus_is_refused_with_a_sentence_and_changes_nothing(studio: Studio, role: str) -> None:
    before, wrong = dump(studio.world), []
    calls = everything(studio.names)
    with requests.Session() as session:
        while some := list(islice(calls, AT_ONCE)):
            wrong += [fault for bad in some if (fault := send(session, studio, role, bad))]
            after = dump(studio.world)
            if after != before:
                tables = [name for name in after if after[name] != before[name]]
                wrong.append(f"{tables} changed by one of {[bad.what for bad in some]}")
                before = after
    assert not wrong, "\n".join(wrong)


def send(session: requests.Session, studio: Studio, role: str, bad: Bad) -> str | None:
    """Send one call; gives what is wrong with the answer."""
    headers = {**studio.headers[role], **bad.headers}
    call = partial(
        requests.Session.request,
        method=bad.method,
        url=studio.url + bad.path,
        data=bad.body,
        headers=headers,
        timeout=30,
    )
    try:
        answer = call(session)
    except requests.ConnectionError:  # kept alive, and closed by the other side after a fault
        answer = call(session)
    try:
        said = answer.json()
    except ValueError:
        return f"{bad.what}: no JSON, {answer.content[:80]!r}"
    if answer.status_code >= 500 or not answer.status_code >= 400:
        return f"{bad.what}: {answer.status_code} {str(said)[:120]}"
    return None if isinstance(said.get("message"), str) and said["message"] else f"{bad.what}: no message, {said}"
