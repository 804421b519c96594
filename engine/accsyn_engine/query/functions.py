"""The two SQL functions the engine adds to a database: folding of case, and searching by regular expression.

SQLite folds only ASCII, so its connections get `accsyn_fold` and `accsyn_search`: the store calls `register_functions`
on each of them. PostgreSQL has its own, lower() and `~*`; its database needs UTF-8 and a locale other than C, which
folds only ASCII too.
"""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy import Boolean, ColumnElement, Text, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from accsyn_engine.query.pattern import LONGEST_TEXT, as_postgresql, parse_pattern, pattern


class DbapiConnection(Protocol):
    """What is needed of a connection of `sqlite3` or `pysqlite3`."""

    def create_function(self, name: str, narg: int, func: Any, /, *, deterministic: bool = ...) -> object:
        """Make a Python function known to SQL."""
        ...


class fold(GenericFunction[str]):  # noqa: N801 - an SQL function reads as one
    """`fold(text)`: the text without case, in whatever alphabet."""

    type = Text()
    inherit_cache = True
    name = "accsyn_fold"


@compiles(fold, "postgresql")
def _fold_postgresql(element: fold, compiler: Any, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"


class _search(GenericFunction[bool]):  # noqa: N801 - an SQL function reads as one
    type = Boolean()
    inherit_cache = True
    name = "accsyn_search"


@compiles(_search)
def _search_sqlite(element: _search, compiler: Any, **options: Any) -> str:
    text, written, _ = element.clauses
    return f"accsyn_search({compiler.process(text, **options)}, {compiler.process(written, **options)})"


@compiles(_search, "postgresql")
def _search_postgresql(element: _search, compiler: Any, **options: Any) -> str:
    text, _, translated = element.clauses
    return f"(left({compiler.process(text, **options)}, {LONGEST_TEXT}) ~* {compiler.process(translated, **options)})"


def search(column: ColumnElement[Any], regular_expression: str) -> ColumnElement[bool]:
    """Search a column by a regular expression, see `pattern.lark`, without regard to case; raises QueryError."""
    pattern(regular_expression)
    translated = as_postgresql(parse_pattern(regular_expression))
    return _search(column, literal(regular_expression, Text), literal(translated, Text))


def folded(text: str | None) -> str | None:
    """Fold one text the way the database does."""
    return None if text is None else str(text).lower()


def register_functions(connection: DbapiConnection) -> None:
    """Add the engine's functions to a new connection to SQLite."""
    connection.create_function("accsyn_fold", 1, folded, deterministic=True)
    connection.create_function("accsyn_search", 2, _searched, deterministic=True)


def _searched(text: str | None, regular_expression: str) -> bool | None:
    return None if text is None else pattern(regular_expression).search(str(text))
