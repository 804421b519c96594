"""How every list is made: one SQL statement that holds the query, the permission rule, the scope and the window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, false, or_, select, union

from accsyn_engine.query.compile import compile_query, names_one
from accsyn_engine.query.fields import Fields
from accsyn_engine.query.functions import folded
from accsyn_engine.query.parser import Comparison, Operator, parse
from accsyn_engine.services.context import Find, Work

CHUNK = 1000  # ids a statement
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
    is_long: bool = False  # so many rows that a page is chosen by index before anything is joined to it

    @cached_property
    def of_ids(self) -> Select[Any]:
        """The rows of the ids given as `ids`, in the order of the list."""
        return self.rows.where(self.id.in_(bindparam("ids", expanding=True))).order_by(*self.order)


Rule = ColumnElement[bool] | Callable[[Work], tuple[ColumnElement[bool], ...]]
"""Who sees what: one condition, or several of which one must hold, each with an index that has the list's order."""


def rows(work: Work, listing: Listing, find: Find, may_see: Rule) -> list[Row[Any]]:
    """Read the rows a find is after, in a stable order, counted after the permission rule."""
    asked = []
    if find.query and find.query.strip():
        asked.append(compile_query(find.query, listing.attributes, bare=listing.bare))
    if find.id:
        asked.append(listing.id == find.id)
    ways = _ways(work, listing, find, may_see)
    for scope in scopes_of(listing.scopes, find):
        found = _read(work, listing, find, ways, [scope, *asked])
        if found:
            return found
    return []


def listed(
    work: Work, listing: Listing, find: Find, may_see: Rule, show: Callable[[Row[Any]], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Read and show."""
    return [show(row) for row in rows(work, listing, find, may_see)]


def _ways(work: Work, listing: Listing, find: Find, may_see: Rule) -> tuple[ColumnElement[bool], ...]:
    """The ways by which rows are reached; one when the query itself names so few that their order does not matter."""
    if not callable(may_see):
        return (may_see,)
    ways = may_see(work)
    is_one = bool(find.id) or bool(
        find.query and find.query.strip() and names_one(find.query, listing.attributes, bare=listing.bare)
    )
    return (or_(*ways),) if is_one or not find.limit else ways


def named_one(find: Find) -> tuple[str, str] | None:
    """The attribute and the value, folded, of a find for one id, code or name."""
    if find.skip or (find.id and find.query):
        return None
    if find.id:
        return "id", find.id
    asked = parse(find.query).where if find.query and find.query.strip() else None
    if not isinstance(asked, Comparison) or asked.is_negated or asked.operator is not Operator.EQUAL:
        return None
    is_plain = asked.attribute in {"id", "code", "name"} and asked.value and "*" not in asked.value
    return (asked.attribute, folded(asked.value) or "") if is_plain else None


def _read(
    work: Work, listing: Listing, find: Find, ways: tuple[ColumnElement[bool], ...], where: list[ColumnElement[bool]]
) -> list[Row[Any]]:
    if not (listing.is_long and find.limit):
        statement = _window(listing.rows.where(or_(*ways), *where), listing.order, find)
        return list(work.connection.execute(statement).all())
    return rows_of(work, listing, work.connection.execute(page_of(listing, find, ways, where)).scalars().all())


def rows_of(work: Work, listing: Listing, ids: Sequence[str]) -> list[Row[Any]]:
    """Read whole rows, by ids in the order of the list.

    By a statement of its own: with so many tables PostgreSQL would join them to all rows before it chose a page.
    """
    found: list[Row[Any]] = []
    for start in range(0, len(ids), CHUNK):
        found += work.connection.execute(listing.of_ids, {"ids": ids[start : start + CHUNK]}).all()
    return found


def page_of(
    listing: Listing, find: Find, ways: tuple[ColumnElement[bool], ...], where: list[ColumnElement[bool]]
) -> Select[Any]:
    """The ids of one page. Each way brings its own first rows by index, and a page is the first of all of them."""
    keys = [column.label(f"by_{number}") for number, column in enumerate(listing.order)]
    chosen = [select(listing.id.label("id"), *keys).where(way, *where) for way in ways]
    if len(chosen) == 1:
        return _window(chosen[0], listing.order, find)
    reach = replace(find, skip=0, limit=min((find.limit or 0) + find.skip, MOST))
    each = [select(_window(one, listing.order, reach).subquery()) for one in chosen]
    every = union(*each).subquery()
    return _window(select(every), tuple(every.c[key.name] for key in keys), find)


def scopes_of(scopes: Scopes, find: Find) -> list[ColumnElement[bool]]:
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


def _window(statement: Select[Any], order: tuple[ColumnElement[Any], ...], find: Find) -> Select[Any]:
    statement = statement.order_by(*order)
    if find.limit:
        statement = statement.limit(min(find.limit, MOST))
    return statement.offset(min(find.skip, MOST)) if find.skip else statement
