"""What a list holds is what its query, scope, window and permission say, whatever way the database goes."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from accsyn_engine.query.functions import folded
from accsyn_engine.query.parser import And, Comparison, Node, Operator, Or
from accsyn_engine.services.access import acls, shares
from accsyn_engine.services.context import Caller, Find
from accsyn_engine.services.people import users
from accsyn_engine.services.records import catalog
from accsyn_engine.services.work import job_lists, jobs, queues, tasks
from accsyn_engine.store.schema import job, job_volume
from tests.engine.query.reference import (
    date_compared,
    flag_compared,
    holds,
    number_compared,
    text_compared,
    values,
    written,
)
from tests.engine.services.world import START_MS, World

Row = dict[str, Any]
NAMES = ["Package A", "package b", "ÉTUDE 100%_x", "a_b", ""]
STATUSES = ["init", "waiting", "running", "paused", "failed", "aborted", "done"]
ROLES = {
    "admin": "andrea@geoscan.org",
    "employee": "workflow@geoscan.org",
    "few": "new@geoscan.org",
    "standard": "jennifer@gda.com",
}
LETTERS = [Operator.EQUAL, Operator.IN, Operator.CONTAINS, Operator.LESS, Operator.AT_LEAST]
COUNTED = [Operator.EQUAL, Operator.IN, Operator.LESS, Operator.GREATER, Operator.AT_MOST, Operator.AT_LEAST]
WORDS = st.sampled_from(["package a", "PACKAGE B", "étude 100%_x", "*a*", "pack*", "", "x", "a_b"])
NUMBERS = st.sampled_from(["0", "3", "50", "99", "100", "-1", "2.5", "null", "*"])
DATES = st.sampled_from(["2025-11-24", "2025-11-25", "2025-11-24T16:00", "2025-11-24T16:00:02", "null", "*"])
CODES = [*ROLES.values(), "*@gda.com", "nobody@x.com", "null"]

KINDS: list[tuple[str, list[Operator], st.SearchStrategy[str]]] = [
    *((name, LETTERS, WORDS) for name in ("name", "code", "description", "error")),
    *((name, [Operator.MATCHES], st.sampled_from(["^p", "[^a]$", "(a|x)+", "."])) for name in ("name", "description")),
    ("status", [Operator.EQUAL, Operator.IN], st.sampled_from([*STATUSES, "wait*"])),
    *((name, COUNTED, NUMBERS) for name in ("size", "priority", "progress", "files", "type", "attempts")),
    *((name, COUNTED, DATES) for name in ("created", "finished")),
    ("archived", [Operator.EQUAL, Operator.IN], st.sampled_from(["true", "false"])),
    ("user", [Operator.EQUAL, Operator.IN], st.sampled_from([*CODES[:-2], "user:jennifer@gda.com"])),
    ("user", [Operator.CONTAINS, Operator.MATCHES], st.sampled_from(["gda", "^w", "x"])),
    ("source", [Operator.EQUAL, Operator.IN], st.sampled_from(["hq", "geoscan", "workspace:geoscan", "organization:hq", "jennifer@gda.com", "client:x"])),
    *((name, LETTERS, st.sampled_from([*CODES, "medium", "MED*", "user:jennifer@gda.com", "workspace:geoscan"])) for name in ("user_hr", "queue_hr", "source_hr", "destination_hr", "modifier")),
    ("uri", LETTERS, st.sampled_from(["medium/package a", "*/package b", "medium"])),
]  # fmt: skip


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    attribute, operators, asked = draw(st.sampled_from(KINDS))
    operator = draw(st.sampled_from(operators))
    ordering = operator in {Operator.LESS, Operator.GREATER, Operator.AT_MOST, Operator.AT_LEAST}
    if ordering:
        asked = asked.filter(lambda value: value not in {"null", "*", ""} and "*" not in value)
    negated = not ordering and draw(st.booleans())
    if operator is Operator.IN:
        # Within a list a wildcard is a character like others.
        items = tuple(draw(st.lists(asked.filter(lambda value: "*" not in value), min_size=1, max_size=3)))
        return Comparison(attribute, operator, ",".join(items), negated, items)
    return Comparison(attribute, operator, draw(asked), negated)


TREES = st.recursive(
    comparisons(),
    lambda parts: st.one_of(
        st.lists(parts, min_size=2, max_size=3).map(lambda found: And(tuple(found))),
        st.lists(parts, min_size=2, max_size=3).map(lambda found: Or(tuple(found))),
    ),
    max_leaves=4,
)
FINDS = st.fixed_dictionaries(
    {
        "limit": st.sampled_from([None, 1, 3, 50]),
        "skip": st.sampled_from([0, 0, 2, 40]),
        "scope": st.sampled_from(["", "finished", "archived", "single"]),
    }
)


class Past:
    """Jobs of every sort, written into the table, and who may see them: a reading of the rules by hand."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.volumes = self._volumes()
        made = users.create(
            world.context, world.admin, {"code": ROLES["few"], "role": "employee", "give_default_volume_access": False}
        )
        self.callers: dict[str, Caller] = {
            "admin": world.admin,
            "employee": world.workflow,
            "few": Caller(made["id"], ROLES["few"], "employee"),
            "standard": world.jennifer,
        }
        acls.grant(world.context, world.admin, {"entity": ROLES["few"], "target": "rare", "read": True})
        self.rows = self._rows(random.Random(7))
        with world.context.changing() as work:
            work.connection.execute(insert(job), [{k: v for k, v in row.items() if k != "volume"} for row in self.rows])
            work.connection.execute(
                insert(job_volume), [{"job_id": row["id"], "volume_id": row["volume"]} for row in self.rows]
            )
        shown = [
            entity
            for scope in ("", "finished", "archived")
            for entity in job_lists.find(world.context, world.admin, find_of(scope))
        ]
        self.entities = {entity["id"]: entity for entity in shown}

    def _volumes(self) -> list[str]:
        rare = shares.create(self.world.context, self.world.admin, "volume", {"code": "rare", "path": "/mnt/rare"})
        return [
            str(shares.find(self.world.context, self.world.admin, "volume", Find(query="code=production"))[0]["id"]),
            rare["id"],
        ]

    def _rows(self, chance: random.Random) -> list[Row]:
        people = [caller.user_id for caller in self.callers.values()]
        line = queues.find(self.world.context, self.world.admin, Find(query="default=true"))[0]["id"]
        with self.world.context.reading() as work:
            from accsyn_engine.services.records.rows import workspace_row

            studio = workspace_row(work).id
        return [self._row(number, chance, people, line, studio) for number in range(60)]

    def _row(self, number: int, chance: random.Random, people: list[str], line: str, studio: str) -> Row:
        name, status = chance.choice(NAMES), chance.choice(STATUSES)
        other, size, priority = chance.choice(people), chance.choice([-1, 0, 3, 100]), chance.choice([0, 500])
        sends = chance.random() < 0.5
        parties = ("workspace", studio), ("user", other)
        source, destination = parties if sends else parties[::-1]
        return {
            "id": f"{number:024x}",
            "code": name,
            "name": name,
            "code_folded": folded(name),
            "name_folded": folded(name),
            "type": 1,
            "status": status,
            "phase": "transfer",
            "user_id": chance.choice(people),
            "queue_id": line,
            "source_type": source[0],
            "source_id": source[1],
            "destination_type": destination[0],
            "destination_id": destination[1],
            "sender_user_id": None if sends else other,
            "receiver_user_id": other if sends else None,
            "priority": priority,
            "rank": priority,
            "size": size,
            "bytes_done": chance.choice([0, max(size, 0), 2]),
            "bytes_moved": 0,
            "files": chance.choice([0, 3]),
            "files_done": 0,
            "speed": -1,
            "attempts": chance.choice([0, 3]),
            "metadata": {},
            "settings": {},
            "hooks": [],
            "description": chance.choice(["", "x", "Package A"]),
            "error": chance.choice([None, "a_b"]),
            "archived": chance.random() < 0.2,
            "modifier": chance.choice([None, *ROLES.values()]),
            "created": START_MS + chance.choice([0, 500, 2000, 60_000, 86_400_000]),
            "finished": chance.choice([None, START_MS + 2300]),
            "volume": self.volumes[chance.random() < 0.1],
        }

    def may_see(self, who: str, row: Row) -> bool:
        me = self.callers[who].user_id
        mine = me in {row["user_id"], row["sender_user_id"], row["receiver_user_id"]}
        held = {"admin": set(self.volumes), "employee": {self.volumes[0]}, "few": {self.volumes[1]}}.get(who, set())
        return mine or row["volume"] in held or who == "admin"

    def expected(self, who: str, tree: Node | None, find: Find) -> list[str]:
        seen = [row for row in self.rows if self.may_see(who, row)]
        asked = [row for row in seen if tree is None or holds(tree, partial(self.compared, row))]
        for scope in self._scopes(find):
            found = sorted((row for row in asked if scope(row)), key=lambda row: (row["created"], row["id"]))
            page = found[find.skip :][: find.limit or None]
            if page:
                return [row["id"] for row in page]
        return []

    def _scopes(self, find: Find) -> list[Callable[[Row], bool]]:
        def over(row: Row) -> bool:
            return row["status"] in {"done", "aborted"} and not row["archived"]

        def active(row: Row) -> bool:
            return row["status"] not in {"done", "aborted"} and not row["archived"]

        if find.archived:
            return [lambda row: bool(row["archived"])]
        return [over] if find.finished else [active, over] if find.single else [active]

    def compared(self, row: Row, asked: Comparison) -> bool:
        shown = self.entities[row["id"]]
        name, stored = asked.attribute, shown[asked.attribute]
        if name in {"created", "finished"}:
            return any(date_compared(row[name], asked.operator, value) for value in values(asked))
        if isinstance(stored, bool):
            return any(flag_compared(stored, asked.operator, value) for value in values(asked))
        if name in {"user", "source"}:
            return any(self._refers(shown, name, asked.operator, value) for value in values(asked))
        compare = (
            number_compared if name in {"size", "priority", "progress", "files", "type", "attempts"} else text_compared
        )
        return any(compare(stored, asked.operator, value) for value in values(asked))

    def _refers(self, shown: Row, name: str, operator: Operator, value: str) -> bool:
        kind, _, code = shown[f"{name}_hr"].rpartition(":")
        asked, _, named = value.rpartition(":")
        if operator in {Operator.EQUAL, Operator.IN} and asked:
            is_kind = name == "user" or asked.replace("organization", "workspace") == kind
            return is_kind and self._refers(shown, name, operator, named)
        codes = [code, "hq"] if kind == "workspace" else [code]
        return any(text_compared(each, operator, value) for each in codes)


def find_of(scope: str, **more: Any) -> Find:
    return Find(finished=scope == "finished", archived=scope == "archived", single=scope == "single", **more)


@pytest.fixture
def past(world: World) -> Past:
    return Past(world)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(who=st.sampled_from(list(ROLES)), tree=st.none() | TREES, asked=FINDS)
def test_a_list_of_jobs_is_what_a_second_reading_of_everything_gives(
    past: Past, who: str, tree: Node | None, asked: Row
) -> None:
    find = find_of(
        asked["scope"], query=None if tree is None else written(tree), limit=asked["limit"], skip=asked["skip"]
    )
    found = job_lists.find(past.world.context, past.callers[who], find)
    assert [entity["id"] for entity in found] == past.expected(who, tree, find), find


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(who=st.sampled_from(list(ROLES)), number=st.integers(0, 59), single=st.booleans())
def test_an_id_finds_a_job_exactly_where_a_list_would_show_it(past: Past, who: str, number: int, single: bool) -> None:
    row = past.rows[number]
    by_id = job_lists.find(past.world.context, past.callers[who], Find(id=row["id"]))
    assert [entity["id"] for entity in by_id] == [row["id"]] * past.may_see(who, row)
    tree = Comparison("id", Operator.EQUAL, row["id"])
    find = find_of("single" if single else "", query=f"id={row['id']}", limit=1)
    by_query = job_lists.find(past.world.context, past.callers[who], find)
    past.entities[row["id"]]["id"] = row["id"]
    assert [entity["id"] for entity in by_query] == past.expected(who, tree, find)


@pytest.mark.parametrize("kind", ["user", "volume", "folder", "acl", "job", "task", "queue", "client", "workspace"])
def test_every_attribute_can_be_searched_by(past: Past, kind: str) -> None:
    from accsyn_engine.services.moving import clients
    from accsyn_engine.services.records import workspaces

    context, admin = past.world.context, past.world.admin
    finders: dict[str, Callable[[Find], object]] = {
        "user": partial(users.find, context, admin),
        "volume": partial(shares.find, context, admin, "volume"),
        "folder": partial(shares.find, context, admin, "folder"),
        "acl": partial(acls.find, context, admin),
        "job": partial(job_lists.find, context, admin),
        "task": partial(tasks.find, context, admin),
        "queue": partial(queues.find, context, admin),
        "client": partial(clients.find, context, admin),
        "workspace": partial(workspaces.find, context, admin),
    }
    for attribute in catalog.attributes(context, admin, kind):
        finders[kind](Find(query=f"{attribute}=", limit=1))


def test_tasks_are_under_way_while_their_job_runs_and_no_row_says_so(world: World) -> None:
    world.share()
    server, vendor = world.alpha(), world.workstation()
    made = world.send()
    world.met(vendor, server)
    assert [task["status"] for task in world.tasks(made)] == ["executing", "executing"]
    found = tasks.find(world.context, world.admin, Find(query=f"job.id={made['id']} and status=executing"))
    assert len(found) == 2
    jobs.update(world.context, world.workflow, made["id"], {"status": "paused"})
    assert [task["status"] for task in world.tasks(made)] == ["queued", "queued"]


def test_a_page_of_tasks_begins_where_it_is_skipped_to_in_both_ways_of_asking(world: World) -> None:
    world.share()
    made = world.send(
        tasks=[{"source": f"share=production/f{number}", "destination": "jennifer@gda.com:in/"} for number in range(7)]
    )
    replaced = {"source": "share=production/f2", "destination": "jennifer@gda.com:in/"}
    tasks.create(world.context, world.workflow, made["id"], [replaced], replace_duplicates=True)
    for find in (Find(parent=made["id"], skip=2, limit=3), Find(query=f"job.id={made['id']}", skip=2, limit=3)):
        assert [task["source"]["path"] for task in tasks.find(world.context, world.admin, find)] == ["f2", "f3", "f4"]


def test_numbers_a_script_has_used_itself_are_not_given_again(world: World) -> None:
    world.share()
    made = world.send(tasks={"1": {"source": "share=production/a", "destination": "jennifer@gda.com:in/"}})
    more = [{"source": f"share=production/{name}", "destination": "jennifer@gda.com:in/"} for name in "bc"]
    tasks.create(world.context, world.workflow, made["id"], more)
    assert [task["uri"] for task in world.tasks(made)] == ["1", "1+", "2"]


def test_the_answer_to_many_tasks_says_what_they_are_called_and_no_more(world: World) -> None:
    world.share()
    made = world.send()
    more = [{"source": f"share=production/f{number}", "destination": "jennifer@gda.com:in/"} for number in range(1001)]
    answer = tasks.create(world.context, world.workflow, made["id"], more)
    assert len(answer) == 1001
    assert answer[0].keys() == {"id", "uri", "job", "status"}


def test_a_name_that_was_changed_is_found_by_the_new_one_only(world: World) -> None:
    world.share()
    made = world.send()
    jobs.update(world.context, world.workflow, made["id"], {"name": "ÉTUDE"})
    assert [entity["id"] for entity in job_lists.find(world.context, world.workflow, Find(query="name=étude"))] == [
        made["id"]
    ]
    assert job_lists.find(world.context, world.workflow, Find(query="name=package")) == []
