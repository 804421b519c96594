from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Boolean, Column, Connection, MetaData, String, Table, create_engine, event, insert, select

from accsyn_engine.acl import (
    Grant,
    GrantColumns,
    Person,
    Verdict,
    allows,
    leads_somewhere,
    leads_to,
    verdict,
    visible,
    volume_path,
)
from accsyn_engine.query.functions import register_functions

JENNIFER = Person("jennifer@gda.com", "standard")
WORKFLOW = Person("workflow@geoscan.org", "employee")
ANDREA = Person("andrea@geoscan.org", "admin")

DATASET = Grant(
    "6b01",
    JENNIFER.code,
    "proj002-outsourcing",
    "production",
    "proj002/DATASET",
    read=True,
    write=False,
    share_path="proj002",
)
RETURN = Grant(
    "6b05",
    JENNIFER.code,
    "proj002-outsourcing",
    "production",
    "proj002/FROM_VENDORS/jennifer@gda.com",
    read=True,
    write=True,
    share_path="proj002",
)
GRANTS = [DATASET, RETURN]
WHOLE = Grant("6b09", WORKFLOW.code, "production", "production", "", read=True, write=False, share_type="volume")


def judge(person: Person, path: str, grants: list[Grant] | None = None, *, case_sensitive: bool = True) -> Verdict:
    return verdict(person, GRANTS if grants is None else grants, "production", path, case_sensitive=case_sensitive)


def test_a_grant_reaches_everything_below_it_and_the_verdict_names_it() -> None:
    assert judge(JENNIFER, "proj002/FROM_VENDORS/jennifer@gda.com/a/b") == Verdict(
        read=True,
        write=True,
        reasons=("grant 6b05 on share proj002-outsourcing path FROM_VENDORS/jennifer@gda.com gives read and write",),
    )


def test_without_a_grant_the_verdict_says_whose_grants_were_looked_at() -> None:
    assert judge(JENNIFER, "proj002/x") == Verdict(
        read=False, write=False, reasons=("no grant of jennifer@gda.com contains proj002/x",)
    )
    assert judge(JENNIFER, "").reasons == ("no grant of jennifer@gda.com contains the whole of the volume",)


@pytest.mark.parametrize("path", ["proj002", "proj002/DATASET_2", "proj002/FROM_VENDORS", "proj002/FROM_VENDORS/lisa"])
def test_neither_ancestors_nor_siblings_of_a_grant_are_given(path: str) -> None:
    assert not judge(JENNIFER, path).read


def test_grants_of_several_shares_add_up_and_each_is_a_reason() -> None:
    write_only = Grant(
        "6b07",
        JENNIFER.code,
        "drop",
        "production",
        "proj002/DATASET/in",
        read=False,
        write=True,
        share_path="proj002/DATASET/in",
    )
    found = judge(JENNIFER, "proj002/DATASET/in/x", [DATASET, write_only])
    assert (found.read, found.write) == (True, True)
    assert found.reasons == (
        "grant 6b01 on share proj002-outsourcing path DATASET gives read",
        "grant 6b07 on share drop gives write",
    )


def test_a_grant_of_nothing_gives_nothing() -> None:
    empty = Grant("6b08", JENNIFER.code, "drop", "production", "x", read=False, write=False)
    assert judge(JENNIFER, "x", [empty]) == Verdict(
        read=False, write=False, reasons=("grant 6b08 on share drop path x gives nothing",)
    )


def test_grants_of_other_people_and_other_volumes_do_not_matter() -> None:
    other = Person("lisa@gda.com", "standard")
    assert not judge(other, "proj002/DATASET").read
    assert not verdict(JENNIFER, GRANTS, "archive", "proj002/DATASET", case_sensitive=True).read


def test_an_admin_needs_no_grant() -> None:
    found = judge(ANDREA, "anything", [])
    assert found == Verdict(
        read=True, write=True, reasons=("andrea@geoscan.org is admin: reads and writes everything",)
    )
    assert visible(ANDREA, [], "production", "", ["a", "b"], case_sensitive=True) == ("a", "b")


def test_an_employee_gets_access_by_a_volume_and_a_standard_user_does_not() -> None:
    assert judge(WORKFLOW, "proj002/x", [WHOLE]) == Verdict(
        read=True, write=False, reasons=("grant 6b09 on share production gives read",)
    )
    mine = Grant("6b0a", JENNIFER.code, "production", "production", "", read=True, write=True, share_type="volume")
    assert judge(JENNIFER, "proj002/x", [mine]) == Verdict(
        read=False,
        write=False,
        reasons=("grant 6b0a on share production does not count: the role standard has no access by volume shares",),
    )


def test_an_unknown_role_may_do_nothing() -> None:
    assert not judge(Person(JENNIFER.code, "none"), "proj002/DATASET").read


def test_the_volumes_case_rule_decides_whether_names_are_the_same() -> None:
    assert not judge(JENNIFER, "PROJ002/dataset/x").read
    assert judge(JENNIFER, "PROJ002/dataset/x", case_sensitive=False).read


@pytest.mark.parametrize(
    ("folder", "children", "seen"),
    [
        ("", ["proj001", "proj002", "PROJ002"], ("proj002",)),
        ("proj002", ["DATASET", "DATASET_2", "FROM_VENDORS", "x.txt"], ("DATASET", "FROM_VENDORS")),
        ("proj002/FROM_VENDORS", ["lisa@gda.com", "jennifer@gda.com"], ("jennifer@gda.com",)),
        ("proj002/DATASET", ["b", "a"], ("b", "a")),
        ("proj001", ["a"], ()),
    ],
)
def test_a_folder_shows_only_the_way_down_to_what_is_granted(
    folder: str, children: list[str], seen: tuple[str, ...]
) -> None:
    assert visible(JENNIFER, iter(GRANTS), "production", folder, children, case_sensitive=True) == seen
    leads = leads_somewhere(JENNIFER, iter(GRANTS), "production", folder, case_sensitive=True)
    assert leads is bool(seen)


def test_the_way_down_to_a_write_only_folder_is_not_shown() -> None:
    write_only = Grant("6b07", JENNIFER.code, "drop", "production", "a/b", read=False, write=True)
    assert visible(JENNIFER, [write_only], "production", "", ["a"], case_sensitive=True) == ()


# The SQL predicates against the functions above.

METADATA = MetaData()
ACL = Table(
    "acl",
    METADATA,
    Column("user", String),
    Column("share_type", String),
    Column("share_path", String),
    Column("volume", String),
    Column("path", String),
    Column("read", Boolean),
    Column("write", Boolean),
    Column("enabled", Boolean),
)
PLACE = Table("place", METADATA, Column("volume", String), Column("path", String), Column("case_sensitive", Boolean))
COLUMNS = GrantColumns(
    rows=ACL,
    user=ACL.c.user,
    share_type=ACL.c.share_type,
    volume=ACL.c.volume,
    path=volume_path(ACL.c.share_type, ACL.c.share_path, ACL.c.path),
    read=ACL.c.read,
    write=ACL.c.write,
    enabled=ACL.c.enabled,
)


@pytest.fixture(scope="module")
def database() -> Iterator[Connection]:
    engine = create_engine("sqlite://")

    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: object) -> None:
        register_functions(connection)

    with engine.connect() as connection:
        METADATA.create_all(connection)
        yield connection
    engine.dispose()


PARTS = ["", "a", "A", "a_b", "a%", "aüb", "aÜb"]
PATHS = st.lists(st.sampled_from(PARTS[1:]), max_size=3).map("/".join)
GRANT = st.builds(
    lambda share_type, share, path, **rest: (
        Grant(
            id="1",
            share_code="s",
            share_type=share_type,
            share_path="" if share_type == "volume" else share,
            path="/".join(part for part in ("" if share_type == "volume" else share, path) if part),
            **rest,
        ),
        share,
        path,
    ),
    share_type=st.sampled_from(["volume", "folder", "home"]),
    share=PATHS,
    path=PATHS,
    user=st.sampled_from(["u", "v"]),
    volume=st.sampled_from(["p", "q"]),
    read=st.booleans(),
    write=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(
    held=st.lists(GRANT, max_size=4),
    places=st.lists(st.tuples(st.sampled_from(["p", "q"]), PATHS, st.booleans()), min_size=1, max_size=6),
    role=st.sampled_from(["admin", "employee", "standard", "none"]),
)
def test_the_predicate_for_lists_is_the_rule_for_one_path(
    database: Connection,
    held: list[tuple[Grant, str, str]],
    places: list[tuple[str, str, bool]],
    role: str,
) -> None:
    database.execute(ACL.delete())
    database.execute(PLACE.delete())
    for grant, share, path in held:
        row: dict[str, object] = {
            "user": grant.user,
            "share_type": grant.share_type,
            "share_path": share,
            "volume": grant.volume,
        }
        row |= {"path": path, "read": grant.read, "write": grant.write}
        database.execute(
            insert(ACL), [{**row, "enabled": True}, {**row, "read": True, "write": True, "enabled": False}]
        )
    database.execute(
        insert(PLACE), [dict(zip(("volume", "path", "case_sensitive"), place, strict=True)) for place in places]
    )
    grants, person = [grant for grant, _, _ in held], Person("u", role)
    where = {"volume": PLACE.c.volume, "path": PLACE.c.path, "case_sensitive": PLACE.c.case_sensitive}
    rows = database.execute(
        select(
            PLACE,
            allows(COLUMNS, "u", role, "read", **where).label("read"),
            allows(COLUMNS, "u", role, "write", **where).label("write"),
            leads_to(COLUMNS, "u", role, **where).label("leads"),
        )
    ).all()
    for found in rows:
        rule = {"case_sensitive": found.case_sensitive}
        expected = verdict(person, grants, found.volume, found.path, **rule)
        assert (bool(found.read), bool(found.write)) == (expected.read, expected.write)
        assert bool(found.leads) == leads_somewhere(person, grants, found.volume, found.path, **rule)


@pytest.mark.parametrize(("path", "case_sensitive"), [*product(["a/b", "A/b", "ab"], [True, False])])
def test_the_predicate_takes_plain_values_too(database: Connection, path: str, case_sensitive: bool) -> None:
    database.execute(ACL.delete())
    row = {"user": "u", "share_type": "folder", "share_path": "a", "volume": "p", "path": "", "read": True}
    database.execute(insert(ACL), [{**row, "write": False, "enabled": True}])
    found = database.scalar(
        select(allows(COLUMNS, "u", "standard", "read", volume="p", path=path, case_sensitive=case_sensitive))
    )
    assert bool(found) is (path == "a/b" or (path == "A/b" and not case_sensitive))
