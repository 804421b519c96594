"""Regular expressions that cannot run away: searched in one pass, whatever the pattern and the text.

Python's own engine goes back and forth and can take hours over 30 characters of a hostile pattern, which would hold up
everybody. Here the pattern becomes a machine that is in several states at once and reads each character once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args

from accsyn_engine.query.errors import QueryError
from accsyn_engine.query.reading import parser_of, stopped_at

LONGEST_PATTERN = 200  # characters
LONGEST_TEXT = 4096  # characters that are searched; what comes after them is not
MOST_STATES = 300
MOST_REPEATS = 100
_REMEMBERED = 5000  # steps of one machine

_Ways = frozenset[int]
_Context = tuple[bool, bool, bool, bool]  # at the start, at the end, after a letter, before a letter


@dataclass(frozen=True)
class Sequence:
    """Parts one after the other."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Choice:
    """Any one of the parts."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Repeat:
    """A part several times; `most` is None without bound."""

    part: Part
    least: int
    most: int | None


@dataclass(frozen=True)
class Character:
    """One character out of those the regular expression `text` stands for."""

    text: str


@dataclass(frozen=True)
class Assertion:
    """A place between characters."""

    text: str


Part = Sequence | Choice | Repeat | Character | Assertion


@v_args(inline=True)
class _Build(Transformer[Token, Part]):
    def pattern(self, *parts: Part) -> Part:
        return Choice(parts)

    def branch(self, *parts: Part) -> Part:
        return Sequence(parts)

    def character(self, token: Token) -> Part:
        return Character(str(token))

    def assertion(self, token: Token) -> Part:
        return Assertion(str(token))

    def repeated(self, part: Part, token: Token) -> Part:
        return Repeat(part, *_bounds(str(token)))


# What may follow a part, as least and most.
_BOUNDS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def _bounds(written: str) -> tuple[int, int | None]:
    if written[0] in _BOUNDS:
        return _BOUNDS[written[0]]
    first, comma, second = written.rstrip("?")[1:-1].partition(",")
    least = int(first or 0)
    most = (int(second) if second else None) if comma else least
    if max(least, most or 0) > MOST_REPEATS or (most is not None and least > most):
        raise QueryError(reason=f"the repetition {written} does not count from fewer to at most {MOST_REPEATS}")
    return least, most


@cache
def _parser() -> Lark:
    return parser_of("pattern.lark", "pattern", _Build())


def parse_pattern(pattern: str) -> Part:
    """Read a regular expression; raises QueryError naming the place that cannot be read."""
    if len(pattern) > LONGEST_PATTERN:
        raise QueryError(reason=f"its regular expression is longer than {LONGEST_PATTERN} characters")
    try:
        part: Part = _parser().parse(pattern)  # type: ignore[assignment]  # the transformer makes parts
    except (UnexpectedCharacters, UnexpectedToken) as error:
        at = stopped_at(pattern, error)
        where = f"from {pattern[at:]!r} on" if pattern[at:] else "at its end"
        raise QueryError(reason=f"the regular expression {pattern!r} cannot be used {where}") from None
    return part


def _letter(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error:
        raise QueryError(reason=f"{text} in its regular expression stands for no characters") from None


@dataclass
class _Machine:
    """States and the ways between them. A state is left by reading a character, by an assertion, or freely."""

    reads: dict[int, tuple[re.Pattern[str], int]] = field(default_factory=dict)
    asserts: dict[int, tuple[str, int]] = field(default_factory=dict)
    free: dict[int, tuple[int, ...]] = field(default_factory=dict)
    states: int = 0

    def state(self) -> int:
        self.states += 1
        if self.states > MOST_STATES:
            raise QueryError(reason=f"its regular expression needs more than {MOST_STATES} states; make it simpler")
        return self.states

    def build(self, part: Part, after: int) -> int:
        """Add a part that leads to `after`; the answer is its first state."""
        match part:
            case Character(text):
                start = self.state()
                self.reads[start] = (_letter(text), after)
                return start
            case Assertion(text):
                start = self.state()
                self.asserts[start] = (text, after)
                return start
            case Sequence(()):
                return self._fork((after,))
            case Sequence(parts):
                for each in reversed(parts):
                    after = self.build(each, after)
                return after
            case Choice(parts):
                return self._fork(tuple(self.build(each, after) for each in parts))
        return self._repeat(part, after)

    def _fork(self, ways: tuple[int, ...]) -> int:
        start = self.state()
        self.free[start] = ways
        return start

    def _repeat(self, repeat: Repeat, after: int) -> int:
        if repeat.most is None:
            loop = self.state()
            self.free[loop] = (self.build(repeat.part, loop), after)
            after = loop
        else:
            end = after
            for _ in range(repeat.most - repeat.least):
                after = self._fork((self.build(repeat.part, after), end))
        for _ in range(repeat.least):
            after = self.build(repeat.part, after)
        return after


_HOLDS: dict[str, Callable[[_Context], bool]] = {
    "^": lambda context: context[0],
    "$": lambda context: context[1],
    "\\b": lambda context: context[2] is not context[3],
    "\\B": lambda context: context[2] is context[3],
}


class Pattern:
    """A regular expression made ready to search texts, without regard to case."""

    def __init__(self, pattern: str) -> None:
        self._machine = _Machine()
        self._end = self._machine.state()
        self._start = self._machine.build(parse_pattern(pattern), self._end)
        self._steps: dict[tuple[_Ways, str, _Context], _Ways | None] = {}

    def search(self, text: str) -> bool:
        """Whether the pattern fits anywhere in the first LONGEST_TEXT characters; `$` is the end of the text."""
        text = text[:LONGEST_TEXT]
        ways = frozenset({self._start})
        for at, char in enumerate((*text, "")):
            context = (at == 0, char == "", at > 0 and _is_letter(text[at - 1]), _is_letter(char))
            after = self._step(ways, char, context)
            if after is None:
                return True
            ways = after
        return False

    def _step(self, ways: _Ways, char: str, context: _Context) -> _Ways | None:
        """The states after a character, the start always among them; None once the pattern fits."""
        key = (ways, char, context)
        if key not in self._steps:
            if len(self._steps) >= _REMEMBERED:
                self._steps.clear()
            reached = self._reach(ways, context)
            self._steps[key] = None if self._end in reached else frozenset({self._start, *self._read(reached, char)})
        return self._steps[key]

    def _reach(self, ways: _Ways, context: _Context) -> set[int]:
        reached: set[int] = set()
        waiting = list(ways)
        while waiting:
            state = waiting.pop()
            if state in reached:
                continue
            reached.add(state)
            waiting += self._machine.free.get(state, ())
            if state in self._machine.asserts:
                text, after = self._machine.asserts[state]
                waiting += [after] if _HOLDS[text](context) else []
        return reached

    def _read(self, reached: set[int], char: str) -> Iterator[int]:
        for state in reached & self._machine.reads.keys():
            letter, after = self._machine.reads[state]
            if char and letter.fullmatch(char):
                yield after


@lru_cache(maxsize=64)
def pattern(text: str) -> Pattern:
    """Make a pattern ready, or remember it; raises QueryError."""
    return Pattern(text)


def as_postgresql(part: Part) -> str:
    """Write a pattern the way PostgreSQL reads it: the same meaning, where its own syntax differs."""
    match part:
        case Character(text):
            return "[^\\n]" if text == "." else text
        case Assertion(text):
            return {"\\b": "\\y", "\\B": "\\Y"}.get(text, text)
        case Sequence(parts):
            return "".join(as_postgresql(each) for each in parts) or "(?:)"
        case Choice(parts):
            return f"(?:{'|'.join(as_postgresql(each) for each in parts)})"
    most = "" if part.most is None else part.most
    return f"(?:{as_postgresql(part.part)}){{{part.least},{most}}}"


def _is_letter(char: str) -> bool:
    return char.isalnum() or char == "_"
