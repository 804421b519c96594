"""What both grammars need: a parser made from a grammar file, and the place where a text stopped making sense."""

from __future__ import annotations

from importlib import resources
from typing import Any, cast

from lark import Lark, Transformer, UnexpectedCharacters, UnexpectedToken

Unreadable = UnexpectedCharacters | UnexpectedToken


def parser_of(file: str, start: str, transformer: Transformer[Any, Any]) -> Lark:
    """Make the parser of a grammar file of this package; nodes are built as the text is read, without recursion."""
    grammar = resources.files(__package__).joinpath(file).read_text(encoding="utf-8")
    return Lark(grammar, start=start, parser="lalr", transformer=transformer, maybe_placeholders=True)


def stopped_at(text: str, error: Unreadable) -> int:
    """The index of the first character that could not be read; the length of the text when it ended too early."""
    if isinstance(error, UnexpectedCharacters):
        return cast("int", error.pos_in_stream)
    start = error.token.start_pos
    return len(text) if error.token.type == "$END" or start is None else start


def allowed_at(error: Unreadable) -> set[str]:
    """The names of the terminals that could have stood there."""
    return set(error.allowed if isinstance(error, UnexpectedCharacters) else error.expected)
