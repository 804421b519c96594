"""Places as far as the caller may know of them: what lies outside of all they see is not there."""

from __future__ import annotations

from sqlalchemy import select

from accsyn_engine.paths import Path, PathKind
from accsyn_engine.services.access.rights import Rights
from accsyn_engine.services.access.share_lists import ROWS, visible_shares
from accsyn_engine.services.context import Caller, Work
from accsyn_engine.services.errors import NotFoundError
from accsyn_engine.services.work import places
from accsyn_engine.services.work.places import Place
from accsyn_engine.store.schema import share


def locate(work: Work, caller: Caller, held: Rights, path: Path, *, written: str, is_landing: bool = False) -> Place:
    """As `places.locate`; a share that the caller may not see gets the error of one that is not there."""
    found = places.locate(work, caller, path, written=written, is_landing=is_landing)
    if not _is_seen(work, caller, held, found):
        raise _absent(path, written)
    return found


def place(work: Work, caller: Caller, held: Rights, text: object) -> Place:
    """Find the place of the workspace that a script wrote, for file operations."""
    path = places.in_workspace(work, text)
    return locate(work, caller, held, path, written=str(text))


def _is_seen(work: Work, caller: Caller, held: Rights, found: Place) -> bool:
    """Whether the caller sees the share, or on a volume has any grant."""
    if caller.is_admin or (found.share.type == "volume" and held.has_any(found.volume.id)):
        return True
    mine = ROWS.where(share.c.id == found.share.id, visible_shares(caller)).with_only_columns(share.c.id)
    return work.connection.execute(select(mine.exists())).scalar_one()


def _absent(path: Path, written: str) -> Exception:
    if path.is_local:
        return places.under_no_volume(written)
    if path.kind is PathKind.RELATIVE:
        return NotFoundError(kind="volume", name="(default)")
    return NotFoundError(kind=path.kind.value, name=path.root or "(default)")
