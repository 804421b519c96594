"""The include and exclude patterns of a listing: `word`, `*w`, `w*`, `*w*`, `a*b` and `re('...')`, case ignored.

Patterns come from people far away and run on the studio's server, where one bad expression would hold up everything.
So an expression may repeat twice at most, and never a group, and choose a few times at most: then the longest name
costs less than a blink, and a listing has a time limit of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from accsyn_engine.agent.errors import RequestInvalidError

LONGEST = 200  # characters of a pattern
MOST = 50  # patterns of a listing
MOST_REPEATS = 2
MOST_CHOICES = 8

_EXPRESSION = re.compile(r"""re\((['"])(?P<text>.*?)\1(?:,\s*(['"])I\3)?\)""", re.DOTALL)
_ATOMS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)  # escapes and classes: nothing in them repeats
_REPEAT = re.compile(r"[*+{]|(?<![(*+}])\?")  # `(?` opens a group, `*?` only says how `*` repeats
_REPEATED_GROUP = re.compile(r"\)[*+{?]")

Matcher = Callable[[str], bool]


@dataclass(frozen=True)
class Filter:
    """Which names a listing shows; an included name is shown even if it is excluded as well."""

    include: tuple[Matcher, ...] = ()
    exclude: tuple[Matcher, ...] = ()

    def shows(self, name: str) -> bool:
        """Whether a file or folder of this name is asked for."""
        if self.include:
            return _any(self.include, name)
        return not _any(self.exclude, name)

    def hides(self, name: str) -> bool:
        """Whether a folder of this name is left out with all it holds."""
        return _any(self.exclude, name) and not _any(self.include, name)


def _any(matchers: tuple[Matcher, ...], name: str) -> bool:
    return any(matches(name) for matches in matchers)


def make_filter(include: Any, exclude: Any) -> Filter:
    """Build the filter of a listing; each side is a pattern, a list of them, or nothing. Raises RequestInvalidError."""
    return Filter(include=_matchers(include), exclude=_matchers(exclude))


def _matchers(patterns: Any) -> tuple[Matcher, ...]:
    if not patterns:
        return ()
    listed: Sequence[Any] = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(listed, list) or len(listed) > MOST or not all(isinstance(p, str) for p in listed):
        raise RequestInvalidError(what=f"include and exclude take a pattern or a list of up to {MOST} patterns.")
    return tuple(_matcher(pattern) for pattern in listed)


def _matcher(pattern: str) -> Matcher:
    if len(pattern) > LONGEST:
        raise RequestInvalidError(what=f'The pattern "{pattern[:20]}..." is longer than {LONGEST} characters.')
    found = _EXPRESSION.fullmatch(pattern)
    if found is not None:
        return _expression(found["text"])
    first, *rest = pattern.casefold().split("*")
    return lambda name: _fits(name.casefold(), first, rest)


def _fits(name: str, first: str, rest: Sequence[str]) -> bool:
    """Whether the parts between the stars follow each other in the name: the leftmost place for each is enough."""
    if not rest:
        return name == first
    if not name.startswith(first):
        return False
    at = len(first)
    for part in rest[:-1]:
        at = name.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return len(name) - at >= len(rest[-1]) and name.endswith(rest[-1])


def _expression(text: str) -> Matcher:
    bare = _ATOMS.sub("x", text)
    repeats, choices = len(_REPEAT.findall(bare)), bare.count("|")
    if _REPEATED_GROUP.search(bare) or repeats > MOST_REPEATS or choices > MOST_CHOICES:
        raise RequestInvalidError(
            what=f"The expression re('{text}') repeats a group, or more than {MOST_REPEATS} times, or has more than "
            f"{MOST_CHOICES} choices; write a simpler one."
        )
    try:
        compiled = re.compile(text, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise RequestInvalidError(what=f"The expression re('{text}') cannot be read ({error}); correct it.") from error
    return lambda name: compiled.search(name) is not None
