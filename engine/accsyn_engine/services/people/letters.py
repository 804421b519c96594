"""The mails the engine writes, in plain words; they leave through the outbox, each under a key of its own."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, insert, select

from accsyn_engine.clock import iso
from accsyn_engine.jobs.delivery_states import REQUEST
from accsyn_engine.services.context import OUTBOX, Work
from accsyn_engine.services.records.rows import workspace_row
from accsyn_engine.store.schema import outbox


def post(work: Work, key: str, to: str, *, subject: str, text: str) -> None:
    """Queue a mail once; the same key again queues nothing."""
    known = work.connection.execute(select(outbox.c.id).where(outbox.c.key == key)).first()
    if known is not None:
        return
    work.connection.execute(
        insert(outbox).values(
            id=work.context.ids.entity(),
            kind="mail",
            key=key,
            data={"to": to, "subject": subject, "text": text},
            state="queued",
            attempts=0,
            due_at=work.now,
            created=work.now,
        )
    )
    work.ring(OUTBOX)


def invitation(work: Work, invited: Row[Any], inviter: str, message: str | None) -> None:
    """Tell somebody that the workspace is open to them."""
    name, url = workspace_row(work).name, work.context.config.url
    lines = [
        f"Hello,\n\n{inviter} invites you to the workspace {name}.",
        message or "",
        f"Your user name is {invited.code}. Ask {inviter} for your API key, put it into a file and start the agent:",
        f"    accsyn-engine agent --server {url} --user {invited.code} --key @FILE --data DIR --download DIR",
        "Files that are sent to you arrive by themselves while the agent runs.",
    ]
    post(work, f"invite:{invited.id}:{work.now}", invited.code, subject=f"Invitation to {name}", text=_text(lines))


def granted(work: Work, acl_id: str, to: str, *, granter: str, path: str, message: str | None) -> None:
    """Tell somebody what they may see now."""
    lines = [f"Hello,\n\n{granter} gives you access to {path}.", message or ""]
    post(work, f"granted:{acl_id}", to, subject=f"Access to {path}", text=_text(lines))


def delivery_open(work: Work, job: Row[Any], to: str, sender: str) -> None:
    """Tell a recipient of a delivery that it can be fetched, or of a request that files are wanted."""
    is_request = job.type == REQUEST
    what = f'asks you for files: "{job.name}".' if is_request else f'delivers "{job.name}" to you.'
    until = f"It is open until {iso(job.expires_at)} UTC."
    how = "Send them" if is_request else "Fetch it"
    address = f"{work.context.config.url}, as {to}; its id is {job.id}"
    lines = [f"Hello,\n\n{sender} {what}", job.description or "", f"{how} at {address}.", until]
    begins = "Files are asked for" if is_request else "A delivery for you"
    post(work, f"open:{job.id}:{to}"[:128], to, subject=f"{begins}: {job.name}", text=_text(lines))


def request_answered(work: Work, request: Row[Any], job: Row[Any], to: str) -> None:
    """Tell who asked for files that some have come."""
    size = f"{job.files_done} files, {job.bytes_done:,} bytes, verified."
    lines = [f'Hello,\n\n{job.creator} has sent files for your request "{request.name}": {size}']
    key = f"answered:{job.id}:{job.attempts}"
    post(work, key, to, subject=f"Files came for: {request.name}", text=_text(lines))


def package_pending(work: Work, job: Row[Any], to: str, sender: str) -> None:
    """Tell the receiver that files are on their way."""
    lines = [
        f'Hello,\n\n{sender} sends you the package "{job.name}".',
        "It starts to move as soon as your agent is online and has a folder for it; nothing else is needed.",
        job.description or "",
    ]
    post(work, f"pending:{job.id}", to, subject=f"A package is coming: {job.name}", text=_text(lines))


def package_arrived(work: Work, job: Row[Any], to: str) -> None:
    """Tell the receiver that every file is in place."""
    lines = [
        f'Hello,\n\nthe package "{job.name}" has arrived: {job.files_done} files, {job.bytes_done:,} bytes, verified.'
    ]
    post(work, f"arrived:{job.id}:{job.attempts}", to, subject=f"Arrived: {job.name}", text=_text(lines))


def job_failed(work: Work, job: Row[Any], to: str, sentence: str) -> None:
    """Tell the submitter, or who can mend it, what went wrong."""
    lines = [
        f'Hello,\n\nthe job "{job.name}" has failed:\n\n    {sentence}',
        "Put it right and retry the job; what has arrived already is not sent again.",
    ]
    post(
        work,
        f"failed:{job.id}:{job.attempts}:{work.now}:{to}"[:128],
        to,
        subject=f"Failed: {job.name}",
        text=_text(lines),
    )


def _text(lines: list[str]) -> str:
    return "\n\n".join(line for line in lines if line) + "\n"
