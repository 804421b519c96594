from __future__ import annotations

import pytest

from accsyn_engine.query.errors import QueryError
from accsyn_engine.query.parser import (
    DEEPEST,
    LONGEST,
    MOST_COMPARISONS,
    MOST_ITEMS,
    And,
    Bareword,
    Comparison,
    Node,
    Operator,
    Or,
    Query,
    parse,
)


def equals(attribute: str, value: str) -> Comparison:
    return Comparison(attribute, Operator.EQUAL, value)


def listed(attribute: str, *items: str, is_negated: bool = False) -> Comparison:
    return Comparison(attribute, Operator.IN, ",".join(items), is_negated, items)


A, B, C = equals("a", "1"), equals("b", "2"), equals("c", "3")

READINGS: list[tuple[str, Node]] = [
    ("a=1", A),
    ("  A =  1 ", A),
    ("a!=1", Comparison("a", Operator.EQUAL, "1", is_negated=True)),
    ("a<>1", Comparison("a", Operator.EQUAL, "1", is_negated=True)),
    ("a<1", Comparison("a", Operator.LESS, "1")),
    ("a > 1", Comparison("a", Operator.GREATER, "1")),
    ("a<=1", Comparison("a", Operator.AT_MOST, "1")),
    ("a>=1", Comparison("a", Operator.AT_LEAST, "1")),
    ("a contains x y", Comparison("a", Operator.CONTAINS, "x y")),
    ("a NOT Contains x", Comparison("a", Operator.CONTAINS, "x", is_negated=True)),
    ("a matches '^x(y|z)'", Comparison("a", Operator.MATCHES, "^x(y|z)")),
    ("a not matches x", Comparison("a", Operator.MATCHES, "x", is_negated=True)),
    ("type in 0,2", listed("type", "0", "2")),
    ("a not in 1, 2", listed("a", "1", "2", is_negated=True)),
    ("a in \"x y\", 'z'", listed("a", "x y", "z")),
    ('a in "x,y"', listed("a", "x", "y")),
    ("a in", listed("a", "")),
    ("a in x,", listed("a", "x", "")),
    # Values.
    ("a=", equals("a", "")),
    ('a=""', equals("a", "")),
    ("a='x \"y\" z'", equals("a", 'x "y" z')),
    ("a=it's", equals("a", "it's")),
    ("a=user:jen@gda.com\\x/.-*%,+y", equals("a", "user:jen@gda.com\\x/.-*%,+y")),
    ("a=x  y", equals("a", "x  y")),
    ("a=land", equals("a", "land")),
    ("a=and", equals("a", "and")),
    ("a=x and_y", equals("a", "x and_y")),
    ("a=x order", equals("a", "x order")),
    ("a='x and y'", equals("a", "x and y")),
    ("a=b=c", equals("a", "b=c")),
    ("a=\\\\alpha\\x", equals("a", "\\\\alpha\\x")),
    ("job.id=1", equals("job.id", "1")),
    # Precedence and brackets.
    ("a=1 and b=2", And((A, B))),
    ("a=1 AND b=2 And c=3", And((A, B, C))),
    ("a=1 or b=2 and c=3", Or((A, And((B, C))))),
    ("(a=1 or b=2) and c=3", And((Or((A, B)), C))),
    ("(a=1)and(b=2)or(c=3)", Or((And((A, B)), C))),
    ('a="1"and b=2', And((A, B))),
    ("((a=1))", A),
    ("(a= and b=2)", And((equals("a", ""), B))),
    ("(a=1 and b=)", And((A, equals("b", "")))),
    # Without a comparison.
    ("6b05064f4b49521bdcf83837", Bareword("6b05064f4b49521bdcf83837")),
    (" jennifer@gda.com ", Bareword("jennifer@gda.com")),
    ("admin", Bareword("admin")),
]


@pytest.mark.parametrize(("text", "tree"), READINGS, ids=[text for text, _ in READINGS])
def test_each_query_has_one_reading(text: str, tree: Node) -> None:
    assert parse(text) == Query(tree)


@pytest.mark.parametrize(
    ("text", "entity"), [("acl WHERE a=1", "acl"), ("Transfer where (a=1)", "transfer"), ("user where(a=1)", "user")]
)
def test_the_word_before_where_is_kept(text: str, entity: str) -> None:
    assert parse(text) == Query(A, entity)


@pytest.mark.parametrize(
    "recorded",
    [
        "(ident=user:6b0506507f5b3cf7339a4a1b and target=share:6b0506501f2c29707e30492a and path=dataset_001_1203)",
        '((user=lisa@e.com and destination=hq) or status<>failed) and code="* backup"',
        "  code='my  two'",
        "acl WHERE target=share:6b05 AND entity=user:6b06",
        "user=6b05 AND code=Vm AND type=0",
        "user=6b05 and (type=1 or type=2)",
        "path=from_vendors\\jen",
        "default=true",
        "roles contains storage",
    ],
)
def test_what_clients_really_send_is_understood(recorded: str) -> None:
    assert not isinstance(parse(recorded).where, Bareword)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty; write an attribute, an operator and a value such as code=name"),
        ("  ", "it is empty; write an attribute, an operator and a value such as code=name"),
        ("name=black and white", "it ends where an operator such as = or contains is expected"),
        ("a=1 and", "it ends where an attribute is expected"),
        ("(a=1", "it ends where a closing bracket is expected"),
        ("a=1)", "at ')' (character 4) the end is expected"),
        ("a=b(c)", "at '(c)' (character 4) and, or or the end (quote a value that contains brackets, and or or) is expected"),
        ("a b", "at 'b' (character 3) an operator such as = or contains is expected"),
        ("a ! b", "at '! b' (character 3) an operator such as = or contains is expected"),
        ("a not like b", "at 'like b' (character 7) contains, matches or in is expected"),
        ("a in (1,2)", "at '(1,2)' (character 6) a value is expected"),
        ("a=1 and =2", "at '=2' (character 9) an attribute is expected"),
        ('a="x', "the quote at character 3 is never closed"),
        ("aclWHERE path=x", "at 'path=x' (character 10) an operator such as = or contains is expected"),
        ("a=\0", "it contains a NUL or half a character, which nothing stored can contain"),
        ("a=\ud800", "it contains a NUL or half a character, which nothing stored can contain"),
        ("a=" + "x" * LONGEST, f"it is longer than {LONGEST} characters; ask in several queries"),
        (
            " and ".join(["a=1"] * (MOST_COMPARISONS + 1)),
            f"it makes {MOST_COMPARISONS + 1} comparisons and at most {MOST_COMPARISONS} are allowed; use in",
        ),
        (
            "a in " + ",".join("1" * (MOST_ITEMS + 1)),
            f"it lists {MOST_ITEMS + 1} values after in and at most {MOST_ITEMS} are allowed",
        ),
        (
            "(a=1 and (a=1 or " * DEEPEST + "a=1" + "))" * DEEPEST,
            f"its brackets nest deeper than {DEEPEST} levels",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_where_and_what_was_expected(text: str, reason: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert caught.value.message == f"The query cannot be understood: {reason}."


def test_brackets_alone_nest_as_deep_as_the_text_is_long() -> None:
    assert parse("(" * 20_000 + "a=1" + ")" * 20_000) == Query(A)


def test_the_longest_query_is_read_in_passing() -> None:
    words = "b " * (LONGEST // 2 - 2) + "b"
    assert parse(f"a={words}") == Query(equals("a", words))
    assert parse("a=" + " " * (LONGEST - 4) + "b") == Query(equals("a", "b"))
