"""The two parties of a job: the workspace, a person, or one of a person's machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from accsyn_engine.paths import Endpoint, Party, PartyKind, PathKind
from accsyn_engine.services.context import Caller, Work
from accsyn_engine.services.errors import ForbiddenError, NotAllowedNowError, NotFoundError
from accsyn_engine.services.records import sites
from accsyn_engine.services.records.rows import bare, by_id, is_id, require_user, workspace_row
from accsyn_engine.store.schema import client


@dataclass(frozen=True)
class Side:
    """One party, found."""

    type: str  # workspace | site | user | client
    id: str
    code: str
    user_id: str | None = None  # the person; None for the workspace
    user_code: str = ""

    @property
    def is_workspace(self) -> bool:
        """Whether a server of the studio's holds this end, at the main site or another."""
        return self.type in {"workspace", "site"}

    @property
    def client_id(self) -> str | None:
        """The machine, when one was named."""
        return self.id if self.type == "client" else None


def find_side(work: Work, caller: Caller, endpoint: Endpoint) -> Side:
    """Find the party of an endpoint; raises NotFoundError or ForbiddenError."""
    party = endpoint.party
    if party.kind is PartyKind.USER:
        return _person(work, caller, party)
    if party.kind is PartyKind.SITE:
        return site_side(work, party.name)
    if party.kind is PartyKind.CLIENT:
        return _machine(work, caller, party.name)
    if party.kind is PartyKind.NONE and endpoint.path.is_local:
        return _own(caller)
    return workspace_side(work)


def workspace_side(work: Work) -> Side:
    """The workspace as a party."""
    row = workspace_row(work)
    return Side("workspace", row.id, row.code)


def site_side(work: Work, name: str) -> Side:
    """The side of a site by code or id, where its servers are used; the main one is the workspace's.

    Raises NotFoundError, and NotAllowedNowError for a site without servers.
    """
    row = sites.require(work, name)
    if row.is_main:
        return workspace_side(work)
    if row.code == sites.ROAMING or row.status != "enabled":
        raise NotAllowedNowError(what=f"The site {row.code} has no servers in use, so nothing moves from or to it.")
    return Side("site", row.id, row.code)


def guessed_site(work: Work, caller: Caller) -> Side | None:
    """The site whose network the caller calls from; None for the main one or none."""
    row = sites.of_address(work, caller.address)
    return None if row is None or row.is_main or row.code == sites.ROAMING else Side("site", row.id, row.code)


def _own(caller: Caller) -> Side:
    return Side("user", caller.user_id, caller.code, caller.user_id, caller.code)


def _person(work: Work, caller: Caller, party: Party) -> Side:
    person = require_user(work, party.name)
    _may_deal(caller, person)
    if not person.active or person.status != "enabled":
        raise NotAllowedNowError(what=f"{person.code} is disabled, so nothing can be sent to or fetched from there.")
    if not party.hostname:
        return Side("user", person.id, person.code, person.id, person.code)
    row = work.connection.execute(
        select(client)
        .where(client.c.user_id == person.id, client.c.code == party.hostname)
        .order_by(client.c.last_checkin.desc())
    ).first()
    if row is None:
        raise NotFoundError(kind=f"client of {person.code}", name=party.hostname)
    return Side("client", row.id, row.code, person.id, person.code)


def _machine(work: Work, caller: Caller, name: str) -> Side:
    row = by_id(work, client, bare(name)) if is_id(bare(name)) else None
    if row is None:
        raise NotFoundError(kind="client", name=name)
    if row.type == 1:
        return workspace_side(work)
    person = require_user(work, row.user_id)
    _may_deal(caller, person)
    return Side("client", row.id, row.code, person.id, person.code)


def _may_deal(caller: Caller, person: Row[Any]) -> None:
    if person.id != caller.user_id and not caller.is_elevated:
        raise ForbiddenError(who=caller.code, what=f"send to or fetch from {person.code}")


def check_own_machine(caller: Caller, side: Side, path_kind: PathKind, *, is_source: bool, written: str) -> None:
    """Hold a path at somebody else's machine to what an elevated caller may do there; raises ForbiddenError.

    Into it: a mapped share, a mirror or a relative path its owner has made room for. Out of it: a mapped share. Never a
    path of that machine's own disk.
    """
    if side.user_id == caller.user_id:
        return
    allowed = {PathKind.SHARE, PathKind.VOLUME, PathKind.FOLDER, PathKind.HOME}
    if not is_source:
        allowed |= {PathKind.MIRROR, PathKind.RELATIVE}
    if path_kind not in allowed:
        raise ForbiddenError(who=caller.code, what=f'use the path "{written}" on the machine of {side.user_code}')


def require_client(work: Work, side: Side) -> None:
    """Raise NotAllowedNowError when a person who is to send has never started an agent."""
    if side.is_workspace or side.client_id is not None:
        return
    known = work.connection.execute(select(client.c.id).where(client.c.user_id == side.user_id).limit(1)).first()
    if known is None:
        raise NotAllowedNowError(
            what=f"{side.user_code} has no client to send from (no source client); start the agent there first."
        )
