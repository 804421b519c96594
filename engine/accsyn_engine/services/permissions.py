"""Who may call what: one table, one row an operation. What is not in the table cannot be called.

The table decides by role; whether the caller may touch *this* user, share or path is checked inside the use case. Three
decorators put a use case behind its row and open what it needs: a view (`reads`), a transaction (`writes`), or nothing,
because it waits for an agent and must not hold the database meanwhile (`waits`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import insert, select
from sqlalchemy.exc import DataError, IntegrityError, OperationalError, StatementError

from accsyn_engine.services.context import Caller, Context, Work
from accsyn_engine.services.errors import BadValueError, ConflictError, ForbiddenError, ReusedEidError
from accsyn_engine.store.schema import answered

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")
Call = TypeVar("Call", bound=Callable[..., object])

ADMIN = frozenset({"admin"})
ELEVATED = frozenset({"admin", "employee"})
EVERYBODY = frozenset({"admin", "employee", "standard"})

PERMISSIONS: dict[str, frozenset[str]] = {
    "account.session": EVERYBODY,
    "account.logout": EVERYBODY,
    "user.key": EVERYBODY,  # one's own; an admin for anybody
    "user.find": EVERYBODY,
    "user.create": ELEVATED,
    "user.update": EVERYBODY,
    "user.activate": ELEVATED,
    "user.deactivate": ELEVATED,
    "user.delete": ELEVATED,
    "share.find": EVERYBODY,
    "share.create": ELEVATED,
    "share.update": ELEVATED,
    "share.activate": ELEVATED,
    "share.deactivate": ELEVATED,
    "share.delete": ELEVATED,
    "share.servers": ELEVATED,
    "share.assign": ADMIN,
    "acl.find": EVERYBODY,
    "acl.grant": ELEVATED,
    "acl.update": ELEVATED,
    "acl.revoke": ELEVATED,
    "acl.why": EVERYBODY,  # about oneself; elevated about others
    "job.find": EVERYBODY,
    "job.create": EVERYBODY,
    "job.update": EVERYBODY,
    "job.delete": EVERYBODY,
    "delivery.find": EVERYBODY,
    "delivery.create": ELEVATED,
    "delivery.update": ELEVATED,
    "delivery.delete": ELEVATED,
    "recipient.find": EVERYBODY,
    "recipient.add": ELEVATED,
    "recipient.remove": ELEVATED,
    "task.find": EVERYBODY,
    "task.create": EVERYBODY,
    "task.update": EVERYBODY,
    "queue.find": EVERYBODY,
    "queue.create": ADMIN,
    "queue.update": ADMIN,
    "queue.delete": ADMIN,
    "client.find": EVERYBODY,
    "client.update": EVERYBODY,
    "client.delete": EVERYBODY,
    "workspace.find": EVERYBODY,
    "workspace.update": ADMIN,
    "site.find": ELEVATED,
    "site.create": ADMIN,
    "site.update": ADMIN,
    "site.delete": ADMIN,
    "setting.get": EVERYBODY,
    "setting.put": EVERYBODY,  # of one's own jobs; everything else is the admin's
    "setting.delete": EVERYBODY,
    "limit.find": ELEVATED,
    "path.find": ELEVATED,
    "path.measure": ELEVATED,
    "file.ls": EVERYBODY,
    "file.getsize": EVERYBODY,
    "file.exists": EVERYBODY,
    "file.mkdir": EVERYBODY,
    "file.rename": EVERYBODY,
    "file.move": EVERYBODY,
    "file.delete": EVERYBODY,
    "publish.preprocess": EVERYBODY,
    "hook.runs": ELEVATED,
    "hook.test": ADMIN,
    "hook.approve": ADMIN,  # part of setting a hook
    "log.find": ELEVATED,
    "event.find": EVERYBODY,
    "event.progress": EVERYBODY,
    "catalog.entitytypes": EVERYBODY,
    "catalog.attributes": EVERYBODY,
    "agent.hello": EVERYBODY,  # role server: admin, checked inside
    "agent.events": EVERYBODY,
    "agent.checkin": EVERYBODY,
    "agent.accept": EVERYBODY,
    "agent.listening": EVERYBODY,
    "agent.tasks": EVERYBODY,
    "agent.progress": EVERYBODY,
    "agent.end": EVERYBODY,
    "agent.hook_start": EVERYBODY,
    "agent.hook_end": EVERYBODY,
    "agent.answer": EVERYBODY,
}

# Answers that are shown once and kept nowhere.
SECRET = frozenset({"user.key", "account.session"})

REPEATABLE = frozenset({"40P01", "40001"})  # PostgreSQL's codes for a deadlock and for a view that is too old
MOST_ATTEMPTS = 5

OPERATIONS: dict[str, Callable[..., object]] = {}
"""Every use case that stands behind a row of the table; a test holds the two equal."""


def check(caller: Caller, operation: str) -> None:
    """Raise ForbiddenError unless the caller's role stands in the operation's row."""
    if caller.role not in PERMISSIONS[operation]:
        raise ForbiddenError(who=f"{caller.code} ({caller.role})", what=f"call {operation}")


def reads(
    operation: str,
) -> Callable[
    [Callable[Concatenate[Work, Caller, Parameters], Answer]],
    Callable[Concatenate[Context, Caller, Parameters], Answer],
]:
    """Put a use case that only looks behind its row; it gets a consistent view of the database."""

    def decorate(
        use_case: Callable[Concatenate[Work, Caller, Parameters], Answer],
    ) -> Callable[Concatenate[Context, Caller, Parameters], Answer]:
        @wraps(use_case)
        def call(context: Context, caller: Caller, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
            check(caller, operation)
            with _storable(), context.reading() as work:
                return use_case(work, caller, *args, **kwargs)

        return _register(operation, call)

    return decorate


def writes(
    operation: str,
) -> Callable[
    [Callable[Concatenate[Work, Caller, Parameters], Answer]],
    Callable[Concatenate[Context, Caller, Parameters], Answer],
]:
    """Put a use case that changes something behind its row; it gets one transaction, then the bell rings.

    A call that carries an `eid` already carried out by the same user changes nothing and gets the answer of the first.
    """

    def decorate(
        use_case: Callable[Concatenate[Work, Caller, Parameters], Answer],
    ) -> Callable[Concatenate[Context, Caller, Parameters], Answer]:
        @wraps(use_case)
        def call(context: Context, caller: Caller, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
            check(caller, operation)
            digest = _digest(operation, args, kwargs) if caller.eid else ""

            def once() -> Answer:
                with _storable(), context.changing() as work:
                    found, answer = _recall(work, caller, digest)
                    if found:
                        return answer  # type: ignore[return-value]  # what this use case answered before
                    fresh = use_case(work, caller, *args, **kwargs)
                    if operation not in SECRET:
                        _remember(work, caller, digest, fresh)
                    return fresh

            return _repeated(once)

        return _register(operation, call)

    return decorate


def waits(
    operation: str,
) -> Callable[
    [Callable[Concatenate[Context, Caller, Parameters], Answer]],
    Callable[Concatenate[Context, Caller, Parameters], Answer],
]:
    """Put a use case that waits for an agent behind its row; it opens its transactions itself."""

    def decorate(
        use_case: Callable[Concatenate[Context, Caller, Parameters], Answer],
    ) -> Callable[Concatenate[Context, Caller, Parameters], Answer]:
        @wraps(use_case)
        def call(context: Context, caller: Caller, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
            check(caller, operation)
            return use_case(context, caller, *args, **kwargs)

        return _register(operation, call)

    return decorate


def _repeated(once: Callable[[], Answer]) -> Answer:
    """Carry out a transaction; PostgreSQL ends one of two that wait for each other, and that one is tried again."""
    for attempt in range(1, MOST_ATTEMPTS + 1):
        try:
            return once()
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in REPEATABLE or attempt == MOST_ATTEMPTS:
                raise
    raise AssertionError  # the last attempt has returned or raised


@contextmanager
def _storable() -> Iterator[None]:
    """Turn the database's refusal of a value into a sentence."""
    try:
        yield
    except IntegrityError as error:
        raise ConflictError from error
    except (DataError, UnicodeEncodeError, OverflowError) as error:
        raise BadValueError(what="The call contains a number or characters that no text can have; check it.") from error
    except StatementError as error:
        if isinstance(error.orig, (UnicodeEncodeError, OverflowError)):
            raise BadValueError(what="The call contains a number or characters that no text can have.") from error
        raise


def _register(operation: str, call: Call) -> Call:
    OPERATIONS[operation] = call
    return call


def _digest(operation: str, args: tuple[object, ...], kwargs: dict[str, object]) -> str:
    """What tells one call from another: the operation and everything it was given."""
    said = json.dumps([operation, args, kwargs], sort_keys=True, default=str)
    return hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()


def _recall(work: Work, caller: Caller, digest: str) -> tuple[bool, object]:
    if not caller.eid:
        return False, None
    row = work.connection.execute(
        select(answered.c.answer, answered.c.call).where(
            answered.c.user_id == caller.user_id, answered.c.eid == caller.eid
        )
    ).first()
    if row is None:
        return False, None
    if row.call != digest:
        raise ReusedEidError(eid=caller.eid)
    return True, row.answer


def _remember(work: Work, caller: Caller, digest: str, answer: object) -> None:
    if caller.eid:
        work.connection.execute(
            insert(answered).values(
                user_id=caller.user_id, eid=caller.eid, call=digest, answer=answer, created=work.now
            )
        )
