"""Proving who calls: API keys, the session keys of the first generation of clients, and making new ones."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from accsyn_engine.services import audit
from accsyn_engine.services.context import Caller, Context, Work
from accsyn_engine.services.errors import ForbiddenError, SessionExpiredError, WrongCredentialsError
from accsyn_engine.services.people import users
from accsyn_engine.services.permissions import writes
from accsyn_engine.store.schema import api_key, session_key, user

SESSION_MS = 30 * 24 * 3600 * 1000  # since last use
SEEN_MS = 60 * 1000  # a key's last use is written down at most once a minute


def authenticate_key(
    context: Context, username: str, key: str, *, address: str = "", device: str = "", local: bool = False
) -> Caller:
    """Say who calls with an API key; raises WrongCredentialsError."""
    digest = context.keys.digest(key)
    with context.reading() as work:
        row = work.connection.execute(
            select(user, api_key.c.id.label("key_id"), api_key.c.last_used)
            .join(api_key, api_key.c.user_id == user.c.id)
            .where(api_key.c.digest == digest, api_key.c.revoked.is_(None))
        ).first()
        if row is None or row.code != username.strip().lower() or not _may_enter(row):
            raise WrongCredentialsError(user=username)
        is_stale = (row.last_used or 0) < work.now - SEEN_MS
    if is_stale:
        _note_use(context, row)
    return Caller(row.id, row.code, row.role, address, device, local)


def _note_use(context: Context, row: Row[Any]) -> None:
    with context.changing() as work:
        work.connection.execute(update(api_key).where(api_key.c.id == row.key_id).values(last_used=work.now))
        work.connection.execute(update(user).where(user.c.id == row.id).values(logged_in=work.now))


def authenticate_session(
    context: Context, username: str, session: str, *, address: str = "", device: str = ""
) -> Caller:
    """Say who calls with a session key, from the address and device it was given to; raises SessionExpiredError."""
    digest = context.keys.digest(session)
    with context.reading() as work:
        row = work.connection.execute(
            select(user, session_key.c.last_used, session_key.c.address, session_key.c.device)
            .join(session_key, session_key.c.user_id == user.c.id)
            .where(session_key.c.digest == digest)
        ).first()
        is_good = (
            row is not None
            and row.code == username.strip().lower()
            and (row.address, row.device) == (address, device)
            and row.last_used > work.now - SESSION_MS
            and _may_enter(row)
        )
    if row is None or not is_good:
        raise SessionExpiredError
    if row.last_used < context.clock.now_ms() - SEEN_MS:
        with context.changing() as work:
            work.connection.execute(
                update(session_key).where(session_key.c.digest == digest).values(last_used=work.now)
            )
    return Caller(row.id, row.code, row.role, address, device)


def _may_enter(row: Row[Any]) -> bool:
    return bool(row.active) and row.status == "enabled"


def local_admin(context: Context) -> Caller:
    """Stand in for whoever owns the data folder: the first enabled admin."""
    with context.reading() as work:
        row = work.connection.execute(
            select(user)
            .where(user.c.role == "admin", user.c.status == "enabled", user.c.active)
            .order_by(user.c.created, user.c.id)
        ).first()
    if row is None:
        raise WrongCredentialsError(user="admin")
    return Caller(row.id, row.code, row.role, local=True)


@writes("account.session")
def session(work: Work, caller: Caller, reuse: str | None = None) -> str:
    """Give a session key bound to the caller's address and device; a good one handed in as `reuse` is given again."""
    if reuse and _is_own(work, caller, work.context.keys.digest(reuse)):
        return reuse
    key = work.context.ids.secret()
    work.connection.execute(
        insert(session_key).values(
            digest=work.context.keys.digest(key),
            user_id=caller.user_id,
            address=caller.address,
            device=caller.device,
            created=work.now,
            last_used=work.now,
        )
    )
    work.connection.execute(delete(session_key).where(session_key.c.last_used < work.now - SESSION_MS))
    return key


def _is_own(work: Work, caller: Caller, digest: str) -> bool:
    row = work.connection.execute(
        select(session_key.c.user_id, session_key.c.last_used).where(
            session_key.c.digest == digest,
            session_key.c.address == caller.address,
            session_key.c.device == caller.device,
        )
    ).first()
    return row is not None and row.user_id == caller.user_id and row.last_used > work.now - SESSION_MS


@writes("account.logout")
def logout(work: Work, caller: Caller, session_key_text: str) -> None:
    """Forget one session key of the caller."""
    digest = work.context.keys.digest(session_key_text)
    work.connection.execute(
        delete(session_key).where(session_key.c.digest == digest, session_key.c.user_id == caller.user_id)
    )


@writes("user.key")
def key(work: Work, caller: Caller, user: str | None = None, label: str = "") -> dict[str, str]:
    """Make an API key, one's own or as admin anybody's; it is shown this once, the database keeps its digest."""
    owner = users.require(work, caller, user or caller.user_id)
    if owner.id != caller.user_id and not caller.is_admin:
        raise ForbiddenError(who=caller.code, what=f"make a key for {owner.code}")
    return {"api_key": issue_key(work, caller, owner, label)}


def issue_key(work: Work, caller: Caller, owner: Row[Any], label: str) -> str:
    """Make a key for a user inside a running transaction."""
    secret = work.context.ids.secret()
    key_id = work.context.ids.entity()
    work.connection.execute(
        insert(api_key).values(
            id=key_id, user_id=owner.id, digest=work.context.keys.digest(secret), label=label[:64], created=work.now
        )
    )
    audit.record(work, caller, "user.key", "user", owner.id, key=key_id, label=label)
    return secret
