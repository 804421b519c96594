"""Who may read and write where: grants to a verdict with its reasons, and the same rule as an SQL predicate for lists.

The verdict on a path is the union of the user's enabled grants on it and its ancestors, over every share that contains
it; nothing denies. Only enabled grants are handed in. Nothing here reads the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, FromClause, Text, and_, case, exists, func, literal, or_, true

from accsyn_engine.paths import is_below
from accsyn_engine.query.functions import fold

Right = Literal["read", "write"]

EVERYTHING = frozenset({"admin"})

# Whose grants count on which types of share. Admins need none.
COUNTED: dict[str, frozenset[str]] = {
    "admin": frozenset(),
    "employee": frozenset({"volume", "folder", "home", "collection"}),
    "standard": frozenset({"folder", "home", "collection"}),
}


@dataclass(frozen=True)
class Grant:
    """One enabled ACL of a user, seen from the volume its share lies on."""

    id: str
    user: str  # the address
    share_code: str
    volume: str  # the volume's id or code: whatever the caller uses throughout
    path: str  # relative to the volume, normalised; "" is the whole volume
    read: bool
    write: bool
    share_type: str = "folder"
    share_path: str = ""  # where the share lies on the volume; only the reasons use it

    @property
    def rights(self) -> str:
        """The words for what is given."""
        return " and ".join(word for word, given in (("read", self.read), ("write", self.write)) if given) or "nothing"

    def __str__(self) -> str:
        below = self.path.removeprefix(self.share_path).lstrip("/")
        return f"grant {self.id} on share {self.share_code}" + (f" path {below}" if below else "")


@dataclass(frozen=True)
class Person:
    """Whose rights are asked for."""

    code: str  # the address
    role: str


@dataclass(frozen=True)
class Verdict:
    """What a person may do with one path, and one sentence for every grant that has a part in it."""

    read: bool
    write: bool
    reasons: tuple[str, ...]


def verdict(person: Person, grants: Iterable[Grant], volume: str, path: str, *, case_sensitive: bool) -> Verdict:
    """Judge `path` on `volume`, relative to it and normalised; grants of other people or volumes do not matter."""
    if person.role in EVERYTHING:
        return Verdict(read=True, write=True, reasons=(f"{person.code} is {person.role}: reads and writes everything",))
    held = [grant for grant in _on(person, grants, volume) if is_below(path, grant.path, case_sensitive)]
    counted = [grant for grant in held if _counts(person, grant)]
    reasons = [_reason(person, grant) for grant in held]
    if not held:
        reasons = [f"no grant of {person.code} contains {path or 'the whole of the volume'}"]
    return Verdict(
        read=any(grant.read for grant in counted),
        write=any(grant.write for grant in counted),
        reasons=tuple(reasons),
    )


def visible(
    person: Person, grants: Iterable[Grant], volume: str, folder: str, children: Iterable[str], *, case_sensitive: bool
) -> tuple[str, ...]:
    """Choose the entries of a folder that may be listed, in the order given.

    All of them where the folder may be read. Else only those that may be read themselves, or that lie on the way down
    to a grant of reading further below.
    """
    if verdict(person, own := tuple(grants), volume, folder, case_sensitive=case_sensitive).read:
        return tuple(children)
    ends = [grant.path for grant in _on(person, own, volume) if grant.read and _counts(person, grant)]
    paths = ((child, f"{folder}/{child}" if folder else child) for child in children)
    return tuple(child for child, path in paths if any(is_below(end, path, case_sensitive) for end in ends))


def leads_somewhere(person: Person, grants: Iterable[Grant], volume: str, folder: str, *, case_sensitive: bool) -> bool:
    """Whether the folder may be listed at all: it may be read, or a grant of reading lies below it."""
    own = tuple(grants)
    if verdict(person, own, volume, folder, case_sensitive=case_sensitive).read:
        return True
    readable = (grant for grant in _on(person, own, volume) if grant.read and _counts(person, grant))
    return any(is_below(grant.path, folder, case_sensitive) for grant in readable)


def _on(person: Person, grants: Iterable[Grant], volume: str) -> Iterator[Grant]:
    return (grant for grant in grants if grant.user == person.code and grant.volume == volume)


def _counts(person: Person, grant: Grant) -> bool:
    return grant.share_type in COUNTED.get(person.role, frozenset())


def _reason(person: Person, grant: Grant) -> str:
    if _counts(person, grant):
        return f"{grant} gives {grant.rights}"
    return f"{grant} does not count: the role {person.role} has no access by {grant.share_type} shares"


@dataclass(frozen=True)
class GrantColumns:
    """Where the parts of a grant stand in ACLs joined with their shares; see `volume_path` for the path.

    Use aliases of both tables: a list of shares or ACLs asks about columns of the same name.
    """

    rows: FromClause
    user: ColumnElement[str]
    share_type: ColumnElement[str]
    volume: ColumnElement[str]
    path: ColumnElement[str]  # relative to the volume
    read: ColumnElement[bool]
    write: ColumnElement[bool]
    enabled: ColumnElement[bool]


def volume_path(
    share_type: ColumnElement[str], share_path: ColumnElement[str], path: ColumnElement[str]
) -> ColumnElement[str]:
    """Put an ACL's path below its share's: the SQL of `Grant.path`. A volume's own path is a place on its server."""
    return case(
        (or_(share_type == "volume", share_path == ""), path),
        (path == "", share_path),
        else_=share_path + literal("/") + path,
    )


def allows(
    grants: GrantColumns,
    person_id: str | ColumnElement[str],
    role: str,
    right: Right,
    *,
    volume: ColumnElement[str] | str,
    path: ColumnElement[str] | str,
    case_sensitive: ColumnElement[bool] | bool,
) -> ColumnElement[bool]:
    """Say in SQL whether a verdict on `path` has the right; `grants.user` and `person_id` are of one kind."""
    within = _below(_text(path), grants.path, case_sensitive)
    return _has_grant(grants, person_id, role, right, and_(grants.volume == volume, within))


def leads_to(
    grants: GrantColumns,
    person_id: str | ColumnElement[str],
    role: str,
    *,
    volume: ColumnElement[str] | str,
    path: ColumnElement[str] | str,
    case_sensitive: ColumnElement[bool] | bool,
) -> ColumnElement[bool]:
    """Say in SQL whether `path` may be read or lies on the way down to a grant of reading."""
    place = _text(path)
    either = or_(_below(place, grants.path, case_sensitive), _below(grants.path, place, case_sensitive))
    return _has_grant(grants, person_id, role, "read", and_(grants.volume == volume, either))


def _has_grant(
    grants: GrantColumns, person_id: str | ColumnElement[str], role: str, right: Right, where: ColumnElement[bool]
) -> ColumnElement[bool]:
    if role in EVERYTHING:
        return true()
    counted = grants.share_type.in_(sorted(COUNTED.get(role, frozenset())))
    given = grants.read if right == "read" else grants.write
    held = and_(grants.user == person_id, grants.enabled, given, counted, where)
    return exists().select_from(grants.rows).where(held)


def _text(value: ColumnElement[str] | str) -> ColumnElement[str]:
    return literal(value, Text) if isinstance(value, str) else value


def _below(
    path: ColumnElement[str], ancestor: ColumnElement[str], case_sensitive: ColumnElement[bool] | bool
) -> ColumnElement[bool]:
    """`paths.is_below` in SQL; the case rule may be a column of the volume."""
    exactly, folded = _starts(path, ancestor), _starts(fold(path), fold(ancestor))
    if isinstance(case_sensitive, bool):
        return exactly if case_sensitive else folded
    return case((case_sensitive, exactly), else_=folded)


def _starts(path: ColumnElement[str], ancestor: ColumnElement[str]) -> ColumnElement[bool]:
    # substr and not LIKE: `%` and `_` are letters like any other in a folder's name.
    head = func.substr(path, 1, func.length(ancestor) + 1)
    return or_(ancestor == "", path == ancestor, head == ancestor.concat("/"))
