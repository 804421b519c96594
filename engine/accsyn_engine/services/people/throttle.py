"""Wrong keys: counted for the account and for the address they come from, slowed, then refused for a while.

A right key is never refused: keys are 256 random bits, so there is nothing to guess, and a whole studio may call from
one address where one forgotten script has an old key. What this stops is the load and the noise of guessing.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from accsyn_engine.services.context import Context, Work
from accsyn_engine.services.errors import TooManyWrongKeysError
from accsyn_engine.store.schema import login_failure

WINDOW_MS = 60_000
SLOW_FROM = 10  # wrong keys in the window; each one more waits twice as long ...
REFUSE_FROM = 20  # ... and from here on nothing is looked at for a while
REFUSED_MS = 5 * 60_000
FIRST_WAIT_S, LONGEST_WAIT_S = 0.05, 2.0


def check(context: Context, username: str, address: str) -> None:
    """Refuse an account or address that is refused for now; raises TooManyWrongKeysError."""
    with context.reading() as work:
        statement = select(login_failure.c.refused_until).where(
            login_failure.c.subject.in_(_subjects(username, address)), login_failure.c.refused_until > work.now
        )
        until = max(work.connection.execute(statement).scalars(), default=None)
        if until is not None:
            raise TooManyWrongKeysError(seconds=(until - work.now + 999) // 1000)


def note(context: Context, username: str, address: str) -> float:
    """Count a wrong key; gives the seconds that its answer should wait. Raises TooManyWrongKeysError."""
    check(context, username, address)
    try:
        with context.changing() as work:
            most = max(_count(work, subject) for subject in _subjects(username, address))
    except IntegrityError:  # another wrong key of the same moment was the first; it is counted
        return 0.0
    if most < SLOW_FROM:
        return 0.0
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (most - SLOW_FROM))


def _subjects(username: str, address: str) -> list[str]:
    return [f"user:{username.strip().lower()[:254]}", f"address:{address[:64]}"]


def _count(work: Work, subject: str) -> int:
    row = work.connection.execute(
        select(login_failure).where(login_failure.c.subject == subject).with_for_update()
    ).first()
    if row is None:
        work.connection.execute(insert(login_failure).values(subject=subject, failures=1, since=work.now))
        return 1
    is_old = row.since <= work.now - WINDOW_MS
    failures = 1 if is_old else row.failures + 1
    refused_until = work.now + REFUSED_MS if failures >= REFUSE_FROM else None
    work.connection.execute(
        update(login_failure)
        .where(login_failure.c.subject == subject)
        .values(failures=failures, since=work.now if is_old else row.since, refused_until=refused_until)
    )
    return failures


def forget_old(work: Work) -> None:
    """Drop what no longer counts, so that guesses of made-up names do not fill the table."""
    is_over = login_failure.c.refused_until.is_(None) | (login_failure.c.refused_until <= work.now)
    work.connection.execute(delete(login_failure).where(login_failure.c.since <= work.now - WINDOW_MS, is_over))
