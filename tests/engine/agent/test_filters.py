from __future__ import annotations

import pytest

from accsyn_engine.agent.errors import RequestInvalidError
from accsyn_engine.agent.filters import make_filter
from tests.engine.agent.conftest import CLOCK


@pytest.mark.parametrize(
    ("pattern", "shown", "not_shown"),
    [
        ("render", ["render", "RENDER"], ["renders", "a render"]),
        ("*.exr", ["a.exr", "B.EXR", ".exr"], ["a.exr.bak"]),
        ("tmp*", ["tmp", "TMP.1"], ["atmp"]),
        ("*cache*", ["cache", "my.CACHE.dir"], ["cach"]),
        ("a*b", ["ab", "a-b"], ["a", "aba", "ba"]),
        ("a*a", ["aa", "aba"], ["a"]),
        ("a*b*c", ["abc", "a1b2c"], ["acb", "ab"]),
        ("*", ["anything", ""], []),
        ("re('^v[0-9]+$')", ["v1", "V22"], ["v", "xv1"]),
        ('re("(a|b)\\.txt", "I")', ["a.txt", "xB.TXT"], ["atxt"]),
        ("[a]*", ["[a]b"], ["ab"]),
    ],
)
def test_a_pattern_matches_names_whatever_their_case(pattern, shown, not_shown):
    chosen = make_filter(pattern, None)
    assert [name for name in [*shown, *not_shown] if chosen.shows(name)] == shown


def test_include_goes_before_exclude():
    chosen = make_filter(["keep*"], ["*.tmp"])
    assert chosen.shows("keep.tmp")
    assert not chosen.shows("other.txt")
    assert not chosen.hides("keep.tmp")
    assert chosen.hides("other.tmp")
    assert not chosen.hides("folder")


@pytest.mark.parametrize(
    "pattern",
    [
        "re('(a+)+$')",
        "re('(a|aa)+$')",
        "re('(?:a?){20}')",
        "re('.*.*.*x')",
        "re('a?a?a?aaa')",
        "re('" + "(a|a)" * 20 + "')",
        "re('[')",
        "re('a{2')" + "x" * 300,
        "x" * 201,
    ],
)
def test_an_expression_that_could_take_for_ever_or_is_none_is_refused(pattern):
    with pytest.raises(RequestInvalidError):
        make_filter(pattern, None)


@pytest.mark.parametrize("patterns", [7, {"a": 1}, [1], ["a"] * 51])
def test_patterns_of_the_wrong_kind_are_refused(patterns):
    with pytest.raises(RequestInvalidError):
        make_filter(None, patterns)


@pytest.mark.parametrize("pattern", ["re('.*.*x')", "re('(.+).+\\d')", "re('[*+?]{3}|a|b|c|d|e|f')", "*a*a*a*a*a*a*b"])
def test_the_worst_that_is_allowed_is_quick(pattern):
    begun = CLOCK.monotonic()
    make_filter(pattern, None).shows("a" * 255)
    assert CLOCK.monotonic() - begun < 1  # a hundredth of that when the machine is free; what is refused takes years
