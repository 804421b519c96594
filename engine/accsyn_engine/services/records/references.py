"""References in queries: how the entity a column points at may be written instead of its id."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, Table, literal, or_, select, union_all

from accsyn_engine.query.fields import Reference, Spelled
from accsyn_engine.store.schema import client, job, queue, share, site, user, workspace

_HQ = literal("hq")


def _by_code(table: Table, column: ColumnElement[str], folded: str | None = None) -> Reference:
    # Under a name of its own, or the inner select would be taken for a part of the outer one.
    named = table.alias(f"named_{table.name}")
    stored = None if folded is None else named.c[folded]
    return Reference(column, lambda spelled: select(named.c.id).where(spelled(named.c.code, stored)))


def to_user(column: ColumnElement[str]) -> Reference:
    """A user, by address, which is stored without case."""
    return _by_code(user, column, "code")


def to_share(column: ColumnElement[str]) -> Reference:
    """A share, by code."""
    return _by_code(share, column)


def to_queue(column: ColumnElement[str]) -> Reference:
    """A queue, by code."""
    return _by_code(queue, column)


def to_site(column: ColumnElement[str]) -> Reference:
    """A site, by code."""
    return _by_code(site, column)


def to_job(column: ColumnElement[str]) -> Reference:
    """A job, by code."""
    return _by_code(job, column, "code_folded")


def to_party(kind: ColumnElement[str], column: ColumnElement[str]) -> Reference:
    """A party: a person by address, a machine by host name, a site by code, the workspace by its code or as hq."""
    place = site.alias("party_site")
    person, machine, studio = user.alias("party_user"), client.alias("party_client"), workspace.alias("party_workspace")

    def spelled_as(spelled: Spelled) -> Select[tuple[str]]:
        found = union_all(
            select(person.c.id).where(spelled(person.c.code, person.c.code)),
            select(machine.c.id).where(spelled(machine.c.code)),
            select(place.c.id).where(spelled(place.c.code)),
            select(studio.c.id).where(or_(spelled(studio.c.code), spelled(_HQ))),
        ).subquery()
        return select(found.c.id)

    return Reference(column, spelled_as, kind=kind)
