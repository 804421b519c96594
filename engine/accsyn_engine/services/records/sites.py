"""Sites: places with servers of their own, and which of them an address belongs to.

`hq` is the main one, whose servers are the workspace's; `roaming` stands for whoever is at none and has no servers.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from sqlalchemy import Row, exists, insert, or_, select, true
from sqlalchemy import delete as erase
from sqlalchemy import update as alter

from accsyn_engine.clock import iso
from accsyn_engine.jobs.states import FINISHED
from accsyn_engine.paths.notation import MAIN_SITE
from accsyn_engine.query.fields import Date, Flag, Text
from accsyn_engine.query.functions import fold
from accsyn_engine.services import audit
from accsyn_engine.services.context import Caller, Find, Work
from accsyn_engine.services.errors import BadValueError, ExistsError, NotAllowedNowError, NotFoundError
from accsyn_engine.services.permissions import reads, writes
from accsyn_engine.services.records.fields import choice, mapping, slug, text, texts
from accsyn_engine.services.records.finding import Listing, Scopes, listed
from accsyn_engine.services.records.rows import bare, workspace_row
from accsyn_engine.store.schema import client, job, site, volume_server

ROAMING = "roaming"
STATUSES = {"enabled": "enabled", "disabled": "disabled"}
ATTRIBUTES = ("code", "name", "status", "addresses", "description", "metadata")

LISTING = Listing(
    rows=select(site),
    attributes={
        "id": Text(site.c.id),
        "code": Text(site.c.code),
        "name": Text(site.c.name),
        "main": Flag(site.c.is_main),
        "status": Text(site.c.status),
        "description": Text(site.c.description),
        "creator": Text(site.c.creator),
        "created": Date(site.c.created),
        "modified": Date(site.c.modified),
    },
    id=site.c.id,
    order=(site.c.created, site.c.is_main.desc(), site.c.id),
    scopes=Scopes(active=true()),
    bare=("id", "code"),
)


def shown(row: Row[Any]) -> dict[str, Any]:
    """Show a site."""
    return {
        "id": row.id,
        "code": row.code,
        "name": row.name,
        "main": row.is_main,
        "accsyn": False,  # a place that the original's makers run
        "status": row.status,
        "addresses": row.addresses,
        "description": row.description,
        "metadata": row.metadata,
        "created": iso(row.created),
        "creator": row.creator,
        "modified": iso(row.modified),
        "modifier": row.modifier,
    }


@reads("site.find")
def find(work: Work, _caller: Caller, find: Find) -> list[dict[str, Any]]:
    """List the sites."""
    return listed(work, LISTING, find, true(), shown)


@writes("site.create")
def create(work: Work, caller: Caller, data: dict[str, Any]) -> dict[str, Any]:
    """Make a site; its servers are assigned by editing their `site`."""
    _refuse_unknown(data)
    name = text(data, "name", longest=64) or text(data, "code", longest=64) or ""
    code = _code(work, text(data, "code", longest=64) or name)
    new = work.context.ids.entity()
    values = {"name": name.strip(), "status": "enabled", "addresses": [], "description": "", "metadata": {}}
    stamp = {"created": work.now, "creator": caller.code}
    work.connection.execute(insert(site).values(id=new, code=code, **(values | _changes(data)), **stamp))
    audit.record(work, caller, "site.create", "site", new, code=code)
    return shown(require(work, new))


@writes("site.update")
def update(work: Work, caller: Caller, id: str, data: dict[str, Any]) -> dict[str, Any]:
    """Change a site's code, name, status, networks, description or metadata."""
    row = require(work, id)
    _refuse_unknown(data)
    values = _changes(data)
    if row.code == ROAMING and {"status", "addresses"} & set(values):
        raise NotAllowedNowError(what=f"The site {ROAMING} is where everybody else is; it has no networks of its own.")
    if row.is_main and values.get("status") == "disabled":
        raise NotAllowedNowError(what="The main site cannot be disabled; disable its servers instead.")
    if text(data, "code", longest=64) not in {None, row.code}:
        if row.is_main or row.code == ROAMING:
            raise NotAllowedNowError(what=f"The site {row.code} keeps its code; scripts know it by that.")
        values["code"] = _code(work, str(data["code"]))
    work.connection.execute(
        alter(site).where(site.c.id == row.id).values(modified=work.now, modifier=caller.code, **values)
    )
    audit.record(work, caller, "site.update", "site", row.id, fields=sorted(values))
    return shown(require(work, row.id))


@writes("site.delete")
def delete(work: Work, caller: Caller, id: str) -> bool:
    """Delete a site that has neither servers nor jobs that are not over."""
    row = require(work, id)
    if row.is_main or row.code == ROAMING:
        raise NotAllowedNowError(what=f"The site {row.code} belongs to every workspace and stays.")
    serves = exists().where(volume_server.c.site_id == row.id)
    stands = exists().where(client.c.site_id == row.id, client.c.type == 1)
    moves = exists().where(
        or_(job.c.source_id == row.id, job.c.destination_id == row.id), job.c.status.not_in(FINISHED)
    )
    has_servers, has_jobs = work.connection.execute(select(or_(serves, stands), moves)).one()
    if has_servers:
        raise NotAllowedNowError(what=f"The site {row.code} has servers; give them another site first.")
    if has_jobs:
        raise NotAllowedNowError(what=f"The site {row.code} has jobs that are not over; abort them first.")
    work.connection.execute(erase(site).where(site.c.id == row.id))
    audit.record(work, caller, "site.delete", "site", row.id, code=row.code)
    return True


def _refuse_unknown(data: dict[str, Any]) -> None:
    unknown = sorted(str(name) for name in data if name not in ATTRIBUTES)
    if unknown:
        raise BadValueError(what=f'A site has no attribute "{unknown[0]}" to write; it takes {", ".join(ATTRIBUTES)}.')


def _code(work: Work, written: str) -> str:
    code = slug(written).replace("@", "-")
    if not code:
        raise BadValueError(what='A site needs a "name" or "code" with letters or digits.')
    if by_name(work, code) is not None or code in MAIN_SITE or code == workspace_row(work).code.lower():
        raise ExistsError(kind="site", name=code)
    return code


def _changes(data: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if "name" in data:
        values["name"] = (text(data, "name", longest=64) or "").strip()
        if not values["name"]:
            raise BadValueError(what='The "name" of a site is not empty.')
    if "description" in data:
        values["description"] = text(data, "description") or ""
    if "metadata" in data:
        values["metadata"] = mapping(data, "metadata")
    if "status" in data:
        values["status"] = choice(data, ("status",), STATUSES)
    if "addresses" in data:
        values["addresses"] = [str(_network(entry)) for entry in texts(data, "addresses", most=256)]
    return values


def _network(written: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(written.strip(), strict=False)
    except ValueError as error:
        raise BadValueError(what=f'"{written}" is no network; write one like 10.2.0.0/16 or an address.') from error


def by_name(work: Work, reference: object) -> Row[Any] | None:
    """Read a site by id or code, `hq` being the main one."""
    name = bare(reference).lower()
    named = or_(site.c.id == name, fold(site.c.code) == name)
    return work.connection.execute(
        select(site).where(or_(named, site.c.is_main) if name in MAIN_SITE else named)
    ).first()


def require(work: Work, reference: object) -> Row[Any]:
    """As `by_name`; raises NotFoundError."""
    row = by_name(work, reference)
    if row is None:
        raise NotFoundError(kind="site", name=bare(reference))
    return row


def codes(work: Work) -> frozenset[str]:
    """The codes and ids that name a site other than the main one in a path."""
    rows = work.connection.execute(select(site.c.id, site.c.code).where(~site.c.is_main))
    return frozenset(name for row in rows for name in (row.id, row.code))


def of_address(work: Work, address: str) -> Row[Any] | None:
    """The site whose narrowest network an address belongs to, None for none."""
    try:
        seen = ipaddress.ip_address(address)
    except ValueError:
        return None
    best: tuple[int, Row[Any]] | None = None
    for row in work.connection.execute(select(site).where(site.c.status == "enabled").order_by(site.c.created)):
        for network in map(ipaddress.ip_network, row.addresses):
            if seen.version == network.version and seen in network and (best is None or network.prefixlen > best[0]):
                best = network.prefixlen, row
    return None if best is None else best[1]


def main_as_none(row: Row[Any] | None) -> str | None:
    """A site as servers and volumes refer to it: the main one by nothing."""
    return None if row is None or row.is_main else str(row.id)
