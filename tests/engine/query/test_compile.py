from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    ForeignKey,
    MetaData,
    String,
    Table,
    insert,
    select,
)

from accsyn_engine.query import compile_query
from accsyn_engine.query.errors import QueryError, UnknownAttributeError
from accsyn_engine.query.fields import Date, Fields, Flag, Number, Path, Reference, Text
from accsyn_engine.query.parser import And, Comparison, Node, Operator, Or
from tests.engine.query.reference import (
    ORDERINGS,
    date_compared,
    flag_compared,
    holds,
    number_compared,
    path_compared,
    text_compared,
    values,
    written,
)

METADATA = MetaData()
PERSON = Table("person", METADATA, Column("id", String(24), primary_key=True), Column("code", String(254)))
THING = Table(
    "thing",
    METADATA,
    Column("id", String(24), primary_key=True),
    Column("name", String(254)),
    Column("size", BigInteger),
    Column("created", BigInteger),
    Column("active", Boolean),
    Column("path", String(254)),
    Column("person_id", String(24), ForeignKey("person.id")),
    Column("party_type", String(16)),
    Column("role", String(16)),
)


def person_spelled(spelled: Callable[[Any], Any]) -> Any:
    return select(PERSON.c.id).where(spelled(PERSON.c.code))


FIELDS: Fields = {
    "id": Text(THING.c.id),
    "name": Text(THING.c.name),
    "size": Number(THING.c.size, {"huge": 10}),
    "created": Date(THING.c.created),
    "active": Flag(THING.c.active),
    "path": Path(THING.c.path),
    "user": Reference(THING.c.person_id, person_spelled),
    "source": Reference(THING.c.person_id, person_spelled, kind=THING.c.party_type),
    "role": Text(THING.c.role, {"client": "standard"}),
    "parent": Reference(THING.c.id, lambda spelled: select(THING.c.id).where(spelled(THING.c.name))),
}

LISA, JEN, OTHER = "1" * 24, "2" * 24, "abcdef0123456789abcdef01"
PEOPLE = {LISA: "lisa@geoscan.org", JEN: "Jennifer@GDA.com"}
PEOPLE_ROWS = [{"id": key, "code": code} for key, code in PEOPLE.items()]
NOON = int(datetime(2026, 11, 24, 12, 0, 7, tzinfo=UTC).timestamp() * 1000)
DAY = 86_400_000
UUID = "0e984725-c51c-4bf4-9960-e1c80e27aba0"

Row = dict[str, Any]


def thing(id: str, **columns: Any) -> Row:
    empty = dict.fromkeys(("name", "size", "created", "active", "path", "person_id", "party_type", "role"))
    return {"id": id, **empty, **columns}


ROWS = [
    thing(
        OTHER,
        name="ÜBUNG One",
        size=3,
        created=NOON + 250,
        active=True,
        path="proj002/DATASET_001",
        person_id=LISA,
        party_type="user",
        role="standard",
    ),
    thing(
        UUID[:24],
        name="100%_done",
        size=10,
        created=NOON - DAY,
        active=False,
        path="",
        person_id=JEN,
        party_type="workspace",
        role="admin",
    ),
    thing("c" * 24, name=""),
]
FIRST, SECOND, EMPTY = (row["id"] for row in ROWS)


@pytest.fixture(params=["sqlite", "postgresql"])
def things(request: pytest.FixtureRequest) -> Iterator[Connection]:
    engine: Engine = request.getfixturevalue(request.param)
    with engine.connect() as connection:
        METADATA.create_all(connection)
        connection.execute(insert(PERSON), PEOPLE_ROWS)
        connection.execute(insert(THING), ROWS)
        yield connection
        connection.rollback()


def found(connection: Connection, query: str) -> set[str]:
    return set(connection.scalars(select(THING.c.id).where(compile_query(query, FIELDS, bare=("id", "name")))))


TABLE: list[tuple[str, set[str]]] = [
    # Text.
    ("name=übung one", {FIRST}),
    ("name='ÜBUNG ONE'", {FIRST}),
    ("name=*bung*", {FIRST}),
    ("name=100%_done", {SECOND}),
    ("name=100%*", {SECOND}),
    ("name=10__*", set()),
    ("name=*", {FIRST, SECOND, EMPTY}),
    ("name=", {EMPTY}),
    ("role=", {EMPTY}),
    ("name!=übung one", {SECOND, EMPTY}),
    ("role<>admin", {FIRST, EMPTY}),
    ("name in 'Übung one',100%_DONE", {FIRST, SECOND}),
    ("name in ", {EMPTY}),
    ("role not in admin,standard", {EMPTY}),
    ("role in ,admin", {SECOND, EMPTY}),
    ("name contains %_D", {SECOND}),
    ("name contains %%", set()),
    ("role not contains 'and'", {SECOND, EMPTY}),
    ("name matches ^ü", {FIRST}),
    (r"name matches '(\d{3})[%_]+\bdone|x$'", set()),
    (r"name matches ^\d{3}.+done$", {SECOND}),
    ("role matches .", {FIRST, SECOND}),
    ("name not matches o", {EMPTY}),
    ("name>2", {FIRST}),
    ("name<=100%_DONE", {SECOND, EMPTY}),
    ("role=client", {FIRST}),
    ("role in CLIENT,x", {FIRST}),
    ("role matches client", set()),
    # Ids.
    (f"id={FIRST}", {FIRST}),
    (f"id={FIRST.upper()}", {FIRST}),
    (f"id in {FIRST},{EMPTY}", {FIRST, EMPTY}),
    ("id=abc*", {FIRST}),
    (FIRST, {FIRST}),
    ("100%_done", {SECOND}),
    ("nothing", set()),
    # Numbers.
    ("size=3", {FIRST}),
    ("size=3.0", {FIRST}),
    ("size!=3", {SECOND, EMPTY}),
    ("size>3", {SECOND}),
    ("size>=+3", {FIRST, SECOND}),
    ("size<3.5", {FIRST}),
    ("size<=-1", set()),
    ("size<" + "9" * 40, {FIRST, SECOND}),
    ("size in 3,huge,", {FIRST, SECOND, EMPTY}),
    ("size=null", {EMPTY}),
    ("size=*", {FIRST, SECOND}),
    ("size>=huge", {SECOND}),
    # Dates.
    ("created=2026-11-24", {FIRST}),
    ("created=2026-11-24T12:00", {FIRST}),
    ("created=2026-11-24t12:00:07", {FIRST}),
    ("created='2026-11-24 12:00:07.250'", {FIRST}),
    ("created=2026-11-24T12:00:07.251", set()),
    ("created=2026-11-24T14:00:07+02:00", {FIRST}),
    ("created=2026-11-24T12:00:07z", {FIRST}),
    ("created!=2026-11-24", {SECOND, EMPTY}),
    ("created<2026-11-24", {SECOND}),
    ("created<=2026-11-24", {FIRST, SECOND}),
    ("created>2026-11-23", {FIRST}),
    ("created>=2026-11-23", {FIRST, SECOND}),
    ("created in 2026-11-23,2026-11-24", {FIRST, SECOND}),
    ("created=", {EMPTY}),
    # Flags.
    ("active=true", {FIRST}),
    ("active=False", {SECOND}),
    ("active!=true", {SECOND, EMPTY}),
    ("active in 0,1", {FIRST, SECOND}),
    ("active=", {EMPTY}),
    # Paths.
    ("path=proj002/dataset_001", {FIRST}),
    ("path=/proj002\\DATASET_001/", {FIRST}),
    ("path=proj002//.//dataset_001", {FIRST}),
    ("path=proj002\\*", {FIRST}),
    ("path=/", {SECOND, EMPTY}),
    ("path!=/", {FIRST}),
    ("path in /,\\proj002\\dataset_001", {FIRST, SECOND, EMPTY}),
    ("path contains 2\\d", {FIRST}),
    (r"path matches 2\Dd", {FIRST}),
    ("path>a", {FIRST}),
    # References.
    (f"user={LISA}", {FIRST}),
    (f"user=user:{LISA}", {FIRST}),
    (f"user='user:lisa@geoscan.org[standard]({LISA})'", {FIRST}),
    ("user=lisa@geoscan.org", {FIRST}),
    ("user=user:JENNIFER@gda.com", {SECOND}),
    ("user=*@gda.com", {SECOND}),
    ("user=user:*", {FIRST, SECOND}),
    ("user=*", {FIRST, SECOND}),
    ("user=", {EMPTY}),
    ("user!=lisa@geoscan.org", {SECOND, EMPTY}),
    (f"user in lisa@geoscan.org,{JEN}", {FIRST, SECOND}),
    ("user in *@gda.com", set()),
    ("user contains gda", {SECOND}),
    ("user matches ^jen", {SECOND}),
    ("user=nobody@x.com", set()),
    ("source=user:*", {FIRST}),
    (f"source=organization:{JEN}", {SECOND}),
    (f"source=user:{JEN}", set()),
    ("source=jennifer@gda.com", {SECOND}),
    ("parent=übung one", {FIRST}),
    (f"parent={UUID}", set()),
    # Together.
    ("thing WHERE active=true AND (size=3 or size=10)", {FIRST}),
    ("active=true or size=10 and name=nothing", {FIRST}),
    ("role=admin or role=standard", {FIRST, SECOND}),
]


def test_each_query_finds_its_rows(things: Connection) -> None:
    wrong = [(query, found(things, query)) for query, expected in TABLE if found(things, query) != expected]
    assert wrong == []


def test_values_are_bound_and_never_part_of_the_statement() -> None:
    text = str(compile_query("name='x'' or 1=1 --' or name=\"'; drop table thing\"".replace("''", "´"), FIELDS))
    assert "drop" not in text
    assert "--" not in text


def test_ids_are_compared_as_they_are_so_that_their_index_serves() -> None:
    assert "fold" not in str(compile_query(f"id={FIRST} or user={LISA}", FIELDS))
    assert "fold" in str(compile_query("name=x", FIELDS))


@pytest.mark.parametrize("query", ["colour=red", "size=1 and colour in 1"])
def test_an_unknown_attribute_is_named_among_the_known_ones(query: str) -> None:
    with pytest.raises(UnknownAttributeError) as caught:
        compile_query(query, FIELDS)
    assert caught.value.message == (
        'There is no attribute "colour" to search by; the known ones are '
        "active, created, id, name, parent, path, role, size, source, user."
    )


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("size=abc", "\"size\" is a number and 'abc' is none"),
        ("size>", "\"size\" is a number and '' is none"),
        ("size=1_0", "\"size\" is a number and '1_0' is none"),
        ("size=nan", "\"size\" is a number and 'nan' is none"),
        ("size in 1,x", "\"size\" is a number and 'x' is none"),
        ("size contains 1", '"size" is a number and cannot be used with contains; use =, !=, <, >, <=, >= or in'),
        ("active=maybe", "\"active\" is true or false and 'maybe' is neither"),
        ("active>true", '"active" is true or false and cannot be used with >; use = or !='),
        (
            "created=yesterday",
            "\"created\" is a date and 'yesterday' is none; write it like 2026-11-24 or 2026-11-24T03:36:48",
        ),
        (
            "created>2026-02-30",
            "\"created\" is a date and '2026-02-30' is none; write it like 2026-11-24 or 2026-11-24T03:36:48",
        ),
        ("created matches 2026", '"created" is a date and cannot be used with matches; use =, !=, <, >, <=, >= or in'),
        ("user<lisa", '"user" is a reference and cannot be used with <; use =, !=, in, contains or matches'),
        ("name matches a**", "the regular expression 'a**' cannot be used from '*' on"),
        ("user matches a**", "the regular expression 'a**' cannot be used from '*' on"),
        ("word", "'word' is a value by itself; write an attribute and an operator before it"),
    ],
)
def test_what_cannot_be_compared_says_what_can(query: str, reason: str) -> None:
    with pytest.raises(QueryError) as caught:
        compile_query(query, FIELDS)
    assert caught.value.message == f"The query cannot be understood: {reason}."


COLUMNS = {"user": "person_id"}


def compared(asked: Comparison, row: Row) -> bool:
    stored = row[COLUMNS.get(asked.attribute, asked.attribute)]
    return any(COMPARED[asked.attribute](stored, asked.operator, value) for value in values(asked))


def user_compared(stored: str | None, operator: Operator, value: str) -> bool:
    if stored is None:
        return False
    return stored == value or text_compared(PEOPLE[stored], operator, value)


COMPARED: dict[str, Callable[[Any, Operator, str], bool]] = {
    "name": text_compared,
    "path": path_compared,
    "size": number_compared,
    "created": date_compared,
    "active": flag_compared,
    "user": user_compared,
}

WORDS = st.text("aAéÉß%_!\\x", max_size=3)
DAYS = st.sampled_from(["1969-12-31", "1970-01-01", "1970-01-02"])
LETTERS = [Operator.EQUAL, Operator.IN, Operator.CONTAINS, *ORDERINGS]
COUNTED = [Operator.EQUAL, Operator.IN, *ORDERINGS]
KINDS: list[tuple[str, list[Operator], st.SearchStrategy[str]]] = [
    ("name", LETTERS, st.one_of(WORDS, st.text("aÉ*%", max_size=4))),
    ("name", [Operator.MATCHES], st.sampled_from(["a", "^É", "[^a]$", "(a|x)+", "."])),
    ("path", LETTERS, st.text("aÉ/\\*", max_size=5)),
    ("size", COUNTED, st.integers(-3, 3).map(str)),
    ("created", COUNTED, DAYS),
    ("active", [Operator.EQUAL, Operator.IN], st.sampled_from(["true", "false"])),
    ("user", [Operator.EQUAL, Operator.IN], st.sampled_from([LISA, "lisa@geoscan.org", "JENNIFER@gda.com", "x"])),
    ("user", [Operator.EQUAL], st.sampled_from(["*@gda.com", "*lisa*"])),
    ("user", [Operator.CONTAINS], st.sampled_from(["LISA", "a@", "%"])),
]


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    attribute, operators, values = draw(st.sampled_from(KINDS))
    operator = draw(st.sampled_from(operators))
    may_negate = operator not in ORDERINGS
    negated = may_negate and draw(st.booleans())
    if operator is Operator.IN:
        items = tuple(draw(st.lists(values, min_size=1, max_size=3)))
        return Comparison(attribute, operator, ",".join(items), negated, items)
    return Comparison(attribute, operator, draw(values), negated)


TREES = st.recursive(
    comparisons(),
    lambda parts: st.one_of(
        st.lists(parts, min_size=2, max_size=3).map(lambda found: And(tuple(found))),
        st.lists(parts, min_size=2, max_size=3).map(lambda found: Or(tuple(found))),
    ),
    max_leaves=4,
)


STORED = st.fixed_dictionaries(
    {
        "name": st.none() | WORDS,
        "size": st.none() | st.integers(-3, 3),
        "created": st.none() | st.sampled_from([-1, 0, 1, DAY - 1, DAY, DAY + 1]),
        "active": st.none() | st.booleans(),
        "path": st.none() | st.lists(st.text("aAéÉ", min_size=1, max_size=2), max_size=2).map("/".join),
        "person_id": st.sampled_from([None, LISA, JEN]),
    }
)


@settings(max_examples=150, deadline=None)
@given(tree=TREES, rows=st.lists(STORED, min_size=1, max_size=6))
def test_the_compiled_query_means_what_its_second_reading_means(sqlite: Engine, tree: Node, rows: list[Row]) -> None:
    stored = [thing(str(number), **row) for number, row in enumerate(rows)]
    with sqlite.connect() as connection:
        METADATA.create_all(connection)
        connection.execute(insert(PERSON), PEOPLE_ROWS)
        connection.execute(insert(THING), stored)
        query = written(tree)
        assert found(connection, query) == {row["id"] for row in stored if holds(tree, partial(compared, row=row))}, (
            query
        )
        connection.rollback()
