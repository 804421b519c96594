"""The two SQL functions the engine adds to a database: folding of case, and searching by regular expression.

SQLite folds only ASCII, so its connections get `accsyn_fold` and `accsyn_search`: the store calls `register_functions`
on each of them. PostgreSQL has its own: lower() and `~*`.
"""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy import Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction


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


def folded(text: str | None) -> str | None:
    """Fold one text the way the database does."""
    return None if text is None else str(text).lower()


def register_functions(connection: DbapiConnection) -> None:
    """Add the engine's functions to a new connection to SQLite."""
    connection.create_function("accsyn_fold", 1, folded, deterministic=True)
