"""The kinds of attributes a query can compare; services make a table of them, name to kind and column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select

Column = ColumnElement[Any]
# Compares a column with what was written in the query; the second one, if any, holds the first without case.
Spelled = Callable[..., ColumnElement[bool]]


@dataclass(frozen=True)
class Text:
    """Words; `words` maps other spellings, in lower case, to what is stored.

    `folded` is a column that holds the same without case, as `functions.folded` makes it: an index on it finds a value.
    """

    column: Column
    words: Mapping[str, str] = field(default_factory=dict)
    folded: Column | None = None


@dataclass(frozen=True)
class Number:
    """A number; `words` maps names, in lower case, to numbers."""

    column: Column
    words: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Date:
    """Milliseconds since 1970 UTC, written as an ISO date or time."""

    column: Column


@dataclass(frozen=True)
class Flag:
    """True or false."""

    column: Column


@dataclass(frozen=True)
class Path:
    """A path below a root, stored normalised."""

    column: Column


@dataclass(frozen=True)
class Reference:
    """The id of another entity, written as id, `type:id`, a code or an address; `user:*` is any.

    `spelled` selects the ids of the entities one of whose names is what was written:
    `lambda spelled: select(user.c.id).where(spelled(user.c.code))`. Where entities of several types can stand in the
    column, `kind` is the column with their type.
    """

    column: Column
    spelled: Callable[[Spelled], Select[Any]]
    kind: Column | None = None


Field = Text | Number | Date | Flag | Path | Reference
Fields = Mapping[str, Field]
