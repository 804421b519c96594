from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, String, literal, select

from accsyn_engine.query import pattern as module
from accsyn_engine.query.errors import QueryError
from accsyn_engine.query.functions import search
from accsyn_engine.query.pattern import LONGEST_PATTERN, LONGEST_TEXT, Pattern, as_postgresql, parse_pattern

ATOMS = ["a", "B", "é", r"\.", ".", "[ab]", "[^aé]", r"[\d_-]", r"\d", r"\W", "()", "_", " "]
PIECES = st.one_of(st.sampled_from(ATOMS), st.sampled_from(["^", "$", r"\b", r"\B"]))


def _extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    groups = inner.map(lambda text: f"({text})")
    repeats = st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{,2}", "{1,}?", "*?"])
    quantified = st.tuples(st.one_of(st.sampled_from(ATOMS), groups), repeats).map("".join)
    return st.one_of(
        st.lists(st.one_of(inner, quantified), max_size=3).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{'|'.join(pair)})"),
    )


PATTERNS = st.recursive(PIECES, _extend, max_leaves=8)
TEXTS = st.text("aAbBéÉ._-1 \n", max_size=8)


@settings(max_examples=200, deadline=None)
@given(pattern=PATTERNS, text=TEXTS)
def test_a_pattern_finds_what_pythons_own_engine_finds(pattern: str, text: str) -> None:
    assume(text or r"\B" not in pattern)  # of an empty text Python 3.14 and those before it think differently
    strict = pattern.replace("$", r"\Z")
    assert Pattern(pattern).search(text) is bool(re.search(strict, text, re.IGNORECASE))


@settings(max_examples=60, deadline=None)
@given(pattern=PATTERNS, text=TEXTS)
def test_postgresql_finds_the_same(postgresql: Engine, pattern: str, text: str) -> None:
    with postgresql.connect() as connection:
        found = connection.scalar(select(search(literal(text, String), pattern)))
    assert found is Pattern(pattern).search(text)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(a*)*b", "a*a*a*a*a*a*b", "(.*){20}b", "(a?){30}a{30}"])
def test_a_hostile_pattern_costs_one_pass_over_the_text(pattern: str) -> None:
    searched = Pattern(pattern)
    searched.search("a" * LONGEST_TEXT + "c")
    assert len(searched._steps) < 100


def test_what_comes_after_the_longest_text_is_not_searched() -> None:
    assert Pattern("b").search("a" * (LONGEST_TEXT - 1) + "b")
    assert not Pattern("b").search("a" * LONGEST_TEXT + "b")


def test_the_steps_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 3)
    searched = Pattern("abcde")
    assert searched.search("xyzuvwabcde")
    assert len(searched._steps) <= 3


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "the regular expression '(' cannot be used at its end"),
        ("a)", "the regular expression 'a)' cannot be used from ')' on"),
        ("a**", "the regular expression 'a**' cannot be used from '*' on"),
        ("*", "the regular expression '*' cannot be used from '*' on"),
        ("[a", "the regular expression '[a' cannot be used from '[a' on"),
        ("[[:alpha:]]", "the regular expression '[[:alpha:]]' cannot be used from '[[:alpha:]]' on"),
        (r"(a)\1", r"the regular expression '(a)\\1' cannot be used from '\\1' on"),
        ("(?=a)", "the regular expression '(?=a)' cannot be used from '?=a)' on"),
        ("[z-a]", "[z-a] in its regular expression stands for no characters"),
        ("a{3,2}", "the repetition {3,2} does not count from fewer to at most 100"),
        ("a{101}", "the repetition {101} does not count from fewer to at most 100"),
        ("((a{99}){99}){99}", "its regular expression needs more than 300 states; make it simpler"),
        ("((){99}){99}", "its regular expression needs more than 300 states; make it simpler"),
        ("a" * (LONGEST_PATTERN + 1), f"its regular expression is longer than {LONGEST_PATTERN} characters"),
    ],
)
def test_what_is_no_pattern_is_refused_with_the_place(pattern: str, reason: str) -> None:
    with pytest.raises(QueryError) as caught:
        Pattern(pattern)
    assert caught.value.message == f"The query cannot be understood: {reason}."


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        (r"^\bA.b\B$", r"^\yA[^\n]b\Y$"),
        ("a|", "(?:a|(?:))"),
        (r"(a[^\d])*b{2,3}c+?", r"(?:a[^\d]){0,}(?:b){2,3}(?:c){1,}"),
    ],
)
def test_postgresql_gets_its_own_spelling(pattern: str, written: str) -> None:
    assert as_postgresql(parse_pattern(pattern)) == written
