"""How every list is made: one SQL statement that holds the query, the permission rule, the scope and the window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, false

from accsyn_engine.query.compile import compile_query
from accsyn_engine.query.fields import Fields
from accsyn_engine.services.context import Find, Work

MOST = 2**31 - 1  # rows; no database has more to skip


@dataclass(frozen=True)
class Scopes:
    """Which rows are found by default, and which ones each switch of a find brings instead."""

    active: ColumnElement[bool]
    finished: ColumnElement[bool] | None = None
    inactive: ColumnElement[bool] | None = None
    archived: ColumnElement[bool] | None = None


@dataclass(frozen=True)
class Listing:
    """One kind of entity as it is listed."""

    rows: Select[Any]
    attributes: Fields
    id: ColumnElement[str]
    order: tuple[ColumnElement[Any], ...]
    scopes: Scopes
    bare: tuple[str, ...]  # attributes a bare word is compared with


def rows(work: Work, listing: Listing, find: Find, may_see: ColumnElement[bool]) -> list[Row[Any]]:
    """Read the rows a find is after, in a stable order, counted after the permission rule."""
    statement = listing.rows.where(may_see)
    if find.query and find.query.strip():
        statement = statement.where(compile_query(find.query, listing.attributes, bare=listing.bare))
    if find.id:
        statement = statement.where(listing.id == find.id)
    for scope in _scopes(listing.scopes, find):
        found = work.connection.execute(_window(statement.where(scope), listing, find)).all()
        if found:
            return list(found)
    return []


def listed(
    work: Work, listing: Listing, find: Find, may_see: ColumnElement[bool], show: Callable[[Row[Any]], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Read and show."""
    return [show(row) for row in rows(work, listing, find, may_see)]


def _scopes(scopes: Scopes, find: Find) -> list[ColumnElement[bool]]:
    """The scopes to look in, one after the other until something is found."""
    if find.id and not find.query:
        every = [scopes.active, scopes.finished, scopes.inactive, scopes.archived]
        return [scope for scope in every if scope is not None]
    for wanted, scope in (
        (find.archived, scopes.archived),
        (find.inactive, scopes.inactive),
        (find.finished, scopes.finished),
    ):
        if wanted:
            return [false() if scope is None else scope]
    return [scopes.active, scopes.finished] if find.single and scopes.finished is not None else [scopes.active]


def _window(statement: Select[Any], listing: Listing, find: Find) -> Select[Any]:
    statement = statement.order_by(*listing.order)
    if find.limit:
        statement = statement.limit(min(find.limit, MOST))
    return statement.offset(min(find.skip, MOST)) if find.skip else statement
