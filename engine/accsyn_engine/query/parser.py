"""Query text to a tree of frozen nodes; what the attributes mean is not known here.

The grammar stands in `grammar.lark`. Lengths and depth are capped before anything is built from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args

from accsyn_engine.query.errors import QueryError
from accsyn_engine.query.reading import Unreadable, allowed_at, parser_of, stopped_at

LONGEST = 65_536  # characters of a query
MOST_COMPARISONS = 200
DEEPEST = 32  # levels of `and` below `or` below `and` ...
MOST_ITEMS = 500  # values of one `in`


class Operator(StrEnum):
    """How an attribute is compared; what negates stands beside it."""

    EQUAL = "="
    LESS = "<"
    GREATER = ">"
    AT_MOST = "<="
    AT_LEAST = ">="
    IN = "in"
    CONTAINS = "contains"
    MATCHES = "matches"


@dataclass(frozen=True)
class Comparison:
    """One attribute against one value, or for `in` against several."""

    attribute: str
    operator: Operator
    value: str
    is_negated: bool = False
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class And:
    """All of the parts hold."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    """Any of the parts holds."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Bareword:
    """An id or a code by itself."""

    text: str


Node = Comparison | And | Or | Bareword


@dataclass(frozen=True)
class Query:
    """A parsed query; `entity` is the word before WHERE when it was sent along, in lower case."""

    where: Node
    entity: str | None = None


def parse(text: str) -> Query:
    """Read a query; raises QueryError with what is wrong and where."""
    written = text.strip()
    _refuse_unwritable(written)
    try:
        query: Query = _parser().parse(written)  # type: ignore[assignment]  # the transformer's `query` makes it
    except (UnexpectedCharacters, UnexpectedToken) as error:
        raise QueryError(reason=_explain(written, error)) from None
    _refuse_excess(query.where)
    return query


def _refuse_unwritable(text: str) -> None:
    if not text:
        raise QueryError(reason="it is empty; write an attribute, an operator and a value such as code=name")
    if len(text) > LONGEST:
        raise QueryError(reason=f"it is longer than {LONGEST} characters; ask in several queries")
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text):
        raise QueryError(reason="it contains a NUL or half a character, which nothing stored can contain")


def _refuse_excess(tree: Node) -> None:
    comparisons, depth, items = _measure(tree)
    if comparisons > MOST_COMPARISONS:
        raise QueryError(
            reason=f"it makes {comparisons} comparisons and at most {MOST_COMPARISONS} are allowed; use in"
        )
    if depth > DEEPEST:
        raise QueryError(reason=f"its brackets nest deeper than {DEEPEST} levels")
    if items > MOST_ITEMS:
        raise QueryError(reason=f"it lists {items} values after in and at most {MOST_ITEMS} are allowed")


def _measure(tree: Node) -> tuple[int, int, int]:
    """Count comparisons, levels and values without recursion, since this is what makes recursion safe."""
    comparisons = depth = items = 0
    waiting = [(tree, 1)]
    while waiting:
        node, level = waiting.pop()
        depth = max(depth, level)
        if isinstance(node, And | Or):
            waiting += [(part, level + 1) for part in node.parts]
        else:
            comparisons += 1
            items = max(items, len(node.items) if isinstance(node, Comparison) else 0)
    return comparisons, depth, items


_SYMBOLS: Mapping[str, tuple[Operator, bool]] = {
    "=": (Operator.EQUAL, False),
    "!=": (Operator.EQUAL, True),
    "<>": (Operator.EQUAL, True),
    "<": (Operator.LESS, False),
    ">": (Operator.GREATER, False),
    "<=": (Operator.AT_MOST, False),
    ">=": (Operator.AT_LEAST, False),
}


class _Build(Transformer[Token, Query]):
    """Makes the nodes while the text is read, so that no deep tree is ever walked."""

    def query(self, parts: list[Token | Node | None]) -> Query:
        *entity, where = parts
        if isinstance(where, Token):
            return Query(Bareword(str(where)))
        assert where is not None  # noqa: S101 - the grammar always gives one, which mypy cannot see
        return Query(where, str(entity[0]).lower() if entity[0] is not None else None)

    def any_of(self, parts: list[Node]) -> Node:
        return Or(tuple(parts))

    def all_of(self, parts: list[Node]) -> Node:
        return And(tuple(parts))

    def list(self, parts: list[Token]) -> tuple[str, ...]:
        # A quoted list is a list: it is quoted for the blanks in it.
        return tuple(item.strip() for part in parts for item in _unquoted(part).split(","))

    @v_args(inline=True)
    def symbol_comparison(self, attribute: Token, symbol: Token, text: Token | None) -> Node:
        operator, is_negated = _SYMBOLS[symbol]
        return Comparison(attribute.lower(), operator, _unquoted(text), is_negated)

    @v_args(inline=True)
    def test_comparison(self, attribute: Token, negation: Token | None, test: Token, text: Token | None) -> Node:
        return Comparison(attribute.lower(), Operator(test.lower()), _unquoted(text), negation is not None)

    @v_args(inline=True)
    def in_comparison(
        self, attribute: Token, negation: Token | None, _in: Token, items: tuple[str, ...] | None
    ) -> Node:
        found = ("",) if items is None else items
        return Comparison(attribute.lower(), Operator.IN, ",".join(found), negation is not None, found)


def _unquoted(text: Token | None) -> str:
    if text is None:
        return ""
    return text[1:-1] if text.type == "QUOTED" else str(text)


@cache
def _parser() -> Lark:
    return parser_of("grammar.lark", "query", _Build())


# What a reader expects to be told, by the first of these that the grammar would have taken.
_EXPECTED: Mapping[str, str] = {
    "WORD": "an attribute",
    "SYMBOL": "an operator such as = or contains",
    "TEST": "contains, matches or in",
    "BARE": "a value",
    "_AND": "and, or or the end (quote a value that contains brackets, and or or)",
    "RPAR": "a closing bracket",
}


def _explain(text: str, error: Unreadable) -> str:
    at = stopped_at(text, error)
    rest = text[at : at + 40]
    wanted = next((words for name, words in _EXPECTED.items() if name in allowed_at(error)), "the end")
    if rest[:1] in {'"', "'"} and rest.count(rest[0]) == 1:
        return f"the quote at character {at + 1} is never closed"
    if not rest:
        return f"it ends where {wanted} is expected"
    return f"at {rest!r} (character {at + 1}) {wanted} is expected"
